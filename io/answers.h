/* SPDX-License-Identifier: MIT
 *
 * answers.h - a worker's cache of parsed DNS answers: a fixed table, four places for each hash, so
 * that names of a peer's choice can only push each other out.
 */
#ifndef HIKYAKU_IO_ANSWERS_H
#define HIKYAKU_IO_ANSWERS_H

#include "io/resolver.h"

#define HK_ANSWERS_SETS  1024
#define HK_ANSWERS_WAYS  4
#define HK_ANSWERS_BYTES 4096 /* a longer answer is not kept; with all places full this is 16 MiB  \
	                       */
#define HK_ANSWERS_TTL 86400

struct hk_answers {
	struct hk_dns_post *set[HK_ANSWERS_SETS][HK_ANSWERS_WAYS]; /* newest first */
	uint64_t until[HK_ANSWERS_SETS][HK_ANSWERS_WAYS];          /* mono_ms */
};

/* A zeroed one is empty. */
void hk_answers_done(struct hk_answers *);
/* hk_answers_put(c, post, now_ms): takes post; failures and answers without a TTL are not kept. */
void hk_answers_put(struct hk_answers *, struct hk_dns_post *, uint64_t now_ms);
/* hk_answers_find(c, question, now_ms, ret): ret borrows until the next put; its ttl is what is
 * left. */
bool hk_answers_find(const struct hk_answers *, const struct hk_dns_question *, uint64_t now_ms,
    struct hk_dns_answer *ret);

#endif
