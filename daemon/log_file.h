/* SPDX-License-Identifier: MIT
 *
 * log_file.h - where the configured log goes: descriptor 2, for a file too; or a socket of the host.
 */
#ifndef HIKYAKU_DAEMON_LOG_FILE_H
#define HIKYAKU_DAEMON_LOG_FILE_H

#include "daemon/privileges.h"
#include "io/control.h"
#include "io/log.h"

/* log_file_use(conf, owner, why): a file is opened for appending (made with mode 0640), and put in the place of descriptor 2;
 * anything else: nothing changes. owner: who will have to open it again; NULL: it stays whose it is. */
enum hk_status log_file_use(const struct hk_conf *, const struct identity *owner, struct hk_buf *why) HK_MUSTCHECK;
/* log_file_again(conf, log): after it was rotated away. false: it cannot be, which is told; lines go on to where they went. */
bool log_file_again(const struct hk_conf *, struct hk_log *);

/* log_shape(sink, conf): in a process that has the configuration. */
void log_shape(struct hk_log_sink *, const struct hk_conf *);
/* log_message(conf): the same for another process; log_take(sink, m): there. Its descriptor is closed. */
struct hk_control log_message(const struct hk_conf *);
void log_take(struct hk_log_sink *, const struct hk_control *);

#endif
