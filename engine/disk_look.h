/* SPDX-License-Identifier: MIT
 *
 * disk_look.h - a disk over another one through which nothing can be changed. What reads a spool may do all that it does to
 * one of its own: each change succeeds, and is nowhere.
 */
#ifndef HIKYAKU_ENGINE_DISK_LOOK_H
#define HIKYAKU_ENGINE_DISK_LOOK_H

#include "engine/world.h"

struct hk_disk_look {
	struct hk_disk disk; /* first: what is handed on */
	struct hk_disk *inner;
};
/* hk_disk_look_init(l, inner): owns nothing. */
void hk_disk_look_init(struct hk_disk_look *, struct hk_disk *inner);

#endif
