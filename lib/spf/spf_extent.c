/* SPDX-License-Identifier: MIT
 *
 * How many addresses a record authorises: its terms in order, over sets of addresses instead of one client.
 */
#include <string.h>

#include "lib/base/base_internal.h"
#include "spf_internal.h"

enum { RANGES_MAX = 16384, WIDTH_MAX = 16, DIGITS_MAX = 40, FIRST_ROOM = 16, MAPPED_BITS = 96 };

struct range {
	uint8_t first[WIDTH_MAX], last[WIDTH_MAX]; /* both within; IPv4 in the first four octets */
};
/* Disjoint, in order. */
struct set {
	struct range *at;
	size_t n, room, width; /* width: octets of an address */
};
/* For IPv4 and IPv6. */
struct pair {
	struct set of[2];
};

/* One check_host() (4), as in spf_internal.h. */
struct frame {
	struct frame *up;
	struct hk_spf_record record;
	struct hk_slice domain, rest;
	struct hk_spf_term term;
	struct pair decided, passed; /* matched by a term so far; of those, by one with "+" */
	bool has_all;
};

enum reading { READ_FIRST, READ_INCLUDE, READ_REDIRECT, READ_MX, READ_A, READ_AAAA };

struct hk_spf_extent {
	struct hk_arena *a;
	struct hk_spf_extent_verdict verdict;
	struct frame *frame;
	struct hk_slice host[HK_SPF_MAX_MX]; /* whose addresses the term lists */
	size_t hosts, host_at, ranges;
	enum reading reading;
	enum { IDLE, ASKED, HANDED_OUT, ANSWERED, DONE } state;
	struct hk_dns_question question;
	struct hk_dns_answer answer;
	enum hk_status failed;
};

/* ---- sets ------------------------------------------------------------------------------------ */

static void step_up(uint8_t *p, size_t width)
{
	while (width-- > 0 && ++p[width] == 0)
		;
}

static void step_down(uint8_t *p, size_t width)
{
	while (width-- > 0 && p[width]-- == 0)
		;
}

static bool is_highest(const uint8_t *p, size_t width)
{
	while (width > 0 && p[width - 1] == 0xff)
		width--;
	return width == 0;
}

static bool make_room(struct hk_spf_extent *q, struct set *s)
{
	size_t room = s->room ? s->room * 2 : FIRST_ROOM;
	struct range *at;

	if (q->ranges++ == RANGES_MAX) {
		q->failed = HK_LIMIT;
		return false;
	}
	if (s->n < s->room)
		return true;
	at = hk_arena_array(q->a, room, sizeof *at);
	if (!at) {
		q->failed = q->a->failed;
		return false;
	}
	if (s->n)
		memcpy(at, s->at, s->n * sizeof *at);
	s->at = at;
	s->room = room;
	return true;
}

/* Puts r, which nothing in s overlaps, in its place. */
static void insert(struct hk_spf_extent *q, struct set *s, const struct range *r)
{
	size_t i = s->n;

	if (!make_room(q, s))
		return;
	while (i && memcmp(s->at[i - 1].first, r->first, s->width) > 0) {
		s->at[i] = s->at[i - 1];
		i--;
	}
	s->at[i] = *r;
	s->n++;
}

/* The parts of r that s has not, one after the other: *from is where to go on. false at the end. */
static bool next_gap(const struct set *s, const struct range *r, uint8_t *from, struct range *ret)
{
	size_t i;

	for (i = 0; i < s->n; i++) {
		const struct range *have = &s->at[i];

		if (memcmp(have->last, from, s->width) < 0)
			continue;
		if (memcmp(have->first, from, s->width) > 0)
			break;
		if (is_highest(have->last, s->width))
			return false;
		memcpy(from, have->last, WIDTH_MAX);
		step_up(from, s->width);
	}
	if (memcmp(from, r->last, s->width) > 0)
		return false;
	memcpy(ret->first, from, WIDTH_MAX);
	memcpy(ret->last, r->last, WIDTH_MAX);
	if (i < s->n && memcmp(s->at[i].first, r->last, s->width) <= 0) {
		memcpy(ret->last, s->at[i].first, WIDTH_MAX);
		step_down(ret->last, s->width);
	}
	return true;
}

/* The term at hand matches r: the first that matches decides (4.6.2). */
static void match(struct hk_spf_extent *q, size_t family, const struct range *r)
{
	struct set *decided = &q->frame->decided.of[family], *passed = &q->frame->passed.of[family];
	uint8_t from[WIDTH_MAX];
	struct range gap;

	memcpy(from, r->first, WIDTH_MAX);
	while (q->failed == HK_OK && next_gap(decided, r, from, &gap)) {
		if (q->frame->term.result == HK_SPF_PASS)
			insert(q, passed, &gap);
		insert(q, decided, &gap);
	}
}

static void match_network(struct hk_spf_extent *q, const struct hk_ip *ip, unsigned bits)
{
	size_t i, width = ip->family == 6 ? 16 : 4;
	struct range r = {{0}, {0}};
	struct hk_ip plain = *ip;

	/* 5, 5.6: a client of this form counts as IPv4, so no network of IPv6 has it; in a larger one they are few */
	hk_ip_unmap(&plain);
	if (plain.family != ip->family && bits >= MAPPED_BITS)
		return;
	for (i = 0; i < width; i++) {
		unsigned left = bits > i * 8 ? bits - (unsigned)i * 8 : 0;
		unsigned host = left >= 8 ? 0 : 0xffu >> left;

		r.first[i] = (uint8_t)(ip->bytes[i] & (0xffu ^ host));
		r.last[i] = (uint8_t)(ip->bytes[i] | host);
	}
	match(q, ip->family == 6, &r);
}

static void match_set(struct hk_spf_extent *q, const struct pair *sets)
{
	size_t family, i;

	for (family = 0; family < 2; family++)
		for (i = 0; i < sets->of[family].n; i++)
			match(q, family, &sets->of[family].at[i]);
}

/* ---- numbers ----------------------------------------------------------------------------------- */

/* One octet more than an address: 2^128 is a number of addresses, too. */
struct number {
	uint8_t octet[WIDTH_MAX + 1];
};

static void add_range(struct number *sum, const struct range *r)
{
	unsigned carry = 1, borrow = 0; /* last - first + 1 */
	size_t i;

	for (i = WIDTH_MAX; i-- > 0;) {
		unsigned difference = 256u + r->last[i] - r->first[i] - borrow, total;

		borrow = difference < 256;
		total = sum->octet[i + 1] + (difference & 255) + carry;
		sum->octet[i + 1] = (uint8_t)total;
		carry = total >> 8;
	}
	sum->octet[0] = (uint8_t)(sum->octet[0] + carry);
}

static enum hk_status write_number(struct hk_arena *a, struct number n, struct hk_slice *ret)
{
	char digits[DIGITS_MAX];
	size_t at = sizeof digits, i;
	bool is_zero;

	do {
		unsigned rest = 0;

		is_zero = true;
		for (i = 0; i < sizeof n.octet; i++) {
			rest = rest << 8 | n.octet[i];
			n.octet[i] = (uint8_t)(rest / 10);
			rest %= 10;
			is_zero = is_zero && n.octet[i] == 0;
		}
		digits[--at] = (char)('0' + rest);
	} while (!is_zero && at > 0);
	return hk_arena_dup(a, hk_slice_of(digits + at, sizeof digits - at), ret);
}

static uint64_t count_ipv4(const struct set *s)
{
	uint64_t sum = 0;
	size_t i, k;

	for (i = 0; i < s->n; i++) {
		uint64_t first = 0, last = 0;

		for (k = 0; k < 4; k++) {
			first = first << 8 | s->at[i].first[k];
			last = last << 8 | s->at[i].last[k];
		}
		sum += last - first + 1;
	}
	return sum;
}

/* ---- the end ------------------------------------------------------------------------------------- */

/* Of the record that is left, what passed matches the include (5.2). */
static void leave(struct hk_spf_extent *q)
{
	const struct frame *inner = q->frame;

	q->frame = inner->up;
	match_set(q, &inner->passed);
}

static enum hk_status finish(struct hk_spf_extent *q, enum hk_spf_result result, const char *reason)
{
	static const struct number wide = {{[WIDTH_MAX - HK_SPF_WIDE_IPV6_BITS / 8] = 1}};
	struct number sum = {{0}};
	const struct set *six;
	size_t i;

	while (q->failed == HK_OK && q->frame && q->frame->up)
		leave(q);
	if (q->failed != HK_OK)
		return q->failed;
	q->verdict.result = result;
	q->verdict.reason = hk_slice_str(reason);
	q->state = DONE;
	if (q->frame) {
		q->verdict.ipv4 = count_ipv4(&q->frame->passed.of[0]);
		six = &q->frame->passed.of[1];
		for (i = 0; i < six->n; i++)
			add_range(&sum, &six->at[i]);
	}
	q->verdict.is_wide =
	    q->verdict.ipv4 > HK_SPF_WIDE_IPV4 || memcmp(&sum, &wide, sizeof sum) > 0;
	return write_number(q->a, sum, &q->verdict.ipv6);
}

/* ---- terms ----------------------------------------------------------------------------------------- */

static enum hk_status ask(struct hk_spf_extent *q, struct hk_slice name, uint16_t type, enum reading reading)
{
	q->question.name = name;
	q->question.type = type;
	q->reading = reading;
	q->state = ASKED;
	return HK_OK;
}

static enum hk_status ask_host(struct hk_spf_extent *q)
{
	return q->host_at < q->hosts ? ask(q, q->host[q->host_at], HK_DNS_A, READ_A) : HK_OK;
}

/* The name a domain-spec stands for; NOTFOUND when it hangs on the client or is none. */
static enum hk_status target(struct hk_spf_extent *q, struct hk_slice spec, struct hk_slice *ret)
{
	enum hk_status status;

	if (spec.n == 0) {
		*ret = q->frame->domain;
		return HK_OK;
	}
	if (hk_slice_find(spec, '%') < spec.n)
		return HK_NOTFOUND;
	status = hk_dns_name_normalise(q->a, spec, ret);
	return status == HK_SYNTAX ? HK_NOTFOUND : status;
}

/* Include, a, mx and redirect: the question that each begins with. */
static enum hk_status ask_target(struct hk_spf_extent *q, struct hk_slice spec, uint16_t type, enum reading reading)
{
	struct hk_slice name;
	enum hk_status status;

	if (++q->verdict.lookups > HK_SPF_MAX_LOOKUPS)
		return finish(q, HK_SPF_PERMERROR, "more terms with DNS lookups than RFC 7208 4.6.4 allows");
	status = target(q, spec, &name);
	if (status == HK_NOTFOUND) {
		q->verdict.is_partial = true;
		return HK_OK;
	}
	if (status != HK_OK)
		return status;
	if (reading != READ_A)
		return ask(q, name, type, reading);
	q->host[0] = name;
	q->hosts = 1;
	q->host_at = 0;
	return ask_host(q);
}

static enum hk_status run_term(struct hk_spf_extent *q)
{
	const struct hk_spf_term *term = &q->frame->term;
	static const struct hk_ip all[2] = {{.family = 4}, {.family = 6}};

	switch (term->mechanism) {
	case HK_SPF_ALL:
		match_network(q, &all[0], 0);
		match_network(q, &all[1], 0);
		q->frame->has_all = true;
		return HK_OK;
	case HK_SPF_IP4:
	case HK_SPF_IP6:
		match_network(q, &term->net, term->bits[term->net.family == 6]);
		return HK_OK;
	case HK_SPF_INCLUDE:
		return ask_target(q, term->domain, HK_DNS_TXT, READ_INCLUDE);
	case HK_SPF_A:
		return ask_target(q, term->domain, HK_DNS_A, READ_A);
	case HK_SPF_MX:
		return ask_target(q, term->domain, HK_DNS_MX, READ_MX);
	case HK_SPF_PTR:
	case HK_SPF_EXISTS:
		break;
	}
	q->verdict.is_partial = true; /* whom they match is not in the record */
	if (++q->verdict.lookups > HK_SPF_MAX_LOOKUPS)
		return finish(q, HK_SPF_PERMERROR, "more terms with DNS lookups than RFC 7208 4.6.4 allows");
	return HK_OK;
}

static enum hk_status next_term(struct hk_spf_extent *q)
{
	struct frame *f = q->frame;
	struct hk_slice redirect;
	const char *what;

	if (hk_spf_take_term(&f->rest, &f->term, &what) == HK_OK)
		return f->term.kind == HK_SPF_DIRECTIVE ? run_term(q) : HK_OK;
	redirect = f->record.redirect;
	f->record.redirect = (struct hk_slice){0};
	if (redirect.n && !f->has_all) /* 6.1 */
		return ask_target(q, redirect, HK_DNS_TXT, READ_REDIRECT);
	if (!f->up)
		return finish(q, HK_SPF_PASS, "counted");
	leave(q);
	return q->failed;
}

/* ---- answers ------------------------------------------------------------------------------------------ */

static struct frame *new_frame(struct hk_spf_extent *q)
{
	struct frame *f = hk_arena_alloc(q->a, sizeof *f);

	if (!f)
		return NULL;
	f->decided.of[0].width = f->passed.of[0].width = 4;
	f->decided.of[1].width = f->passed.of[1].width = 16;
	f->up = q->frame;
	return f;
}

static enum hk_status read_record(struct hk_spf_extent *q)
{
	struct frame *f = q->reading == READ_REDIRECT ? q->frame : NULL;
	struct hk_slice text = {0}, bad;
	struct hk_spf_record record;
	const char *what;
	size_t i, found = 0;

	for (i = 0; i < q->answer.n; i++) {
		if (!hk_spf_is_record(q->answer.rr[i].data))
			continue;
		text = q->answer.rr[i].data;
		found++;
	}
	if (found == 0 && q->reading == READ_FIRST)
		return finish(q, HK_SPF_NONE, "no record");
	if (found != 1)
		return finish(q, HK_SPF_PERMERROR, found ? "several records at one name" : "an include or a redirect leads to no record");
	if (hk_spf_read_record(text, &record, NULL, &bad, &what) != HK_OK)
		return finish(q, HK_SPF_PERMERROR, "a record with an error in it");
	if (!f)
		f = new_frame(q);
	if (!f)
		return q->a->failed;
	f->record = record;
	f->rest = record.terms;
	f->domain = q->question.name;
	q->frame = f;
	return HK_OK;
}

static enum hk_status read_hosts(struct hk_spf_extent *q)
{
	size_t i;

	if (q->answer.n > HK_SPF_MAX_MX)
		return finish(q, HK_SPF_PERMERROR, "more MX hosts than RFC 7208 4.6.4 allows");
	q->hosts = q->host_at = 0;
	for (i = 0; i < q->answer.n; i++)
		if (q->answer.rr[i].data.n)
			q->host[q->hosts++] = q->answer.rr[i].data;
	return ask_host(q);
}

static enum hk_status read_addresses(struct hk_spf_extent *q)
{
	bool six = q->reading == READ_AAAA;
	size_t i;

	for (i = 0; i < q->answer.n; i++)
		if (q->answer.rr[i].ip.family == (six ? 6 : 4))
			match_network(q, &q->answer.rr[i].ip, q->frame->term.bits[six]);
	if (!six)
		return ask(q, q->host[q->host_at], HK_DNS_AAAA, READ_AAAA);
	q->host_at++;
	return ask_host(q);
}

static enum hk_status read_answer(struct hk_spf_extent *q)
{
	q->state = IDLE;
	if (hk_dns_is_failure(&q->answer))
		return finish(q, HK_SPF_TEMPERROR, "an answer could not be had");
	switch (q->reading) {
	case READ_MX:
		return read_hosts(q);
	case READ_A:
	case READ_AAAA:
		return read_addresses(q);
	default:
		return read_record(q);
	}
}

/* ---- the contract ------------------------------------------------------------------------------------- */

struct hk_spf_extent *hk_spf_extent_new(struct hk_arena *a, struct hk_slice domain)
{
	struct hk_spf_extent *q = hk_arena_alloc(a, sizeof *q);
	struct hk_slice name = {0};
	enum hk_status status = q ? hk_dns_name_normalise(a, domain, &name) : HK_NOMEM;

	if (status != HK_OK && status != HK_SYNTAX)
		return NULL;
	q->a = a;
	q->verdict.domain = name;
	if (name.n)
		q->failed = ask(q, name, HK_DNS_TXT, READ_FIRST);
	else
		q->failed = finish(q, HK_SPF_NONE, "not the name of a domain"); /* 4.3 */
	return q;
}

enum hk_status hk_spf_extent_step(struct hk_spf_extent *q)
{
	enum hk_status status = HK_OK;

	while (q->failed == HK_OK && (q->state == IDLE || q->state == ANSWERED)) {
		status = q->state == IDLE ? next_term(q) : read_answer(q);
		if (status != HK_OK)
			q->failed = status;
	}
	if (q->failed != HK_OK)
		return q->failed;
	return q->state == DONE ? HK_OK : HK_AGAIN;
}

bool hk_spf_extent_question(struct hk_spf_extent *q, struct hk_dns_question *ret)
{
	if (q->failed != HK_OK || q->state != ASKED)
		return false;
	q->state = HANDED_OUT;
	*ret = q->question;
	return true;
}

enum hk_status hk_spf_extent_answer(struct hk_spf_extent *q, const struct hk_dns_answer *answer)
{
	enum hk_status status;

	if ((q->state != ASKED && q->state != HANDED_OUT) || answer->question.type != q->question.type ||
	    !hk_slice_eq_nocase(answer->question.name, q->question.name))
		return HK_NOTFOUND;
	status = hk_dns_answer_copy(q->a, answer, &q->answer);
	if (status == HK_OK)
		q->state = ANSWERED;
	return status;
}

const struct hk_spf_extent_verdict *hk_spf_extent_result(const struct hk_spf_extent *q)
{
	return q->state == DONE && q->failed == HK_OK ? &q->verdict : NULL;
}
