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

/* hk_utf8_cut(s, max): at most max octets of s; what is as long or longer ends before a sequence that is not whole then. */
struct hk_slice hk_utf8_cut(struct hk_slice, size_t max);
/* hk_utf8_point(s, n): the code point of the sequence of n octets that hk_utf8_length found there. */
uint32_t hk_utf8_point(struct hk_slice, size_t n);
/* True when no octet of s is over 127 (so for an empty s). */
bool hk_slice_is_ascii(struct hk_slice);
/* The number of octets at the start of s for which hk_is_graph holds; quick where there are many. */
size_t hk_slice_graph_run(struct hk_slice);
/* What a hexadecimal digit stands for, or -1; _upper: small letters are none (RFC 3461 4, RFC 6376 2.11). */
int hk_hex_value(uint8_t), hk_hex_value_upper(uint8_t);

/* hk_ip_unmap(ip): an IPv4-mapped IPv6 address becomes IPv4 (RFC 4291 2.5.5.2); others stay as they are. */
void hk_ip_unmap(struct hk_ip *);

/* hk_arena_double(a, list, &room, first, size): for a full list of room elements of that size: a copy
 * with twice the room, or, when there is none yet, room for the first ones. NULL past the limit:
 * a->failed says why, and room is as it was. */
void *hk_arena_double(struct hk_arena *, const void *list, size_t *room, size_t first, size_t size)
    HK_MUSTCHECK;

/* hk_buf_fail(b, status): as if an append had failed so, unless one has already. */
void hk_buf_fail(struct hk_buf *, enum hk_status);

/* ---- structs that begin with their size (docs/decisions/0007) ---- */

/* hk_sized_take(a, own, sizeof *own, given): own becomes what of given both sides know, zero where
 * given is shorter, and says its own size. BUG, also in a->failed (a may be NULL), when given does
 * not say its size; then own is untouched. */
enum hk_status hk_sized_take(struct hk_arena *, void *own, size_t n, const void *given) HK_MUSTCHECK;
/* hk_sized_give(ret, sizeof *own, own): the other direction; ret keeps its size, what it has beyond
 * ours becomes zero. BUG as above. */
enum hk_status hk_sized_give(void *ret, size_t n, const void *own) HK_MUSTCHECK;

#endif
