/* SPDX-License-Identifier: MIT
 *
 * Answers are made here; the resolver that is asked is one that nobody serves.
 */
#include <stdlib.h>

#include "io/key_watch.h"
#include "tests/unit.h"

#define NOW  UINT64_C(1000000)
#define HOUR UINT64_C(3600000)

static const char *const conf = "hostname h.test; key a { domain a.test; selector a; file /a; }"
                                "key b { domain a.test; selector b; file /b; } sign * a b;";

struct rig {
	struct hk_mailbox box;
	struct hk_key_watch watch;
	struct hk_resolver *resolver;
	struct hk_private_key *key[2];
	struct hk_buf record[2];
};

static void rig_init(struct rig *r)
{
	size_t i;

	*r = (struct rig){0};
	assert_int_equal(hk_mailbox_init(&r->box), HK_OK);
	r->watch.box = &r->box;
	assert_int_equal(hk_resolver_start(HK_S("stub:127.0.0.1@9"), (struct hk_slice){0}, &r->resolver), HK_OK);
	for (i = 0; i < 2; i++) {
		assert_int_equal(hk_private_key_new(HK_SIGN_ED25519_SHA256, 0, &r->key[i]), HK_OK);
		hk_buf_init(&r->record[i], HK_DKIM_KEY_RECORD_MAX);
		assert_int_equal(
		    hk_dkim_record_add(r->key[i], HK_SIGN_ED25519_SHA256, &r->record[i]), HK_OK);
	}
}

static void rig_done(struct rig *r)
{
	struct hk_post *post, *next;
	size_t i;

	hk_key_watch_end(&r->watch);
	hk_resolver_free(r->resolver);
	for (post = hk_mailbox_take(&r->box); post; post = next) {
		next = post->next;
		hk_dns_post_free((struct hk_dns_post *)post);
	}
	hk_mailbox_done(&r->box);
	for (i = 0; i < 2; i++) {
		hk_private_key_free(r->key[i]);
		hk_buf_done(&r->record[i]);
	}
}

static struct hk_generation *generation(struct rig *r, const char *text, uint32_t number)
{
	struct hk_generation *g;
	struct hk_conf *c;
	size_t i;

	assert_int_equal(hk_conf_parse("t", hk_slice_str(text), &c, NULL), HK_OK);
	g = hk_generation_new(c, number);
	assert_non_null(g);
	for (i = 0; i < c->n_keys; i++)
		g->key_record[i] = hk_buf_slice(&r->record[c->key[i].selector.p[0] - 'a']);
	g->resolver = r->resolver;
	hk_resolver_use(g->resolver);
	return g;
}

static void answer(
    struct rig *r, uint64_t token, enum hk_dns_rcode rcode, uint32_t ttl, struct hk_slice text)
{
	struct hk_dns_question q = {HK_S("x.test"), HK_DNS_TXT};
	struct hk_dns_post *post = hk_dns_post_new(&q, &r->box, token);
	struct hk_dns_rr *rr = hk_arena_alloc(&post->arena, sizeof *rr);

	*rr = (struct hk_dns_rr){.type = HK_DNS_TXT, .data = text};
	post->answer = (struct hk_dns_answer){
	    .question = q, .rcode = rcode, .ttl = ttl, .rr = rr, .n = text.n > 0};
	hk_key_watch_take(&r->watch, post, NOW);
}
#define TOKEN(generation, key) ((uint64_t)(generation) << 32 | (key))

static void what_the_dns_says_of_a_key_is_seen_by_deliveries(void **state)
{
	struct hk_generation *g;
	struct rig r;

	(void)state;
	rig_init(&r);
	g = generation(&r, conf, 1);
	assert_int_equal(hk_key_watch_begin(&r.watch, g, NOW), HK_OK);
	assert_int_equal(g->key_sights[0], HK_KEY_UNKNOWN);
	assert_int_equal(hk_key_watch_run(&r.watch, NOW), -1); /* both are asked for */
	assert_int_equal(r.watch.n_open, 2);
	answer(&r, TOKEN(1, 0), HK_DNS_NXDOMAIN, 300, (struct hk_slice){0});
	answer(&r, TOKEN(1, 1), HK_DNS_NOERROR, 600, hk_buf_slice(&r.record[1]));
	assert_int_equal(g->key_sights[0], HK_KEY_ABSENT);
	assert_int_equal(g->key_sights[1], HK_KEY_FITS);
	assert_int_equal(r.watch.n_open, 0);
	assert_int_equal(hk_key_watch_run(&r.watch, NOW), 300000); /* when the first TTL is over */
	assert_int_equal(r.watch.n_open, 0);
	assert_int_equal(hk_key_watch_run(&r.watch, NOW + 300000), 300000);
	assert_int_equal(r.watch.n_open, 1);
	answer(&r, TOKEN(1, 0), HK_DNS_NOERROR, 1, hk_buf_slice(&r.record[1]));
	assert_int_equal(g->key_sights[0], HK_KEY_DIFFERENT);
	assert_int_equal(hk_key_watch_run(&r.watch, NOW), HK_KEY_WATCH_LEAST);
	hk_generation_free(g);
	rig_done(&r);
}

static void a_failure_and_a_stray_answer_change_nothing(void **state)
{
	struct hk_generation *g;
	struct rig r;

	(void)state;
	rig_init(&r);
	g = generation(&r, conf, 2);
	assert_int_equal(hk_key_watch_begin(&r.watch, g, NOW), HK_OK);
	(void)hk_key_watch_run(&r.watch, NOW);
	answer(&r, TOKEN(1, 0), HK_DNS_NXDOMAIN, 300, (struct hk_slice){0});
	answer(&r, TOKEN(2, 2), HK_DNS_NXDOMAIN, 300, (struct hk_slice){0});
	assert_int_equal(r.watch.n_open, 2);
	answer(&r, TOKEN(2, 0), HK_DNS_NOERROR, 86400, hk_buf_slice(&r.record[0]));
	answer(&r, TOKEN(2, 1), HK_DNS_SERVFAIL, 0, (struct hk_slice){0});
	assert_int_equal(g->key_sights[0], HK_KEY_FITS);
	assert_int_equal(g->key_sights[1], HK_KEY_UNKNOWN);
	assert_int_equal(hk_key_watch_run(&r.watch, NOW), HK_KEY_WATCH_RETRY);
	assert_int_equal(
	    hk_key_watch_run(&r.watch, NOW + HK_KEY_WATCH_RETRY), HOUR - HK_KEY_WATCH_RETRY);
	answer(&r, TOKEN(2, 1), HK_DNS_NOERROR, 60, HK_S("v=DKIM1; p="));
	assert_int_equal(g->key_sights[1], HK_KEY_REVOKED);
	(void)hk_key_watch_run(&r.watch, NOW + HOUR);
	answer(&r, TOKEN(2, 0), HK_DNS_TIMEOUT, 0, (struct hk_slice){0});
	assert_int_equal(g->key_sights[0], HK_KEY_FITS);
	/* an answer that came twice */
	answer(&r, TOKEN(2, 0), HK_DNS_NXDOMAIN, 0, (struct hk_slice){0});
	assert_int_equal(g->key_sights[0], HK_KEY_FITS);
	hk_generation_free(g);
	rig_done(&r);
}

static void a_reload_keeps_what_is_known_of_the_same_key(void **state)
{
	struct hk_generation *g, *next;
	struct rig r;

	(void)state;
	rig_init(&r);
	g = generation(&r, conf, 1);
	hk_key_watch_carry(&r.watch, g); /* of none */
	assert_int_equal(hk_key_watch_begin(&r.watch, g, NOW), HK_OK);
	(void)hk_key_watch_run(&r.watch, NOW);
	answer(&r, TOKEN(1, 0), HK_DNS_NOERROR, 600, hk_buf_slice(&r.record[0]));
	answer(&r, TOKEN(1, 1), HK_DNS_NOERROR, 600, hk_buf_slice(&r.record[1]));
	next = generation(&r,
	    "hostname h.test; key b { domain a.test; selector b; file /b; }"
	    "key a { domain a.test; selector a; file /a; } sign * b a;",
	    2);
	next->key_record[0] = HK_S("another key under its name");
	hk_key_watch_carry(&r.watch, next);
	assert_int_equal(next->key_sights[0], HK_KEY_UNKNOWN);
	assert_int_equal(next->key_sights[1], HK_KEY_FITS);
	assert_int_equal(hk_key_watch_begin(&r.watch, next, NOW), HK_OK);
	assert_int_equal(hk_key_watch_run(&r.watch, NOW), 600000);
	assert_int_equal(r.watch.n_open, 1);
	hk_generation_free(g);
	hk_generation_free(next);
	rig_done(&r);
}

static void nothing_is_asked_where_it_is_not_wanted(void **state)
{
	struct hk_generation *g;
	struct hk_buf text;
	struct rig r;

	(void)state;
	rig_init(&r);
	assert_int_equal(hk_key_watch_run(&r.watch, NOW), -1);
	hk_buf_init(&text, 4096);
	hk_buf_addf(&text, "%s key-check 0;%c", conf, 0);
	g = generation(&r, (const char *)text.p, 1);
	assert_int_equal(hk_key_watch_begin(&r.watch, g, NOW), HK_OK);
	assert_int_equal(hk_key_watch_run(&r.watch, NOW), -1);
	assert_int_equal(r.watch.n_open, 0);
	hk_buf_done(&text);
	hk_generation_free(g);
	rig_done(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_the_dns_says_of_a_key_is_seen_by_deliveries),
	    cmocka_unit_test(a_failure_and_a_stray_answer_change_nothing),
	    cmocka_unit_test(a_reload_keeps_what_is_known_of_the_same_key),
	    cmocka_unit_test(nothing_is_asked_where_it_is_not_wanted),
	};

	return cmocka_run_group_tests_name("key-watch", tests, NULL, NULL);
}
