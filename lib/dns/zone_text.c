/* SPDX-License-Identifier: MIT
 *
 * Lines of fields into records.
 */
#include <string.h>

#include "lib/base/base_internal.h"
#include "zone_internal.h"

enum { TTL_DEFAULT = 3600, FIRST = 64, OTHER_TYPE = UINT16_MAX /* reserved (RFC 6895 3.1): nobody asks for it */ };

struct reader {
	struct hk_arena *a;
	struct hk_zone *zone;
	struct hk_slice origin, owner;
	bool has_owner;
	uint32_t ttl;
	const char *what; /* after SYNTAX */
	struct hk_zone_line *line;
	size_t at; /* the next field of it */
};

static enum hk_status fail(struct reader *r, const char *what)
{
	r->what = what;
	return HK_SYNTAX;
}

/* The next field; NULL at the line's end. */
static const struct hk_zone_token *peek(const struct reader *r)
{
	return r->at < r->line->n ? &r->line->token[r->at] : NULL;
}

static enum hk_status take_field(struct reader *r, struct hk_slice *ret)
{
	const struct hk_zone_token *token = peek(r);

	if (!token)
		return fail(r, "a field is missing");
	*ret = token->raw;
	r->at++;
	return HK_OK;
}

static bool ends_with_plain_dot(struct hk_slice s)
{
	struct hk_slice rest = s;
	uint8_t c = 0;

	while (rest.n > 1)
		if (!hk_dns_take_octet(&rest, &c))
			return false;
	return rest.n == 1 && rest.p[0] == '.';
}

/* A name as written: "@", absolute with a final dot, or below $ORIGIN (RFC 1035 5.1). */
static enum hk_status take_name(struct reader *r, struct hk_slice *ret)
{
	struct hk_slice raw, name;
	enum hk_status status = take_field(r, &raw);
	uint8_t *joined;

	if (status != HK_OK)
		return status;
	if (hk_slice_eq(raw, HK_S("@"))) {
		*ret = r->origin;
		return HK_OK;
	}
	if (raw.n == 0)
		return fail(r, "a name is empty");
	status = hk_dns_name_normalise(r->a, raw, &name);
	if (status == HK_OK && r->origin.n && !ends_with_plain_dot(raw)) {
		joined = hk_arena_alloc(r->a, name.n + 1 + r->origin.n);
		if (!joined)
			return r->a->failed;
		memcpy(joined, name.p, name.n);
		joined[name.n] = '.';
		memcpy(joined + name.n + 1, r->origin.p, r->origin.n);
		status = hk_dns_name_normalise(
		    r->a, hk_slice_of(joined, name.n + 1 + r->origin.n), &name);
	}
	if (status == HK_OK)
		*ret = name;
	return status == HK_SYNTAX ? fail(r, "not a domain name") : status;
}

static enum hk_status take_number(struct reader *r, uint64_t max, uint64_t *ret)
{
	struct hk_slice raw;
	enum hk_status status = take_field(r, &raw);

	if (status == HK_OK && hk_slice_u64(raw, max, ret) != HK_OK)
		return fail(r, "not a number, or too large");
	return status;
}

static bool take_u16(struct reader *r, enum hk_status *status, uint64_t max, uint16_t *ret)
{
	uint64_t value;

	if (*status == HK_OK)
		*status = take_number(r, max, &value);
	if (*status == HK_OK)
		*ret = (uint16_t)value;
	return *status == HK_OK;
}

/* "3600", or "1h30m" as zone files write it. */
static bool parse_ttl(struct hk_slice s, uint32_t *ret)
{
	static const struct {
		uint8_t unit;
		uint32_t seconds;
	} units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}, {'w', 604800}};
	uint64_t total = 0, value;
	size_t digits, i;

	while (s.n) {
		for (digits = 0; digits < s.n && hk_is_digit(s.p[digits]);)
			digits++;
		if (hk_slice_u64(hk_slice_sub(s, 0, digits), INT32_MAX, &value) != HK_OK)
			return false;
		s = hk_slice_from(s, digits);
		for (i = 0; s.n && i < sizeof units / sizeof units[0] &&
		            units[i].unit != hk_to_lower(s.p[0]);)
			i++;
		if (i == sizeof units / sizeof units[0])
			return false;
		total += value * units[i].seconds; /* no unit: i is 0, seconds */
		if (total > INT32_MAX)             /* RFC 2181 8 */
			return false;
		s = hk_slice_from(s, 1);
		*ret = (uint32_t)total;
	}
	return true;
}

/* ---- RDATA ------------------------------------------------------------------ */

static enum hk_status take_address(struct reader *r, struct hk_dns_rr *rr)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	struct hk_slice raw;
	enum hk_status status = take_field(r, &raw);
	bool colon;

	if (status != HK_OK)
		return status;
	colon = hk_slice_find(raw, ':') < raw.n;
	if (colon != (rr->type == HK_DNS_AAAA) || hk_ip_parse(raw, &rr->ip) != HK_OK)
		return fail(r, "not an address of that type");
	/* hk_ip_parse takes ::ffff:0:0/96 for IPv4; a record says what it says */
	if (colon && rr->ip.family == 4) {
		memmove(rr->ip.bytes + 12, rr->ip.bytes, 4);
		memcpy(rr->ip.bytes, mapped, sizeof mapped);
		rr->ip.family = 6;
	}
	return HK_OK;
}

static enum hk_status take_target(struct reader *r, struct hk_dns_rr *rr)
{
	return take_name(r, &rr->data);
}

static enum hk_status take_mx(struct reader *r, struct hk_dns_rr *rr)
{
	enum hk_status status = HK_OK;

	return take_u16(r, &status, UINT16_MAX, &rr->preference) ? take_name(r, &rr->data) : status;
}

static enum hk_status take_srv(struct reader *r, struct hk_dns_rr *rr)
{
	enum hk_status status = HK_OK;

	take_u16(r, &status, UINT16_MAX, &rr->preference);
	take_u16(r, &status, UINT16_MAX, &rr->weight);
	return take_u16(r, &status, UINT16_MAX, &rr->port) ? take_name(r, &rr->data) : status;
}

static enum hk_status take_soa(struct reader *r, struct hk_dns_rr *rr)
{
	enum hk_status status = take_name(r, &rr->data);
	struct hk_slice field;
	uint64_t serial;
	uint32_t seconds;
	unsigned i;

	if (status == HK_OK)
		status = take_name(r, &field); /* the mailbox */
	if (status == HK_OK)
		status = take_number(r, UINT32_MAX, &serial);
	for (i = 0; i < 4 && status == HK_OK; i++) {
		status = take_field(r, &field);
		if (status == HK_OK && (field.n == 0 || !parse_ttl(field, &seconds)))
			return fail(r, "not a time");
	}
	return status;
}

static enum hk_status take_txt(struct reader *r, struct hk_dns_rr *rr)
{
	size_t bound = 0, n = 0, i;
	uint8_t *text;

	for (i = r->at; i < r->line->n; i++)
		bound += r->line->token[i].raw.n;
	text = hk_arena_alloc(r->a, bound);
	if (!text)
		return r->a->failed;
	if (!peek(r))
		return fail(r, "a field is missing");
	while (peek(r)) {
		struct hk_slice raw = r->line->token[r->at++].raw;
		size_t start = n;

		while (raw.n)
			if (!hk_dns_take_octet(&raw, &text[n++]))
				return fail(r, "a malformed escape");
		if (n - start > UINT8_MAX) /* RFC 1035 3.3 */
			return fail(r, "a string is longer than 255 octets");
	}
	if (n > HK_DNS_TXT_MAX)
		return fail(r, "the text is too long");
	rr->data = hk_slice_of(text, n);
	return HK_OK;
}

static enum hk_status take_hex(struct reader *r, struct hk_slice *ret)
{
	size_t bound = 0, digits = 0, i;
	uint8_t *bytes;

	for (i = r->at; i < r->line->n; i++)
		bound += r->line->token[i].raw.n;
	bytes = hk_arena_alloc(r->a, bound / 2 + 1);
	if (!bytes)
		return r->a->failed;
	while (peek(r)) {
		struct hk_slice raw = r->line->token[r->at++].raw;

		for (i = 0; i < raw.n; i++, digits++) {
			if (!hk_is_xdigit(raw.p[i]))
				return fail(r, "not hexadecimal");
			bytes[digits / 2] =
			    (uint8_t)((unsigned)bytes[digits / 2] << 4 | (unsigned)hk_hex_value(raw.p[i]));
		}
	}
	if (digits == 0 || digits % 2)
		return fail(r, "not hexadecimal");
	*ret = hk_slice_of(bytes, digits / 2);
	return HK_OK;
}

static enum hk_status take_tlsa(struct reader *r, struct hk_dns_rr *rr)
{
	enum hk_status status = HK_OK;
	uint16_t usage = 0, selector = 0;

	take_u16(r, &status, UINT8_MAX, &usage);
	take_u16(r, &status, UINT8_MAX, &selector);
	if (!take_u16(r, &status, UINT8_MAX, &rr->weight))
		return status;
	rr->preference = (uint16_t)(usage << 8 | selector);
	return take_hex(r, &rr->data);
}

static const struct {
	uint16_t type;
	enum hk_status (*take)(struct reader *, struct hk_dns_rr *);
} rdata[] = {
    {HK_DNS_A, take_address},
    {HK_DNS_AAAA, take_address},
    {HK_DNS_NS, take_target},
    {HK_DNS_CNAME, take_target},
    {HK_DNS_PTR, take_target},
    {HK_DNS_MX, take_mx},
    {HK_DNS_TXT, take_txt},
    {HK_DNS_SRV, take_srv},
    {HK_DNS_SOA, take_soa},
    {HK_DNS_TLSA, take_tlsa},
};

/* What zones have and nothing here asks for: such a record makes its name exist, and what it says is not read. DNAME is
 * none of them, for it answers for other names. */
static const char *const others[] = {"CAA", "CDNSKEY", "CDS", "CERT", "CSYNC", "DHCID", "DNSKEY", "DS", "HINFO", "HIP",
    "HTTPS", "IPSECKEY", "KEY", "LOC", "NAPTR", "NSEC", "NSEC3", "NSEC3PARAM", "OPENPGPKEY", "RP", "RRSIG", "SMIMEA",
    "SPF", "SSHFP", "SVCB", "URI", "ZONEMD"};

static bool is_other(struct hk_slice type)
{
	size_t i;

	for (i = 0; i < sizeof others / sizeof others[0]; i++)
		if (hk_slice_eq_nocase(type, hk_slice_str(others[i])))
			return true;
	return false;
}

/* "\# length hexadecimal" (RFC 3597 5) */
static bool is_generic(const struct reader *r)
{
	const struct hk_zone_token *token = peek(r);

	return token && !token->quoted && hk_slice_eq(token->raw, HK_S("\\#"));
}

static enum hk_status take_rdata(struct reader *r, struct hk_dns_rr *rr)
{
	struct hk_slice raw;
	enum hk_status status;
	size_t i;

	for (i = 0; i < sizeof rdata / sizeof rdata[0]; i++)
		if (rdata[i].type == rr->type)
			return is_generic(r) ? fail(r, "data of this type is not read in the form of RFC 3597")
					     : rdata[i].take(r, rr);
	if (rr->type != OTHER_TYPE && !is_generic(r))
		return fail(r, "a record type that is not known here");
	rr->type = OTHER_TYPE;
	do
		status = take_field(r, &raw);
	while (status == HK_OK && peek(r));
	return status;
}

/* ---- lines ---------------------------------------------------------------------- */

static enum hk_status add_record(struct reader *r, const struct hk_zone_record *record)
{
	struct hk_zone *zone = r->zone;

	if (zone->n == zone->cap) {
		struct hk_zone_record *wider =
		    hk_arena_double(r->a, zone->record, &zone->cap, FIRST, sizeof *wider);

		if (!wider)
			return r->a->failed;
		zone->record = wider;
	}
	zone->record[zone->n] = *record;
	zone->record[zone->n].order = zone->n;
	zone->n++;
	return HK_OK;
}

/* [TTL] [class] type, the first two in any order (RFC 1035 5.1). */
static enum hk_status take_type(struct reader *r, uint32_t *ttl, uint16_t *ret)
{
	bool has_ttl = false, has_class = false;
	struct hk_slice raw;
	enum hk_status status;

	for (;;) {
		status = take_field(r, &raw);
		if (status != HK_OK)
			return status;
		if (raw.n && hk_is_digit(raw.p[0]) && !has_ttl) {
			if (!parse_ttl(raw, ttl))
				return fail(r, "not a TTL");
			has_ttl = true;
		} else if (hk_slice_eq_nocase(raw, HK_S("IN")) && !has_class) {
			has_class = true;
		} else if (hk_dns_type_parse(raw, ret) == HK_OK) {
			return HK_OK;
		} else if (is_other(raw)) {
			*ret = OTHER_TYPE;
			return HK_OK;
		} else {
			return fail(r, "a record type that is not known here");
		}
	}
}

static enum hk_status read_record(struct reader *r)
{
	struct hk_zone_record record = {.ttl = r->ttl};
	enum hk_status status;

	if (!r->line->starts_blank) {
		status = take_name(r, &r->owner);
		if (status != HK_OK)
			return status;
		r->has_owner = true;
	}
	if (!r->has_owner)
		return fail(r, "no record before says whose this is");
	record.name = r->owner;
	status = take_type(r, &record.ttl, &record.type);
	record.rr.type = record.type;
	if (status == HK_OK)
		status = take_rdata(r, &record.rr);
	record.type = record.rr.type;
	if (status == HK_OK && peek(r))
		return fail(r, "too many fields");
	return status == HK_OK ? add_record(r, &record) : status;
}

static enum hk_status read_failure(struct reader *r, enum hk_dns_rcode failure)
{
	struct hk_zone_record record = {.failure = failure};
	enum hk_status status = take_name(r, &record.name);
	struct hk_slice raw;

	if (status == HK_OK && peek(r)) {
		status = take_field(r, &raw);
		if (status == HK_OK && hk_dns_type_parse(raw, &record.type) != HK_OK)
			return fail(r, "a record type that is not known here");
	}
	return status == HK_OK ? add_record(r, &record) : status;
}

static enum hk_status read_directive(struct reader *r)
{
	struct hk_slice name, raw;
	enum hk_status status = take_field(r, &name);

	if (status != HK_OK)
		return status;
	if (hk_slice_eq_nocase(name, HK_S("$ORIGIN"))) {
		status = take_name(r, &r->origin);
	} else if (hk_slice_eq_nocase(name, HK_S("$TTL"))) {
		status = take_field(r, &raw);
		if (status == HK_OK && (raw.n == 0 || !parse_ttl(raw, &r->ttl)))
			return fail(r, "not a TTL");
	} else if (hk_slice_eq_nocase(name, HK_S("$SERVFAIL"))) {
		status = read_failure(r, HK_DNS_SERVFAIL);
	} else if (hk_slice_eq_nocase(name, HK_S("$TIMEOUT"))) {
		status = read_failure(r, HK_DNS_TIMEOUT);
	} else {
		return fail(r, "a directive that is not known here");
	}
	return status == HK_OK && peek(r) ? fail(r, "too many fields") : status;
}

static enum hk_status read_line(struct reader *r)
{
	const struct hk_zone_token *first = &r->line->token[0];

	r->at = 0;
	if (!r->line->starts_blank && !first->quoted && first->raw.n && first->raw.p[0] == '$')
		return read_directive(r);
	return read_record(r);
}

enum hk_status hk_zone_parse(
    struct hk_arena *a, struct hk_slice text, struct hk_zone **ret, struct hk_zone_error *ret_error)
{
	struct hk_zone_lexer lexer = {.rest = text, .line = 1};
	struct reader r = {.a = a, .ttl = TTL_DEFAULT};
	enum hk_status status;

	r.zone = hk_arena_alloc(a, sizeof *r.zone);
	r.line = hk_arena_alloc(a, sizeof *r.line);
	if (!r.zone || !r.line)
		return a->failed;
	while ((status = hk_zone_next_line(&lexer, r.line)) == HK_OK) {
		status = read_line(&r);
		if (status != HK_OK)
			break;
	}
	if (status == HK_SYNTAX && ret_error)
		*ret_error = lexer.what ? (struct hk_zone_error){lexer.line, lexer.what}
		                        : (struct hk_zone_error){r.line->number, r.what};
	if (status != HK_END)
		return status;
	hk_zone_sort(r.zone);
	*ret = r.zone;
	return HK_OK;
}
