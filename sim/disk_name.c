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
	if (slash == path)
		return strcmp(dir, "/") == 0;
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

static bool share_name(const struct hk_sim_pending *a, const struct hk_sim_pending *b)
{
	const char *of_a[2] = {a->from, a->to}, *of_b[2] = {b->from, b->to};
	int i, j;

	for (i = 0; i < 2; i++)
		for (j = 0; j < 2; j++)
			if (*of_a[i] && strcmp(of_a[i], of_b[j]) == 0)
				return true;
	return false;
}

/* Changes of one name reach the medium in their order, whatever becomes of those of others: so one that does takes with it
 * all before it that share a name with it. Then those that stay go, and are applied. */
static void apply_chosen(struct hk_sim_disk *d)
{
	struct hk_sim_pending **at, *p, *later;
	bool is_changed = true;

	while (is_changed) {
		is_changed = false;
		for (p = d->pending; p; p = p->next) {
			for (later = p->next; later && !p->is_chosen; later = later->next)
				p->is_chosen = later->is_chosen && share_name(p, later);
			/* found late, so those before it are looked at once more */
			is_changed |= p->is_chosen && !p->was_chosen;
			p->was_chosen = p->is_chosen;
		}
	}
	for (at = &d->pending; (p = *at);) {
		if (!p->is_chosen) {
			at = &p->next;
			continue;
		}
		make_durable(d, p);
		*at = p->next;
		free(p);
	}
	d->last_pending = at;
}

void hk_sim_name_settle(struct hk_sim_disk *d, const char *dir, bool all)
{
	struct hk_sim_pending *p;

	for (p = d->pending; p; p = p->next) {
		bool ours = !dir || hk_sim_path_is_in(*p->to ? p->to : p->from, dir);

		p->is_chosen = p->was_chosen = ours && (all || hk_prng_coin(&d->prng));
	}
	apply_chosen(d);
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

unsigned hk_sim_disk_pending(const struct hk_sim_disk *d)
{
	const struct hk_sim_pending *p;
	unsigned n = 0;

	for (p = d->pending; p; p = p->next)
		n++;
	return n;
}

static bool is_told(const struct hk_sim_choice *choice, size_t i)
{
	return choice->names >> (i < 63 ? i : 63) & 1;
}

void hk_sim_name_cut(struct hk_sim_disk *d)
{
	struct hk_sim_pending *p;
	struct hk_sim_name *name;
	size_t keep, i = 0;
	unsigned chance = (unsigned)hk_prng_below(&d->prng, 3) * 500000;

	keep = (size_t)hk_prng_below(&d->prng, hk_sim_disk_pending(d) + 1u);
	for (p = d->pending; p; p = p->next)
		p->is_chosen = p->was_chosen =
		    d->choice ? is_told(d->choice, i++) : d->profile == HK_SIM_EXT4 ? i++ < keep : hk_prng_chance(&d->prng, chance);
	apply_chosen(d);
	while ((p = d->pending)) {
		d->pending = p->next;
		free(p);
	}
	d->last_pending = &d->pending;
	for (name = d->names; name; name = name->next)
		if (name->durable && !has_dir(d, name->path))
			name->durable = NULL;
	for (name = d->names; name; name = name->next)
		name->now = name->durable;
}
