/* SPDX-License-Identifier: MIT */
#include "dns_internal.h"

struct named {
	unsigned value;
	const char *name;
};

static const struct named types[] = {
    {HK_DNS_A, "A"}, {HK_DNS_NS, "NS"}, {HK_DNS_CNAME, "CNAME"}, {HK_DNS_SOA, "SOA"},
    {HK_DNS_PTR, "PTR"}, {HK_DNS_MX, "MX"}, {HK_DNS_TXT, "TXT"}, {HK_DNS_AAAA, "AAAA"},
    {HK_DNS_SRV, "SRV"}, {HK_DNS_TLSA, "TLSA"}, {HK_DNS_SUFFIX, "SUFFIX"}, {HK_DNS_ALABEL, "ALABEL"},
};

/* RFC 6895 2.3, and our own for "no answer at all". */
static const struct named rcodes[] = {
    {HK_DNS_NOERROR, "NOERROR"}, {1, "FORMERR"}, {HK_DNS_SERVFAIL, "SERVFAIL"},
    {HK_DNS_NXDOMAIN, "NXDOMAIN"}, {4, "NOTIMP"}, {HK_DNS_REFUSED, "REFUSED"}, {9, "NOTAUTH"},
    {16, "BADVERS"}, {HK_DNS_TIMEOUT, "TIMEOUT"},
};

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static const char *name_of(const struct named *table, size_t n, unsigned value)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (table[i].value == value)
			return table[i].name;
	return "?";
}

const char *hk_dns_type_name(uint16_t type)
{
	return name_of(types, COUNT(types), type);
}

const char *hk_dns_rcode_name(enum hk_dns_rcode rcode)
{
	return name_of(rcodes, COUNT(rcodes), (unsigned)rcode);
}

enum hk_status hk_dns_type_parse(struct hk_slice text, uint16_t *ret)
{
	uint64_t number;
	size_t i;

	for (i = 0; i < COUNT(types); i++) {
		if (hk_slice_eq_nocase(text, hk_slice_str(types[i].name))) {
			*ret = (uint16_t)types[i].value;
			return HK_OK;
		}
	}
	/* RFC 3597 5 */
	if (!hk_slice_starts_nocase(text, HK_S("TYPE")) ||
	    hk_slice_u64(hk_slice_from(text, 4), UINT16_MAX, &number) != HK_OK)
		return HK_SYNTAX;
	*ret = (uint16_t)number;
	return HK_OK;
}

bool hk_dns_type_is_local(uint16_t type)
{
	return type == HK_DNS_SUFFIX || type == HK_DNS_ALABEL;
}

bool hk_dns_type_has_name(uint16_t type)
{
	return hk_dns_type_is_local(type) || type == HK_DNS_MX || type == HK_DNS_PTR || type == HK_DNS_NS || type == HK_DNS_CNAME ||
	    type == HK_DNS_SRV || type == HK_DNS_SOA;
}

bool hk_dns_is_failure(const struct hk_dns_answer *answer)
{
	return answer->rcode != HK_DNS_NOERROR && answer->rcode != HK_DNS_NXDOMAIN;
}

bool hk_dns_answer_is_sound(const struct hk_dns_answer *answer)
{
	return answer->rr || !answer->n;
}

bool hk_dns_is_void(const struct hk_dns_answer *answer)
{
	return answer->rcode == HK_DNS_NXDOMAIN || (answer->rcode == HK_DNS_NOERROR && answer->n == 0);
}
