/* SPDX-License-Identifier: MIT
 *
 * Dialogues of two other servers' test suites, replayed: chasquid's .cmy files and James' MPT scripts. Texts are each
 * server's own, so the class of the reply code is compared; every row where we differ on purpose says why.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <dirent.h>

#include "smtpd_harness.h"
#include "tests/unit.h"

enum { PATH_MOST = 512, FILES_MOST = 64 };

/* Files that test what is not the wire's. */
static const struct {
	const char *file, *reason;
} left_out[] = {
	{"bad_data.cmy", "the syntax of header fields is judged behind the wire"},
};

/* Files with AUTH, and how the right password ends in them. */
static const struct {
	const char *file, *password;
	bool needs_tls;
} with_auth[] = {
	{"auth_multi_dialog.cmy", "secretpassword", true},
	{"auth_not_tls.cmy", "secretpassword", true},
	{"auth_too_many_failures.cmy", "secretpassword", true},
	{"authplain.test", "secret", false},
	{"starttls_session_fixation.test", "secret", false},
};

/* Single replies where we differ. */
static const struct {
	const char *file, *sent;
	char ours;
	const char *reason;
} deviations[] = {
	{"wrong_proto.cmy", "GET ", '4', "RFC 5321 3.8: 421 and the end, instead of an error that lets HTTP's body go on"},
	{"wrong_proto.cmy", "POST ", '4', "the same"},
	{"wrong_proto.cmy", "CONNECT ", '4', "the same"},
	{"authplain.test", "AUTH LOGIN", '5', "RFC 4954 4: AUTH comes after EHLO"},
	{"authplain.test", "Ym9i", '5', "the same"},
	{"authplain.test", "c2Vj", '5', "the same"},
	{"auth_too_many_failures.cmy", "AUTH PLAIN something", '5', "RFC 5321 7.8: three failures do not end a session here; its twenty errors do"},
	{"starttls_session_fixation.test", "starttls", '2', "RFC 3207 4.2: what was learnt in clear is forgotten, a transaction too"},
	{"starttls_with_injection.test", "starttls", '2', "RFC 3207 4.2: what is glued behind STARTTLS is dropped, not refused"},
};

struct replay {
	const char *file;
	struct harness h;
	size_t out_at;
	bool open;
	char sent[64]; /* the latest line, for the table above */
	size_t compared;
	const char *differs; /* why, where we do */
};

static const char *vectors(void)
{
	const char *dir = getenv("HIKYAKU_VECTORS");

	return dir ? dir : "../shared/vectors";
}

static void reconnect(struct replay *r, bool tls)
{
	/* chasquid's dialogues are written for a limit of 1 MiB */
	struct hk_smtpd_options options = {.size = sizeof options,
		.hostname = HK_S("mx.test"), .max_message = 1048576, .offer_starttls = true};
	size_t i;

	for (i = 0; i < sizeof with_auth / sizeof with_auth[0] && strcmp(with_auth[i].file, r->file) != 0; i++)
		;
	if (i < sizeof with_auth / sizeof with_auth[0]) {
		options.extensions = HK_EXT_BASIC | HK_EXT(AUTH);
		options.mechanisms = HK_S("PLAIN LOGIN");
		options.auth_needs_tls = with_auth[i].needs_tls;
	}
	if (r->open)
		harness_done(&r->h);
	harness_init(&r->h, &options);
	if (options.mechanisms.n)
		r->h.password = with_auth[i].password;
	if (tls)
		hk_smtpd_tls_done(r->h.session);
	r->h.mute = true;
	r->open = true;
	r->out_at = 0;
	r->sent[0] = '\0';
}

static void say(struct replay *r, struct hk_slice text)
{
	size_t n = text.n < sizeof r->sent - 1 ? text.n : sizeof r->sent - 1;

	memcpy(r->sent, text.p ? (const char *)text.p : "", n);
	r->sent[n] = '\0';
	harness_run(&r->h, text, CUT_WHOLE);
}

static void say_line(struct replay *r, struct hk_slice line)
{
	struct hk_buf b;

	hk_buf_init(&b, 1 << 20);
	hk_buf_add(&b, line);
	hk_buf_add_str(&b, "\r\n");
	say(r, hk_buf_slice(&b));
	hk_buf_done(&b);
}

/* The class of our next reply, '-' when there is none. */
static char next_class(struct replay *r)
{
	struct hk_slice rest = hk_slice_from(hk_buf_slice(&r->h.out), r->out_at), line;

	do {
		line = hk_slice_sub(rest, 0, hk_slice_find(rest, '\n'));
		if (line.n < 4)
			return '-';
		r->out_at += line.n + 1;
		rest = hk_slice_from(rest, line.n + 1);
	} while (line.p[3] == '-');
	return (char)line.p[0];
}

static char wanted_class(struct replay *r, char theirs)
{
	size_t i;

	for (i = 0; i < sizeof deviations / sizeof deviations[0]; i++)
		if (strcmp(deviations[i].file, r->file) == 0 && strncmp(deviations[i].sent, r->sent, strlen(deviations[i].sent)) == 0) {
			if (!r->differs && deviations[i].ours != theirs)
				r->differs = deviations[i].reason;
			return deviations[i].ours;
		}
	return theirs;
}

static void hear(struct replay *r, char theirs)
{
	char have = next_class(r), want = wanted_class(r, theirs);

	if (have != want)
		fail_msg("%s: after <%s>: class %c, wanted %c\n%.*s", r->file, r->sent, have, want, HK_FMT(hk_buf_slice(&r->h.out)));
	r->compared++;
}

/* ---- Python's literals, as far as they stand there: 'a' * 899 + '\r\n', (...) * 1165 ---- */

struct literal {
	const char *p;
	struct hk_buf *out;
};

static void skip_blank(struct literal *l)
{
	while (*l->p == ' ')
		l->p++;
}

static void quoted(struct literal *l)
{
	for (l->p++; *l->p && *l->p != '\''; l->p++) {
		if (*l->p != '\\')
			hk_buf_add_byte(l->out, (uint8_t)*l->p);
		else
			hk_buf_add_byte(l->out, *++l->p == 'r' ? '\r' : *l->p == 'n' ? '\n' : (uint8_t)*l->p);
	}
	l->p++;
}

/* What stands behind the asterisk. */
static size_t number(struct literal *l)
{
	uint64_t n = 0;
	size_t digits = 0;

	l->p++;
	skip_blank(l);
	while (hk_is_digit((uint8_t)l->p[digits]))
		digits++;
	assert_int_equal(hk_slice_u64(hk_slice_of(l->p, digits), 1u << 22, &n), HK_OK);
	l->p += digits;
	return (size_t)n;
}

static void sum(struct literal *l);

static void product(struct literal *l)
{
	size_t from = l->out->n, times;
	struct hk_buf once;

	skip_blank(l);
	if (*l->p == '(') {
		l->p++;
		sum(l);
		l->p++;
	} else {
		quoted(l);
	}
	skip_blank(l);
	if (*l->p != '*')
		return;
	times = number(l);
	hk_buf_init(&once, 1 << 22);
	hk_buf_add(&once, hk_slice_from(hk_buf_slice(l->out), from));
	while (--times)
		hk_buf_add(l->out, hk_buf_slice(&once));
	hk_buf_done(&once);
}

static void sum(struct literal *l)
{
	for (;;) {
		product(l);
		skip_blank(l);
		if (*l->p != '+')
			return;
		l->p++;
	}
}

/* ---- the two formats ---- */

static void cmy_line(struct replay *r, char *line)
{
	struct hk_buf b;
	struct literal l = {.p = line + 5, .out = &b};

	if (strncmp(line, "c tcp_connect", 13) == 0 || strncmp(line, "c tls_connect", 13) == 0) {
		reconnect(r, line[3] == 'l');
	} else if (strncmp(line, "c ->", 4) == 0) {
		say_line(r, hk_slice_str(strlen(line) > 5 ? line + 5 : ""));
	} else if (strncmp(line, "c ~>", 4) == 0) {
		hk_buf_init(&b, 1 << 22);
		sum(&l);
		assert_int_equal(hk_buf_status(&b), HK_OK);
		say(r, hk_buf_slice(&b));
		hk_buf_done(&b);
	} else if (strncmp(line, "c <...", 6) == 0) {
		hear(r, line[7]);
	} else if (strncmp(line, "c <", 3) == 0) {
		hear(r, line[5]);
	} else if (line[0] && line[0] != '#' && strncmp(line, "c close", 7) != 0) {
		fail_msg("%s: unknown step: %s", r->file, line);
	}
}

/* "S: 220 text" is a line; only one with a space behind its code ends a reply. */
static void mpt_line(struct replay *r, char *line)
{
	char *glued;

	if (strncmp(line, "C:", 2) == 0) {
		line += line[2] == ' ' ? 3 : 2;
		glued = strstr(line, "\\r\\n");
		if (glued) {
			memcpy(glued, "\r\n\r\n", 4);
			memmove(glued + 2, glued + 4, strlen(glued + 4) + 1);
		}
		say_line(r, hk_slice_str(line));
	} else if (strncmp(line, "S: ", 3) == 0 && strlen(line) > 6 && (line[6] == ' ')) {
		hear(r, line[3]);
	}
}

static void replay(const char *dir, const char *file, struct replay *r)
{
	char path[PATH_MOST], line[4096];
	FILE *f;

	snprintf(path, sizeof path, "%s/%s", dir, file);
	f = fopen(path, "r");
	assert_non_null(f);
	*r = (struct replay){.file = file};
	reconnect(r, false);
	while (fgets(line, sizeof line, f)) {
		line[strcspn(line, "\n")] = '\0';
		if (strstr(file, ".cmy"))
			cmy_line(r, line);
		else
			mpt_line(r, line);
	}
	fclose(f);
	harness_done(&r->h);
	if (r->compared < 2)
		fail_msg("%s: %zu replies compared", file, r->compared);
}

static bool is_left_out(const char *file)
{
	size_t i;

	for (i = 0; i < sizeof left_out / sizeof left_out[0]; i++)
		if (strcmp(left_out[i].file, file) == 0)
			return true;
	return false;
}

static size_t replay_all(const char *sub, const char *suffix)
{
	char dir[PATH_MOST / 2];
	struct dirent *entry;
	size_t files = 0;
	DIR *d;

	snprintf(dir, sizeof dir, "%s/%s", vectors(), sub);
	d = opendir(dir);
	if (!d)
		skip();
	while ((entry = readdir(d))) {
		static struct replay r;
		size_t n = strlen(entry->d_name), tail = strlen(suffix);

		if (n < tail || strcmp(entry->d_name + n - tail, suffix) != 0 || is_left_out(entry->d_name))
			continue;
		replay(dir, entry->d_name, &r);
		if (r.differs)
			print_message("# differs %s/%s | %s\n", sub, entry->d_name, r.differs);
		else
			print_message("# vector %s/%s\n", sub, entry->d_name);
		files++;
	}
	closedir(d);
	return files;
}

static void chasquid_dialogues_get_replies_of_the_same_class(void **state)
{
	(void)state;
	assert_true(replay_all("smtp-chasquid/test/t-12-minor_dialogs", ".cmy") >= 16);
	assert_true(replay_all("smtp-chasquid/test/t-05-null_address", ".cmy") >= 1);
}

static void james_dialogues_get_replies_of_the_same_class(void **state)
{
	(void)state;
	assert_true(replay_all("smtp-james-mpt/org/apache/james/smtp/scripts", ".test") >= 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(chasquid_dialogues_get_replies_of_the_same_class),
		cmocka_unit_test(james_dialogues_get_replies_of_the_same_class),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
