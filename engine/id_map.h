/* SPDX-License-Identifier: MIT
 *
 * id_map.h - queue id -> pointer. Ids are our own numbers, so nobody outside can choose collisions.
 */
#ifndef HIKYAKU_ENGINE_ID_MAP_H
#define HIKYAKU_ENGINE_ID_MAP_H

#include <hikyaku/base.h>

struct hk_id_slot {
	uint64_t id;
	void *value; /* NULL: empty */
};
/* zeroed: empty */
struct hk_id_map {
	struct hk_id_slot *slot;
	size_t n, room; /* room: a power of two, or 0 */
};

void hk_id_map_done(struct hk_id_map *); /* the values are the caller's */
void *hk_id_map_get(const struct hk_id_map *, uint64_t id);
/* hk_id_map_put(m, id, value): value is not NULL, the id is not there yet. NOMEM. */
enum hk_status hk_id_map_put(struct hk_id_map *, uint64_t id, void *value) HK_MUSTCHECK;
/* hk_id_map_remove(m, id): returns the value, NULL when there was none. */
void *hk_id_map_remove(struct hk_id_map *, uint64_t id);
/* for (i = 0; (v = hk_id_map_each(m, &i));): every value, in no order that matters outside. */
void *hk_id_map_each(const struct hk_id_map *, size_t *i);

#endif
