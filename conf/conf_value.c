/* SPDX-License-Identifier: MIT
 *
 * conf_value.c - how each kind of plain value is read and printed.
 */
#include <inttypes.h>
#include <string.h>

#include <hikyaku/dns.h>
#include <hikyaku/message.h>

#include "conf/conf_value.h"
#include "conf/key_tables.h"

void *conf_member(const struct conf_item *item, void *base)
{
	return (uint8_t *)base + item->offset;
}

const void *conf_member_const(const struct conf_item *item, const void *base)
{
	return (const uint8_t *)base + item->offset;
}

/* Numbers live in members of different widths. */
static void store(const struct conf_item *item, void *base, uint64_t value)
{
	void *to = conf_member(item, base);
	uint8_t as8 = (uint8_t)value;
	uint16_t as16 = (uint16_t)value;
	uint32_t as32 = (uint32_t)value;

	switch (item->width) {
	case 1:
		memcpy(to, &as8, 1);
		break;
	case 2:
		memcpy(to, &as16, 2);
		break;
	case 4:
		memcpy(to, &as32, 4);
		break;
	default:
		memcpy(to, &value, 8);
		break;
	}
}

static uint64_t load(const struct conf_item *item, const void *base)
{
	const void *from = conf_member_const(item, base);
	uint8_t as8;
	uint16_t as16;
	uint32_t as32;
	uint64_t value;

	switch (item->width) {
	case 1:
		memcpy(&as8, from, 1);
		return as8;
	case 2:
		memcpy(&as16, from, 2);
		return as16;
	case 4:
		memcpy(&as32, from, 4);
		return as32;
	default:
		memcpy(&value, from, 8);
		return value;
	}
}

bool conf_one(
    struct conf_reader *r, const struct conf_item *item, const struct conf_token *args, size_t n)
{
	if (n == 1)
		return true;
	conf_error(r, &args[1], "%s takes one value, and this is a second", item->name);
	return false;
}

void conf_keep(struct conf_reader *r, struct hk_slice text, struct hk_slice *ret)
{
	if (hk_arena_dup(&r->conf->arena, text, ret) != HK_OK)
		r->no_memory = true;
}

void conf_keep_lower(struct conf_reader *r, struct hk_slice text, struct hk_slice *ret)
{
	if (hk_arena_dup_lower(&r->conf->arena, text, ret) != HK_OK)
		r->no_memory = true;
}

void conf_word_print(struct hk_buf *b, struct hk_slice s)
{
	bool plain = s.n > 0 && s.p[0] != '#';
	size_t i;

	for (i = 0; i < s.n && plain; i++)
		plain = s.p[i] > ' ' && s.p[i] != 0x7f && !strchr("{};\"\\", s.p[i]);
	if (plain) {
		hk_buf_add(b, s);
		return;
	}
	hk_buf_add_byte(b, '"');
	for (i = 0; i < s.n; i++) {
		if (s.p[i] == '"' || s.p[i] == '\\')
			hk_buf_add_byte(b, '\\');
		hk_buf_add_byte(b, s.p[i]);
	}
	hk_buf_add_byte(b, '"');
}

void conf_print_text(const struct conf_item *item, const void *base, struct hk_buf *out)
{
	const struct hk_slice *s = conf_member_const(item, base);

	if (s->n)
		conf_word_print(out, *s);
}

/* ---- texts: one check for each kind, and NULL when it is satisfied ---- */

static const char *check_text(struct hk_slice s)
{
	size_t i;

	for (i = 0; i < s.n; i++)
		if (s.p[i] < ' ' || s.p[i] > '~')
			return "must be printable ASCII";
	return s.n && s.n <= 255 ? NULL : "must have 1 to 255 characters";
}

static const char *check_domain(struct hk_slice s)
{
	struct hk_ip ip;

	if (hk_ip_parse(s, &ip) == HK_OK)
		return "must be a name, not an address";
	return hk_is_hostname(s, false)
	           ? NULL
	           : "is not a host name (letters, digits, hyphens and dots; U-labels as xn--)";
}

const char *conf_check_host(struct hk_slice s)
{
	struct hk_ip ip;

	return hk_ip_parse(s, &ip) == HK_OK ? NULL : check_domain(s);
}

const char *conf_check_path(struct hk_slice s)
{
	size_t i;

	for (i = 0; i < s.n; i++)
		if (s.p[i] < ' ' || s.p[i] == 0x7f)
			return "holds a control character";
	if (!s.n || s.p[0] != '/')
		return "must be an absolute path";
	return s.n < 3072 ? NULL : "is too long for a path";
}

static const char *check_table(struct hk_slice s)
{
	bool is_refile;

	return conf_check_path(hk_key_table_path(s, &is_refile));
}

static const char *check_selector(struct hk_slice s)
{
	return hk_is_hostname(s, true) ? NULL : "is not a selector (RFC 6376 3.1)";
}

static const char *check_log(struct hk_slice s)
{
	struct hk_slice path;
	enum hk_log_target target = hk_log_target_parse(s, &path);

	if (target != HK_LOG_STREAM && path.n > HK_LOG_SOCKET_MAX)
		return "names a socket whose path has more than 97 octets";
	return hk_slice_eq(s, HK_S("stderr")) || !conf_check_path(path)
	           ? NULL
	           : "must be stderr, an absolute path, syslog, journald, or one of these with a \":\" and the absolute path of its socket";
}

static const char *check_resolver(struct hk_slice s)
{
	struct hk_ip ip;
	uint64_t port;
	size_t at;

	/* a laboratory's authoritative server in place of a resolver */
	if (hk_slice_starts_nocase(s, HK_S("stub:")))
		s = hk_slice_from(s, 5);
	at = hk_slice_rfind(s, '@');
	if (hk_ip_parse(hk_slice_sub(s, 0, at), &ip) != HK_OK)
		return "must be IP or IP@PORT";
	if (at < s.n && (hk_slice_u64(hk_slice_from(s, at + 1), 65535, &port) != HK_OK || !port))
		return "has no port from 1 to 65535 after the @";
	return NULL;
}

static const struct {
	enum conf_kind kind;
	const char *(*check)(struct hk_slice);
	bool lower;
} text_checks[] = {
    {CONF_KIND_TEXT, check_text, false},
    {CONF_KIND_DOMAIN, check_domain, true},
    {CONF_KIND_PATH, conf_check_path, false},
    {CONF_KIND_SELECTOR, check_selector, false},
    {CONF_KIND_LOG, check_log, false},
    {CONF_KIND_TABLE, check_table, false},
    {CONF_KIND_RESOLVER, check_resolver, false},
};

void conf_parse_text(struct conf_reader *r, const struct conf_item *item,
    const struct conf_token *args, size_t n, void *base)
{
	const char *wrong = NULL;
	bool lower = false;
	size_t i;

	if (!conf_one(r, item, args, n))
		return;
	for (i = 0; i < sizeof text_checks / sizeof text_checks[0]; i++) {
		if (text_checks[i].kind != item->kind)
			continue;
		wrong = text_checks[i].check(args->text);
		lower = text_checks[i].lower;
	}
	if (wrong)
		conf_error(r, args, "%s \"%s\" %s", item->name, conf_shown(args->text).text, wrong);
	else if (lower)
		conf_keep_lower(r, args->text, conf_member(item, base));
	else
		conf_keep(r, args->text, conf_member(item, base));
}

void conf_parse_address(struct conf_reader *r, const struct conf_item *item,
    const struct conf_token *args, size_t n, void *base)
{
	if (conf_one(r, item, args, n))
		conf_mailbox(r, args, conf_member(item, base));
}

void conf_mailbox(struct conf_reader *r, const struct conf_token *at, struct hk_slice *ret)
{
	struct hk_slice rest;
	struct hk_path path;

	if (hk_path_parse(r->scratch, at->text, HK_PATH_LENIENT, &path, &rest) != HK_OK || rest.n ||
	    path.had_brackets || path.had_route || !path.domain.n)
		conf_error(
		    r, at, "\"%s\" is not an address (user@domain)", conf_shown(at->text).text);
	else
		conf_keep(r, at->text, ret);
}

/* ---- numbers, sizes, durations ---- */

struct unit {
	char letter;
	uint64_t factor;
};
/* the greatest first, so that printing finds the shortest form */
static const struct unit size_units[] = {{'g', 1 << 30}, {'m', 1 << 20}, {'k', 1 << 10}, {0, 1}};
static const struct unit time_units[] = {
    {'w', 604800}, {'d', 86400}, {'h', 3600}, {'m', 60}, {'s', 1}, {0, 1}};
static const struct unit no_units[] = {{0, 1}};

static const struct unit *units_of(enum conf_kind kind)
{
	if (kind == CONF_KIND_SIZE)
		return size_units;
	return kind == CONF_KIND_NUMBER ? no_units : time_units;
}

static void print_number(struct hk_buf *out, enum conf_kind kind, uint64_t value)
{
	const struct unit *u = units_of(kind);

	while (u->letter && (!value || value % u->factor))
		u++;
	if (u->letter)
		hk_buf_addf(out, "%" PRIu64 "%c", value / u->factor, u->letter);
	else
		hk_buf_addf(out, "%" PRIu64, value);
}

void conf_time_print(struct hk_buf *out, uint64_t seconds)
{
	print_number(out, CONF_KIND_DURATION, seconds);
}

/* Digits, and one of the kind's letters behind them or none. */
static bool with_unit(struct hk_slice text, enum conf_kind kind, uint64_t *ret)
{
	const struct unit *u = units_of(kind);

	while (u->letter && !(text.n && hk_to_lower(text.p[text.n - 1]) == (uint8_t)u->letter))
		u++;
	if (u->letter)
		text.n--;
	if (hk_slice_u64(text, UINT64_MAX / u->factor, ret) != HK_OK)
		return false;
	*ret *= u->factor;
	return true;
}

bool conf_time(struct hk_slice text, uint64_t *ret)
{
	return with_unit(text, CONF_KIND_DURATION, ret);
}

static bool number(
    struct conf_reader *r, const struct conf_item *item, const struct conf_token *at, uint64_t *ret)
{
	struct hk_buf range;
	uint64_t value;

	if (with_unit(at->text, item->kind, &value) && value >= item->least && value <= item->most) {
		*ret = value;
		return true;
	}
	hk_buf_init(&range, 128);
	print_number(&range, item->kind, item->least);
	hk_buf_add_str(&range, " to ");
	print_number(&range, item->kind, item->most);
	conf_error(r, at, "%s \"%s\" must be %s from %.*s", item->name, conf_shown(at->text).text,
	    conf_kinds[item->kind].form, HK_FMT(hk_buf_slice(&range)));
	hk_buf_done(&range);
	return false;
}

void conf_parse_number(struct conf_reader *r, const struct conf_item *item,
    const struct conf_token *args, size_t n, void *base)
{
	uint64_t value;

	if (conf_one(r, item, args, n) && number(r, item, args, &value))
		store(item, base, value);
}

void conf_print_number(const struct conf_item *item, const void *base, struct hk_buf *out)
{
	uint64_t value = load(item, base);

	if (value || !item->least || item->preset) /* else it was not given */
		print_number(out, item->kind, value);
}

void conf_parse_durations(struct conf_reader *r, const struct conf_item *item,
    const struct conf_token *args, size_t n, void *base)
{
	struct hk_conf_times *times = (void *)((uint8_t *)base + item->offset);
	uint64_t value = 0;
	size_t i;

	if (n > HK_CONF_TIMES_MAX) {
		conf_error(r, args, "%s takes at most %d times", item->name, HK_CONF_TIMES_MAX);
		return;
	}
	times->at = hk_arena_array(&r->conf->arena, n, sizeof *times->at);
	if (!times->at) {
		r->no_memory = true;
		return;
	}
	times->n = n;
	for (i = 0; i < n; i++)
		if (number(r, item, &args[i], &value))
			times->at[i] = (uint32_t)value;
}

void conf_print_durations(const struct conf_item *item, const void *base, struct hk_buf *out)
{
	const struct hk_conf_times *times = (const void *)((const uint8_t *)base + item->offset);
	size_t i;

	for (i = 0; i < times->n; i++) {
		if (i)
			hk_buf_add_byte(out, ' ');
		print_number(out, item->kind, times->at[i]);
	}
}

/* ---- words ------------------------------------------------------------------------------------
 */

bool conf_find_word(
    struct conf_reader *r, const struct conf_item *item, const struct conf_token *at, unsigned *ret)
{
	struct conf_hint hint = {0};
	const struct conf_word *w;

	for (w = item->words; w->word; w++) {
		if (hk_slice_eq(at->text, hk_slice_str(w->word))) {
			*ret = w->value;
			return true;
		}
		conf_hint_try(&hint, at->text, hk_slice_str(w->word));
	}
	conf_error(r, at, "%s knows no \"%s\"%s", item->name, conf_shown(at->text).text, hint.text);
	return false;
}

void conf_parse_word(struct conf_reader *r, const struct conf_item *item,
    const struct conf_token *args, size_t n, void *base)
{
	unsigned value;

	if (conf_one(r, item, args, n) && conf_find_word(r, item, args, &value))
		store(item, base, value);
}

void conf_print_word(const struct conf_item *item, const void *base, struct hk_buf *out)
{
	const struct conf_word *w;

	for (w = item->words; w->word; w++) {
		if (w->value == load(item, base)) {
			hk_buf_add_str(out, w->word);
			return;
		}
	}
}

void conf_parse_words(struct conf_reader *r, const struct conf_item *item,
    const struct conf_token *args, size_t n, void *base)
{
	unsigned value = 0, all = 0;
	size_t i;

	for (i = 0; i < n; i++)
		if (conf_find_word(r, item, &args[i], &value))
			all |= value;
	store(item, base, all);
}

void conf_print_words(const struct conf_item *item, const void *base, struct hk_buf *out)
{
	uint64_t all = load(item, base);
	const struct conf_word *w;
	bool any = false;

	for (w = item->words; w->word; w++) {
		if (w->value ? !(all & w->value) : all != 0)
			continue;
		if (any)
			hk_buf_add_byte(out, ' ');
		hk_buf_add_str(out, w->word);
		any = true;
	}
}
