/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include <hikyaku/srs.h>

#include "tests/unit.h"

enum { NOW = 1577836860, DAY = 86400 };

static struct hk_arena arena;

static int begin(void **state)
{
	(void)state;
	hk_arena_init(&arena, 1 << 20);
	return 0;
}

static int finish(void **state)
{
	(void)state;
	hk_arena_done(&arena);
	return 0;
}

static const struct hk_slice *secrets(void)
{
	static struct hk_slice list[3];

	list[0] = HK_S("new secret");
	list[1] = HK_S("old secret");
	list[2] = HK_S("older secret");
	return list;
}

static struct hk_srs_config at(const char *domain)
{
	return (struct hk_srs_config){.size = sizeof(struct hk_srs_config), .secret = secrets(), .n_secrets = 1, .domain = hk_slice_str(domain)};
}

static struct hk_srs_verdict forward(const struct hk_srs_config *c, const char *address, int64_t now)
{
	struct hk_srs_verdict v = {.result = HK_SRS_OK};

	assert_int_equal(hk_srs_forward(c, hk_slice_str(address), now, &arena, &v), HK_OK);
	return v;
}

static struct hk_srs_verdict reverse(const struct hk_srs_config *c, struct hk_slice address, int64_t now)
{
	struct hk_srs_verdict v = {.result = HK_SRS_OK};

	assert_int_equal(hk_srs_reverse(c, address, now, &arena, &v), HK_OK);
	return v;
}

static void assert_address(const struct hk_srs_verdict *v, const char *wanted)
{
	if (v->result != HK_SRS_OK || !hk_slice_eq(v->address, hk_slice_str(wanted)))
		fail_msg("wanted %s, got %.*s (%s)", wanted, HK_FMT(v->address), hk_srs_result_text(v->result));
}

/* S1-044: three forwarders in a row, and the bounce on its way back; AP-60 */
static void a_bounce_finds_back_through_every_forwarder(void **state)
{
	struct hk_srs_config f = at("f.test"), g = at("g.test"), h = at("h.test");
	struct hk_srs_verdict v, back;

	(void)state;
	v = forward(&f, "u@orig.test", NOW);
	assert_memory_equal(v.address.p, "SRS0=", 5);
	assert_memory_equal(v.address.p + 9, "=2W=orig.test=u@f.test", 22);
	v = forward(&g, (const char *)v.address.p, NOW);
	assert_memory_equal(v.address.p, "SRS1=", 5);
	assert_memory_equal(v.address.p + 9, "=f.test==", 9);
	v = forward(&h, (const char *)v.address.p, NOW);
	assert_memory_equal(v.address.p + 9, "=f.test==", 9); /* the first forwarder, not the second */
	back = reverse(&h, v.address, NOW);
	assert_memory_equal(back.address.p, "SRS0=", 5);
	back = reverse(&f, back.address, NOW);
	assert_address(&back, "u@orig.test");
}

/* AP-60: a loop of forwarders; the address neither grows nor stays a riddle */
static void a_message_that_comes_by_again_is_undone_at_once(void **state)
{
	struct hk_srs_config f = at("f.test"), g = at("g.test");
	struct hk_srs_verdict v = forward(&f, "u@orig.test", NOW), back;
	size_t n = 0, i;

	(void)state;
	for (i = 0; i < 20; i++) {
		v = forward(i % 2 ? &f : &g, (const char *)v.address.p, NOW);
		assert_int_equal(v.result, HK_SRS_OK);
		assert_true(n == 0 || v.address.n == n);
		n = v.address.n;
	}
	back = reverse(&f, v.address, NOW);
	assert_address(&back, "u@orig.test");
	back = reverse(&f, v.address, NOW + 40 * DAY);
	assert_int_equal(back.result, HK_SRS_EXPIRED);
}

/* S1-045 */
static void an_address_of_our_own_domains_is_left_alone(void **state)
{
	const struct hk_slice local[] = {HK_S("own.test"), HK_S(".sub.test"), HK_S("")};
	static const struct {
		const char *address;
		enum hk_srs_result result;
	} cases[] = {
	    {"u@f.test", HK_SRS_LOCAL},
	    {"u@F.TEST", HK_SRS_LOCAL},
	    {"u@own.test", HK_SRS_LOCAL},
	    {"u@a.sub.test", HK_SRS_LOCAL},
	    {"u@sub.test", HK_SRS_OK},
	    {"u@x.own.test", HK_SRS_OK},
	    {"SRS0=aaaa=2W=a.test=u@own.test", HK_SRS_LOCAL},
	};
	struct hk_srs_config c = at("f.test");
	size_t i;

	(void)state;
	c.local_domain = local;
	c.n_local_domains = COUNT(local);
	for (i = 0; i < COUNT(cases); i++)
		assert_int_equal(forward(&c, cases[i].address, NOW).result, cases[i].result);
}

static void what_is_no_address_is_told(void **state)
{
	static const struct {
		const char *address;
		enum hk_srs_result result;
	} cases[] = {
	    {"", HK_SRS_NO_DOMAIN},
	    {"foo", HK_SRS_NO_DOMAIN},
	    {"foo@", HK_SRS_NO_DOMAIN},
	    {"\"\"@a.test", HK_SRS_NO_USER},
	    {"@a.test", HK_SRS_ADDRESS},
	    {"<u@a.test>", HK_SRS_ADDRESS},
	    {" u@a.test", HK_SRS_ADDRESS},
	    {"u@a.test ", HK_SRS_ADDRESS},
	    {"u@a.test\r\nX: y", HK_SRS_ADDRESS},
	    {"u@a=b.test", HK_SRS_ADDRESS},
	    {"u@1", HK_SRS_ADDRESS}, /* the mark of a folded address */
	    {"@r.test:u@a.test", HK_SRS_ADDRESS},
	    {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@a.test", HK_SRS_ADDRESS},
	};
	struct hk_srs_config c = at("f.test");
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++)
		if (forward(&c, cases[i].address, NOW).result != cases[i].result)
			fail_msg("%s", cases[i].address);
}

static void quotes_go_round_the_new_local_part_rfc_5321_4_1_2(void **state)
{
	static const struct {
		const char *address, *end;
	} cases[] = {
	    {"\"a b\"@x.test", "=2W=x.test=a b\"@f.test"},
	    {"\"a\\\"b\\\\\"@x.test", "=2W=x.test=a\\\"b\\\\\"@f.test"},
	    {"u@[192.0.2.1]", "=2W=[192.0.2.1]=u\"@f.test"},
	    {"\"u@v\"@x.test", "=2W=x.test=u@v\"@f.test"},
	    {"a=b@x.test", "=2W=x.test=a=b@f.test"},
	    {"\xe9\xa3\x9b@x.test", "=2W=x.test=\xe9\xa3\x9b@f.test"},
	    {"\".a\"@x.test", "=2W=x.test=.a@f.test"},
	    {"\"\\\".\\\"\"@x.test", "=2W=x.test=\\\".\\\"\"@f.test"},
	};
	struct hk_srs_config c = at("f.test");
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		struct hk_srs_verdict v = forward(&c, cases[i].address, NOW);

		assert_int_equal(v.result, HK_SRS_OK);
		assert_true(hk_slice_ends_nocase(v.address, hk_slice_str(cases[i].end)));
		v = reverse(&c, v.address, NOW);
		assert_address(&v, cases[i].address);
	}
}

/* AP-60 */
static void every_changed_octet_breaks_the_hash(void **state)
{
	struct hk_srs_config c = at("f.test");
	struct hk_srs_verdict v;
	char text[256];
	size_t i;

	(void)state;
	v = forward(&c, "user@orig.test", NOW);
	for (i = 5; i < v.address.n - sizeof "@f.test" + 1; i++) {
		snprintf(text, sizeof text, "%.*s", HK_FMT(v.address));
		text[i] = text[i] == 'q' ? 'z' : 'q';
		assert_int_not_equal(reverse(&c, hk_slice_str(text), NOW).result, HK_SRS_OK);
	}
	assert_int_equal(reverse(&c, v.address, NOW).result, HK_SRS_OK);
	c.secret++;
	assert_int_equal(reverse(&c, v.address, NOW).result, HK_SRS_HASH_INVALID);
}

static void the_first_secret_signs_and_all_verify(void **state)
{
	struct hk_srs_config before = at("f.test"), after = at("f.test");
	struct hk_srs_verdict v, w;

	(void)state;
	before.secret = secrets() + 1;
	after.n_secrets = 3;
	v = forward(&before, "u@orig.test", NOW);
	w = forward(&after, "u@orig.test", NOW);
	assert_false(hk_slice_eq(v.address, w.address));
	assert_int_equal(reverse(&before, w.address, NOW).result, HK_SRS_HASH_INVALID);
	v = reverse(&after, v.address, NOW);
	assert_address(&v, "u@orig.test");
	after.n_secrets = 1; /* the old one is dropped */
	w = reverse(&after, w.address, NOW);
	assert_address(&w, "u@orig.test");
}

/* AP-60: an expired day stamp */
static void a_stamp_holds_for_the_maximum_age_and_over_the_wrap_at_1024_days(void **state)
{
	static const struct {
		unsigned max;
		int64_t days;
		enum hk_srs_result result;
	} cases[] = {
	    {0, 0, HK_SRS_OK}, {0, 21, HK_SRS_OK}, {0, 22, HK_SRS_EXPIRED}, {0, -1, HK_SRS_OK},
	    {0, -2, HK_SRS_EXPIRED}, {1, 1, HK_SRS_OK}, {1, 2, HK_SRS_EXPIRED}, {1000, 1000, HK_SRS_OK},
	    {1000, 1001, HK_SRS_EXPIRED}, {0, 1024 + 21, HK_SRS_OK}, {0, 1024 - 2, HK_SRS_EXPIRED},
	};
	int64_t start;
	size_t i;

	(void)state;
	for (start = NOW; start < NOW + 1100LL * DAY; start += 50 * DAY) {
		for (i = 0; i < COUNT(cases); i++) {
			struct hk_srs_config c = at("f.test");
			struct hk_srs_verdict v = forward(&c, "u@orig.test", start);

			c.max_age_days = cases[i].max;
			assert_int_equal(
			    reverse(&c, v.address, start + cases[i].days * DAY).result, cases[i].result);
		}
	}
}

static void hash_length_and_separator_are_the_callers(void **state)
{
	unsigned length;
	size_t i;

	(void)state;
	for (length = 4; length <= HK_SRS_HASH_MAX; length++) {
		for (i = 0; i < 3; i++) {
			struct hk_srs_config c = at("f.test"), plain = at("f.test");
			struct hk_srs_verdict v, back;

			c.hash_length = length;
			c.separator = "=+-"[i];
			c.mac = length % 2 ? HK_SRS_HMAC_SHA1 : HK_SRS_HMAC_SHA256;
			plain.mac = c.mac;
			v = forward(&c, "u@orig.test", NOW);
			assert_int_equal(v.address.n, strlen("SRS0==2W=orig.test=u@f.test") + length);
			assert_int_equal(v.address.p[4], c.separator);
			back = reverse(&plain, v.address, NOW); /* longer than it makes: taken */
			assert_address(&back, "u@orig.test");
			v = forward(&plain, "u@orig.test", NOW);
			back = reverse(&c, v.address, NOW);
			assert_int_equal(back.result, length > 4 ? HK_SRS_HASH_SHORT : HK_SRS_OK);
			c.hash_min = 4;
			back = reverse(&c, v.address, NOW);
			assert_address(&back, "u@orig.test");
		}
	}
}

/* AP-60: a local part of more than 64 octets (RFC 5321 4.5.3.1.1) */
static void a_local_part_too_long_is_refused_or_folded(void **state)
{
	struct hk_srs_config c = at("f.test");
	size_t n;

	(void)state;
	for (n = 1; n <= 64; n++) {
		struct hk_srs_verdict v, back;
		bool fits = strlen("SRS0=HHHH=2W=orig.test=") + n <= 64;
		char text[128];

		snprintf(text, sizeof text, "%.*s@orig.test", (int)n,
		    "abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghij");
		c.fold = HK_SRS_FOLD_NEVER;
		v = forward(&c, text, NOW);
		assert_int_equal(v.result, fits ? HK_SRS_OK : HK_SRS_TOO_LONG);
		c.fold = HK_SRS_FOLD_LONG;
		v = forward(&c, text, NOW);
		assert_int_equal(v.result, fits ? HK_SRS_OK : HK_SRS_FOLDED);
		back = reverse(&c, v.address, NOW);
		assert_int_equal(back.result, v.result);
		if (fits)
			continue;
		assert_true(hk_slice_rfind(v.address, '@') <= 64);
		assert_true(hk_slice_eq(v.fold_address, hk_slice_str(text)));
		assert_true(hk_slice_eq(v.fold_key, back.fold_key));
		assert_int_equal(reverse(&c, v.address, NOW + 22 * DAY).result, HK_SRS_EXPIRED);
	}
}

static void an_srs1_address_too_long_is_folded_whole(void **state)
{
	struct hk_srs_config c = at("g.test");
	const char *from = "SRS0=HHHH=2W=orig.test=abcdefghijabcdefghijabcdefghij@forwarder.test";
	struct hk_srs_verdict v;

	(void)state;
	assert_int_equal(forward(&c, from, NOW).result, HK_SRS_TOO_LONG);
	c.fold = HK_SRS_FOLD_LONG;
	v = forward(&c, from, NOW);
	assert_int_equal(v.result, HK_SRS_FOLDED);
	assert_true(hk_slice_eq(v.fold_address, hk_slice_str(from)));
	assert_int_equal(reverse(&c, v.address, NOW).result, HK_SRS_FOLDED);
}

static void what_only_looks_like_srs_is_told(void **state)
{
	static const struct {
		const char *address;
		enum hk_srs_result result;
	} cases[] = {
	    {"SRS0@f.test", HK_SRS_NOT_SRS},
	    {"SRS0x=a@f.test", HK_SRS_NOT_SRS},
	    {"SRS2=aaaa=2W=a.test=u@f.test", HK_SRS_NOT_SRS},
	    {"XSRS0=aaaa=2W=a.test=u@f.test", HK_SRS_NOT_SRS},
	    {"SRS0=aaa=2W=a.test=u@f.test", HK_SRS_HASH_SHORT},
	    {"SRS0=aaaaaaaaaaaaaaaaaaaaaaaaaaaa=2W=a.test=u@f.test", HK_SRS_HASH_INVALID},
	    {"SRS0=aaaa==a.test=u@f.test", HK_SRS_NO_STAMP},
	    {"SRS0=aaaa=2W==u@f.test", HK_SRS_NO_HOST},
	    {"SRS0=aaaa=2W=a.test=@f.test", HK_SRS_NO_USER},
	    {"SRS1=@f.test", HK_SRS_NO_HASH},
	    {"SRS1=aaaa@f.test", HK_SRS_NO_HOST},
	    {"SRS1=aaaa=a.test@f.test", HK_SRS_NO_USER},
	    {"SRS1=aaaa=a.test=@f.test", HK_SRS_NO_USER},
	    {"SRS1=aaaa=a.test=u@f.test", HK_SRS_NO_USER},
	    {"SRS1=aaaa=a.test==@f.test", HK_SRS_NO_USER},
	    {"SRS1=aaaa=a.test==u@f.test", HK_SRS_HASH_INVALID},
	    {"SRS1=aaa=a.test==u@f.test", HK_SRS_HASH_SHORT},
	    {"u@f.test", HK_SRS_NOT_SRS},
	    {"", HK_SRS_NO_DOMAIN},
	};
	struct hk_srs_config c = at("f.test");
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++)
		if (reverse(&c, hk_slice_str(cases[i].address), NOW).result != cases[i].result)
			fail_msg("%s: %s", cases[i].address,
			    hk_srs_result_text(reverse(&c, hk_slice_str(cases[i].address), NOW).result));
	/* a sender that only looks like it is wrapped as any other */
	assert_memory_equal(forward(&c, "SRS1=foo@x.test", NOW).address.p + 9, "=2W=x.test=SRS1=foo@", 20);
	assert_memory_equal(forward(&c, "SRS1=HHHH=g&t==u@x.test", NOW).address.p + 9, "=2W=x.test=SRS1=HHHH=g&t==u@", 28);
	assert_memory_equal(forward(&c, "SRS1=HHHH=1==u@x.test", NOW).address.p + 9, "=2W=x.test=SRS1=HHHH=1==u@", 26);
}

static void a_config_out_of_its_bounds_is_a_bug(void **state)
{
	struct hk_slice empty = HK_S("");
	struct hk_srs_config cases[] = {at(""), at("f.test"), at("f.test"), at("f.test"), at("f.test"), at("f.test"),
	    at("f.test"), at("f.test")};
	struct hk_srs_verdict v;
	size_t i;

	(void)state;
	cases[1].n_secrets = 0;
	cases[2].secret = &empty;
	cases[3].hash_length = 3;
	cases[4].hash_length = HK_SRS_HASH_MAX + 1;
	cases[5].hash_min = 5;
	cases[6].max_age_days = 1001;
	cases[7].separator = '@';
	for (i = 0; i < COUNT(cases); i++) {
		assert_int_equal(hk_srs_forward(&cases[i], HK_S("u@a.test"), NOW, &arena, &v), HK_BUG);
		assert_int_equal(hk_srs_reverse(&cases[i], HK_S("u@a.test"), NOW, &arena, &v), HK_BUG);
	}
	cases[0] = at("f.test");
	assert_int_equal(hk_srs_forward(&cases[0], HK_S("u@a.test"), -1, &arena, &v), HK_BUG);
}

static void an_arena_of_any_size_ends_in_a_status_or_the_verdict(void **state)
{
	struct hk_srs_config c = at("f.test");
	struct hk_slice from = HK_S("\"a b\"@orig.test");
	size_t limit, good = 0;

	(void)state;
	for (limit = 0; limit < 2048; limit += 8) {
		struct hk_srs_verdict v;
		struct hk_arena small;
		enum hk_status status;

		hk_arena_init(&small, limit);
		status = hk_srs_forward(&c, from, NOW, &small, &v);
		assert_true(status == HK_LIMIT || (status == HK_OK && v.result == HK_SRS_OK));
		if (status == HK_OK)
			status = hk_srs_reverse(&c, v.address, NOW, &small, &v);
		assert_true(status == HK_LIMIT || (status == HK_OK && hk_slice_eq(v.address, from)));
		good += status == HK_OK;
		hk_arena_done(&small);
	}
	assert_true(good > 0);
}

static void every_result_has_its_sentence(void **state)
{
	(void)state;
	assert_string_equal(hk_srs_result_text(HK_SRS_OK), "rewritten");
	assert_string_equal(hk_srs_result_text(HK_SRS_EXPIRED), "time stamp out of date");
	assert_string_equal(hk_srs_result_text((enum hk_srs_result)(HK_SRS_ADDRESS + 1)), "?"); /* the last, and one more */
	assert_string_equal(hk_srs_result_text((enum hk_srs_result)99), "?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_bounce_finds_back_through_every_forwarder),
	    cmocka_unit_test(a_message_that_comes_by_again_is_undone_at_once),
	    cmocka_unit_test(an_address_of_our_own_domains_is_left_alone),
	    cmocka_unit_test(what_is_no_address_is_told),
	    cmocka_unit_test(quotes_go_round_the_new_local_part_rfc_5321_4_1_2),
	    cmocka_unit_test(every_changed_octet_breaks_the_hash),
	    cmocka_unit_test(the_first_secret_signs_and_all_verify),
	    cmocka_unit_test(a_stamp_holds_for_the_maximum_age_and_over_the_wrap_at_1024_days),
	    cmocka_unit_test(hash_length_and_separator_are_the_callers),
	    cmocka_unit_test(a_local_part_too_long_is_refused_or_folded),
	    cmocka_unit_test(an_srs1_address_too_long_is_folded_whole),
	    cmocka_unit_test(what_only_looks_like_srs_is_told),
	    cmocka_unit_test(a_config_out_of_its_bounds_is_a_bug),
	    cmocka_unit_test(an_arena_of_any_size_ends_in_a_status_or_the_verdict),
	    cmocka_unit_test(every_result_has_its_sentence),
	};

	return cmocka_run_group_tests(tests, begin, finish);
}
