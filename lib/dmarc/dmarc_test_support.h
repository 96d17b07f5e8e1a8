/* SPDX-License-Identifier: MIT
 *
 * dmarc_test_support.h - one evaluation with canned answers, for the tests of dmarc.
 */
#ifndef HIKYAKU_DMARC_TEST_SUPPORT_H
#define HIKYAKU_DMARC_TEST_SUPPORT_H

#include <hikyaku/dmarc.h>

struct given {
	const char *title;
	const char *zone; /* master-file text */
	const char *author;
	const char *spf; /* a domain; "!" before it: did not pass, "?": temporary error */
	const char *dkim[3];
	const char *suffix; /* RFC 7489: the public suffixes, separated by blanks; "?" that the list cannot be asked */
	unsigned sample;
};
struct want {
	enum hk_dmarc_result result;
	enum hk_dmarc_policy policy, disposition;
	const char *record_domain, *org_domain;
	bool spf_aligned, dkim_aligned;
	const char *reason;
};

struct outcome {
	struct hk_arena arena;
	struct hk_trace *trace;
	const struct hk_dmarc_verdict *verdict;
	char log[4096]; /* what was asked: "name TYPE RCODE\n" in the order of asking */
	size_t asked;
};

/* dmarc_run(given, backwards, ret): by RFC 7489 where given has suffixes, else by RFC 9989. backwards: the last question
 * asked is answered first. The arena of *ret is the caller's to end. */
void dmarc_run(const struct given *, bool backwards, struct outcome *ret);
/* dmarc_check(given, want): in both orders. */
void dmarc_check(const struct given *, const struct want *);

#endif
