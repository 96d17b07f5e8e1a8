/* SPDX-License-Identifier: MIT
 *
 * greylist_file.h - the greylist in the spool's folder, between two runs. A crash loses what was learnt since the start:
 * some mail is delayed once more, none is lost, so nothing is synced along the way.
 */
#ifndef HIKYAKU_IO_GREYLIST_FILE_H
#define HIKYAKU_IO_GREYLIST_FILE_H

#include "conf/conf.h"
#include "engine/greylist.h"
#include "engine/world.h"

/* hk_greylist_load(conf, log, ret): the one of the last run, or a new one; what is wrong with the file is logged. NOMEM, IO
 * (no random bytes). */
enum hk_status hk_greylist_load(const struct hk_conf *, struct hk_log *, struct hk_greylist **ret) HK_MUSTCHECK;
/* hk_greylist_save(g, conf, log): NULL allowed. */
void hk_greylist_save(struct hk_greylist *, const struct hk_conf *, struct hk_log *);

#endif
