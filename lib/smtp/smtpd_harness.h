/* SPDX-License-Identifier: MIT
 *
 * smtpd_harness.h - drives a server session over a whole input cut into pieces, for the tests.
 */
#ifndef HIKYAKU_SMTPD_HARNESS_H
#define HIKYAKU_SMTPD_HARNESS_H

#include <hikyaku/smtp.h>

enum cut { CUT_WHOLE, CUT_BYTES, CUT_RANDOM };

struct harness {
	struct hk_smtpd *session;
	struct hk_buf log;   /* one line per event; adjoining BODY chunks are one */
	struct hk_buf out;   /* everything that was sent */
	struct hk_buf body;  /* of the current message */
	bool mute;           /* no log */
	bool over;
	bool refuse_data;    /* a recipient "nodata" was named: DATA gets 451 */
	unsigned challenges; /* given in this exchange */
	const char *password; /* how the right one ends; NULL: "good" */
	enum hk_status last; /* of hk_smtpd_next */
	uint64_t seed;
};

uint64_t harness_random(uint64_t *seed);
void harness_init(struct harness *, const struct hk_smtpd_options *);
void harness_done(struct harness *);
/* harness_pump(h): events are logged and answered until AGAIN or END. Local parts decide: "refuse" 550, "defer" 451, "end" 421
 * at RCPT or MAIL; a message with "spam" in it gets 554, VRFY of "root" 250, HELO "bad.test" 550. The password ends with "good";
 * LMTP's second recipient is over its quota. */
void harness_pump(struct harness *);
void harness_feed(struct harness *, struct hk_slice);
void harness_run(struct harness *, struct hk_slice input, enum cut);
void harness_take(struct harness *);

#endif
