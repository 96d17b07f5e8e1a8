/* SPDX-License-Identifier: MIT
 *
 * explain.h - the one place that turns a trace and a verdict into text or JSON, in English and Japanese.
 */
#ifndef HIKYAKU_EXPLAIN_H
#define HIKYAKU_EXPLAIN_H

#include <hikyaku/json.h>
#include <hikyaku/verify.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

enum hk_language { HK_ENGLISH, HK_JAPANESE };

/* hk_explain_step(step, language, out): one sentence, without a line break; hostile text in it is quoted. */
void hk_explain_step(const struct hk_trace_step *, enum hk_language, struct hk_buf *out);
/* hk_explain_message(v, original header and the whole message's text, language, out): the report that `hikyaku explain` prints:
 * the three sections (made from MAIL FROM; trace; DATA), envelope and header From, the tables, the numbered steps of each verdict with every
 * question asked. message is the header section and, where it is to be shown, the beginning of the body. */
struct hk_explain_options {
	size_t size; /* of the struct: base.h */
	enum hk_language language;
	bool colour;
	bool show_body;
	struct hk_slice body; /* what to show of the body */
};
void hk_explain_message(const struct hk_verify *, const struct hk_explain_options *, struct hk_buf *out);
/* hk_explain_json(v, out): {"spf":{...},"dkim":[...],"arc":{...},"dmarc":{...},"authentication_results":"...","warnings":[...],"evidence":[...],"trace":[...]} */
void hk_explain_json(const struct hk_verify *, struct hk_slice authres, struct hk_buf *out);
/* What a careful reader minds in a message that passes: keys under HK_EXPLAIN_GOOD_RSA_BITS, l=, a key marked as a test,
 * a field that is not signed or of which another could be added, SPF for all the world. */
struct hk_explain_warning {
	const char *method;           /* "spf" or "dkim" */
	struct hk_slice domain;       /* of the identity or of d= */
	struct hk_slice about;        /* the tag, field, selector or term */
	const char *text, *rfc;       /* a sentence; the section it comes from */
};
#define HK_EXPLAIN_GOOD_RSA_BITS 2048 /* RFC 8301 3.2: signers SHOULD use at least this */
/* hk_explain_warning(v, i, ret): the i-th one; false when there are no more. After the verdict; borrowed from v. */
bool hk_explain_warning(const struct hk_verify *, size_t i, struct hk_explain_warning *ret);
/* Parts of it, for who has one method only; both write members into the object that is open.
 * hk_explain_json_spf(w, verdict): result, domain, ... ; hk_explain_json_arc(w, verdict): result, instance, ... ; hk_explain_json_trace(w, trace): trace, trace_is_cut. */
void hk_explain_json_spf(struct hk_json_writer *, const struct hk_spf_verdict *);
void hk_explain_json_arc(struct hk_json_writer *, const struct hk_arc_verdict *);
/* hk_explain_json_dmarc(w, verdict): profile, policy, disposition, override and the domains, not the result;
 * hk_explain_json_differs(w, differs, other, result): "differs", null or what is otherwise by the other profile, its result
 * in the words of the command. hk_explain_difference(differs, i): the name of the i-th member that differs, or NULL. */
void hk_explain_json_dmarc(struct hk_json_writer *, const struct hk_dmarc_verdict *);
void hk_explain_json_differs(
    struct hk_json_writer *, unsigned differs, const struct hk_dmarc_verdict *other, const char *result);
const char *hk_explain_difference(unsigned differs, size_t i);
void hk_explain_json_trace(struct hk_json_writer *, const struct hk_trace *);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
