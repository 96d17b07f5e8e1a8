/* SPDX-License-Identifier: MIT
 *
 * conf_value_auth.c - values about users: who knows them, how they may prove who they are, and how
 * often they may do things.
 */
#include <inttypes.h>

#include "conf/conf_value.h"

static const struct conf_word backs[] = {
    {"off", HK_AUTH_OFF}, {"file", HK_AUTH_FILE}, {"dovecot", HK_AUTH_DOVECOT}, {0}};
static const struct conf_item back_words = {.name = "auth", .words = backs};

void conf_parse_auth(struct conf_reader *r, const struct conf_item *item,
    const struct conf_token *args, size_t n, void *base)
{
	struct hk_conf_listener *l = base;
	unsigned back;
	size_t want;
	const char *wrong;

	(void)item;
	if (!conf_find_word(r, &back_words, args, &back))
		return;
	want = back == HK_AUTH_OFF ? 1 : 2;
	if (n != want) {
		conf_error(r, &args[n > want ? want : 0], "auth %s takes %s", backs[back].word,
		    want == 1 ? "nothing" : "one path");
		return;
	}
	l->auth = (enum hk_auth_back)back;
	if (want == 1)
		return;
	wrong = conf_check_path(args[1].text);
	if (wrong)
		conf_error(r, &args[1], "auth \"%s\" %s", conf_shown(args[1].text).text, wrong);
	else
		conf_keep(r, args[1].text, &l->auth_path);
}

void conf_print_auth(const struct conf_item *item, const void *base, struct hk_buf *out)
{
	const struct hk_conf_listener *l = base;

	(void)item;
	hk_buf_add_str(out, backs[l->auth].word);
	if (l->auth == HK_AUTH_OFF)
		return;
	hk_buf_add_byte(out, ' ');
	conf_word_print(out, l->auth_path);
}

/* RFC 4422 3.1: 1 to 20 of A-Z, 0-9, hyphen, underscore. */
static bool is_mechanism(struct hk_slice s)
{
	size_t i;

	for (i = 0; i < s.n; i++)
		if (!hk_is_alnum(s.p[i]) && s.p[i] != '-' && s.p[i] != '_')
			return false;
	return s.n > 0 && s.n <= 20;
}

/* "PLAIN LOGIN": as EHLO says them. */
void conf_parse_mechanisms(struct conf_reader *r, const struct conf_item *item,
    const struct conf_token *args, size_t n, void *base)
{
	struct hk_buf all;
	size_t i, j;

	hk_buf_init(&all, 512);
	for (i = 0; i < n; i++) {
		if (!is_mechanism(args[i].text))
			conf_error(r, &args[i],
			    "\"%s\" is no name of a SASL mechanism (RFC 4422 3.1)",
			    conf_shown(args[i].text).text);
		if (i)
			hk_buf_add_byte(&all, ' ');
		for (j = 0; j < args[i].text.n; j++)
			hk_buf_add_byte(&all, hk_to_upper(args[i].text.p[j]));
	}
	if (hk_buf_status(&all) == HK_OK)
		conf_keep(r, hk_buf_slice(&all), conf_member(item, base));
	else
		conf_error(r, args, "%s: these are too many", item->name);
	hk_buf_done(&all);
}

void conf_print_mechanisms(const struct conf_item *item, const void *base, struct hk_buf *out)
{
	hk_buf_add(out, *(const struct hk_slice *)conf_member_const(item, base));
}

/* "100/1h"; "0" is no limit. */
void conf_parse_rate(struct conf_reader *r, const struct conf_item *item,
    const struct conf_token *args, size_t n, void *base)
{
	struct hk_conf_rate *rate = conf_member(item, base);
	size_t slash = hk_slice_find(args->text, '/');
	struct hk_slice time = hk_slice_from(args->text, slash + 1);
	uint64_t most, seconds = 0;

	if (!conf_one(r, item, args, n))
		return;
	if (hk_slice_u64(hk_slice_sub(args->text, 0, slash), UINT32_MAX, &most) != HK_OK ||
	    (slash < args->text.n ? !conf_time(time, &seconds) : most != 0) ||
	    seconds > 86400 * 31 || (most && !seconds)) {
		conf_error(r, args,
		    "%s \"%s\" must be a number, a slash and a time up to 31d, such as 100/1h; or "
		    "0",
		    item->name, conf_shown(args->text).text);
		return;
	}
	*rate = (struct hk_conf_rate){(uint32_t)most, (uint32_t)seconds};
}

void conf_print_rate(const struct conf_item *item, const void *base, struct hk_buf *out)
{
	const struct hk_conf_rate *rate = conf_member_const(item, base);

	hk_buf_addf(out, "%" PRIu32, rate->most);
	if (!rate->most)
		return;
	hk_buf_add_byte(out, '/');
	conf_time_print(out, rate->seconds);
}
