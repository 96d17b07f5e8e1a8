/* SPDX-License-Identifier: MIT */
#include "engine/key_choice.h"
#include "tests/unit.h"

static struct hk_conf *conf_of(const char *rest)
{
	struct hk_buf text;
	struct hk_conf *c;

	hk_buf_init(&text, 4096);
	hk_buf_addf(&text, "hostname h.test;"
	                   "key new { domain a.test; selector n; file /n; }"
	                   "key old { domain a.test; selector o; file /o; }"
	                   "key newe { domain a.test; selector ne; file /ne; }"
	                   "key olde { domain a.test; selector oe; file /oe; }"
	                   "key host { domain host.test; selector h; file /h; }%s",
	    rest);
	assert_int_equal(hk_conf_parse("t", hk_buf_slice(&text), &c, NULL), HK_OK);
	hk_buf_done(&text);
	return c;
}

enum { NEW, OLD, NEWE, OLDE, HOST, KEYS };
static const enum hk_sign_alg algs[KEYS] = {HK_SIGN_RSA_SHA256, HK_SIGN_RSA_SHA256,
    HK_SIGN_ED25519_SHA256, HK_SIGN_ED25519_SHA256, HK_SIGN_RSA_SHA256};

static void the_newest_published_key_of_each_algorithm_signs(void **state)
{
	/* sights of the keys as digits of enum hk_key_sight; what signs; what is left out */
	static const struct {
		const char *sights, *signs, *left_out;
		bool is_published;
	} cases[] = {
	    {"00000", "02", "", true},  /* nothing is known: the newest */
	    {"11111", "02", "", true},  /* all published: the newest */
	    {"21211", "13", "", true},  /* the new ones are not there yet */
	    {"41111", "12", "", true},  /* another key at its name */
	    {"31111", "12", "", true},  /* revoked */
	    {"01011", "13", "", true},  /* the new ones were not looked up yet: those that were found */
	    {"20222", "12", "", true},  /* the old one may be there, and so nothing is left out */
	    {"22112", "2", "0", true},  /* no RSA key: only what can be verified */
	    {"11222", "0", "2", true},
	    {"22222", "02", "", false}, /* none at all */
	    {"34434", "02", "", false},
	};
	struct hk_conf *c = conf_of("sign * new old newe olde;");
	size_t i, j;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		struct hk_key_choice choice[HK_KEY_CHOICES];
		char signs[8] = "", left_out[8] = "";
		hk_key_sights sights[KEYS];
		size_t n, s = 0, l = 0;

		for (j = 0; j < KEYS; j++)
			sights[j] = (uint8_t)(cases[i].sights[j] - '0');
		n = hk_key_choose(c, &c->sign[0], algs, sights, choice);
		for (j = 0; j < n; j++) {
			*(choice[j].is_left_out ? &left_out[l++] : &signs[s++]) =
			    (char)('0' + choice[j].key);
			assert_int_equal(choice[j].sight, sights[choice[j].key]);
			assert_int_equal(choice[j].first_sight, sights[choice[j].first]);
			assert_int_equal(choice[j].first, j == 0 ? NEW : NEWE);
		}
		assert_string_equal(signs, cases[i].signs);
		assert_string_equal(left_out, cases[i].left_out);
		assert_int_equal(hk_key_is_published(choice, n), cases[i].is_published);
	}
	hk_conf_free(c);
}

static void each_domain_signs_for_itself(void **state)
{
	struct hk_conf *c = conf_of("sign * host old new;");
	hk_key_sights sights[KEYS] = {HK_KEY_FITS, HK_KEY_ABSENT, 0, 0, HK_KEY_FITS};
	struct hk_key_choice choice[HK_KEY_CHOICES];

	(void)state;
	assert_int_equal(hk_key_choose(c, &c->sign[0], algs, sights, choice), 2);
	assert_int_equal(choice[0].key, HOST);
	assert_int_equal(choice[1].key, NEW);
	assert_int_equal(choice[1].first, OLD);
	assert_int_equal(hk_key_choose(c, &c->sign[0], algs, NULL, choice), 2);
	assert_int_equal(choice[1].key, OLD);
	hk_conf_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_newest_published_key_of_each_algorithm_signs),
	    cmocka_unit_test(each_domain_signs_for_itself),
	};

	return cmocka_run_group_tests_name("key-choice", tests, NULL, NULL);
}
