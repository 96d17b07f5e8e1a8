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

#endif
