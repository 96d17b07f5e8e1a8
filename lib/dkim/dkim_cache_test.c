/* SPDX-License-Identifier: MIT
 *
 * The cache of public keys: what it saves, what it never does, and how it is bounded.
 */
#include <stdio.h>

#include "lib/dkim/dkim_internal.h"
#include "lib/dkim/dkim_test_letter.h"

#define SIGNED "v=1; a=rsa-sha256; d=a.test; s=s1; h=from"
#define NAME   "s1._domainkey.a.test"

struct sent {
	struct world world;
	struct hk_slice message;
};

static void send_signed(struct sent *s)
{
	struct letter l = a_letter("text\r\n"), signed_letter;

	world_init(&s->world);
	signed_letter =
	    with_field(&s->world.arena, forge(&s->world.arena, &l, SIGNED, keys.rsa), &l);
	s->message = message_of(&s->world.arena, &signed_letter);
}

/* The answer is one record of that text. */
static void begin_with(struct check *c, const struct sent *s, struct hk_dkim_key_cache *cache,
    int64_t now, struct hk_slice record, uint32_t ttl)
{
	struct hk_dns_rr rr = {.type = HK_DNS_TXT, .data = record};
	struct hk_dns_question q;

	check_begin(c, s->message,
	    &(struct hk_dkim_verify_options){
	        .size = sizeof(struct hk_dkim_verify_options), .now = now, .keys = cache});
	assert_true(hk_dkim_verify_question(c->v, &q));
	assert_int_equal(hk_dkim_verify_answer(c->v,
	                     &(struct hk_dns_answer){.question = q, .rr = &rr, .n = 1, .ttl = ttl}),
	    HK_OK);
	hk_dkim_verify_body(c->v, c->body);
	hk_dkim_verify_end(c->v);
}

static void expect(const struct sent *s, struct hk_dkim_key_cache *cache, int64_t now,
    struct hk_slice record, enum hk_dkim_result result, const char *reason)
{
	struct check c;

	begin_with(&c, s, cache, now, record, 60);
	assert_int_equal(hk_dkim_verify_step(c.v), HK_OK);
	expect_verdict(&c, 0, result, reason);
	check_done(&c);
}

static void a_key_that_comes_again_is_not_parsed_again(void **state)
{
	struct hk_dkim_key_cache *cache = hk_dkim_key_cache_new(NULL);
	struct hk_slice record;
	struct sent s;
	unsigned i;

	(void)state;
	assert_non_null(cache);
	send_signed(&s);
	record = key_record(&s.world.arena, keys.rsa, "v=DKIM1;");
	for (i = 0; i < 5; i++) {
		expect(&s, cache, NOW, record, HK_DKIM_PASS, "");
		assert_int_equal(hk_dkim_key_cache_counts(cache)->entries, 1);
		assert_int_equal(hk_dkim_key_cache_counts(cache)->misses, 1);
		assert_int_equal(hk_dkim_key_cache_counts(cache)->hits, i);
	}
	hk_dkim_key_cache_free(cache);
	world_done(&s.world);
}

/* The cached key passes; what stands in the DNS now does not. */
static void a_key_that_was_replaced_or_revoked_is_never_used(void **state)
{
	struct hk_dkim_key_cache *cache = hk_dkim_key_cache_new(NULL);
	struct hk_slice record;
	struct sent s;
	size_t i;

	(void)state;
	send_signed(&s);
	record = key_record(&s.world.arena, keys.rsa, "v=DKIM1;");
	expect(&s, cache, NOW, record, HK_DKIM_PASS, "");
	{
		const struct {
			struct hk_slice record;
			enum hk_dkim_result result;
			const char *reason;
		} rows[] = {
		    {HK_S("v=DKIM1; p="), HK_DKIM_PERMERROR, "key revoked"},
		    {key_record(&s.world.arena, keys.rsa_short, "v=DKIM1;"), HK_DKIM_FAIL,
		        "signature mismatch"},
		    {key_record(&s.world.arena, keys.rsa, "v=DKIM1; h=sha1;"), HK_DKIM_PERMERROR,
		        "key does not allow the hash"},
		    {key_record(&s.world.arena, keys.rsa, "v=DKIM1; s=other;"), HK_DKIM_PERMERROR,
		        "key is not for mail"},
		    {key_record(&s.world.arena, keys.ed25519, "v=DKIM1;"), HK_DKIM_PERMERROR,
		        "key type does not fit a="},
		    {HK_S("v=DKIM1; p=AAAA"), HK_DKIM_PERMERROR, "key syntax error"},
		};

		for (i = 0; i < COUNT(rows); i++) {
			expect(&s, cache, NOW, rows[i].record, rows[i].result, rows[i].reason);
			expect(&s, cache, NOW, record, HK_DKIM_PASS, "");
		}
	}
	/* flags of the record are a part of what is kept */
	for (i = 0; i < 2; i++) {
		struct check c;

		begin_with(
		    &c, &s, cache, NOW, key_record(&s.world.arena, keys.rsa, "v=DKIM1; t=y;"), 60);
		assert_int_equal(hk_dkim_verify_step(c.v), HK_OK);
		assert_true(check_verdict(&c, 0)->testing);
		assert_int_equal(check_verdict(&c, 0)->key_bits, 2048);
		check_done(&c);
	}
	hk_dkim_key_cache_free(cache);
	world_done(&s.world);
}

static void an_entry_goes_when_its_time_is_over(void **state)
{
	static const struct {
		int64_t later;
		uint32_t ttl;
		int64_t longest;
		unsigned hits;
	} rows[] = {
	    {60, 60, 0, 1}, {61, 60, 0, 0}, {100, 4000000000u, 100, 1}, {101, 4000000000u, 100, 0},
	    {0, 0, 0, 0}, /* a TTL of 0: not kept at all */
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		struct hk_dkim_key_cache *cache = hk_dkim_key_cache_new(&(
		    struct hk_dkim_key_cache_options){
		    .size = sizeof(struct hk_dkim_key_cache_options), .longest = rows[i].longest});
		struct hk_slice record;
		struct sent s;
		struct check c;

		send_signed(&s);
		record = key_record(&s.world.arena, keys.rsa, "v=DKIM1;");
		begin_with(&c, &s, cache, NOW, record, rows[i].ttl);
		assert_int_equal(hk_dkim_verify_step(c.v), HK_OK);
		check_done(&c);
		expect(&s, cache, NOW + rows[i].later, record, HK_DKIM_PASS, "");
		assert_int_equal(hk_dkim_key_cache_counts(cache)->hits, rows[i].hits);
		hk_dkim_key_cache_expire(cache, NOW + rows[i].later + 61);
		if (rows[i].ttl <= 60 || !rows[i].hits)
			assert_int_equal(hk_dkim_key_cache_counts(cache)->entries, 0);
		hk_dkim_key_cache_free(cache);
		world_done(&s.world);
	}
}

/* Puts the RSA key in under n names. */
static void fill(struct hk_dkim_key_cache *cache, unsigned n)
{
	struct hk_arena a;
	struct hk_slice record;
	unsigned i;

	hk_arena_init(&a, 1 << 20);
	record = key_record(&a, keys.rsa, "v=DKIM1;");
	for (i = 0; i < n; i++) {
		struct hk_dkim_key key, *kept;
		struct hk_slice name;

		assert_int_equal(hk_arena_fmt(&a, &name, "s%u._domainkey.a.test", i), HK_OK);
		assert_int_equal(hk_dkim_key_parse(&a, record, &key), HK_OK);
		assert_int_equal(hk_dkim_key_load(&key), HK_DKIM_R_OK);
		kept = hk_dkim_cache_put(cache, name, &key, NOW, 60);
		if (kept == &key)
			hk_public_key_free(key.public);
		else
			hk_dkim_cache_give_back(kept);
	}
	hk_arena_done(&a);
}

/* fill() writes names of 22 octets up to s9, and of 23 up to s99. */
static void the_octets_of_a_name_count(void **state)
{
	struct hk_dkim_key_cache *cache;
	size_t one, ten, eleven;

	(void)state;
	cache = must(hk_dkim_key_cache_new(&(struct hk_dkim_key_cache_options){
	    .size = sizeof(struct hk_dkim_key_cache_options), .max_bytes = 10000000}));
	fill(cache, 1);
	one = hk_dkim_key_cache_counts(cache)->bytes;
	fill(cache, 10);
	ten = hk_dkim_key_cache_counts(cache)->bytes;
	fill(cache, 11);
	eleven = hk_dkim_key_cache_counts(cache)->bytes;
	assert_int_equal(hk_dkim_key_cache_counts(cache)->entries, 11);
	assert_int_equal(ten, 10 * one);
	assert_int_equal(eleven - ten, one + 1);
	hk_dkim_key_cache_free(cache);
}

static void entries_and_bytes_stay_within_their_limits(void **state)
{
	static const struct {
		size_t max_entries, max_bytes;
	} rows[] = {{1, 0}, {2, 0}, {7, 0}, {64, 0}, {1000, 20000}, {1000, 100}, {0, 0}};
	size_t i, n;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		struct hk_dkim_key_cache *cache =
		    hk_dkim_key_cache_new(&(struct hk_dkim_key_cache_options){
		        .size = sizeof(struct hk_dkim_key_cache_options),
		        .max_entries = rows[i].max_entries,
		        .max_bytes = rows[i].max_bytes});
		size_t entries = rows[i].max_entries ? rows[i].max_entries : HK_DKIM_CACHE_ENTRIES;
		size_t bytes = rows[i].max_bytes ? rows[i].max_bytes : HK_DKIM_CACHE_BYTES;

		for (n = 1; n < 200; n += 13) {
			fill(cache, (unsigned)n);
			assert_true(hk_dkim_key_cache_counts(cache)->entries <= entries);
			assert_true(hk_dkim_key_cache_counts(cache)->bytes <= bytes);
			/* room that is there is used */
			if (bytes > 2 * 20000)
				assert_true(hk_dkim_key_cache_counts(cache)->entries > 0);
		}
		hk_dkim_key_cache_free(cache);
	}
}

/* Three messages at a time, with room for one key: each keeps the key that it has. */
static void a_key_in_use_outlives_its_place(void **state)
{
	struct hk_dkim_key_cache *cache = hk_dkim_key_cache_new(&(struct hk_dkim_key_cache_options){
	    .size = sizeof(struct hk_dkim_key_cache_options), .max_entries = 1});
	struct hk_slice record;
	struct check c[3];
	struct sent s;
	size_t i;

	(void)state;
	send_signed(&s);
	record = key_record(&s.world.arena, keys.rsa, "v=DKIM1;");
	expect(&s, cache, NOW, record, HK_DKIM_PASS, "");
	for (i = 0; i < COUNT(c); i++) {
		begin_with(&c[i], &s, cache, NOW, record, 60);
		fill(cache, 9);
	}
	assert_int_equal(hk_dkim_key_cache_counts(cache)->entries, 1);
	for (i = 0; i < COUNT(c); i++) {
		assert_int_equal(hk_dkim_verify_step(c[i].v), HK_OK);
		expect_verdict(&c[i], 0, HK_DKIM_PASS, "");
	}
	for (i = 0; i < COUNT(c); i++)
		check_done(&c[i]);
	hk_dkim_key_cache_free(cache);
	world_done(&s.world);
}

/* Two that began before either had the key: the second finds it there and keeps its own. */
static void a_key_is_kept_once(void **state)
{
	struct hk_dkim_key_cache *cache = hk_dkim_key_cache_new(NULL);
	struct hk_slice record;
	struct check c[2];
	struct sent s;
	size_t i;

	(void)state;
	send_signed(&s);
	record = key_record(&s.world.arena, keys.rsa, "v=DKIM1;");
	for (i = 0; i < COUNT(c); i++)
		begin_with(&c[i], &s, cache, NOW, record, 60);
	for (i = 0; i < COUNT(c); i++) {
		assert_int_equal(hk_dkim_verify_step(c[i].v), HK_OK);
		expect_verdict(&c[i], 0, HK_DKIM_PASS, "");
		check_done(&c[i]);
	}
	assert_int_equal(hk_dkim_key_cache_counts(cache)->entries, 1);
	hk_dkim_key_cache_free(cache);
	hk_dkim_key_cache_free(NULL);
	world_done(&s.world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_key_that_comes_again_is_not_parsed_again),
	    cmocka_unit_test(a_key_that_was_replaced_or_revoked_is_never_used),
	    cmocka_unit_test(an_entry_goes_when_its_time_is_over),
	    cmocka_unit_test(the_octets_of_a_name_count),
	    cmocka_unit_test(entries_and_bytes_stay_within_their_limits),
	    cmocka_unit_test(a_key_in_use_outlives_its_place),
	    cmocka_unit_test(a_key_is_kept_once),
	};

	return cmocka_run_group_tests(tests, make_keys, free_keys);
}
