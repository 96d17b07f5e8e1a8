/* SPDX-License-Identifier: MIT
 *
 * checkpoint_file.c - what of a message is here, in files: "HKP1", a block of recipients, then the message as far as it came.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/checkpoint.h"
#include "engine/spool_internal.h"
#include "lib/base/base_internal.h"

enum {
	PREFIX = 8,                        /* magic and the length of the block */
	ENVELOPE_MAX = 16 * 1024 * 1024,   /* 10,000 recipients with their parameters */
	RCPT_LEAST = 9,                    /* two lengths and NOTIFY */
	TAIL = 64 * 1024,                  /* a line that is longer is sent again */
};
static const char magic[] = "HKP1";

static struct hk_spool_path path_of(const char *spool, uint64_t id, const char *what)
{
	char name[64], text[HK_MAIL_ID_TEXT];

	hk_mail_id_format(id, text);
	snprintf(name, sizeof name, "partial/%s%s", text, what);
	return hk_spool_path(spool, name);
}

static struct hk_spool_path folder_of(const char *spool)
{
	return hk_spool_path(spool, "partial");
}

/* ---- writing ------------------------------------------------------------------ */

static void format_envelope(const struct hk_checkpoint_part *part, struct hk_buf *out)
{
	struct hk_buf envelope;
	size_t i;

	hk_buf_init(&envelope, ENVELOPE_MAX);
	for (i = 0; i < part->n_rcpt; i++) {
		hk_buf_add_block(&envelope, part->rcpt[i].address);
		hk_buf_add_u8(&envelope, (uint8_t)part->rcpt[i].params.notify);
		hk_buf_add_block(&envelope, part->rcpt[i].params.orcpt);
	}
	hk_buf_add_str(out, magic);
	hk_buf_add_block(out, hk_buf_slice(&envelope));
	if (hk_buf_status(&envelope) != HK_OK)
		out->failed = hk_buf_status(&envelope);
	hk_buf_done(&envelope);
}

/* One behind the last line end, or 0. */
static size_t whole_lines(struct hk_slice text)
{
	size_t lf = hk_slice_rfind(text, '\n');

	return lf < text.n ? lf + 1 : 0;
}

/* How much of a body file is whole lines. */
static enum hk_status cut_file(struct hk_disk *disk, const char *path, uint64_t size, uint64_t *ret)
{
	uint64_t from = size > TAIL ? size - TAIL : 0;
	uint8_t *tail = malloc(TAIL);
	enum hk_status status = tail ? HK_OK : HK_NOMEM;
	size_t n = 0, whole;
	int file = -1;

	if (status == HK_OK)
		status = disk->ops->open(disk, path, HK_OPEN_READ, &file);
	if (status == HK_OK) {
		status = disk->ops->read(disk, file, from, tail, (size_t)(size - from), &n);
		disk->ops->close(disk, file);
	}
	whole = status == HK_OK ? whole_lines(hk_slice_of(tail, n)) : 0;
	*ret = whole ? from + whole : 0;
	free(tail);
	return status;
}

/* What stands in memory of the message, as far as lines are whole. */
static void cut_memory(const struct hk_checkpoint_part *part, struct hk_slice ret[3])
{
	ret[0] = part->header;
	ret[1] = part->is_header_whole ? HK_S("\r\n") : (struct hk_slice){0};
	ret[2] = hk_slice_sub(part->body, 0, part->is_header_whole && !part->body_file ? whole_lines(part->body) : 0);
	if (!part->is_header_whole)
		ret[0] = hk_slice_sub(part->header, 0, whole_lines(part->header));
}

static enum hk_status create(struct hk_disk *disk, const char *spool, uint64_t id, int *ret)
{
	struct hk_spool_path path = path_of(spool, id, ""), folder = folder_of(spool);
	enum hk_status status = disk->ops->open(disk, path.text, HK_OPEN_WRITE | HK_OPEN_CREATE, ret);

	if (status == HK_NOTFOUND && disk->ops->make_dir(disk, folder.text) == HK_OK)
		status = disk->ops->open(disk, path.text, HK_OPEN_WRITE | HK_OPEN_CREATE, ret);
	return status;
}

/* The file with its recipients and so much of the message. */
static enum hk_status write_file(
    struct hk_disk *disk, const char *spool, const struct hk_checkpoint_part *part, const struct hk_slice text[3], uint64_t *ret_n)
{
	struct hk_buf prefix;
	enum hk_status status;
	uint64_t at;
	size_t i;
	int file;

	hk_buf_init(&prefix, PREFIX + ENVELOPE_MAX);
	format_envelope(part, &prefix);
	status = hk_buf_status(&prefix);
	if (status == HK_OK)
		status = create(disk, spool, part->id, &file);
	if (status != HK_OK) {
		hk_buf_done(&prefix);
		return status;
	}
	at = prefix.n;
	status = disk->ops->write(disk, file, 0, hk_buf_slice(&prefix));
	for (i = 0; status == HK_OK && i < 3; i++) {
		if (text[i].n)
			status = disk->ops->write(disk, file, at, text[i]);
		at += text[i].n;
	}
	disk->ops->close(disk, file);
	hk_buf_done(&prefix);
	*ret_n = at;
	return status;
}

enum hk_status hk_checkpoint_keep(
    struct hk_disk *disk, const char *spool, const struct hk_checkpoint_part *part, struct hk_checkpoint *ret)
{
	struct hk_checkpoint what = {.kind = HK_CHECKPOINT_PARTIAL, .id = part->id, .n_rcpt = (uint32_t)part->n_rcpt};
	struct hk_spool_path body = path_of(spool, part->id, ".body");
	enum hk_status status = HK_OK;
	struct hk_slice text[3];

	cut_memory(part, text);
	if (part->body_file)
		status = cut_file(disk, part->body_file, part->body_size, &what.in_body_file);
	what.offset = text[0].n + text[1].n + text[2].n + what.in_body_file;
	if (status == HK_OK && !what.offset)
		status = HK_NOTFOUND;
	if (status != HK_OK)
		return status;
	status = write_file(disk, spool, part, text, &what.stored);
	if (status == HK_OK && what.in_body_file)
		status = disk->ops->rename(disk, part->body_file, body.text);
	if (status != HK_OK) {
		hk_checkpoint_remove(disk, spool, &what);
		return status;
	}
	/* what is cut off lies there too */
	what.stored += what.in_body_file ? part->body_size : 0;
	*ret = what;
	return HK_OK;
}

void hk_checkpoint_remove(struct hk_disk *disk, const char *spool, const struct hk_checkpoint *what)
{
	struct hk_spool_path file = path_of(spool, what->id, ""), body = path_of(spool, what->id, ".body");

	/* what cannot be removed goes at the next start, with all that no table knows */
	(void)!disk->ops->unlink(disk, file.text);
	if (what->in_body_file)
		(void)!disk->ops->unlink(disk, body.text);
}

/* ---- reading ------------------------------------------------------------------ */

static enum hk_status read_exactly(struct hk_disk *disk, int file, uint64_t at, uint8_t *to, size_t n)
{
	size_t got = 0;
	enum hk_status status = disk->ops->read(disk, file, at, to, n, &got);

	return status == HK_OK && got != n ? HK_CORRUPT : status;
}

static enum hk_status parse_envelope(
    struct hk_slice envelope, size_t n, struct hk_arena *a, struct hk_mail_rcpt **ret)
{
	struct hk_cursor c = hk_cursor_of(envelope);
	struct hk_mail_rcpt *rcpt;
	size_t i;

	if (n == 0 || n > envelope.n / RCPT_LEAST)
		return HK_CORRUPT;
	rcpt = hk_arena_array(a, n, sizeof *rcpt);
	if (!rcpt)
		return a->failed;
	for (i = 0; i < n; i++) {
		rcpt[i] = (struct hk_mail_rcpt){.address = hk_cursor_block(&c)};
		rcpt[i].params.notify = hk_cursor_u8(&c);
		rcpt[i].params.orcpt = hk_cursor_block(&c);
	}
	*ret = rcpt;
	return c.failed || c.rest.n ? HK_CORRUPT : HK_OK;
}

static enum hk_status read_envelope(struct hk_checkpoint_reader *r, struct hk_arena *a, struct hk_mail_rcpt **ret)
{
	uint8_t prefix[PREFIX], *envelope;
	enum hk_status status = read_exactly(r->disk, r->file, 0, prefix, sizeof prefix);
	struct hk_cursor c;
	size_t n;

	if (status != HK_OK)
		return status;
	c = hk_cursor_of(hk_slice_of(prefix, sizeof prefix));
	if (!hk_slice_eq(hk_cursor_take(&c, 4), HK_S("HKP1")))
		return HK_CORRUPT;
	n = hk_cursor_u32(&c);
	if (n > ENVELOPE_MAX)
		return HK_CORRUPT;
	envelope = hk_arena_alloc(a, n + 1);
	if (!envelope)
		return a->failed;
	status = read_exactly(r->disk, r->file, PREFIX, envelope, n);
	if (status != HK_OK)
		return status;
	r->begin = PREFIX + n;
	return parse_envelope(hk_slice_of(envelope, n), r->what.n_rcpt, a, ret);
}

static enum hk_status check_size(struct hk_disk *disk, int file, uint64_t least)
{
	uint64_t size;
	enum hk_status status = disk->ops->size(disk, file, &size);

	return status == HK_OK && size < least ? HK_CORRUPT : status;
}

enum hk_status hk_checkpoint_open(struct hk_disk *disk, const char *spool, const struct hk_checkpoint *what, struct hk_arena *a,
    struct hk_checkpoint_reader *r, struct hk_mail_rcpt **ret_rcpt, size_t *ret_n)
{
	struct hk_spool_path file = path_of(spool, what->id, ""), body = path_of(spool, what->id, ".body");
	enum hk_status status;

	*r = (struct hk_checkpoint_reader){.disk = disk, .what = *what, .file = -1, .body = -1};
	status = what->in_body_file > what->offset ? HK_CORRUPT : disk->ops->open(disk, file.text, HK_OPEN_READ, &r->file);
	if (status != HK_OK)
		return status;
	status = read_envelope(r, a, ret_rcpt);
	if (status == HK_OK)
		status = check_size(disk, r->file, r->begin + what->offset - what->in_body_file);
	if (status == HK_OK && what->in_body_file)
		status = disk->ops->open(disk, body.text, HK_OPEN_READ, &r->body);
	if (status == HK_OK && what->in_body_file)
		status = check_size(disk, r->body, what->in_body_file);
	if (status == HK_OK)
		*ret_n = what->n_rcpt;
	else
		hk_checkpoint_close(r);
	return status;
}

enum hk_status hk_checkpoint_read(struct hk_checkpoint_reader *r, uint8_t *to, size_t n, size_t *ret)
{
	uint64_t in_file = r->what.offset - r->what.in_body_file;
	bool is_body = r->at >= in_file;
	uint64_t left = is_body ? r->what.offset - r->at : in_file - r->at;
	enum hk_status status = HK_OK;

	if (n > left)
		n = (size_t)left;
	if (n)
		status = is_body ? read_exactly(r->disk, r->body, r->at - in_file, to, n)
		                 : read_exactly(r->disk, r->file, r->begin + r->at, to, n);
	if (status != HK_OK)
		return status;
	r->at += n;
	*ret = n;
	return HK_OK;
}

void hk_checkpoint_close(struct hk_checkpoint_reader *r)
{
	if (r->file >= 0)
		r->disk->ops->close(r->disk, r->file);
	if (r->body >= 0)
		r->disk->ops->close(r->disk, r->body);
	r->file = r->body = -1;
}
