/* SPDX-License-Identifier: MIT
 *
 * log_file.h - the configured log behind descriptor 2.
 */
#ifndef HIKYAKU_DAEMON_LOG_FILE_H
#define HIKYAKU_DAEMON_LOG_FILE_H

#include "conf/conf.h"

/* log_file_use(conf, why): "stderr": nothing changes. A file: opened for appending (made with mode
 * 0640), and put in the place of descriptor 2; again after it was rotated away. */
enum hk_status log_file_use(const struct hk_conf *, struct hk_buf *why) HK_MUSTCHECK;

#endif
