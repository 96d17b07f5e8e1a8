/* SPDX-License-Identifier: MIT
 *
 * door.h - clients that were accepted and are not greeted yet: how long each has waited, and who is
 * told to come back later. Time is handed in. docs/decisions/0037.
 *
 * Who comes is let in in turn. A crowd that comes at once may wait for as long as `patience` says.
 * Where somebody has been waiting without a break for as long as that, more come than can be
 * served: it is crowded, until for as long nobody was turned away. Then who waits already for a
 * tenth of it is turned away, and so is who finds as many before him as are let in at once: some
 * are served quickly, and the others hear so at once.
 */
#ifndef HIKYAKU_IO_DOOR_H
#define HIKYAKU_IO_DOOR_H

#include "io/net.h"

#define HK_DOOR_LET_IN 32 /* at each turn of the loop: so that those inside go on, too */

struct hk_door_guest {
	struct hk_door_guest *next;
	int fd;
	size_t listener; /* index in the configuration */
	struct hk_conf_socket peer;
	uint64_t came_ms;
};
struct hk_door {
	struct hk_door_guest *first, **last;
	size_t n;
	uint64_t patience; /* ms; 0: nobody is ever turned away. Set at any time */
	uint64_t empty_ms; /* when nobody waited, the last time */
	uint64_t away_ms;  /* when somebody was turned away, the last time; 0: never */
};

void hk_door_init(struct hk_door *);
/* hk_door_come(door, fd, listener, peer, now_ms): fd is the door's until it is given out. BUSY: it
 * is crowded, NOMEM: fd is still the caller's. */
enum hk_status hk_door_come(struct hk_door *, int fd, size_t listener,
    const struct hk_conf_socket *peer, uint64_t now_ms) HK_MUSTCHECK;
/* hk_door_take_late(door, now_ms): the first, when it has waited too long; NULL: it has not. To be
 * freed by the caller, as by the next. */
struct hk_door_guest *hk_door_take_late(struct hk_door *, uint64_t now_ms);
/* hk_door_take(door): the first; NULL: nobody waits. */
struct hk_door_guest *hk_door_take(struct hk_door *);

#endif
