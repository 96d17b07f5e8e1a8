/* SPDX-License-Identifier: MIT
 *
 * The command queue drain: a spool without a server goes to another host. What the host took is durably gone from the spool before
 * the next message goes out, so that it can be ended at any moment, and begun again.
 */
#include <errno.h>
#include <grp.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "drain.h"
#include "engine/drain.h"
#include "flags.h"
#include "io/clock.h"
#include "io/disk.h"
#include "queue.h"

enum { NAME_ROOM = 256, CA_MAX = 4 * 1024 * 1024, LINE_ROOM = 1024 * 1024, NOTHING_MOST = 5, TIDY_EVERY = 1000 };

struct drain {
	const char *to, *dir, *tls, *tls_name, *tls_ca, *helo;
	bool tls_verify, held, quiet, json, help;
	char host[NAME_ROOM], own[NAME_ROOM];
	uint16_t port;
	struct hk_conf *conf;
	struct hk_drain *spool;
	struct drain_wire wire;
	struct hk_log log;
	struct hk_buf out, said;
	uint64_t seen, refused, deferred; /* messages; recipients */
	unsigned nothing; /* jobs in a row of which nothing was taken or refused */
};

static const struct flag table[] = {
    {"--to", "HOST[:PORT]", "the host that takes it all (port: 25)", FLAG_TEXT, offsetof(struct drain, to), 0, 0},
    {"--spool", "DIR", "the spool (default: " DRAIN_SPOOL ")", FLAG_TEXT, offsetof(struct drain, dir), 0, 0},
    {"--tls", "off|try|starttls|implicit", "TLS: never, where offered (default), by STARTTLS, from the first byte", FLAG_TEXT, offsetof(struct drain, tls), 0, 0},
    {"--tls-verify", NULL, "end where the certificate is not trusted for the name", FLAG_SWITCH, offsetof(struct drain, tls_verify), 0, 0},
    {"--tls-name", "NAME", "the name for SNI and in the certificate (default: the host's)", FLAG_TEXT, offsetof(struct drain, tls_name), 0, 0},
    {"--tls-ca", "FILE", "trust these authorities, in PEM (default: the system's)", FLAG_TEXT, offsetof(struct drain, tls_ca), 0, 0},
    {"--helo", "NAME", "our name (default: this host's)", FLAG_TEXT, offsetof(struct drain, helo), 0, 0},
    {"--held", NULL, "also what is held, and what is quarantined", FLAG_SWITCH, offsetof(struct drain, held), 0, 0},
    {"--quiet", NULL, "the sum alone", FLAG_SWITCH, offsetof(struct drain, quiet), 0, 0},
    {"--json", NULL, "one JSON object a line (docs/schema/drain.json)", FLAG_SWITCH, offsetof(struct drain, json), 0, 0},
    {"--help", NULL, "this", FLAG_SWITCH, offsetof(struct drain, help), 0, 0},
};
enum { FLAGS = sizeof table / sizeof table[0] };

static const char usage[] =
    "usage: hikyaku queue drain --to HOST[:PORT] [options]\n\n"
    "hand the spool of a server that does not run over to another host, by SMTP, with what senders asked of delivery reports.\n"
    "What the host took (250) is gone from the spool before the next goes out; what it did not take stays. It may be ended at any\n"
    "moment and begun again: only a message under way just then may come twice. A server that runs is given a route to the host,\n"
    "and then hikyaku queue retry --all.\n\n"
    "exit status: 0 all was handed over, 1 something was refused and stays, 2 usage or no spool, 3 a server runs, or the host takes\n"
    "nothing now: begin again later, 4 the output cannot be written";

/* ---- what is said of it ------------------------------------------------------------------------------ */

static void flush(struct drain *p)
{
	hk_buf_add_byte(&p->out, '\n');
	cli_write(&p->out);
	hk_buf_reset(&p->out);
}

static const char *word_of(const struct hk_job *job, const struct hk_rcpt_result *r)
{
	if (job->released || r->outcome == HK_RCPT_PENDING)
		return "deferred";
	return r->outcome == HK_RCPT_DELIVERED ? "handed-over" : "refused";
}

static void say_json(struct drain *p, const struct hk_mail *mail, const struct hk_job *job)
{
	char id[HK_MAIL_ID_TEXT];
	struct hk_json_writer w;
	size_t i;

	hk_mail_id_format(job->id, id);
	hk_json_begin(&w, &p->out);
	hk_json_object(&w, NULL);
	hk_json_text(&w, "type", "message");
	hk_json_text(&w, "queue_id", id);
	hk_json_string(&w, "sender", mail->mail_from);
	hk_json_array(&w, "recipients");
	for (i = 0; i < job->n_rcpt; i++) {
		const struct hk_rcpt_result *r = &job->result[i];

		hk_json_object(&w, NULL);
		hk_json_string(&w, "address", mail->rcpt[job->rcpt[i]].address);
		hk_json_text(&w, "state", word_of(job, r));
		hk_json_int(&w, "code", r->code);
		hk_json_text(&w, "enhanced", r->enhanced);
		hk_json_text(&w, "text", r->text);
		hk_json_text(&w, "host", r->remote);
		hk_json_close_object(&w);
	}
	hk_json_close_array(&w);
	hk_json_close_object(&w);
	flush(p);
}

static void say_text(struct drain *p, const struct hk_mail *mail, const struct hk_job *job)
{
	struct hk_drain_counts counts;
	char id[HK_MAIL_ID_TEXT];
	size_t i;

	hk_mail_id_format(job->id, id);
	hk_drain_count(p->spool, &counts);
	hk_buf_addf(&p->out, "%s (%" PRIu64 " of %" PRIu64 ") from <%s>", id, p->seen, counts.messages, hk_log_quote(mail->mail_from).text);
	for (i = 0; i < job->n_rcpt; i++) {
		const struct hk_rcpt_result *r = &job->result[i];

		hk_buf_addf(&p->out, "\n  %-11s <%s>: %u %s %s", word_of(job, r), hk_log_quote(mail->rcpt[job->rcpt[i]].address).text, r->code,
		    r->enhanced, hk_log_quote(hk_slice_str(r->text)).text);
	}
	flush(p);
}

static void say_sum(struct drain *p, const char *result)
{
	struct hk_drain_counts c;
	struct hk_json_writer w;
	uint64_t left;

	hk_drain_count(p->spool, &c);
	left = c.messages - c.handed_over;
	if (!p->json) {
		hk_buf_addf(&p->out, "%s: %" PRIu64 " messages to %" PRIu64 " recipients handed over; %" PRIu64 " are in the spool: %" PRIu64
		    " held, %" PRIu64 " of which some recipients were taken, %" PRIu64 " of which none, %" PRIu64 " not tried", result, c.handed_over,
		    c.recipients, left, c.held, c.partly, c.stay, left - c.held - c.partly - c.stay);
		flush(p);
		return;
	}
	hk_json_begin(&w, &p->out);
	hk_json_object(&w, NULL);
	hk_json_text(&w, "type", "summary");
	hk_json_text(&w, "result", result);
	hk_json_int(&w, "messages", (int64_t)c.messages);
	hk_json_int(&w, "handed_over", (int64_t)c.handed_over);
	hk_json_int(&w, "recipients_handed_over", (int64_t)c.recipients);
	hk_json_int(&w, "left", (int64_t)left);
	hk_json_int(&w, "held", (int64_t)c.held);
	hk_json_int(&w, "partly", (int64_t)c.partly);
	hk_json_int(&w, "stay", (int64_t)c.stay);
	hk_json_int(&w, "reports", (int64_t)c.reports);
	hk_json_close_object(&w);
	flush(p);
}

static void log_line(struct hk_log *log, enum hk_log_level level, struct hk_slice line)
{
	struct drain *p = (struct drain *)(void *)((char *)log - offsetof(struct drain, log));

	if (level != HK_LOG_ERROR)
		return;
	hk_buf_add(&p->said, line);
	hk_buf_add_byte(&p->said, '\n');
}

/* ---- from message to message --------------------------------------------------------------------------- */

/* Whether the host did anything with it: a host that does nothing five times is left alone. */
static void judge(struct drain *p, const struct hk_job *job)
{
	size_t i, pending = 0;

	for (i = 0; i < job->n_rcpt; i++) {
		bool is_pending = job->released || job->result[i].outcome == HK_RCPT_PENDING;

		pending += is_pending;
		p->refused += !is_pending && job->result[i].outcome != HK_RCPT_DELIVERED;
	}
	p->deferred += pending;
	p->nothing = pending < job->n_rcpt ? 0 : job->news == HK_HOP_DOWN || job->news == HK_HOP_UNKNOWN ? NOTHING_MOST : p->nothing + 1;
}

static enum cli_exit failed(struct drain *p, enum hk_status status)
{
	if (p->said.n)
		fprintf(stderr, "%.*s", HK_FMT(hk_buf_slice(&p->said)));
	cli_complain_disk(status, p->dir);
	return status == HK_CORRUPT ? CLI_FAIL : CLI_LATER;
}

static enum cli_exit finish(struct drain *p)
{
	bool is_over = p->nothing < NOTHING_MOST;

	hk_drain_tidy(p->spool);
	say_sum(p, is_over ? "done" : "ended");
	if (!is_over)
		cli_complain("the host takes nothing now; begin again later", p->to);
	return !is_over ? CLI_LATER : p->refused ? CLI_FAIL : p->deferred ? CLI_LATER : CLI_OK;
}

static enum cli_exit run(struct drain *p)
{
	const struct hk_mail *mail;
	enum hk_status status;
	struct hk_job *job;
	struct hk_now now;
	uint64_t before = 0;

	for (;;) {
		hk_clock_now(&now);
		status = hk_drain_next(p->spool, &now, &job, &mail);
		if (status != HK_OK)
			return status == HK_END ? finish(p) : failed(p, status);
		p->seen += job->id != before;
		before = job->id;
		drain_wire_run(&p->wire, job, &p->log);
		judge(p, job);
		if (!p->quiet)
			(p->json ? say_json : say_text)(p, mail, job);
		hk_clock_now(&now);
		status = hk_drain_done(p->spool, job, &now);
		if (status != HK_OK) {
			cli_complain("the host has this message, and that could not be recorded: it will be handed over again", NULL);
			return failed(p, status);
		}
		if (p->seen % TIDY_EVERY == 0)
			hk_drain_tidy(p->spool);
		if (p->nothing >= NOTHING_MOST)
			return finish(p);
	}
}

/* ---- from options to a spool ------------------------------------------------------------------------------ */

static const char conf_text[] = "hostname localhost; spool /; route * { via smtp 127.0.0.1:25; tls opportunistic; }\n";

static bool split_host(struct drain *p)
{
	const char *end = strrchr(p->to, ':');
	struct hk_slice host = hk_slice_str(p->to);
	uint64_t port = 0;

	if (host.n && host.p[0] == '[') {
		end = strchr(p->to, ']');
		if (!end || (end[1] && end[1] != ':'))
			return false;
		host = hk_slice_of(p->to + 1, (size_t)(end - p->to - 1));
		end = end[1] ? end + 1 : NULL;
	} else if (end && strchr(p->to, ':') == end) {
		host = hk_slice_of(p->to, (size_t)(end - p->to));
	} else {
		end = NULL; /* none, or an address of IPv6 without brackets */
	}
	if (end && (hk_slice_u64(hk_slice_str(end + 1), 65535, &port) != HK_OK || port == 0))
		return false;
	snprintf(p->host, sizeof p->host, "%.*s", HK_FMT(host));
	p->port = (uint16_t)port;
	return host.n > 0 && host.n < sizeof p->host;
}

/* As `hikyaku smtp` has them. */
static bool set_tls(struct drain *p, struct hk_conf_route *route)
{
	static const struct {
		const char *word;
		enum hk_tls_level level, verified;
		bool is_implicit;
	} words[] = {
	    {"off", HK_TLS_OFF, HK_TLS_OFF, false},
	    {"try", HK_TLS_OPPORTUNISTIC, HK_TLS_VERIFIED, false},
	    {"starttls", HK_TLS_REQUIRED, HK_TLS_VERIFIED, false},
	    {"implicit", HK_TLS_REQUIRED, HK_TLS_VERIFIED, true},
	};
	size_t i;

	for (i = 0; i < sizeof words / sizeof words[0]; i++) {
		if (strcmp(p->tls ? p->tls : "try", words[i].word) != 0)
			continue;
		route->tls = p->tls_verify ? words[i].verified : words[i].level;
		route->implicit_tls = words[i].is_implicit;
		return true;
	}
	return false;
}

static bool make_conf(struct drain *p)
{
	struct hk_conf_route *route;

	if (hk_conf_parse("drain", hk_slice_str(conf_text), &p->conf, NULL) != HK_OK)
		return false;
	if (gethostname(p->own, sizeof p->own) != 0 || !hk_is_hostname(hk_slice_str(p->own), false))
		snprintf(p->own, sizeof p->own, "localhost");
	p->own[sizeof p->own - 1] = '\0';
	route = &p->conf->route[0];
	p->conf->hostname = route->helo = hk_slice_str(p->helo ? p->helo : p->own);
	p->conf->spool = hk_slice_str(p->dir);
	route->host = hk_slice_str(p->tls_name ? p->tls_name : p->host);
	if (!set_tls(p, route)) {
		cli_complain("--tls is off, try, starttls or implicit", p->tls);
		return false;
	}
	route->port = p->port ? p->port : route->implicit_tls ? 465 : 25;
	return true;
}

/* Files that root makes would be root's, and the server could not open them: so they are made by whom the spool belongs to. */
static bool become_owner(const char *dir)
{
	struct stat st;

	if (stat(dir, &st) != 0) {
		cli_complain(strerror(errno), dir);
		return false;
	}
	if (geteuid() != 0 || st.st_uid == 0)
		return true;
	if (setgroups(0, NULL) == 0 && setgid(st.st_gid) == 0 && setuid(st.st_uid) == 0)
		return true;
	cli_complain(strerror(errno), "the owner of the spool");
	return false;
}

static enum cli_exit open_spool(struct drain *p)
{
	char path[NAME_ROOM * 8];
	struct stat st;
	struct hk_drain_options o = {.conf = p->conf, .disk = hk_disk_kernel(), .log = &p->log, .with_held = p->held};
	enum hk_status status;

	/* what is none is not made one */
	if (snprintf(path, sizeof path, "%s/VERSION", p->dir) >= (int)sizeof path || stat(path, &st) != 0) {
		cli_complain("no spool is there", p->dir);
		return CLI_USAGE;
	}
	if (!become_owner(p->dir))
		return CLI_USAGE;
	status = hk_drain_new(&o, &p->spool);
	if (status == HK_BUSY) {
		cli_complain("a server runs on this spool: stop it, or give it a route to the host (hikyaku queue drain --help)", p->dir);
		return CLI_LATER;
	}
	return status == HK_OK ? CLI_OK : failed(p, status);
}

static enum cli_exit drain(struct drain *p)
{
	struct hk_buf ca = {0};
	enum cli_exit code = CLI_USAGE;

	hk_buf_init(&p->out, LINE_ROOM);
	hk_buf_init(&p->said, LINE_ROOM);
	p->log.line = log_line;
	if (make_conf(p) && (!p->tls_ca || cli_read_file(p->tls_ca, CA_MAX, &ca))) {
		if (drain_wire_init(&p->wire, p->host, hk_buf_slice(&ca)) == HK_OK) {
			code = open_spool(p);
			if (code == CLI_OK)
				code = run(p);
		} else {
			cli_complain("no usable authorities, or out of memory", p->tls_ca);
		}
		drain_wire_done(&p->wire);
	}
	hk_drain_free(p->spool);
	hk_conf_free(p->conf);
	hk_buf_done(&ca);
	hk_buf_done(&p->out);
	hk_buf_done(&p->said);
	return code;
}

enum cli_exit cli_drain(char **argv)
{
	struct drain p = {.dir = DRAIN_SPOOL};

	if (!flags_parse(table, FLAGS, argv, &p))
		return CLI_USAGE;
	if (p.help) {
		flags_help(usage, table, FLAGS);
		return CLI_OK;
	}
	if (!p.to || !split_host(&p)) {
		cli_complain("where to? --to HOST or HOST:PORT; see hikyaku queue drain --help", p.to);
		return CLI_USAGE;
	}
	return drain(&p);
}
