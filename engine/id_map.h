/* SPDX-License-Identifier: MIT
 *
 * id_map.h - id -> the struct that begins with it, so that a slot is a pointer and no more. Ids are our own numbers, or hashed with a secret: nobody
 * outside can choose collisions.
 */
#ifndef HIKYAKU_ENGINE_ID_MAP_H
#define HIKYAKU_ENGINE_ID_MAP_H

#include <hikyaku/base.h>

/* zeroed: empty */
struct hk_id_map {
	void **slot;    /* room of them */
	uint8_t *tag;   /* of each: a few bits of its id's hash, so that what is another's is hardly ever looked at; 0: empty */
	size_t n, room; /* room: a power of two, or 0 */
};

void hk_id_map_done(struct hk_id_map *); /* the values are the caller's */
void *hk_id_map_get(const struct hk_id_map *, uint64_t id);
/* hk_id_map_put(m, value): value's first member is its id, a uint64_t that stays as it is while it is here; it is not there yet. NOMEM. */
enum hk_status hk_id_map_put(struct hk_id_map *, void *value) HK_MUSTCHECK;
/* hk_id_map_remove(m, id): returns the value, NULL when there was none. */
void *hk_id_map_remove(struct hk_id_map *, uint64_t id);
/* for (i = 0; (v = hk_id_map_each(m, &i));): every value, in no order that matters outside. */
void *hk_id_map_each(const struct hk_id_map *, size_t *i);

#endif
