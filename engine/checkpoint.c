/* SPDX-License-Identifier: MIT
 *
 * checkpoint.c - the table of transactions with an id. Entries hang in a hash by their key, and in one list by age.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/checkpoint_internal.h"

struct hk_checkpoints *hk_checkpoints_new(struct hk_disk *disk, const char *spool)
{
	size_t n = strlen(spool) + 1;
	struct hk_checkpoints *c = calloc(1, sizeof *c + n);

	if (!c)
		return NULL;
	memcpy(c->spool, spool, n);
	c->disk = disk;
	pthread_mutex_init(&c->mutex, NULL);
	return c;
}

void checkpoint_clear(struct hk_checkpoints *c)
{
	struct checkpoint_entry *e, *newer;

	for (e = c->oldest; e; e = newer) {
		newer = e->newer;
		free(e);
	}
	c->oldest = c->newest = NULL;
	memset(c->bucket, 0, sizeof c->bucket);
	c->counts = (struct hk_checkpoint_counts){0};
}

void hk_checkpoints_free(struct hk_checkpoints *c)
{
	if (!c)
		return;
	checkpoint_clear(c);
	pthread_mutex_destroy(&c->mutex);
	free(c);
}

/* ---- places ------------------------------------------------------------------ */

/* The key is a digest already. */
static struct checkpoint_entry **bucket_of(struct hk_checkpoints *c, const uint8_t *key)
{
	return &c->bucket[(key[0] | (unsigned)key[1] << 8) % CHECKPOINT_BUCKETS];
}

static struct checkpoint_entry *find(struct hk_checkpoints *c, const uint8_t *key)
{
	struct checkpoint_entry *e = *bucket_of(c, key);

	while (e && memcmp(e->key, key, HK_CHECKPOINT_KEY) != 0)
		e = e->next;
	return e;
}

static void unlink_age(struct hk_checkpoints *c, struct checkpoint_entry *e)
{
	*(e->older ? &e->older->newer : &c->oldest) = e->newer;
	*(e->newer ? &e->newer->older : &c->newest) = e->older;
	e->older = e->newer = NULL;
}

static void link_newest(struct hk_checkpoints *c, struct checkpoint_entry *e, int64_t utc)
{
	e->utc = utc;
	e->older = c->newest;
	*(c->newest ? &c->newest->newer : &c->oldest) = e;
	c->newest = e;
}

static void count_in(struct hk_checkpoints *c, const struct hk_checkpoint *what)
{
	c->counts.all++;
	c->counts.done += what->kind == HK_CHECKPOINT_DONE;
	if (what->kind != HK_CHECKPOINT_PARTIAL)
		return;
	c->counts.partial++;
	c->counts.octets += what->stored;
}

static void count_out(struct hk_checkpoints *c, const struct hk_checkpoint *what)
{
	c->counts.all--;
	c->counts.done -= what->kind == HK_CHECKPOINT_DONE;
	if (what->kind != HK_CHECKPOINT_PARTIAL)
		return;
	c->counts.partial--;
	c->counts.octets -= what->stored;
}

/* Out of the table; onto `gone`, whose files go when nobody waits for the mutex. */
static void take_out(struct hk_checkpoints *c, struct checkpoint_entry *e, struct checkpoint_entry **gone)
{
	struct checkpoint_entry **at = bucket_of(c, e->key);

	while (*at != e)
		at = &(*at)->next;
	*at = e->next;
	unlink_age(c, e);
	count_out(c, &e->what);
	e->next = *gone;
	*gone = e;
}

struct hk_checkpoint checkpoint_settle(
    struct hk_checkpoints *c, struct checkpoint_entry *e, const struct hk_checkpoint *what, int64_t utc)
{
	struct hk_checkpoint before = e->what;

	count_out(c, &e->what);
	e->what = *what;
	count_in(c, &e->what);
	e->is_busy = false;
	unlink_age(c, e);
	link_newest(c, e, utc);
	return before;
}

static void remove_files(struct hk_checkpoints *c, const struct hk_checkpoint *what)
{
	if (what->kind == HK_CHECKPOINT_PARTIAL)
		hk_checkpoint_remove(c->disk, c->spool, what);
}

static void leave(struct hk_checkpoints *c, struct checkpoint_entry *gone)
{
	struct checkpoint_entry *next;

	pthread_mutex_unlock(&c->mutex);
	for (; gone; gone = next) {
		next = gone->next;
		remove_files(c, &gone->what);
		free(gone);
	}
}

/* ---- bounds ------------------------------------------------------------------- */

static void forget_old(
    struct hk_checkpoints *c, const struct hk_checkpoint_limits *limits, int64_t utc, struct checkpoint_entry **gone)
{
	struct checkpoint_entry *e, *newer;

	for (e = c->oldest; e && e->utc + (int64_t)limits->seconds <= utc; e = newer) {
		newer = e->newer;
		if (!e->is_busy)
			take_out(c, e, gone);
	}
}

static bool is_of(const struct checkpoint_entry *e, struct hk_slice client)
{
	return hk_slice_eq(hk_slice_of(e->client, e->client_n), client);
}

/* The oldest of this kind that nobody has in hand; of this client, or (NULL) of all. */
static struct checkpoint_entry *find_oldest(struct hk_checkpoints *c, enum hk_checkpoint_kind kind, const struct hk_slice *client)
{
	struct checkpoint_entry *e = c->oldest;

	while (e && (e->is_busy || e->what.kind != kind || (client && !is_of(e, *client))))
		e = e->newer;
	return e;
}

/* One that is busy lies on the disk as well, and counts. */
static void count_client(
    const struct hk_checkpoints *c, struct hk_slice client, const struct checkpoint_entry *but, struct hk_checkpoint_counts *ret)
{
	const struct checkpoint_entry *e;

	*ret = (struct hk_checkpoint_counts){0};
	for (e = c->oldest; e; e = e->newer) {
		if (e == but || e->what.kind != HK_CHECKPOINT_PARTIAL || !is_of(e, client))
			continue;
		ret->partial++;
		ret->octets += e->what.stored;
	}
}

static bool has_room(const struct hk_checkpoint_counts *used, size_t most, uint64_t octets, uint64_t more)
{
	return used->partial < most && more <= octets && used->octets <= octets - more;
}

/* So much more of this client's, in e's place, keeps within both bounds, or older ones go until it does. */
static bool make_room(struct hk_checkpoints *c, const struct checkpoint_entry *e, uint64_t more, const struct hk_checkpoint_limits *limits,
    struct checkpoint_entry **gone)
{
	struct hk_slice client = hk_slice_of(e->client, e->client_n);
	size_t most = limits->most / HK_CHECKPOINT_SHARE + (limits->most % HK_CHECKPOINT_SHARE > 0);
	struct hk_checkpoint_counts used;
	struct checkpoint_entry *old;

	for (;;) {
		count_client(c, client, e, &used);
		if (has_room(&used, most, limits->octets / HK_CHECKPOINT_SHARE, more))
			break;
		old = find_oldest(c, HK_CHECKPOINT_PARTIAL, &client);
		if (!old)
			return false;
		take_out(c, old, gone);
	}
	for (;;) {
		used = c->counts;
		if (e->what.kind == HK_CHECKPOINT_PARTIAL) {
			used.partial--;
			used.octets -= e->what.stored;
		}
		if (has_room(&used, limits->most, limits->octets, more))
			return true;
		old = find_oldest(c, HK_CHECKPOINT_PARTIAL, NULL);
		if (!old)
			return false;
		take_out(c, old, gone);
	}
}

/* ---- the calls ------------------------------------------------------------------ */

enum hk_status checkpoint_add(struct hk_checkpoints *c, const uint8_t *key, struct hk_slice client, int64_t utc, struct checkpoint_entry **gone)
{
	struct checkpoint_entry *e;

	if (c->counts.all >= HK_CHECKPOINT_ALL_MAX) {
		e = find_oldest(c, HK_CHECKPOINT_DONE, NULL);
		if (!e)
			return HK_LIMIT;
		take_out(c, e, gone);
	}
	e = calloc(1, sizeof *e);
	if (!e)
		return HK_NOMEM;
	memcpy(e->key, key, HK_CHECKPOINT_KEY);
	e->client_n = (uint8_t)(client.n < sizeof e->client ? client.n : sizeof e->client);
	if (e->client_n)
		memcpy(e->client, client.p, e->client_n);
	e->is_busy = true;
	e->next = *bucket_of(c, key);
	*bucket_of(c, key) = e;
	link_newest(c, e, utc);
	count_in(c, &e->what);
	return HK_OK;
}

enum hk_status hk_checkpoints_begin(struct hk_checkpoints *c, const uint8_t key[HK_CHECKPOINT_KEY], struct hk_slice client,
    const struct hk_checkpoint_limits *limits, int64_t utc, struct hk_checkpoint *ret)
{
	enum hk_status status = HK_OK;
	struct checkpoint_entry *e, *gone = NULL;

	pthread_mutex_lock(&c->mutex);
	forget_old(c, limits, utc, &gone);
	e = find(c, key);
	if (!e) {
		status = checkpoint_add(c, key, client, utc, &gone);
		if (status == HK_OK)
			*ret = (struct hk_checkpoint){.kind = HK_CHECKPOINT_NEW};
	} else if (e->is_busy) {
		status = HK_BUSY;
	} else {
		e->is_busy = true;
		*ret = e->what;
	}
	leave(c, gone);
	return status;
}

bool hk_checkpoints_park(struct hk_checkpoints *c, const uint8_t key[HK_CHECKPOINT_KEY], const struct hk_checkpoint *part,
    const struct hk_checkpoint_limits *limits, int64_t utc)
{
	struct hk_checkpoint before = {0};
	struct checkpoint_entry *e, *gone = NULL;
	bool is_kept = false;

	pthread_mutex_lock(&c->mutex);
	forget_old(c, limits, utc, &gone);
	e = find(c, key);
	if (e)
		is_kept = make_room(c, e, part->stored, limits, &gone);
	if (is_kept) {
		before = checkpoint_settle(c, e, part, utc);
	} else {
		before = *part;
		if (e)
			take_out(c, e, &gone);
	}
	leave(c, gone);
	remove_files(c, &before);
	return is_kept;
}

void hk_checkpoints_done(
    struct hk_checkpoints *c, const uint8_t key[HK_CHECKPOINT_KEY], const struct hk_checkpoint *done, int64_t utc)
{
	struct hk_checkpoint before = {0};
	struct checkpoint_entry *e;

	pthread_mutex_lock(&c->mutex);
	e = find(c, key);
	if (e)
		before = checkpoint_settle(c, e, done, utc);
	leave(c, NULL);
	remove_files(c, &before);
}

void hk_checkpoints_end(struct hk_checkpoints *c, const uint8_t key[HK_CHECKPOINT_KEY])
{
	struct checkpoint_entry *e, *gone = NULL;

	pthread_mutex_lock(&c->mutex);
	e = find(c, key);
	if (e)
		take_out(c, e, &gone);
	leave(c, gone);
}

void hk_checkpoints_give_back(struct hk_checkpoints *c, const uint8_t key[HK_CHECKPOINT_KEY])
{
	struct checkpoint_entry *e, *gone = NULL;

	pthread_mutex_lock(&c->mutex);
	e = find(c, key);
	if (e && e->what.kind == HK_CHECKPOINT_NEW)
		take_out(c, e, &gone);
	else if (e)
		e->is_busy = false;
	leave(c, gone);
}

void hk_checkpoints_forget(struct hk_checkpoints *c, const uint8_t key[HK_CHECKPOINT_KEY])
{
	struct checkpoint_entry *e, *gone = NULL;

	pthread_mutex_lock(&c->mutex);
	e = find(c, key);
	if (e && !e->is_busy)
		take_out(c, e, &gone);
	leave(c, gone);
}

void hk_checkpoints_count(struct hk_checkpoints *c, struct hk_checkpoint_counts *ret)
{
	pthread_mutex_lock(&c->mutex);
	*ret = c->counts;
	pthread_mutex_unlock(&c->mutex);
}
