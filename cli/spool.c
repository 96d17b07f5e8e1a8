/* SPDX-License-Identifier: MIT
 *
 * The command spool: what stands in the spool of a server, and whether it is right. Nothing in it is changed.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli_internal.h"
#include "engine/spool_look.h"
#include "flags.h"
#include "io/disk.h"

enum { PATH_ROOM = 4096, LINE_MAX_OUT = 64 * 1024 * 1024 };

struct spool {
	bool json, help;
	bool is_dump, is_held;
	const char *dir;
	struct hk_buf out;  /* one line, or one sight */
	struct hk_buf said; /* by the journal's code, for people */
	struct hk_log log;
	uint64_t version, segments, records, messages, pending, damage, torn, orphans, octets;
};

static const struct flag table[] = {
    {"--json", NULL, "one JSON object a line (docs/schema/spool.json)", FLAG_SWITCH, offsetof(struct spool, json), 0, 0},
    {"--help", NULL, "this", FLAG_SWITCH, offsetof(struct spool, help), 0, 0},
};
enum { FLAGS = sizeof table / sizeof table[0] };

static const char usage[] =
    "usage: hikyaku spool check|dump [options] DIR\n\n"
    "  check  recover the spool as the server would, and read every record; nothing is changed\n"
    "  dump   the same, and show all records and messages\n\n"
    "exit status: 0 right, 1 damage, 2 usage or no spool, 3 a server runs on it or it cannot be read now, 4 the output cannot be written";

static const char *const outcomes[] = {
    [HK_RCPT_PENDING] = "pending", [HK_RCPT_DELIVERED] = "delivered", [HK_RCPT_FAILED] = "failed", [HK_RCPT_REMOVED] = "removed"};

static const char *outcome_of(uint8_t outcome)
{
	return outcome < sizeof outcomes / sizeof outcomes[0] ? outcomes[outcome] : "?";
}

/* ---- as JSON --------------------------------------------------------------- */

static void json_id(struct hk_json_writer *w, uint64_t id)
{
	char text[HK_MAIL_ID_TEXT];

	hk_mail_id_format(id, text);
	hk_json_text(w, "queue_id", text);
}

static void json_mail(struct hk_json_writer *w, const struct hk_mail *mail)
{
	size_t i;

	hk_json_int(w, "arrival_time", mail->received);
	hk_json_string(w, "sender", mail->mail_from);
	hk_json_string(w, "listener", mail->listener);
	if (mail->user.n)
		hk_json_string(w, "user", mail->user);
	if (mail->params.envid.n)
		hk_json_string(w, "envid", mail->params.envid);
	hk_json_int(w, "body_size", (int64_t)mail->body_size);
	if (mail->body_file.n)
		hk_json_string(w, "body_file", mail->body_file);
	hk_json_array(w, "recipients");
	for (i = 0; i < mail->n_rcpt; i++) {
		hk_json_object(w, NULL);
		hk_json_string(w, "address", mail->rcpt[i].address);
		hk_json_text(w, "state", outcome_of(mail->rcpt[i].outcome));
		if (mail->rcpt[i].params.orcpt.n)
			hk_json_string(w, "orig_address", mail->rcpt[i].params.orcpt);
		hk_json_close_object(w);
	}
	hk_json_close_array(w);
}

static void json_marks(struct hk_json_writer *w, unsigned marks)
{
	if (marks & HK_SPOOL_HELD)
		hk_json_bool(w, "held", true);
	if (marks & HK_SPOOL_RELEASED)
		hk_json_bool(w, "released", true);
	if (marks / HK_SPOOL_NOTICE)
		hk_json_int(w, "notices", marks / HK_SPOOL_NOTICE);
}

static void json_record(struct hk_json_writer *w, const struct hk_told *t)
{
	hk_json_text(w, "record", t->type);
	hk_json_int(w, "sequence", (int64_t)t->sequence);
	hk_json_int(w, "length", (int64_t)t->length);
	if (!t->id)
		return;
	json_id(w, t->id);
	if (strcmp(t->type, "complete") == 0) {
		hk_json_int(w, "recipient", t->rcpt);
		hk_json_text(w, "state", outcome_of(t->outcome));
	} else if (strcmp(t->type, "message") != 0) {
		hk_json_int(w, "attempts", t->attempts);
		json_marks(w, t->marks);
		hk_json_int(w, "next_attempt", t->next_attempt);
	}
	if (t->why.n)
		hk_json_string(w, "why", t->why);
	if (t->mail.n_rcpt)
		json_mail(w, &t->mail);
}

static void json_segment(struct hk_json_writer *w, const struct hk_spool_sight *s)
{
	hk_json_int(w, "generation", s->generation);
	hk_json_int(w, "first_sequence", (int64_t)s->first);
	hk_json_int(w, "size", (int64_t)s->size);
	if (s->kind == HK_SIGHT_SEGMENT)
		return;
	hk_json_int(w, "used", (int64_t)s->used);
	hk_json_int(w, "records", (int64_t)s->records);
	hk_json_bool(w, "sealed", s->is_sealed);
}

static void json_message(struct hk_json_writer *w, const struct hk_spool_entry *e)
{
	json_id(w, e->id);
	hk_json_int(w, "segment", e->place.segment);
	hk_json_int(w, "offset", (int64_t)e->place.offset);
	hk_json_int(w, "attempts", e->attempts);
	json_marks(w, e->marks);
	hk_json_int(w, "next_attempt", e->next_attempt);
	json_mail(w, e->mail);
}

static void json_sight(const struct hk_spool_sight *s, const char *name, struct hk_buf *out)
{
	struct hk_json_writer w;

	hk_json_begin(&w, out);
	hk_json_object(&w, NULL);
	hk_json_text(&w, "type", name);
	if (s->file)
		hk_json_text(&w, "file", s->file);
	if (s->kind == HK_SIGHT_SPOOL)
		hk_json_int(&w, "version", (int64_t)s->version);
	if (s->what || s->record)
		hk_json_int(&w, "offset", (int64_t)s->offset);
	if (s->what)
		hk_json_text(&w, "what", s->what);
	if (s->kind == HK_SIGHT_SEGMENT || s->kind == HK_SIGHT_SEGMENT_END)
		json_segment(&w, s);
	if (s->record)
		json_record(&w, s->record);
	if (s->message)
		json_message(&w, s->message);
	hk_json_close_object(&w);
}

/* ---- for people -------------------------------------------------------------- */

static void text_record(const struct hk_spool_sight *s, struct hk_buf *out)
{
	const struct hk_told *t = s->record;
	char id[HK_MAIL_ID_TEXT];

	hk_buf_addf(out, "  %10" PRIu64 "  %-8s seq %" PRIu64 " (%" PRIu64 " octets)", s->offset, t->type, t->sequence, t->length);
	if (t->id) {
		hk_mail_id_format(t->id, id);
		hk_buf_addf(out, " %s", id);
	}
	if (strcmp(t->type, "attempt") == 0 || strcmp(t->type, "move") == 0)
		hk_buf_addf(out, " attempts %" PRIu32 " next %" PRId64, t->attempts, t->next_attempt);
	if (strcmp(t->type, "complete") == 0)
		hk_buf_addf(out, " recipient %" PRIu32 " %s", t->rcpt, outcome_of(t->outcome));
	if (t->mail.n_rcpt)
		hk_buf_addf(out, " from <%s> to %zu", hk_log_quote(t->mail.mail_from).text, t->mail.n_rcpt);
	if (t->why.n)
		hk_buf_addf(out, " \"%s\"", hk_log_quote(t->why).text);
}

static void text_message(const struct hk_spool_entry *e, struct hk_buf *out)
{
	char id[HK_MAIL_ID_TEXT], received[CLI_TIME_ROOM], next[CLI_TIME_ROOM];
	size_t i;

	hk_mail_id_format(e->id, id);
	hk_buf_addf(out, "%s received %s attempts %" PRIu32 " next %s%s from <%s>", id, cli_time(e->received, received), e->attempts,
	    e->next_attempt ? cli_time(e->next_attempt, next) : "at once", e->marks & HK_SPOOL_HELD ? " held" : "", hk_log_quote(e->mail->mail_from).text);
	for (i = 0; i < e->mail->n_rcpt; i++)
		hk_buf_addf(out, "\n  %-9s <%s>", outcome_of(e->mail->rcpt[i].outcome), hk_log_quote(e->mail->rcpt[i].address).text);
}

static void text_sight(const struct hk_spool_sight *s, const char *name, struct hk_buf *out)
{
	if (s->what)
		hk_buf_addf(out, "%s: %s at offset %" PRIu64 ": %s", name, s->file, s->offset, s->what);
	else if (s->kind == HK_SIGHT_SEGMENT)
		hk_buf_addf(out, "%s: generation %" PRIu32 ", from sequence %" PRIu64 ", %" PRIu64 " octets", s->file, s->generation,
		    s->first, s->size);
	else if (s->kind == HK_SIGHT_SEGMENT_END)
		hk_buf_addf(out, "%s: %" PRIu64 " octets used by %" PRIu64 " records%s", s->file, s->used, s->records,
		    s->is_sealed ? ", sealed" : "");
	else if (s->record)
		text_record(s, out);
	else if (s->message)
		text_message(s->message, out);
	else
		hk_buf_addf(out, "version %" PRIu64, s->version);
}

/* ---- what is seen -------------------------------------------------------------- */

static void count(struct spool *p, const struct hk_spool_sight *s)
{
	size_t i;

	p->damage += s->kind == HK_SIGHT_DAMAGE;
	p->torn += s->kind == HK_SIGHT_TORN;
	p->orphans += s->kind == HK_SIGHT_ORPHAN;
	p->segments += s->kind == HK_SIGHT_SEGMENT;
	p->records += s->kind == HK_SIGHT_SEGMENT_END ? s->records : 0;
	p->octets += s->kind == HK_SIGHT_SEGMENT_END ? s->used : 0;
	p->version = s->kind == HK_SIGHT_SPOOL ? s->version : p->version;
	p->messages += s->kind == HK_SIGHT_MESSAGE;
	for (i = 0; s->message && i < s->message->mail->n_rcpt; i++)
		p->pending += s->message->mail->rcpt[i].outcome == HK_RCPT_PENDING;
}

static void print(struct spool *p)
{
	hk_buf_add_byte(&p->out, '\n');
	cli_write(&p->out);
	hk_buf_reset(&p->out);
}

static void see(void *context, const struct hk_spool_sight *s)
{
	static const struct {
		const char *name;
		bool is_detail; /* of dump alone */
	} kinds[] = {
	    [HK_SIGHT_SPOOL] = {"spool", false},
	    [HK_SIGHT_SEGMENT] = {"segment", true},
	    [HK_SIGHT_RECORD] = {"record", true},
	    [HK_SIGHT_SEGMENT_END] = {"segment-end", false},
	    [HK_SIGHT_TORN] = {"torn", false},
	    [HK_SIGHT_DAMAGE] = {"damage", false},
	    [HK_SIGHT_MESSAGE] = {"message", true},
	    [HK_SIGHT_ORPHAN] = {"orphan", false},
	};
	struct spool *p = context;

	count(p, s);
	if (kinds[s->kind].is_detail && !p->is_dump)
		return;
	(p->json ? json_sight : text_sight)(s, kinds[s->kind].name, &p->out);
	print(p);
}

static void say(struct hk_log *log, enum hk_log_level level, struct hk_slice line)
{
	struct spool *p = (struct spool *)(void *)((char *)log - offsetof(struct spool, log));

	if (level != HK_LOG_ERROR)
		return;
	hk_buf_add(&p->said, line);
	hk_buf_add_byte(&p->said, '\n');
}

static void sum_up(struct spool *p, const char *result)
{
	struct hk_json_writer w;

	if (!p->json) {
		hk_buf_addf(&p->out,
		    "%s: version %" PRIu64 ", %" PRIu64 " segments, %" PRIu64 " octets, %" PRIu64 " records; %" PRIu64 " messages wait for %" PRIu64
		    " recipients; %" PRIu64 " places of damage, %" PRIu64 " torn batches, %" PRIu64 " body files of no message",
		    result, p->version, p->segments, p->octets, p->records, p->messages, p->pending, p->damage, p->torn, p->orphans);
		print(p);
		return;
	}
	hk_json_begin(&w, &p->out);
	hk_json_object(&w, NULL);
	hk_json_text(&w, "type", "summary");
	hk_json_text(&w, "result", result);
	hk_json_bool(&w, "held", p->is_held);
	hk_json_int(&w, "version", (int64_t)p->version);
	hk_json_int(&w, "segments", (int64_t)p->segments);
	hk_json_int(&w, "used", (int64_t)p->octets);
	hk_json_int(&w, "records", (int64_t)p->records);
	hk_json_int(&w, "messages", (int64_t)p->messages);
	hk_json_int(&w, "pending", (int64_t)p->pending);
	hk_json_int(&w, "damage", (int64_t)p->damage);
	hk_json_int(&w, "torn", (int64_t)p->torn);
	hk_json_int(&w, "orphans", (int64_t)p->orphans);
	hk_json_close_object(&w);
	print(p);
}

/* Under a server that runs, a segment may be renamed while it is read: what looks like damage then is none. */
static enum cli_exit result_of(struct spool *p, enum hk_status status)
{
	if (status == HK_OK) {
		sum_up(p, "right");
		return CLI_OK;
	}
	if (status == HK_NOTFOUND && !p->segments) {
		cli_complain("no spool is there", p->dir);
		return CLI_USAGE;
	}
	if (p->said.n)
		fprintf(stderr, "%.*s", HK_FMT(hk_buf_slice(&p->said)));
	if (p->is_held) {
		cli_complain("a server runs on this spool, and changed it meanwhile; try again", p->dir);
		return CLI_LATER;
	}
	if (status == HK_CORRUPT) {
		sum_up(p, "damaged");
		return CLI_FAIL;
	}
	cli_complain_disk(status, p->dir);
	return status == HK_VERSION ? CLI_USAGE : CLI_LATER;
}

static enum cli_exit run(struct spool *p)
{
	char lock[PATH_ROOM];
	enum cli_exit code;

	if (snprintf(lock, sizeof lock, "%s/lock", p->dir) >= (int)sizeof lock) {
		cli_complain("the name is too long", NULL);
		return CLI_USAGE;
	}
	p->is_held = hk_disk_is_held(lock);
	if (p->is_held && !p->is_dump) {
		cli_complain("a server runs on this spool; it checked it when it started, and dump shows what is in it", p->dir);
		return CLI_LATER;
	}
	hk_buf_init(&p->out, LINE_MAX_OUT);
	hk_buf_init(&p->said, CLI_OUTPUT_MAX);
	p->log.line = say;
	code = result_of(p, hk_spool_look(hk_disk_kernel(), p->dir, &p->log, see, p));
	hk_buf_done(&p->out);
	hk_buf_done(&p->said);
	return code;
}

enum cli_exit cli_spool(char **argv)
{
	struct spool p = {0};
	const char *word[2];
	struct flag_words words = {.word = word, .room = 2};

	if (!flags_parse_words(table, FLAGS, argv, &p, &words))
		return CLI_USAGE;
	if (p.help) {
		flags_help(usage, table, FLAGS);
		return CLI_OK;
	}
	p.is_dump = words.n && strcmp(word[0], "dump") == 0;
	if (words.n != 2 || (!p.is_dump && strcmp(word[0], "check") != 0)) {
		cli_complain("spool takes check or dump, and a folder; see hikyaku spool --help", NULL);
		return CLI_USAGE;
	}
	p.dir = word[1];
	return run(&p);
}
