/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/disk_internal.h"

static struct hk_sim_name *look(const struct hk_sim_disk *d, const char *path)
{
	struct hk_sim_name *name;

	for (name = d->names; name; name = name->next)
		if (strcmp(name->path, path) == 0)
			return name;
	return NULL;
}

struct hk_sim_inode *hk_sim_name_find(struct hk_sim_disk *d, const char *path)
{
	struct hk_sim_name *name = look(d, path);

	return name ? name->now : NULL;
}

struct hk_sim_name *hk_sim_name_get(struct hk_sim_disk *d, const char *path)
{
	struct hk_sim_name *name = look(d, path);

	if (!name) {
		name = calloc(1, sizeof *name);
		if (!name || strlen(path) >= sizeof name->path)
			abort();
		snprintf(name->path, sizeof name->path, "%s", path);
		name->next = d->names;
		d->names = name;
	}
	return name;
}

bool hk_sim_path_is_in(const char *path, const char *dir)
{
	const char *slash = strrchr(path, '/');

	if (!slash)
		return strcmp(dir, ".") == 0;
	return strlen(dir) == (size_t)(slash - path) && strncmp(path, dir, strlen(dir)) == 0;
}

void hk_sim_name_change(
    struct hk_sim_disk *d, const char *from, const char *to, struct hk_sim_inode *inode)
{
	struct hk_sim_pending *p = calloc(1, sizeof *p);

	if (!p)
		abort();
	snprintf(p->from, sizeof p->from, "%s", from);
	snprintf(p->to, sizeof p->to, "%s", to);
	p->inode = inode;
	*d->last_pending = p;
	d->last_pending = &p->next;
	if (*from)
		hk_sim_name_get(d, from)->now = NULL;
	if (*to)
		hk_sim_name_get(d, to)->now = inode;
}

static void make_durable(struct hk_sim_disk *d, const struct hk_sim_pending *p)
{
	if (*p->from)
		hk_sim_name_get(d, p->from)->durable = NULL;
	if (*p->to)
		hk_sim_name_get(d, p->to)->durable = p->inode;
}

void hk_sim_name_settle(struct hk_sim_disk *d, const char *dir, bool all)
{
	struct hk_sim_pending **at = &d->pending, *p;

	while ((p = *at)) {
		bool ours = !dir || hk_sim_path_is_in(*p->to ? p->to : p->from, dir);

		if (ours && (all || hk_prng_coin(&d->prng))) {
			make_durable(d, p);
			*at = p->next;
			free(p);
		} else {
			at = &p->next;
		}
	}
	d->last_pending = at;
}

/* A name stands only where its directory does. */
static bool has_dir(struct hk_sim_disk *d, const char *path)
{
	char dir[HK_SIM_PATH];
	char *slash;
	struct hk_sim_name *name;

	snprintf(dir, sizeof dir, "%s", path);
	slash = strrchr(dir, '/');
	if (!slash)
		return true;
	*slash = '\0';
	name = look(d, dir);
	return !name || (name->durable &&
	                    has_dir(d, dir)); /* a directory nobody made was there from the start */
}

void hk_sim_name_cut(struct hk_sim_disk *d)
{
	struct hk_sim_pending *p, *next;
	struct hk_sim_name *name;
	size_t n = 0, keep, i = 0;
	unsigned chance = (unsigned)hk_prng_below(&d->prng, 3) * 500000;

	for (p = d->pending; p; p = p->next)
		n++;
	keep = (size_t)hk_prng_below(&d->prng, n + 1);
	for (p = d->pending; p; p = next) {
		bool stays =
		    d->profile == HK_SIM_EXT4 ? i++ < keep : hk_prng_chance(&d->prng, chance);

		next = p->next;
		if (stays)
			make_durable(d, p);
		free(p);
	}
	d->pending = NULL;
	d->last_pending = &d->pending;
	for (name = d->names; name; name = name->next)
		if (name->durable && !has_dir(d, name->path))
			name->durable = NULL;
	for (name = d->names; name; name = name->next)
		name->now = name->durable;
}
