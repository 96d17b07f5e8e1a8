/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "io/door.h"

enum {
	CROWDED = 10
}; /* the part of its patience that who waits has where it is crowded: nobody is served late there
    */

void hk_door_init(struct hk_door *door)
{
	*door = (struct hk_door){.last = &door->first};
}

static bool is_crowded(const struct hk_door *door, uint64_t now_ms)
{
	return (door->first && now_ms - door->empty_ms > door->patience) ||
	       (door->away_ms && now_ms - door->away_ms <= door->patience);
}

enum hk_status hk_door_come(struct hk_door *door, int fd, size_t listener,
    const struct hk_conf_socket *peer, uint64_t now_ms)
{
	struct hk_door_guest *guest;

	if (door->patience && door->n >= HK_DOOR_LET_IN && is_crowded(door, now_ms)) {
		door->away_ms = now_ms;
		return HK_BUSY;
	}
	guest = malloc(sizeof *guest);
	if (!guest)
		return HK_NOMEM;
	*guest = (struct hk_door_guest){
	    .fd = fd, .listener = listener, .peer = *peer, .came_ms = now_ms};
	if (!door->first)
		door->empty_ms = now_ms;
	*door->last = guest;
	door->last = &guest->next;
	door->n++;
	return HK_OK;
}

struct hk_door_guest *hk_door_take_late(struct hk_door *door, uint64_t now_ms)
{
	uint64_t most = is_crowded(door, now_ms) ? door->patience / CROWDED : door->patience;

	if (!door->first || !door->patience || now_ms - door->first->came_ms <= most)
		return NULL;
	door->away_ms = now_ms;
	return hk_door_take(door);
}

struct hk_door_guest *hk_door_take(struct hk_door *door)
{
	struct hk_door_guest *guest = door->first;

	if (!guest)
		return NULL;
	door->first = guest->next;
	if (!door->first)
		door->last = &door->first;
	door->n--;
	return guest;
}
