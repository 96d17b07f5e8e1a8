/* SPDX-License-Identifier: MIT
 *
 * dmarc.h - RFC 9989: policy discovery by tree walk, alignment, policy, disposition; and RFC 7489 beside it.
 *
 *	d = hk_dmarc_new(arena, author domain, NULL, trace)   questions can be asked at once
 *	hk_dmarc_spf(d, ...), hk_dmarc_dkim(d, ...)        what passed, when it is known
 *	hk_dmarc_ready(d)                                  no more identifiers will come
 *	step/question/answer until OK; hk_dmarc_result(d)
 */
#ifndef HIKYAKU_DMARC_H
#define HIKYAKU_DMARC_H

#include <hikyaku/dns.h>
#include <hikyaku/tags.h>
#include <hikyaku/trace.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

#define HK_DMARC_WALK_MAX        8  /* names asked in one walk (RFC 9989 4.10) */
#define HK_DMARC_IDENTIFIERS_MAX 32 /* SPF and DKIM identifiers of one message */

#define HK_DMARC_RESULT_TABLE(X) X(NONE, "none") X(PASS, "pass") X(FAIL, "fail") X(TEMPERROR, "temperror") X(PERMERROR, "permerror")
enum hk_dmarc_result {
#define X(id, text) HK_DMARC_##id,
	HK_DMARC_RESULT_TABLE(X)
#undef X
};
enum hk_dmarc_policy { HK_DMARC_P_NONE, HK_DMARC_P_QUARANTINE, HK_DMARC_P_REJECT };
/* Whose rules. RFC7489: the organizational domain by the public suffix list (3.2), the policy at the author domain and at
 * that one only (6.6.3), pct (6.6.4); no np, psd and t. It asks questions of type HK_DNS_SUFFIX. */
enum hk_dmarc_profile { HK_DMARC_RFC9989, HK_DMARC_RFC7489 };
const char *hk_dmarc_profile_name(enum hk_dmarc_profile); /* "rfc9989", "rfc7489" */
const char *hk_dmarc_result_name(enum hk_dmarc_result);
const char *hk_dmarc_policy_name(enum hk_dmarc_policy); /* "none", "quarantine", "reject" */

/* Why a receiver does something else than the policy asks for (RFC 9990, PolicyOverrideType; the last is RFC 7489's). The
 * policy, what is done, and this are kept apart: an override never changes the result. */
#define HK_DMARC_OVERRIDE_TABLE(X) \
	X(NONE, "") X(LOCAL_POLICY, "local_policy") X(MAILING_LIST, "mailing_list") X(OTHER, "other") \
	X(POLICY_TEST_MODE, "policy_test_mode") X(TRUSTED_FORWARDER, "trusted_forwarder") \
	X(SAMPLED_OUT, "sampled_out")
enum hk_dmarc_override {
#define X(id, text) HK_DMARC_OVERRIDE_##id,
	HK_DMARC_OVERRIDE_TABLE(X)
#undef X
};
const char *hk_dmarc_override_name(enum hk_dmarc_override); /* "local_policy", ...; "" for NONE */

/* One record, parsed (RFC 9989 4.7, 4.8). */
struct hk_dmarc_record {
	size_t size; /* of the struct: base.h */
	struct hk_slice text;
	bool has_p, has_sp, has_np;         /* present and valid */
	bool bad_p, bad_sp, bad_np;         /* present and invalid */
	enum hk_dmarc_policy p, sp, np;
	bool strict_dkim, strict_spf;       /* adkim=s, aspf=s */
	char psd;                           /* 'y', 'n' or 'u' */
	bool testing;                       /* t=y */
	unsigned pct;                       /* 0 to 100; 100 when absent or invalid. RFC 7489 only */
	bool has_rua;                       /* at least one syntactically valid URI */
	struct hk_slice rua, ruf, fo;       /* as written; empty when absent */
};
/* hk_dmarc_record_parse(text, ret): borrows text. SYNTAX: not a DMARC record at all (v=DMARC1 is not first). */
enum hk_status hk_dmarc_record_parse(struct hk_slice text, struct hk_dmarc_record *ret) HK_MUSTCHECK;

struct hk_dmarc_verdict {
	enum hk_dmarc_result result;
	enum hk_dmarc_policy policy;      /* published: p, sp or np, before t= */
	enum hk_dmarc_policy disposition; /* what the policy asks for this message after t=; NONE unless the result is fail */
	struct hk_slice author_domain;
	struct hk_slice org_domain;       /* of the author domain; empty when no record was found */
	struct hk_slice record_domain;    /* where the policy record stands; empty when none */
	struct hk_slice record;           /* its text */
	bool spf_aligned, dkim_aligned;   /* an aligned identifier passed */
	bool spf_strict, dkim_strict;     /* alignment modes in force */
	bool testing;                     /* t=y was in force */
	enum hk_dmarc_profile profile;
	unsigned pct;                     /* in force: 100 but for RFC 7489 */
	enum hk_dmarc_override override;  /* why the disposition is lower than the policy: t=y, pct; ARC (verify.h) */
	struct hk_slice override_comment; /* what it rests on, as a report gives it; empty but for ARC */
	struct hk_slice reason;           /* for people */
};

struct hk_dmarc_options {
	size_t size; /* of the struct: base.h */
	enum hk_dmarc_profile profile;
	unsigned sample; /* RFC 7489 6.6.4: a number from 0 to 99 that the caller drew for the message; pct=N holds for it
	                    where sample < N. 0: for every message, but for pct=0. What is above 99 counts as 99 */
};

struct hk_dmarc;
/* author_domain: exactly one (lower case, no final dot); the caller judges messages with none or several. Options NULL:
 * RFC 9989. Copies. NULL when a is full. */
struct hk_dmarc *hk_dmarc_new(
    struct hk_arena *, struct hk_slice author_domain, const struct hk_dmarc_options *, struct hk_trace *);
/* hk_dmarc_spf(d, domain, passed, failed_temporarily): the MAIL FROM identity's domain. At most once. */
enum hk_status hk_dmarc_spf(struct hk_dmarc *, struct hk_slice domain, bool passed, bool temperror) HK_MUSTCHECK;
/* hk_dmarc_dkim(d, domain, passed, temperror): for each signature (only pass and temperror matter). Both: LIMIT past
 * HK_DMARC_IDENTIFIERS_MAX; a domain that is no DNS name is no identifier and gives OK. */
enum hk_status hk_dmarc_dkim(struct hk_dmarc *, struct hk_slice domain, bool passed, bool temperror) HK_MUSTCHECK;
void hk_dmarc_ready(struct hk_dmarc *);
/* hk_dmarc_lower(policy, testing): one level lower under t=y (RFC 9989 4.7). */
enum hk_dmarc_policy hk_dmarc_lower(enum hk_dmarc_policy, bool testing);
/* OK: the verdict is there. AGAIN: answers, or hk_dmarc_ready, are missing. NOMEM or LIMIT: the arena is full. */
enum hk_status hk_dmarc_step(struct hk_dmarc *) HK_MUSTCHECK;
/* hk_dmarc_question(d, ret): the next one not yet handed out, longest name of a walk first; false when all were. */
bool hk_dmarc_question(struct hk_dmarc *, struct hk_dns_question *ret);
/* hk_dmarc_answer(d, answer): copies. NOTFOUND when it was not asked. */
enum hk_status hk_dmarc_answer(struct hk_dmarc *, const struct hk_dns_answer *) HK_MUSTCHECK;
/* valid after OK; borrowed from the arena. */
const struct hk_dmarc_verdict *hk_dmarc_result(const struct hk_dmarc *);

/* Where two verdicts about one message, by two profiles, are not the same. */
enum hk_dmarc_difference {
	HK_DMARC_DIFFERS_ORG = 1,
	HK_DMARC_DIFFERS_RECORD = 2, /* another record, or one of them found none */
	HK_DMARC_DIFFERS_POLICY = 4,
	HK_DMARC_DIFFERS_DISPOSITION = 8,
	HK_DMARC_DIFFERS_RESULT = 16,
};
/* hk_dmarc_differences(a, b): enum hk_dmarc_difference, or-ed. An organizational domain differs only where both are known. */
unsigned hk_dmarc_differences(const struct hk_dmarc_verdict *, const struct hk_dmarc_verdict *);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
