/* SPDX-License-Identifier: MIT
 *
 * ask.h - what a session or delivery has asked another thread or process, and waits for.
 *
 * A question carries a token out and back. The one who asked may be gone by then: a token that is
 * not known any more is an answer that nobody waits for.
 */
#ifndef HIKYAKU_IO_ASK_H
#define HIKYAKU_IO_ASK_H

#include "io/drive.h"
#include "io/fetch.h"
#include "io/keys.h"

#define HK_ASK_POLICY_MS (HK_FETCH_MS + 10000) /* a lookup, and a fetch */
#define HK_ASK_SIGN_MS                                                                             \
	20000 /* a signature takes a millisecond; past this the keys process is not there */

enum hk_ask_kind { HK_ASK_DNS, HK_ASK_COMMIT, HK_ASK_SIGN, HK_ASK_POLICY, HK_ASK_AUTH };
struct hk_ask {
	struct hk_ask *next; /* of the same drive */
	struct hk_drive *drive;
	enum hk_ask_kind kind;
	uint32_t id; /* the drive's */
	uint32_t slot;
	struct hk_timer timer;
	uint16_t type; /* of a DNS question; its name: */
	uint8_t name_n;
	char name[HK_DNS_NAME_MAX + 1];
	struct hk_keys_request request;            /* of a signature */
	struct hk_ask *next_unsent, **prev_unsent; /* while the channel to the keys is full;
	                                              prev_unsent NULL: not waiting for it */
};

struct hk_ask_slot {
	struct hk_ask *ask; /* NULL: free */
	uint32_t turn;      /* how often the slot was used: half of the token */
	uint32_t next_free;
};
struct hk_asks {
	struct hk_ask_slot *slot;
	uint32_t n, cap, first_free;
	struct hk_ask *unsent, **last_unsent;
};

void hk_asks_init(struct hk_asks *);
void hk_asks_done(struct hk_asks *);

/* hk_ask_dns(d, id, question): ends in ops->dns, at once when the answer is in the worker's cache,
 * TIMEOUT at the latest after the configured time. */
void hk_ask_dns(struct hk_drive *, uint32_t id, const struct hk_dns_question *);
struct hk_mail;
/* hk_ask_run(w, domain): HK_QUEUE_RUN; nobody waits for the end of it. false: no memory. */
bool hk_ask_run(struct hk_worker *, struct hk_slice domain);
/* hk_ask_commit(d, id, mail): takes mail; ends in ops->committed. */
void hk_ask_commit(struct hk_drive *, uint32_t id, struct hk_mail *);
/* hk_ask_sign(d, id, request): fills its seq; ends in ops->signed_; an empty signature when there
 * can be none. */
void hk_ask_sign(struct hk_drive *, uint32_t id, struct hk_keys_request *);
struct hk_auth_post;
/* hk_ask_auth(d, id, post): takes post; ends in ops->authenticated. */
void hk_ask_auth(struct hk_drive *, uint32_t id, struct hk_auth_post *);
/* hk_ask_policy(d, domain): ends in ops->sts: the MTA-STS policy of a domain. */
void hk_ask_policy(struct hk_drive *, struct hk_slice domain);
void hk_ask_drop_all(struct hk_drive *);

/* The answers, on the worker's thread. */
struct hk_dns_post;
void hk_ask_answer_dns(struct hk_worker *, struct hk_dns_post *); /* takes */
void hk_ask_answer_auth(struct hk_worker *, struct hk_auth_post *); /* takes */
void hk_ask_answer_commit(struct hk_worker *, uint64_t token, enum hk_status);
void hk_ask_answer_sign(struct hk_worker *, uint64_t token, struct hk_slice signature);
struct hk_policy_post;
void hk_ask_answer_policy(struct hk_worker *, struct hk_policy_post *); /* takes */
/* hk_ask_send_signs(w): the channel to the keys takes requests again. */
void hk_ask_send_signs(struct hk_worker *);
/* hk_ask_fail_signs(w): the keys process is gone: every open signature is answered with none. */
void hk_ask_fail_signs(struct hk_worker *);

#endif
