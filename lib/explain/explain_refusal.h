/* SPDX-License-Identifier: MIT
 *
 * explain_refusal.h - what stands behind the id at the end of a refusal: its rule, and what the sender and the operator
 * of this server can do.
 */
#ifndef HIKYAKU_EXPLAIN_REFUSAL_H
#define HIKYAKU_EXPLAIN_REFUSAL_H

#include <hikyaku/explain.h>

#include "lib/smtp/smtp_refusal.h"

/* One refusal in words, UTF-8 of ours; {n} of the sentences stand as "...". */
struct hk_explained_refusal {
	const struct hk_refusal_row *row;
	const char *sentence;         /* in the language; English: the reply's own */
	const char *sender;           /* what the sender can do */
	const char *operator;         /* what the operator can do; {0}: item */
	const char *item;             /* of the configuration, or "" */
};
void hk_explain_refusal_of(enum hk_refusal, enum hk_language, struct hk_explained_refusal *ret);
/* hk_explain_refusal(why, transaction, language, out): the page of `hikyaku explain ID`; transaction: its id, or empty. */
void hk_explain_refusal(enum hk_refusal, struct hk_slice transaction, enum hk_language, struct hk_buf *out);
/* hk_explain_refusal_json(w, why, transaction, language): the same as one object. */
void hk_explain_refusal_json(struct hk_json_writer *, enum hk_refusal, struct hk_slice transaction, enum hk_language);
/* hk_explain_refusals(language, out): all of them, as docs/replies.md has them. */
void hk_explain_refusals(enum hk_language, struct hk_buf *out);

#endif
