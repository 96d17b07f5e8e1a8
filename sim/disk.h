/* SPDX-License-Identifier: MIT
 *
 * disk.h - a disk in memory that may do all that a real one may, and no more.
 *
 *	a file is what a process sees (cache) and what is on the medium (durable); sectors of 512 bytes are dirty in between
 *	a name is a thing of its own: create, rename and unlink are pending until their directory is synced
 *	a power cut keeps a random part of what is dirty or pending; a kill keeps all that the process saw
 *
 * Profiles: POSIX keeps any subset of pending names, and syncing a file says nothing about its name. EXT4 keeps them in
 * order, and syncing a file commits every name that is pending (measured on ext4 and XFS; security.md 2.2).
 */
#ifndef HIKYAKU_SIM_DISK_H
#define HIKYAKU_SIM_DISK_H

#include "engine/world.h"
#include "sim/prng.h"

enum hk_sim_profile { HK_SIM_POSIX, HK_SIM_EXT4 };

struct hk_sim_faults {
	unsigned sync, sync_dir, write, other; /* chances of failure per million calls */
};

struct hk_sim_choice {
	uint64_t names;
	unsigned sectors;
};
struct hk_sim_inode;
struct hk_sim_name;
struct hk_sim_pending;
struct hk_sim_disk {
	struct hk_disk disk;       /* first: the engine's view */
	enum hk_sim_profile profile;
	struct hk_prng prng;       /* its own, so that the engine's calls decide nothing outside */
	struct hk_sim_faults faults;
	uint64_t capacity;         /* bytes; 0: no end */
	uint64_t calls;            /* made so far */
	uint64_t fail_at;          /* this call fails once (1 is the first); 0: none */
	enum hk_status fail_with;
	uint64_t die_at;           /* from this call on nothing happens any more, and everything fails; 0: never */
	bool dead;
	uint64_t syncs, failed_syncs, cuts;
	const struct hk_sim_choice *choice; /* of the cut that happens now; NULL: by chance */
	struct hk_sim_inode *inodes;
	struct hk_sim_name *names;
	struct hk_sim_pending *pending, **last_pending;
	struct hk_sim_handle *handles;
	size_t n_handles;
};

void hk_sim_disk_init(struct hk_sim_disk *, enum hk_sim_profile, uint64_t seed);
void hk_sim_disk_done(struct hk_sim_disk *);
/* hk_sim_disk_kill(d): the process is gone: handles and locks; everything it saw stays. Wakes a dead disk. */
void hk_sim_disk_kill(struct hk_sim_disk *);
/* hk_sim_disk_cut(d): the power is gone as well. */
void hk_sim_disk_cut(struct hk_sim_disk *);
/* hk_sim_disk_cut_as(d, names, sectors): not by chance: of the changes of names that no sync has covered the i-th, oldest first, reaches the medium when
 * bit i of names is set (the last bit: and all behind it), and takes with it all before it that it needs; each dirty sector with this chance in a million. */
void hk_sim_disk_cut_as(struct hk_sim_disk *, uint64_t names, unsigned sectors);
/* hk_sim_disk_write_back(d): what a kernel does with a disk at rest: all that was written reaches the medium, and what was unlinked and closed is gone. */
void hk_sim_disk_write_back(struct hk_sim_disk *);
unsigned hk_sim_disk_pending(const struct hk_sim_disk *); /* such changes */
/* hk_sim_disk_copy_durable(d, ret): what the worst power cut would leave; ret is initialised here. */
void hk_sim_disk_copy_durable(const struct hk_sim_disk *, struct hk_sim_disk *ret);
unsigned hk_sim_disk_open_files(const struct hk_sim_disk *);
unsigned hk_sim_disk_count_in(const struct hk_sim_disk *, const char *dir); /* names */
/* For tests: the bytes of a file as a process sees them; NULL when there is none. *ret_n may be NULL. */
uint8_t *hk_sim_disk_bytes(struct hk_sim_disk *, const char *path, size_t *ret_n);
/* hk_sim_disk_place(d, path, bytes): puts a file there, durable at once. */
void hk_sim_disk_place(struct hk_sim_disk *, const char *path, struct hk_slice);

#endif
