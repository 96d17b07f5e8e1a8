/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "engine/spool_internal.h"
#include "lib/base/bug.h"

static void drop_oldest(struct hk_spool *s)
{
	hk_segment_close(s, s->segment[0]);
	free(s->segment[0]);
	s->n_segments--;
	memmove(s->segment, s->segment + 1, s->n_segments * sizeof s->segment[0]);
}

/* The oldest segment goes when nothing in it lives. Only the oldest: so no completion goes before
 * the message that it completes. And only one for each sync of the directory: so a crash never
 * leaves a gap in the numbers. */
void hk_spool_recycle(struct hk_spool *s)
{
	struct hk_spool_path path, spare = hk_spool_path(s->dir, "journal/spare");
	bool keeps = !s->has_spare;
	enum hk_status status;

	if (s->is_dir_in_doubt && hk_spool_sync_journal(s) != HK_OK)
		return;
	if (s->n_segments < 2 || s->segment[0]->live)
		return;
	path = hk_segment_path(s->dir, s->segment[0]->number);
	status = keeps ? s->disk->ops->rename(s->disk, path.text, spare.text)
	               : s->disk->ops->unlink(s->disk, path.text);
	if (status != HK_OK) {
		hk_logf(s->log, HK_LOG_WARNING, "spool: segment %" PRIu32 " could not be recycled",
		    s->segment[0]->number);
		return;
	}
	drop_oldest(s);
	/* before its old name is gone for good it must not be written, or recovery would find a
	 * stranger under that name */
	s->has_spare |= (HK_BUG(SPARE_TOO_SOON) || hk_spool_sync_journal(s) == HK_OK) && keeps;
}

static enum hk_status write_reserve(struct hk_spool *s, const char *path)
{
	const struct hk_disk_ops *ops = s->disk->ops;
	enum hk_status status;
	int file;

	status = ops->open(s->disk, path, HK_OPEN_WRITE | HK_OPEN_CREATE, &file);
	if (status != HK_OK)
		return status;
	status = ops->allocate(s->disk, file, s->reserve);
	if (status == HK_OK)
		status = ops->sync(s->disk, file);
	ops->close(s->disk, file);
	return status;
}

void hk_spool_make_reserve(struct hk_spool *s)
{
	struct hk_spool_path next = hk_spool_path(s->dir, "journal/reserve.new"),
	                     reserve = hk_spool_path(s->dir, "journal/reserve");
	enum hk_status status;

	if (s->has_reserve)
		return;
	status = s->disk->ops->unlink(s->disk, next.text);
	if (status != HK_OK && status != HK_NOTFOUND)
		return;
	status = write_reserve(s, next.text);
	if (status == HK_OK)
		status = s->disk->ops->rename(s->disk, next.text, reserve.text);
	if (status == HK_OK)
		s->has_reserve = true;
	else
		(void)s->disk->ops->unlink(s->disk, next.text);
}

void hk_spool_watch_space(struct hk_spool *s)
{
	uint64_t left;

	if (s->disk->ops->space(s->disk, s->dir, &left) != HK_OK)
		return;
	s->space = left;
	if (left < s->free_min && !s->is_full)
		hk_logf(s->log, HK_LOG_WARNING, "spool: %" PRIu64 " bytes free; no mail is taken",
		    left);
	if (left >= 2 * s->free_min && s->is_full)
		hk_logf(s->log, HK_LOG_INFO, "spool: %" PRIu64 " bytes free; mail is taken again",
		    left);
	s->is_full = left < s->free_min || (s->is_full && left < 2 * s->free_min);
}
