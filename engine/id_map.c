/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "engine/id_map.h"

enum { ROOM_FIRST = 64 };

/* Fibonacci hashing: the low bits of ids are counters, the high ones time. */
static uint64_t mix(uint64_t id)
{
	return id * UINT64_C(0x9e3779b97f4a7c15);
}

static size_t home(const struct hk_id_map *m, uint64_t id)
{
	return (size_t)(mix(id) >> 20) & (m->room - 1);
}

static uint8_t tag_of(uint64_t id)
{
	return (uint8_t)(mix(id) >> 57 | 0x80);
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
static size_t seek(const struct hk_id_map *m, uint64_t id)
{
	size_t i = home(m, id);
	uint8_t tag = tag_of(id);

	while (m->tag[i] && (m->tag[i] != tag || id_of(m->slot[i]) != id))
		i = (i + 1) & (m->room - 1);
	return i;
}

static void *get(const struct hk_id_map *m, size_t i)
{
	return m->tag[i] ? m->slot[i] : NULL;
}

void *hk_id_map_get(const struct hk_id_map *m, uint64_t id)
{
	return m->room ? get(m, seek(m, id)) : NULL;
}

static void put(struct hk_id_map *m, void *value)
{
	size_t i = seek(m, id_of(value));

	m->slot[i] = value;
	m->tag[i] = tag_of(id_of(value));
}

static enum hk_status grow(struct hk_id_map *m)
{
	struct hk_id_map more = {.room = m->room ? m->room * 2 : ROOM_FIRST, .n = m->n};
	size_t i;

	more.slot = malloc(more.room * (sizeof *more.slot + sizeof *more.tag));
	if (!more.slot)
		return HK_NOMEM;
	more.tag = (uint8_t *)(more.slot + more.room);
	memset(more.tag, 0, more.room);
	for (i = 0; i < m->room; i++)
		if (m->tag[i])
			put(&more, m->slot[i]);
	free(m->slot);
	*m = more;
	return HK_OK;
}

enum hk_status hk_id_map_put(struct hk_id_map *m, void *value)
{
	/* at most three quarters full, so a search ends soon */
	if (m->n >= m->room / 4 * 3 && grow(m) != HK_OK)
		return HK_NOMEM;
	put(m, value);
	m->n++;
	return HK_OK;
}

void *hk_id_map_remove(struct hk_id_map *m, uint64_t id)
{
	size_t hole = m->room ? seek(m, id) : 0, i;
	void *value = m->room ? get(m, hole) : NULL;

	if (!value)
		return NULL;
	/* linear probing without tombstones: what could not be found across the hole moves into it
	 */
	for (i = (hole + 1) & (m->room - 1); m->tag[i]; i = (i + 1) & (m->room - 1)) {
		size_t from_home = (i - home(m, id_of(m->slot[i]))) & (m->room - 1);

		if (from_home >= ((i - hole) & (m->room - 1))) {
			m->slot[hole] = m->slot[i];
			m->tag[hole] = m->tag[i];
			hole = i;
		}
	}
	m->tag[hole] = 0;
	m->n--;
	return value;
}

void *hk_id_map_each(const struct hk_id_map *m, size_t *i)
{
	while (*i < m->room) {
		void *value = get(m, (*i)++);

		if (value)
			return value;
	}
	return NULL;
}
