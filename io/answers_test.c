/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>

#include "io/answers.h"
#include "tests/unit.h"

static struct hk_dns_post *answer(
    const char *name, uint16_t type, enum hk_dns_rcode rcode, uint32_t ttl)
{
	struct hk_dns_question q = {hk_slice_str(name), type};
	struct hk_dns_post *p = hk_dns_post_new(&q, NULL, 0);

	p->answer = (struct hk_dns_answer){
	    .question = {hk_slice_str(p->name), type}, .rcode = rcode, .ttl = ttl};
	return p;
}

static bool find(
    struct hk_answers *c, const char *name, uint16_t type, uint64_t now, struct hk_dns_answer *ret)
{
	return hk_answers_find(c, &(struct hk_dns_question){hk_slice_str(name), type}, now, ret);
}

static void an_answer_lives_as_long_as_its_ttl(void **state)
{
	struct hk_answers *c = calloc(1, sizeof *c);
	struct hk_dns_answer a;

	(void)state;
	hk_answers_put(c, answer("a.test", HK_DNS_TXT, HK_DNS_NXDOMAIN, 60), 1000);
	assert_true(find(c, "a.test", HK_DNS_TXT, 1000, &a));
	assert_int_equal(a.ttl, 60);
	assert_true(find(c, "a.test", HK_DNS_TXT, 60999, &a));
	assert_int_equal(a.ttl, 0);
	assert_false(find(c, "a.test", HK_DNS_TXT, 61000, &a));
	assert_false(find(c, "a.test", HK_DNS_MX, 1000, &a));
	assert_false(find(c, "b.test", HK_DNS_TXT, 1000, &a));
	hk_answers_done(c);
	free(c);
}

/* SEC 1.8: DNS TTL 0 */
static void failures_and_answers_without_ttl_are_not_kept(void **state)
{
	struct hk_answers *c = calloc(1, sizeof *c);
	struct hk_dns_answer a;

	(void)state;
	hk_answers_put(c, answer("a.test", HK_DNS_TXT, HK_DNS_SERVFAIL, 60), 1000);
	hk_answers_put(c, answer("b.test", HK_DNS_TXT, HK_DNS_TIMEOUT, 60), 1000);
	hk_answers_put(c, answer("c.test", HK_DNS_TXT, HK_DNS_NOERROR, 0), 1000);
	assert_false(find(c, "a.test", HK_DNS_TXT, 1000, &a));
	assert_false(find(c, "b.test", HK_DNS_TXT, 1000, &a));
	assert_false(find(c, "c.test", HK_DNS_TXT, 1000, &a));
	hk_answers_done(c);
	free(c);
}

static void the_table_never_grows_and_the_newest_stay(void **state)
{
	struct hk_answers *c = calloc(1, sizeof *c);
	struct hk_dns_answer a;
	size_t found = 0;
	char name[32];
	int i;

	(void)state;
	for (i = 0; i < 20000; i++) {
		snprintf(name, sizeof name, "n%d.test", i);
		hk_answers_put(c, answer(name, HK_DNS_A, HK_DNS_NOERROR, 100), 1000);
		assert_true(find(c, name, HK_DNS_A, 1001, &a));
		hk_answers_put(c, answer(name, HK_DNS_A, HK_DNS_NXDOMAIN, 100), 1000);
		assert_true(find(c, name, HK_DNS_A, 1001, &a));
		assert_int_equal(a.rcode, HK_DNS_NXDOMAIN);
	}
	for (i = 0; i < 20000; i++) {
		snprintf(name, sizeof name, "n%d.test", i);
		found += find(c, name, HK_DNS_A, 1001, &a);
	}
	assert_true(found > 3900 && found <= HK_ANSWERS_SETS * HK_ANSWERS_WAYS);
	hk_answers_done(c);
	free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_answer_lives_as_long_as_its_ttl),
	    cmocka_unit_test(failures_and_answers_without_ttl_are_not_kept),
	    cmocka_unit_test(the_table_never_grows_and_the_newest_stay),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
