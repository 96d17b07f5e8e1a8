/* SPDX-License-Identifier: MIT
 *
 * `hikyaku verify --against-existing`: every message of a Maildir, or of a folder, or one file.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "against.h"
#include "lib/base/base_internal.h"

enum {
	PROGRESS_STEP = 1000, /* messages between two lines where stderr is no terminal */
	COMPLAINTS_MAX = 4096,
};
#define NAMES_ARENA ((size_t)1 << 30) /* ten million messages with names of 90 octets */

/* ---- which files --------------------------------------------------------------------------------- */

struct files {
	struct hk_arena arena;
	const char **name;
	size_t n, room;
};

static bool add_file(struct files *f, const char *folder, const char *name)
{
	struct hk_slice path;

	if (f->n == f->room) {
		const char **wider =
		    hk_arena_double(&f->arena, f->name, &f->room, 256, sizeof *wider);

		if (!wider)
			return false;
		f->name = wider;
	}
	if (hk_arena_fmt(&f->arena, &path, "%s/%s", folder, name) != HK_OK)
		return false;
	f->name[f->n++] = (const char *)path.p;
	return true;
}

/* What begins with a dot is no message (Maildir), and neither is what is no file. */
static bool add_folder(struct files *f, const char *folder)
{
	DIR *dir = opendir(folder);
	struct dirent *entry;
	bool ok = true;

	if (!dir) {
		cli_complain(strerror(errno), folder);
		return false;
	}
	while (ok && (entry = readdir(dir)))
		if (entry->d_name[0] != '.' && (entry->d_type == DT_REG || entry->d_type == DT_LNK ||
		                                   entry->d_type == DT_UNKNOWN))
			ok = add_file(f, folder, entry->d_name);
	closedir(dir);
	if (!ok)
		cli_complain("there are too many messages in", folder);
	return ok;
}

static bool is_folder(const char *path)
{
	struct stat s;

	return stat(path, &s) == 0 && S_ISDIR(s.st_mode);
}

/* new/ and cur/ of a Maildir; tmp/ holds what is not delivered yet. */
static bool add_maildir(struct files *f, const char *path)
{
	static const char *const parts[] = {"cur", "new"};
	struct hk_slice folder;
	size_t i, found = 0;

	for (i = 0; i < sizeof parts / sizeof parts[0]; i++) {
		if (hk_arena_fmt(&f->arena, &folder, "%s/%s", path, parts[i]) != HK_OK)
			return false;
		if (!is_folder((const char *)folder.p))
			continue;
		found++;
		if (!add_folder(f, (const char *)folder.p))
			return false;
	}
	return found > 0 || add_folder(f, path);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool list_files(struct files *f, const char *path)
{
	if (is_folder(path)) {
		if (!add_maildir(f, path))
			return false;
	} else {
		f->name = hk_arena_array(&f->arena, 1, sizeof *f->name);
		if (!f->name)
			return false;
		f->name[f->n++] = path;
	}
	if (f->n)
		qsort(f->name, f->n, sizeof *f->name, by_name);
	else
		cli_complain("there is no message in", path);
	return f->n > 0;
}

/* ---- one message ----------------------------------------------------------------------------------- */

struct run {
	const struct cli_options *options;
	struct cli_resolver *resolver;
	struct against_printer printer;
	struct against_sums sums;
	struct hk_arena arena; /* of the message at hand, for what theirs says */
};

static const char *text_of(struct run *r, struct hk_slice s)
{
	struct hk_slice copy;

	return hk_arena_dup(&r->arena, s, &copy) == HK_OK ? (const char *)copy.p : NULL;
}

/* MAIL FROM in their words; of a domain alone RFC 7208 4.3 makes its postmaster. NULL: they have none. */
static const char *sender_of(struct run *r, const struct against_theirs *t)
{
	struct hk_slice address;
	size_t i;

	if (t->has_mail_from)
		return text_of(r, t->mail_from);
	for (i = 0; i < t->n; i++) {
		struct hk_slice from = t->result[i].mail_from;

		if (from.n == 0)
			continue;
		if (hk_slice_find(from, '@') < from.n)
			return text_of(r, from);
		return hk_arena_fmt(&r->arena, &address, "postmaster@%.*s", HK_FMT(from)) == HK_OK
		           ? (const char *)address.p
		           : NULL;
	}
	return NULL;
}

/* What the Received field of that hop does not tell, or where there is no name to find it by, is taken
 * from their own words. */
static void fill_options(struct run *r, const struct hk_header *h, const struct against_theirs *t,
    struct cli_options *o)
{
	struct cli_stored stored;
	struct hk_ip client = t->client;
	size_t i;

	o->authserv_id = t->authserv_id.n ? text_of(r, t->authserv_id) : NULL;
	cli_stored_read(&r->arena, h, t->authserv_id, cli_address(o->rcpt), &stored);
	for (i = 0; i < t->n && client.family == 0; i++)
		client = t->result[i].client;
	if (o->client.family == 0 && client.family &&
	    (stored.client.family == 0 || t->authserv_id.n == 0)) {
		o->client = client;
		if (!o->helo)
			o->helo = t->helo.n ? text_of(r, t->helo) : stored.helo.n ? text_of(r, stored.helo) : NULL;
	}
	if (!o->mail_from && !stored.has_return_path)
		o->mail_from = sender_of(r, t);
}

static enum hk_status judge(struct run *r, struct cli_options *o, struct cli_message *message, struct against_message *m)
{
	struct hk_header header;
	enum hk_status status = hk_header_parse(&r->arena, message->header, &header);

	if (status == HK_OK)
		status = against_theirs_read(&r->arena, &header, hk_slice_str(o->authserv_id), &m->theirs);
	if (status != HK_OK || m->theirs.n == 0)
		return status;
	fill_options(r, &header, &m->theirs, o);
	o->message = hk_buf_slice(&message->bytes);
	if (cli_check(o, r->resolver, &m->checked) != CLI_OK)
		return HK_BUG; /* said */
	return against_compare(m);
}

static void count(struct against_sums *s, const struct against_message *m)
{
	size_t i;

	s->messages++;
	if (m->is_without)
		s->without++;
	else if (m->error)
		s->unreadable++;
	else
		s->compared++;
	s->different += m->is_different;
	s->temporary += m->is_temporary;
	for (i = 0; i < m->n; i++)
		s->outcome[m->row[i].method][m->row[i].outcome]++;
}

static void one_message(struct run *r, const char *file)
{
	struct against_message *m = hk_arena_alloc(&r->arena, sizeof *m);
	struct cli_options o = *r->options;
	struct cli_message message = {.was_lf = false};
	struct hk_buf complaints;

	if (!m)
		return;
	m->file = file;
	m->is_strict = o.strict;
	o.file = file;
	hk_buf_init(&complaints, COMPLAINTS_MAX);
	cli_complain_into(&complaints);
	if (!cli_message_read(&o, &message) || judge(r, &o, &message, m) != HK_OK) {
		m->error = complaints.n ? text_of(r, hk_slice_trim(hk_buf_slice(&complaints)))
		                        : "it could not be judged";
	} else if (m->theirs.n == 0) {
		m->is_without = true;
		m->error = m->theirs.unreadable ? "its results cannot be read"
		                                : "it has no results of theirs";
	}
	cli_complain_into(NULL);
	count(&r->sums, m);
	against_print_message(&r->printer, m);
	cli_checked_done(&m->checked);
	cli_message_done(&message);
	hk_buf_done(&complaints);
}

/* ---- all --------------------------------------------------------------------------------------------- */

/* On a terminal one line that changes, at most once a second; else a line now and then. */
static void progress(size_t done, size_t n, time_t *last)
{
	bool is_terminal = isatty(STDERR_FILENO);
	time_t now = time(NULL);

	if (is_terminal && now != *last && !isatty(STDOUT_FILENO))
		fprintf(stderr, "\r%zu of %zu messages", done, n);
	else if (!is_terminal && done % PROGRESS_STEP == 0)
		fprintf(stderr, "%zu of %zu messages\n", done, n);
	if (is_terminal && done == n && !isatty(STDOUT_FILENO))
		fputc('\n', stderr);
	*last = now;
}

static enum cli_exit exit_of(const struct against_sums *s)
{
	if (s->different)
		return CLI_FAIL;
	if (s->temporary)
		return CLI_LATER;
	if (s->compared == 0)
		cli_complain("no message there has results that could be compared", NULL);
	return s->compared == 0 || s->unreadable ? CLI_USAGE : CLI_OK;
}

static void all_messages(struct run *r, const struct files *files)
{
	time_t last = time(NULL);
	size_t i;

	against_print_begin(&r->printer);
	for (i = 0; i < files->n; i++) {
		hk_arena_init(&r->arena, CLI_ARENA);
		one_message(r, files->name[i]);
		hk_arena_done(&r->arena);
		progress(i + 1, files->n, &last);
	}
	against_print_end(&r->printer, &r->sums);
}

enum cli_exit cli_against(const struct cli_options *o)
{
	struct run r = {.options = o, .printer.options = o};
	enum cli_exit code = CLI_USAGE;
	struct files files = {.n = 0};
	struct hk_arena zone;

	if (o->file || o->record || o->queue_id || o->save_record || o->batch) {
		cli_complain("--against-existing stands alone: no message, no record and no batch with it", NULL);
		return CLI_USAGE;
	}
	hk_arena_init(&zone, CLI_ARENA);
	hk_arena_init(&files.arena, NAMES_ARENA);
	hk_buf_init(&r.printer.out, CLI_OUTPUT_MAX);
	if (list_files(&files, o->against) && cli_resolver_new(&zone, o, &r.resolver)) {
		all_messages(&r, &files);
		code = exit_of(&r.sums);
	}
	cli_resolver_free(r.resolver);
	hk_buf_done(&r.printer.out);
	hk_arena_done(&files.arena);
	hk_arena_done(&zone);
	return code;
}
