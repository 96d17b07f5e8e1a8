/* SPDX-License-Identifier: MIT
 *
 * trace.h - what was done to reach a verdict, step by step, in a form that every face can be made of:
 * explain's text (English and Japanese), JSON, a log line, a reply text, a page.
 *
 * A step is an event of the table below and up to four texts. The table says what each text is.
 * The rendering (lib/explain) has one sentence for each event and language; nothing else prints a trace.
 */
#ifndef HIKYAKU_TRACE_H
#define HIKYAKU_TRACE_H

#include <hikyaku/base.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

#define HK_TRACE_STEPS_MAX 2000
#define HK_TRACE_TEXT_MAX  1024 /* a longer text is cut, its end marked "..." */

enum hk_method { HK_METHOD_MESSAGE, HK_METHOD_SPF, HK_METHOD_DKIM, HK_METHOD_DMARC, HK_METHOD_ARC };

/* X(id, method, RFC section, meaning of the texts {0} {1} {2} {3}) */
#define HK_TRACE_TABLE(X)                                                                              \
	X(MSG_FROM, MESSAGE, "RFC 9989 4.1", "author domain; header From as written")                  \
	X(MSG_NO_FROM, MESSAGE, "RFC 5322 3.6.2", "what is wrong")                                     \
	X(MSG_DNS_LIMIT, MESSAGE, "RFC 7208 11.1", "questions that one method needed; how many it may ask") \
	X(DNS_QUESTION, MESSAGE, "RFC 1035 4.1.2", "name; type; rcode or NODATA; the records, joined by \" | \"") \
	X(SPF_IDENTITY, SPF, "RFC 7208 2.3", "mailfrom or helo; domain; client address")               \
	X(SPF_RECORD, SPF, "RFC 7208 4.5", "domain; record text")                                      \
	X(SPF_NO_RECORD, SPF, "RFC 7208 4.5", "domain; how many were found")                           \
	X(SPF_TERM, SPF, "RFC 7208 5", "domain; term as written; match, no match or error; lookups so far/voids so far") \
	X(SPF_ENTER, SPF, "RFC 7208 5.2", "include or redirect; domain entered")                       \
	X(SPF_LEAVE, SPF, "RFC 7208 5.2", "include; domain left; result inside")                       \
	X(SPF_LIMIT, SPF, "RFC 7208 4.6.4", "which limit; its value; term that went over it")          \
	X(SPF_SYNTAX, SPF, "RFC 7208 4.6", "term; what is wrong with it")                              \
	X(SPF_RESULT, SPF, "RFC 7208 2.6", "result; reason")                                           \
	X(DKIM_SIGNATURE, DKIM, "RFC 6376 3.5", "d=; s=; a=; c=")                                      \
	X(DKIM_BAD_SIGNATURE, DKIM, "RFC 6376 6.1.1", "what is wrong; d= or empty")                    \
	X(DKIM_SKIPPED, DKIM, "RFC 6376 6.1", "d=; why it was not evaluated")                          \
	X(DKIM_KEY, DKIM, "RFC 6376 3.6.1", "name asked; record text; k=; bits")                       \
	X(DKIM_BAD_KEY, DKIM, "RFC 6376 6.1.2", "name asked; what is wrong; octets stated; octets there") \
	X(DKIM_HEADERS, DKIM, "RFC 6376 5.4", "h= list; how many of the fields were found")            \
	X(DKIM_BODY_HASH, DKIM, "RFC 6376 3.7", "computed; bh=; match or mismatch")                    \
	X(DKIM_CHECK, DKIM, "RFC 6376 6.1.3", "d=; match or mismatch")                                 \
	X(DKIM_UNCOVERED, DKIM, "RFC 6376 8.15", "field name; d=")                                     \
	X(DKIM_RESULT, DKIM, "RFC 6376 3.9", "result; d=; s=; reason")                                 \
	X(SIGN_KEY, DKIM, "RFC 6376 5.2", "d=; s=; k=; published, or what else is known of its record")    \
	X(SIGN_FALLBACK, DKIM, "RFC 6376 3.6.1", "d=; s= of the first key; s= that signed instead; what is known of the first one's record") \
	X(SIGN_LEFT_OUT, DKIM, "RFC 6376 3.6.1", "d=; s=; k=; what is known of its record")               \
	X(DMARC_DOMAIN, DMARC, "RFC 9989 4.1", "author domain")                                        \
	X(DMARC_RECORD, DMARC, "RFC 9989 4.7", "name; record text; policy domain role")                \
	X(DMARC_IGNORED, DMARC, "RFC 9989 4.7", "name; record text; why it was ignored")               \
	X(DMARC_WALK, DMARC, "RFC 9989 4.10", "for which identifier; start; organizational domain found; questions asked") \
	X(DMARC_RFC7489, DMARC, "RFC 7489 6.6.3", "author domain")                                     \
	X(DMARC_SUFFIX, DMARC, "RFC 7489 3.2", "for which identifier; domain; public suffix or empty; organizational domain or empty") \
	X(DMARC_SAMPLE, DMARC, "RFC 7489 6.6.4", "pct; the number drawn; in or out")                    \
	X(DMARC_DIFFERS, DMARC, "RFC 7489 6.6.3", "the other profile; its result; its disposition; its organizational domain or empty") \
	X(DMARC_NO_RECORD, DMARC, "RFC 9989 4.10.1", "author domain")                                  \
	X(DMARC_POLICY, DMARC, "RFC 9989 4.7", "policy; the tag it comes from; record domain; t= or empty") \
	X(DMARC_ALIGN, DMARC, "RFC 9989 4.4", "spf or dkim; identifier domain; relaxed or strict; aligned, not aligned, or why not considered") \
	X(DMARC_RESULT, DMARC, "RFC 9989 5.3", "result; policy; disposition; reason")                  \
	X(ARC_CHAIN, ARC, "RFC 8617 5.2", "greatest instance; what is wrong with the structure, or empty") \
	X(ARC_KEY, ARC, "RFC 6376 3.6.1", "name asked; record text; what is wrong, or empty")          \
	X(ARC_MESSAGE, ARC, "RFC 8617 4.1.2", "instance; d=; s=; match, or what is wrong")             \
	X(ARC_SEAL, ARC, "RFC 8617 4.1.3", "instance; d=; cv=; match, or what is wrong")               \
	X(ARC_RESULT, ARC, "RFC 8617 4.4", "status; greatest instance; reason")                        \
	X(ARC_OVERRIDE, ARC, "RFC 8617 7.2.1", "what the policy asked for; type of the override; comment") \
	X(ARC_NO_OVERRIDE, ARC, "RFC 8617 7.2.1", "what the policy asks for; why the chain changes nothing")

enum hk_trace_event {
#define X(id, method, rfc, texts) HK_TRACE_##id,
	HK_TRACE_TABLE(X)
#undef X
	HK_TRACE_EVENTS
};

#define HK_TRACE_TEXTS 4
struct hk_trace_step {
	enum hk_trace_event event;
	uint8_t depth; /* nesting, for includes */
	struct hk_slice text[HK_TRACE_TEXTS];
};

struct hk_trace;
/* lives in the arena; NULL when it is full. Evaluators accept a NULL trace and then say nothing. */
struct hk_trace *hk_trace_new(struct hk_arena *);
/* hk_trace_add(t, event, depth, a, b, c, d): copies the texts. Past HK_TRACE_STEPS_MAX, or when
 * memory is out, the step is dropped and hk_trace_is_cut says so; a verdict never depends on its trace. */
void hk_trace_add(struct hk_trace *, enum hk_trace_event, unsigned depth, struct hk_slice, struct hk_slice,
    struct hk_slice, struct hk_slice);
/* hk_trace_append(t, from): all steps of from behind those of t. The texts are borrowed from the arena of from. */
void hk_trace_append(struct hk_trace *, const struct hk_trace *from);
size_t hk_trace_count(const struct hk_trace *);
const struct hk_trace_step *hk_trace_at(const struct hk_trace *, size_t i);
bool hk_trace_is_cut(const struct hk_trace *);
/* The table's columns. */
const char *hk_trace_event_name(enum hk_trace_event); /* "SPF_TERM" */
const char *hk_trace_event_rfc(enum hk_trace_event);  /* "RFC 7208 5" */
enum hk_method hk_trace_event_method(enum hk_trace_event);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
