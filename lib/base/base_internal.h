/* SPDX-License-Identifier: MIT
 *
 * Helpers of the ground floor that are no part of the public library.
 */
#ifndef HIKYAKU_BASE_INTERNAL_H
#define HIKYAKU_BASE_INTERNAL_H

#include <hikyaku/base.h>

/* The length of the well-formed UTF-8 sequence at the start of s (RFC 3629 4), or 0; s may be empty. */
size_t hk_utf8_length(struct hk_slice);
/* True when all of s is well-formed UTF-8 (so is an empty s). */
bool hk_utf8_is_valid(struct hk_slice);

/* hk_arena_double(a, list, &room, first, size): for a full list of room elements of that size: a copy
 * with twice the room, or, when there is none yet, room for the first ones. NULL past the limit:
 * a->failed says why, and room is as it was. */
void *hk_arena_double(struct hk_arena *, const void *list, size_t *room, size_t first, size_t size)
    HK_MUSTCHECK;

#endif
