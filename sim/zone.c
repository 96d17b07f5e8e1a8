/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "sim/zone.h"

enum { ARENA = 1024 * 1024, RECORDS = 4, TERMS = 4, LOOKUPS_MOST = 10, VOIDS_MOST = 2, TEXT_MOST = 16384 };

enum kind { IP4, A, MX, INCLUDE, EXISTS, ALL, KINDS };
struct term {
	enum kind kind;
	bool fits;         /* is the client among those it names */
	unsigned record;   /* INCLUDE: of which domain; a later one, so that nothing goes round */
	enum hk_spf_result result;
};
struct record {
	struct term term[TERMS];
	unsigned n, redirect; /* redirect: a later record; 0: none */
};
struct hk_sim_zone {
	struct hk_arena arena;
	struct hk_zone *zone;
	struct record record[RECORDS]; /* of pN.test; the first is a.test's */
	enum hk_spf_result sender;
	bool has_dmarc;
};

static const char hosts[] =
    "$TTL 60\n"
    "a.test. IN MX 10 mx.a.test.\nmx.a.test. IN A 192.0.2.10\n"
    "d0.test. IN MX 10 mx.d0.test.\nmx.d0.test. IN A 192.0.2.20\n"
    "d1.test. IN A 192.0.2.21\n"
    "d2.test. IN MX 10 mx1.d2.test.\nd2.test. IN MX 20 mx2.d2.test.\nmx1.d2.test. IN A "
    "192.0.2.22\nmx2.d2.test. IN A 192.0.2.23\n"
    "yes.test. IN A 192.0.2.99\nno.test. IN A 192.0.2.98\n"
    "mxyes.test. IN MX 10 no.test.\nmxyes.test. IN MX 20 yes.test.\nmxno.test. IN MX 10 no.test.\n";

/* ---- records ------------------------------------------------------------------------------- */

static const struct {
	enum hk_spf_result result;
	char qualifier;
} results[] = {{HK_SPF_PASS, '+'}, {HK_SPF_FAIL, '-'}, {HK_SPF_SOFTFAIL, '~'}, {HK_SPF_NEUTRAL, '?'}};

static char qualifier_of(enum hk_spf_result result)
{
	size_t i = 0;

	while (results[i].result != result)
		i++;
	return results[i].qualifier;
}

static struct term draw_term(struct hk_prng *p, unsigned record)
{
	struct term t = {.kind = (enum kind)hk_prng_below(p, KINDS), .fits = hk_prng_chance(p, 250000)};

	t.result = results[hk_prng_below(p, 4)].result;
	t.record = record + 1 + (unsigned)hk_prng_below(p, RECORDS - 1);
	if (t.kind == INCLUDE && t.record >= RECORDS)
		t.kind = IP4;
	return t;
}

static void write_term(const struct term *t, struct hk_buf *out)
{
	hk_buf_addf(out, " %c", qualifier_of(t->result));
	switch (t->kind) {
	case IP4:
		hk_buf_add_str(out, t->fits ? "ip4:192.0.2.96/29" : "ip4:192.0.2.0/26");
		break;
	case A:
		hk_buf_add_str(out, t->fits ? "a:yes.test" : "a:no.test");
		break;
	case MX:
		hk_buf_add_str(out, t->fits ? "mx:mxyes.test" : "mx:mxno.test");
		break;
	case INCLUDE:
		hk_buf_addf(out, "include:p%u.test", t->record);
		break;
	case EXISTS:
		hk_buf_add_str(out, t->fits ? "exists:%{i}.there.test" : "exists:%{i}.nowhere.test");
		break;
	case ALL:
	case KINDS:
		hk_buf_add_str(out, "all");
		break;
	}
}

static void make_record(struct hk_sim_zone *z, struct hk_prng *p, unsigned number, struct hk_buf *text)
{
	struct record *r = &z->record[number];
	unsigned i;

	*r = (struct record){.n = 1 + (unsigned)hk_prng_below(p, TERMS)};
	hk_buf_addf(text, number ? "p%u.test. IN TXT \"v=spf1" : "a.test. IN TXT \"v=spf1", number);
	for (i = 0; i < r->n; i++) {
		r->term[i] = draw_term(p, number);
		write_term(&r->term[i], text);
	}
	if (number + 1 < RECORDS && hk_prng_chance(p, 300000)) {
		r->redirect = number + 1;
		hk_buf_addf(text, " redirect=p%u.test", r->redirect);
	}
	hk_buf_add_str(text, "\"\n");
}

/* ---- the second evaluator (RFC 7208 4.6, 5), of trees ------------------------------------------- */

struct walk {
	const struct hk_sim_zone *z;
	unsigned lookups, voids;
};

static enum hk_spf_result walk(struct walk *w, unsigned number);

/* -1: it ends here with permerror; else whether the term matches. */
static int matches(struct walk *w, const struct term *t)
{
	enum hk_spf_result inner;

	if (t->kind != IP4 && t->kind != ALL && ++w->lookups > LOOKUPS_MOST)
		return -1;
	if (t->kind == EXISTS && !t->fits && ++w->voids > VOIDS_MOST)
		return -1;
	if (t->kind == ALL)
		return 1;
	if (t->kind != INCLUDE)
		return t->fits;
	inner = walk(w, t->record);
	return inner == HK_SPF_PERMERROR ? -1 : inner == HK_SPF_PASS;
}

static enum hk_spf_result walk(struct walk *w, unsigned number)
{
	const struct record *r = &w->z->record[number];
	unsigned i;

	for (i = 0; i < r->n; i++) {
		int match = matches(w, &r->term[i]);

		if (match)
			return match < 0 ? HK_SPF_PERMERROR : r->term[i].result;
	}
	if (!r->redirect)
		return HK_SPF_NEUTRAL;
	return ++w->lookups > LOOKUPS_MOST ? HK_SPF_PERMERROR : walk(w, r->redirect);
}

/* ---- a world's ------------------------------------------------------------------------------------ */

void hk_sim_zone_init(struct hk_sim *s)
{
	struct hk_sim_zone *z = calloc(1, sizeof *z);
	struct walk w = {.z = z};
	struct hk_zone_error error;
	struct hk_slice kept;
	struct hk_buf text;
	unsigned i;

	if (!z)
		abort();
	hk_arena_init(&z->arena, ARENA);
	hk_buf_init(&text, TEXT_MOST);
	hk_buf_add_str(&text, hosts);
	hk_buf_add_str(&text, "99.2.0.192.there.test. IN A 127.0.0.2\n192.0.2.99.there.test. IN A 127.0.0.2\n");
	for (i = 0; i < RECORDS; i++)
		make_record(z, &s->prng, i, &text);
	z->has_dmarc = hk_prng_coin(&s->prng);
	if (z->has_dmarc)
		hk_buf_add_str(&text, "_dmarc.a.test. IN TXT \"v=DMARC1; p=none\"\n");
	if (hk_buf_status(&text) != HK_OK || hk_arena_dup(&z->arena, hk_buf_slice(&text), &kept) != HK_OK ||
	    hk_zone_parse(&z->arena, kept, &z->zone, &error) != HK_OK)
		abort();
	hk_buf_done(&text);
	z->sender = walk(&w, 0);
	s->zone = z;
}

void hk_sim_zone_done(struct hk_sim *s)
{
	if (!s->zone)
		return;
	hk_arena_done(&s->zone->arena);
	free(s->zone);
}

enum hk_sim_answering hk_sim_zone_answer(
    struct hk_sim *s, struct hk_arena *a, const struct hk_dns_question *q, struct hk_dns_answer *ret)
{
	*ret = (struct hk_dns_answer){.question = *q, .rcode = HK_DNS_SERVFAIL};
	if (!s->is_healed && hk_prng_chance(&s->prng, s->plan.dns))
		return hk_prng_coin(&s->prng) ? HK_SIM_SILENT : HK_SIM_WRONG;
	if (hk_zone_answer(s->zone->zone, a, q, ret) != HK_OK)
		abort();
	return HK_SIM_ANSWERED;
}

/* ---- verdicts --------------------------------------------------------------------------------------- */

/* What stands behind "spf=" or "dmarc=". */
static struct hk_slice result_of(struct hk_slice field, const char *method)
{
	const uint8_t *at = field.n ? memmem(field.p, field.n, method, strlen(method)) : NULL;
	struct hk_slice rest = at ? hk_slice_from(field, (size_t)(at - field.p) + strlen(method)) : (struct hk_slice){0};
	size_t n = 0;

	while (n < rest.n && rest.p[n] >= 'a' && rest.p[n] <= 'z')
		n++;
	return hk_slice_sub(rest, 0, n);
}

static void compare(struct hk_sim *s, size_t number, const char *method, struct hk_slice got, const char *want)
{
	if (hk_slice_eq(got, hk_slice_str(want)))
		return;
	if (s->ledger.mail[number].has_dns_trouble && hk_slice_eq(got, HK_S("temperror")))
		return;
	hk_sim_violation(s, 9, "mail %zu has %s%.*s and should have %s", number, method, HK_FMT(got), want);
}

void hk_sim_zone_verdict(struct hk_sim *s, size_t number, struct hk_slice header)
{
	const struct hk_sim_zone *z = s->zone;
	struct hk_slice name = HK_S("Authentication-Results:");
	const uint8_t *at = memmem(header.p, header.n, name.p, name.n);
	struct hk_slice field = at ? hk_slice_from(header, (size_t)(at - header.p)) : (struct hk_slice){0};
	enum hk_spf_result spf = s->ledger.mail[number].has_null_sender ? HK_SPF_NONE : z->sender;

	compare(s, number, "spf=", result_of(field, "spf="), hk_spf_result_name(spf));
	compare(s, number, "dmarc=", result_of(field, "dmarc="),
	    !z->has_dmarc         ? "none"
	    : spf == HK_SPF_PASS ? "pass"
	                          : "fail");
}
