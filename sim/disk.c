/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/disk_internal.h"

static struct hk_sim_disk *sim(struct hk_disk *disk)
{
	return (struct hk_sim_disk *)(void *)disk;
}

/* Counts the call and says whether it may do its work. */
static enum hk_status enter(struct hk_sim_disk *d, unsigned chance)
{
	d->calls++;
	if (d->die_at && d->calls >= d->die_at)
		d->dead = true;
	if (d->dead)
		return HK_IO;
	if (d->fail_at && d->calls == d->fail_at)
		return d->fail_with;
	return hk_prng_chance(&d->prng, chance) ? HK_IO : HK_OK;
}

static struct hk_sim_inode *make_inode(struct hk_sim_disk *d)
{
	struct hk_sim_inode *inode = calloc(1, sizeof *inode);

	if (!inode)
		abort();
	inode->next = d->inodes;
	d->inodes = inode;
	return inode;
}

static uint64_t space_used(const struct hk_sim_disk *d)
{
	const struct hk_sim_name *name;
	uint64_t used = 0;

	for (name = d->names; name; name = name->next)
		if (name->now)
			used += (name->now->cache.n + 4095) / 4096 * 4096;
	return used;
}

static bool has_room(const struct hk_sim_disk *d, const struct hk_sim_inode *inode, uint64_t end)
{
	return !d->capacity || end <= inode->cache.n ||
	       space_used(d) + (end - inode->cache.n) <= d->capacity;
}

static enum hk_status disk_open(struct hk_disk *disk, const char *path, unsigned flags, int *ret)
{
	struct hk_sim_disk *d = sim(disk);
	struct hk_sim_inode *inode = hk_sim_name_find(d, path);
	enum hk_status status = enter(d, d->faults.other);
	size_t i;

	if (status != HK_OK)
		return status;
	if (inode && ((flags & HK_OPEN_CREATE) || inode->is_dir))
		return HK_BUSY;
	if (!inode && !(flags & (HK_OPEN_CREATE | HK_OPEN_MAKE)))
		return HK_NOTFOUND;
	for (i = 0; i < d->n_handles && d->handles[i].inode; i++)
		;
	if (i == d->n_handles)
		return HK_IO;
	if (!inode) {
		inode = make_inode(d);
		hk_sim_name_change(d, "", path, inode);
	}
	d->handles[i] = (struct hk_sim_handle){.inode = inode, .flags = flags};
	*ret = (int)i;
	return HK_OK;
}

static struct hk_sim_handle *handle(struct hk_sim_disk *d, int file)
{
	if (file < 0 || (size_t)file >= d->n_handles || !d->handles[file].inode)
		abort(); /* the engine used a file that it did not open */
	return &d->handles[file];
}

static void disk_close(struct hk_disk *disk, int file)
{
	struct hk_sim_handle *h = handle(sim(disk), file);

	if (h->holds_lock)
		h->inode->locked = false;
	*h = (struct hk_sim_handle){0};
}

/* DIRECT sees what the medium has, where the cache is not dirty: a failed sync cleans without
 * writing. */
static void read_run(const struct hk_sim_handle *h, size_t offset, uint8_t *to, size_t n)
{
	const struct hk_sim_inode *inode = h->inode;
	size_t at, run, have;

	memcpy(to, inode->cache.p + offset, n);
	if (!(h->flags & HK_OPEN_DIRECT))
		return;
	for (at = 0; at < n; at += run) {
		run = HK_SIM_SECTOR - (offset + at) % HK_SIM_SECTOR;
		run = run < n - at ? run : n - at;
		if (inode->dirty[(offset + at) / HK_SIM_SECTOR])
			continue;
		have = offset + at < inode->durable.n ? inode->durable.n - offset - at : 0;
		have = have < run ? have : run;
		memset(to + at, 0, run);
		if (have)
			memcpy(to + at, inode->durable.p + offset + at, have);
	}
}

static enum hk_status disk_read(
    struct hk_disk *disk, int file, uint64_t offset, void *to, size_t n, size_t *ret)
{
	struct hk_sim_disk *d = sim(disk);
	struct hk_sim_handle *h = handle(d, file);
	enum hk_status status = enter(d, d->faults.other);

	if (status != HK_OK)
		return status;
	if (offset >= h->inode->cache.n)
		n = 0;
	else if (n > h->inode->cache.n - offset)
		n = (size_t)(h->inode->cache.n - offset);
	if (n)
		read_run(h, (size_t)offset, to, n);
	*ret = n;
	return HK_OK;
}

static enum hk_status disk_write(struct hk_disk *disk, int file, uint64_t offset, struct hk_slice s)
{
	struct hk_sim_disk *d = sim(disk);
	struct hk_sim_handle *h = handle(d, file);
	enum hk_status status = enter(d, d->faults.write);

	if (status == HK_OK && !has_room(d, h->inode, offset + s.n))
		status = HK_FULL;
	if (d->dead || !(h->flags & HK_OPEN_WRITE))
		return HK_IO;
	/* a failed write may have written a part */
	if (status != HK_OK)
		s.n = d->capacity ? 0 : (size_t)hk_prng_below(&d->prng, s.n + 1);
	hk_sim_inode_write(h->inode, (size_t)offset, s);
	return status;
}

static enum hk_status disk_size(struct hk_disk *disk, int file, uint64_t *ret)
{
	struct hk_sim_disk *d = sim(disk);
	enum hk_status status = enter(d, d->faults.other);

	if (status == HK_OK)
		*ret = handle(d, file)->inode->cache.n;
	return status;
}

static enum hk_status disk_allocate(struct hk_disk *disk, int file, uint64_t size)
{
	struct hk_sim_disk *d = sim(disk);
	struct hk_sim_inode *inode = handle(d, file)->inode;
	enum hk_status status = enter(d, d->faults.write);

	if (status != HK_OK)
		return status;
	if (!has_room(d, inode, size))
		return HK_FULL;
	if (size > inode->cache.n)
		hk_sim_inode_truncate(inode, (size_t)size);
	return HK_OK;
}

static enum hk_status disk_truncate(struct hk_disk *disk, int file, uint64_t size)
{
	struct hk_sim_disk *d = sim(disk);
	struct hk_sim_inode *inode = handle(d, file)->inode;
	enum hk_status status = enter(d, d->faults.write);

	if (status == HK_OK && !has_room(d, inode, size))
		status = HK_FULL;
	if (status == HK_OK)
		hk_sim_inode_truncate(inode, (size_t)size);
	return status;
}

static enum hk_status disk_sync(struct hk_disk *disk, int file)
{
	struct hk_sim_disk *d = sim(disk);
	struct hk_sim_inode *inode = handle(d, file)->inode;
	enum hk_status status = enter(d, d->faults.sync);

	if (d->dead)
		return HK_IO;
	d->syncs++;
	d->failed_syncs += status != HK_OK;
	/* fsyncgate: after a failure the pages count as clean, written or not */
	hk_sim_inode_settle(inode, &d->prng, status == HK_OK);
	if (status == HK_OK && d->profile == HK_SIM_EXT4)
		hk_sim_name_settle(d, NULL, true);
	return status;
}

static enum hk_status disk_sync_dir(struct hk_disk *disk, const char *path)
{
	struct hk_sim_disk *d = sim(disk);
	enum hk_status status = enter(d, d->faults.sync_dir);

	if (d->dead)
		return HK_IO;
	d->syncs++;
	d->failed_syncs += status != HK_OK;
	hk_sim_name_settle(
	    d, d->profile == HK_SIM_EXT4 && status == HK_OK ? NULL : path, status == HK_OK);
	return status;
}

static enum hk_status disk_make_dir(struct hk_disk *disk, const char *path)
{
	struct hk_sim_disk *d = sim(disk);
	enum hk_status status = enter(d, d->faults.other);
	struct hk_sim_inode *inode;

	if (status != HK_OK || hk_sim_name_find(d, path))
		return status;
	inode = make_inode(d);
	inode->is_dir = true;
	hk_sim_name_change(d, "", path, inode);
	return HK_OK;
}

/* A call on a name that has to be there. */
static enum hk_status enter_name(struct hk_sim_disk *d, const char *path)
{
	enum hk_status status = enter(d, d->faults.other);

	return status == HK_OK && !hk_sim_name_find(d, path) ? HK_NOTFOUND : status;
}

static enum hk_status disk_link(struct hk_disk *disk, const char *from, const char *to)
{
	struct hk_sim_disk *d = sim(disk);
	enum hk_status status = enter_name(d, from);

	if (status != HK_OK)
		return status;
	if (hk_sim_name_find(d, to))
		return HK_BUSY;
	hk_sim_name_change(d, "", to, hk_sim_name_find(d, from));
	return HK_OK;
}

static enum hk_status disk_rename(struct hk_disk *disk, const char *from, const char *to)
{
	struct hk_sim_disk *d = sim(disk);
	enum hk_status status = enter_name(d, from);

	if (status != HK_OK)
		return status;
	hk_sim_name_change(d, from, to, hk_sim_name_find(d, from));
	return HK_OK;
}

static enum hk_status disk_unlink(struct hk_disk *disk, const char *path)
{
	struct hk_sim_disk *d = sim(disk);
	enum hk_status status = enter_name(d, path);

	if (status != HK_OK)
		return status;
	hk_sim_name_change(d, path, "", NULL);
	return HK_OK;
}

static int by_bytes(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static enum hk_status disk_list(
    struct hk_disk *disk, const char *dir, struct hk_arena *a, struct hk_slice **ret, size_t *ret_n)
{
	struct hk_sim_disk *d = sim(disk);
	enum hk_status status = enter(d, d->faults.other);
	const struct hk_sim_name *name;
	const char **found;
	size_t n = 0, i;

	if (status != HK_OK)
		return status;
	for (name = d->names; name; name = name->next)
		n++;
	found = hk_arena_array(a, n, sizeof *found);
	*ret = hk_arena_array(a, n, sizeof **ret);
	if (!found || !*ret)
		return a->failed;
	for (n = 0, name = d->names; name; name = name->next)
		if (name->now && hk_sim_path_is_in(name->path, dir))
			found[n++] = strrchr(name->path, '/') + 1;
	qsort(found, n, sizeof *found, by_bytes);
	for (i = 0; i < n; i++)
		if (hk_arena_dup(a, hk_slice_str(found[i]), &(*ret)[i]) != HK_OK)
			return a->failed;
	*ret_n = n;
	return HK_OK;
}

static enum hk_status disk_lock(struct hk_disk *disk, int file)
{
	struct hk_sim_disk *d = sim(disk);
	struct hk_sim_handle *h = handle(d, file);
	enum hk_status status = enter(d, d->faults.other);

	if (status != HK_OK)
		return status;
	if (h->inode->locked)
		return HK_BUSY;
	h->inode->locked = h->holds_lock = true;
	return HK_OK;
}

static enum hk_status disk_find_dir(struct hk_disk *disk, const char *path)
{
	struct hk_sim_disk *d = sim(disk);
	struct hk_sim_inode *inode = hk_sim_name_find(d, path);
	enum hk_status status = enter(d, d->faults.other);

	if (status != HK_OK)
		return status;
	return inode && inode->is_dir ? HK_OK : HK_NOTFOUND;
}

static enum hk_status disk_space(struct hk_disk *disk, const char *dir, uint64_t *ret_free)
{
	struct hk_sim_disk *d = sim(disk);
	enum hk_status status = enter(d, d->faults.other);
	uint64_t used = space_used(d);

	(void)dir;
	if (status == HK_OK)
		*ret_free = !d->capacity          ? UINT64_MAX
		            : used >= d->capacity ? 0
		                                  : d->capacity - used;
	return status;
}

const struct hk_disk_ops hk_sim_disk_ops = {
    .open = disk_open,
    .close = disk_close,
    .read = disk_read,
    .write = disk_write,
    .size = disk_size,
    .allocate = disk_allocate,
    .truncate = disk_truncate,
    .sync = disk_sync,
    .sync_dir = disk_sync_dir,
    .make_dir = disk_make_dir,
    .link = disk_link,
    .rename = disk_rename,
    .unlink = disk_unlink,
    .list = disk_list,
    .lock = disk_lock,
    .find_dir = disk_find_dir,
    .space = disk_space,
};
