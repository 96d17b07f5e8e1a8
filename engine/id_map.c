/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "engine/id_map.h"

enum { ROOM_FIRST = 64 };

static size_t home(const struct hk_id_map *m, uint64_t id)
{
	/* Fibonacci hashing: the low bits of ids are counters, the high ones time */
	return (size_t)(id * UINT64_C(0x9e3779b97f4a7c15) >> 20) & (m->room - 1);
}

static uint64_t id_of(const void *value)
{
	return *(const uint64_t *)value;
}

void hk_id_map_done(struct hk_id_map *m)
{
	free(m->slot);
	*m = (struct hk_id_map){0};
}

/* The slot of id, or the empty one where it would go. */
static void **seek(const struct hk_id_map *m, uint64_t id)
{
	size_t i = home(m, id);

	while (m->slot[i] && id_of(m->slot[i]) != id)
		i = (i + 1) & (m->room - 1);
	return &m->slot[i];
}

void *hk_id_map_get(const struct hk_id_map *m, uint64_t id)
{
	return m->room ? *seek(m, id) : NULL;
}

static enum hk_status grow(struct hk_id_map *m)
{
	struct hk_id_map more = {.room = m->room ? m->room * 2 : ROOM_FIRST, .n = m->n};
	size_t i;

	more.slot = calloc(more.room, sizeof *more.slot);
	if (!more.slot)
		return HK_NOMEM;
	for (i = 0; i < m->room; i++)
		if (m->slot[i])
			*seek(&more, id_of(m->slot[i])) = m->slot[i];
	free(m->slot);
	*m = more;
	return HK_OK;
}

enum hk_status hk_id_map_put(struct hk_id_map *m, void *value)
{
	/* at most three quarters full, so a search ends soon */
	if (m->n >= m->room / 4 * 3 && grow(m) != HK_OK)
		return HK_NOMEM;
	*seek(m, id_of(value)) = value;
	m->n++;
	return HK_OK;
}

void *hk_id_map_remove(struct hk_id_map *m, uint64_t id)
{
	void **slot = m->room ? seek(m, id) : NULL;
	void *value = slot ? *slot : NULL;
	size_t hole, i;

	if (!value)
		return NULL;
	/* linear probing without tombstones: what could not be found across the hole moves into it
	 */
	hole = (size_t)(slot - m->slot);
	for (i = (hole + 1) & (m->room - 1); m->slot[i]; i = (i + 1) & (m->room - 1)) {
		size_t from_home = (i - home(m, id_of(m->slot[i]))) & (m->room - 1);

		if (from_home >= ((i - hole) & (m->room - 1))) {
			m->slot[hole] = m->slot[i];
			hole = i;
		}
	}
	m->slot[hole] = NULL;
	m->n--;
	return value;
}

void *hk_id_map_each(const struct hk_id_map *m, size_t *i)
{
	while (*i < m->room) {
		void *value = m->slot[(*i)++];

		if (value)
			return value;
	}
	return NULL;
}
