/* SPDX-License-Identifier: MIT
 *
 * mx.h - a mail server for deliveries to talk to: it draws its replies, says what it took, and at any point of the dialogue
 * it may refuse, fall silent, hang up, or say what is no reply.
 */
#ifndef HIKYAKU_SIM_MX_H
#define HIKYAKU_SIM_MX_H

#include "sim/world.h"

/* Whom a connection is for, as the spool has them. */
struct hk_sim_whom {
	char address[HK_SIM_RCPTS][HK_SIM_ADDRESS];
	unsigned n;
};
struct hk_sim_mx {
	struct hk_sim *sim;
	const struct hk_sim_whom *whom;
	struct hk_buf in, out;   /* a line or message so far; replies */
	size_t line_at;          /* in a message: where its last line begins */
	bool in_data, has_hung_up, is_silent, has_by;
	struct hk_slice from;
	char from_text[HK_SIM_ADDRESS];
	char rcpt[HK_SIM_RCPTS][HK_SIM_ADDRESS]; /* accepted */
	unsigned n_rcpt;
	bool has_taken;          /* the message, with 250 */
	size_t reply_left;       /* bytes of that 250 and before it which the client has not read yet */
};

void hk_sim_mx_init(struct hk_sim_mx *, struct hk_sim *, const struct hk_sim_whom *);
void hk_sim_mx_done(struct hk_sim_mx *);
void hk_sim_mx_hear(struct hk_sim_mx *, struct hk_slice);
/* n bytes of out were read. */
void hk_sim_mx_read(struct hk_sim_mx *, size_t n);

#endif
