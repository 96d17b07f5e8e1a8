/* SPDX-License-Identifier: MIT
 *
 * line.h - how a finished line looks: "2026-11-26T01:02:03.456Z info ev=ready pid=17\n".
 */
#ifndef HIKYAKU_LOG_LINE_H
#define HIKYAKU_LOG_LINE_H

#include <hikyaku/base.h>

/* hk_log_line_add(out, utc, ms, level, line): in UTC, so that lines of several hosts sort (RFC
 * 3339). line is printable already (hk_logf sees to it). */
void hk_log_line_add(
    struct hk_buf *out, int64_t utc, unsigned ms, const char *level, struct hk_slice line);

#endif
