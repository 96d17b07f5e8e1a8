/* SPDX-License-Identifier: MIT
 *
 * Any split of a client's bytes gives the same events and the same replies: dialogues cut at every
 * octet and at every two.
 */
#include "smtpd_harness.h"
#include "tests/unit.h"

static const char *const dialogues[] = {
    "EHLO c.test\r\nMAIL FROM:<a@a.test> SIZE=9\r\nRCPT TO:<b@b.test>\r\nRCPT "
    "TO:<refuse@b.test>\r\n"
    "DATA\r\n.\r\n..x\r\n.y\r\n\r\n.\r\nQUIT\r\n",
    "HELO c.test\r\nNOOP\r\nMAIL FROM:<>\r\nRCPT TO:<b@b.test>\r\nDATA\r\nspam\r\n.\r\nRSET\r\nVRFY root\r\n",
    "EHLO\r\nmail from:<a@a.test>\r\n\r\nBOGUS\nEHLO c\rd\r\nMAIL FROM:<a@a.test\r\n",
    "EHLO c.test\r\nMAIL FROM:<a@a.test>\r\nRCPT TO:<b@b.test>\r\nDATA\r\na\n.\nb\r\n.\r\nNOOP\r\n",
    /* SEC-17: what stands behind a last chunk is a command, what stands in one never is */
    "EHLO c.test\r\nMAIL FROM:<a@a.test>\r\nRCPT TO:<b@b.test>\r\nBDAT 9\r\na\r\n.\r\nbc\rBDAT 7 LAST\r\n"
    "\nRSET\r\nMAIL FROM:<>\r\nRSET\r\n",
    "BDAT 6\r\nQUIT\r\nEHLO c.test\r\nMAIL FROM:<>\r\nRCPT TO:<b@b.test>\r\nBDAT 3\r\na\nbBDAT 6\r\nQUIT\r\n"
    "BDAT 0 LAST\r\nRSET\r\n",
    "EHLO c.test\r\nAUTH LOGIN\r\nUVVJVA==\r\n*\r\nAUTH PLAIN\r\nAGEAZ29vZA==\r\nMAIL FROM:<\xc3\xa9@a.test> SMTPUTF8\r\n"
    "RCPT TO:<b@b.test> NOTIFY=NEVER\r\nBDAT 0 LAST\r\n",
};

/* What happened and what was sent, for the text in pieces that end at each of the n cuts. */
static void run(struct hk_slice text, const size_t *cuts, size_t n, struct hk_buf *out)
{
	const struct hk_smtpd_options options = {.size = sizeof options,
	    .hostname = HK_S("mx.test"),
	    .max_message = 1000,
	    .extensions = ~0u,
	    .mechanisms = HK_S("PLAIN LOGIN")};
	struct harness h;
	size_t i, from = 0;

	harness_init(&h, &options);
	harness_pump(&h);
	for (i = 0; i <= n; i++) {
		size_t to = i < n ? cuts[i] : text.n;

		harness_feed(&h, hk_slice_sub(text, from, to - from));
		from = to;
	}
	harness_run(&h, HK_S(""), CUT_WHOLE);
	hk_buf_add(out, hk_buf_slice(&h.log));
	hk_buf_add(out, hk_buf_slice(&h.out));
	assert_int_equal(hk_buf_status(out), HK_OK);
	harness_done(&h);
}

static void expect_same(
    struct hk_slice text, const size_t *cuts, size_t n, const struct hk_buf *want)
{
	struct hk_buf got;

	hk_buf_init(&got, 1 << 20);
	run(text, cuts, n, &got);
	assert_slice(hk_buf_slice(&got), hk_buf_slice(want));
	hk_buf_done(&got);
}

/* T5 */
static void a_dialogue_cut_at_any_two_octets_is_the_same_dialogue(void **state)
{
	size_t k, cuts[2];

	(void)state;
	for (k = 0; k < COUNT(dialogues); k++) {
		struct hk_slice text = hk_slice_str(dialogues[k]);
		struct hk_buf want;

		hk_buf_init(&want, 1 << 20);
		run(text, NULL, 0, &want);
		for (cuts[0] = 0; cuts[0] <= text.n; cuts[0]++)
			for (cuts[1] = cuts[0]; cuts[1] <= text.n; cuts[1]++)
				expect_same(text, cuts, 2, &want);
		hk_buf_done(&want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_dialogue_cut_at_any_two_octets_is_the_same_dialogue),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
