/* SPDX-License-Identifier: MIT
 *
 * key_sources.h - the files that a configuration names as the place of its keys, read.
 */
#ifndef HIKYAKU_DAEMON_KEY_SOURCES_H
#define HIKYAKU_DAEMON_KEY_SOURCES_H

#include "conf/conf.h"

/* key_sources_read(conf, out, why): appends key and sign items. SYNTAX: why has a line for each row
 * that has no equal here. */
enum hk_status key_sources_read(
    const struct hk_conf *, struct hk_buf *out, struct hk_buf *why) HK_MUSTCHECK;

#endif
