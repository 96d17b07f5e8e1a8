/* SPDX-License-Identifier: MIT
 *
 * spool_dir.h - the spool's directory, made for the user that will work in it.
 */
#ifndef HIKYAKU_DAEMON_SPOOL_DIR_H
#define HIKYAKU_DAEMON_SPOOL_DIR_H

#include "daemon/privileges.h"

/* spool_dir_make(conf, who, why): 0700 and who's; one that is there already must be who's. */
enum hk_status spool_dir_make(
    const struct hk_conf *, const struct identity *who, struct hk_buf *why) HK_MUSTCHECK;

#endif
