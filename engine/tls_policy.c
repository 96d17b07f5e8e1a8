/* SPDX-License-Identifier: MIT
 *
 * tls_policy.c - the table.
 */
#include "engine/tls_policy.h"

const char *hk_tls_result_word(enum hk_tls_result r)
{
	static const char *const words[] = {
#define X(id, word) [HK_TLS_RESULT_##id] = word,
	    HK_TLS_RESULT_TABLE(X)
#undef X
	};

	return r < HK_TLS_RESULTS ? words[r] : "?";
}

const char *hk_tls_policy_word(enum hk_tls_policy_type type)
{
	static const char *const words[] = {"no-policy-found", "tlsa", "sts"};

	return words[type];
}

const char *hk_tls_need_word(enum hk_tls_need need)
{
	static const char *const words[] = {"never", "try", "must"};

	return words[need];
}

const char *hk_tls_verify_word(enum hk_tls_verify verify)
{
	static const char *const words[] = {"none", "noted", "pkix", "dane"};

	return words[verify];
}

/* ---- the table -------------------------------------------------------------------------------- */

enum {
	OFF = 1 << 0, REQUIRED = 1 << 1, VERIFIED = 1 << 2, ONLY_DANE = 1 << 3, /* the operator's level */
	STRICT = REQUIRED | VERIFIED | ONLY_DANE,
	REQUIRETLS = 1 << 4, OPTIONAL = 1 << 5, /* the sender's wish */
	SRV = 1 << 6, SECURE = 1 << 7,
	TLSA = 1 << 8, TLSA_USELESS = 1 << 9, TLSA_FAILED = 1 << 10,
	ENFORCE = 1 << 11, TESTING = 1 << 12, PERMITS = 1 << 13, /* MTA-STS */
};

#define YES(n, v, f) .may_use = true, .need = HK_TLS_##n, .verify = HK_VERIFY_##v, .failure = HK_TLS_TO_##f
#define NO(f, r) .may_use = false, .failure = HK_TLS_TO_##f, .result = HK_TLS_RESULT_##r
#define DANE .type = HK_TLS_POLICY_TLSA
#define STS .type = HK_TLS_POLICY_STS

/* A row fits when all of the first column hold and none of the second does. */
static const struct row {
	unsigned all, none;
	struct hk_tls_decision then;
} table[] = {
    {OFF | REQUIRETLS, 0, {"off-requiretls", "RFC 8689 4.2.1", NO(BOUNCE, VALIDATION)}},
    {OFF, 0, {"off", "the route's tls", YES(NEVER, NONE, NEXT)}},
    /* What the sender says against TLS overrides the recipient's policy (RFC 8689 4.2.2), not the operator's. SRV in front of
     * it: its port may not know any other way. */
    {OPTIONAL, STRICT | REQUIRETLS, {"tls-required-no", "RFC 8689 4.2.2", YES(TRY, NONE, CLEAR)}},
    {TLSA_FAILED, 0, {"tlsa-failed", "RFC 7672 2.1.2", NO(NEXT, DNSSEC_INVALID), DANE}},
    {ONLY_DANE, TLSA, {"dane-required", "the route's tls", NO(NEXT, DANE_REQUIRED), DANE}},
    {ONLY_DANE, SECURE, {"dane-required", "the route's tls", NO(NEXT, DANE_REQUIRED), DANE}},
    /* The name of the host has to be certain before its certificate says anything. */
    {REQUIRETLS, SECURE | PERMITS, {"requiretls-name", "RFC 8689 4.2.1", NO(BOUNCE, VALIDATION)}},
    /* DANE of a secure MX is not overridden by MTA-STS (RFC 8461 2); an insecure MX could lead to anybody's TLSA. */
    {TLSA | SECURE | REQUIRETLS, 0, {"requiretls-dane", "RFC 8689 4.2.1", YES(MUST, DANE, BOUNCE), DANE, .needs_requiretls = true}},
    {TLSA | SECURE, 0, {"dane", "RFC 7672 2.2", YES(MUST, DANE, NEXT), DANE}},
    {ENFORCE, PERMITS, {"sts-host", "RFC 8461 5", NO(NEXT, VALIDATION), STS}},
    {ENFORCE | REQUIRETLS, 0, {"requiretls-sts", "RFC 8689 4.2.1", YES(MUST, PKIX, BOUNCE), STS, .needs_requiretls = true}},
    {ENFORCE, 0, {"sts-enforce", "RFC 8461 5", YES(MUST, PKIX, NEXT), STS}},
    {REQUIRETLS, 0, {"requiretls", "RFC 8689 4.2.1", YES(MUST, PKIX, BOUNCE), .needs_requiretls = true}},
    {TLSA, 0, {"dane-insecure-mx", "RFC 7672 2.2.1", YES(MUST, DANE, NEXT), DANE}},
    {SRV, 0, {"srv", "draft-nurpmeso-smtp-tls-srv", YES(MUST, PKIX, NEXT)}},
    {VERIFIED, 0, {"verified", "the route's tls", YES(MUST, PKIX, NEXT)}},
    {TLSA_USELESS, 0, {"tlsa-unusable", "RFC 7672 2.2", YES(MUST, NONE, NEXT), DANE, .result = HK_TLS_RESULT_TLSA_INVALID}},
    {TESTING | REQUIRED, PERMITS, {"required-sts-host", "the route's tls", YES(MUST, NOTED, NEXT), STS, .result = HK_TLS_RESULT_VALIDATION}},
    {TESTING | REQUIRED, 0, {"required-sts-testing", "the route's tls", YES(MUST, NOTED, NEXT), STS}},
    {REQUIRED, 0, {"required", "the route's tls", YES(MUST, NONE, NEXT)}},
    {TESTING, PERMITS, {"sts-testing-host", "RFC 8461 5", YES(TRY, NOTED, CLEAR), STS, .result = HK_TLS_RESULT_VALIDATION}},
    {TESTING, 0, {"sts-testing", "RFC 8461 5", YES(TRY, NOTED, CLEAR), STS}},
    {0, 0, {"opportunistic", "RFC 7435", YES(TRY, NONE, CLEAR)}},
};

static unsigned bits_of(const struct hk_tls_facts *f)
{
	static const unsigned levels[] = {[HK_TLS_OFF] = OFF, [HK_TLS_REQUIRED] = REQUIRED,
	    [HK_TLS_VERIFIED] = VERIFIED, [HK_TLS_DANE] = ONLY_DANE};
	static const unsigned dane[] = {[HK_DANE_USABLE] = TLSA, [HK_DANE_UNUSABLE] = TLSA_USELESS,
	    [HK_DANE_FAILED] = TLSA_FAILED};
	static const unsigned sts[] = {[HK_STS_TESTING] = TESTING, [HK_STS_ENFORCE] = ENFORCE};

	return levels[f->level] | dane[f->dane] | sts[f->sts] | (f->require_tls ? REQUIRETLS : 0u) |
	       (f->is_tls_optional ? OPTIONAL : 0u) | (f->is_srv ? SRV : 0u) |
	       (f->is_name_secure ? SECURE : 0u) |
	       (f->sts != HK_STS_NONE && f->does_sts_permit ? PERMITS : 0u);
}

struct hk_tls_decision hk_tls_decide(const struct hk_tls_facts *f)
{
	unsigned bits = bits_of(f);
	struct hk_tls_decision d;
	size_t i = 0;

	while ((bits & table[i].all) != table[i].all || (bits & table[i].none))
		i++;
	d = table[i].then;
	d.is_implicit = f->is_implicit && d.need != HK_TLS_NEVER;
	/* there is no clear text on such a port */
	if (d.is_implicit && d.failure == HK_TLS_TO_CLEAR) {
		d.need = HK_TLS_MUST;
		d.failure = HK_TLS_TO_NEXT;
	}
	return d;
}
