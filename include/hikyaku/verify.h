/* SPDX-License-Identifier: MIT
 *
 * verify.h - one message, every method, one pass, one trace, one verdict.
 *
 *	v = hk_verify_new(arena, &input)
 *	hk_verify_header(v, section)            when the header section is complete
 *	hk_verify_body(v, chunk)*, hk_verify_end(v)
 *	hk_verify_step / _question / _answer    at any time, also while the body arrives
 *	hk_verify_result(v)
 *
 * The daemon, the milter, the command and the pages all call this, so the same input gives the same verdict everywhere.
 */
#ifndef HIKYAKU_VERIFY_H
#define HIKYAKU_VERIFY_H

#include <hikyaku/arc.h>
#include <hikyaku/authres.h>
#include <hikyaku/dkim.h>
#include <hikyaku/dmarc.h>
#include <hikyaku/spf.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* DNS questions for one message, and the share of each method in them; past its share a method gets
 * no answer: temperror. Shares, since SPF's questions are the sender's choice: he must not leave
 * none for the policy of whom he claims to be. DKIM needs one for each signature; DMARC has 8 for
 * the author domain's walk, 1 for its existence and 11 for other walks; ARC one for each key, and a
 * chain of more than nine sealers is none that anybody trusts. Where profiles of DMARC are compared, the other one has a
 * share of the same size. Not counted here: the names of U-labels (hk_verify_names), four at most. */
#define HK_VERIFY_MAX_QUESTIONS      90
#define HK_VERIFY_MAX_SPF_QUESTIONS  30
#define HK_VERIFY_MAX_DKIM_QUESTIONS HK_DKIM_MAX_SIGNATURES
#define HK_VERIFY_MAX_DMARC_QUESTIONS                                                              \
	((HK_VERIFY_MAX_QUESTIONS - HK_VERIFY_MAX_SPF_QUESTIONS - HK_VERIFY_MAX_DKIM_QUESTIONS -   \
	     HK_VERIFY_MAX_ARC_QUESTIONS) /                                                        \
	    2)
#define HK_VERIFY_MAX_ARC_QUESTIONS 10
#define HK_VERIFY_ARENA         (4 * 1024 * 1024) /* enough for every limit above it; a good default for the caller's arena */

/* ARC is historic, so it is never among the checks unless asked for by name. */
enum hk_check { HK_CHECK_SPF = 1, HK_CHECK_DKIM = 2, HK_CHECK_DMARC = 4, HK_CHECK_ARC = 8 };

struct hk_verify_input {
	size_t size; /* of the struct: base.h */
	unsigned checks;           /* enum hk_check, or-ed; DMARC brings the other two, but prints only what is asked */
	struct hk_ip client;       /* family 0: SPF is none, with the reason "no client address"; an IPv4-mapped address counts
	                              as IPv4 */
	struct hk_slice helo, mail_from;
	bool has_mail_from;        /* false: MAIL FROM is not known (a file on disk): no SPF */
	struct hk_slice authserv_id; /* our host name */
	int64_t now;
	unsigned min_rsa_bits;     /* 0: the RFC's */
	bool allow_sha1;
	struct hk_slice trusted_sealers; /* ARC: as in arc.h; empty: nobody. Where DMARC fails, a chain that passes, each of
	                                    whose sealers is trusted, and whose first set says that DMARC passed for the same
	                                    author domain, is a local_policy override (RFC 8617 7.2) */
	enum hk_dmarc_profile dmarc_profile; /* RFC 7489 asks HK_DNS_SUFFIX questions (names.h), and judges each of up to
	                                        four author domains: the strictest policy that fails counts (6.6.1) */
	unsigned dmarc_sample;               /* RFC 7489: as in dmarc.h */
	bool compare_profiles;               /* fills dmarc_other and dmarc_differs; asks for both profiles */
	struct hk_work *work;                /* borrowed until the verdict; NULL: the usual limits */
	struct hk_dkim_key_cache *keys;      /* of DKIM and ARC; borrowed until hk_verify_done; NULL: every key is parsed anew */
};

/* Why there is no single author domain (RFC 9989 4.1, 11.5). */
enum hk_from_state {
	HK_FROM_ONE,
	HK_FROM_MISSING,
	HK_FROM_SYNTAX,
	HK_FROM_SEVERAL_FIELDS,
	HK_FROM_SEVERAL_DOMAINS,
	HK_FROM_NO_ADDRESS,
	HK_FROM_STRAY_LINE /* a continuation line begins the header: readers differ on whether it is
	                      a field */
};

struct hk_verify_verdict {
	unsigned checks;
	const struct hk_spf_verdict *spf;  /* MAIL FROM (or HELO for <>); never NULL, nor are dmarc and arc */
	const struct hk_dkim_verdict *const *dkim; /* n_dkim of them */
	size_t n_dkim;
	const struct hk_dmarc_verdict *dmarc; /* NONE unless checked; PERMERROR when From does not give one domain */
	const struct hk_arc_verdict *arc;  /* NONE unless checked */
	const struct hk_dmarc_verdict *dmarc_other; /* by the other profile, for information; NULL unless they are compared */
	unsigned dmarc_differs;            /* enum hk_dmarc_difference between the two, or-ed */
	enum hk_from_state from_state;
	struct hk_slice header_from;       /* the From field's value, unfolded */
	struct hk_slice author_domain;
};

struct hk_verify;
/* copies the input. NULL as a->failed says. hk_verify_done must be called (digests are heap objects); the arena is the caller's. */
struct hk_verify *hk_verify_new(struct hk_arena *, const struct hk_verify_input *);
void hk_verify_done(struct hk_verify *);
/* hk_verify_names(v, section): may come before hk_verify_header, with the same section: asks for the A-labels of the author
 * domain's U-labels (HK_DNS_ALABEL; nothing where there are none). Their answers have to be there when hk_verify_header
 * is called; a name without one counts as bad syntax, and an answer that comes later is not heard. LIMIT or NOMEM. */
enum hk_status hk_verify_names(struct hk_verify *, struct hk_slice section) HK_MUSTCHECK;
/* hk_verify_header(v, section): borrows the section as long as v lives. At most once. LIMIT or NOMEM. */
enum hk_status hk_verify_header(struct hk_verify *, struct hk_slice section) HK_MUSTCHECK;
void hk_verify_body(struct hk_verify *, struct hk_slice chunk);
void hk_verify_end(struct hk_verify *);
/* OK: the verdict is there. AGAIN: the header, the end of the body or answers are missing. Else the arena is full or a
 * limit was reached; every later step says the same, and the caller treats the message as temperror.
 * The verdict and its trace do not depend on the order or the time of the answers. */
enum hk_status hk_verify_step(struct hk_verify *) HK_MUSTCHECK;
/* each question once, even when several methods need it. */
bool hk_verify_question(struct hk_verify *, struct hk_dns_question *ret);
/* copies. NOTFOUND when it was not asked. */
enum hk_status hk_verify_answer(struct hk_verify *, const struct hk_dns_answer *) HK_MUSTCHECK;
/* The verdict after OK, else NULL. The trace is complete after OK as well. */
const struct hk_verify_verdict *hk_verify_result(const struct hk_verify *);
const struct hk_trace *hk_verify_trace(const struct hk_verify *);
const struct hk_evidence *hk_verify_evidence(const struct hk_verify *);
const struct hk_header *hk_verify_fields(const struct hk_verify *); /* the parsed header */
const struct hk_verify_input *hk_verify_input_of(const struct hk_verify *);

/* hk_verify_authres(v, checks, style, authserv_id, out): our Authentication-Results field (authres.h), with what was checked
 * and is among checks; after the verdict. */
void hk_verify_authres(const struct hk_verify *, unsigned checks, enum hk_authres_style, struct hk_slice authserv_id,
    struct hk_buf *out);

/* hk_verify_rr_text(rr, out): one record as people write it, the bytes of its data as they are. */
void hk_verify_rr_text(const struct hk_dns_rr *, struct hk_buf *out);

/* ---- a verdict's whole evidence, to replay it offline without the body ------------------ */

#define HK_VERIFY_RECORD_MAX (4 * 1024 * 1024)

/* hk_verify_record_format(v, out): input, header section, body hashes, answers: versioned. After the verdict.
 * hk_verify_replay(a, bytes, ret): builds a verifier from it and runs it to its verdict; same verdict, bit for bit. Copies
 * bytes. VERSION, CORRUPT, LIMIT, or as hk_verify_step; *ret needs hk_verify_done. */
void hk_verify_record_format(const struct hk_verify *, struct hk_buf *out);
enum hk_status hk_verify_replay(struct hk_arena *, struct hk_slice record, struct hk_verify **ret) HK_MUSTCHECK;

/* ---- for stores that keep equal answers once -------------------------------------------- */

/* hk_verify_record_cut(record, ret_head, ret_evidence): the record without its evidence, and the evidence in hk_evidence_format's form;
 * both borrowed. CORRUPT when it is no record. hk_verify_record_join(head, evidence, out): the same record again. */
enum hk_status hk_verify_record_cut(struct hk_slice record, struct hk_slice *ret_head, struct hk_slice *ret_evidence) HK_MUSTCHECK;
void hk_verify_record_join(struct hk_slice head, struct hk_slice evidence, struct hk_buf *out);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
