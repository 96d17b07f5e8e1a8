/* SPDX-License-Identifier: MIT
 *
 * Tables of OpenDKIM and folders of rspamd, read as they stand, as items of hikyakud.conf. Nothing is
 * copied: the keys stay where they are.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keys.h"

enum { TABLE_MAX = 16 * 1024 * 1024, LINES_MAX = 20000, NAME_MAX_OURS = 63 /* of conf */ };

struct row {
	size_t line;
	struct hk_slice left, right; /* KeyTable: a key's name and DOMAIN:SELECTOR:FILE; SigningTable:
	                                a pattern and a key's name */
};
struct table {
	struct row *row;
	size_t n;
};

struct item {
	const struct row *row; /* NULL: of a folder */
	struct hk_slice name, domain, selector, file;
};

struct import {
	struct hk_arena arena;
	struct hk_buf keys, signs;
	struct table key, sign;
	struct item *item; /* printed */
	size_t n;
	bool incomplete; /* something has no equal here */
};

/* ---- items of the configuration -------------------------------------------------------------- */

static void add_word(struct hk_buf *out, struct hk_slice s)
{
	size_t i;

	hk_buf_add_byte(out, '"');
	for (i = 0; i < s.n; i++) {
		if (s.p[i] == '"' || s.p[i] == '\\')
			hk_buf_add_byte(out, '\\');
		hk_buf_add_byte(out, s.p[i]);
	}
	hk_buf_add_byte(out, '"');
}

static bool has_control(struct hk_slice s)
{
	size_t i;

	for (i = 0; i < s.n; i++)
		if (s.p[i] < ' ' || s.p[i] == 0x7f)
			return true;
	return false;
}

static bool is_name(struct hk_slice s)
{
	size_t i;

	for (i = 0; i < s.n; i++)
		if (!hk_is_alnum(s.p[i]) && !strchr("-_.", s.p[i]))
			return false;
	return s.n > 0 && s.n <= NAME_MAX_OURS;
}

/* Once for each row and domain; *k gets the name that it has. */
static bool add_key(struct import *m, struct item *k)
{
	size_t i;

	for (i = 0; i < m->n && k->row; i++) {
		if (m->item[i].row == k->row && hk_slice_eq_nocase(m->item[i].domain, k->domain) &&
		    hk_slice_eq(m->item[i].file, k->file)) {
			*k = m->item[i];
			return true;
		}
	}
	if (!hk_is_hostname(k->domain, false) || !hk_is_hostname(k->selector, true) ||
	    k->file.n == 0 || k->file.p[0] != '/' || has_control(k->file) || m->n == KEYS_MAX)
		return false;
	if (!is_name(k->name) &&
	    hk_arena_fmt(&m->arena, &k->name, "imported-%zu", m->n + 1) != HK_OK)
		return false;
	m->item[m->n++] = *k;
	hk_buf_addf(&m->keys, "key %.*s {\n\tdomain %.*s;\n\tselector %.*s;\n\tfile ",
	    HK_FMT(k->name), HK_FMT(k->domain), HK_FMT(k->selector));
	add_word(&m->keys, k->file);
	hk_buf_add_str(&m->keys, ";\n}\n");
	return true;
}

static void add_sign(struct import *m, const char *before, struct hk_slice pattern, struct hk_slice name)
{
	hk_buf_addf(&m->signs, "sign %s%.*s %.*s;\n", before, HK_FMT(pattern), HK_FMT(name));
}

static void object(struct import *m, const char *what, const char *file, size_t line)
{
	struct hk_buf where;

	hk_buf_init(&where, 4096);
	hk_buf_addf(&where, "%.3000s:%zu", file, line);
	hk_buf_add_byte(&where, 0);
	cli_complain(what, (const char *)where.p);
	hk_buf_done(&where);
	m->incomplete = true;
}

/* ---- OpenDKIM -------------------------------------------------------------------------------- */

static struct hk_slice take_word(struct hk_slice *line)
{
	struct hk_slice word;
	size_t i = 0;

	*line = hk_slice_trim(*line);
	while (i < line->n && !hk_is_wsp(line->p[i]))
		i++;
	word = hk_slice_sub(*line, 0, i);
	*line = hk_slice_trim(hk_slice_from(*line, i));
	return word;
}

static bool read_table(struct import *m, const char *file, struct table *ret)
{
	struct table t = {.row = hk_arena_array(&m->arena, LINES_MAX, sizeof *t.row)};
	struct hk_slice text, line;
	struct hk_buf raw;
	size_t number;
	bool good = t.row && cli_read_file(file, TABLE_MAX, &raw);

	if (!good)
		return false;
	good = hk_arena_dup(&m->arena, hk_buf_slice(&raw), &text) == HK_OK;
	hk_buf_done(&raw);
	for (number = 1; good && text.n; number++) {
		size_t end = hk_slice_find(text, '\n');
		struct row row = {.line = number};

		line = hk_slice_sub(text, 0, end);
		text = hk_slice_from(text, end + 1);
		line = hk_slice_sub(line, 0, hk_slice_find(line, '#'));
		row.left = take_word(&line);
		row.right = take_word(&line);
		if (row.left.n == 0)
			continue;
		if (row.right.n == 0)
			object(m, "there is nothing after its first word", file, number);
		else if ((good = t.n < LINES_MAX))
			t.row[t.n++] = row;
	}
	if (good)
		*ret = t;
	return good;
}

/* "refile:/path" is how opendkim.conf writes what kind of table a file is. */
static const char *path_of(const char *given)
{
	const char *colon = strchr(given, ':');

	return colon && colon[1] == '/' ? colon + 1 : given;
}

/* The domain of a pattern, where it is a certain one. */
static struct hk_slice domain_of(struct hk_slice pattern)
{
	size_t at = hk_slice_rfind(pattern, '@');
	struct hk_slice domain = at < pattern.n ? hk_slice_from(pattern, at + 1) : pattern;

	return hk_is_hostname(domain, false) ? domain : (struct hk_slice){0};
}

/* A "%" in file is the author's domain. */
static enum hk_status fill(
    struct hk_arena *a, struct hk_slice file, struct hk_slice domain, struct hk_slice *ret)
{
	size_t i = hk_slice_find(file, '%');

	if (i == file.n) {
		*ret = file;
		return HK_OK;
	}
	return hk_arena_fmt(a, ret, "%.*s%.*s%.*s", HK_FMT(hk_slice_sub(file, 0, i)), HK_FMT(domain),
	    HK_FMT(hk_slice_from(file, i + 1)));
}

/* DOMAIN:SELECTOR:FILE. author: the domain for "%"; empty where there is none. */
static bool read_key(
    struct import *m, const struct row *row, struct hk_slice author, struct item *ret)
{
	size_t one = hk_slice_find(row->right, ':'), two;
	struct hk_slice rest = hk_slice_from(row->right, one + 1), file;
	struct item k = {.row = row, .name = row->left, .domain = hk_slice_sub(row->right, 0, one)};
	bool is_general = hk_slice_eq(k.domain, HK_S("%"));

	two = hk_slice_find(rest, ':');
	k.selector = hk_slice_sub(rest, 0, two);
	file = hk_slice_from(rest, two + 1);
	is_general = is_general || hk_slice_find(file, '%') < file.n;
	if (is_general && author.n == 0)
		return false;
	if (hk_slice_eq(k.domain, HK_S("%")))
		k.domain = author;
	if (fill(&m->arena, file, author, &k.file) != HK_OK)
		return false;
	if (is_general && hk_arena_fmt(&m->arena, &k.name, "%.*s-%.*s", HK_FMT(row->left),
	                      HK_FMT(author)) != HK_OK)
		return false;
	*ret = k;
	return true;
}

static const char not_a_key[] = "not DOMAIN:SELECTOR:FILE with an absolute path";

/* Every pattern of OpenDKIM that ours can say: user@domain, *@domain, domain, .domain, *@*.domain,
 * *.domain, *, *@*. */
static bool translate(struct hk_slice pattern, const char **ret_before, struct hk_slice *ret)
{
	static const char *const all[] = {"*", "*@*"}, *const below[] = {"*@*.", "*.", "."};
	size_t i;

	*ret_before = "";
	for (i = 0; i < sizeof all / sizeof all[0]; i++) {
		if (hk_slice_eq(pattern, hk_slice_str(all[i]))) {
			*ret = HK_S("*");
			return true;
		}
	}
	for (i = 0; i < sizeof below / sizeof below[0]; i++) {
		if (hk_slice_starts_nocase(pattern, hk_slice_str(below[i]))) {
			*ret_before = ".";
			*ret = hk_slice_from(pattern, strlen(below[i]));
			return hk_is_hostname(*ret, false);
		}
	}
	*ret = pattern;
	i = hk_slice_find(pattern, '@');
	return domain_of(pattern).n && !has_control(pattern) &&
	       (hk_slice_find(pattern, '*') == pattern.n || (i == 1 && pattern.p[0] == '*'));
}

static void add_row(struct import *m, const struct row *row, const char *sign_file, const char *key_file)
{
	struct hk_slice author = domain_of(row->left), name = row->right, pattern;
	const char *before;
	struct item k;
	size_t i;

	if (hk_slice_eq(name, HK_S("%")))
		name = author;
	for (i = 0; i < m->key.n && !hk_slice_eq(m->key.row[i].left, name); i++)
		;
	if (i == m->key.n) {
		object(m, "the key table has no key of this name", sign_file, row->line);
	} else if (!translate(row->left, &before, &pattern)) {
		object(m, "such a pattern has no equal here", sign_file, row->line);
	} else if (!read_key(m, &m->key.row[i], author, &k)) {
		object(m, "which domain % stands for is not certain", sign_file, row->line);
	} else if (!add_key(m, &k)) {
		object(m, not_a_key, key_file, m->key.row[i].line);
	} else {
		add_sign(m, before, pattern, k.name);
	}
}

/* Without patterns OpenDKIM looks for the address, then the domain, then the domains above, the
 * nearest first; with patterns the first that fits is taken, as here. */
static int rank(struct hk_slice pattern)
{
	if (hk_slice_eq(pattern, HK_S("*")))
		return 1000;
	if (pattern.p[0] == '.')
		return 500 - (int)hk_dns_name_labels(pattern);
	return hk_slice_find(pattern, '@') < pattern.n ? 0 : 1;
}

static int by_rank(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	int difference = rank(x->left) - rank(y->left);

	return difference ? difference : (x->line > y->line) - (x->line < y->line);
}

static bool has_patterns(const struct table *t)
{
	size_t i;

	for (i = 0; i < t->n; i++)
		if (t->row[i].left.n > 1 && hk_slice_find(t->row[i].left, '*') < t->row[i].left.n)
			return true;
	return false;
}

static bool import_opendkim(struct import *m, const struct cli_options *o)
{
	const char *key_file = path_of(o->opendkim), *sign_file;
	struct item k;
	size_t i;

	if (o->n_more != 1) {
		cli_complain("--opendkim KEYTABLE wants one SIGNINGTABLE after it", NULL);
		return false;
	}
	sign_file = path_of(o->more[0]);
	if (!read_table(m, key_file, &m->key) || !read_table(m, sign_file, &m->sign))
		return false;
	if (m->sign.n && !has_patterns(&m->sign) && strncmp(o->more[0], "refile:", 7) != 0)
		qsort(m->sign.row, m->sign.n, sizeof *m->sign.row, by_rank);
	for (i = 0; i < m->sign.n; i++)
		add_row(m, &m->sign.row[i], sign_file, key_file);
	for (i = 0; i < m->key.n; i++) /* those that nothing signs with yet */
		if (read_key(m, &m->key.row[i], (struct hk_slice){0}, &k) && !add_key(m, &k))
			object(m, not_a_key, key_file, m->key.row[i].line);
	return true;
}

/* ---- rspamd ---------------------------------------------------------------------------------- */

static int by_name(const void *a, const void *b)
{
	const struct item *x = a, *y = b;
	size_t left = hk_dns_name_labels(x->domain), right = hk_dns_name_labels(y->domain);

	if (left != right)
		return left > right ? -1 : 1; /* the more special domain first: the first that fits wins */
	return hk_slice_cmp_nocase(x->name, y->name);
}

/* DOMAIN.SELECTOR.key: the selector is taken to be the last label, which it nearly always is. */
static enum hk_status read_name(
    struct import *m, const char *dir, struct hk_slice file, struct item *ret)
{
	struct hk_slice stem = hk_slice_sub(file, 0, file.n - 4);
	size_t dot = hk_slice_rfind(stem, '.');
	enum hk_status status = hk_arena_dup(&m->arena, stem, &ret->name);

	if (status == HK_OK)
		status = hk_arena_fmt(&m->arena, &ret->file, "%s/%.*s", dir, HK_FMT(file));
	ret->domain = hk_slice_sub(ret->name, 0, dot);
	ret->selector = hk_slice_from(ret->name, dot + 1);
	return status;
}

static bool read_folder(struct import *m, const char *given, struct item *k, size_t *n)
{
	char *dir = realpath(given, NULL);
	struct dirent *entry;
	DIR *d = dir ? opendir(dir) : NULL;
	bool good = d != NULL;

	if (!good)
		cli_complain(strerror(errno), given);
	while (good && (entry = readdir(d)) != NULL) {
		struct hk_slice file = hk_slice_str(entry->d_name);

		if (file.n <= 4 || !hk_slice_ends_nocase(file, HK_S(".key")))
			continue;
		good = *n < KEYS_MAX && read_name(m, dir, file, &k[*n]) == HK_OK;
		*n += good;
	}
	if (d)
		closedir(d);
	free(dir);
	return good;
}

/* rspamd signs for the domain that users registered (use_esld) unless it is told otherwise, so a
 * domain's key serves all below it. */
static bool import_rspamd(struct import *m, const char *dir)
{
	struct item *k = hk_arena_array(&m->arena, KEYS_MAX, sizeof *k);
	size_t n = 0, i;

	if (!k || !read_folder(m, dir, k, &n))
		return false;
	if (n)
		qsort(k, n, sizeof *k, by_name);
	for (i = 0; i < n; i++) {
		if (!add_key(m, &k[i])) {
			object(m, "its name is not DOMAIN.SELECTOR.key", (const char *)k[i].file.p, 0);
			continue;
		}
		if (i && hk_slice_eq_nocase(k[i].domain, k[i - 1].domain))
			continue; /* Deliberate: which selector rspamd takes is in its
			             configuration, not here; the first one signs */
		add_sign(m, "", k[i].domain, k[i].name);
		add_sign(m, ".", k[i].domain, k[i].name);
	}
	return true;
}

enum cli_exit keys_import(const struct cli_options *o)
{
	struct import m = {0};
	bool good = false;

	if (!o->opendkim == !o->rspamd) {
		cli_complain("which layout: --opendkim or --rspamd", NULL);
		return CLI_USAGE;
	}
	hk_arena_init(&m.arena, KEYS_ARENA);
	hk_buf_init(&m.keys, CLI_OUTPUT_MAX);
	hk_buf_init(&m.signs, CLI_OUTPUT_MAX);
	m.item = hk_arena_array(&m.arena, KEYS_MAX, sizeof *m.item);
	good = !m.item ? false : o->opendkim ? import_opendkim(&m, o) : import_rspamd(&m, o->rspamd);
	if (good) {
		cli_write(&m.keys);
		cli_write(&m.signs);
	}
	hk_buf_done(&m.keys);
	hk_buf_done(&m.signs);
	hk_arena_done(&m.arena);
	return !good ? CLI_USAGE : m.incomplete ? CLI_FAIL : CLI_OK;
}
