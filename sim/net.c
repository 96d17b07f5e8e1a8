/* SPDX-License-Identifier: MIT */
#include "sim/net.h"

/* RFC 5321 4.5.3.1.4 to 4.5.3.1.6, with CRLF; a command of ours may carry the parameters of extensions (RFC 1870, 3461 and others) */
enum { REPLY_MOST = 512, COMMAND_MOST = 2048, TEXT_LINE_MOST = 1000, DELAY_MOST_MS = 60000 };

enum hk_sim_fate hk_sim_net_fate(struct hk_sim *s, struct hk_sim_net *net)
{
	if (s->is_healed) {
		bool was_hung = net->is_hung;

		*net = (struct hk_sim_net){0};
		return was_hung ? HK_SIM_LOST : HK_SIM_FLOWS;
	}
	if (!net->is_hung && net->until_ms <= s->now.mono_ms && hk_prng_chance(&s->prng, s->plan.network)) {
		switch (hk_prng_below(&s->prng, 4)) {
		case 0:
			return HK_SIM_LOST;
		case 1:
			net->is_hung = true;
			break;
		default:
			net->until_ms = s->now.mono_ms + 1 + hk_prng_below(&s->prng, DELAY_MOST_MS);
		}
	}
	return net->is_hung || net->until_ms > s->now.mono_ms ? HK_SIM_WAITS : HK_SIM_FLOWS;
}

size_t hk_sim_net_piece(struct hk_sim *s, size_t n)
{
	return hk_prng_coin(&s->prng) ? n : 1 + (size_t)hk_prng_below(&s->prng, n);
}

static void check_line(struct hk_sim *s, struct hk_slice line, size_t most, bool is_text)
{
	size_t i;

	if (line.n < 2 || line.p[line.n - 2] != '\r' || line.p[line.n - 1] != '\n')
		hk_sim_violation(s, 12, "a line of ours does not end with CRLF");
	if (line.n > most)
		hk_sim_violation(s, 12, "a line of ours has %zu octets", line.n);
	for (i = 0; i + 2 < line.n; i++)
		if (line.p[i] == '\r' || line.p[i] == '\n' || !line.p[i] || (!is_text && (line.p[i] < 0x20 || line.p[i] > 0x7e)))
			hk_sim_violation(s, 12, "an octet 0x%02x in a line of ours", line.p[i]);
}

void hk_sim_net_reply(struct hk_sim *s, struct hk_slice line)
{
	check_line(s, line, REPLY_MOST, false);
	if (line.n < 5 || line.p[0] < '2' || line.p[0] > '5' || !hk_is_digit(line.p[1]) || !hk_is_digit(line.p[2]) ||
	    (line.p[3] != ' ' && line.p[3] != '-'))
		hk_sim_violation(s, 12, "a reply of ours is none");
}

void hk_sim_net_command(struct hk_sim *s, struct hk_slice line)
{
	check_line(s, line, COMMAND_MOST, false);
}

void hk_sim_net_text(struct hk_sim *s, struct hk_slice line)
{
	check_line(s, line, TEXT_LINE_MOST, true);
}
