/* SPDX-License-Identifier: MIT
 *
 * A DNS message (RFC 1035 4) read as the answer to one question.
 */
#include <string.h>

#include "dns_internal.h"

enum {
	MESSAGE_MAX = 65535, /* RFC 1035 4.2.2: the length field of TCP */
	CLASS_IN = 1,
	TYPE_OPT = 41, /* RFC 6891 6.1.1 */
	FLAG_QR = 0x8000,
	FLAG_OPCODE = 0x7800,
	FLAG_TC = 0x0200,
	FLAG_RCODE = 0x000f,
	POINTER = 0xc0,
	JUMPS_MAX = 127, /* of one name: it has no more labels (RFC 1035 2.3.4), so more pointers
	                    only cost time */
};

struct message {
	struct hk_slice all;
	uint16_t rcode;
	uint16_t answers, others; /* how many records in the answer section; in the two after it */
	struct hk_cursor at_answers;
	uint32_t negative_ttl; /* RFC 2308 5, from the SOA; 0 without one */
};

struct record {
	struct hk_dns_name owner;
	uint16_t type, class;
	uint32_t ttl;
	struct hk_cursor rdata;
};

/* A name at the cursor (RFC 1035 4.1.4). Each pointer must lead further back than the one before
 * and than the name's own beginning, so the walk ends whatever the message holds. */
static bool take_name(struct hk_slice all, struct hk_cursor *c, struct hk_dns_name *ret)
{
	struct hk_cursor at = *c;
	size_t bound = c->rest.n ? (size_t)(c->rest.p - all.p) : 0, to, i;
	unsigned jumps = 0;

	ret->n = ret->octets = ret->label = 0;
	for (;;) {
		uint8_t length = hk_cursor_u8(&at);
		struct hk_slice label;

		if (length >= POINTER) {
			to = (size_t)(length & ~POINTER) << 8 | hk_cursor_u8(&at);
			if (at.failed || to >= bound || ++jumps > JUMPS_MAX)
				return false;
			if (jumps == 1)
				*c = at;
			bound = to;
			at = hk_cursor_of(hk_slice_from(all, to));
			continue;
		}
		label = hk_cursor_take(&at, length);
		if (at.failed || length > HK_DNS_LABEL_MAX)
			return false;
		if (length == 0)
			break;
		for (i = 0; i < label.n; i++)
			if (!hk_dns_name_add_octet(ret, label.p[i]))
				return false;
		hk_dns_name_end_label(ret);
	}
	if (!jumps)
		*c = at;
	return true;
}

static bool take_record(struct hk_slice all, struct hk_cursor *c, struct record *ret)
{
	if (!take_name(all, c, &ret->owner))
		return false;
	ret->type = hk_cursor_u16(c);
	ret->class = hk_cursor_u16(c);
	ret->ttl = hk_cursor_u32(c);
	ret->rdata = hk_cursor_of(hk_cursor_take(c, hk_cursor_u16(c)));
	/* RFC 2181 8: a value with the top bit set counts as zero. OPT's is no time at all. */
	if (ret->type != TYPE_OPT && ret->ttl > INT32_MAX)
		ret->ttl = 0;
	return !c->failed;
}

/* What the authority and additional sections tell about the answer itself. */
static bool read_others(struct message *m, struct hk_cursor c)
{
	struct record r;
	size_t i;

	for (i = 0; i < m->others; i++) {
		if (!take_record(m->all, &c, &r))
			return false;
		if (r.type == TYPE_OPT)
			m->rcode |= (uint16_t)(r.ttl >> 24 << 4); /* RFC 6891 6.1.3 */
		if (r.type == HK_DNS_SOA && r.class == CLASS_IN && r.rdata.rest.n >= 4) {
			struct hk_cursor last =
			    hk_cursor_of(hk_slice_from(r.rdata.rest, r.rdata.rest.n - 4));
			uint32_t minimum = hk_cursor_u32(&last);

			m->negative_ttl = r.ttl < minimum ? r.ttl : minimum;
		}
	}
	return true;
}

static bool question_matches(
    struct message *m, struct hk_cursor *c, const struct hk_dns_question *q)
{
	struct hk_dns_name name;

	if (!take_name(m->all, c, &name))
		return false;
	return hk_slice_eq_nocase(hk_dns_name_slice(&name), q->name) &&
	       hk_cursor_u16(c) == q->type && hk_cursor_u16(c) == CLASS_IN && !c->failed;
}

static bool read_message(struct message *m, const struct hk_dns_question *q)
{
	struct hk_cursor c = hk_cursor_of(m->all);
	uint16_t flags, questions, authority, additional;
	struct record r;
	size_t i;

	hk_cursor_u16(&c);
	flags = hk_cursor_u16(&c);
	questions = hk_cursor_u16(&c);
	m->answers = hk_cursor_u16(&c);
	authority = hk_cursor_u16(&c);
	additional = hk_cursor_u16(&c);
	/* A truncated answer (TC) is none: half an RRset would give a wrong verdict. */
	if (c.failed || (flags & FLAG_QR) == 0 || (flags & (FLAG_OPCODE | FLAG_TC)) != 0)
		return false;
	if (__builtin_add_overflow(authority, additional, &m->others))
		return false;
	m->rcode = flags & FLAG_RCODE;
	/* RFC 1035 4.1.1: FORMERR and the like may come without the question. */
	if (questions == 0 && m->answers == 0 && m->rcode != HK_DNS_NOERROR &&
	    m->rcode != HK_DNS_NXDOMAIN)
		return read_others(m, c);
	if (questions != 1 || !question_matches(m, &c, q))
		return false;
	m->at_answers = c;
	for (i = 0; i < m->answers; i++)
		if (!take_record(m->all, &c, &r))
			return false;
	return read_others(m, c);
}

static bool is_at(const struct record *r, const struct hk_dns_name *owner)
{
	return r->class == CLASS_IN &&
	       hk_slice_eq(hk_dns_name_slice(&r->owner), hk_dns_name_slice(owner));
}

/* Moves *owner to the end of its CNAME chain, whose least TTL goes to *ttl, and counts the records
 * wanted there. RRS_MAX of them are kept. false: malformed, or a chain that is too long. */
static bool follow_chain(
    const struct message *m, uint16_t type, struct hk_dns_name *owner, struct hk_dns_answer *ret)
{
	unsigned links;

	for (links = 0; links <= HK_DNS_CHAIN_MAX; links++) {
		struct hk_cursor c = m->at_answers, alias = {.failed = true};
		uint32_t alias_ttl = 0;
		struct record r;
		size_t i;

		for (i = 0; i < m->answers && take_record(m->all, &c, &r); i++) {
			if (!is_at(&r, owner))
				continue;
			if (r.type == type && ret->n < HK_DNS_RRS_MAX) {
				ret->n++;
				ret->ttl = r.ttl < ret->ttl ? r.ttl : ret->ttl;
			} else if (r.type == HK_DNS_CNAME && alias.failed) {
				alias = r.rdata;
				alias_ttl = r.ttl;
			}
		}
		if (ret->n || alias.failed)
			return true;
		if (!take_name(m->all, &alias, owner) || alias.rest.n)
			return false;
		ret->ttl = alias_ttl < ret->ttl ? alias_ttl : ret->ttl;
	}
	return false;
}

static enum hk_status read_name_into(
    struct hk_arena *a, struct hk_slice all, struct hk_cursor *c, struct hk_slice *ret)
{
	struct hk_dns_name name;

	if (!take_name(all, c, &name))
		return HK_SYNTAX;
	return hk_arena_dup(a, hk_dns_name_slice(&name), ret);
}

static enum hk_status read_strings(struct hk_arena *a, struct hk_cursor *c, struct hk_slice *ret)
{
	uint8_t *text = hk_arena_alloc(a, c->rest.n);
	size_t n = 0;

	if (!text)
		return a->failed;
	while (c->rest.n && !c->failed) {
		struct hk_slice s = hk_cursor_take(c, hk_cursor_u8(c));

		if (s.n)
			memcpy(text + n, s.p, s.n);
		n += s.n;
	}
	*ret = hk_slice_of(text, n);
	return HK_OK;
}

static enum hk_status read_address(struct hk_cursor *c, uint8_t family, struct hk_ip *ret)
{
	struct hk_slice bytes = hk_cursor_take(c, family == 4 ? 4 : 16);

	if (c->failed)
		return HK_SYNTAX;
	*ret = (struct hk_ip){.family = family};
	memcpy(ret->bytes, bytes.p, bytes.n);
	return HK_OK;
}

static enum hk_status read_rdata(
    struct hk_arena *a, struct hk_slice all, const struct record *r, struct hk_dns_rr *ret)
{
	struct hk_cursor c = r->rdata;
	enum hk_status status;

	*ret = (struct hk_dns_rr){.type = r->type};
	switch (r->type) {
	case HK_DNS_A:
		status = read_address(&c, 4, &ret->ip);
		break;
	case HK_DNS_AAAA:
		status = read_address(&c, 6, &ret->ip);
		break;
	case HK_DNS_TXT:
		status = read_strings(a, &c, &ret->data);
		break;
	case HK_DNS_MX:
		ret->preference = hk_cursor_u16(&c);
		status = read_name_into(a, all, &c, &ret->data);
		break;
	case HK_DNS_SRV:
		ret->preference = hk_cursor_u16(&c);
		ret->weight = hk_cursor_u16(&c);
		ret->port = hk_cursor_u16(&c);
		status = read_name_into(a, all, &c, &ret->data);
		break;
	case HK_DNS_SOA:
		status = read_name_into(a, all, &c, &ret->data);
		c.rest.n = 0; /* the rest of it is of no use here */
		break;
	case HK_DNS_NS:
	case HK_DNS_CNAME:
	case HK_DNS_PTR:
		status = read_name_into(a, all, &c, &ret->data);
		break;
	case HK_DNS_TLSA:
		ret->preference = hk_cursor_u16(&c);
		ret->weight = hk_cursor_u8(&c);
		/* fall through */
	default:
		status = hk_arena_dup(a, c.rest, &ret->data);
		c.rest.n = 0;
		break;
	}
	return status != HK_OK ? status : c.failed || c.rest.n ? HK_SYNTAX : HK_OK;
}

static enum hk_status read_rrset(struct hk_arena *a, const struct message *m,
    const struct hk_dns_name *owner, struct hk_dns_answer *answer)
{
	struct hk_cursor c = m->at_answers;
	struct hk_dns_rr *rr = hk_arena_array(a, answer->n, sizeof *rr);
	enum hk_status status;
	struct record r;
	size_t n = 0;

	if (!rr)
		return a->failed;
	while (n < answer->n && take_record(m->all, &c, &r)) {
		if (!is_at(&r, owner) || r.type != answer->question.type)
			continue;
		status = read_rdata(a, m->all, &r, &rr[n++]);
		if (status != HK_OK)
			return status;
	}
	answer->rr = rr;
	return HK_OK;
}

static enum hk_status read_answer(
    struct hk_arena *a, const struct message *m, struct hk_dns_answer *answer)
{
	struct hk_cursor c =
	    hk_cursor_of(hk_slice_from(m->all, 12)); /* the question follows the header */
	struct hk_dns_name owner;

	answer->ttl = UINT32_MAX;
	if (!take_name(m->all, &c, &owner) ||
	    !follow_chain(m, answer->question.type, &owner, answer)) {
		/* a loop, or more links than HK_DNS_CHAIN_MAX */
		answer->rcode = HK_DNS_SERVFAIL;
		answer->ttl = 0;
		answer->n = 0;
		return HK_OK;
	}
	/* RFC 6604 3: the rcode speaks of the chain's end. */
	if (answer->rcode == HK_DNS_NXDOMAIN)
		answer->n = 0;
	if (answer->n == 0 && m->negative_ttl < answer->ttl)
		answer->ttl = m->negative_ttl;
	return answer->n ? read_rrset(a, m, &owner, answer) : HK_OK;
}

enum hk_status hk_dns_answer_parse(struct hk_arena *a, const struct hk_dns_question *q,
    struct hk_slice wire, struct hk_dns_answer *ret)
{
	struct message m = {.all = wire};
	struct hk_dns_answer answer = {0};
	enum hk_status status;

	if (wire.n > MESSAGE_MAX || !read_message(&m, q))
		return HK_SYNTAX;
	answer.rcode = (enum hk_dns_rcode)m.rcode;
	answer.question.type = q->type;
	status = hk_dns_name_normalise(a, q->name, &answer.question.name);
	if (status == HK_OK && !hk_dns_is_failure(&answer))
		status = read_answer(a, &m, &answer);
	if (status != HK_OK)
		return status;
	*ret = answer;
	return HK_OK;
}
