/* SPDX-License-Identifier: MIT
 *
 * Dovecot's protocol is lines of fields: what a client says must never begin a line or a field of it, and what comes back from its
 * socket, whatever it is, is an answer or 454.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "io/sasl.h"
#include "sim/prng.h"
#include "tests/unit.h"

#define HELLO "VERSION\t1\t2\nMECH\tPLAIN\tplaintext\nSPID\t1\nCUID\t1\nCOOKIE\tab\nDONE\n"

/* A Dovecot that says one text to whoever comes, and keeps the lines of the last. */
struct fake {
	int listening;
	char dir[64], path[80];
	pthread_t thread;
	struct hk_slice hello, answer;
	char got[1 << 16];
	size_t n;
};

static size_t lines_of(const struct fake *f)
{
	size_t i, n = 0;

	for (i = 0; i < f->n; i++)
		n += f->got[i] == '\n';
	return n;
}

static void serve(struct fake *f, int fd)
{
	ssize_t n;
	size_t want = 3; /* VERSION, CPID, AUTH */

	f->n = 0;
	(void)!send(fd, f->hello.p, f->hello.n, MSG_NOSIGNAL);
	/* one that does not greet says the rest at once, so that nobody waits for it */
	while (f->hello.n == sizeof HELLO - 1 && f->n < sizeof f->got && lines_of(f) < want && (n = read(fd, f->got + f->n, sizeof f->got - f->n)) > 0)
		f->n += (size_t)n;
	(void)!send(fd, f->answer.p, f->answer.n, MSG_NOSIGNAL);
	shutdown(fd, SHUT_WR);
	/* whatever else there is, until the other end is closed */
	while (f->n < sizeof f->got && (n = read(fd, f->got + f->n, sizeof f->got - f->n)) > 0)
		f->n += (size_t)n;
	close(fd);
}

static void *once(void *user)
{
	struct fake *f = user;
	int fd = accept(f->listening, NULL, NULL);

	if (fd >= 0)
		serve(f, fd);
	return NULL;
}

static void fake_init(struct fake *f)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};

	*f = (struct fake){.hello = HK_S(HELLO)};
	snprintf(f->dir, sizeof f->dir, "/tmp/hikyaku-sasl-XXXXXX");
	must(mkdtemp(f->dir));
	snprintf(f->path, sizeof f->path, "%s/auth", f->dir);
	memcpy(at.sun_path, f->path, strlen(f->path));
	f->listening = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(f->listening, (struct sockaddr *)&at, sizeof at), 0);
	assert_int_equal(listen(f->listening, 1), 0);
}

static void fake_done(struct fake *f)
{
	close(f->listening);
	unlink(f->path);
	rmdir(f->dir);
}

static enum hk_auth_outcome ask(struct fake *f, const struct hk_sasl_peer *peer, struct hk_slice data, struct hk_sasl_result *r)
{
	struct hk_sasl *x = must(hk_sasl_dovecot(hk_slice_str(f->path), HK_S("PLAIN"), peer));
	enum hk_auth_outcome outcome;

	assert_int_equal(pthread_create(&f->thread, NULL, once, f), 0);
	hk_sasl_result_init(r);
	hk_sasl_step(x, data, true, r);
	outcome = r->outcome;
	hk_sasl_free(x);
	pthread_join(f->thread, NULL);
	return outcome;
}

/* The fields of its third line, which is the request; the number of all lines. */
static size_t fields_of_request(const struct fake *f)
{
	const char *line = f->got;
	size_t i, n = 1;

	for (i = 0; i < 2; i++)
		line = (const char *)must(memchr(line, '\n', f->n - (size_t)(line - f->got))) + 1;
	for (; *line != '\n'; line++)
		n += *line == '\t';
	return n;
}

/* SEC-57 SEC-58: a name with any octet in it, anywhere a client can put one, is the same three lines of as many fields. */
static void no_octet_of_a_client_adds_a_line_or_a_field(void **state)
{
	struct hk_sasl_peer peer = {.is_tls = true, .client_port = 1, .server_port = 587};
	size_t c, want = 0;
	struct fake f;

	(void)state;
	fake_init(&f);
	f.answer = HK_S("FAIL\t1\n");
	assert_int_equal(hk_ip_parse(HK_S("192.0.2.1"), &peer.client), HK_OK);
	assert_int_equal(hk_ip_parse(HK_S("192.0.2.2"), &peer.server), HK_OK);
	for (c = 0; c < 256; c++) {
		char data[64], octet = (char)c;
		struct hk_sasl_result r;
		int n = snprintf(data, sizeof data, "%ca%cuser=root%cb%cpassword%c", 0, octet, octet, 0, octet);

		snprintf(peer.device, sizeof peer.device, "ab%cuser=root%cOK", c ? octet : 'x', c ? octet : 'x');
		snprintf(peer.certificate_user, sizeof peer.certificate_user, "a%cuser=root", c ? octet : 'x');
		assert_int_equal(ask(&f, &peer, hk_slice_of(data, (size_t)n), &r), HK_AUTH_DENIED);
		hk_sasl_result_done(&r);
		if (!want)
			want = fields_of_request(&f);
		assert_int_equal(want, 15);
		if (lines_of(&f) != 3 || fields_of_request(&f) != want || f.got[f.n - 1] != '\n')
			fail_msg("octet %zu: %.*s", c, (int)f.n, f.got);
	}
	fake_done(&f);
}

/* SEC-20: whatever its socket says, nobody is let in by it who was not named, and nothing else happens. */
static void an_answer_that_is_none_lets_nobody_in(void **state)
{
	static const struct {
		struct hk_slice hello, answer;
		enum hk_auth_outcome outcome;
	} rows[] = {
	    {S(HELLO), S("OK\t1\tuser=a\n"), HK_AUTH_PASSED},
	    {S(HELLO), S("OK\t1\n"), HK_AUTH_LATER},
	    {S(HELLO), S("OK\t1\tuser=\n"), HK_AUTH_LATER},
	    {S(HELLO), S("OK\t1\tuser=a b\n"), HK_AUTH_LATER},
	    {S(HELLO), S("OK\t1\tuser=a\x01" "b\n"), HK_AUTH_LATER},
	    {S(HELLO), S("OK\t1\tuser=a\0b\n"), HK_AUTH_LATER},
	    {S(HELLO), S("OK\t2\tuser=a\n"), HK_AUTH_LATER},
	    {S(HELLO), S("OK\t11\tuser=a\n"), HK_AUTH_LATER},
	    {S(HELLO), S("OK\tuser=a\n"), HK_AUTH_LATER},
	    {S(HELLO), S("OK 1 user=a\n"), HK_AUTH_LATER},
	    {S(HELLO), S("ok\t1\tuser=a\n"), HK_AUTH_LATER},
	    {S(HELLO), S("OK\t1\tuser=a"), HK_AUTH_LATER},
	    {S(HELLO), S("OKAY\t1\tuser=a\n"), HK_AUTH_LATER},
	    {S(HELLO), S("FAIL\t1\tuser=a\n"), HK_AUTH_DENIED},
	    {S(HELLO), S("FAIL\t1\tuser=a\ttemp\n"), HK_AUTH_LATER},
	    {S(HELLO), S("FAIL\n"), HK_AUTH_LATER},
	    {S(HELLO), S("CONT\t1\t!!!\n"), HK_AUTH_LATER},
	    {S(HELLO), S("\n"), HK_AUTH_LATER},
	    {S(HELLO), S("\0"), HK_AUTH_LATER},
	    {S(HELLO), S(""), HK_AUTH_LATER},
	    {S("VERSION\t2\t0\nDONE\n"), S("OK\t1\tuser=a\n"), HK_AUTH_LATER},
	    {S("DONE\n"), S("OK\t1\tuser=a\n"), HK_AUTH_LATER},
	    {S("OK\t1\tuser=a\n"), S("OK\t1\tuser=a\n"), HK_AUTH_LATER},
	};
	struct hk_sasl_peer peer = {.is_tls = true};
	struct hk_sasl_result r;
	struct fake f;
	size_t i;

	(void)state;
	fake_init(&f);
	for (i = 0; i < COUNT(rows); i++) {
		enum hk_auth_outcome got;

		f.hello = rows[i].hello;
		f.answer = rows[i].answer;
		got = ask(&f, &peer, HK_S("\0a\0b"), &r);
		if (got != rows[i].outcome)
			fail_msg("row %zu: %d", i, (int)got);
		hk_sasl_result_done(&r);
	}
	fake_done(&f);
}

/* SEC-20: garbage, in its place at the beginning and in that of the answer. */
static void garbage_on_the_socket_is_454(void **state)
{
	static uint8_t text[2 * HK_SASL_LINE_MAX];
	static const char alphabet[] = "OKFAILCONT1\t\n\0=user";
	struct hk_sasl_peer peer = {.is_tls = true};
	struct hk_prng prng;
	struct fake f;
	size_t i, k;

	(void)state;
	hk_prng_init(&prng, 20);
	fake_init(&f);
	for (i = 0; i < 400; i++) {
		struct hk_slice garbage = hk_slice_of(text, 1 + hk_prng_below(&prng, i % 50 ? 300 : sizeof text - 1));
		struct hk_sasl_result r;

		for (k = 0; k < garbage.n; k++)
			text[k] = i % 3 ? (uint8_t)alphabet[hk_prng_below(&prng, sizeof alphabet)] : (uint8_t)hk_prng_below(&prng, 256);
		f.hello = i % 2 ? garbage : HK_S(HELLO);
		f.answer = garbage;
		assert_int_not_equal(ask(&f, &peer, HK_S("\0a\0b"), &r), HK_AUTH_PASSED);
		hk_sasl_result_done(&r);
	}
	fake_done(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(no_octet_of_a_client_adds_a_line_or_a_field),
	    cmocka_unit_test(an_answer_that_is_none_lets_nobody_in),
	    cmocka_unit_test(garbage_on_the_socket_is_454),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
