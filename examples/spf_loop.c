/* SPDX-License-Identifier: MIT
 *
 * spf_loop.c - SPF for many senders at once, in one event loop, with c-ares. Nothing here blocks but poll().
 *
 *	cc spf_loop.c $(pkg-config --cflags --libs hikyaku-cares libcares) -o spf_loop
 *	./spf_loop [-s DNS-SERVER] CLIENT-ADDRESS MAIL-FROM...
 */
#include <ares.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <hikyaku/cares.h>
#include <hikyaku/spf.h>

enum { CHECKS_MAX = 100, ARENA_MAX = 1024 * 1024 };

/* One sender's check. Its memory goes with it. */
struct check {
	const char *mail_from;
	struct hk_arena arena;
	struct hk_spf *spf;
	ares_channel channel;
	bool stepping, done;
};

static unsigned running;

static void on_answer(void *user, const struct hk_dns_answer *answer);

/* As far as it goes without an answer. An answer may come before hk_cares_ask returns, so a step never begins within another. */
static void advance(struct check *c)
{
	struct hk_dns_question question;
	enum hk_status status;

	if (c->stepping || c->done)
		return;
	c->stepping = true;
	do {
		status = hk_spf_step(c->spf);
		if (status == HK_AGAIN && !hk_spf_question(c->spf, &question))
			break; /* all are under way */
		if (status == HK_AGAIN)
			hk_cares_ask(c->channel, &question, on_answer, c);
	} while (status == HK_AGAIN);
	c->stepping = false;
	if (status == HK_AGAIN)
		return;
	c->done = true;
	running--;
	printf("%s %s\n", c->mail_from,
	    status == HK_OK ? hk_spf_result_name(hk_spf_result(c->spf)->result) : "temperror");
}

static void on_answer(void *user, const struct hk_dns_answer *answer)
{
	struct check *c = user;

	if (hk_spf_answer(c->spf, answer) == HK_OK)
		advance(c);
}

static bool begin(struct check *c, ares_channel channel, struct hk_ip client, const char *mail_from)
{
	struct hk_spf_input in = {.size = sizeof in, .client = client, .helo = HK_S("client.invalid"),
	    .mail_from = hk_slice_str(mail_from), .now = time(NULL)};

	*c = (struct check){.mail_from = mail_from, .channel = channel};
	hk_arena_init(&c->arena, ARENA_MAX);
	c->spf = hk_spf_new(&c->arena, &in, NULL);
	return c->spf != NULL;
}

static void loop(ares_channel channel)
{
	ares_socket_t sockets[ARES_GETSOCK_MAXNUM];
	struct pollfd p[ARES_GETSOCK_MAXNUM];

	while (running) {
		int bits = ares_getsock(channel, sockets, ARES_GETSOCK_MAXNUM), i;
		struct timeval second = {1, 0}, room, *wait = ares_timeout(channel, &second, &room);
		nfds_t n = 0, k;

		for (i = 0; i < ARES_GETSOCK_MAXNUM; i++)
			if (ARES_GETSOCK_READABLE(bits, i) || ARES_GETSOCK_WRITABLE(bits, i))
				p[n++] = (struct pollfd){.fd = sockets[i],
				    .events = (short)(POLLIN | (ARES_GETSOCK_WRITABLE(bits, i) ? POLLOUT : 0))};
		poll(p, n, (int)(wait->tv_sec * 1000 + wait->tv_usec / 1000 + 1));
		for (k = 0; k < n; k++)
			ares_process_fd(channel, p[k].revents & (POLLIN | POLLERR | POLLHUP) ? p[k].fd : ARES_SOCKET_BAD,
			    p[k].revents & POLLOUT ? p[k].fd : ARES_SOCKET_BAD);
		ares_process_fd(channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD); /* timeouts */
	}
}

int main(int n, char **args)
{
	static struct check check[CHECKS_MAX];
	struct ares_options options = {.flags = ARES_FLAG_NOCHECKRESP};
	const char *server = NULL;
	ares_channel channel;
	struct hk_ip client;
	int first = 2, i;

	if (n > 2 && strcmp(args[1], "-s") == 0) {
		server = args[2];
		first = 4;
	}
	if (n <= first || n - first > CHECKS_MAX || hk_ip_parse(hk_slice_str(args[first - 1]), &client) != HK_OK) {
		fprintf(stderr, "usage: spf_loop [-s DNS-SERVER] CLIENT-ADDRESS MAIL-FROM...\n");
		return 2;
	}
	if (ares_init_options(&channel, &options, ARES_OPT_FLAGS) != ARES_SUCCESS)
		return 3;
	if (server && ares_set_servers_ports_csv(channel, server) != ARES_SUCCESS) {
		ares_destroy(channel);
		return 2;
	}
	for (i = first; i < n; i++)
		if (begin(&check[i - first], channel, client, args[i]))
			running++;
	for (i = first; i < n; i++)
		if (check[i - first].spf)
			advance(&check[i - first]);
	loop(channel);
	ares_destroy(channel);
	for (i = first; i < n; i++)
		hk_arena_done(&check[i - first].arena);
	return 0;
}
