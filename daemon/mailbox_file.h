/* SPDX-License-Identifier: MIT
 *
 * mailbox_file.h - the file that a configuration names as the list of its mailboxes, read.
 */
#ifndef HIKYAKU_DAEMON_MAILBOX_FILE_H
#define HIKYAKU_DAEMON_MAILBOX_FILE_H

#include "conf/conf.h"

/* mailbox_file_read(conf, out, why): appends a mailboxes item; nothing where no file is named. */
enum hk_status mailbox_file_read(const struct hk_conf *, struct hk_buf *out, struct hk_buf *why) HK_MUSTCHECK;

#endif
