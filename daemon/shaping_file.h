/* SPDX-License-Identifier: MIT
 *
 * shaping_file.h - the file that a configuration names as its shaping table, read.
 */
#ifndef HIKYAKU_DAEMON_SHAPING_FILE_H
#define HIKYAKU_DAEMON_SHAPING_FILE_H

#include "conf/conf.h"

/* shaping_file_read(conf, out, why): appends its shape blocks; nothing where no file is named. SYNTAX: why has the file's lines. */
enum hk_status shaping_file_read(const struct hk_conf *, struct hk_buf *out, struct hk_buf *why) HK_MUSTCHECK;

#endif
