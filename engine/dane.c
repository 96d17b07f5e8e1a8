/* SPDX-License-Identifier: MIT */
#include "engine/dane.h"

enum { DANE_TA = 2, DANE_EE = 3, MATCH_FULL = 0, MATCH_SHA256 = 1, MATCH_SHA512 = 2 };

enum hk_status hk_dane_name(
    struct hk_arena *a, uint16_t port, struct hk_slice host, struct hk_slice *ret)
{
	return hk_arena_fmt(a, ret, "_%u._tcp.%.*s", port, HK_FMT(host));
}

static struct hk_tlsa tlsa_of(const struct hk_dns_rr *rr)
{
	return (struct hk_tlsa){(uint8_t)(rr->preference >> 8), (uint8_t)rr->preference,
	    (uint8_t)rr->weight, rr->data};
}

/* RFC 6698 2.1, RFC 7672 3.1: usages 0 and 1 name authorities that a mail server's peers have no
 * list of. */
static bool is_usable(const struct hk_tlsa *t)
{
	static const size_t length[] = {[MATCH_SHA256] = 32, [MATCH_SHA512] = 64};

	if ((t->usage != DANE_TA && t->usage != DANE_EE) || t->selector > 1 || t->matching > MATCH_SHA512)
		return false;
	return t->matching == MATCH_FULL ? t->data.n > 0 : t->data.n == length[t->matching];
}

/* RFC 7671 9: a weaker digest beside a stronger one of the same kind is not looked at. */
static bool is_outdone(const struct hk_dns_answer *answer, const struct hk_tlsa *t)
{
	size_t i;

	for (i = 0; t->matching == MATCH_SHA256 && i < answer->n; i++) {
		struct hk_tlsa other = tlsa_of(&answer->rr[i]);

		if (is_usable(&other) && other.usage == t->usage && other.selector == t->selector &&
		    other.matching == MATCH_SHA512)
			return true;
	}
	return false;
}

enum hk_dane_state hk_dane_judge(const struct hk_dns_answer *answer, struct hk_tlsa *ret, size_t *n)
{
	size_t i;

	*n = 0;
	if (hk_dns_is_failure(answer))
		return HK_DANE_FAILED;
	if (!answer->secure || !answer->n)
		return HK_DANE_NONE;
	for (i = 0; i < answer->n && *n < HK_TLSA_MAX; i++) {
		struct hk_tlsa t = tlsa_of(&answer->rr[i]);

		if (is_usable(&t) && !is_outdone(answer, &t))
			ret[(*n)++] = t;
	}
	return *n ? HK_DANE_USABLE : HK_DANE_UNUSABLE;
}
