/* SPDX-License-Identifier: MIT
 *
 * disk.h - the world's disk, done with the kernel.
 */
#ifndef HIKYAKU_IO_DISK_H
#define HIKYAKU_IO_DISK_H

#include "engine/world.h"

/* hk_disk_kernel(): one static value without state; files are descriptors, opened with O_CLOEXEC
 * and O_NOFOLLOW. */
struct hk_disk *hk_disk_kernel(void);
/* hk_disk_is_held(path): some process has the lock of this file; asks without taking it. */
bool hk_disk_is_held(const char *path);
/* hk_disk_read_all(path, a, max, ret): a whole file; LIMIT when it is longer than max. */
enum hk_status hk_disk_read_all(
    const char *path, struct hk_arena *, size_t max, struct hk_slice *ret) HK_MUSTCHECK;

#endif
