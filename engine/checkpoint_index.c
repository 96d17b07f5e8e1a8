/* SPDX-License-Identifier: MIT
 *
 * checkpoint_index.c - the table between two runs: <spool>/partial/index, written at the end of one and gone once the next has
 * read it. So it never tells of what a crash may have undone.
 */
#include <stdio.h>
#include <string.h>

#include "engine/checkpoint_internal.h"
#include "engine/spool_internal.h"
#include "lib/base/base_internal.h"

enum {
	ENTRY_MAX = HK_CHECKPOINT_KEY + 4 + HK_LIMITS_CLIENT_MAX + 8 + 1 + 8 * 4 + 4,
	TEXT_MAX = 12 + HK_CHECKPOINT_ALL_MAX * ENTRY_MAX,
	NAMES_ARENA = 64 * 1024 * 1024,
};
static const char magic[] = "HKC1";

static struct hk_spool_path path_of(const struct hk_checkpoints *c, const char *name)
{
	char rest[80];

	snprintf(rest, sizeof rest, "partial%s%.60s", *name ? "/" : "", name);
	return hk_spool_path(c->spool, rest);
}

/* ---- writing ---- */

static void format(const struct hk_checkpoints *c, struct hk_buf *out)
{
	const struct checkpoint_entry *e;

	hk_buf_add_str(out, magic);
	for (e = c->oldest; e; e = e->newer) {
		if (e->what.kind == HK_CHECKPOINT_NEW)
			continue;
		hk_buf_add(out, hk_slice_of(e->key, sizeof e->key));
		hk_buf_add_block(out, hk_slice_of(e->client, e->client_n));
		hk_buf_add_u64(out, (uint64_t)e->utc);
		hk_buf_add_u8(out, (uint8_t)e->what.kind);
		hk_buf_add_u64(out, e->what.id);
		hk_buf_add_u64(out, e->what.offset);
		hk_buf_add_u64(out, e->what.in_body_file);
		hk_buf_add_u64(out, e->what.stored);
		hk_buf_add_u32(out, e->what.n_rcpt);
	}
	hk_buf_add_u32(out, hk_crc32c(0, hk_buf_slice(out)));
}

static enum hk_status sync_one(struct hk_checkpoints *c, const char *name)
{
	struct hk_spool_path path = path_of(c, name);
	enum hk_status status;
	int file;

	status = c->disk->ops->open(c->disk, path.text, HK_OPEN_WRITE, &file);
	if (status != HK_OK)
		return status;
	status = c->disk->ops->sync(c->disk, file);
	c->disk->ops->close(c->disk, file);
	return status;
}

/* What the index names has to be there as it says, also when the power goes before the next start. */
static enum hk_status sync_all(struct hk_checkpoints *c)
{
	const struct checkpoint_entry *e;
	enum hk_status status = HK_OK;
	char id[HK_MAIL_ID_TEXT], name[32];

	for (e = c->oldest; status == HK_OK && e; e = e->newer) {
		if (e->what.kind != HK_CHECKPOINT_PARTIAL)
			continue;
		hk_mail_id_format(e->what.id, id);
		status = sync_one(c, id);
		snprintf(name, sizeof name, "%s.body", id);
		if (status == HK_OK && e->what.in_body_file)
			status = sync_one(c, name);
	}
	return status;
}

static enum hk_status write_index(struct hk_checkpoints *c, struct hk_slice text)
{
	struct hk_spool_path fresh = path_of(c, "index.new"), path = path_of(c, "index"), folder = path_of(c, "");
	const struct hk_disk_ops *ops = c->disk->ops;
	enum hk_status status = ops->make_dir(c->disk, folder.text);
	int file;

	if (status == HK_OK)
		status = ops->open(c->disk, fresh.text, HK_OPEN_WRITE | HK_OPEN_MAKE, &file);
	if (status != HK_OK)
		return status;
	status = ops->truncate(c->disk, file, 0);
	if (status == HK_OK)
		status = ops->write(c->disk, file, 0, text);
	if (status == HK_OK)
		status = ops->sync(c->disk, file);
	ops->close(c->disk, file);
	if (status == HK_OK)
		status = ops->rename(c->disk, fresh.text, path.text);
	return status == HK_OK ? ops->sync_dir(c->disk, folder.text) : status;
}

void hk_checkpoints_save(struct hk_checkpoints *c, struct hk_log *log)
{
	enum hk_status status;
	struct hk_buf text;

	if (!c || !(c->counts.partial + c->counts.done))
		return;
	hk_buf_init(&text, TEXT_MAX);
	format(c, &text);
	status = hk_buf_status(&text);
	if (status == HK_OK)
		status = sync_all(c);
	if (status == HK_OK)
		status = write_index(c, hk_buf_slice(&text));
	hk_buf_done(&text);
	if (status != HK_OK)
		hk_logf(log, HK_LOG_WARNING, "ev=checkpoint what=\"they cannot be kept\" status=%s", hk_status_name(status));
}

/* ---- reading ---- */

static enum hk_status read_entry(struct hk_checkpoints *c, struct hk_cursor *in)
{
	struct hk_slice key = hk_cursor_take(in, HK_CHECKPOINT_KEY), client = hk_cursor_block(in);
	int64_t utc = (int64_t)hk_cursor_u64(in);
	struct checkpoint_entry *gone = NULL;
	struct hk_checkpoint what = {.kind = (enum hk_checkpoint_kind)hk_cursor_u8(in)};
	enum hk_status status;

	what.id = hk_cursor_u64(in);
	what.offset = hk_cursor_u64(in);
	what.in_body_file = hk_cursor_u64(in);
	what.stored = hk_cursor_u64(in);
	what.n_rcpt = hk_cursor_u32(in);
	if (in->failed || client.n > HK_LIMITS_CLIENT_MAX || (what.kind != HK_CHECKPOINT_PARTIAL && what.kind != HK_CHECKPOINT_DONE) ||
	    c->counts.all >= HK_CHECKPOINT_ALL_MAX)
		return HK_CORRUPT;
	status = checkpoint_add(c, key.p, client, utc, &gone);
	if (status == HK_OK)
		checkpoint_settle(c, c->newest, &what, utc);
	return status;
}

static enum hk_status parse(struct hk_checkpoints *c, struct hk_slice text)
{
	struct hk_slice body = hk_slice_sub(text, 0, text.n < 4 ? 0 : text.n - 4);
	struct hk_cursor in = hk_cursor_of(body), end = hk_cursor_of(hk_slice_from(text, body.n));
	enum hk_status status = HK_OK;

	if (!hk_slice_eq(hk_cursor_take(&in, 4), hk_slice_str(magic)) || hk_crc32c(0, body) != hk_cursor_u32(&end))
		return HK_CORRUPT;
	while (status == HK_OK && in.rest.n)
		status = read_entry(c, &in);
	return status;
}

static enum hk_status read_index(struct hk_checkpoints *c, struct hk_buf *out)
{
	struct hk_spool_path path = path_of(c, "index");
	const struct hk_disk_ops *ops = c->disk->ops;
	uint8_t piece[4096];
	size_t n = 1;
	enum hk_status status;
	int file;

	status = ops->open(c->disk, path.text, HK_OPEN_READ, &file);
	if (status != HK_OK)
		return status;
	while (status == HK_OK && n) {
		status = ops->read(c->disk, file, out->n, piece, sizeof piece, &n);
		if (status == HK_OK)
			hk_buf_add(out, hk_slice_of(piece, n));
		if (status == HK_OK)
			status = hk_buf_status(out);
	}
	ops->close(c->disk, file);
	return status;
}

static bool is_known(const struct hk_checkpoints *c, struct hk_slice name)
{
	struct hk_slice id = hk_slice_sub(name, 0, hk_slice_find(name, '.'));
	const struct checkpoint_entry *e;
	uint64_t wanted;

	if (hk_mail_id_parse(id, &wanted) != HK_OK)
		return false;
	for (e = c->oldest; e; e = e->newer)
		if (e->what.kind == HK_CHECKPOINT_PARTIAL && e->what.id == wanted)
			return id.n == name.n || e->what.in_body_file;
	return false;
}

static void remove_others(struct hk_checkpoints *c)
{
	struct hk_spool_path folder = path_of(c, ""), path;
	struct hk_slice *name;
	struct hk_arena a;
	char text[64];
	size_t n = 0, i;

	hk_arena_init(&a, NAMES_ARENA);
	if (c->disk->ops->list(c->disk, folder.text, &a, &name, &n) != HK_OK)
		n = 0;
	for (i = 0; i < n; i++) {
		if (is_known(c, name[i]) || name[i].n >= sizeof text)
			continue;
		snprintf(text, sizeof text, "%.*s", HK_FMT(name[i]));
		path = path_of(c, text);
		(void)!c->disk->ops->unlink(c->disk, path.text);
	}
	hk_arena_done(&a);
}

enum hk_status hk_checkpoints_load(struct hk_checkpoints *c, struct hk_log *log)
{
	enum hk_status status;
	struct hk_buf text;

	hk_buf_init(&text, TEXT_MAX);
	status = read_index(c, &text);
	if (status == HK_OK)
		status = parse(c, hk_buf_slice(&text));
	hk_buf_done(&text);
	if (status == HK_NOMEM)
		return status;
	if (status != HK_OK) {
		checkpoint_clear(c);
		if (status != HK_NOTFOUND)
			hk_logf(log, HK_LOG_WARNING, "ev=checkpoint what=\"they begin anew\" status=%s", hk_status_name(status));
	}
	/* the index too: what it says is true of this start alone */
	remove_others(c);
	return HK_OK;
}
