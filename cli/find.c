/* SPDX-License-Identifier: MIT
 *
 * The command find: what became of transactions, accepted and refused, by what a server keeps of its log; and the erasing of it.
 *
 * Two walks over the files: the first finds the transactions that an address is in, the second prints all that was said of them. What
 * is held meanwhile is one file and the ids.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <hikyaku/names.h>

#include "cli_internal.h"
#include "conf/conf_value.h"
#include "engine/evidence_store.h"
#include "engine/log_value.h"
#include "engine/mail.h"
#include "flags.h"
#include "io/disk.h"
#include "log/format.h"
#include "log/line.h"

enum { WORDS_ROOM = 1000, IDS_MAX = 1000000, PATH_ROOM = 4096, LINE_ROOM = 64 * 1024, FORMS_MAX = 3, FORMS_ARENA = 16 * 1024, ERASE_LEAST = 3 };
#define SPOOL "/var/spool/hikyaku"

/* A domain stands in mail, and so in the log, by its A-labels or its U-labels. */
struct form {
	struct hk_slice address;    /* without a final dot */
	struct hk_log_quoted value; /* as a value of the log has it */
};
struct find {
	const char *dir, *address, *erase, *since, *until;
	bool json, help;
	uint64_t from_ms, to_ms; /* UINT64_MAX: no end */
	struct form form[FORMS_MAX]; /* of the address that is sought */
	size_t n_forms;
	struct hk_arena arena;       /* holds them */
	uint64_t *id;
	size_t n_ids, room;
	bool has_ids, is_full, no_memory;
	struct hk_buf out;
	uint64_t found;
};

static const struct flag table[] = {
    {"--address", "ADDRESS", "transactions that it is in: of sender, recipient or user; @DOMAIN: all of a domain", FLAG_TEXT,
        offsetof(struct find, address), 0, 0},
    {"--since", "TIME", "not older: 2026-11-26T09:00:00 (UTC), seconds since 1970, or an age such as 2h", FLAG_TEXT, offsetof(struct find, since), 0, 0},
    {"--until", "TIME", "not newer", FLAG_TEXT, offsetof(struct find, until), 0, 0},
    {"--erase", "ADDRESS", "erase what is kept of all transactions that it is in", FLAG_TEXT, offsetof(struct find, erase), 0, 0},
    {"--dir", "SPOOL", "the spool of the server (default: " SPOOL ")", FLAG_TEXT, offsetof(struct find, dir), 0, 0},
    {"--json", NULL, "a JSON object a line, as log-format json", FLAG_SWITCH, offsetof(struct find, json), 0, 0},
    {"--help", NULL, "this", FLAG_SWITCH, offsetof(struct find, help), 0, 0},
};
enum { FLAGS = sizeof table / sizeof table[0] };

static const char usage[] =
    "usage: hikyaku find [options] [ID...]\n\n"
    "What became of messages, accepted and refused, from what a server keeps of its log (history-size, history-days).\n"
    "ID is a queue id, or the one at the end of a refusal.\n"
    "exit status: 0 found, 1 nothing is kept of it, 2 usage, 3 the files cannot be read, 4 the output cannot be written";

/* ---- ids ---- */

static int by_value(const void *a, const void *b)
{
	uint64_t x, y;

	memcpy(&x, a, sizeof x);
	memcpy(&y, b, sizeof y);
	return x < y ? -1 : x > y;
}

static void add_id(struct find *f, uint64_t id)
{
	uint64_t *more;

	if (f->n_ids && f->id[f->n_ids - 1] == id)
		return;
	if (f->n_ids == IDS_MAX) {
		f->is_full = true;
		return;
	}
	if (f->n_ids == f->room) {
		more = realloc(f->id, (f->room ? f->room * 2 : 64) * sizeof *more);
		if (!more) {
			f->no_memory = true;
			return;
		}
		f->id = more;
		f->room = f->room ? f->room * 2 : 64;
	}
	f->id[f->n_ids++] = id;
}

static bool has_id(const struct find *f, uint64_t id)
{
	return f->n_ids && bsearch(&id, f->id, f->n_ids, sizeof id, by_value);
}

/* ---- lines ---- */

struct line {
	struct hk_log_field field[HK_LOG_FIELDS_MAX];
	size_t n;
	bool has_id;
	uint64_t id;
};

static void read_line(struct hk_slice text, struct line *ret)
{
	ret->n = hk_log_fields(text, ret->field);
	ret->has_id = hk_mail_id_parse(hk_log_field_find(ret->field, ret->n, "qid"), &ret->id) == HK_OK;
}

static struct hk_slice without_dot(struct hk_slice s)
{
	return s.n && s.p[s.n - 1] == '.' ? hk_slice_sub(s, 0, s.n - 1) : s;
}

static bool fits(struct hk_slice value, const struct form *form)
{
	struct hk_slice sought = hk_slice_str(form->value.text);

	value = without_dot(value);
	if (sought.n && sought.p[0] == '@' && value.n > sought.n)
		value = hk_slice_from(value, value.n - sought.n);
	return hk_slice_eq_nocase(value, sought);
}

static bool fits_one(struct hk_slice value, const struct find *f)
{
	size_t i;

	for (i = 0; i < f->n_forms; i++)
		if (fits(value, &f->form[i]))
			return true;
	return false;
}

static bool has_address(const struct line *l, const struct find *f)
{
	static const char *const names[] = {"from", "rcpt", "what", "user"};
	size_t i, k;

	for (i = 0; i < l->n; i++)
		for (k = 0; k < sizeof names / sizeof names[0]; k++)
			if (hk_slice_eq(l->field[i].name, hk_slice_str(names[k])) && fits_one(l->field[i].value, f))
				return true;
	return false;
}

/* The first walk. */
static bool gather(void *with, const struct hk_evidence_event *e)
{
	struct find *f = with;
	struct line l;

	read_line(e->line, &l);
	if (l.has_id && has_address(&l, f))
		add_id(f, l.id);
	return !f->no_memory;
}

static void print(struct find *f, const struct hk_evidence_event *e)
{
	static const char *const levels[] = {"error", "warning", "info", "debug"};
	const struct hk_log_stamp stamp = {.utc = (int64_t)(e->ms / 1000), .ms = (unsigned)(e->ms % 1000), .level = levels[e->level]};

	hk_log_format_add(&f->out, f->json ? HK_LOG_JSON : HK_LOG_OWN, &stamp, e->line);
	cli_write(&f->out);
	hk_buf_reset(&f->out);
	f->found++;
}

/* The second one. */
static bool show(void *with, const struct hk_evidence_event *e)
{
	struct find *f = with;
	struct line l;

	if (e->ms < f->from_ms || e->ms > f->to_ms)
		return true;
	read_line(e->line, &l);
	if (!f->has_ids || (l.has_id && has_id(f, l.id)) || (f->address && !l.has_id && has_address(&l, f)))
		print(f, e);
	return !ferror(stdout);
}

/* ---- erasing ---- */

/* What an address goes on with. A dot behind one may be a sentence's. */
static bool goes_on(struct hk_slice rest)
{
	if (rest.n && rest.p[0] == '.')
		rest = hk_slice_from(rest, 1);
	return rest.n && (hk_is_alpha(rest.p[0]) || hk_is_digit(rest.p[0]) || rest.p[0] >= 0x80 || strchr("-_@", rest.p[0]));
}

/* RFC 5322 3.2.3, without what an address stands between: '=' and quotes. */
static bool is_atext(uint8_t c)
{
	return hk_is_alpha(c) || hk_is_digit(c) || c >= 0x80 || (c && strchr("!#$%&*+-/?^_`{|}~.@", c));
}

/* As a whole: ann@b.test is not in joann@b.test, nor in ann@b.test.example. */
static bool mentions(struct hk_slice text, struct hk_slice sought)
{
	bool is_domain = sought.n && sought.p[0] == '@';
	size_t i;

	for (i = 0; i + sought.n <= text.n; i++)
		if (hk_slice_eq_nocase(hk_slice_sub(text, i, sought.n), sought) && !goes_on(hk_slice_from(text, i + sought.n)) &&
		    (is_domain || !i || !is_atext(text.p[i - 1])))
			return true;
	return false;
}

static bool is_erased(void *with, uint64_t id, struct hk_slice text)
{
	struct find *f = with;
	struct line l;
	size_t i;

	if (!id)
		read_line(text, &l);
	if (id ? has_id(f, id) : l.has_id && has_id(f, l.id))
		return true;
	for (i = 0; i < f->n_forms; i++)
		if (mentions(text, id ? f->form[i].address : hk_slice_str(f->form[i].value.text)))
			return true;
	return false;
}

/* ---- times ---- */

static bool read_date(const char *text, int64_t *ret)
{
	static const char *const forms[] = {"%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d"};
	size_t i;

	for (i = 0; i < sizeof forms / sizeof forms[0]; i++) {
		struct tm t = {0};
		const char *end = strptime(text, forms[i], &t);

		if (end && !*end) {
			*ret = (int64_t)timegm(&t);
			return *ret >= 0;
		}
	}
	return false;
}

static bool read_time(const char *text, int64_t *ret)
{
	struct hk_slice s = hk_slice_str(text);
	int64_t now = (int64_t)time(NULL);
	uint64_t n;

	if (hk_slice_u64(s, INT64_MAX / 1000, &n) == HK_OK) {
		*ret = (int64_t)n;
		return true;
	}
	if (conf_time(s, &n) && n <= (uint64_t)now) {
		*ret = now - (int64_t)n;
		return true;
	}
	return read_date(text, ret);
}

static bool read_times(struct find *f)
{
	int64_t at;

	f->to_ms = UINT64_MAX;
	if (f->since && !read_time(f->since, &at)) {
		cli_complain("no time", f->since);
		return false;
	}
	if (f->since)
		f->from_ms = (uint64_t)at * 1000;
	if (f->until && !read_time(f->until, &at)) {
		cli_complain("no time", f->until);
		return false;
	}
	if (f->until)
		f->to_ms = (uint64_t)at * 1000 + 999;
	return true;
}

/* ---- the command ---- */

/* The address, as other commands print it too; nothing: of a variable that is not set, or "@". */
static struct hk_slice sought_by(const struct find *f)
{
	struct hk_slice address = without_dot(cli_address(f->erase ? f->erase : f->address));

	return hk_slice_eq(address, HK_S("@")) ? (struct hk_slice){0} : address;
}

static bool is_sensible(struct find *f, const struct flag_words *words)
{
	size_t i;
	uint64_t id;

	if ((f->erase || f->address) && sought_by(f).n < (f->erase ? ERASE_LEAST : 1))
		return false;
	if (f->erase ? f->address || f->since || f->until || f->json || words->n
	             : (f->address != NULL) + (words->n > 0) > 1 || !(f->address || words->n || f->since || f->until))
		return false;
	for (i = 0; i < words->n; i++) {
		if (hk_mail_id_parse(hk_slice_str(words->word[i]), &id) != HK_OK) {
			cli_complain("no queue id", words->word[i]);
			return false;
		}
		add_id(f, id);
	}
	f->has_ids = words->n || f->address || f->erase;
	return true;
}

/* hk_log_value, without the quotes around it. */
static struct hk_log_quoted as_in_log(struct hk_slice address)
{
	struct hk_log_quoted value = hk_log_value(address);
	size_t n = strlen(value.text);

	if (value.text[0] == '"') {
		memmove(value.text, value.text + 1, n - 2);
		value.text[n - 2] = 0;
	}
	return value;
}

static void add_form(struct find *f, struct hk_slice address)
{
	size_t i;

	for (i = 0; i < f->n_forms; i++)
		if (hk_slice_eq_nocase(f->form[i].address, address))
			return;
	f->form[f->n_forms++] = (struct form){address, as_in_log(address)};
}

/* What is before the domain stays as it is. */
static struct hk_slice with_domain(struct find *f, struct hk_slice address, struct hk_slice domain)
{
	struct hk_slice ret = {0};
	struct hk_buf b;

	hk_buf_init(&b, FORMS_ARENA);
	hk_buf_add(&b, hk_slice_sub(address, 0, hk_slice_rfind(address, '@') + 1));
	hk_buf_add(&b, domain);
	if (hk_buf_status(&b) != HK_OK || hk_arena_dup(&f->arena, hk_buf_slice(&b), &ret) != HK_OK)
		f->no_memory = true;
	hk_buf_done(&b);
	return ret;
}

/* As it was given, and with those labels in the place of its own that are the same domain's. */
static void add_forms(struct find *f, struct hk_slice address)
{
	struct hk_slice domain, alabel, ulabel;
	enum hk_status status;

	domain = hk_slice_from(address, hk_slice_rfind(address, '@') + 1);
	add_form(f, address);
	status = hk_names_alabel(&f->arena, domain, &alabel);
	if (status == HK_OK) {
		add_form(f, with_domain(f, address, alabel));
		status = hk_names_ulabel(&f->arena, alabel, &ulabel);
	}
	if (status == HK_OK)
		add_form(f, with_domain(f, address, ulabel));
	f->no_memory |= status == HK_NOMEM; /* or what has another form would stay where it is to be erased */
}

static enum hk_status look_for(struct find *f, const char *dir)
{
	enum hk_status status = HK_OK;

	if (f->erase || f->address) {
		add_forms(f, sought_by(f));
		status = hk_evidence_store_events(hk_disk_kernel(), dir, gather, f);
	}
	if (status == HK_OK && f->no_memory)
		status = HK_NOMEM;
	if (status == HK_OK && f->is_full)
		status = HK_LIMIT;
	if (f->n_ids)
		qsort(f->id, f->n_ids, sizeof *f->id, by_value);
	return status;
}

static enum hk_status erase(struct find *f, const char *history, const char *evidence)
{
	size_t lines = 0, verdicts = 0;
	enum hk_status status = hk_evidence_store_erase(hk_disk_kernel(), history, is_erased, f, &lines);

	if (status == HK_OK)
		status = hk_evidence_store_erase(hk_disk_kernel(), evidence, is_erased, f, &verdicts);
	if (status == HK_NOTFOUND)
		status = HK_OK; /* a server that keeps no verdicts */
	if (status == HK_OK)
		printf("erased: %zu lines of %zu transactions, %zu verdicts and signings\n", lines, f->n_ids, verdicts);
	f->found = lines + verdicts;
	return status;
}

static enum cli_exit run(struct find *f)
{
	char history[PATH_ROOM], evidence[PATH_ROOM];
	enum hk_status status;

	if (snprintf(history, sizeof history, "%s/history", f->dir) >= (int)sizeof history ||
	    snprintf(evidence, sizeof evidence, "%s/evidence", f->dir) >= (int)sizeof evidence) {
		cli_complain("too long for a path", f->dir);
		return CLI_USAGE;
	}
	status = look_for(f, history);
	if (status == HK_OK)
		status = f->erase ? erase(f, history, evidence) : hk_evidence_store_events(hk_disk_kernel(), history, show, f);
	if (status != HK_OK) {
		if (f->is_full)
			cli_complain("it is in more than a million transactions", history);
		else
			cli_complain_disk(status, history);
		return CLI_LATER;
	}
	return f->found ? CLI_OK : CLI_FAIL;
}

enum cli_exit cli_find(char **argv)
{
	static const char *word[WORDS_ROOM];
	struct flag_words words = {.word = word, .room = WORDS_ROOM};
	struct find f = {.dir = SPOOL};
	enum cli_exit code = CLI_USAGE;

	if (!flags_parse_words(table, FLAGS, argv, &f, &words))
		return CLI_USAGE;
	if (f.help) {
		flags_help(usage, table, FLAGS);
		return CLI_OK;
	}
	hk_buf_init(&f.out, LINE_ROOM);
	hk_arena_init(&f.arena, FORMS_ARENA);
	if (!is_sensible(&f, &words))
		cli_complain("this is not what find takes; see hikyaku find --help", NULL);
	else if (read_times(&f))
		code = run(&f);
	hk_buf_done(&f.out);
	hk_arena_done(&f.arena);
	free(f.id);
	return code;
}
