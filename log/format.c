/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <hikyaku/json.h>

#include "log/format.h"
#include "log/line.h"

/* The value at the start of *rest, up to a blank or its quote's end. */
static bool take_value(struct hk_slice *rest, struct hk_slice *ret)
{
	size_t end;

	if (rest->n && rest->p[0] == '"') {
		*rest = hk_slice_from(*rest, 1);
		end = hk_slice_find(*rest, '"');
		if (end == rest->n)
			return false;
		*ret = hk_slice_sub(*rest, 0, end);
		*rest = hk_slice_from(*rest, end + 1);
	} else {
		end = hk_slice_find(*rest, ' ');
		*ret = hk_slice_sub(*rest, 0, end);
		*rest = hk_slice_from(*rest, end);
	}
	if (rest->n && rest->p[0] != ' ')
		return false;
	while (rest->n && rest->p[0] == ' ')
		*rest = hk_slice_from(*rest, 1);
	return true;
}

size_t hk_log_fields(struct hk_slice line, struct hk_log_field ret[HK_LOG_FIELDS_MAX])
{
	size_t n = 0, end;

	while (line.n) {
		end = hk_slice_find(line, '=');
		if (n == HK_LOG_FIELDS_MAX || end == line.n || end == 0 || hk_slice_find(hk_slice_sub(line, 0, end), ' ') < end)
			return 0;
		ret[n].name = hk_slice_sub(line, 0, end);
		line = hk_slice_from(line, end + 1);
		if (!take_value(&line, &ret[n++].value))
			return 0;
	}
	return n;
}

struct hk_slice hk_log_field_find(const struct hk_log_field *field, size_t n, const char *name)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (hk_slice_eq(field[i].name, hk_slice_str(name)))
			return field[i].value;
	return (struct hk_slice){0};
}

/* A member is always of the same type: a HELO of digits stays a string. */
static bool is_number(struct hk_slice name)
{
	static const char *const names[] = {"size", "rcpts", "code", "attempt", "attempts", "port", "messages", "errors", "failures", "pid",
	    "mta", "keys", "workers", "waiting", "delay"};
	size_t i;

	for (i = 0; i < sizeof names / sizeof names[0]; i++)
		if (hk_slice_eq(name, hk_slice_str(names[i])))
			return true;
	return false;
}

static void json_field(struct hk_json_writer *w, const struct hk_log_field *field, size_t i)
{
	unsigned again = 1;
	char key[64];
	uint64_t number;
	size_t k;

	for (k = 0; k < i; k++)
		again += hk_slice_eq(field[k].name, field[i].name);
	/* a message has several signatures: dkim, dkim_2, ... */
	snprintf(key, sizeof key, again > 1 ? "%.*s_%u" : "%.*s", (int)(field[i].name.n < 40 ? field[i].name.n : 40),
	    (const char *)field[i].name.p, again);
	if (is_number(field[i].name) && hk_slice_u64(field[i].value, INT64_MAX, &number) == HK_OK)
		hk_json_int(w, key, (int64_t)number);
	else if (!is_number(field[i].name))
		hk_json_string(w, key, field[i].value);
	else
		hk_json_null(w, key);
}

static void add_json(struct hk_buf *out, const struct hk_log_stamp *s, struct hk_slice line)
{
	struct hk_log_field field[HK_LOG_FIELDS_MAX];
	size_t n = hk_log_fields(line, field), i;
	time_t seconds = (time_t)s->utc;
	struct hk_json_writer w;
	char date[32], time[64];
	struct tm t = {0};

	gmtime_r(&seconds, &t);
	strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &t);
	snprintf(time, sizeof time, "%s.%03uZ", date, s->ms % 1000);
	hk_json_begin(&w, out);
	hk_json_object(&w, NULL);
	hk_json_text(&w, "time", time);
	hk_json_text(&w, "level", s->level);
	for (i = 0; i < n; i++)
		json_field(&w, field, i);
	if (!n)
		hk_json_string(&w, "text", line);
	hk_json_close_object(&w);
	hk_buf_add_byte(out, '\n');
}

void hk_log_begin(struct hk_buf *out, const struct hk_log_stamp *s, const char *program)
{
	/* RFC 3164 4.1.2: the same words in every locale, which a library may have set */
	static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
	time_t seconds = (time_t)(s->utc + (int64_t)s->zone_minutes * 60);
	struct tm t = {0};

	if (s->priority)
		hk_buf_addf(out, "<%u>", s->priority);
	gmtime_r(&seconds, &t);
	if (!s->undated)
		hk_buf_addf(out, "%s %2d %02d:%02d:%02d ", months[t.tm_mon], t.tm_mday, t.tm_hour, t.tm_min, t.tm_sec);
	if (s->host)
		hk_buf_addf(out, "%s ", s->host);
	hk_buf_addf(out, "%s[%ld]: ", program, s->pid);
}

void hk_log_format_add(struct hk_buf *out, enum hk_log_format format, const struct hk_log_stamp *s, struct hk_slice line)
{
	if (format == HK_LOG_JSON)
		add_json(out, s, line);
	else if (format == HK_LOG_POSTFIX)
		hk_log_postfix_add(out, s, line);
	else
		hk_log_line_add(out, s->utc, s->ms, s->level, line);
}
