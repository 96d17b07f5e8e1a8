/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "verify_world_test.h"
#include "tests/unit.h"

const char *const lab_zone = "a.test. TXT \"v=spf1 ip4:10.255.1.20/31 -all\"\n"
                             "a.test. TXT \"this is top level\"\n"
                             "pass.dkim.a.test. TXT \"v=spf1 ip4:10.255.1.20/31 -all\"\n"
                             "fail.dkim.a.test. TXT \"v=spf1 ip4:10.255.1.20/31 -all\"\n"
                             "_dmarc.a.test. TXT \"v=DMARC1; p=quarantine; pct=100\"\n"
                             "x.test. TXT \"v=spf1 ip4:10.255.24.20/31 -all\"\n"
                             "_dmarc.x.test. TXT \"v=DMARC1; p=reject; pct=100\"\n";

#define ALL (HK_CHECK_SPF | HK_CHECK_DKIM | HK_CHECK_DMARC)
const struct lab_case lab_cases[] = {
    /* S0-050 */
    {"seed_scenario2-1.eml", "10.255.1.20", "plain.smtp.a.test", "user1@a.test", "spf.mx.b.test",
        HK_SPF_PASS, 0, 0, HK_CHECK_SPF},
    /* S0-051 */
    {"seed_scenario2-2.eml", "10.255.24.20", "plain.smtp.x.test", "user1@a.test", "spf.mx.b.test",
        HK_SPF_FAIL, 0, 0, HK_CHECK_SPF},
    /* S0-052 */
    {"seed_scenario3-1.eml", "10.255.1.21", "dkim.smtp.a.test", "user1@pass.dkim.a.test",
        "dkim.mx.b.test", 0, HK_DKIM_PASS, 0, HK_CHECK_DKIM},
    /* S0-053 */
    {"seed_scenario3-2.eml", "10.255.1.21", "dkim.smtp.a.test", "user1@fail.dkim.a.test",
        "dkim.mx.b.test", 0, HK_DKIM_FAIL, 0, HK_CHECK_DKIM},
    /* S0-054 */
    {"seed_scenario4-1.eml", "10.255.1.21", "dkim.smtp.a.test", "user1@pass.dkim.a.test",
        "dmarc.mx.b.test", HK_SPF_PASS, HK_DKIM_PASS, HK_DMARC_PASS, ALL},
    /* S0-055 */
    {"seed_scenario4-2.eml", "10.255.1.21", "dkim.smtp.a.test", "user1@fail.dkim.a.test",
        "dmarc.mx.b.test", HK_SPF_PASS, HK_DKIM_FAIL, HK_DMARC_PASS, ALL},
    /* S0-056 */
    {"seed_scenario4-3.eml", "10.255.24.21", "dkim.smtp.x.test", "user1@pass.dkim.a.test",
        "dmarc.mx.b.test", HK_SPF_FAIL, HK_DKIM_PASS, HK_DMARC_PASS, ALL},
    /* S0-057: y.test's key cannot be recovered, so the stored signature has none; a test of its own
       signs it anew */
    {"seed_scenario4-4.eml", "10.255.1.21", "dkim.smtp.a.test", "user1@a.test", "dmarc.mx.b.test",
        HK_SPF_PASS, HK_DKIM_PERMERROR, HK_DMARC_FAIL, ALL},
};
const size_t lab_cases_n = sizeof lab_cases / sizeof lab_cases[0];

void world_init(struct world *w)
{
	memset(w, 0, sizeof *w);
	hk_arena_init(&w->arena, (size_t)256 << 20);
	hk_arena_init(&w->mail, HK_VERIFY_ARENA);
	hk_buf_init(&w->zone_text, 1 << 20);
	hk_buf_init(&w->message, 8 << 20);
}

void world_done(struct world *w)
{
	hk_verify_done(w->v);
	hk_buf_done(&w->zone_text);
	hk_buf_done(&w->message);
	hk_arena_done(&w->mail);
	hk_arena_done(&w->arena);
}

void world_zone(struct world *w, const char *text)
{
	hk_buf_add_str(&w->zone_text, text);
}

void world_txt(struct world *w, const char *name, struct hk_slice value)
{
	hk_buf_addf(&w->zone_text, "%s. TXT", name);
	for (; value.n; value = hk_slice_from(value, 200))
		hk_buf_addf(&w->zone_text, " \"%.*s\"", HK_FMT(hk_slice_sub(value, 0, 200)));
	hk_buf_add_str(&w->zone_text, "\n");
}

static bool read_vector(const char *file, struct hk_buf *b)
{
	const char *root = getenv("HIKYAKU_VECTORS");
	char path[512];
	FILE *f;
	int c, held = 0;

	snprintf(path, sizeof path, "%s/seed-lab/%s", root ? root : "../shared/vectors", file);
	f = fopen(path, "rb");
	if (!f)
		return false;
	/* Folded lines of these files end with CR CR LF: one CR too many, which no mail had. */
	while ((c = getc(f)) != EOF) {
		if (held && c != '\r')
			hk_buf_add_byte(b, '\r');
		held = c == '\r';
		if (!held)
			hk_buf_add_byte(b, (uint8_t)c);
	}
	fclose(f);
	return true;
}

void world_seed_keys(struct world *w)
{
	struct hk_buf b;
	size_t from, to;

	hk_buf_init(&b, 65536);
	if (!read_vector("recovered_keys.txt", &b)) {
		hk_buf_done(&b);
		world_done(w);
		skip();
		return;
	}
	from = hk_slice_find(hk_buf_slice(&b), ' ') +
	       1; /* the first line is that of pass.dkim.a.test */
	to = hk_slice_find(hk_buf_slice(&b), '\n');
	world_txt(w, "smtpbook._domainkey.pass.dkim.a.test",
	    hk_slice_sub(hk_buf_slice(&b), from, to - from));
	world_txt(w, "smtpbook._domainkey.fail.dkim.a.test",
	    hk_slice_sub(hk_buf_slice(&b), from, to - from));
	hk_buf_done(&b);
}

void world_load(struct world *w, const char *file)
{
	hk_buf_reset(&w->message);
	if (!read_vector(file, &w->message)) {
		world_done(w);
		skip();
	}
}

struct hk_verify_input world_input(const struct lab_case *c)
{
	struct hk_verify_input in = {.size = sizeof in, .checks = c->checks,
	    .helo = hk_slice_str(c->helo),
	    .mail_from = hk_slice_str(c->mail_from),
	    .has_mail_from = true,
	    .authserv_id = hk_slice_str(c->host),
	    .now = 1731333660};

	assert_int_equal(hk_ip_parse(hk_slice_str(c->client), &in.client), HK_OK);
	return in;
}

static struct hk_slice body_of(const struct world *w, struct hk_slice *ret_header)
{
	struct hk_slice whole = hk_buf_slice(&w->message);
	size_t i;

	for (i = 0; i + 4 <= whole.n; i++) {
		if (memcmp(whole.p + i, "\r\n\r\n", 4) == 0) {
			*ret_header = hk_slice_sub(whole, 0, i + 2);
			return hk_slice_from(whole, i + 4);
		}
	}
	*ret_header = whole;
	return hk_slice_from(whole, whole.n);
}

static void give_body(struct world *w, struct hk_slice body, size_t chunk)
{
	size_t n = chunk ? chunk : body.n ? body.n : 1;

	for (; body.n; body = hk_slice_from(body, n))
		hk_verify_body(w->v, hk_slice_sub(body, 0, n));
	hk_verify_end(w->v);
}

static unsigned next_random(unsigned *seed)
{
	*seed = *seed * 1103515245u + 12345u;
	return *seed >> 16;
}

/* The last label is the public suffix here, and one U-label is known. */
static void answer_name(struct world *w, const struct hk_dns_question *q, struct hk_dns_answer *ret)
{
	const struct hk_slice name = HK_S("b\\195\\188cher.test");
	struct hk_dns_rr *rr = must(hk_arena_alloc(&w->arena, sizeof *rr));

	*ret = (struct hk_dns_answer){.question = *q, .rcode = HK_DNS_NXDOMAIN, .rr = rr};
	rr->type = q->type;
	rr->data = q->name;
	if (q->type == HK_DNS_SUFFIX)
		while (hk_dns_name_labels(rr->data) > 1)
			rr->data = hk_dns_name_parent(rr->data);
	else if (hk_slice_eq(q->name, name))
		rr->data = HK_S("xn--bcher-kva.test");
	else
		return;
	ret->rcode = HK_DNS_NOERROR;
	ret->n = 1;
}

/* Questions wait here until their turn. */
static bool answer_one(
    struct world *w, enum order order, unsigned *seed, struct hk_dns_question *queue, size_t *n)
{
	struct hk_dns_answer answer;
	size_t i;

	while (hk_verify_question(w->v, &queue[*n])) {
		(*n)++;
		w->asked++;
	}
	if (*n == 0)
		return false;
	i = order == FORWARDS ? 0 : order == BACKWARDS ? *n - 1 : next_random(seed) % *n;
	if (hk_dns_type_is_local(queue[i].type))
		answer_name(w, &queue[i], &answer);
	else
		assert_int_equal(hk_zone_answer(w->zone, &w->arena, &queue[i], &answer), HK_OK);
	if (hk_verify_answer(w->v, &answer) != HK_OK)
		return true; /* the next step says why */
	memmove(queue + i, queue + i + 1, (*n - i - 1) * sizeof *queue);
	(*n)--;
	return true;
}

static bool begin_run(struct world *w, const struct hk_verify_input *in)
{
	struct hk_zone_error error = {0};

	hk_verify_done(w->v);
	hk_arena_done(&w->mail);
	w->asked = 0;
	assert_int_equal(hk_buf_status(&w->zone_text), HK_OK);
	if (w->zone_read != w->zone_text.n &&
	    hk_zone_parse(&w->arena, hk_buf_slice(&w->zone_text), &w->zone, &error) != HK_OK)
		fail_msg("zone line %zu: %s", error.line, error.what);
	w->zone_read = w->zone_text.n;
	w->v = hk_verify_new(&w->mail, in);
	return w->v != NULL;
}

enum hk_status world_run_spf_first(struct world *w, const struct hk_verify_input *in)
{
	static struct hk_dns_question queue[512];
	struct hk_slice header, body = body_of(w, &header);
	unsigned seed = 1;
	enum hk_status status;
	size_t n = 0;

	if (!begin_run(w, in))
		return HK_LIMIT;
	while ((status = hk_verify_step(w->v)) == HK_AGAIN &&
	       answer_one(w, FORWARDS, &seed, queue, &n))
		;
	assert_int_equal(status, HK_AGAIN);
	status = hk_verify_header(w->v, header);
	if (status != HK_OK)
		return status;
	give_body(w, body, 0);
	while ((status = hk_verify_step(w->v)) == HK_AGAIN &&
	       answer_one(w, FORWARDS, &seed, queue, &n))
		;
	return status;
}

enum hk_status world_run(
    struct world *w, const struct hk_verify_input *in, enum order order, size_t chunk, bool late)
{
	static struct hk_dns_question queue[512];
	struct hk_slice header, body = body_of(w, &header);
	unsigned seed = (unsigned)chunk + 7;
	enum hk_status status;
	size_t n = 0;

	if (!begin_run(w, in))
		return HK_LIMIT;
	if (w->convert) {
		assert_int_equal(hk_verify_names(w->v, header), HK_OK);
		while (answer_one(w, order, &seed, queue, &n))
			;
	}
	status = hk_verify_header(w->v, header);
	if (status != HK_OK)
		return status;
	if (!late)
		give_body(w, body, chunk);
	while ((status = hk_verify_step(w->v)) == HK_AGAIN) {
		if (answer_one(w, order, &seed, queue, &n))
			continue;
		assert_true(late);
		late = false;
		give_body(w, body, chunk);
	}
	return status;
}

void world_sign(struct world *w, const char *d, const char *s)
{
	struct hk_slice header, body = body_of(w, &header), digest;
	struct hk_private_key *key = NULL;
	struct hk_header fields;
	struct hk_dkim_sign *sign;
	struct hk_buf field, text;
	uint8_t signature[HK_SIGNATURE_MAX];
	size_t n = sizeof signature;
	char name[256];

	hk_buf_init(&field, 65536);
	hk_buf_init(&text, 65536);
	assert_int_equal(hk_private_key_new(HK_SIGN_RSA_SHA256, 2048, &key), HK_OK);
	assert_int_equal(hk_header_parse(&w->arena, header, &fields), HK_OK);
	sign = hk_dkim_sign_new(&w->arena,
	    &(struct hk_dkim_sign_options){.size = sizeof(struct hk_dkim_sign_options), .d = hk_slice_str(d),
	        .s = hk_slice_str(s),
	        .alg = HK_SIGN_RSA_SHA256,
	        .header_canon = HK_CANON_RELAXED,
	        .body_canon = HK_CANON_RELAXED},
	    &fields);
	assert_non_null(sign);
	hk_dkim_sign_body(sign, body);
	assert_int_equal(hk_dkim_sign_end(sign, &digest), HK_OK);
	assert_int_equal(hk_sign_digest(key, digest, signature, &n), HK_OK);
	assert_int_equal(hk_dkim_sign_finish(sign, hk_slice_of(signature, n), &field), HK_OK);
	hk_dkim_sign_done(sign);

	assert_int_equal(hk_private_key_public_add(key, &text), HK_OK);
	hk_private_key_free(key);
	n = field.n;
	hk_buf_add(&field, hk_buf_slice(&w->message));
	hk_buf_done(&w->message);
	w->message = field;

	hk_buf_init(&field, 65536);
	hk_buf_add_str(&field, "v=DKIM1; k=rsa; p=");
	hk_base64_add(&field, hk_buf_slice(&text));
	snprintf(name, sizeof name, "%s._domainkey.%s", s, d);
	world_txt(w, name, hk_buf_slice(&field));
	hk_buf_done(&field);
	hk_buf_done(&text);
}
