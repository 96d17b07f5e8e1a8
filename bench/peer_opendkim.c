/* SPDX-License-Identifier: MIT
 *
 * libopendkim. It parses the key for each message; the header comes to it in fields, which are cut beforehand.
 */
#include <stdbool.h>
#include <sys/types.h>

#include <opendkim/dkim.h>

#include "bench.h"

static struct bench_file record;

struct message {
	DKIM_LIB *lib;
	struct bench_file pem;
	char *field[64];
	size_t field_n[64], n;
	char *body;
	size_t body_n;
};

static DKIM_CBSTAT find_key(DKIM *dkim, DKIM_SIGINFO *sig, u_char *out, size_t room)
{
	(void)dkim, (void)sig;
	snprintf((char *)out, room, "%s", record.p);
	return DKIM_CBSTAT_CONTINUE;
}

static void cut(struct message *m, struct bench_file text)
{
	char *p = text.p, *end;

	while (strncmp(p, "\r\n", 2) != 0) {
		end = p;
		do
			end = strstr(end, "\r\n") + 2;
		while (*end == ' ' || *end == '\t');
		m->field[m->n] = p;
		m->field_n[m->n++] = (size_t)(end - p) - 2;
		p = end;
	}
	m->body = p + 2;
	m->body_n = text.n - (size_t)(m->body - text.p);
}

static void walk(struct message *m, DKIM *dkim)
{
	size_t i;

	for (i = 0; i < m->n; i++)
		bench_check(dkim_header(dkim, (u_char *)m->field[i], m->field_n[i]) == DKIM_STAT_OK, "a field");
	bench_check(dkim_eoh(dkim) == DKIM_STAT_OK, "the header");
	bench_check(dkim_body(dkim, (u_char *)m->body, m->body_n) == DKIM_STAT_OK, "the body");
	bench_check(dkim_eom(dkim, NULL) == DKIM_STAT_OK, "the message");
}

static void sign(void *with)
{
	struct message *m = with;
	DKIM_STAT status;
	u_char *field;
	size_t n;
	DKIM *dkim = dkim_sign(m->lib, (const u_char *)"id", NULL, (u_char *)m->pem.p, (const u_char *)"s1",
	    (const u_char *)"a.test", DKIM_CANON_RELAXED, DKIM_CANON_RELAXED, DKIM_SIGN_RSASHA256, -1, &status);

	bench_check(dkim != NULL, "starting to sign");
	walk(m, dkim);
	bench_check(dkim_getsighdr_d(dkim, 0, &field, &n) == DKIM_STAT_OK, "the field");
	dkim_free(dkim);
}

static void verify(void *with)
{
	struct message *m = with;
	DKIM_STAT status;
	DKIM *dkim = dkim_verify(m->lib, (const u_char *)"id", NULL, &status);

	bench_check(dkim != NULL, "starting to verify");
	walk(m, dkim);
	dkim_free(dkim);
}

int main(int argc, char **argv)
{
	struct message m = {0};
	bool signs;

	bench_check(argc == 3, "usage: OPERATION FOLDER");
	signs = strcmp(argv[1], "sign") == 0;
	record = bench_read(argv[2], "record.txt");
	m.pem = bench_read(argv[2], "key.pem");
	cut(&m, bench_read(argv[2], signs ? "unsigned.eml" : "signed.eml"));
	m.lib = dkim_init(NULL, NULL);
	bench_check(m.lib && dkim_set_key_lookup(m.lib, find_key) == DKIM_STAT_OK, "the library");
	printf("%.3f\n", bench_measure(signs ? sign : verify, &m));
	return 0;
}
