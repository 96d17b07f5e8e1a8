/* SPDX-License-Identifier: MIT
 *
 * The command queue: what waits in a server that runs, why, and what an operator does to it.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <hikyaku/names.h>

#include "drain.h"
#include "flags.h"
#include "queue.h"

enum { WORDS_ROOM = 100000 };

struct queue {
	const char *socket, *domain;
	bool all, json, help;
	struct hk_buf out;
	struct hk_arena arena; /* of the domain */
	uint64_t *id;          /* each once */
	size_t n_ids;
	struct queue_shape *shape;
	const char *action;
};

static const struct flag table[] = {
    {"--socket", "PATH", "the operator's socket (default: " QUEUE_SOCKET ")", FLAG_TEXT, offsetof(struct queue, socket), 0, 0},
    {"--domain", "NAME", "messages with a recipient that waits there", FLAG_TEXT, offsetof(struct queue, domain), 0, 0},
    {"--all", NULL, "all messages", FLAG_SWITCH, offsetof(struct queue, all), 0, 0},
    {"--json", NULL, "a JSON object a line, with the names of Postfix's postqueue -j", FLAG_SWITCH, offsetof(struct queue, json), 0, 0},
    {"--help", NULL, "this", FLAG_SWITCH, offsetof(struct queue, help), 0, 0},
};
enum { FLAGS = sizeof table / sizeof table[0] };

static const char usage[] =
    "usage: hikyaku queue ACTION [options] [ID...]\n\n"
    "  list            what waits, for whom and until when (--domain)\n"
    "  show ID...      one message with all its recipients\n"
    "  why ID...       why it is still here, and what comes next\n"
    "  shape           how many wait for each domain, by age; and what each next hop takes\n"
    "  hold ID...      is not delivered until it is released\n"
    "  release ID...   is delivered again; quarantined mail too\n"
    "  retry ID...     is tried now\n"
    "  delete ID...    goes, and nobody is told\n"
    "  expire ID...    goes, and its sender is told that it failed\n"
    "  drain           hands the spool of a stopped server over to another host (drain --help)\n\n"
    "hold to expire take ids, --domain NAME or --all.\n"
    "exit status: 0 done, 1 refused or not all of the ids are there, 2 usage, 3 no server, 4 the output cannot be written";

/* ---- what is seen --------------------------------------------------------------- */

static void flush(struct queue *q)
{
	cli_write(&q->out);
	hk_buf_reset(&q->out);
}

static void see(void *context, struct hk_slice raw, const struct hk_operator_line *l)
{
	const struct hk_operator_entry *e = &l->entry;
	struct queue *q = context;

	if (q->shape) {
		if (l->hop.name.n)
			queue_shape_add_hop(q->shape, &l->hop);
		else
			queue_shape_add(q->shape, e);
		return;
	}
	if (q->json) {
		hk_buf_add(&q->out, raw);
		hk_buf_add_byte(&q->out, '\n');
	} else if (strcmp(q->action, "why") == 0) {
		queue_entry_why(e, &q->out);
	} else {
		queue_entry_text(e, &q->out);
	}
	flush(q);
}

static void say_count(struct queue *q, const struct queue_counts *c)
{
	struct hk_json_writer w;

	if (q->json) {
		hk_json_begin(&w, &q->out);
		hk_json_object(&w, NULL);
		hk_json_text(&w, "action", q->action);
		hk_json_int(&w, "count", (int64_t)c->messages);
		if (c->active)
			hk_json_int(&w, "active", (int64_t)c->active);
		hk_json_close_object(&w);
		hk_buf_add_byte(&q->out, '\n');
	} else {
		hk_buf_addf(&q->out, "%s: %" PRIu64 " message%s\n", q->action, c->messages, c->messages == 1 ? "" : "s");
		if (c->active)
			hk_buf_addf(&q->out, "being delivered just now, which is not stopped: %" PRIu64 " of them; hikyaku find tells what came of it\n", c->active);
	}
	flush(q);
}

/* ---- what is asked ---------------------------------------------------------------- */

static bool read_ids(struct queue *q, const struct flag_words *words)
{
	static uint64_t id[WORDS_ROOM];

	for (q->n_ids = 0; q->n_ids + 1 < words->n; q->n_ids++)
		if (hk_mail_id_parse(hk_slice_str(words->word[q->n_ids + 1]), &id[q->n_ids]) != HK_OK) {
			cli_complain("no queue id", words->word[q->n_ids + 1]);
			return false;
		}
	q->id = id;
	q->n_ids = hk_operator_ids_once(id, q->n_ids);
	return true;
}

/* As many ids as one request takes, until all were asked for. */
static enum cli_exit ask_ids(struct queue *q, struct hk_operator_request *r, struct queue_counts *ret)
{
	struct queue_counts done;
	enum cli_exit code = CLI_OK;
	size_t i;

	for (i = 0; code == CLI_OK && i < q->n_ids; i += r->n_ids) {
		r->id = q->id + i;
		r->n_ids = q->n_ids - i < HK_QUEUE_IDS_MAX ? q->n_ids - i : HK_QUEUE_IDS_MAX;
		code = queue_ask(q->socket, r, see, q, &done);
		ret->messages += done.messages;
		ret->active += done.active;
	}
	return code;
}

static enum cli_exit ask(struct queue *q, struct hk_operator_request *r)
{
	bool is_look = r->verb == HK_QUEUE_LIST || r->verb == HK_QUEUE_SHOW;
	enum cli_exit code;
	struct queue_counts counts = {0};

	if (q->domain && hk_names_alabel(&q->arena, hk_slice_str(q->domain), &r->domain) != HK_OK)
		r->domain = hk_slice_str(q->domain); /* the server knows what to do with it */
	r->all = q->all;
	code = q->n_ids ? ask_ids(q, r, &counts) : queue_ask(q->socket, r, see, q, &counts);
	if (code == CLI_OK && !is_look)
		say_count(q, &counts);
	if (code == CLI_OK && counts.messages < q->n_ids) {
		cli_complain("not all of these messages are in the queue", NULL);
		code = CLI_FAIL;
	}
	return code;
}

static enum cli_exit shape(struct queue *q)
{
	struct hk_operator_request r = {.verb = HK_QUEUE_LIST};
	enum cli_exit code;
	struct queue_counts counts;

	q->shape = queue_shape_new((int64_t)time(NULL));
	if (!q->shape)
		return cli_answer_failed(HK_NOMEM);
	code = ask(q, &r);
	r = (struct hk_operator_request){.verb = HK_QUEUE_HOPS};
	if (code == CLI_OK)
		code = queue_ask(q->socket, &r, see, q, &counts);
	if (code == CLI_OK) {
		queue_shape_print(q->shape, q->json, &q->out);
		flush(q);
	}
	queue_shape_free(q->shape);
	return code;
}

/* What a change is for has to be said, and said once. */
static bool is_sensible(const struct queue *q, enum hk_queue_verb verb, const struct flag_words *words)
{
	int given = (words->n > 1) + (q->domain != NULL) + q->all;

	if (q->domain && !*q->domain) /* of a variable that is not set: it means no mail, not all of it */
		return false;
	if (verb == HK_QUEUE_HOPS) /* of shape */
		return !given;
	if (verb == HK_QUEUE_LIST)
		return words->n == 1 && !q->all;
	if (verb == HK_QUEUE_SHOW)
		return words->n > 1 && given == 1;
	return given == 1;
}

static enum cli_exit run(struct queue *q, const struct flag_words *words)
{
	struct hk_operator_request r = {0};
	bool is_shape, is_known;

	q->action = words->n ? words->word[0] : "";
	is_shape = strcmp(q->action, "shape") == 0;
	is_known = is_shape || (hk_operator_verb_find(hk_slice_str(q->action), &r.verb) == HK_OK && r.verb != HK_QUEUE_HOPS);
	if (strcmp(q->action, "why") == 0) {
		r.verb = HK_QUEUE_SHOW;
		is_known = true;
	}
	if (!is_known || !is_sensible(q, is_shape ? HK_QUEUE_HOPS : r.verb, words)) {
		cli_complain("this is not what queue takes; see hikyaku queue --help", q->action);
		return CLI_USAGE;
	}
	if (!read_ids(q, words))
		return CLI_USAGE;
	return is_shape ? shape(q) : ask(q, &r);
}

enum cli_exit cli_queue(char **argv)
{
	static const char *word[WORDS_ROOM];
	struct queue q = {.socket = QUEUE_SOCKET};
	struct flag_words words = {.word = word, .room = WORDS_ROOM};
	enum cli_exit code;

	if (*argv && strcmp(*argv, "drain") == 0) /* of no server that runs: it has options of its own */
		return cli_drain(argv + 1);
	if (!flags_parse_words(table, FLAGS, argv, &q, &words))
		return CLI_USAGE;
	if (q.help) {
		flags_help(usage, table, FLAGS);
		return CLI_OK;
	}
	hk_buf_init(&q.out, 4 * (size_t)HK_OPERATOR_LINE_MAX);
	hk_arena_init(&q.arena, 4096);
	code = run(&q, &words);
	hk_arena_done(&q.arena);
	hk_buf_done(&q.out);
	return code;
}
