/* SPDX-License-Identifier: MIT
 *
 * net.h - what becomes of a connection, and whether what we send over it is SMTP (I12).
 */
#ifndef HIKYAKU_SIM_NET_H
#define HIKYAKU_SIM_NET_H

#include "sim/world.h"

enum hk_sim_fate {
	HK_SIM_FLOWS,
	HK_SIM_WAITS, /* nothing comes through now, or ever again */
	HK_SIM_LOST   /* reset: what was under way is gone */
};
struct hk_sim_net {
	uint64_t until_ms; /* delayed */
	bool is_hung;      /* neither bytes nor a reset */
};
/* hk_sim_net_fate(s, net): drawn anew at each look. */
enum hk_sim_fate hk_sim_net_fate(struct hk_sim *, struct hk_sim_net *);
/* hk_sim_net_piece(s, n): how much of n bytes comes through at once; at least one. */
size_t hk_sim_net_piece(struct hk_sim *, size_t n);
/* hk_sim_net_reply(s, line), _command(s, line): one line of ours as it was sent, with its end. */
void hk_sim_net_reply(struct hk_sim *, struct hk_slice line);
void hk_sim_net_command(struct hk_sim *, struct hk_slice line);
/* hk_sim_net_text(s, line): one line of a message of ours. */
void hk_sim_net_text(struct hk_sim *, struct hk_slice line);

#endif
