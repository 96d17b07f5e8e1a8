/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/spool_internal.h"

enum {
	BATCH_MOST = 32 * 1024 * 1024,
	SEGMENT_MOST = 1024 * 1024 * 1024,
	RECOVERED_ARENA = 64 * 1024 * 1024
};

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

struct hk_spool *hk_spool_make(
    struct hk_disk *disk, const struct hk_spool_options *o, struct hk_log *log)
{
	struct hk_spool *s = calloc(1, sizeof *s);
	uint64_t batch;

	if (!s)
		return NULL;
	*s = (struct hk_spool){
	    .disk = disk, .log = log, .lock = -1, .file = -1, .sequence = 1, .is_recovering = true};
	s->dir = strdup(o->dir);
	s->space = UINT64_MAX;
	s->segment_size = o->segment_size ? o->segment_size : HK_SPOOL_SEGMENT;
	s->segment_size -= s->segment_size % HK_SPOOL_BLOCK;
	s->ahead = s->ahead_most = least(HK_SPOOL_AHEAD, s->segment_size);
	s->at_rest = least(HK_SPOOL_AT_REST, s->segment_size / 16);
	s->waste = least(HK_SPOOL_WASTE, s->segment_size / 16);
	s->is_stirred = true;
	s->reserve = least(HK_SPOOL_RESERVE, s->segment_size / 4);
	s->free_min = least(HK_SPOOL_FREE_MIN, s->segment_size);
	batch = least(o->batch_max ? o->batch_max : BATCH_MOST, s->segment_size / 2);
	/* whole blocks, so that the padding of a full batch fits as well */
	hk_buf_init(&s->batch.bytes, (size_t)(batch - batch % HK_SPOOL_BLOCK));
	hk_buf_init(&s->ops, SIZE_MAX);
	hk_buf_init(&s->index, SIZE_MAX);
	hk_arena_init(&s->mail.arena, RECOVERED_ARENA);
	if (!s->dir) {
		free(s);
		return NULL;
	}
	return s;
}

struct hk_spool_why hk_spool_why(struct hk_disk *disk, enum hk_status status)
{
	struct hk_disk_reason why = hk_disk_why(disk, status);
	struct hk_spool_why ret = {""};

	if (why.text[0])
		snprintf(ret.text, sizeof ret.text, " (%s)", why.text);
	return ret;
}

/* The lock is on a file of its own, so that it is held before anything else is looked at. */
static enum hk_status take_lock(struct hk_spool *s)
{
	struct hk_spool_path path = hk_spool_path(s->dir, "lock");
	enum hk_status status;

	status = s->disk->ops->open(
	    s->disk, path.text, HK_OPEN_READ | HK_OPEN_WRITE | HK_OPEN_MAKE, &s->lock);
	if (status != HK_OK) {
		s->lock = -1;
		return status;
	}
	return s->disk->ops->lock(s->disk, s->lock);
}

/* Every name that a kill may have left pending is made durable before anything relies on it. */
static enum hk_status make_dirs(struct hk_spool *s)
{
	static const char *const rest[] = {"journal", "body"};
	const struct hk_disk_ops *ops = s->disk->ops;
	enum hk_status status = HK_OK;
	size_t i;

	for (i = 0; status == HK_OK && i < sizeof rest / sizeof rest[0]; i++) {
		struct hk_spool_path path = hk_spool_path(s->dir, rest[i]);

		status = ops->make_dir(s->disk, path.text);
		if (status == HK_OK)
			status = ops->sync_dir(s->disk, path.text);
	}
	return status == HK_OK ? ops->sync_dir(s->disk, s->dir) : status;
}

static int by_id(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* Ids increase, so their order is the order of acceptance. */
enum hk_status hk_spool_list_recovered(struct hk_spool *s)
{
	struct hk_live *live;
	size_t i = 0;

	if (!s->live.n)
		return HK_OK;
	s->recovered = calloc(s->live.n, sizeof *s->recovered);
	if (!s->recovered)
		return HK_NOMEM;
	while ((live = hk_id_map_each(&s->live, &i)))
		s->recovered[s->n_recovered++] = live->id;
	qsort(s->recovered, s->n_recovered, sizeof *s->recovered, by_id);
	return HK_OK;
}

static enum hk_status open_all(struct hk_spool *s)
{
	enum hk_status status = s->disk->ops->make_dir(s->disk, s->dir);

	if (status == HK_OK)
		status = take_lock(s);
	if (status == HK_OK)
		status = hk_spool_check_version(s);
	if (status == HK_OK)
		status = make_dirs(s);
	if (status == HK_OK)
		status = hk_spool_recover(s);
	if (status == HK_OK)
		status = hk_spool_remove_orphans(s);
	if (status == HK_OK)
		status = hk_spool_list_recovered(s);
	return status;
}

enum hk_status hk_spool_open(struct hk_disk *disk, const struct hk_spool_options *o,
    struct hk_log *log, struct hk_spool **ret)
{
	struct hk_spool *s;
	enum hk_status status;

	if (strlen(o->dir) > HK_SPOOL_DIR_MOST || (o->segment_size && (o->segment_size < HK_SEGMENT_LEAST ||
	                                                         o->segment_size > SEGMENT_MOST)))
		return HK_LIMIT;
	s = hk_spool_make(disk, o, log);
	if (!s)
		return HK_NOMEM;
	status = open_all(s);
	if (status != HK_OK) {
		if (status != HK_BUSY) /* another process has it: the caller says so, or waits */
			hk_logf(log, HK_LOG_ERROR, "spool: %s cannot be opened: %s%s", o->dir,
			    hk_status_text(status), hk_spool_why(disk, status).text);
		hk_spool_close(s);
		return status;
	}
	s->is_recovering = false;
	if (!s->is_open && hk_segment_begin(s, 0) != HK_OK)
		hk_logf(
		    log, HK_LOG_ERROR, "spool: no mail is taken until a segment can be written");
	hk_spool_make_reserve(s);
	hk_spool_watch_space(s);
	*ret = s;
	return HK_OK;
}

void hk_spool_close(struct hk_spool *s)
{
	size_t i;

	if (!s)
		return;
	if (s->file >= 0)
		s->disk->ops->close(s->disk, s->file);
	if (s->lock >= 0)
		s->disk->ops->close(s->disk, s->lock);
	for (i = 0; i < s->n_segments; i++) {
		hk_segment_close(s, s->segment[i]);
		free(s->segment[i]);
	}
	free(s->segment);
	hk_live_free_all(s);
	hk_buf_done(&s->batch.bytes);
	hk_buf_done(&s->ops);
	hk_buf_done(&s->index);
	hk_live_forget_doubtful(s, false);
	hk_arena_done(&s->mail.arena);
	free(s->recovered);
	free(s->dir);
	free(s);
}

enum hk_status hk_spool_tell(struct hk_spool *s, uint64_t id, struct hk_spool_entry *ret)
{
	const struct hk_live *live = hk_id_map_get(&s->live, id);
	struct hk_mail *mail = &s->mail;
	enum hk_status status;
	size_t i;

	if (!live || !live->is_committed)
		return HK_NOTFOUND;
	hk_arena_done(&mail->arena);
	status = hk_spool_fetch(s, id, mail);
	if (status != HK_OK)
		return status == HK_NOTFOUND ? HK_CORRUPT : status; /* its place holds something else */
	for (i = 0; i < mail->n_rcpt; i++)
		mail->rcpt[i].outcome = live->outcome[i];
	mail->header = mail->trace = mail->edits = mail->body = (struct hk_slice){0};
	*ret = (struct hk_spool_entry){
	    .place = hk_live_place(s, live),
	    .id = live->id,
	    .received = mail->received,
	    .next_attempt = live->next_attempt,
	    .attempts = live->tries & HK_TRIES_COUNT,
	    .marks = live->tries >> 24,
	    .mail = mail,
	};
	return HK_OK;
}

/* Nothing of it is wanted any more. */
static void end_recovered(struct hk_spool *s)
{
	hk_arena_done(&s->mail.arena);
	free(s->recovered);
	s->recovered = NULL;
	s->n_recovered = s->next_recovered = 0;
}

enum hk_status hk_spool_recovered(struct hk_spool *s, struct hk_spool_entry *ret)
{
	struct hk_live *live = NULL;
	enum hk_status status;

	while (!live && s->next_recovered < s->n_recovered)
		live = hk_id_map_get(&s->live, s->recovered[s->next_recovered++]);
	if (!live) {
		end_recovered(s);
		return HK_END;
	}
	status = hk_spool_tell(s, live->id, ret);
	if (status == HK_OK)
		return HK_OK;
	hk_logf(s->log, HK_LOG_ERROR,
	    "spool: %s in segment %" PRIu32 " at offset %" PRIu64 ": a live message cannot be read%s",
	    status == HK_CORRUPT ? "damage" : "trouble", live->segment, (uint64_t)live->offset, hk_spool_why(s->disk, status).text);
	if (status != HK_CORRUPT)
		hk_spool_again(s);
	return status;
}

void hk_spool_again(struct hk_spool *s)
{
	s->next_recovered -= s->next_recovered > 0;
}

uint64_t hk_spool_last_id(const struct hk_spool *s)
{
	return s->last_id;
}

enum hk_status hk_spool_find(const struct hk_spool *s, uint64_t id, struct hk_place *ret)
{
	const struct hk_live *live = hk_id_map_get(&s->live, id);

	if (!live || !live->is_committed)
		return HK_NOTFOUND;
	*ret = hk_live_place(s, live);
	return HK_OK;
}

void hk_spool_count(const struct hk_spool *s, struct hk_spool_counts *ret)
{
	*ret = s->counts;
	ret->live = s->live.n;
}
