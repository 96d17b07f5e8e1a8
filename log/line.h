/* SPDX-License-Identifier: MIT
 *
 * line.h - how a finished line looks: "2026-11-26T01:02:03.456Z info ev=ready pid=17\n".
 */
#ifndef HIKYAKU_LOG_LINE_H
#define HIKYAKU_LOG_LINE_H

#include "engine/world.h"

const char *hk_log_level_name(enum hk_log_level);
/* UTC, so that lines of several hosts sort (RFC 3339). line is printable already (hk_logf sees to it). */
void hk_log_line_add(struct hk_buf *out, const struct hk_now *, enum hk_log_level, struct hk_slice line);

#endif
