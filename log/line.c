/* SPDX-License-Identifier: MIT */
#include <time.h>

#include "log/line.h"

const char *hk_log_level_name(enum hk_log_level level)
{
	static const char *const names[] = {
		[HK_LOG_ERROR] = "error", [HK_LOG_WARNING] = "warning", [HK_LOG_INFO] = "info", [HK_LOG_DEBUG] = "debug",
	};

	return (size_t)level < sizeof names / sizeof names[0] ? names[level] : "?";
}

void hk_log_line_add(struct hk_buf *out, const struct hk_now *now, enum hk_log_level level, struct hk_slice line)
{
	time_t utc = (time_t)now->utc;
	struct tm t = {0};

	gmtime_r(&utc, &t);
	hk_buf_addf(out, "%04d-%02d-%02dT%02d:%02d:%02d.%03uZ %s ", t.tm_year + 1900, t.tm_mon + 1, t.tm_mday, t.tm_hour,
	    t.tm_min, t.tm_sec, now->utc_ms, hk_log_level_name(level));
	hk_buf_add(out, line);
	hk_buf_add_byte(out, '\n');
}
