/* SPDX-License-Identifier: MIT
 *
 * `hikyaku smtp`: a session with a mail server, shown as it goes.
 */
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <hikyaku/message.h>

#include "smtp.h"

enum { NAME_ROOM = 256, HOSTS_MOST = 20 };

/* What is missing in the options, and the texts that stand for it. */
struct given {
	char host[NAME_ROOM], helo[NAME_ROOM], mail_from[NAME_ROOM], password[NAME_ROOM];
	struct hk_buf message;
};

/* ---- the message ---- */

static void add_addresses(struct hk_buf *b, const struct smtp_options *o)
{
	size_t i;

	hk_buf_addf(b, "From: <%s>\r\nTo: ", *o->mail_from ? o->mail_from : "postmaster@localhost");
	for (i = 0; i < o->n_rcpt; i++)
		hk_buf_addf(b, "%s<%s>", i ? ",\r\n\t" : "", o->rcpt[i]);
}

static void make_message(struct hk_buf *b, const struct smtp_options *o)
{
	time_t now = time(NULL);

	add_addresses(b, o);
	hk_buf_addf(b, "\r\nSubject: %s\r\nDate: ", o->subject ? o->subject : "test");
	hk_date_format(b, (int64_t)now, 0, (struct hk_slice){0});
	hk_buf_addf(b, "\r\nMessage-ID: <%lld.%ld@%s>\r\n\r\nThis is a test.\r\n", (long long)now, (long)getpid(), o->helo);
}

/* A file with LF line ends only is read as if they were CRLF; BINARYMIME goes as it is. */
static bool read_message(const struct smtp_options *o, struct hk_buf *ret)
{
	struct cli_message m = {0};
	struct cli_options file = {.file = o->data};
	bool ok;

	if (!o->data) {
		hk_buf_init(ret, CLI_MESSAGE_MAX);
		make_message(ret, o);
		return hk_buf_status(ret) == HK_OK;
	}
	if (o->body == HK_BODY_BINARYMIME)
		return cli_read_file(o->data, CLI_MESSAGE_MAX, ret);
	ok = cli_message_read(&file, &m);
	*ret = m.bytes;
	m.bytes = (struct hk_buf){0};
	cli_message_done(&m);
	return ok;
}

/* ---- what is not given ---- */

static void host_name(char to[NAME_ROOM])
{
	if (gethostname(to, NAME_ROOM) != 0 || !hk_is_hostname(hk_slice_str(to), false))
		snprintf(to, NAME_ROOM, "localhost");
	to[NAME_ROOM - 1] = '\0';
}

static bool fill_password(struct smtp_options *o, struct given *g)
{
	struct hk_buf file = {0};
	struct hk_slice line;

	if (!o->user)
		return true;
	if (o->password_file) {
		if (!cli_read_file(o->password_file, 65536, &file))
			return false;
		line =
		    hk_slice_sub(hk_buf_slice(&file), 0, hk_slice_find(hk_buf_slice(&file), '\n'));
		if (line.n && line.p[line.n - 1] == '\r')
			line.n--;
		snprintf(g->password, sizeof g->password, "%.*s", HK_FMT(line));
		hk_buf_done(&file);
		o->password = g->password;
	}
	if (!o->password)
		cli_complain("--user needs --password-file or --password", NULL);
	return o->password != NULL;
}

static bool fill(struct smtp_options *o, struct given *g)
{
	const struct passwd *who = getpwuid(getuid());

	host_name(g->helo);
	if (!o->helo)
		o->helo = g->helo;
	snprintf(g->mail_from, sizeof g->mail_from, "%.60s@%.180s", who ? who->pw_name : "nobody",
	    g->helo);
	if (!o->mail_from)
		o->mail_from = g->mail_from;
	return fill_password(o, g) && (o->n_rcpt == 0 || read_message(o, &g->message));
}

static const char *wrong_with(const struct smtp_options *o)
{
	if (!o->server && !o->socket && o->n_rcpt == 0)
		return "whom to speak with? --server, --socket, or --rcpt for its MX";
	if (o->lmtp && !o->socket && !o->port)
		return "LMTP has no port of its own (RFC 2033 5): --port or --socket";
	if (o->auth && !smtp_sasl_is_known(o->auth))
		return "--auth is SCRAM-SHA-256, PLAIN or LOGIN";
	if (o->lmtp && o->helo_only)
		return "LMTP knows no HELO (RFC 2033 4.1)";
	if (o->data && o->n_rcpt == 0)
		return "--data needs a --rcpt";
	return NULL;
}

/* ---- where to ---- */

enum mx { MX_OPEN, MX_NOT, MX_NULL };

struct search {
	const struct smtp_options *options;
	const char *port;
	struct smtp_wire *wire;
	struct smtp_show *show;
	struct cli_resolver *resolver;
	struct hk_arena arena;
	const struct hk_dns_rr *mx[HOSTS_MOST]; /* the best first */
	size_t n;
};

static struct hk_dns_answer ask(struct search *f, struct hk_slice name, uint16_t type)
{
	struct hk_dns_question q = {.name = name, .type = type};
	struct hk_dns_answer answer = {0};

	if (cli_resolve(f->resolver, &q, &f->arena, &answer) != HK_OK)
		answer.n = 0;
	return answer;
}

/* RFC 5321 5.1: by preference. */
static void find_mx(struct search *f, struct hk_slice domain)
{
	struct hk_dns_answer answer = ask(f, domain, HK_DNS_MX);
	size_t i, k;

	for (i = 0; i < answer.n && f->n < HOSTS_MOST; i++) {
		if (answer.rr[i].type != HK_DNS_MX)
			continue;
		for (k = f->n++; k > 0 && f->mx[k - 1]->preference > answer.rr[i].preference; k--)
			f->mx[k] = f->mx[k - 1];
		f->mx[k] = &answer.rr[i];
	}
}

/* Each address of the host until one opens. */
static bool try_host(struct search *f, struct hk_slice host)
{
	static const uint16_t types[] = {HK_DNS_AAAA, HK_DNS_A};
	char text[HK_IP_TEXT_MAX];
	size_t i, k, found = 0;

	for (i = 0; i < sizeof types / sizeof types[0]; i++) {
		struct hk_dns_answer answer = ask(f, host, types[i]);

		for (k = 0; k < answer.n; k++) {
			hk_ip_format(&answer.rr[k].ip, text);
			if (smtp_wire_open(f->wire, f->options, text, f->port, f->show))
				return true;
		}
		found += answer.n;
	}
	if (!found)
		smtp_note(f->show, "%.*s has no address", HK_FMT(host));
	return false;
}

static enum mx try_all(struct search *f, struct hk_slice domain, struct given *g)
{
	size_t i;

	find_mx(f, domain);
	for (i = 0; i < f->n; i++) {
		/* RFC 7505 3 */
		if (f->mx[i]->data.n == 0) {
			smtp_note(f->show, "556 5.1.10 The domain takes no mail: its MX is the "
			                   "null MX (RFC 7505)");
			return MX_NULL;
		}
		snprintf(g->host, sizeof g->host, "%.*s", HK_FMT(f->mx[i]->data));
		smtp_note(f->show, "MX %u %s", f->mx[i]->preference, g->host);
		if (try_host(f, f->mx[i]->data))
			return MX_OPEN;
	}
	if (f->n)
		return MX_NOT;
	snprintf(g->host, sizeof g->host, "%.*s", HK_FMT(domain));
	smtp_note(f->show, "No MX record, so the domain itself (RFC 5321 5.1)");
	return try_host(f, domain) ? MX_OPEN : MX_NOT;
}

static enum mx connect_mx(struct search *f, struct given *g)
{
	const struct smtp_options *o = f->options;
	const struct cli_options network = {.resolver = o->resolver, .zone = o->zone};
	struct hk_slice address = hk_slice_str(o->rcpt[0]);
	enum mx result = MX_NOT;

	hk_arena_init(&f->arena, CLI_ARENA);
	if (cli_resolver_new(&f->arena, &network, &f->resolver))
		result = try_all(f, hk_slice_from(address, hk_slice_rfind(address, '@') + 1), g);
	cli_resolver_free(f->resolver);
	hk_arena_done(&f->arena);
	return result;
}

static enum mx connect_to(
    struct smtp_wire *w, const struct smtp_options *o, struct given *g, struct smtp_show *s)
{
	struct search f = {.options = o,
	    .wire = w,
	    .show = s,
	    .port = o->port                       ? o->port
	            : o->tls == SMTP_TLS_IMPLICIT ? "465"
	                                          : "25"};
	uint64_t began = smtp_now_ms();
	enum mx result;

	*w = (struct smtp_wire){.fd = -1};
	snprintf(g->host, sizeof g->host, "%s", o->server ? o->server : "localhost");
	if (o->server || o->socket)
		result = smtp_wire_open(w, o, g->host, f.port, s) ? MX_OPEN : MX_NOT;
	else
		result = connect_mx(&f, g);
	if (result == MX_OPEN)
		smtp_note(
		    s, "Connected to %s in %u ms", w->peer, (unsigned)(smtp_now_ms() - began));
	return result;
}

/* ---- the end ---- */

static enum cli_exit exit_of(const struct smtp_result *r)
{
	if (!r->code)
		return r->is_done ? CLI_OK : CLI_LATER;
	return r->code < 400 ? CLI_OK : r->code < 500 ? CLI_LATER : CLI_FAIL;
}

static void finish_json(struct smtp_show *s, const struct smtp_options *o,
    const struct smtp_wire *w, const struct smtp_result *r)
{
	static const char *const results[] = {
	    [CLI_OK] = "ok", [CLI_FAIL] = "refused", [CLI_LATER] = "temporary"};
	struct hk_json_writer *j = &s->writer;
	size_t i;

	hk_json_close_array(j);
	hk_json_text(j, "peer", w->peer[0] ? w->peer : NULL);
	hk_json_bool(j, "tls", s->is_tls);
	hk_json_text(j, "result", results[exit_of(r)]);
	hk_json_int(j, "code", r->code);
	hk_json_text(j, "enhanced", r->enhanced);
	hk_json_text(j, "stage", r->code ? smtp_stage_name(r->stage) : NULL);
	hk_json_string(j, "text", hk_buf_slice(&r->text));
	hk_json_bool(j, "own", r->own);
	hk_json_array(j, "recipients");
	for (i = 0; i < o->n_rcpt; i++) {
		hk_json_object(j, NULL);
		hk_json_text(j, "address", o->rcpt[i]);
		hk_json_int(j, "code", r->rcpt_code[i] ? r->rcpt_code[i] : r->code);
		hk_json_close_object(j);
	}
	hk_json_close_array(j);
	hk_json_int(j, "ms", (int64_t)(smtp_now_ms() - s->began_ms));
	hk_json_close_object(j);
	hk_buf_add_byte(&s->json, '\n');
	cli_write(&s->json);
}

static enum cli_exit session(const struct smtp_options *o, struct given *g)
{
	struct smtp_result result = {0};
	struct smtp_show show;
	struct smtp_wire wire;
	enum cli_exit code;
	enum mx mx;

	hk_buf_init(&result.text, 65536);
	smtp_show_init(&show, o);
	mx = connect_to(&wire, o, g, &show);
	if (mx == MX_OPEN)
		smtp_talk(&wire, o, g->host, hk_buf_slice(&g->message), &show, &result);
	else if (mx == MX_NULL)
		result.code = 556;
	smtp_wire_close(&wire);
	code = exit_of(&result);
	smtp_note(&show, "%u replies in %.3f s", show.replies,
	    (double)(smtp_now_ms() - show.began_ms) / 1000);
	if (o->json)
		finish_json(&show, o, &wire, &result);
	smtp_show_done(&show);
	hk_buf_done(&result.text);
	return code;
}

enum cli_exit cli_smtp(char **argv)
{
	struct smtp_options o;
	struct given g = {0};
	enum cli_exit code = CLI_USAGE;
	const char *wrong;

	if (!smtp_options_parse(argv, &o))
		return CLI_USAGE;
	if (o.help) {
		smtp_options_help();
		return CLI_OK;
	}
	wrong = wrong_with(&o);
	if (wrong)
		cli_complain(wrong, NULL);
	else if (fill(&o, &g))
		code = session(&o, &g);
	hk_buf_done(&g.message);
	return code;
}
