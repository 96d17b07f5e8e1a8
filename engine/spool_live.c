/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "engine/spool_internal.h"
#include "lib/base/bug.h"

struct hk_live *hk_live_new(struct hk_spool *s, uint64_t id, uint32_t n_rcpt)
{
	size_t size;
	struct hk_live *live;

	if (!hk_add_size(sizeof *live, n_rcpt, &size))
		return NULL;
	live = calloc(1, size);
	if (!live)
		return NULL;
	live->id = id;
	live->n_rcpt = live->pending = n_rcpt;
	if (hk_id_map_put(&s->live, live) != HK_OK) {
		free(live);
		return NULL;
	}
	return live;
}

struct hk_place hk_live_place(const struct hk_spool *s, const struct hk_live *live)
{
	return (struct hk_place){live->segment, hk_spool_segment(s, live->segment)->generation, live->offset, live->length};
}

void hk_live_attach(struct hk_segment *segment, struct hk_live *live)
{
	live->before = NULL;
	live->next = segment->live;
	if (live->next)
		live->next->before = live;
	segment->live = live;
	segment->live_bytes += live->length;
}

void hk_live_detach(struct hk_spool *s, struct hk_live *live)
{
	struct hk_segment *segment = hk_spool_segment(s, live->segment);

	if (live->next)
		live->next->before = live->before;
	if (live->before)
		live->before->next = live->next;
	else
		segment->live = live->next;
	segment->live_bytes -= live->length;
}

void hk_body_remove(struct hk_spool *s, uint64_t id)
{
	char name[HK_MAIL_ID_TEXT];
	struct hk_spool_path dir, path;

	hk_mail_id_format(id, name);
	dir = hk_spool_path(s->dir, "body");
	path = hk_spool_path(dir.text, name);
	/* not synced: a file that comes back has no record, and recovery removes it */
	if (s->disk->ops->unlink(s->disk, path.text) != HK_OK)
		hk_logf(s->log, HK_LOG_WARNING, "spool: %s could not be removed", path.text);
}

void hk_live_free(struct hk_spool *s, struct hk_live *live)
{
	hk_id_map_remove(&s->live, live->id);
	if (live->is_committed) {
		hk_live_detach(s, live);
		if (live->has_file && !s->is_recovering && !HK_BUG(BODY_FILE_STAYS))
			hk_body_remove(s, live->id);
	}
	free(live);
}

void hk_live_doubt(struct hk_spool *s, struct hk_live *live)
{
	hk_id_map_remove(&s->live, live->id);
	live->next = s->doubtful;
	s->doubtful = live;
}

void hk_live_forget_doubtful(struct hk_spool *s, bool with_files)
{
	struct hk_live *live;

	while ((live = s->doubtful)) {
		s->doubtful = live->next;
		if (with_files)
			hk_body_remove(s, live->id);
		free(live);
	}
}

void hk_live_free_all(struct hk_spool *s)
{
	struct hk_live *live;
	size_t i = 0;

	while ((live = hk_id_map_each(&s->live, &i)))
		free(live);
	hk_id_map_done(&s->live);
}
