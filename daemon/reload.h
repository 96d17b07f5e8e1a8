/* SPDX-License-Identifier: MIT
 *
 * reload.h - what a reload may change, and how its end is told.
 */
#ifndef HIKYAKU_DAEMON_RELOAD_H
#define HIKYAKU_DAEMON_RELOAD_H

#include "conf/conf.h"
#include "engine/world.h"

/* reload_is_possible(old, new, why): LIMIT, with the items' names, when something differs that only
 * a restart changes. */
enum hk_status reload_is_possible(
    const struct hk_conf *old, const struct hk_conf *new_conf, struct hk_buf *why) HK_MUSTCHECK;
/* reload_log(log, status, why): one line that it worked, or one for each line of why. */
void reload_log(struct hk_log *, enum hk_status, struct hk_slice why);

#endif
