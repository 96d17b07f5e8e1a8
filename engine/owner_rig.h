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

struct rig {
	struct hk_sim_disk disk;
	struct hk_conf *conf;
	struct hk_owner *owner;
	struct hk_now now;
	uint64_t next_id;
};

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
	    .disk = &r->disk.disk, .now = &r->now, .segment_size = 256 * 1024};

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

/* Puts it and takes the answer. */
static inline enum hk_status put(struct rig *r, struct hk_mail *m)
{
	struct hk_order order;

	hk_owner_put(r->owner, m, 77);
	hk_owner_step(r->owner, &r->now);
	assert_true(hk_owner_next(r->owner, &order));
	assert_int_equal(order.type, HK_ORDER_COMMITTED);
	assert_int_equal(order.token, 77);
	return order.status;
}

static inline struct hk_job *next_job(struct rig *r)
{
	struct hk_order order;

	if (!hk_owner_next(r->owner, &order))
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
