/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "cli_internal.h"

enum { MATRIX_ARENA = 65536, ROWS = 16 };

/* The verdict of the evaluator itself for one row: author.test publishes a policy, nothing else
 * does. */
static enum hk_dmarc_result judge(bool spf, bool spf_aligned, bool dkim, bool dkim_aligned)
{
	static const struct hk_dns_rr record = {
	    .type = HK_DNS_TXT, .data = {(const uint8_t *)"v=DMARC1; p=reject", 18}};
	enum hk_dmarc_result result = HK_DMARC_TEMPERROR;
	struct hk_dns_question q;
	struct hk_arena a;
	struct hk_dmarc *d;

	hk_arena_init(&a, MATRIX_ARENA);
	d = hk_dmarc_new(&a, HK_S("author.test"), NULL, NULL);
	if (d &&
	    hk_dmarc_spf(d, spf_aligned ? HK_S("author.test") : HK_S("other.test"), spf, false) ==
	        HK_OK &&
	    hk_dmarc_dkim(
	        d, dkim_aligned ? HK_S("author.test") : HK_S("other.test"), dkim, false) == HK_OK) {
		hk_dmarc_ready(d);
		while (hk_dmarc_step(d) == HK_AGAIN && hk_dmarc_question(d, &q)) {
			bool own = hk_slice_eq(q.name, HK_S("_dmarc.author.test"));
			struct hk_dns_answer answer = {.question = q, .rr = &record, .n = 1};

			if (!own)
				answer =
				    (struct hk_dns_answer){.question = q, .rcode = HK_DNS_NXDOMAIN};
			if (hk_dmarc_answer(d, &answer) != HK_OK)
				break;
		}
		if (hk_dmarc_result(d))
			result = hk_dmarc_result(d)->result;
	}
	hk_arena_done(&a);
	return result;
}

enum cli_exit cli_matrix(const struct cli_options *o)
{
	static const char *const note[][2] = {
	    {"impossible: a check that failed has no identifier to align",
	        "ありえない組み合わせ: failした検査に一致する識別子はありません"},
	    {"16 rows, 7 of them impossible: 9 remain (books often say 14).",
	        "16行のうち7行はありえず、残りは9通りです(書籍では14通りとされることがあります)。"},
	    {"DMARC passes when (SPF passes and is aligned) or (DKIM passes and is aligned). RFC "
	     "9989 5.3",
	        "DMARC=passとなるのは、(SPF=passかつSPFアライメント合格)または(DKIM="
	        "passかつDKIMアライメント合格)のときです。RFC 9989 5.3"},
	};
	unsigned row;

	puts("| SPF  | SPF aligned | DKIM | DKIM aligned | DMARC "
	     "|\n|------|-------------|------|--------------|-------|");
	for (row = 0; row < ROWS; row++) {
		bool spf = !(row & 8), spf_aligned = !(row & 4), dkim = !(row & 2),
		     dkim_aligned = !(row & 1);
		bool impossible = (!spf && spf_aligned) || (!dkim && dkim_aligned);

		printf("| %-4s | %-11s | %-4s | %-12s | %-5s |%s%s\n", spf ? "pass" : "fail",
		    spf_aligned ? "yes" : "no", dkim ? "pass" : "fail", dkim_aligned ? "yes" : "no",
		    hk_dmarc_result_name(judge(spf, spf_aligned, dkim, dkim_aligned)),
		    impossible ? " " : "", impossible ? note[0][o->language] : "");
	}
	puts(note[1][o->language]);
	puts(note[2][o->language]);
	return CLI_OK;
}
