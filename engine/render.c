/* SPDX-License-Identifier: MIT
 *
 * render.c - a message as it leaves us.
 */
#include <string.h>

#include "engine/render.h"
#include "engine/utf8_address.h"

enum hk_status hk_render_init(struct hk_render *r, struct hk_arena *a, const struct hk_mail *mail,
    struct hk_disk *disk, const char *spool)
{
	*r = (struct hk_render){.mail = mail, .disk = disk, .spool = spool, .file = -1};
	hk_buf_init(&r->edited, HK_RENDER_HEAD_MAX);
	hk_buf_init(&r->head, HK_RENDER_HEAD_MAX);
	hk_buf_init(&r->converted, HK_RECODE_ROOM(HK_RENDER_CHUNK));
	return hk_header_parse(a, mail->header, &r->original);
}

void hk_render_done(struct hk_render *r)
{
	if (r->file >= 0 && r->disk)
		r->disk->ops->close(r->disk, r->file);
	r->file = -1;
	hk_buf_done(&r->edited);
	hk_buf_done(&r->head);
	hk_buf_done(&r->converted);
	hk_recode_free(r->recode);
	r->recode = NULL;
}

static enum hk_status strip(const struct hk_header *h, const char *name, struct hk_edits *edits)
{
	enum hk_status status = HK_OK;
	size_t i;

	for (i = 0; status == HK_OK && i < h->n; i++)
		if (hk_slice_eq_nocase(h->field[i].name, hk_slice_str(name)))
			status = hk_edits_remove(edits, i);
	return status;
}

enum hk_status hk_render_edit(
    struct hk_render *r, struct hk_arena *a, const struct hk_render_options *o)
{
	struct hk_edits *edits = NULL;
	enum hk_status status = HK_OK;

	if (r->mail->edits.n) {
		status = hk_edits_parse(a, r->mail->edits, &edits);
	} else {
		edits = hk_edits_new(a);
		if (!edits)
			status = a->failed;
	}
	if (status == HK_OK && o->strip_return_path)
		status = strip(&r->original, "Return-Path", edits);
	if (status == HK_OK && r->recode)
		status = hk_recode_edits(r->recode, edits);
	if (status != HK_OK)
		return status;
	hk_buf_reset(&r->edited);
	hk_edits_apply(edits, &r->original, &r->edited);
	return hk_buf_status(&r->edited);
}

/* The path between brackets; nothing that could end the line gets out, whatever the record holds. UTF-8 stands as it is
 * (RFC 6532 3.2). */
static void add_return_path(struct hk_buf *out, struct hk_slice path)
{
	bool is_utf8 = hk_utf8_is_clean(path);
	size_t i;

	hk_buf_add_str(out, "Return-Path: <");
	for (i = 0; i < path.n; i++)
		hk_buf_add_byte(out, !is_utf8 && (path.p[i] < ' ' || path.p[i] > '~') ? '?' : path.p[i]);
	hk_buf_add_str(out, ">\r\n");
}

/* " dmarc=fail" in the summary line; "" when it is not there. */
static struct hk_slice summary_word(struct hk_slice summary, struct hk_slice name)
{
	while (summary.n) {
		struct hk_slice word = hk_slice_sub(summary, 0, hk_slice_find(summary, ' '));

		if (hk_slice_starts_nocase(word, name))
			return word;
		summary = hk_slice_from(summary, word.n + 1);
	}
	return (struct hk_slice){0};
}

enum hk_status hk_render_finish(
    struct hk_render *r, const struct hk_render_options *o, struct hk_slice signature)
{
	struct hk_slice why = summary_word(r->mail->summary, HK_S("dmarc="));

	hk_buf_reset(&r->head);
	if (o->add_return_path)
		add_return_path(&r->head, r->mail->mail_from);
	hk_buf_add(&r->head, r->mail->trace);
	if (o->mark_quarantine)
		hk_buf_addf(
		    &r->head, "X-Hikyaku-Quarantine: %.*s\r\n", HK_FMT(why.n ? why : HK_S("yes")));
	/* below our own trace, so that no later change of the trace touches what is signed (S0-087)
	 */
	hk_buf_add(&r->head, signature);
	hk_buf_add(&r->head, hk_buf_slice(&r->edited));
	/* Deliberate: also where no empty line ended the header as received. It then had no body,
	 * so nothing changes. */
	hk_buf_add(&r->head, HK_S("\r\n"));
	return hk_buf_status(&r->head);
}

uint64_t hk_render_size(const struct hk_render *r)
{
	return r->head.n + (r->recode ? r->converted_size : r->mail->body_size);
}

static enum hk_status open_body(struct hk_render *r)
{
	struct hk_buf path;
	enum hk_status status;
	uint64_t id;

	/* the name is ours; a record that says otherwise must not lead us anywhere */
	if (hk_mail_id_parse(r->mail->body_file, &id) != HK_OK)
		return HK_CORRUPT;
	hk_buf_init(&path, 8192);
	hk_buf_addf(&path, "%s/body/%.*s", r->spool, HK_FMT(r->mail->body_file));
	hk_buf_add_byte(&path, 0);
	status = hk_buf_status(&path);
	if (status == HK_OK)
		status = r->disk->ops->open(r->disk, (const char *)path.p, HK_OPEN_READ, &r->file);
	hk_buf_done(&path);
	return status;
}

enum hk_status hk_render_source(struct hk_render *r, uint64_t at, void *to, size_t n, size_t *ret)
{
	const struct hk_mail *mail = r->mail;
	enum hk_status status = HK_OK;

	if (at >= mail->body_size) {
		*ret = 0;
		return HK_OK;
	}
	if (n > mail->body_size - at)
		n = (size_t)(mail->body_size - at);
	if (!mail->body_file.n) {
		struct hk_slice part = hk_slice_sub(mail->body, (size_t)at, n);

		if (part.n != n)
			return HK_CORRUPT;
		memcpy(to, part.p, n);
		*ret = n;
		return HK_OK;
	}
	if (r->file < 0)
		status = open_body(r);
	if (status == HK_OK)
		status = r->disk->ops->read(r->disk, r->file, at, to, n, ret);
	return status == HK_OK && *ret == 0 ? HK_CORRUPT : status;
}

enum hk_status hk_render_read(struct hk_render *r, uint64_t at, void *to, size_t n, size_t *ret)
{
	struct hk_slice part;

	if (at >= r->head.n)
		return hk_render_body(r, at - r->head.n, to, n, ret);
	part = hk_slice_sub(hk_buf_slice(&r->head), (size_t)at, n);
	if (part.n)
		memcpy(to, part.p, part.n);
	*ret = part.n;
	return HK_OK;
}

/* Only mail of those whom this host vouches for: what came in by a listener for our own users, and
 * our own DSNs. Mail from anyone (role mx) that merely says it is from our domain must never get
 * our signature. */
static bool is_ours(const struct hk_conf *conf, const struct hk_mail *mail)
{
	size_t i;

	if (!mail->listener.n)
		return true;
	for (i = 0; i < conf->n_listeners; i++)
		if (hk_slice_eq(conf->listener[i].name, mail->listener))
			return conf->listener[i].role != HK_ROLE_MX;
	return false;
}

const struct hk_conf_sign *hk_render_sign(const struct hk_conf *conf, const struct hk_mail *mail,
    const struct hk_header *h, struct hk_arena *a)
{
	size_t from = hk_header_find(h, HK_S("From"), 0);
	struct hk_address_list list;

	if (!conf->n_signs || !is_ours(conf, mail) || from == h->n)
		return NULL;
	if (hk_address_list_parse(a, h->field[from].value, &list) != HK_OK || !list.n)
		return NULL;
	return hk_conf_find_sign(conf, list.at[0].local, list.at[0].domain);
}
