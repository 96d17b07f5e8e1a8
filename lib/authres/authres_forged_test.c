/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include <hikyaku/authres.h>

#include "tests/unit.h"

static const char *const plain[] = {
    "Received: from a\r\n\tby b; x\r\n",
    "From: u@a.test\r\n",
    "Authentication-Results: other.test; dmarc=pass\r\n",
    "\357\273\277Authentication-Results: other.test; dmarc=pass\r\n",
    "Subject: Authentication-Results: mx.b.test; none\r\n",
    "ARC-Authentication-Results: i=1; mx.b.test; none\r\n",
};
static const char *const forged[] = {
    "Authentication-Results: mx.b.test; dmarc=pass\r\n",
    "AUTHENTICATION-RESULTS:mx.b.test 1;dmarc=pass\r\n",
    "authentication-results \t: (x) MX.B.TEST;\r\n\tdmarc=pass\r\n",
    "Authentication-Results:\r\n mx.b.test\r\n ; dmarc=pass\r\n",
    "Authentication-Results: (a(b)c\\)) \"mx.b.test\" ; dmarc=pass\r\n",
    "Authentication-Results: mx.b.test.; dmarc=pass\r\n",
    "Authentication-Results: dmarc=pass header.from=bank.test\r\n",
    "Authentication-Results: (mx.b.test; dmarc=pass\r\n",
    "\357\273\277Authentication-Results: mx.b.test; dmarc=pass\r\n",
    "Authentication\x01-Results\x7f: mx.b.test; dmarc=pass\r\n",
};
enum { PLAIN = sizeof plain / sizeof plain[0], FORGED = sizeof forged / sizeof forged[0] };

/* What the engine does: leave out each field that is ours, by its place. */
static void clean(struct hk_arena *a, struct hk_slice section, struct hk_buf *out)
{
	struct hk_edits *edits = hk_edits_new(a);
	struct hk_header h;
	size_t i;

	assert_non_null(edits);
	assert_int_equal(hk_header_parse(a, section, &h), HK_OK);
	for (i = 0; i < h.n; i++)
		if (hk_authres_is_ours(&h.field[i], HK_S("mx.b.test")))
			assert_int_equal(hk_edits_remove(edits, i), HK_OK);
	hk_edits_apply(edits, &h, out);
	assert_int_equal(hk_buf_status(out), HK_OK);
}

static void check(const bool at[PLAIN + 1], const char *const what[PLAIN + 1])
{
	struct hk_buf section, wanted, out;
	struct hk_arena a;
	size_t i;

	hk_arena_init(&a, 1 << 20);
	hk_buf_init(&section, 65536);
	hk_buf_init(&wanted, 65536);
	hk_buf_init(&out, 65536);
	for (i = 0; i <= PLAIN; i++) {
		if (at[i])
			hk_buf_add_str(&section, what[i]);
		if (i < PLAIN) {
			hk_buf_add_str(&section, plain[i]);
			hk_buf_add_str(&wanted, plain[i]);
		}
	}
	clean(&a, hk_buf_slice(&section), &out);
	if (!hk_slice_eq(hk_buf_slice(&out), hk_buf_slice(&wanted)))
		fail_msg(
		    "%.*s\n--\n%.*s", HK_FMT(hk_buf_slice(&section)), HK_FMT(hk_buf_slice(&out)));
	hk_buf_done(&section);
	hk_buf_done(&wanted);
	hk_buf_done(&out);
	hk_arena_done(&a);
}

/* S0-068 SEC-70 AP-34: any number of them, at any place, in any dress */
static void no_forged_field_survives_at_any_place_rfc_8601_5(void **state)
{
	unsigned places, dress;
	size_t i;

	(void)state;
	for (places = 0; places < 1u << (PLAIN + 1); places++) {
		for (dress = 0; dress < FORGED; dress++) {
			bool at[PLAIN + 1];
			const char *what[PLAIN + 1];

			for (i = 0; i <= PLAIN; i++) {
				at[i] = places >> i & 1;
				what[i] = forged[(dress + i * (places + 1)) % FORGED];
			}
			check(at, what);
		}
	}
}

static void a_run_of_forged_fields_goes_as_a_whole(void **state)
{
	struct hk_buf section, out;
	struct hk_arena a;
	size_t i;

	(void)state;
	hk_arena_init(&a, 4 << 20);
	hk_buf_init(&section, 1 << 20);
	hk_buf_init(&out, 1 << 20);
	for (i = 0; i < 500; i++)
		hk_buf_add_str(&section, forged[i % FORGED]);
	hk_buf_add_str(&section, plain[1]);
	clean(&a, hk_buf_slice(&section), &out);
	assert_true(hk_slice_eq(hk_buf_slice(&out), hk_slice_str(plain[1])));
	hk_buf_done(&section);
	hk_buf_done(&out);
	hk_arena_done(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(no_forged_field_survives_at_any_place_rfc_8601_5),
	    cmocka_unit_test(a_run_of_forged_fields_goes_as_a_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
