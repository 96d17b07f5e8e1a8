/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "sim/disk_internal.h"

void hk_sim_disk_init(struct hk_sim_disk *d, enum hk_sim_profile profile, uint64_t seed)
{
	*d = (struct hk_sim_disk){.disk = {.ops = &hk_sim_disk_ops}, .profile = profile};
	hk_prng_init(&d->prng, seed);
	d->last_pending = &d->pending;
	d->n_handles = HK_SIM_HANDLES;
	d->handles = calloc(d->n_handles, sizeof *d->handles);
	if (!d->handles)
		abort();
}

void hk_sim_disk_done(struct hk_sim_disk *d)
{
	struct hk_sim_inode *inode, *next_inode;
	struct hk_sim_name *name, *next_name;
	struct hk_sim_pending *p, *next;

	for (inode = d->inodes; inode; inode = next_inode) {
		next_inode = inode->next;
		hk_sim_inode_free(inode);
	}
	for (name = d->names; name; name = next_name) {
		next_name = name->next;
		free(name);
	}
	for (p = d->pending; p; p = next) {
		next = p->next;
		free(p);
	}
	free(d->handles);
	*d = (struct hk_sim_disk){0};
}

void hk_sim_disk_kill(struct hk_sim_disk *d)
{
	struct hk_sim_inode *inode;

	for (inode = d->inodes; inode; inode = inode->next)
		inode->locked = false;
	memset(d->handles, 0, d->n_handles * sizeof *d->handles);
	d->dead = false;
	d->die_at = 0;
}

static bool is_seen(const struct hk_sim_disk *d, const struct hk_sim_inode *inode)
{
	const struct hk_sim_name *name;
	size_t i;

	for (i = 0; i < d->n_handles; i++)
		if (d->handles[i].inode == inode)
			return true;
	for (name = d->names; name; name = name->next)
		if (name->now == inode || name->durable == inode)
			return true;
	return false;
}

/* Files that nobody can see any more, and names of none. */
static void drop_unseen(struct hk_sim_disk *d)
{
	struct hk_sim_inode **at, *inode;
	struct hk_sim_name **name_at, *name;

	for (at = &d->inodes; (inode = *at);) {
		if (is_seen(d, inode)) {
			at = &inode->next;
		} else {
			*at = inode->next;
			hk_sim_inode_free(inode);
		}
	}
	for (name_at = &d->names; (name = *name_at);) {
		if (name->now || name->durable) {
			name_at = &name->next;
		} else {
			*name_at = name->next;
			free(name);
		}
	}
}

void hk_sim_disk_write_back(struct hk_sim_disk *d)
{
	struct hk_sim_inode *inode;

	hk_sim_name_settle(d, NULL, true);
	for (inode = d->inodes; inode; inode = inode->next)
		hk_sim_inode_settle(inode, &d->prng, true);
	drop_unseen(d);
}

void hk_sim_disk_cut(struct hk_sim_disk *d)
{
	struct hk_sim_inode *inode;

	hk_sim_disk_kill(d);
	d->cuts++;
	hk_sim_name_cut(d);
	drop_unseen(d);
	for (inode = d->inodes; inode; inode = inode->next)
		hk_sim_inode_cut(inode, &d->prng, d->choice);
}

void hk_sim_disk_cut_as(struct hk_sim_disk *d, uint64_t names, unsigned sectors)
{
	d->choice = &(struct hk_sim_choice){.names = names, .sectors = sectors};
	hk_sim_disk_cut(d);
	d->choice = NULL;
}

void hk_sim_disk_place(struct hk_sim_disk *d, const char *path, struct hk_slice bytes)
{
	struct hk_sim_name *name = hk_sim_name_get(d, path);
	struct hk_sim_inode *inode = calloc(1, sizeof *inode);

	if (!inode)
		abort();
	inode->next = d->inodes;
	d->inodes = inode;
	hk_sim_inode_write(inode, 0, bytes);
	hk_sim_inode_settle(inode, &d->prng, true);
	name->now = name->durable = inode;
}

void hk_sim_disk_copy_durable(const struct hk_sim_disk *d, struct hk_sim_disk *ret)
{
	const struct hk_sim_name *name;

	hk_sim_disk_init(ret, d->profile, 1);
	for (name = d->names; name; name = name->next) {
		const struct hk_sim_inode *inode = name->durable;

		if (!inode)
			continue;
		hk_sim_disk_place(ret, name->path, hk_slice_of(inode->durable.p, inode->durable.n));
		hk_sim_name_find(ret, name->path)->is_dir = inode->is_dir;
	}
	hk_sim_disk_cut(ret); /* a name whose directory is not durable goes */
}

uint8_t *hk_sim_disk_bytes(struct hk_sim_disk *d, const char *path, size_t *ret_n)
{
	struct hk_sim_inode *inode = hk_sim_name_find(d, path);

	if (!inode)
		return NULL;
	if (ret_n)
		*ret_n = inode->cache.n;
	return inode->cache.p;
}

unsigned hk_sim_disk_open_files(const struct hk_sim_disk *d)
{
	unsigned n = 0;
	size_t i;

	for (i = 0; i < d->n_handles; i++)
		n += d->handles[i].inode != NULL;
	return n;
}

unsigned hk_sim_disk_count_in(const struct hk_sim_disk *d, const char *dir)
{
	const struct hk_sim_name *name;
	unsigned n = 0;

	for (name = d->names; name; name = name->next)
		n += name->now && hk_sim_path_is_in(name->path, dir);
	return n;
}
