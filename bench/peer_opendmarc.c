/* SPDX-License-Identifier: MIT
 *
 * libopendmarc, with the record handed to it: one message of which a DKIM signature passed and is aligned.
 */
#include <netinet/in.h>
#include <stdbool.h>
#include <sys/types.h>

#include <opendmarc/dmarc.h>

#include "bench.h"

static void check(void *with)
{
	DMARC_POLICY_T *p = opendmarc_policy_connect_init((u_char *)"192.0.2.77", 4);

	(void)with;
	bench_check(p && opendmarc_policy_store_from_domain(p, (u_char *)"mail.tree.test") == DMARC_PARSE_OKAY &&
		opendmarc_policy_store_dkim(p, (u_char *)"tree.test", (u_char *)"s1", DMARC_POLICY_DKIM_OUTCOME_PASS, NULL) == DMARC_PARSE_OKAY &&
		opendmarc_policy_store_spf(p, (u_char *)"tree.test", DMARC_POLICY_SPF_OUTCOME_PASS, DMARC_POLICY_SPF_ORIGIN_MAILFROM, NULL) ==
		    DMARC_PARSE_OKAY &&
		opendmarc_policy_store_dmarc(p, (u_char *)"v=DMARC1; p=reject; rua=mailto:r@tree.test", (u_char *)"mail.tree.test",
		    (u_char *)"tree.test") == DMARC_PARSE_OKAY,
	    "the message");
	bench_check(opendmarc_get_policy_to_enforce(p) == DMARC_POLICY_PASS, "the verdict");
	opendmarc_policy_connect_shutdown(p);
}

int main(void)
{
	OPENDMARC_LIB_T lib = {0};

	opendmarc_policy_library_init(&lib);
	printf("%.3f\n", bench_measure(check, NULL));
	return 0;
}
