/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "engine/spool_internal.h"

/* <spool>/VERSION: "hikyaku-spool N\n". N reads N-1; N-1 refuses N loudly. */
static const char version_prefix[] = "hikyaku-spool ";
enum { VERSION_MOST = 64 };

static enum hk_status read_version(struct hk_spool *s, uint64_t *ret_version)
{
	struct hk_spool_path path = hk_spool_path(s->dir, "VERSION");
	struct hk_slice text, prefix = hk_slice_str(version_prefix);
	uint8_t bytes[VERSION_MOST];
	enum hk_status status;
	uint64_t version;
	size_t n = 0;
	int file;

	status = s->disk->ops->open(s->disk, path.text, HK_OPEN_READ, &file);
	if (status != HK_OK)
		return status;
	status = s->disk->ops->read(s->disk, file, 0, bytes, sizeof bytes, &n);
	s->disk->ops->close(s->disk, file);
	if (status != HK_OK)
		return status;
	text = hk_slice_trim(hk_slice_of(bytes, n));
	if (!hk_slice_eq(hk_slice_sub(text, 0, prefix.n), prefix) ||
	    hk_slice_u64(hk_slice_from(text, prefix.n), UINT32_MAX, &version) != HK_OK) {
		hk_logf(s->log, HK_LOG_ERROR, "spool: %s is not understood: \"%s\"", path.text,
		    hk_log_quote(text).text);
		return HK_CORRUPT;
	}
	if (version > HK_SPOOL_VERSION) {
		hk_logf(s->log, HK_LOG_ERROR,
		    "spool: %s says version %" PRIu64 "; this program reads up to %d", path.text,
		    version, HK_SPOOL_VERSION);
		return HK_VERSION;
	}
	*ret_version = s->version = version;
	return HK_OK;
}

static enum hk_status write_version(struct hk_spool *s)
{
	struct hk_spool_path next = hk_spool_path(s->dir, "VERSION.new"),
	                     path = hk_spool_path(s->dir, "VERSION");
	const struct hk_disk_ops *ops = s->disk->ops;
	char text[VERSION_MOST];
	enum hk_status status;
	int file;

	snprintf(text, sizeof text, "%s%d\n", version_prefix, HK_SPOOL_VERSION);
	status = ops->open(s->disk, next.text, HK_OPEN_WRITE | HK_OPEN_MAKE, &file);
	if (status != HK_OK)
		return status;
	status = ops->write(s->disk, file, 0, hk_slice_str(text));
	if (status == HK_OK)
		status = ops->sync(s->disk, file);
	ops->close(s->disk, file);
	return status == HK_OK ? ops->rename(s->disk, next.text, path.text) : status;
}

/* The directory that the spool stands in; "." for a bare name. */
static struct hk_spool_path parent_of(const char *dir)
{
	struct hk_spool_path parent;
	char *slash;

	snprintf(parent.text, sizeof parent.text, "%s", dir);
	slash = strrchr(parent.text, '/');
	if (!slash)
		snprintf(parent.text, sizeof parent.text, ".");
	else if (slash == parent.text)
		slash[1] = '\0';
	else
		*slash = '\0';
	return parent;
}

/* No VERSION is a new spool; but one with a journal is no new spool. */
enum hk_status hk_spool_check_version(struct hk_spool *s)
{
	struct hk_spool_path journal = hk_spool_path(s->dir, "journal"), parent = parent_of(s->dir);
	uint64_t version = HK_SPOOL_VERSION;
	enum hk_status status = read_version(s, &version);
	struct hk_slice *name;
	struct hk_arena a;
	size_t n = 0;

	/* an older spool is of today's version before anything new stands in it */
	if (status == HK_OK && version < HK_SPOOL_VERSION)
		return write_version(s);
	if (status != HK_NOTFOUND)
		return status;
	hk_arena_init(&a, SIZE_MAX);
	status = s->disk->ops->sync_dir(
	    s->disk, parent.text); /* so that a VERSION says that its directory is durable */
	if (status == HK_OK)
		status = s->disk->ops->make_dir(s->disk, journal.text);
	if (status == HK_OK)
		status = s->disk->ops->list(s->disk, journal.text, &a, &name, &n);
	hk_arena_done(&a);
	if (status == HK_OK && n) {
		hk_logf(s->log, HK_LOG_ERROR, "spool: %s has a journal but no VERSION", s->dir);
		return HK_CORRUPT;
	}
	return status == HK_OK ? write_version(s) : status;
}

static void remove_orphan(struct hk_spool *s, const char *dir, struct hk_slice name)
{
	struct hk_spool_path path;
	char text[HK_MAIL_ID_TEXT];

	snprintf(text, sizeof text, "%.*s", HK_FMT(name));
	path = hk_spool_path(dir, text);
	hk_logf(s->log, HK_LOG_INFO, "spool: removing %s, which no message has", path.text);
	if (s->disk->ops->unlink(s->disk, path.text) != HK_OK)
		hk_logf(s->log, HK_LOG_WARNING, "spool: %s could not be removed", path.text);
}

/* Body files of messages that never came to be, or are complete, go; a live message without its
 * file is damage. */
enum hk_status hk_spool_remove_orphans(struct hk_spool *s)
{
	struct hk_spool_path dir = hk_spool_path(s->dir, "body");
	struct hk_live *live;
	struct hk_slice *name;
	struct hk_arena a;
	enum hk_status status;
	size_t n = 0, i, with_file = 0, found = 0;
	uint64_t id;

	hk_arena_init(&a, SIZE_MAX);
	status = s->disk->ops->list(s->disk, dir.text, &a, &name, &n);
	for (i = 0; status == HK_OK && i < n; i++) {
		if (hk_mail_id_parse(name[i], &id) != HK_OK)
			continue; /* not ours */
		live = hk_id_map_get(&s->live, id);
		if (live && live->has_file)
			found++;
		else
			remove_orphan(s, dir.text, name[i]);
	}
	hk_arena_done(&a);
	for (i = 0; (live = hk_id_map_each(&s->live, &i));)
		with_file += live->has_file;
	if (status == HK_OK && found != with_file) {
		hk_logf(s->log, HK_LOG_ERROR,
		    "spool: %zu body files of waiting messages are missing in %s",
		    with_file - found, dir.text);
		return HK_CORRUPT;
	}
	return status;
}
