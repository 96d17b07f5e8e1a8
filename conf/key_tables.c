/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include <hikyaku/dns.h>

#include "conf/conf.h"
#include "conf/key_state.h"
#include "conf/key_tables.h"

enum { NAME_MOST = 63 /* of conf */, PROBLEMS_MAX = 64 * 1024 };
#define TABLES_ARENA ((size_t)256 * 1024 * 1024) /* two tables, their rows, what is made of them */

/* A key of ours, in the order in which they are printed. */
struct item {
	const void *origin; /* what it was made from; the same origin and file is the same key */
	struct hk_slice name, domain, selector, file;
};
/* A sign item: patterns in the order in which they are tried. */
struct sign {
	const char *before; /* "." or "" */
	struct hk_slice pattern;
	struct hk_slice name[HK_CONF_SIGN_KEYS];
	size_t n;
};
struct maker {
	struct hk_key_items *out;
	struct hk_arena arena;
	struct item *item;
	size_t n;
	struct sign *sign;
	size_t n_signs;
	size_t room; /* in both */
};

void hk_key_items_init(struct hk_key_items *items, const char *prefix)
{
	items->prefix = prefix;
	hk_buf_init(&items->text, HK_KEY_ITEMS_MAX);
	hk_buf_init(&items->problems, PROBLEMS_MAX);
}

void hk_key_items_done(struct hk_key_items *items)
{
	hk_buf_done(&items->text);
	hk_buf_done(&items->problems);
}

/* ---- items of the configuration -------------------------------------------------------------- */

static size_t most_rows(size_t n)
{
	return n < HK_KEY_TABLE_ROWS ? n : HK_KEY_TABLE_ROWS;
}

static size_t lines(struct hk_slice text)
{
	size_t n = 1, i;

	for (i = 0; i < text.n; i++)
		n += text.p[i] == '\n';
	return n;
}

/* most: rows of what is read; one makes two keys or two signs at most */
static enum hk_status maker_init(struct maker *m, struct hk_key_items *out, size_t most)
{
	*m = (struct maker){.out = out, .room = most_rows(2 * most)};
	hk_arena_init(&m->arena, TABLES_ARENA);
	m->item = hk_arena_array(&m->arena, m->room, sizeof *m->item);
	m->sign = hk_arena_array(&m->arena, m->room, sizeof *m->sign);
	return m->item && m->sign ? HK_OK : m->arena.failed;
}

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
	return s.n > 0 && s.n <= NAME_MOST;
}

static bool is_taken(const struct maker *m, struct hk_slice name)
{
	size_t i;

	for (i = 0; i < m->n; i++)
		if (hk_slice_eq(m->item[i].name, name))
			return true;
	return false;
}

/* Its own name where it can be one here; else PREFIX-NUMBER. */
static bool give_name(struct maker *m, struct item *k)
{
	size_t number = m->n + 1;

	while (!is_name(k->name) || is_taken(m, k->name))
		if (hk_arena_fmt(&m->arena, &k->name, "%s-%zu", m->out->prefix, number++) != HK_OK)
			return false;
	return true;
}

static bool is_domain(struct hk_slice s)
{
	struct hk_ip ip;

	return hk_is_hostname(s, false) && hk_ip_parse(s, &ip) != HK_OK;
}

/* Once for each origin and domain; *k gets the name that it has. */
static bool add_key(struct maker *m, struct item *k)
{
	size_t i;

	for (i = 0; i < m->n; i++) {
		if (m->item[i].origin == k->origin && hk_slice_eq_nocase(m->item[i].domain, k->domain) &&
		    hk_slice_eq(m->item[i].file, k->file)) {
			*k = m->item[i];
			return true;
		}
	}
	if (!is_domain(k->domain) || !hk_is_hostname(k->selector, true) ||
	    k->file.n == 0 || k->file.p[0] != '/' || k->file.n >= 3072 || has_control(k->file) ||
	    m->n == m->room)
		return false;
	if (!give_name(m, k))
		return false;
	m->item[m->n++] = *k;
	return true;
}

/* Several rows for one pattern are one item. */
static bool add_sign(
    struct maker *m, const char *before, struct hk_slice pattern, struct hk_slice name)
{
	struct sign *s;
	size_t i;

	for (i = 0; i < m->n_signs; i++)
		if (*m->sign[i].before == *before && hk_slice_eq_nocase(m->sign[i].pattern, pattern))
			break;
	if (i == m->room)
		return false;
	s = &m->sign[i];
	if (i == m->n_signs) {
		*s = (struct sign){.before = before, .pattern = pattern};
		m->n_signs++;
	}
	for (i = 0; i < s->n; i++)
		if (hk_slice_eq(s->name[i], name))
			return true;
	if (s->n == HK_CONF_SIGN_KEYS)
		return false;
	s->name[s->n++] = name;
	return true;
}

static void object(struct maker *m, const char *what, struct hk_slice file, size_t line)
{
	struct hk_buf *out = &m->out->problems;

	hk_quote_add(out, file, 1000);
	if (line)
		hk_buf_addf(out, ":%zu", line);
	hk_buf_addf(out, ": %s\n", what);
}

static enum hk_status finish(struct maker *m, enum hk_status status)
{
	struct hk_buf *out = &m->out->text;
	size_t i, j;

	for (i = 0; status == HK_OK && i < m->n; i++) {
		hk_buf_addf(out, "key %.*s {\n\tdomain %.*s;\n\tselector %.*s;\n\tfile ",
		    HK_FMT(m->item[i].name), HK_FMT(m->item[i].domain), HK_FMT(m->item[i].selector));
		add_word(out, m->item[i].file);
		hk_buf_add_str(out, ";\n}\n");
	}
	for (i = 0; status == HK_OK && i < m->n_signs; i++) {
		hk_buf_addf(out, "sign %s%.*s", m->sign[i].before, HK_FMT(m->sign[i].pattern));
		for (j = 0; j < m->sign[i].n; j++)
			hk_buf_addf(out, " %.*s", HK_FMT(m->sign[i].name[j]));
		hk_buf_add_str(out, ";\n");
	}
	if (status == HK_OK)
		status = m->arena.failed;
	if (status == HK_OK)
		status = hk_buf_status(out);
	hk_arena_done(&m->arena);
	return status;
}

/* ---- OpenDKIM -------------------------------------------------------------------------------- */

struct row {
	size_t line;
	struct hk_slice left, right; /* KeyTable: a key's name and DOMAIN:SELECTOR:FILE; SigningTable:
	                                a pattern and a key's name */
};
struct table {
	struct hk_slice file;
	struct row *row;
	size_t n;
};

static struct hk_slice take_word(struct hk_slice *line)
{
	struct hk_slice word;
	size_t i = 0;

	*line = hk_slice_trim(*line);
	while (i < line->n && !hk_is_wsp(line->p[i]) && line->p[i] != '\r')
		i++;
	word = hk_slice_sub(*line, 0, i);
	*line = hk_slice_trim(hk_slice_from(*line, i));
	return word;
}

static enum hk_status read_table(
    struct maker *m, const struct hk_key_table *from, struct table *ret)
{
	size_t most = most_rows(lines(from->text));
	struct table t = {
	    .file = from->file, .row = hk_arena_array(&m->arena, most, sizeof *t.row)};
	struct hk_slice text = from->text, line;
	size_t number;

	if (!t.row)
		return m->arena.failed;
	for (number = 1; text.n; number++) {
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
			object(m, "there is nothing after its first word", t.file, number);
		else if (t.n == most)
			return HK_LIMIT;
		else
			t.row[t.n++] = row;
	}
	*ret = t;
	return HK_OK;
}

struct hk_slice hk_key_table_path(struct hk_slice given, bool *ret_is_refile)
{
	static const char *const kinds[] = {"refile:", "file:"};
	size_t i;

	*ret_is_refile = false;
	for (i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
		if (!hk_slice_starts_nocase(given, hk_slice_str(kinds[i])))
			continue;
		*ret_is_refile = i == 0;
		return hk_slice_from(given, strlen(kinds[i]));
	}
	return given;
}

/* The domain of a pattern, where it is a certain one. */
static struct hk_slice domain_of(struct hk_slice pattern)
{
	size_t at = hk_slice_rfind(pattern, '@');
	struct hk_slice domain = at < pattern.n ? hk_slice_from(pattern, at + 1) : pattern;

	return is_domain(domain) ? domain : (struct hk_slice){0};
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
    struct maker *m, const struct row *row, struct hk_slice author, struct item *ret)
{
	size_t one = hk_slice_find(row->right, ':'), two;
	struct hk_slice rest = hk_slice_from(row->right, one + 1), file;
	struct item k = {.origin = row, .name = row->left, .domain = hk_slice_sub(row->right, 0, one)};
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

/* A local part that the configuration takes without quotes. */
static bool is_plain(struct hk_slice s)
{
	size_t i;

	for (i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] > '~' || strchr("{};\"\\#*", s.p[i]))
			return false;
	return true;
}

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
			return is_domain(*ret);
		}
	}
	*ret = pattern;
	i = hk_slice_rfind(pattern, '@');
	if (domain_of(pattern).n == 0 || i == 0)
		return false;
	return i == pattern.n || (i == 1 && pattern.p[0] == '*') ||
	       is_plain(hk_slice_sub(pattern, 0, i));
}

static void add_row(
    struct maker *m, const struct table *keys, const struct table *signing, const struct row *row)
{
	struct hk_slice author = domain_of(row->left), name = row->right, pattern;
	const char *before;
	struct item k;
	size_t i;

	if (hk_slice_eq(name, HK_S("%")))
		name = author;
	for (i = 0; i < keys->n && !hk_slice_eq(keys->row[i].left, name); i++)
		;
	if (i == keys->n)
		object(m, "the key table has no key of this name", signing->file, row->line);
	else if (!translate(row->left, &before, &pattern))
		object(m, "such a pattern has no equal here", signing->file, row->line);
	else if (!read_key(m, &keys->row[i], author, &k))
		object(m, "which domain % stands for is not certain", signing->file, row->line);
	else if (!add_key(m, &k))
		object(m, not_a_key, keys->file, keys->row[i].line);
	else if (!add_sign(m, before, pattern, k.name))
		object(m, "too many keys for this pattern", signing->file, row->line);
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

enum hk_status hk_key_items_opendkim(struct hk_key_items *out, const struct hk_key_table *key_table,
    const struct hk_key_table *signing_table, bool is_refile)
{
	struct table keys = {0}, signing = {0};
	struct maker m;
	enum hk_status status =
	    maker_init(&m, out, lines(key_table->text) + lines(signing_table->text));
	struct item k;
	size_t i;

	if (status == HK_OK)
		status = read_table(&m, key_table, &keys);
	if (status == HK_OK)
		status = read_table(&m, signing_table, &signing);
	if (status == HK_OK && signing.n && !is_refile && !has_patterns(&signing))
		qsort(signing.row, signing.n, sizeof *signing.row, by_rank);
	for (i = 0; status == HK_OK && i < signing.n; i++)
		add_row(&m, &keys, &signing, &signing.row[i]);
	for (i = 0; status == HK_OK && i < keys.n; i++) /* those that nothing signs with yet */
		if (read_key(&m, &keys.row[i], (struct hk_slice){0}, &k) && !add_key(&m, &k))
			object(&m, not_a_key, keys.file, keys.row[i].line);
	return finish(&m, status);
}

/* ---- rspamd ---------------------------------------------------------------------------------- */

/* The more special domain first, since the first pattern that fits wins; of one domain the selector
 * that sorts last first: of dates the newest. */
static int by_name(const void *a, const void *b)
{
	const struct item *x = a, *y = b;
	size_t left = hk_dns_name_labels(x->domain), right = hk_dns_name_labels(y->domain);
	int difference;

	if (left != right)
		return left > right ? -1 : 1;
	difference = hk_slice_cmp_nocase(x->domain, y->domain);
	return difference ? difference : -hk_slice_cmp_nocase(x->selector, y->selector);
}

/* DOMAIN.SELECTOR.key: the selector is taken to be the last label, which it nearly always is. */
static enum hk_status read_name(
    struct hk_arena *a, struct hk_slice dir, struct hk_slice file, struct item *ret)
{
	struct hk_slice stem = hk_slice_sub(file, 0, file.n - 4);
	size_t dot = hk_slice_rfind(stem, '.');
	enum hk_status status = hk_arena_dup(a, stem, &ret->name);

	if (status == HK_OK)
		status = hk_arena_fmt(a, &ret->file, "%.*s/%.*s", HK_FMT(dir), HK_FMT(file));
	if (status != HK_OK)
		return status;
	ret->domain = hk_slice_sub(ret->name, 0, dot);
	ret->selector = hk_slice_from(ret->name, dot + 1);
	return HK_OK;
}

/* rspamd signs for the domain that users registered (use_esld) unless it is told otherwise, so a
 * domain's key serves all below it. */
enum hk_status hk_key_items_rspamd(
    struct hk_key_items *out, struct hk_slice dir, const struct hk_slice *names, size_t n)
{
	struct maker m;
	enum hk_status status = maker_init(&m, out, n + 1);
	struct item *k = status == HK_OK ? hk_arena_array(&m.arena, n + 1, sizeof *k) : NULL;
	size_t i, found = 0;

	if (!k)
		status = m.arena.failed;
	for (i = 0; k && status == HK_OK && i < n; i++)
		if (names[i].n > 4 && hk_slice_ends_nocase(names[i], HK_S(".key")))
			status = read_name(&m.arena, dir, names[i], &k[found++]);
	if (status == HK_OK && found)
		qsort(k, found, sizeof *k, by_name);
	for (i = 0; status == HK_OK && i < found; i++) {
		k[i].origin = &k[i];
		if (!add_key(&m, &k[i]))
			object(&m, "its name is not DOMAIN.SELECTOR.key", k[i].file, 0);
		else if (!add_sign(&m, "", k[i].domain, k[i].name) ||
		         !add_sign(&m, ".", k[i].domain, k[i].name))
			object(&m, "too many keys for its domain", k[i].file, 0);
	}
	return finish(&m, status);
}

/* ---- hikyaku keys ------------------------------------------------------------------------------ */

/* The active keys, then those that came before them, then those that wait to become active; of each
 * the newest first. So a key that was not activated signs only where nothing else is published. */
static const enum hk_key_state preferred[] = {
    HK_KEY_STATE_ACTIVE, HK_KEY_STATE_RETIRING, HK_KEY_STATE_STAGED};

static bool add_entry(struct maker *m, struct hk_slice dir, const struct hk_key_entry *e)
{
	struct item k = {.origin = e, .domain = e->domain, .selector = e->selector};

	return hk_arena_fmt(&m->arena, &k.name, "%.*s._domainkey.%.*s", HK_FMT(e->selector),
	           HK_FMT(e->domain)) == HK_OK &&
	       hk_arena_fmt(&m->arena, &k.file, "%.*s/%.*s/%.*s.pem", HK_FMT(dir), HK_FMT(e->domain),
	           HK_FMT(e->selector)) == HK_OK &&
	       add_key(m, &k) && add_sign(m, "", e->domain, k.name);
}

enum hk_status hk_key_items_folder(
    struct hk_key_items *out, struct hk_slice dir, struct hk_slice state)
{
	struct hk_slice file = HK_S(HK_KEY_STATE_FILE);
	struct hk_key_entry *entry = NULL;
	size_t n = 0, line = 0, i, j;
	struct maker m;
	enum hk_status status = maker_init(&m, out, lines(state));

	if (status == HK_OK)
		status = hk_arena_fmt(&m.arena, &file, "%.*s/" HK_KEY_STATE_FILE, HK_FMT(dir));
	if (status == HK_OK)
		status = hk_key_entries_parse(&m.arena, state, &entry, &n, &line);
	if (status == HK_SYNTAX || status == HK_VERSION) {
		object(&m, status == HK_SYNTAX ? "not a line of a key" : "not a file of this version",
		    file, line);
		status = HK_OK;
	}
	for (i = 0; status == HK_OK && i < sizeof preferred / sizeof preferred[0]; i++)
		for (j = n; j-- > 0;)
			if (entry[j].state == preferred[i] && !add_entry(&m, dir, &entry[j]))
				object(&m, "too many keys for a domain, or in all", file, 0);
	return finish(&m, status);
}
