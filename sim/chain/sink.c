/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "sim/chain/chain.h"
#include "sim/lines.h"

enum { MESSAGE_MOST = 1024 * 1024, LOST_REPLY = 50000 };

static void say(struct chain_hop *h, const char *text)
{
	chain_trace(h->from->chain, "    sink: %s", text);
	hk_buf_addf(&h->sink.out, "%s\r\n", text);
}

void chain_sink_begin(struct chain_sink *s, struct chain *c)
{
	chain_sink_done(s);
	*s = (struct chain_sink){0};
	hk_buf_init(&s->in, MESSAGE_MOST);
	hk_buf_init(&s->out, 65536);
	chain_trace(c, "    sink: 220");
	hk_buf_add_str(&s->out, "220 sink.test ready\r\n");
}

void chain_sink_done(struct chain_sink *s)
{
	hk_buf_done(&s->in);
	hk_buf_done(&s->out);
}

static void on_rcpt(struct chain_hop *h, struct hk_slice line)
{
	struct chain *c = h->from->chain;
	struct hk_slice path = hk_slice_from(line, hk_slice_find(line, '<') + 1);
	uint64_t x = hk_prng_below(&c->prng, 1000000);
	struct chain_one one;

	path = hk_slice_sub(path, 0, hk_slice_find(path, '>'));
	if (!chain_find(c, path, &one)) {
		chain_wrong(c, "mail for %.*s, whom nobody named", HK_FMT(path));
		say(h, "550 5.1.1 nobody");
	} else if (!c->is_healed && x < c->temporary) {
		say(h, "450 4.2.0 later");
	} else if (!c->is_healed && one.rcpt < CHAIN_RCPTS && x < c->temporary + c->permanent) {
		say(h, "550 5.1.1 no such user");
	} else {
		h->one[h->n++] = one;
		say(h, "250 2.1.5 ok");
	}
}

static void on_message(struct chain_hop *h)
{
	struct chain *c = h->from->chain;
	struct hk_slice text = hk_buf_slice(&h->sink.in);
	unsigned i, k;

	for (i = 0; i < h->n; i++) {
		struct chain_mail *m = &c->mail[h->one[i].number];
		char address[64];

		for (k = 0; h->one[i].rcpt == CHAIN_RCPTS && k < m->n_rcpt; k++) {
			snprintf(address, sizeof address, "Final-Recipient: rfc822; r%u-%u@far.test\r\n", h->one[i].number, k);
			m->is_told[k] |= memmem(text.p, text.n, address, strlen(address)) && memmem(text.p, text.n, "\r\nAction: failed\r\n", 18);
		}
		if (h->one[i].rcpt == CHAIN_RCPTS)
			continue;
		c->n_arrivals++;
		c->n_again += m->arrivals[h->one[i].rcpt]++ > 0;
		if (m->arrivals[h->one[i].rcpt] > 1 + m->doubts[h->one[i].rcpt])
			chain_wrong(c, "r%u-%u@far.test got %u copies, and %u faults allow it", h->one[i].number, h->one[i].rcpt,
			    m->arrivals[h->one[i].rcpt], m->doubts[h->one[i].rcpt]);
	}
	h->has_taken = true;
	h->sink.in_data = false;
	say(h, "250 2.0.0 taken");
	if (!c->is_healed && hk_prng_chance(&c->prng, LOST_REPLY)) {
		hk_buf_reset(&h->sink.out);
		h->sink.has_hung_up = true;
	}
}

static void on_command(struct chain_hop *h, struct hk_slice line)
{
	if (hk_slice_starts_nocase(line, HK_S("RCPT TO:"))) {
		on_rcpt(h, line);
	} else if (hk_slice_starts_nocase(line, HK_S("DATA"))) {
		h->sink.in_data = h->n > 0;
		say(h, h->n ? "354 go on" : "554 5.5.1 for whom?");
	} else if (hk_slice_starts_nocase(line, HK_S("QUIT"))) {
		say(h, "221 2.0.0 bye");
		h->sink.has_hung_up = true;
	} else {
		if (hk_slice_starts_nocase(line, HK_S("MAIL FROM:")))
			h->n = 0;
		say(h, "250 2.0.0 ok");
	}
}

void chain_sink_hear(struct chain_hop *h, struct hk_slice bytes)
{
	struct chain_sink *s = &h->sink;

	while (!s->has_hung_up && hk_sim_line(&s->in, &bytes)) {
		if (!s->in_data)
			on_command(h, hk_slice_trim(hk_buf_slice(&s->in)));
		else if (hk_sim_is_message(&s->in))
			on_message(h);
		else
			continue;
		hk_buf_reset(&s->in);
	}
}
