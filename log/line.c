/* SPDX-License-Identifier: MIT */
#include <time.h>

#include "log/line.h"

void hk_log_line_add(
    struct hk_buf *out, int64_t utc, unsigned ms, const char *level, struct hk_slice line)
{
	time_t seconds = (time_t)utc;
	struct tm t = {0};

	gmtime_r(&seconds, &t);
	hk_buf_addf(out, "%04d-%02d-%02dT%02d:%02d:%02d.%03uZ %s ", t.tm_year + 1900, t.tm_mon + 1,
	    t.tm_mday, t.tm_hour, t.tm_min, t.tm_sec, ms, level);
	hk_buf_add(out, line);
	hk_buf_add_byte(out, '\n');
}
