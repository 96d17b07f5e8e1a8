/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "log/target.h"

enum { FACILITY_MAIL = 2, SEVERITY_INFO = 6, NAME_MAX_OCTETS = 64 /* of a field, by journald */ };

static const struct {
	const char *name, *socket, *end; /* end: of a record in a buffer of several */
} targets[HK_LOG_TARGETS] = {
    [HK_LOG_STREAM] = {NULL, NULL, "\n"},
    [HK_LOG_SYSLOG] = {"syslog", "/dev/log", "\n"},
    [HK_LOG_JOURNALD] = {"journald", "/run/systemd/journal/socket", "\n\n"},
};

enum hk_log_target hk_log_target_parse(struct hk_slice text, struct hk_slice *ret_path)
{
	size_t colon = hk_slice_find(text, ':'), i;

	for (i = HK_LOG_STREAM + 1; i < HK_LOG_TARGETS; i++) {
		if (!hk_slice_eq(hk_slice_sub(text, 0, colon), hk_slice_str(targets[i].name)))
			continue;
		*ret_path = colon < text.n ? hk_slice_from(text, colon + 1) : hk_slice_str(targets[i].socket);
		return (enum hk_log_target)i;
	}
	*ret_path = text;
	return HK_LOG_STREAM;
}

static unsigned severity(const char *level)
{
	static const struct {
		const char *level;
		unsigned severity;
	} all[] = {{"error", 3}, {"warning", 4}, {"info", SEVERITY_INFO}, {"debug", 7}};
	size_t i;

	for (i = 0; i < sizeof all / sizeof all[0]; i++)
		if (strcmp(level, all[i].level) == 0)
			return all[i].severity;
	return SEVERITY_INFO;
}

/* ---- syslog ---- */

static void add_syslog(struct hk_buf *out, enum hk_log_format format, const struct hk_log_stamp *stamp, struct hk_slice line)
{
	struct hk_log_stamp s = *stamp;

	s.priority = FACILITY_MAIL * 8 + severity(s.level);
	s.host = NULL;
	if (format != HK_LOG_POSTFIX)
		hk_log_begin(out, &s, "hikyakud");
	if (format == HK_LOG_OWN)
		hk_buf_addf(out, "%s %.*s\n", s.level, HK_FMT(line));
	else
		hk_log_format_add(out, format, &s, line);
}

/* ---- journald ---- */

/* HIKYAKU_QUEUE_ID=...: upper-case letters, digits and "_", and no more than 64 of them, or journald leaves it out. */
static void add_field(struct hk_buf *out, const struct hk_log_field *field)
{
	static const char prefix[] = "HIKYAKU_";
	size_t i, n = field->name.n < NAME_MAX_OCTETS - sizeof prefix ? field->name.n : NAME_MAX_OCTETS - sizeof prefix;

	hk_buf_add_str(out, prefix);
	for (i = 0; i < n; i++) {
		uint8_t c = field->name.p[i];

		if (c >= 'a' && c <= 'z')
			c = (uint8_t)(c - 'a' + 'A');
		else if (!(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9'))
			c = '_';
		hk_buf_add_byte(out, c);
	}
	hk_buf_addf(out, "=%.*s\n", HK_FMT(field->value));
}

static void add_journal_record(struct hk_buf *out, const struct hk_log_stamp *s, struct hk_slice program, struct hk_slice text, struct hk_slice line)
{
	struct hk_log_field field[HK_LOG_FIELDS_MAX];
	size_t n = hk_log_fields(line, field), i;

	hk_buf_addf(out, "PRIORITY=%u\nSYSLOG_FACILITY=%d\nSYSLOG_IDENTIFIER=%.*s\nMESSAGE=%.*s\n", severity(s->level), FACILITY_MAIL,
	    HK_FMT(program), HK_FMT(text));
	for (i = 0; i < n; i++)
		add_field(out, &field[i]);
	hk_buf_add_byte(out, '\n');
}

/* Each line that Postfix would have written is a record under the name of its program; the first has the members. */
static void add_journal_postfix(struct hk_buf *out, const struct hk_log_stamp *stamp, struct hk_slice line)
{
	struct hk_log_stamp s = *stamp;
	struct hk_buf lines;
	struct hk_slice rest;

	s.host = NULL;
	s.undated = true;
	hk_buf_init(&lines, out->max);
	hk_log_postfix_add(&lines, &s, line);
	if (hk_buf_status(&lines) != HK_OK)
		out->failed = hk_buf_status(&lines);
	for (rest = hk_buf_slice(&lines); rest.n;) {
		size_t end = hk_slice_find(rest, '\n'), program = hk_slice_find(rest, '['), colon = hk_slice_find(rest, ':');

		add_journal_record(out, &s, hk_slice_sub(rest, 0, program), hk_slice_sub(rest, colon + 2, end - colon - 2), line);
		rest = hk_slice_from(rest, end + 1);
		line = (struct hk_slice){0};
	}
	hk_buf_done(&lines);
}

static void add_journal(struct hk_buf *out, enum hk_log_format format, const struct hk_log_stamp *s, struct hk_slice line)
{
	struct hk_buf text;

	if (format == HK_LOG_POSTFIX) {
		add_journal_postfix(out, s, line);
		return;
	}
	hk_buf_init(&text, out->max);
	if (format == HK_LOG_JSON)
		hk_log_format_add(&text, format, s, line);
	if (hk_buf_status(&text) != HK_OK)
		out->failed = hk_buf_status(&text);
	add_journal_record(out, s, HK_S("hikyakud"), text.n ? hk_slice_sub(hk_buf_slice(&text), 0, text.n - 1) : line, line);
	hk_buf_done(&text);
}

void hk_log_target_add(
    struct hk_buf *out, enum hk_log_target target, enum hk_log_format format, const struct hk_log_stamp *s, struct hk_slice line)
{
	if (target == HK_LOG_SYSLOG)
		add_syslog(out, format, s, line);
	else if (target == HK_LOG_JOURNALD)
		add_journal(out, format, s, line);
	else
		hk_log_format_add(out, format, s, line);
}

struct hk_slice hk_log_target_record(enum hk_log_target target, struct hk_slice s, size_t *ret_used)
{
	size_t end_n = strlen(targets[target].end), i = 0;

	while (i + end_n <= s.n && memcmp(s.p + i, targets[target].end, end_n) != 0)
		i++;
	if (i + end_n > s.n) {
		*ret_used = s.n;
		return s;
	}
	*ret_used = i + end_n;
	return hk_slice_sub(s, 0, i + end_n - 1);
}
