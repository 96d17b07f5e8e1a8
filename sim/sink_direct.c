/* SPDX-License-Identifier: MIT
 *
 * sink_direct.c - jobs are fulfilled without a delivery: the message is read as one would read it,
 * and each recipient's outcome is drawn.
 */
#include <stdio.h>
#include <stdlib.h>

#include "sim/world.h"

enum { MAIL_ARENA = 4 * 1024 * 1024, BODY_MOST = 1024 * 1024 };

struct held {
	struct held *next;
	struct hk_job *job;
};

static void deliver(struct hk_sim *s, struct hk_job *job)
{
	struct held *h = malloc(sizeof *h);

	if (!h)
		abort();
	*h = (struct held){.next = s->sink_state, .job = job};
	s->sink_state = h;
}

static struct held *take_any(struct hk_sim *s)
{
	struct held **at = (struct held **)&s->sink_state, *h;
	size_t n = 0, i;

	for (h = *at; h; h = h->next)
		n++;
	if (!n)
		return NULL;
	for (i = (size_t)hk_prng_below(&s->prng, n); i; i--)
		at = &(*at)->next;
	h = *at;
	*at = h->next;
	return h;
}

/* The body from the record or its file. false: not readable now. */
static bool read_body(struct hk_sim *s, const struct hk_mail *m, struct hk_slice *ret)
{
	static uint8_t bytes[BODY_MOST]; /* one sink reads at a time */
	const struct hk_disk_ops *ops = s->disk.disk.ops;
	char path[128];
	enum hk_status status;
	size_t n = 0;
	int file;

	*ret = m->body;
	if (!m->body_file.n)
		return true;
	snprintf(path, sizeof path, HK_SIM_SPOOL "/body/%.*s", HK_FMT(m->body_file));
	if (ops->open(&s->disk.disk, path, HK_OPEN_READ, &file) != HK_OK)
		return false;
	status = ops->read(&s->disk.disk, file, 0, bytes, BODY_MOST, &n);
	ops->close(&s->disk.disk, file);
	*ret = hk_slice_of(bytes, n);
	return status == HK_OK;
}

static enum hk_rcpt_outcome draw(struct hk_sim *s)
{
	uint64_t x = hk_prng_below(&s->prng, 1000000);

	if (s->is_healed || x >= s->plan.temporary + s->plan.permanent)
		return HK_RCPT_DELIVERED;
	return x < s->plan.temporary ? HK_RCPT_PENDING : HK_RCPT_FAILED;
}

static void draw_one(struct hk_sim *s, const struct hk_mail *m, struct hk_slice body,
    struct hk_rcpt_result *r, size_t rcpt)
{
	struct hk_slice address = m->rcpt[rcpt].address;

	r->outcome = draw(s);
	if (r->outcome == HK_RCPT_DELIVERED)
		hk_sim_ledger_delivered(s, m->mail_from, address, body);
	else if (r->outcome == HK_RCPT_FAILED)
		hk_sim_ledger_failed(s, address, body);
	else if (!m->mail_from.n && s->now.utc - m->received + (int64_t)s->jumped_s > HK_SIM_LIFETIME / 2 && address.n &&
	         address.p[0] == 's')
		hk_sim_ledger_failed(s, address, body); /* a DSN that may now be given up */
	r->code = r->outcome == HK_RCPT_DELIVERED ? 250 : r->outcome == HK_RCPT_FAILED ? 550 : 450;
	snprintf(r->text, sizeof r->text, "drawn");
	hk_sim_trace(s, "sink says %u for %.*s", r->code, HK_FMT(address));
}

static void act(struct hk_sim *s)
{
	struct held *h = take_any(s);
	struct hk_mail m = {0};
	struct hk_slice body;
	size_t i;

	if (!h)
		return;
	hk_arena_init(&m.arena, MAIL_ARENA);
	h->job->released =
	    hk_prng_chance(&s->prng, s->is_healed ? 0 : s->plan.released) ||
	    hk_spool_read(&s->disk.disk, HK_SIM_SPOOL, &h->job->place, &m) != HK_OK ||
	    !read_body(s, &m, &body);
	if (h->job->released)
		hk_sim_trace(s, "sink releases a job");
	for (i = 0; !h->job->released && i < h->job->n_rcpt; i++)
		draw_one(s, &m, body, &h->job->result[i], h->job->rcpt[i]);
	hk_arena_done(&m.arena);
	hk_sim_post_result(s, h->job);
	free(h);
}

static void lost(struct hk_sim *s)
{
	struct held *h;

	while ((h = s->sink_state)) {
		s->sink_state = h->next;
		hk_job_free(h->job);
		free(h);
	}
}

static void done(struct hk_sim *s)
{
	(void)s;
}

static bool is_quiet(struct hk_sim *s)
{
	return !s->sink_state;
}

const struct hk_sim_sink_ops hk_sim_sink_direct = {deliver, act, lost, is_quiet, done};
