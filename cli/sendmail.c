/* SPDX-License-Identifier: MIT */
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <hikyaku/message.h>

#include "queue.h"
#include "sendmail.h"

enum { ARENA_MAX = 64 * 1024 * 1024, ADDRESS_MOST = 998 };

static void complain_of(const struct sendmail *s, const char *text, struct hk_slice about)
{
	fprintf(stderr, "%s: %s: %s\n", s->name, hk_log_quote(about).text, text);
}

void sendmail_complain(const struct sendmail *s, const char *text, const char *about)
{
	if (about)
		complain_of(s, text, hk_slice_str(about));
	else
		fprintf(stderr, "%s: %s\n", s->name, text);
}

/* ---- addresses ---------------------------------------------------------------------- */

/* What can stand in a command: one that cannot would keep the message from all others too. */
static bool is_address(struct sendmail *s, struct hk_slice address)
{
	struct hk_slice path, rest;
	struct hk_path parsed;

	return hk_arena_fmt(&s->arena, &path, "<%.*s>", HK_FMT(address)) == HK_OK &&
	       hk_path_parse(&s->arena, path, HK_PATH_NULL | HK_PATH_UTF8, &parsed, &rest) == HK_OK && !rest.n && !parsed.had_route;
}

static bool has_control(struct hk_slice s)
{
	size_t i;

	for (i = 0; i < s.n; i++)
		if (s.p[i] < 0x20 || s.p[i] == 0x7f)
			return true;
	return false;
}

/* Nothing that could end a line or a command. */
static bool is_sane(struct hk_slice address)
{
	return !has_control(address) && hk_slice_find(address, '<') == address.n && hk_slice_find(address, '>') == address.n &&
	       address.n <= ADDRESS_MOST;
}

static struct hk_slice without_brackets(struct hk_slice a)
{
	a = hk_slice_trim(a);
	if (a.n >= 2 && a.p[0] == '<' && a.p[a.n - 1] == '>')
		a = hk_slice_sub(a, 1, a.n - 2);
	return a;
}

/* In any case of the domain. */
static bool is_known(const struct sendmail *s, struct hk_slice address)
{
	size_t local = hk_slice_rfind(address, '@'), i;

	for (i = 0; i < s->n_rcpt; i++) {
		struct hk_slice other = hk_slice_str(s->rcpt[i]);

		if (hk_slice_eq_nocase(other, address) && memcmp(other.p, address.p, local) == 0)
			return true;
	}
	return false;
}

int sendmail_add_rcpt(struct sendmail *s, struct hk_slice address)
{
	bool is_local = hk_slice_rfind(address, '@') == address.n;
	struct hk_slice copy;

	if (s->n_rcpt == SENDMAIL_RCPTS_MAX) {
		sendmail_complain(s, "more than 10000 recipients", NULL);
		return EX_DATAERR;
	}
	if (hk_arena_fmt(&s->arena, &copy, is_local ? "%.*s@%s" : "%.*s", HK_FMT(address), s->host) != HK_OK)
		return EX_OSERR;
	if (!address.n || !is_sane(address) || !is_address(s, copy)) {
		complain_of(s, "no address", address);
		return EX_DATAERR;
	}
	if (!is_known(s, copy))
		s->rcpt[s->n_rcpt++] = (const char *)copy.p;
	return EX_OK;
}

/* An address, or several as in a field: cron hands MAILTO over as one word. */
static int add_word(struct sendmail *s, const char *word)
{
	struct hk_slice text = hk_slice_str(word), address = without_brackets(text);
	bool may_be_list = hk_slice_find(text, ',') < text.n || hk_slice_find(address, '<') < address.n;

	if (may_be_list && !has_control(text) && !is_address(s, address))
		return sendmail_add_list(s, text, word);
	return sendmail_add_rcpt(s, address);
}

/* By the user id, never by the environment. */
static int find_sender(struct sendmail *s)
{
	const struct passwd *p = getpwuid(getuid());
	struct hk_slice from = s->from ? without_brackets(hk_slice_str(s->from)) : (struct hk_slice){0};
	size_t comma;
	int n;

	if (p && p->pw_gecos) {
		comma = strcspn(p->pw_gecos, ",");
		snprintf(s->person, sizeof s->person, "%.*s", (int)comma, p->pw_gecos);
	}
	if (!s->from && p)
		n = snprintf(s->sender, sizeof s->sender, "%s@%s", p->pw_name, s->host);
	else if (!s->from)
		n = snprintf(s->sender, sizeof s->sender, "%lu@%s", (unsigned long)getuid(), s->host);
	else if (!from.n || hk_slice_rfind(from, '@') < from.n)
		n = snprintf(s->sender, sizeof s->sender, "%.*s", HK_FMT(from));
	else
		n = snprintf(s->sender, sizeof s->sender, "%.*s@%s", HK_FMT(from), s->host);
	if (n < 0 || (size_t)n >= sizeof s->sender || !is_sane(from) || !is_address(s, hk_slice_str(s->sender))) {
		sendmail_complain(s, "no address", s->from);
		return EX_USAGE;
	}
	return EX_OK;
}

/* unix:PATH, or an address and a port. */
static int find_server(struct sendmail *s)
{
	const char *text = s->server ? s->server : SENDMAIL_SERVER, *colon = strrchr(text, ':');
	size_t n;

	if (strncmp(text, "unix:", 5) == 0) {
		snprintf(s->socket, sizeof s->socket, "%s", text + 5);
		return EX_OK;
	}
	n = colon ? (size_t)(colon - text) : 0;
	if (n > 2 && text[0] == '[' && text[n - 1] == ']') {
		text++;
		n -= 2;
	}
	if (!n || n >= sizeof s->server_host || strlen(colon + 1) >= sizeof s->port) {
		sendmail_complain(s, "neither unix:PATH nor ADDRESS:PORT", s->server);
		return EX_USAGE;
	}
	memcpy(s->server_host, text, n);
	snprintf(s->port, sizeof s->port, "%s", colon + 1);
	return EX_OK;
}

/* ---- options -------------------------------------------------------------------------- */

static int set_notify(struct sendmail *s, const char *value)
{
	static const char *const names[] = {"never", "success", "failure", "delay"};
	static const unsigned bits[] = {HK_NOTIFY_NEVER, HK_NOTIFY_SUCCESS, HK_NOTIFY_FAILURE, HK_NOTIFY_DELAY};
	struct hk_slice rest = hk_slice_str(value), word;
	size_t i, end;

	do {
		end = hk_slice_find(rest, ',');
		word = hk_slice_trim(hk_slice_sub(rest, 0, end));
		rest = hk_slice_from(rest, end + 1);
		for (i = 0; i < 4 && !hk_slice_eq_nocase(word, hk_slice_str(names[i])); i++)
			;
		if (i == 4)
			return EX_USAGE;
		s->notify |= bits[i];
	} while (rest.n);
	return s->notify & HK_NOTIFY_NEVER && s->notify != HK_NOTIFY_NEVER ? EX_USAGE : EX_OK;
}

static int set_ret(struct sendmail *s, const char *value)
{
	struct hk_slice word = hk_slice_str(value);

	s->ret = hk_slice_eq_nocase(word, HK_S("full")) ? HK_RET_FULL : hk_slice_eq_nocase(word, HK_S("hdrs")) ? HK_RET_HDRS : HK_RET_NONE;
	return s->ret == HK_RET_NONE ? EX_USAGE : EX_OK;
}

static int set_mode(struct sendmail *s, const char *value)
{
	if (!strchr("mpsi", value[0]) || value[0] == '\0' || value[1])
		return EX_USAGE;
	s->mode = value[0];
	return EX_OK;
}

/* Ours among the many that are taken and mean nothing here. */
static int set_option(struct sendmail *s, const char *value)
{
	if (strncasecmp(value, "server=", 7) == 0)
		s->server = value + 7;
	else if (strncasecmp(value, "operator=", 9) == 0)
		s->operator = value + 9;
	return EX_OK;
}

static int set_short(struct sendmail *s, const char *value)
{
	s->ignores_dot |= strcmp(value, "i") == 0;
	return EX_OK;
}

static int set_from(struct sendmail *s, const char *value)
{
	s->from = value;
	return EX_OK;
}

static int set_name(struct sendmail *s, const char *value)
{
	s->full_name = value;
	return EX_OK;
}

static int set_envid(struct sendmail *s, const char *value)
{
	s->envid = value;
	return strlen(value) <= 100 && is_sane(hk_slice_str(value)) ? EX_OK : EX_USAGE; /* RFC 3461 4.4 */
}

static int set_flush(struct sendmail *s, const char *value)
{
	s->flush = value;
	return EX_OK;
}

static int set_dot(struct sendmail *s, const char *value)
{
	(void)value;
	s->ignores_dot = true;
	return EX_OK;
}

static int set_header(struct sendmail *s, const char *value)
{
	(void)value;
	s->takes_header = true;
	return EX_OK;
}

static int set_aliases(struct sendmail *s, const char *value)
{
	(void)value;
	s->mode = 'i';
	return EX_OK;
}

static int set_json(struct sendmail *s, const char *value)
{
	(void)value;
	s->json = true;
	return EX_OK;
}

static int nothing(struct sendmail *s, const char *value)
{
	(void)s, (void)value;
	return EX_OK;
}

/* ALONE: it has none. NEXT: what is left of the word, or the next word. REST: what is left of the word, also nothing. */
enum value { ALONE, NEXT, REST };
static const struct letter {
	char letter;
	enum value value;
	int (*set)(struct sendmail *, const char *value);
} letters[] = {
    {'t', ALONE, set_header}, {'i', ALONE, set_dot}, {'f', NEXT, set_from}, {'r', NEXT, set_from}, {'F', NEXT, set_name},
    {'N', NEXT, set_notify}, {'R', NEXT, set_ret}, {'V', NEXT, set_envid}, {'b', NEXT, set_mode}, {'q', REST, set_flush},
    {'O', NEXT, set_option}, {'o', NEXT, set_short}, {'I', ALONE, set_aliases}, {'j', ALONE, set_json},
    {'B', NEXT, nothing}, {'G', ALONE, nothing}, {'U', ALONE, nothing}, {'v', ALONE, nothing}, {'n', ALONE, nothing},
    {'m', ALONE, nothing}, {'h', NEXT, nothing}, {'A', NEXT, nothing}, {'L', NEXT, nothing}, {'p', NEXT, nothing},
    {'X', NEXT, nothing}, {'x', ALONE, nothing}, {'C', NEXT, nothing}, {'c', ALONE, nothing}, {'e', NEXT, nothing},
};

static const struct letter *find(char letter)
{
	size_t i;

	for (i = 0; i < sizeof letters / sizeof letters[0]; i++)
		if (letters[i].letter == letter)
			return &letters[i];
	return NULL;
}

/* One word of letters; the last of them may take the word behind it. */
static int take_word(struct sendmail *s, char ***argv)
{
	const char *word = **argv;
	const struct letter *l;
	const char *value;
	size_t i;
	int code = EX_OK;

	for (i = 1; code == EX_OK && word[i]; i++) {
		l = find(word[i]);
		if (!l)
			return EX_USAGE;
		value = &word[i + 1];
		if (l->value == ALONE) {
			code = l->set(s, "");
			continue;
		}
		if (l->value == NEXT && !*value)
			value = *++*argv;
		return value ? l->set(s, value) : EX_USAGE;
	}
	return code;
}

static int take_words(struct sendmail *s, char **argv)
{
	int code = EX_OK;

	for (; code == EX_OK && *argv; argv++) {
		const char *word = *argv;

		if (strcmp(word, "--") == 0) {
			argv++;
			break;
		}
		if (word[0] != '-' || !word[1])
			break;
		code = take_word(s, &argv);
		if (code != EX_OK)
			sendmail_complain(s, "no such option, or one without its value", word);
	}
	for (; code == EX_OK && *argv; argv++)
		code = add_word(s, *argv);
	return code == EX_DATAERR ? EX_USAGE : code;
}

/* ---- the queue ---------------------------------------------------------------------------- */

struct listing {
	bool json;
	uint64_t octets, messages;
	struct hk_buf out;
};

static void list_one(void *context, struct hk_slice raw, const struct hk_operator_line *line)
{
	const struct hk_operator_entry *e = &line->entry;
	struct listing *l = context;

	if (l->json) {
		hk_buf_add(&l->out, raw);
		hk_buf_add_byte(&l->out, '\n');
	} else {
		if (!l->messages)
			queue_mailq_head(&l->out);
		queue_entry_mailq(e, &l->out);
	}
	l->messages++;
	l->octets += e->size;
	cli_write(&l->out);
	hk_buf_reset(&l->out);
}

static int exit_of(enum cli_exit code)
{
	return code == CLI_OK ? EX_OK : code == CLI_FAIL ? EX_NOPERM : EX_UNAVAILABLE;
}

static int list(struct sendmail *s)
{
	struct hk_operator_request r = {.verb = HK_QUEUE_LIST};
	struct listing l = {.json = s->json};
	enum cli_exit code;
	struct queue_counts counts;

	hk_buf_init(&l.out, 4 * (size_t)HK_OPERATOR_LINE_MAX);
	code = queue_ask(s->operator ? s->operator : QUEUE_SOCKET, &r, list_one, &l, &counts);
	if (code == CLI_OK && !l.json)
		queue_mailq_end(l.octets, l.messages, &l.out);
	cli_write(&l.out);
	hk_buf_done(&l.out);
	return exit_of(code);
}

/* -q: all; -qI and -qR: one message, or one site's. */
static int flush(struct sendmail *s)
{
	struct hk_operator_request r = {.verb = HK_QUEUE_RETRY};
	struct queue_counts counts;
	uint64_t id;

	if (s->flush[0] == 'I' && s->flush[1]) {
		if (hk_mail_id_parse(hk_slice_str(s->flush + 1), &id) != HK_OK)
			return sendmail_complain(s, "no queue id", s->flush + 1), EX_USAGE;
		r.id = &id;
		r.n_ids = 1;
	} else if (s->flush[0] == 'R' && s->flush[1]) {
		r.domain = hk_slice_str(s->flush + 1);
	} else if (s->flush[0] && !hk_is_digit((uint8_t)s->flush[0])) {
		return sendmail_complain(s, "-q, -qID or -qRSITE", s->flush), EX_USAGE;
	} else {
		r.all = true;
	}
	return exit_of(queue_ask(s->operator ? s->operator : QUEUE_SOCKET, &r, NULL, NULL, &counts));
}

/* ---- what is asked for ---------------------------------------------------------------------- */

static int send_message(struct sendmail *s)
{
	int code = find_server(s);

	if (code == EX_OK)
		code = find_sender(s);
	if (code == EX_OK && s->mode == 's')
		return sendmail_speak(s);
	if (code == EX_OK && !s->n_rcpt && !s->takes_header) {
		sendmail_complain(s, "recipient addresses must be given, or -t", NULL);
		code = EX_USAGE;
	}
	if (code == EX_OK)
		code = sendmail_read(s);
	if (code == EX_OK && !s->n_rcpt) {
		sendmail_complain(s, "no recipient stands in the header", NULL);
		code = EX_DATAERR;
	}
	if (code == EX_OK)
		code = sendmail_submit(s);
	hk_buf_done(&s->message);
	return code;
}

static int run(struct sendmail *s, char **argv)
{
	int code;

	if (gethostname(s->host, sizeof s->host - 1) != 0 || !*s->host)
		snprintf(s->host, sizeof s->host, "localhost");
	code = take_words(s, argv);
	if (code != EX_OK)
		return code;
	if ((s->mode != 'm' || s->flush) && (s->n_rcpt || s->takes_header)) {
		sendmail_complain(s, "recipients, and -t, are for a message, which this does not deliver", NULL);
		return EX_USAGE;
	}
	if (s->mode == 'p')
		return list(s);
	if (s->mode == 'i')
		return EX_OK; /* there is no data base of aliases that could be made anew */
	return s->flush ? flush(s) : send_message(s);
}

bool sendmail_is_name(const char *name)
{
	return strcmp(name, "sendmail") == 0 || strcmp(name, "mailq") == 0 || strcmp(name, "newaliases") == 0;
}

int sendmail_run(const char *name, char **argv)
{
	static struct sendmail s;
	int code;

	s = (struct sendmail){.name = name, .mode = strcmp(name, "mailq") == 0 ? 'p' : strcmp(name, "newaliases") == 0 ? 'i' : 'm'};
	hk_arena_init(&s.arena, ARENA_MAX);
	code = run(&s, argv);
	hk_arena_done(&s.arena);
	if (!cli_flush() && code == EX_OK)
		code = EX_IOERR;
	return code;
}
