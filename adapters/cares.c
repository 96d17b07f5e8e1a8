/* SPDX-License-Identifier: MIT */
#include <ares.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include <hikyaku/cares.h>
#include <hikyaku/resolve.h>

#include "adapters/adapters_internal.h"

/* From 1.28 on c-ares calls ares_send and ares_getsock deprecated; Debian 12's 1.18 has nothing else. */
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

enum { QUERY_MAX = 512, ANSWER_ARENA = 1024 * 1024 };

/* ---- one question in anybody's loop ---------------------------------------------------------- */

struct asked {
	hk_cares_fn *done;
	void *user;
	struct hk_dns_question q;
	char name[];
};

static void tell(const struct asked *asked, const unsigned char *message, int n)
{
	struct hk_dns_answer answer;
	struct hk_arena a;

	hk_arena_init(&a, ANSWER_ARENA);
	adapter_none(&asked->q, 1, &answer);
	if (message && n > 0)
		(void)!adapter_read(&a, &asked->q, hk_slice_of(message, (size_t)n), &answer);
	asked->done(asked->user, &answer);
	hk_arena_done(&a);
}

static void answered(void *user, int status, int timeouts, unsigned char *message, int n)
{
	struct asked *asked = user;

	(void)status;
	(void)timeouts;
	tell(asked, message, n);
	free(asked);
}

void hk_cares_ask(ares_channel channel, const struct hk_dns_question *q, hk_cares_fn *done, void *user)
{
	struct asked *asked = malloc(sizeof *asked + q->name.n + 1);
	struct asked fails = {.done = done, .user = user, .q = *q};
	struct hk_buf query;
	uint16_t id;

	if (!asked || hk_dns_type_is_local(q->type)) {
		free(asked);
		tell(&fails, NULL, 0);
		return;
	}
	*asked = fails;
	memcpy(asked->name, q->name.p ? q->name.p : (const uint8_t *)"", q->name.n);
	asked->q.name = hk_slice_of(asked->name, q->name.n);
	hk_buf_init(&query, QUERY_MAX);
	if (hk_random(&id, sizeof id) == HK_OK && hk_dns_question_format(q, id, &query) == HK_OK &&
	    hk_buf_status(&query) == HK_OK)
		ares_send(channel, query.p, (int)query.n, answered, asked);
	else
		answered(asked, ARES_ENOMEM, 0, NULL, 0);
	hk_buf_done(&query);
}

/* ares_library_init() is of use on Windows and Android only, and counts without a lock. */

/* ---- a loop of its own ------------------------------------------------------------------------ */

struct hk_cares {
	ares_channel channel;
};

static int open_channel(struct hk_cares *c, const char *servers)
{
	struct ares_options options = {.flags = ARES_FLAG_NOCHECKRESP};
	int status = ares_init_options(&c->channel, &options, ARES_OPT_FLAGS);

	if (status != ARES_SUCCESS)
		return status;
	if (servers)
		status = ares_set_servers_ports_csv(c->channel, servers);
	if (status != ARES_SUCCESS)
		ares_destroy(c->channel);
	return status;
}

enum hk_status hk_cares_open(const char *servers, struct hk_cares **ret)
{
	struct hk_cares *c = calloc(1, sizeof *c);
	int status;

	if (!c)
		return HK_NOMEM;
	status = open_channel(c, servers);
	if (status == ARES_SUCCESS) {
		*ret = c;
		return HK_OK;
	}
	free(c);
	return status == ARES_ENOMEM ? HK_NOMEM : HK_SYNTAX;
}

void hk_cares_close(struct hk_cares *c)
{
	if (!c)
		return;
	ares_destroy(c->channel);
	free(c);
}

struct batch {
	struct hk_arena *arena;
	struct hk_dns_answer *answer;
	size_t left;
	enum hk_status status;
};

struct place {
	struct batch *batch;
	size_t i;
};

static void keep(void *user, const struct hk_dns_answer *answer)
{
	struct place *p = user;
	struct batch *b = p->batch;

	b->left--;
	if (b->status == HK_OK)
		b->status = hk_dns_answer_copy(b->arena, answer, &b->answer[p->i]);
}

/* Waits for the sockets of the channel, at most until then, and lets it work. */
static void turn(ares_channel channel, unsigned left_ms)
{
	ares_socket_t socket[ARES_GETSOCK_MAXNUM];
	int bits = ares_getsock(channel, socket, ARES_GETSOCK_MAXNUM), i;
	struct timeval most = {left_ms / 1000, (suseconds_t)(left_ms % 1000) * 1000}, room, *wait;
	struct pollfd p[ARES_GETSOCK_MAXNUM];
	nfds_t n = 0, k;

	for (i = 0; i < ARES_GETSOCK_MAXNUM; i++) {
		short events = (short)((ARES_GETSOCK_READABLE(bits, i) ? POLLIN : 0) |
		                       (ARES_GETSOCK_WRITABLE(bits, i) ? POLLOUT : 0));

		if (events)
			p[n++] = (struct pollfd){.fd = socket[i], .events = events};
	}
	wait = ares_timeout(channel, &most, &room);
	(void)!poll(p, n, (int)(wait->tv_sec * 1000 + (wait->tv_usec + 999) / 1000));
	for (k = 0; k < n; k++)
		ares_process_fd(channel, p[k].revents & ~POLLOUT ? p[k].fd : ARES_SOCKET_BAD,
		    p[k].revents & POLLOUT ? p[k].fd : ARES_SOCKET_BAD);
	ares_process_fd(channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD); /* what has waited too long */
}

enum hk_status hk_cares_answer(void *cares, const struct hk_dns_question *q, size_t n,
    unsigned timeout_ms, struct hk_arena *a, struct hk_dns_answer *ret)
{
	int64_t until = adapter_now_ms() + timeout_ms;
	struct batch b = {.arena = a, .answer = ret, .left = n};
	struct place place[HK_RESOLVE_BATCH];
	struct hk_cares *c = cares;
	size_t i;

	if (n > HK_RESOLVE_BATCH)
		return HK_BUG;
	adapter_none(q, n, ret);
	for (i = 0; i < n; i++) {
		place[i] = (struct place){&b, i};
		hk_cares_ask(c->channel, &q[i], keep, &place[i]);
	}
	while (b.left && adapter_left_ms(until))
		turn(c->channel, adapter_left_ms(until));
	if (b.left) /* each of them is told that it has ended */
		ares_cancel(c->channel);
	return b.status;
}
