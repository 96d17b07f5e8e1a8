/* SPDX-License-Identifier: MIT */
#ifndef HIKYAKU_SIM_DISK_INTERNAL_H
#define HIKYAKU_SIM_DISK_INTERNAL_H

#include "sim/disk.h"

#define HK_SIM_SECTOR 512
#define HK_SIM_HANDLES 64
#define HK_SIM_PATH    128

struct hk_sim_image {
	uint8_t *p;
	size_t n, room; /* bytes between n and room are zero */
};

struct hk_sim_inode {
	struct hk_sim_inode *next;
	struct hk_sim_image cache, durable;
	uint8_t *dirty; /* one for each sector of cache.room */
	size_t n_dirty;
	bool locked, is_dir;
};

/* A name, as the process sees it and as the medium has it. */
struct hk_sim_name {
	struct hk_sim_name *next;
	char path[HK_SIM_PATH];
	struct hk_sim_inode *now, *durable;
};

/* A change of names that no sync has covered yet: `to` becomes inode, `from` (when not empty) goes. */
struct hk_sim_pending {
	struct hk_sim_pending *next;
	char from[HK_SIM_PATH], to[HK_SIM_PATH];
	struct hk_sim_inode *inode;
	bool is_chosen, was_chosen; /* to become durable now */
};

struct hk_sim_handle {
	struct hk_sim_inode *inode; /* NULL: free */
	unsigned flags;
	bool holds_lock;
};

extern const struct hk_disk_ops hk_sim_disk_ops;

/* images and sectors: disk_file.c */
void hk_sim_image_resize(struct hk_sim_inode *, struct hk_sim_image *, size_t n);
void hk_sim_inode_write(struct hk_sim_inode *, size_t offset, struct hk_slice);
void hk_sim_inode_truncate(struct hk_sim_inode *, size_t n);
/* every dirty sector reaches the medium when `all`, else by coin; none is dirty afterwards */
void hk_sim_inode_settle(struct hk_sim_inode *, struct hk_prng *, bool all);
void hk_sim_inode_cut(struct hk_sim_inode *, struct hk_prng *, const struct hk_sim_choice *); /* NULL: by chance */
void hk_sim_inode_free(struct hk_sim_inode *);

/* names: disk_name.c */
struct hk_sim_name *hk_sim_name_get(struct hk_sim_disk *, const char *path); /* made when it is not there */
struct hk_sim_inode *hk_sim_name_find(struct hk_sim_disk *, const char *path);
void hk_sim_name_change(struct hk_sim_disk *, const char *from, const char *to, struct hk_sim_inode *);
bool hk_sim_path_is_in(const char *path, const char *dir);
/* the pending changes of dir (NULL: all) reach the medium; false: each by coin, the rest stays pending */
void hk_sim_name_settle(struct hk_sim_disk *, const char *dir, bool all);
void hk_sim_name_cut(struct hk_sim_disk *);

#endif
