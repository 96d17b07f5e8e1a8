/* SPDX-License-Identifier: MIT
 *
 * A reload while as many deliveries are out as may be: a hop that has groups waiting and jobs out.
 */
#include <stdlib.h>

#include "engine/owner.h"
#include "sim/disk.h"
#include "tests/unit.h"

#define HEAD "hostname mx.b.test; spool /spool; accept b.test; listen mx { address 127.0.0.1:25; }"

static struct hk_conf *parse(const char *text)
{
	struct hk_conf_error error = {0};
	struct hk_conf *conf;

	assert_int_equal(hk_conf_parse("test", hk_slice_str(text), &conf, &error), HK_OK);
	return conf;
}

static void put(struct hk_owner *o, uint64_t id, const struct hk_now *now)
{
	struct hk_mail *m = hk_mail_new(1024 * 1024);

	m->id = id;
	m->received = now->utc;
	m->listener = HK_S("mx");
	m->mail_from = HK_S("s@a.test");
	m->header = HK_S("Subject: test\r\n");
	m->rcpt = hk_arena_array(&m->arena, 1, sizeof *m->rcpt);
	m->rcpt[0].address = HK_S("u@b.test");
	m->n_rcpt = 1;
	hk_owner_put(o, m, id);
}

static struct hk_job *next_job(struct hk_owner *o)
{
	struct hk_order order;

	while (hk_owner_next(o, &order))
		if (order.type == HK_ORDER_DELIVER)
			return order.job;
	return NULL;
}

static void give_back(struct hk_owner *o, struct hk_job *job)
{
	assert_non_null(job);
	job->result[0].outcome = HK_RCPT_DELIVERED;
	job->result[0].code = 250;
	hk_owner_result(o, job);
}

static void a_reload_with_all_deliveries_out_loses_nothing(void **state)
{
	struct hk_now now = {.mono_ms = 1000000, .utc = 1796000000};
	struct hk_conf *conf = parse(HEAD "route * { via smtp 127.0.0.1:26; concurrency 3; }");
	struct hk_conf *other = parse(HEAD "route * { via smtp 127.0.0.1:27; concurrency 3; }");
	struct hk_owner_counts counts;
	struct hk_sim_disk disk;
	const struct hk_owner_options options = {
	    .disk = &disk.disk, .now = &now, .segment_size = 256 * 1024, .jobs_max = 2};
	struct hk_owner *o;
	struct hk_job *out[2], *job;
	uint64_t id;

	(void)state;
	hk_sim_disk_init(&disk, HK_SIM_POSIX, 1);
	assert_int_equal(hk_owner_new_sized(conf, &options, &o), HK_OK);
	for (id = 1; id <= 4; id++)
		put(o, id, &now);
	hk_owner_step(o, &now);
	out[0] = next_job(o);
	out[1] = next_job(o);
	assert_null(next_job(o));
	hk_owner_reload(o, other);
	give_back(o, out[0]);
	hk_owner_step(o, &now);
	job = next_job(o);
	assert_int_equal(job->route->port, 27);
	give_back(o, out[1]);
	give_back(o, job);
	hk_owner_step(o, &now);
	give_back(o, next_job(o));
	hk_owner_step(o, &now);
	hk_owner_count(o, &counts);
	assert_int_equal(counts.queued, 0);
	assert_int_equal(counts.delivered, 4);
	hk_owner_free(o);
	hk_conf_free(other);
	hk_conf_free(conf);
	hk_sim_disk_done(&disk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_reload_with_all_deliveries_out_loses_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
