/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "conf/key_state.h"
#include "conf/key_tables.h"
#include "daemon/bundle.h"
#include "daemon/key_sources.h"

static enum hk_status read_file(struct hk_slice path, struct hk_arena *a, size_t max,
    struct hk_buf *why, struct hk_slice *ret)
{
	int fd;
	enum hk_status status = bundle_open_file(path, why, &fd);

	if (status != HK_OK)
		return status;
	status = bundle_read(fd, a, max, ret);
	if (status != HK_OK)
		hk_buf_addf(why, "%.*s: %s", HK_FMT(path), hk_status_text(status));
	close(fd);
	return status;
}

static enum hk_status read_tables(
    const struct hk_conf *c, struct hk_arena *a, struct hk_key_items *items, struct hk_buf *why)
{
	struct hk_key_table keys, signing;
	bool is_refile;
	enum hk_status status;

	keys.file = hk_key_table_path(c->key_table, &is_refile);
	signing.file = hk_key_table_path(c->signing_table, &is_refile);
	status = read_file(keys.file, a, HK_KEY_TABLE_MAX, why, &keys.text);
	if (status == HK_OK)
		status = read_file(signing.file, a, HK_KEY_TABLE_MAX, why, &signing.text);
	if (status == HK_OK)
		status = hk_key_items_opendkim(items, &keys, &signing, is_refile);
	return status;
}

static enum hk_status read_folder(
    const struct hk_conf *c, struct hk_arena *a, struct hk_key_items *items, struct hk_buf *why)
{
	struct hk_slice path, state;
	enum hk_status status =
	    hk_arena_fmt(a, &path, "%.*s/" HK_KEY_STATE_FILE, HK_FMT(c->keys_folder));

	if (status == HK_OK)
		status = read_file(path, a, HK_KEY_STATE_MAX, why, &state);
	if (status == HK_OK)
		status = hk_key_items_folder(items, c->keys_folder, state);
	return status;
}

static enum hk_status list(
    struct hk_slice path, struct hk_arena *a, struct hk_slice *name, size_t *ret_n)
{
	char text[4096];
	struct dirent *entry;
	enum hk_status status = HK_OK;
	DIR *d;

	snprintf(text, sizeof text, "%.*s", HK_FMT(path));
	d = opendir(text);
	if (!d)
		return HK_NOTFOUND;
	for (*ret_n = 0; status == HK_OK && (entry = readdir(d)) != NULL; ++*ret_n)
		status = *ret_n < HK_KEY_TABLE_ROWS
		             ? hk_arena_dup(a, hk_slice_str(entry->d_name), &name[*ret_n])
		             : HK_LIMIT;
	closedir(d);
	return status;
}

static enum hk_status read_names(
    const struct hk_conf *c, struct hk_arena *a, struct hk_key_items *items, struct hk_buf *why)
{
	struct hk_slice *name = hk_arena_array(a, HK_KEY_TABLE_ROWS, sizeof *name);
	enum hk_status status;
	size_t n = 0;

	if (!name)
		return a->failed;
	status = list(c->rspamd_keys, a, name, &n);
	if (status == HK_NOTFOUND)
		hk_buf_addf(why, "%.*s: %s", HK_FMT(c->rspamd_keys), strerror(errno));
	return status == HK_OK ? hk_key_items_rspamd(items, c->rspamd_keys, name, n) : status;
}

/* In this order: of two sources that sign for one address the first wins. */
static const struct source {
	size_t offset; /* of the member that names it */
	const char *prefix;
	enum hk_status (*read)(
	    const struct hk_conf *, struct hk_arena *, struct hk_key_items *, struct hk_buf *);
} sources[] = {{offsetof(struct hk_conf, keys_folder), "folder", read_folder},
    {offsetof(struct hk_conf, key_table), "opendkim", read_tables},
    {offsetof(struct hk_conf, rspamd_keys), "rspamd", read_names}};

static enum hk_status read_source(const struct source *from, const struct hk_conf *c,
    struct hk_buf *out, struct hk_buf *why)
{
	size_t before = why->n;
	struct hk_key_items items;
	enum hk_status status;
	struct hk_arena a;

	hk_arena_init(&a, HK_KEY_STATE_MAX + 2 * HK_KEY_TABLE_MAX);
	hk_key_items_init(&items, from->prefix);
	status = from->read(c, &a, &items, why);
	if (status == HK_OK && items.problems.n) {
		hk_buf_add(why, hk_buf_slice(&items.problems));
		status = HK_SYNTAX;
	}
	if (status == HK_OK)
		hk_buf_add(out, hk_buf_slice(&items.text));
	else if (why->n == before)
		hk_buf_addf(why, "keys of the %s: %s", from->prefix, hk_status_text(status));
	hk_key_items_done(&items);
	hk_arena_done(&a);
	return status;
}

enum hk_status key_sources_read(const struct hk_conf *c, struct hk_buf *out, struct hk_buf *why)
{
	enum hk_status status = HK_OK;
	size_t i;

	for (i = 0; status == HK_OK && i < sizeof sources / sizeof sources[0]; i++) {
		const struct hk_slice *named =
		    (const struct hk_slice *)(const void *)((const char *)c + sources[i].offset);

		if (named->n)
			status = read_source(&sources[i], c, out, why);
	}
	return status == HK_OK ? hk_buf_status(out) : status;
}
