/* SPDX-License-Identifier: MIT
 *
 * format.h - the forms that a finished line, "qid=ID ev=NAME name=value ...", is written in.
 *
 *	own      line.h
 *	json     {"time":"...","level":"info","qid":"...","ev":"accept","size":123,...}
 *	postfix  the lines that Postfix would write to syslog for the same: pflogsumm and fail2ban's filter read them
 */
#ifndef HIKYAKU_LOG_FORMAT_H
#define HIKYAKU_LOG_FORMAT_H

#include <hikyaku/base.h>

enum hk_log_format { HK_LOG_OWN, HK_LOG_JSON, HK_LOG_POSTFIX, HK_LOG_FORMATS };
struct hk_log_stamp {
	int64_t utc;
	unsigned ms;
	int zone_minutes; /* east of UTC: syslog's times are local */
	const char *level, *host; /* host: NULL: the reader knows it (a syslog of this host) */
	long pid;
	unsigned priority; /* syslog's: facility * 8 + severity; 0: none is said */
	bool undated;      /* the reader has a clock of its own */
};
/* hk_log_format_add(out, format, stamp, line): one line or, as Postfix, more. */
void hk_log_format_add(struct hk_buf *out, enum hk_log_format, const struct hk_log_stamp *, struct hk_slice line);

#define HK_LOG_FIELDS_MAX 64
struct hk_log_field {
	struct hk_slice name, value; /* value without its quotes */
};
/* hk_log_fields(line, ret): how many; 0: the line is no list of name=value. */
size_t hk_log_fields(struct hk_slice line, struct hk_log_field ret[HK_LOG_FIELDS_MAX]);
/* hk_log_field_find(field, n, name): its value; empty: there is none. */
struct hk_slice hk_log_field_find(const struct hk_log_field *, size_t n, const char *name);
/* hk_log_begin(out, stamp, program): "<22>Nov 26 09:00:00 mx postfix/smtpd[17]: ", without what the stamp has not. */
void hk_log_begin(struct hk_buf *out, const struct hk_log_stamp *, const char *program);
/* postfix.c */
void hk_log_postfix_add(struct hk_buf *out, const struct hk_log_stamp *, struct hk_slice line);

#endif
