/* SPDX-License-Identifier: MIT
 *
 * Domains that have the same hosts are one site (owner_site.c).
 */
#include <stdio.h>
#include <stdlib.h>

#include "engine/owner_rig.h"
#include "tests/unit.h"

#define CONF_SITE                                                                                  \
	"hostname mx.b.test; spool /spool; accept b.test; retry 100s 200s; lifetime 1h; resolver-timeout 5s;" \
	"listen mx { address 127.0.0.1:25; role mx; }"                                                 \
	"route * { via mx; concurrency 8; }"

enum { MANY = 60 };

/* A message to each of the domains FROM.name to TO-1.name. */
static void put_each(struct rig *r, const char *name, unsigned from, unsigned to)
{
	char address[100];
	unsigned i;

	for (i = from; i < to; i++) {
		snprintf(address, sizeof address, "u@d%u.%s", i, name);
		hk_owner_put(r->owner, make(r, "", address, 0), 77);
	}
	hk_owner_step(r->owner, &r->now);
}

/* The jobs that are out now. */
static size_t take(struct rig *r, struct hk_job *job[], size_t most)
{
	struct hk_order order;
	size_t n = 0;

	while (n < most && next_order(r, &order))
		if (order.type == HK_ORDER_DELIVER)
			job[n++] = order.job;
		else
			assert_int_equal(order.status, HK_OK);
	return n;
}

static void give(struct rig *r, struct hk_job *job[], size_t n, enum hk_rcpt_outcome outcome, enum hk_hop_news news)
{
	size_t i;

	for (i = 0; i < n; i++) {
		job[i]->news = news;
		give_back(r, job[i], outcome);
	}
	pass(r, 0);
}

static void deliver_all(struct rig *r)
{
	struct hk_job *job[MANY];
	size_t n;

	while ((n = take(r, job, MANY)))
		give(r, job, n, HK_RCPT_DELIVERED, HK_HOP_TALKED);
}

static const struct rig_mx provider[] = {{"a.test", "mx1.p.test mx2.p.test"}, {"b.test", "mx2.p.test mx1.p.test mx1.p.test"},
    {"c.test", "mx1.p.test"}, {"out.test", NULL}, {0}};

static void domains_with_the_same_hosts_are_one_site(void **state)
{
	struct hk_job *job[MANY];
	struct rig r;
	size_t n;

	(void)state;
	start(&r, CONF_SITE);
	r.mx = provider;
	put_each(&r, "a.test", 0, 10); /* in another order, and once more the same: the same hosts */
	put_each(&r, "b.test", 0, 10);
	n = take(&r, job, MANY);
	assert_int_equal(n, HK_HOP_LIMIT_FIRST);
	assert_int_equal(r.asked, 20);
	put_each(&r, "c.test", 0, 10); /* one host less is another site */
	n += take(&r, job + n, MANY - n);
	assert_int_equal(n, 2 * HK_HOP_LIMIT_FIRST);
	put_each(&r, "none.test", 0, 10); /* without MX each is alone */
	n += take(&r, job + n, MANY - n);
	assert_int_equal(n, 2 * HK_HOP_LIMIT_FIRST + 10);
	give(&r, job, n, HK_RCPT_DELIVERED, HK_HOP_TALKED);
	n = take(&r, job, MANY); /* and it is learnt for all of them that it takes more */
	assert_int_equal(n, 8 + 5);
	give(&r, job, n, HK_RCPT_DELIVERED, HK_HOP_TALKED);
	deliver_all(&r);
	assert_int_equal(counts(&r).delivered, 40);
	finish(&r);
}

/* A sender's U-labels stay, and a report goes there; a recipient's are A-labels since RCPT (decision 0012). */
static void u_labels_and_a_labels_are_one_domain(void **state)
{
	const char *const addresses[] = {"u@\xc3\xbc.test", "v@xn--tda.test", "w@XN--TDA.test"};
	struct hk_job *job[MANY];
	struct rig r;
	size_t i;

	(void)state;
	start(&r, CONF_SITE);
	for (i = 0; i < COUNT(addresses); i++)
		hk_owner_put(r.owner, make(&r, "", addresses[i], 0), 77);
	hk_owner_step(r.owner, &r.now);
	assert_int_equal(take(&r, job, MANY), COUNT(addresses));
	assert_int_equal(r.asked, 1);
	for (i = 0; i < COUNT(addresses); i++)
		assert_text(job[i]->domain, "xn--tda.test");
	give(&r, job, COUNT(addresses), HK_RCPT_PENDING, HK_HOP_DOWN);
	hk_owner_put(r.owner, make(&r, "", "x@\xc3\xbc.test", 0), 77);
	hk_owner_step(r.owner, &r.now);
	assert_int_equal(take(&r, job, MANY), 0);
	finish(&r);
}

static void a_site_that_is_down_rests_for_all_its_domains(void **state)
{
	struct hk_job *job[MANY];
	struct rig r;
	size_t n;

	(void)state;
	start(&r, CONF_SITE);
	r.mx = provider;
	put_each(&r, "a.test", 0, 20);
	n = take(&r, job, MANY);
	give(&r, job, n, HK_RCPT_PENDING, HK_HOP_DOWN);
	assert_int_equal(take(&r, job, MANY), 0);
	pass(&r, 0);
	assert_int_equal(counts(&r).deferred, 20);
	put_each(&r, "b.test", 0, 1);
	assert_int_equal(take(&r, job, MANY), 0);
	put_each(&r, "c.test", 0, 1);
	assert_int_equal(take(&r, job, MANY), 1);
	give(&r, job, 1, HK_RCPT_DELIVERED, HK_HOP_TALKED);
	pass(&r, 113);
	n = take(&r, job, MANY);
	assert_int_equal(n, 2);
	give(&r, job, n, HK_RCPT_DELIVERED, HK_HOP_TALKED);
	deliver_all(&r);
	assert_int_equal(counts(&r).delivered, 22);
	finish(&r);
}

/* A domain may have a policy of its own for hosts that it shares. */
static void a_job_has_recipients_of_one_domain(void **state)
{
	struct hk_job *job[MANY];
	struct rig r;

	(void)state;
	start(&r, CONF_SITE);
	r.mx = provider;
	hk_owner_put(r.owner, make(&r, "", "u@d1.a.test u@d2.b.test v@d1.a.test w@d1.a.test v@d2.b.test", 0), 77);
	hk_owner_step(r.owner, &r.now);
	assert_int_equal(take(&r, job, MANY), 2);
	assert_true(hk_slice_eq(job[0]->domain, HK_S("d1.a.test")));
	assert_int_equal(job[0]->n_rcpt, 3);
	assert_int_equal(job[0]->rcpt[2], 3);
	assert_true(hk_slice_eq(job[1]->domain, HK_S("d2.b.test")));
	assert_int_equal(job[1]->n_rcpt, 2);
	give(&r, job, 2, HK_RCPT_DELIVERED, HK_HOP_TALKED);
	assert_int_equal(counts(&r).queued, 0);
	finish(&r);
}

/* What went wrong was the message's own: it neither lets a hop rest nor makes it take more. */
static void what_hangs_on_the_message_teaches_nothing(void **state)
{
	struct hk_job *job[MANY];
	struct rig r;
	size_t n;

	(void)state;
	start(&r, CONF_SITE);
	r.mx = provider;
	put_each(&r, "a.test", 0, 30);
	n = take(&r, job, MANY);
	assert_int_equal(n, 5);
	give(&r, job, n, HK_RCPT_PENDING, HK_HOP_SILENT);
	n = take(&r, job, MANY);
	assert_int_equal(n, 5);
	give(&r, job, n, HK_RCPT_DELIVERED, HK_HOP_TALKED);
	n = take(&r, job, MANY);
	assert_int_equal(n, 8);
	give(&r, job, n, HK_RCPT_DELIVERED, HK_HOP_TALKED);
	deliver_all(&r);
	finish(&r);
}

/* R7: while the DNS is out nothing is tried, nobody bounces, and a domain is asked for once a rest, whatever waits for it; after that all goes. */
static void an_outage_of_the_dns_costs_a_question_for_each_domain_and_rest(void **state)
{
	struct rig_mx dns[] = {{"test", NULL}, {0}};
	struct hk_job *job[MANY];
	struct rig r;
	unsigned i, k;

	(void)state;
	start(&r, CONF_SITE);
	r.mx = dns;
	for (i = 0; i < 10; i++)
		for (k = 0; k < 10; k++)
			put_each(&r, "a.test", i, i + 1);
	for (i = 0; i < 1800; i += 5) {
		assert_int_equal(take(&r, job, MANY), 0);
		pass(&r, 5);
	}
	assert_int_equal(counts(&r).queued, 100);
	assert_int_equal(counts(&r).failed, 0);
	assert_in_range(r.asked, 10 * 9, 10 * 16); /* of 100 messages at about nine tries each, for each of ten domains */
	dns[0].host = "mx.p.test";
	for (i = 0; i < 300; i += 5) {
		deliver_all(&r);
		pass(&r, 5);
	}
	assert_int_equal(counts(&r).delivered, 100);
	finish(&r);
}

/* And in the end mail is given up by its lifetime, after one real attempt. */
static void mail_for_a_domain_that_the_dns_never_tells_of_ends_by_its_lifetime(void **state)
{
	struct hk_job *job[MANY];
	struct rig r;
	size_t n = 0, i;

	(void)state;
	start(&r, CONF_SITE);
	r.mx = provider;
	put_each(&r, "out.test", 0, 1);
	for (i = 0; i < 3700 && !n; i += 5) {
		n = take(&r, job, MANY);
		pass(&r, n ? 0 : 5);
	}
	assert_int_equal(n, 1);
	assert_in_range(i, 3590, 3620);
	give(&r, job, 1, HK_RCPT_PENDING, HK_HOP_UNKNOWN);
	assert_int_equal(counts(&r).queued, 0);
	assert_int_equal(counts(&r).failed, 1);
	finish(&r);
}

static void a_question_that_nobody_answers_is_a_failure(void **state)
{
	struct hk_order order;
	struct hk_dns_answer late = {0};
	struct rig r;

	(void)state;
	start(&r, CONF_SITE);
	hk_owner_put(r.owner, make(&r, "", "u@a.test", 0), 1);
	hk_owner_step(r.owner, &r.now);
	assert_true(hk_owner_next(r.owner, &order));
	assert_int_equal(order.type, HK_ORDER_COMMITTED);
	assert_true(hk_owner_next(r.owner, &order));
	assert_int_equal(order.type, HK_ORDER_ASK);
	late.question = order.question;
	assert_int_equal(hk_owner_deadline(r.owner), r.now.mono_ms + 5000);
	pass(&r, 4);
	assert_false(hk_owner_next(r.owner, &order));
	assert_int_equal(counts(&r).deferred, 0);
	pass(&r, 1);
	pass(&r, 0);
	assert_int_equal(counts(&r).deferred, 1);
	hk_owner_answer(r.owner, order.token, &late); /* of which nobody knows any more */
	pass(&r, 0);
	assert_false(hk_owner_next(r.owner, &order));
	finish(&r);
}

/* One domain's MX is not told any more: the others of its site are delivered to. */
static void a_domain_that_the_dns_forgets_leaves_its_site(void **state)
{
	struct rig_mx dns[] = {{"d1.a.test", "mx1.p.test mx2.p.test"}, {"a.test", "mx1.p.test mx2.p.test"}, {0}};
	struct hk_job *job[MANY];
	struct rig r;

	(void)state;
	start(&r, CONF_SITE);
	r.mx = dns;
	put_each(&r, "a.test", 0, 2);
	put_each(&r, "a.test", 1, 2);
	assert_int_equal(take(&r, job, MANY), 3);
	give(&r, job, 1, HK_RCPT_DELIVERED, HK_HOP_TALKED);
	dns[0].host = NULL;
	give(&r, job + 1, 1, HK_RCPT_PENDING, HK_HOP_UNKNOWN);
	put_each(&r, "a.test", 0, 2); /* d0 goes, d1 rests */
	assert_int_equal(take(&r, job, 1), 1);
	assert_true(hk_slice_eq(job[0]->domain, HK_S("d0.a.test")));
	give(&r, job, 1, HK_RCPT_DELIVERED, HK_HOP_TALKED);
	give(&r, job + 2, 1, HK_RCPT_DELIVERED, HK_HOP_TALKED);
	assert_int_equal(take(&r, job, 1), 0);
	dns[0].host = "mx1.p.test mx2.p.test";
	pass(&r, 120);
	deliver_all(&r);
	assert_int_equal(counts(&r).queued, 0);
	finish(&r);
}

static void what_is_known_of_a_domain_lasts_an_hour(void **state)
{
	struct rig_mx dns[] = {{"a.test", "mx1.p.test"}, {"b.test", "mx2.p.test"}, {0}};
	struct hk_job *job[MANY];
	struct rig r;
	unsigned i;

	(void)state;
	start(&r, CONF_SITE);
	r.mx = dns;
	for (i = 0; i < 3; i++) { /* also while it has no mail */
		put_each(&r, "a.test", 0, 1);
		deliver_all(&r);
		pass(&r, 1100);
	}
	assert_int_equal(r.asked, 1);
	/* then it is looked up while its mail goes */
	dns[0].host = "mx2.p.test";
	pass(&r, 299);
	put_each(&r, "a.test", 0, 1);
	deliver_all(&r);
	assert_int_equal(r.asked, 1);
	pass(&r, 1);
	put_each(&r, "a.test", 0, 1);
	deliver_all(&r);
	assert_int_equal(r.asked, 2);
	/* and shares the other hosts from now on */
	for (i = 0; i < 10; i++) {
		put_each(&r, "a.test", 0, 1);
		put_each(&r, "b.test", 0, 1);
	}
	assert_int_equal(take(&r, job, MANY), HK_HOP_LIMIT_FIRST);
	give(&r, job, HK_HOP_LIMIT_FIRST, HK_RCPT_DELIVERED, HK_HOP_TALKED);
	deliver_all(&r);
	assert_int_equal(r.asked, 3);
	finish(&r);
}

static void a_reload_asks_again_and_loses_nothing(void **state)
{
	struct hk_job *job[MANY];
	struct hk_order order;
	struct hk_conf *other;
	struct rig r;
	size_t n;

	(void)state;
	start(&r, CONF_SITE);
	r.mx = provider;
	put_each(&r, "a.test", 0, 20);
	n = take(&r, job, MANY);
	assert_int_equal(n, 5);
	/* one question is out too */
	hk_owner_put(r.owner, make(&r, "", "u@d50.a.test", 0), 1);
	hk_owner_step(r.owner, &r.now);
	assert_true(hk_owner_next(r.owner, &order));
	assert_true(hk_owner_next(r.owner, &order));
	assert_int_equal(order.type, HK_ORDER_ASK);
	other = parse(CONF_SITE);
	hk_owner_reload(r.owner, other);
	hk_conf_free(other);
	hk_owner_step(r.owner, &r.now);
	answer(&r, &order);
	give(&r, job, n, HK_RCPT_DELIVERED, HK_HOP_TALKED);
	n = take(&r, job, MANY);
	assert_int_equal(n, 5);
	give(&r, job, n, HK_RCPT_DELIVERED, HK_HOP_TALKED);
	deliver_all(&r);
	assert_int_equal(counts(&r).delivered, 21);
	assert_int_equal(counts(&r).queued, 0);
	finish(&r);
}

static size_t hops(const struct rig *r)
{
	const struct hk_hop *hop;
	size_t n = 0;

	for (hop = r->owner->hops; hop; hop = hop->next)
		n++;
	return n;
}

/* Its last domain left it while mail waited there, and the reload came before that mail's turn: nothing else would ever look at it again. */
static void a_reload_lets_go_of_a_site_that_is_no_domain_s_any_more(void **state)
{
	struct hk_job *job[MANY];
	struct hk_conf *other;
	struct rig r;
	size_t n, i;

	(void)state;
	start(&r, CONF_SITE);
	r.mx = provider;
	for (i = 0; i <= HK_HOP_LIMIT_FIRST; i++)
		put_each(&r, "a.test", 0, 1);
	n = take(&r, job, MANY);
	assert_int_equal(n, HK_HOP_LIMIT_FIRST); /* and one waits */
	for (i = 0; i < n; i++) {
		job[i]->news = HK_HOP_UNKNOWN;
		give_back(&r, job[i], HK_RCPT_PENDING);
	}
	assert_int_equal(hops(&r), 2); /* the site, and the domain's own */
	other = parse(CONF_SITE);
	hk_owner_reload(r.owner, other);
	hk_conf_free(other);
	assert_int_equal(hops(&r), 1);
	for (i = 0; i < 300; i += 5) {
		pass(&r, 5);
		deliver_all(&r);
	}
	assert_int_equal(counts(&r).delivered, HK_HOP_LIMIT_FIRST + 1);
	finish(&r);
}

/* A mail to so many domains, d0 and on. */
static struct hk_mail *make_wide(struct rig *r, unsigned from, unsigned n)
{
	struct hk_mail *m = make(r, "", "", 0);
	unsigned i;

	for (i = 0; i < n; i++)
		assert_int_equal(hk_arena_fmt(&m->arena, &m->rcpt[m->n_rcpt++].address, "u@w%u.test", from + i), HK_OK);
	return m;
}

/* R9: a queue that starts, or the end of an outage, is no flood of questions. */
static void questions_out_at_once_are_bounded(void **state)
{
	static const unsigned domains[] = {HK_SITE_ASKS_MAX - 1, HK_SITE_ASKS_MAX, HK_SITE_ASKS_MAX + 1};
	struct hk_order order;
	struct rig r;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(domains); i++) {
		unsigned asks = 0;

		start(&r, CONF_SITE);
		hk_owner_put(r.owner, make_wide(&r, 0, domains[i]), 1);
		hk_owner_step(r.owner, &r.now);
		assert_true(hk_owner_next(r.owner, &order));
		while (hk_owner_next(r.owner, &order)) {
			assert_int_equal(order.type, HK_ORDER_ASK);
			asks++;
		}
		assert_int_equal(asks, domains[i] < HK_SITE_ASKS_MAX ? domains[i] : HK_SITE_ASKS_MAX);
		answer(&r, &order);
		r.asked = 0;
		hk_owner_step(r.owner, &r.now);
		while (hk_owner_next(r.owner, &order))
			if (order.type == HK_ORDER_ASK)
				r.asked++;
			else
				give_back(&r, order.job, HK_RCPT_DELIVERED);
		assert_int_equal(r.asked, domains[i] > HK_SITE_ASKS_MAX ? 1 : 0);
		finish(&r);
	}
}

static void domains_without_mail_are_remembered_up_to_a_number(void **state)
{
	static const unsigned domains[] = {HK_DOMAINS_IDLE_MAX - 1, HK_DOMAINS_IDLE_MAX, HK_DOMAINS_IDLE_MAX + 1};
	struct rig r;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(domains); i++) {
		unsigned n = domains[i], at;

		start(&r, CONF_SITE);
		for (at = 0; at < n; at += 500) {
			hk_owner_put(r.owner, make_wide(&r, at, n - at < 500 ? n - at : 500), 77);
			hk_owner_step(r.owner, &r.now);
			deliver_all(&r);
		}
		assert_int_equal(r.asked, n);
		assert_int_equal(r.owner->n_idle, n < HK_DOMAINS_IDLE_MAX ? n : HK_DOMAINS_IDLE_MAX);
		assert_int_equal(r.owner->n_domains, r.owner->n_idle);
		/* the one whose mail went first, and that of the last */
		hk_owner_put(r.owner, make_wide(&r, 0, 1), 77);
			hk_owner_step(r.owner, &r.now);
		hk_owner_put(r.owner, make_wide(&r, n - 1, 1), 77);
			hk_owner_step(r.owner, &r.now);
		deliver_all(&r);
		assert_int_equal(r.asked, n > HK_DOMAINS_IDLE_MAX ? n + 1 : n);
		finish(&r);
	}
}

#define CONF_SHAPES                                                                                \
	"hostname mx.b.test; spool /spool; accept b.test; resolver-timeout 5s;"                        \
	"listen mx { address 127.0.0.1:25; role mx; }"                                                 \
	"shape big { mx .big.test; concurrency 3; messages-per-connection 7; recipients-per-message 2; }" \
	"shape wide { mx .wide.test wide.test; concurrency 30; messages-per-connection 3000; together off; }" \
	"route * { via mx; concurrency 8; }"

/* The customers of a provider, each with a host of his own, are one hop, or one for each set of hosts; the lower number counts. */
static void a_shape_is_for_all_whose_hosts_fit(void **state)
{
	static const struct rig_mx mx[] = {{"d1.a.test", "one.big.test"}, {"d2.a.test", "two.big.test ONE.big.test"}, {"d3.a.test", "three.other.test"},
	    {"d4.a.test", "one.big.test mx.other.test"}, {"d5.a.test", "big.test"}, {"d6.a.test", "x.wide.test"}, {"d7.a.test", "wide.test"}, {0}};
	static const size_t expected[] = {0, 3, 0, 5, 5, 5, 5, 5}; /* d2 waits for d1 */
	struct hk_job *job[MANY], *first[MANY];
	struct rig r;
	unsigned i, k;
	size_t n;

	(void)state;
	start(&r, CONF_SHAPES);
	r.mx = mx;
	for (i = 1; i < COUNT(expected); i++) {
		struct hk_job **out = i == 1 ? first : job;

		for (k = 0; k < 8; k++)
			put_each(&r, "a.test", i, i + 1);
		n = take(&r, out, MANY);
		if (n != expected[i])
			fail_msg("d%u: %zu at once", i, n);
		if (n)
			assert_int_equal(out[0]->connection_messages, i == 1 ? 7 : 100);
		if (i == 1)
			continue;
		give(&r, job, n, HK_RCPT_DELIVERED, HK_HOP_TALKED);
		deliver_all(&r);
	}
	give(&r, first, 3, HK_RCPT_DELIVERED, HK_HOP_TALKED);
	deliver_all(&r);
	assert_int_equal(counts(&r).delivered, 7 * 8);
	finish(&r);
}

static void a_transaction_has_no_more_recipients_than_the_hop_takes(void **state)
{
	static const struct rig_mx mx[] = {{"a.test", "one.big.test"}, {0}};
	struct hk_job *job[MANY];
	struct rig r;

	(void)state;
	start(&r, CONF_SHAPES);
	r.mx = mx;
	hk_owner_put(r.owner, make(&r, "", "a@a.test b@a.test c@a.test d@a.test e@a.test", 0), 77);
	hk_owner_step(r.owner, &r.now);
	assert_int_equal(take(&r, job, MANY), 3);
	assert_int_equal(job[0]->n_rcpt, 2);
	assert_int_equal(job[1]->n_rcpt, 2);
	assert_int_equal(job[2]->n_rcpt, 1);
	give(&r, job, 3, HK_RCPT_DELIVERED, HK_HOP_TALKED);
	assert_int_equal(counts(&r).queued, 0);
	finish(&r);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(domains_with_the_same_hosts_are_one_site),
	    cmocka_unit_test(u_labels_and_a_labels_are_one_domain),
	    cmocka_unit_test(a_site_that_is_down_rests_for_all_its_domains),
	    cmocka_unit_test(a_job_has_recipients_of_one_domain),
	    cmocka_unit_test(what_hangs_on_the_message_teaches_nothing),
	    cmocka_unit_test(an_outage_of_the_dns_costs_a_question_for_each_domain_and_rest),
	    cmocka_unit_test(mail_for_a_domain_that_the_dns_never_tells_of_ends_by_its_lifetime),
	    cmocka_unit_test(a_question_that_nobody_answers_is_a_failure),
	    cmocka_unit_test(a_domain_that_the_dns_forgets_leaves_its_site),
	    cmocka_unit_test(what_is_known_of_a_domain_lasts_an_hour),
	    cmocka_unit_test(a_reload_asks_again_and_loses_nothing),
	    cmocka_unit_test(a_reload_lets_go_of_a_site_that_is_no_domain_s_any_more),
	    cmocka_unit_test(questions_out_at_once_are_bounded),
	    cmocka_unit_test(domains_without_mail_are_remembered_up_to_a_number),
	    cmocka_unit_test(a_shape_is_for_all_whose_hosts_fit),
	    cmocka_unit_test(a_transaction_has_no_more_recipients_than_the_hop_takes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
