/* SPDX-License-Identifier: MIT
 *
 * Each resolver against a name server of our own on 127.0.0.1, which has one record, one name that is not there, one
 * that fails and one that never answers.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <hikyaku/cares.h>
#include <hikyaku/resolve.h>
#include <hikyaku/unbound.h>

#include "tests/unit_arena.h"

#define RECORD "v=spf1 ip4:192.0.2.1 -all"

/* ---- the server ------------------------------------------------------------------------------ */

static struct server {
	int fd;
	uint16_t port;
	pthread_t thread;
	_Atomic unsigned asked;
} server;

/* What stands in the first label: a (the record), n (NXDOMAIN), f (SERVFAIL), s (silence), q (the end). */
static size_t reply(uint8_t *m, size_t n)
{
	static const char record[] = RECORD;
	uint8_t what = m[13], *p = m + n;

	m[2] |= 0x80; /* an answer */
	m[3] = (uint8_t)(0x80 | (what == 'n' ? 3 : what == 'f' ? 2 : 0));
	m[10] = m[11] = 0; /* what may stand behind the question is left out */
	for (n = 12; m[n]; n += m[n] + 1u)
		;
	p = m + n + 5;
	if (what == 'a' && p[-3] == HK_DNS_TXT) {
		static const uint8_t head[] = {0xc0, 12, 0, HK_DNS_TXT, 0, 1, 0, 0, 0, 60, 0, sizeof record};

		m[7] = 1;
		memcpy(p, head, sizeof head);
		p[sizeof head] = sizeof record - 1;
		memcpy(p + sizeof head + 1, record, sizeof record - 1);
		p += sizeof head + sizeof record;
	}
	return (size_t)(p - m);
}

static void *serve(void *unused)
{
	struct sockaddr_in from;
	uint8_t m[1024];

	(void)unused;
	for (;;) {
		socklen_t size = sizeof from;
		ssize_t n = recvfrom(server.fd, m, 512, 0, (struct sockaddr *)&from, &size);

		if (n < 14 || m[13] == 'q')
			return NULL;
		server.asked++;
		if (m[13] != 's')
			(void)!sendto(server.fd, m, reply(m, (size_t)n), 0, (struct sockaddr *)&from, size);
	}
}

static int start(void **state)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof at;

	(void)state;
	server.fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (bind(server.fd, (struct sockaddr *)&at, sizeof at) != 0 ||
	    getsockname(server.fd, (struct sockaddr *)&at, &size) != 0)
		return -1;
	server.port = ntohs(at.sin_port);
	return pthread_create(&server.thread, NULL, serve, NULL);
}

static int stop(void **state)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(server.port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	static const uint8_t end[14] = {[13] = 'q'};

	(void)state;
	(void)!sendto(server.fd, end, sizeof end, 0, (struct sockaddr *)&to, sizeof to);
	pthread_join(server.thread, NULL);
	return close(server.fd);
}

/* ---- who asks it ------------------------------------------------------------------------------ */

struct asker {
	char where[64];
	void *resolver;
};

static void open_system(struct asker *a)
{
	snprintf(a->where, sizeof a->where, "127.0.0.1@%u", server.port);
	a->resolver = a->where;
}

static void close_system(struct asker *a)
{
	(void)a;
}

static void open_unbound(struct asker *a)
{
	struct hk_unbound *u = NULL;

	snprintf(a->where, sizeof a->where, "127.0.0.1@%u", server.port);
	assert_int_equal(hk_unbound_open(hk_slice_str(a->where), &u), HK_OK);
	a->resolver = u;
}

static void close_unbound(struct asker *a)
{
	hk_unbound_close(a->resolver);
}

static void open_cares(struct asker *a)
{
	struct hk_cares *c = NULL;

	snprintf(a->where, sizeof a->where, "127.0.0.1:%u", server.port);
	assert_int_equal(hk_cares_open(a->where, &c), HK_OK);
	a->resolver = c;
}

static void close_cares(struct asker *a)
{
	hk_cares_close(a->resolver);
}

static const struct kind {
	const char *name;
	void (*open)(struct asker *);
	void (*close)(struct asker *);
	hk_answer_fn *answer;
} kinds[] = {
    {"libc", open_system, close_system, hk_system_answer},
    {"libunbound", open_unbound, close_unbound, hk_unbound_answer},
    {"c-ares", open_cares, close_cares, hk_cares_answer},
};

static struct hk_dns_question txt(const char *name)
{
	return (struct hk_dns_question){hk_slice_str(name), HK_DNS_TXT};
}

static void every_resolver_tells_answer_nothing_and_failure_apart(void **state)
{
	const struct hk_dns_question q[] = {txt("a.test"), txt("n.test"), txt("f.test"),
	    {HK_S("a.test"), HK_DNS_A}, {HK_S("a.test"), HK_DNS_SUFFIX}, txt("a..test")};
	static const enum hk_dns_rcode want[] = {HK_DNS_NOERROR, HK_DNS_NXDOMAIN, HK_DNS_SERVFAIL, HK_DNS_NOERROR,
	    HK_DNS_TIMEOUT, HK_DNS_TIMEOUT};
	size_t k, i;

	(void)state;
	for (k = 0; k < COUNT(kinds); k++) {
		struct hk_dns_answer answer[COUNT(q)];
		struct asker a;

		kinds[k].open(&a);
		assert_int_equal(kinds[k].answer(a.resolver, q, COUNT(q), 10000, &arena, answer), HK_OK);
		for (i = 0; i < COUNT(q); i++)
			if (answer[i].rcode != want[i] && !(want[i] == HK_DNS_SERVFAIL && hk_dns_is_failure(&answer[i])))
				fail_msg("%s: question %zu: %s", kinds[k].name, i, hk_dns_rcode_name(answer[i].rcode));
		assert_int_equal(answer[0].n, 1);
		assert_text(answer[0].rr[0].data, RECORD);
		assert_int_equal(answer[3].n, 0);
		kinds[k].close(&a);
	}
}

static void silence_is_a_timeout_when_its_time_is_over(void **state)
{
	const struct hk_dns_question q = txt("s.test");
	size_t k;

	(void)state;
	for (k = 0; k < COUNT(kinds); k++) {
		struct hk_dns_answer answer;
		struct asker a;

		kinds[k].open(&a);
		assert_int_equal(kinds[k].answer(a.resolver, &q, 1, 300, &arena, &answer), HK_OK);
		assert_int_equal(answer.rcode, HK_DNS_TIMEOUT);
		kinds[k].close(&a);
	}
}

static enum hk_spf_result check(const struct kind *k, struct asker *a, const char *domain,
    const struct hk_resolve_options *options)
{
	struct hk_spf_input in = {.size = sizeof in, .client = {4, {192, 0, 2, 1}}, .helo = hk_slice_str(domain), .check_helo = true};
	struct hk_spf *q = hk_spf_new(&arena, &in, NULL);

	assert_non_null(q);
	assert_int_equal(hk_resolve_all(hk_evaluator_spf(q), k->answer, a->resolver, options), HK_OK);
	return hk_spf_result(q)->result;
}

static void an_evaluator_runs_to_its_verdict_over_each(void **state)
{
	size_t k;

	(void)state;
	for (k = 0; k < COUNT(kinds); k++) {
		struct asker a;

		kinds[k].open(&a);
		assert_int_equal(check(&kinds[k], &a, "a.test", NULL), HK_SPF_PASS);
		assert_int_equal(check(&kinds[k], &a, "n.test", NULL), HK_SPF_NONE);
		assert_int_equal(check(&kinds[k], &a, "f.test", NULL), HK_SPF_TEMPERROR);
		kinds[k].close(&a);
	}
}

/* ---- the loop, without a network --------------------------------------------------------------- */

static enum hk_status never(void *asked, const struct hk_dns_question *q, size_t n, unsigned timeout_ms,
    struct hk_arena *a, struct hk_dns_answer *ret)
{
	(void)q;
	(void)timeout_ms;
	(void)a;
	(void)ret;
	*(size_t *)asked += n;
	return HK_OK; /* the answers are left as they came: TIMEOUT */
}

static void past_the_number_of_questions_nothing_is_asked(void **state)
{
	struct hk_resolve_options options = {.size = sizeof options, .max_questions = 3};
	size_t asked = 0;
	struct hk_dmarc *d = hk_dmarc_new(&arena, HK_S("a.b.c.d.e.test"), NULL, NULL);

	(void)state;
	assert_non_null(d);
	hk_dmarc_ready(d);
	assert_int_equal(hk_resolve_all(hk_evaluator_dmarc(d), never, &asked, &options), HK_OK);
	assert_int_equal(asked, 3);
	assert_int_equal(hk_dmarc_result(d)->result, HK_DMARC_TEMPERROR);
}

static void what_waits_for_more_than_answers_is_not_waited_for(void **state)
{
	struct hk_verify_input in = {.size = sizeof in, .checks = HK_CHECK_DKIM};
	struct hk_verify *v = hk_verify_new(&arena, &in);
	struct hk_resolve_options none = {0};
	size_t asked = 0;

	(void)state;
	assert_non_null(v);
	assert_int_equal(hk_verify_header(v, HK_S("From: u@a.test\r\n")), HK_OK);
	assert_int_equal(hk_resolve_all(hk_evaluator_verify(v), never, &asked, NULL), HK_AGAIN);
	assert_int_equal(hk_resolve_all(hk_evaluator_verify(v), never, &asked, &none), HK_BUG);
	hk_verify_end(v);
	assert_int_equal(hk_resolve_all(hk_evaluator_verify(v), never, &asked, NULL), HK_OK);
	hk_verify_done(v);
}

/* A caller that counts records and has none breaks the contract; it may answer rightly after that. */
static void an_answer_without_its_records_is_refused(void **state)
{
	struct hk_spf_input identity = {.size = sizeof identity, .client = {4, {192, 0, 2, 1}}, .helo = HK_S("a.test"), .check_helo = true};
	struct hk_verify_input in = {.size = sizeof in, .checks = HK_CHECK_SPF, .client = {4, {192, 0, 2, 1}}, .helo = HK_S("a.test"),
	    .mail_from = HK_S("u@a.test"), .has_mail_from = true};
	struct hk_dkim_verify_options now = {.size = sizeof now, .now = 1};
	struct hk_evaluator e[5];
	struct hk_dkim_verify *dkim;
	struct hk_verify *v;
	struct hk_header header;
	size_t i;

	(void)state;
	assert_int_equal(hk_header_parse(&arena, HK_S("From: u@a.test\r\nDKIM-Signature: v=1; a=rsa-sha256; d=a.test; s=s; h=from; "
	    "bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; b=AAAA\r\n\r\n"), &header), HK_OK);
	dkim = must(hk_dkim_verify_new(&arena, &now, &header, NULL));
	v = must(hk_verify_new(&arena, &in));
	e[0] = hk_evaluator_spf(must(hk_spf_new(&arena, &identity, NULL)));
	e[1] = hk_evaluator_spf_extent(must(hk_spf_extent_new(&arena, HK_S("a.test"))));
	e[2] = hk_evaluator_dmarc(must(hk_dmarc_new(&arena, HK_S("a.test"), NULL, NULL)));
	e[3] = hk_evaluator_dkim(dkim);
	e[4] = hk_evaluator_verify(v);
	for (i = 0; i < COUNT(e); i++) {
		struct hk_dns_answer answer = {.rcode = HK_DNS_NOERROR, .n = 1};

		(void)!e[i].step(e[i].object);
		if (!e[i].question(e[i].object, &answer.question))
			fail_msg("evaluator %zu asks nothing", i);
		assert_int_equal(e[i].answer(e[i].object, &answer), HK_BUG);
		answer.n = 0;
		assert_int_equal(e[i].answer(e[i].object, &answer), HK_OK);
	}
	hk_dkim_verify_done(dkim);
	hk_verify_done(v);
}

static void what_is_no_server_is_refused(void **state)
{
	struct hk_unbound *u = NULL;
	struct hk_cares *c = NULL;

	(void)state;
	assert_int_equal(hk_unbound_open(HK_S("localhost"), &u), HK_SYNTAX);
	assert_int_equal(hk_cares_open("not a server", &c), HK_SYNTAX);
	hk_unbound_close(NULL);
	hk_cares_close(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(every_resolver_tells_answer_nothing_and_failure_apart),
	    TEST(silence_is_a_timeout_when_its_time_is_over),
	    TEST(an_evaluator_runs_to_its_verdict_over_each),
	    TEST(past_the_number_of_questions_nothing_is_asked),
	    TEST(what_waits_for_more_than_answers_is_not_waited_for),
	    TEST(an_answer_without_its_records_is_refused),
	    TEST(what_is_no_server_is_refused),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
