/* SPDX-License-Identifier: MIT
 *
 * bench-arrivals: new clients at a steady rate, whether or not those before them have been served; each brings one message, or is told that
 * it cannot. What becomes of a server that more mail comes to than it can take is not seen by clients that wait for it.
 *
 *	bench-arrivals IP PORT RATE SECONDS FILE	one line of JSON; the file is the message
 *
 * The first second does not count. A client that has heard nothing final by PATIENCE_S after the last one came is untold.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <hikyaku/base.h>

enum {
	MOST = 18000,       /* open at once: under the usual limit of descriptors */
	WARM_US = 1000000,
	LATE_US = 1000000,  /* who is refused has to be told by then */
	PATIENCE_S = 5,
	SOURCES = 8,        /* addresses of ours in turn: each has its own ports */
	EVENTS = 512,
	SAID = 256,
	MESSAGE_MOST = 65536,
};

/* What a client says next, and the reply that lets it go on. */
enum step { GREETING, HELLO, ENVELOPE, MESSAGE, STEPS };
static const unsigned lets_go_on[STEPS] = {220, 250, 354, 250};

struct client {
	int fd;
	enum step step;
	uint64_t began_us;
	size_t n;
	char line[SAID]; /* of a reply, as far as it has come */
};

struct tally {
	uint32_t *us;
	size_t n, room;
};

static struct {
	struct sockaddr_in to;
	uint64_t rate, seconds, start_us, begun, skipped, broken, late, untold;
	uint64_t code[600];
	struct client client[MOST];
	int vacant[MOST];
	size_t n_vacant;
	struct tally accepted, refused;
	char *message;
	size_t message_n;
	int poll;
} b;

static uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* Whether the run counts now. */
static bool is_counted(uint64_t now)
{
	return now >= b.start_us + WARM_US && now < b.start_us + b.seconds * 1000000;
}

static void note(struct tally *t, uint64_t us)
{
	if (t->n == t->room) {
		t->room = t->room ? t->room * 2 : 4096;
		t->us = realloc(t->us, t->room * sizeof *t->us);
		if (!t->us)
			abort();
	}
	t->us[t->n++] = us > UINT32_MAX ? UINT32_MAX : (uint32_t)us;
}

static int compare(const void *a, const void *c)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)c;

	return x < y ? -1 : x > y;
}

static double percentile(const struct tally *t, double p)
{
	return t->n ? t->us[(size_t)(p * (double)(t->n - 1) / 100 + 0.5)] / 1000.0 : 0;
}

/* ---- a client ---- */

static void leave(struct client *c)
{
	close(c->fd);
	c->fd = -1;
	b.vacant[b.n_vacant++] = (int)(c - b.client);
}

static void arrive(void)
{
	static const int on = 1;
	struct sockaddr_in from = {.sin_family = AF_INET};
	struct epoll_event event = {.events = EPOLLIN};
	struct client *c;

	b.begun++;
	if (!b.n_vacant) {
		b.skipped++;
		return;
	}
	c = &b.client[b.vacant[--b.n_vacant]];
	*c = (struct client){.fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), .began_us = now_us()};
	from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + (uint32_t)(b.begun % SOURCES));
	event.data.ptr = c;
	setsockopt(c->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	if (c->fd < 0 || bind(c->fd, (struct sockaddr *)&from, sizeof from) != 0 ||
	    (connect(c->fd, (struct sockaddr *)&b.to, sizeof b.to) != 0 && errno != EINPROGRESS) || epoll_ctl(b.poll, EPOLL_CTL_ADD, c->fd, &event) != 0) {
		b.broken++;
		leave(c);
	}
}

static void end(struct client *c, unsigned code)
{
	uint64_t now = now_us();

	if (code == 0)
		b.broken++;
	if (is_counted(now)) {
		note(code == 250 ? &b.accepted : &b.refused, now - c->began_us);
		b.code[code]++;
		b.late += code != 250 && now - c->began_us > LATE_US;
	}
	leave(c);
}

/* false: it is gone. A whole message goes at once: the socket's buffer is larger. */
static bool say(struct client *c, const char *text, size_t n)
{
	if (send(c->fd, text, n, MSG_NOSIGNAL) == (ssize_t)n)
		return true;
	end(c, 0);
	return false;
}

/* false: it is gone. */
static bool hear_line(struct client *c, unsigned code)
{
	static const char hello[] = "EHLO arrivals.test\r\n", quit[] = "QUIT\r\n";
	char envelope[SAID];
	int n;

	if (c->step == ENVELOPE && code == 250)
		return true; /* of MAIL, or of RCPT */
	if (code != lets_go_on[c->step] || c->step == MESSAGE) {
		if (send(c->fd, quit, sizeof quit - 1, MSG_NOSIGNAL) > 0)
			shutdown(c->fd, SHUT_WR);
		end(c, code);
		return false;
	}
	c->step++;
	if (c->step == HELLO)
		return say(c, hello, sizeof hello - 1);
	if (c->step == MESSAGE)
		return say(c, b.message, b.message_n);
	n = snprintf(envelope, sizeof envelope, "MAIL FROM:<load@load.test>\r\nRCPT TO:<user%" PRIu64 "@sink.test>\r\nDATA\r\n", b.begun);
	return say(c, envelope, (size_t)n);
}

/* Lines of replies, of which only the last of each counts: it has no dash. */
static bool hear(struct client *c, const char *text, size_t n)
{
	uint64_t code;
	size_t i;

	for (i = 0; i < n; i++) {
		if (text[i] != '\n') {
			if (c->n < sizeof c->line)
				c->line[c->n++] = text[i];
			continue;
		}
		if (c->n < 4 || hk_slice_u64(hk_slice_of(c->line, 3), 599, &code) != HK_OK) {
			end(c, 0);
			return false;
		}
		c->n = 0;
		if (c->line[3] != '-' && !hear_line(c, (unsigned)code))
			return false;
	}
	return true;
}

static void on_readable(struct client *c)
{
	char text[4096];
	ssize_t n = recv(c->fd, text, sizeof text, MSG_DONTWAIT);

	if (n > 0)
		hear(c, text, (size_t)n);
	else if (n == 0 || (errno != EAGAIN && errno != EINTR))
		end(c, 0);
}

/* ---- the run ---- */

/* As it stands in the file, line ends CRLF, and the dot. */
static bool read_message(const char *path)
{
	FILE *file = fopen(path, "rb");

	b.message = malloc(MESSAGE_MOST + 3);
	if (!file || !b.message)
		return false;
	b.message_n = fread(b.message, 1, MESSAGE_MOST, file);
	fclose(file);
	memcpy(b.message + b.message_n, ".\r\n", 3);
	b.message_n += 3;
	return true;
}

static void turn(int wait_ms)
{
	struct epoll_event event[EVENTS];
	int i, n = epoll_wait(b.poll, event, EVENTS, wait_ms);

	for (i = 0; i < n; i++)
		on_readable(event[i].data.ptr);
}

static void run(void)
{
	uint64_t end_us, due, last;

	b.start_us = now_us();
	end_us = b.start_us + b.seconds * 1000000;
	for (last = b.start_us; last < end_us; last = now_us()) {
		due = (last - b.start_us) * b.rate / 1000000;
		while (b.begun < due && now_us() < last + 5000) /* and listen in between */
			arrive();
		turn(b.begun < due ? 0 : 1);
	}
	while (b.n_vacant < MOST && now_us() < end_us + PATIENCE_S * UINT64_C(1000000))
		turn(10);
	b.untold = MOST - b.n_vacant;
}

static void report(void)
{
	double seconds = (double)b.seconds - WARM_US / 1e6;

	qsort(b.accepted.us, b.accepted.n, sizeof *b.accepted.us, compare);
	qsort(b.refused.us, b.refused.n, sizeof *b.refused.us, compare);
	printf("{\"seconds\":%.3f,\"offered_per_s\":%.1f,\"accepted_per_s\":%.1f,\"refused_per_s\":%.1f,\"told_421\":%" PRIu64 ",\"told_452\":%" PRIu64 ",\"broken\":%" PRIu64
	       ",\"late\":%" PRIu64 ",\"untold\":%" PRIu64 ",\"skipped\":%" PRIu64
	       ",\"accepted_p50_ms\":%.2f,\"accepted_p99_ms\":%.2f,\"refused_p50_ms\":%.2f,\"refused_p99_ms\":%.2f,\"refused_max_ms\":%.2f}\n",
	    (double)(now_us() - b.start_us) / 1e6, (double)b.begun / (double)b.seconds, (double)b.accepted.n / seconds, (double)b.refused.n / seconds, b.code[421], b.code[452], b.broken, b.late,
	    b.untold, b.skipped, percentile(&b.accepted, 50), percentile(&b.accepted, 99), percentile(&b.refused, 50), percentile(&b.refused, 99),
	    percentile(&b.refused, 100));
}

int main(int argc, char **argv)
{
	uint64_t port;

	b.to.sin_family = AF_INET;
	if (argc != 6 || inet_pton(AF_INET, argv[1], &b.to.sin_addr) != 1 || hk_slice_u64(hk_slice_str(argv[2]), 65535, &port) != HK_OK ||
	    hk_slice_u64(hk_slice_str(argv[3]), 1000000, &b.rate) != HK_OK || hk_slice_u64(hk_slice_str(argv[4]), 3600, &b.seconds) != HK_OK ||
	    b.seconds < 2 || !read_message(argv[5])) {
		fputs("usage: bench-arrivals IP PORT RATE SECONDS FILE\n", stderr);
		return 2;
	}
	b.to.sin_port = htons((uint16_t)port);
	b.poll = epoll_create1(EPOLL_CLOEXEC);
	for (b.n_vacant = 0; b.n_vacant < MOST; b.n_vacant++)
		b.vacant[b.n_vacant] = (int)b.n_vacant;
	run();
	report();
	return 0;
}
