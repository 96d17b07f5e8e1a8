/* SPDX-License-Identifier: MIT
 *
 * A host with addresses of both families of which one leads nowhere.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/delivery_testing.h"
#include "tests/unit.h"

#define BOTH                                                                                       \
	"six.test. MX 1 host.six.test.\nhost.six.test. A 10.0.0.6\nhost.six.test. A 10.0.0.66\n"      \
	"host.six.test. AAAA 2001:db8::6\nhost.six.test. AAAA 2001:db8::66\n"

static const char *const v4[] = {"10.0.0.6", "10.0.0.66"}, *const v6[] = {"2001:db8::6", "2001:db8::66"};

/* The addresses in the order in which they were connected to. */
static void connections(const struct rig *r, char *out, size_t room)
{
	struct hk_slice rest = hk_buf_slice(&r->events);
	size_t n = 0;

	out[0] = 0;
	while (rest.n) {
		struct hk_slice line = hk_slice_sub(rest, 0, hk_slice_find(rest, '\n'));

		if (hk_slice_starts_nocase(line, HK_S("connect ")))
			n += (size_t)snprintf(out + n, room - n, "%s%.*s", n ? "|" : "", HK_FMT(hk_slice_sub(line, 8, hk_slice_rfind(line, ':') - 8)));
		rest = hk_slice_from(rest, line.n + 1);
	}
}

static void a_family_that_leads_nowhere_is_told_of_and_comes_last(void **state)
{
	static const struct {
		const char *items, *script4, *script6; /* NULL: no way */
		uint8_t last, failed;
		unsigned tries;
		int first; /* the family of the first try */
	} cases[] = {
	    {"", OK_SCRIPT, OK_SCRIPT, 0, 0, 1, 4},
	    {"address-preference ipv6;", OK_SCRIPT, OK_SCRIPT, 0, 0, 1, 6},
	    {"address-preference ipv6;", OK_SCRIPT, NULL, 0, 6, 2, 6},        /* one try, then the other family */
	    {"", NULL, OK_SCRIPT, 0, 4, 2, 4},
	    {"address-preference ipv6;", OK_SCRIPT, "554 no PTR|close", 0, 6, 2, 6}, /* who refuses one family may take the other */
	    {"address-preference ipv6;", OK_SCRIPT, NULL, 6, 0, 1, 4},        /* it is known */
	    {"address-preference ipv6;", NULL, OK_SCRIPT, 6, 4, 3, 4},        /* all of the other ones first, and then it all the same */
	    {"", OK_SCRIPT, OK_SCRIPT, 4, 0, 1, 6},
	    {"", NULL, NULL, 0, 0, 4, 4},                                     /* neither: nothing is known */
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		struct rig_peer peer[4] = {{.ip = v4[0], .script = cases[i].script4}, {.ip = v4[1], .script = cases[i].script4},
		    {.ip = v6[0], .script = cases[i].script6}, {.ip = v6[1], .script = cases[i].script6}};
		struct rig_mail mail = simple;
		char conf[2048], order[300];
		unsigned tries = 1;
		struct rig r;
		const char *at;

		snprintf(conf, sizeof conf, CONF "route * { via mx; %s }", cases[i].items);
		rig_init(&r, conf, BOTH);
		r.peer = peer;
		r.n_peers = 4;
		mail.rcpt = "r@six.test";
		rig_put(&r, &mail);
		r.job.family_last = cases[i].last;
		rig_run(&r);
		connections(&r, order, sizeof order);
		for (at = order; *at; at++)
			tries += *at == '|';
		if (tries != cases[i].tries || r.job.family_failed != cases[i].failed || (order[0] == '1') != (cases[i].first == 4))
			fail_msg("case %zu: %s, failed %u", i, order, r.job.family_failed);
		assert_int_equal(r.result->outcome, cases[i].script4 || cases[i].script6 ? HK_RCPT_DELIVERED : HK_RCPT_PENDING);
		rig_done(&r);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_family_that_leads_nowhere_is_told_of_and_comes_last),
	};

	return cmocka_run_group_tests_name("delivery-family", tests, NULL, NULL);
}
