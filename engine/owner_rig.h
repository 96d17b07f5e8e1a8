/* SPDX-License-Identifier: MIT
 *
 * owner_rig.h - for tests of the owner: one on the simulated disk, mail for it, and jobs given
 * back.
 */
#ifndef HIKYAKU_ENGINE_OWNER_RIG_H
#define HIKYAKU_ENGINE_OWNER_RIG_H

#include "engine/owner_internal.h"
#include "engine/spool_internal.h"
#include "sim/disk.h"
#include "tests/unit.h"

#define CONF_HEAD                                                                                  \
	"hostname mx.b.test; spool /spool; accept b.test; retry 60s 120s; lifetime 1h;"            \
	"listen mx { address 127.0.0.1:25; role mx; }"
#define CONF_MX CONF_HEAD "route * { via mx; concurrency 2; }"

/* What the DNS says of each domain's MX: the hosts, with blanks between, of the first row whose domain is it, or above it; NULL: a
 * failure. Of all others: no MX. */
struct rig_mx {
	const char *domain, *host;
};

struct rig {
	struct hk_sim_disk disk;
	struct hk_conf *conf;
	struct hk_owner *owner;
	struct hk_now now;
	uint64_t next_id;
	const struct rig_mx *mx; /* ends with a row without a domain; NULL: no domain has any */
	unsigned asked;
	size_t jobs_max; /* 0: the default */
	size_t slice;    /* of what a start reads; 0: the default */
	bool has_answered;
};
static inline bool next_order(struct rig *, struct hk_order *ret);

static inline struct hk_conf *parse(const char *text)
{
	struct hk_conf_error error = {0};
	struct hk_conf *conf;

	if (hk_conf_parse("test", hk_slice_str(text), &conf, &error) != HK_OK)
		fail_msg("%.*s", HK_FMT(hk_buf_slice(&error.text)));
	hk_buf_done(&error.text);
	return conf;
}

static inline void open_owner(struct rig *r)
{
	struct hk_owner_options options = {
	    .disk = &r->disk.disk, .now = &r->now, .segment_size = 256 * 1024, .jobs_max = r->jobs_max, .slice = r->slice};

	assert_int_equal(hk_owner_new_sized(r->conf, &options, &r->owner), HK_OK);
}

static inline void start(struct rig *r, const char *conf)
{
	*r = (struct rig){.now = {.mono_ms = 1000000, .utc = 1796000000}, .next_id = 1};
	hk_sim_disk_init(&r->disk, HK_SIM_POSIX, 1);
	r->conf = parse(conf);
	open_owner(r);
}

static inline void restart(struct rig *r)
{
	hk_owner_free(r->owner);
	hk_sim_disk_kill(&r->disk);
	open_owner(r);
}

static inline void finish(struct rig *r)
{
	hk_owner_free(r->owner);
	hk_conf_free(r->conf);
	hk_sim_disk_done(&r->disk);
}

static inline void pass(struct rig *r, uint64_t seconds)
{
	r->now.mono_ms += seconds * 1000;
	r->now.utc += (int64_t)seconds;
	hk_owner_step(r->owner, &r->now);
}

/* A mail with the recipients of a blank-separated list. */
static inline struct hk_mail *make(struct rig *r, const char *from, const char *to, uint32_t flags)
{
	struct hk_mail *m = hk_mail_new(1024 * 1024);
	struct hk_slice rest = hk_slice_str(to);

	m->id = r->next_id++;
	m->received = r->now.utc;
	m->flags = flags;
	m->listener = HK_S("mx");
	m->mail_from = hk_slice_str(from);
	m->header = HK_S("Subject: test\r\n");
	m->body = HK_S("hello\r\n");
	m->body_size = m->body.n;
	m->rcpt = hk_arena_array(&m->arena, 1000, sizeof *m->rcpt);
	while (rest.n) {
		size_t n = hk_slice_find(rest, ' ');

		assert_int_equal(hk_arena_dup(&m->arena, hk_slice_sub(rest, 0, n),
		                     &m->rcpt[m->n_rcpt++].address),
		    HK_OK);
		rest = hk_slice_from(rest, n + 1);
	}
	return m;
}

static inline void answer(struct rig *r, const struct hk_order *order)
{
	struct hk_dns_rr rr[4];
	struct hk_dns_answer said = {.question = order->question, .rr = rr};
	const struct rig_mx *mx = r->mx;
	struct hk_slice rest;

	assert_int_equal(order->question.type, HK_DNS_MX);
	r->asked++;
	while (mx && mx->domain && !hk_dns_name_is_below(order->question.name, hk_slice_str(mx->domain)))
		mx++;
	if (mx && mx->domain && !mx->host)
		said.rcode = HK_DNS_SERVFAIL;
	for (rest = hk_slice_str(mx && mx->domain ? mx->host : NULL); rest.n; said.n++) {
		size_t n = hk_slice_find(rest, ' ');

		rr[said.n] = (struct hk_dns_rr){.type = HK_DNS_MX, .preference = (uint16_t)said.n, .data = hk_slice_sub(rest, 0, n)};
		rest = hk_slice_from(rest, n + 1);
	}
	hk_owner_answer(r->owner, order->token, &said);
}

/* The next order that is no question: those are answered at once. */
static inline bool next_order(struct rig *r, struct hk_order *ret)
{
	for (;;) {
		while (!hk_owner_next(r->owner, ret)) {
			if (!r->has_answered)
				return false;
			r->has_answered = false;
			hk_owner_step(r->owner, &r->now);
		}
		if (ret->type != HK_ORDER_ASK)
			return true;
		answer(r, ret);
		r->has_answered = true;
	}
}

/* Puts it and takes the answer. */
static inline enum hk_status put(struct rig *r, struct hk_mail *m)
{
	struct hk_order order;

	hk_owner_put(r->owner, m, 77);
	hk_owner_step(r->owner, &r->now);
	assert_true(next_order(r, &order));
	assert_int_equal(order.type, HK_ORDER_COMMITTED);
	assert_int_equal(order.token, 77);
	return order.status;
}

enum { ANSWER_MOST = 1024 * 1024 }; /* of what an operator asks */

/* Asks, steps once, and takes the answer; NULL when it does not come with that step. */
static inline struct hk_queue_call *ask(struct rig *r, enum hk_queue_verb verb, uint64_t *id, size_t n)
{
	struct hk_queue_call *c = hk_queue_call_new(verb, ANSWER_MOST);
	struct hk_order order;

	assert_non_null(c);
	c->id = id;
	c->n_ids = n;
	hk_owner_call(r->owner, c);
	hk_owner_step(r->owner, &r->now);
	if (!next_order(r, &order))
		return NULL;
	assert_int_equal(order.type, HK_ORDER_CALLED);
	assert_ptr_equal(order.call, c);
	return c;
}

static inline struct hk_job *next_job(struct rig *r)
{
	struct hk_order order;

	if (!next_order(r, &order))
		return NULL;
	assert_int_equal(order.type, HK_ORDER_DELIVER);
	return order.job;
}

static inline void give_back(struct rig *r, struct hk_job *job, enum hk_rcpt_outcome outcome)
{
	size_t i;

	for (i = 0; i < job->n_rcpt; i++) {
		assert_int_equal(job->result[i].rcpt, job->rcpt[i]);
		job->result[i].outcome = outcome;
		job->result[i].code = outcome == HK_RCPT_DELIVERED ? 250
		                      : outcome == HK_RCPT_FAILED  ? 550
		                                                   : 450;
		snprintf(job->result[i].text, sizeof job->result[i].text, "said so");
	}
	hk_owner_result(r->owner, job);
}

static inline struct hk_owner_counts counts(struct rig *r)
{
	struct hk_owner_counts c;

	hk_owner_count(r->owner, &c);
	return c;
}

#endif
