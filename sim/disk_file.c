/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "sim/disk_internal.h"

static size_t sectors(size_t bytes)
{
	return (bytes + HK_SIM_SECTOR - 1) / HK_SIM_SECTOR;
}

static void *must(void *p)
{
	if (!p)
		abort(); /* the simulator's own memory is not part of the simulated world */
	return p;
}

void hk_sim_image_resize(struct hk_sim_inode *inode, struct hk_sim_image *image, size_t n)
{
	size_t room = image->room;

	if (n > room) {
		while (room < n)
			room = room ? room * 2 : 4096;
		image->p = must(realloc(image->p, room));
		memset(image->p + image->room, 0, room - image->room);
		if (image == &inode->cache) {
			inode->dirty = must(realloc(inode->dirty, sectors(room)));
			memset(inode->dirty + sectors(image->room), 0,
			    sectors(room) - sectors(image->room));
		}
		image->room = room;
	} else if (n < image->n) {
		memset(image->p + n, 0, image->n - n);
	}
	image->n = n;
}

static void mark(struct hk_sim_inode *inode, size_t from, size_t to)
{
	size_t i;

	for (i = from / HK_SIM_SECTOR; i < sectors(to); i++) {
		inode->n_dirty += !inode->dirty[i];
		inode->dirty[i] = 1;
	}
}

void hk_sim_inode_write(struct hk_sim_inode *inode, size_t offset, struct hk_slice s)
{
	size_t end = offset + s.n;

	if (!s.n)
		return;
	if (end > inode->cache.n)
		hk_sim_image_resize(inode, &inode->cache, end);
	memcpy(inode->cache.p + offset, s.p, s.n);
	mark(inode, offset, end);
}

void hk_sim_inode_truncate(struct hk_sim_inode *inode, size_t n)
{
	size_t old = inode->cache.n;

	hk_sim_image_resize(inode, &inode->cache, n);
	if (n > old)
		mark(inode, old, n);
}

/* One sector of the cache reaches the medium, or what was there before stays. */
static void put_sector(struct hk_sim_inode *inode, size_t i)
{
	size_t at = i * HK_SIM_SECTOR, n;

	if (at >= inode->cache.n)
		return;
	n = inode->cache.n - at < HK_SIM_SECTOR ? inode->cache.n - at : HK_SIM_SECTOR;
	if (at + n > inode->durable.n)
		hk_sim_image_resize(inode, &inode->durable, at + n);
	memcpy(inode->durable.p + at, inode->cache.p + at, n);
}

void hk_sim_inode_settle(struct hk_sim_inode *inode, struct hk_prng *prng, bool all)
{
	size_t i, n = sectors(inode->cache.room);

	if (all) /* at once, and not with each sector */
		hk_sim_image_resize(inode, &inode->durable, inode->cache.n);
	for (i = 0; inode->n_dirty && i < n; i++) {
		if (!inode->dirty[i])
			continue;
		if (all || hk_prng_coin(prng))
			put_sector(inode, i);
		inode->dirty[i] = 0;
		inode->n_dirty--;
	}
	if (inode->durable.n < inode->cache.n && hk_prng_coin(prng))
		hk_sim_image_resize(inode, &inode->durable, inode->cache.n);
}

/* A power cut: some of the dirty sectors were written, in any order; where the file had grown and
 * the data had not come, a stale block may show. Then the process sees what the medium has. */
void hk_sim_inode_cut(struct hk_sim_inode *inode, struct hk_prng *prng, const struct hk_sim_choice *choice)
{
	size_t i, n = sectors(inode->cache.room), old = inode->durable.n;
	unsigned keep = (unsigned)hk_prng_below(prng, 3) * 500000; /* none, half, all */
	bool stale = hk_prng_chance(prng, 250000);

	if (choice)
		keep = choice->sectors;
	for (i = 0; inode->n_dirty && i < n; i++) {
		if (!inode->dirty[i] || !hk_prng_chance(prng, keep))
			continue;
		put_sector(inode, i);
		inode->dirty[i] = 0;
	}
	if (inode->cache.n != inode->durable.n && hk_prng_coin(prng))
		hk_sim_image_resize(inode, &inode->durable, inode->cache.n);
	for (i = old; stale && i < inode->durable.n; i++)
		if (inode->dirty[i / HK_SIM_SECTOR])
			inode->durable.p[i] = (uint8_t)hk_prng_next(prng);
	if (n)
		memset(inode->dirty, 0, n);
	inode->n_dirty = 0;
	hk_sim_image_resize(inode, &inode->cache, inode->durable.n);
	if (inode->durable.n)
		memcpy(inode->cache.p, inode->durable.p, inode->durable.n);
}

void hk_sim_inode_free(struct hk_sim_inode *inode)
{
	free(inode->cache.p);
	free(inode->durable.p);
	free(inode->dirty);
	free(inode);
}
