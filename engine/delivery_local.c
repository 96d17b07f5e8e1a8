/* SPDX-License-Identifier: MIT
 *
 * delivery_local.c - Maildir: written and synced in tmp/, linked into new/, and new/ synced.
 *
 * The name is made of the message's id and the recipient, so a second attempt after a crash finds
 * the first one's file in new/ and is done: no duplicate. Lines end as files of this system do,
 * with LF; the message has no bare CR or LF (intake refuses them, and what came as BINARYMIME is converted), so that is undone
 * without loss. A part that was no text and did not say so cannot be converted, and is not written.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "engine/delivery_internal.h"
#include "engine/user.h"

enum { PATH_ROOM = HK_CONF_PATH_MAX };

static const char not_lines[] = "The message is BINARYMIME, and cannot be converted";

/* The paths of one delivery, NUL-terminated. */
struct maildir {
	char dir[PATH_ROOM], new_dir[PATH_ROOM + 8], tmp_dir[PATH_ROOM + 8], cur_dir[PATH_ROOM + 8];
	char tmp[PATH_ROOM + 512], new_name[PATH_ROOM + 512];
};

/* As hk_user_maildir. */
static enum hk_status make_paths(struct hk_delivery *d, size_t target, struct maildir *m)
{
	enum hk_status status;
	struct hk_buf path;

	hk_buf_init(&path, sizeof m->dir - 1);
	status = hk_user_maildir(d->env.job->route, d->target[target], &path);
	if (status == HK_OK)
		memcpy(m->dir, path.p, path.n + 1);
	hk_buf_done(&path);
	if (status != HK_OK)
		return status;
	snprintf(m->new_dir, sizeof m->new_dir, "%s/new", m->dir);
	snprintf(m->tmp_dir, sizeof m->tmp_dir, "%s/tmp", m->dir);
	snprintf(m->cur_dir, sizeof m->cur_dir, "%s/cur", m->dir);
	snprintf(m->tmp, sizeof m->tmp, "%s/%lld.Q%sR%u.%.*s", m->tmp_dir,
	    (long long)d->mail.received, d->id_text, d->env.job->rcpt[target],
	    HK_FMT(delivery_conf(d)->hostname));
	snprintf(
	    m->new_name, sizeof m->new_name, "%s/%s", m->new_dir, m->tmp + strlen(m->tmp_dir) + 1);
	return HK_OK;
}

/* The directory with all above it, and its three; each new name is made durable in the directory
 * above it. */
static enum hk_status make_dirs(struct hk_disk *disk, const struct maildir *m)
{
	const char *const three[] = {m->tmp_dir, m->new_dir, m->cur_dir};
	char part[PATH_ROOM], above[PATH_ROOM] = "/";
	size_t n = strlen(m->dir), i;
	enum hk_status status = HK_OK;

	for (i = 1; i <= n && status == HK_OK; i++) {
		if (i < n && m->dir[i] != '/')
			continue;
		memcpy(part, m->dir, i);
		part[i] = 0;
		status = disk->ops->make_dir(disk, part);
		/* above what is ours we may not be allowed to sync; there nothing was new either */
		if (status == HK_OK && disk->ops->sync_dir(disk, above) != HK_OK && i == n)
			status = HK_IO;
		memcpy(above, part, i + 1);
	}
	for (i = 0; status == HK_OK && i < sizeof three / sizeof three[0]; i++)
		status = disk->ops->make_dir(disk, three[i]);
	return status == HK_OK ? disk->ops->sync_dir(disk, m->dir) : status;
}

static enum hk_status create(struct hk_disk *disk, const struct maildir *m, int *ret)
{
	unsigned flags = HK_OPEN_WRITE | HK_OPEN_CREATE;
	enum hk_status status = disk->ops->open(disk, m->tmp, flags, ret);

	if (status == HK_NOTFOUND) {
		status = make_dirs(disk, m);
		if (status == HK_OK)
			status = disk->ops->open(disk, m->tmp, flags, ret);
	}
	/* left from an attempt that did not end; no other may be under way with this name */
	if (status == HK_BUSY) {
		status = disk->ops->unlink(disk, m->tmp);
		if (status == HK_OK)
			status = disk->ops->open(disk, m->tmp, flags, ret);
	}
	return status;
}

/* CRLF to LF, in place; SYNTAX where there is a NUL, a bare CR or a bare LF. *was_cr: that the last octet before was a CR. */
static enum hk_status to_lf(uint8_t *p, size_t n, bool *was_cr, size_t *ret)
{
	size_t from, to = 0;

	for (from = 0; from < n; from++) {
		if (p[from] == '\0' || *was_cr != (p[from] == '\n'))
			return HK_SYNTAX;
		*was_cr = p[from] == '\r';
		if (!*was_cr)
			p[to++] = p[from];
	}
	*ret = to;
	return HK_OK;
}

/* *ret_error: errno of the write that failed; 0 where it is the spool that cannot be read. */
static enum hk_status write_all(struct hk_delivery *d, struct hk_render *r, int file, int *ret_error)
{
	uint8_t chunk[16 * 1024];
	uint64_t from = 0, to = 0;
	enum hk_status status;
	bool was_cr = false;
	size_t n, kept;

	for (;;) {
		status = hk_render_read(r, from, chunk, sizeof chunk, &n);
		if (status == HK_OK && !n && was_cr)
			return HK_SYNTAX;
		if (status != HK_OK || !n)
			return status;
		from += n;
		status = to_lf(chunk, n, &was_cr, &kept);
		if (status != HK_OK)
			return status;
		if (kept)
			status = d->env.disk->ops->write(
			    d->env.disk, file, to, hk_slice_of(chunk, kept));
		if (status != HK_OK) {
			*ret_error = errno;
			return status;
		}
		to += kept;
	}
}

/* *ret_error: errno of the call for the mailbox's files that failed, for what the status does not tell apart; 0 for other calls, and where
 * the message is in new/: it is not to be reported as failed any more. */
static enum hk_status store(struct hk_delivery *d, const struct maildir *m, int *ret_error)
{
	struct hk_disk *disk = d->env.disk;
	enum hk_status status;
	int file = -1;

	errno = 0; /* not every status comes with one */
	status = create(disk, m, &file);
	*ret_error = status == HK_OK ? 0 : errno;
	if (file < 0)
		return status;
	status = write_all(d, &d->render, file, ret_error);
	if (status == HK_OK) {
		status = disk->ops->sync(disk, file);
		*ret_error = status == HK_OK ? 0 : errno;
	}
	disk->ops->close(disk, file);
	if (status == HK_OK) {
		status = disk->ops->link(disk, m->tmp, m->new_name);
		*ret_error = status == HK_OK ? 0 : errno;
	}
	if (status == HK_BUSY)
		status = HK_OK; /* an earlier attempt brought it here, whole: it was linked after
		                   its sync */
	if (disk->ops->unlink(disk, m->tmp) != HK_OK)
		hk_logf(d->env.log, HK_LOG_WARNING, "qid=%s ev=tmp-left path=%s", d->id_text,
		    hk_log_value(hk_slice_str(m->tmp)).text);
	/* link alone is lost in a power cut (design 4) */
	return status == HK_OK ? disk->ops->sync_dir(disk, m->new_dir) : status;
}

/* docs/decisions/0033. The sender may read the text: where our files are is for the log alone. */
static void settle_unwritten(struct hk_delivery *d, size_t target, enum hk_status status, int error)
{
	struct hk_disk_reason said = hk_disk_why(d->env.disk, status);
	struct reason why;
	char text[160];

	hk_logf(d->env.log, HK_LOG_WARNING, "qid=%s ev=disk what=maildir status=%s why=%s", d->id_text, hk_status_name(status),
	    hk_log_value(hk_slice_str(said.text)).text);
	/* a limit of this mailbox's own, and not of the system's: a quota, or how large a file may be */
	if (error == EDQUOT || error == EFBIG) {
		snprintf(text, sizeof text, "The mailbox is full: %s", error == EDQUOT ? "Disk quota exceeded" : "File too large");
		reason_set(&why, 552, "5.2.2", "", hk_slice_str(text));
		delivery_settle(d, target, HK_RCPT_FAILED, &why);
		return;
	}
	snprintf(text, sizeof text, "The Maildir cannot be written: %s", hk_status_text(status));
	reason_set(&why, 452, status == HK_FULL ? "4.3.1" : "4.3.0", "", hk_slice_str(text));
	delivery_settle(d, target, HK_RCPT_PENDING, &why);
}

static void deliver_one(struct hk_delivery *d, size_t target)
{
	struct reason why;
	struct maildir m;
	enum hk_status status = make_paths(d, target, &m);
	int error = 0;

	if (status != HK_OK && status != HK_NOMEM) {
		reason_set(&why, 550, "5.1.1", "",
		    HK_S("The local part cannot be the name of a mailbox here"));
		delivery_settle(d, target, HK_RCPT_FAILED, &why);
		return;
	}
	if (status == HK_OK)
		status = store(d, &m, &error);
	if (status == HK_OK) {
		reason_set(&why, 250, "2.1.5", "", HK_S("Stored in the Maildir"));
		delivery_settle(d, target, HK_RCPT_DELIVERED, &why);
		return;
	}
	if (status == HK_SYNTAX) {
		reason_set(&why, 554, "5.6.3", "", hk_slice_str(not_lines));
		delivery_settle(d, target, HK_RCPT_FAILED, &why);
		return;
	}
	settle_unwritten(d, target, status, error);
}

void local_begin(struct hk_delivery *d)
{
	/* files of mail are read by lines: no BINARYMIME in them */
	enum hk_status status =
	    hk_render_convert(&d->render, d->mail.params.body == HK_BODY_BINARYMIME);

	if (status == HK_SYNTAX || status == HK_LIMIT) {
		delivery_settle_all(d, HK_RCPT_FAILED, 554, "5.6.3", not_lines);
		return;
	}
	if (status != HK_OK || hk_render_edit(&d->render, &d->arena, &d->options) != HK_OK ||
	    hk_render_finish(&d->render, &d->options, (struct hk_slice){0}) != HK_OK) {
		delivery_settle_all(
		    d, HK_RCPT_PENDING, 451, "4.3.0", "The message cannot be rendered");
		return;
	}
	d->wants |= WANT_LOCAL;
	delivery_wait(d, STEP_LOCAL, 0);
}

void hk_delivery_local_run(struct hk_delivery *d)
{
	size_t i;

	if (d->step != STEP_LOCAL)
		return;
	for (i = 0; i < d->n_targets; i++)
		deliver_one(d, i);
}
