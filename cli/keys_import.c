/* SPDX-License-Identifier: MIT
 *
 * Tables of OpenDKIM and folders of rspamd, read as they stand, as items of hikyakud.conf. Nothing is
 * copied: the keys stay where they are.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/key_tables.h"

#include "keys.h"

static bool read_table(
    struct hk_arena *a, const char *given, struct hk_key_table *ret, bool *ret_is_refile)
{
	struct hk_buf raw;
	bool good;

	ret->file = hk_key_table_path(hk_slice_str(given), ret_is_refile);
	/* the end of a C string is its end too */
	if (!cli_read_file((const char *)ret->file.p, HK_KEY_TABLE_MAX, &raw))
		return false;
	good = hk_arena_dup(a, hk_buf_slice(&raw), &ret->text) == HK_OK;
	hk_buf_done(&raw);
	return good;
}

static enum hk_status import_opendkim(
    const struct cli_options *o, struct hk_arena *a, struct hk_key_items *items)
{
	struct hk_key_table keys, signing;
	bool is_refile;

	if (o->n_more != 1) {
		cli_complain("--opendkim KEYTABLE wants one SIGNINGTABLE after it", NULL);
		return HK_NOTFOUND;
	}
	if (!read_table(a, o->opendkim, &keys, &is_refile) ||
	    !read_table(a, o->more[0], &signing, &is_refile))
		return HK_NOTFOUND;
	return hk_key_items_opendkim(items, &keys, &signing, is_refile);
}

static enum hk_status read_names(
    struct hk_arena *a, DIR *d, struct hk_slice *name, size_t *ret_n)
{
	enum hk_status status = HK_OK;
	struct dirent *entry;

	for (*ret_n = 0; status == HK_OK && (entry = readdir(d)) != NULL; ++*ret_n)
		status = *ret_n < HK_KEY_TABLE_ROWS
		             ? hk_arena_dup(a, hk_slice_str(entry->d_name), &name[*ret_n])
		             : HK_LIMIT;
	return status;
}

static enum hk_status import_rspamd(
    const struct cli_options *o, struct hk_arena *a, struct hk_key_items *items)
{
	struct hk_slice *name = hk_arena_array(a, HK_KEY_TABLE_ROWS, sizeof *name);
	char *dir = realpath(o->rspamd, NULL);
	DIR *d = dir ? opendir(dir) : NULL;
	enum hk_status status = HK_NOTFOUND;
	size_t n = 0;

	if (!d)
		cli_complain(strerror(errno), o->rspamd);
	else
		status = name ? read_names(a, d, name, &n) : a->failed;
	if (status == HK_OK)
		status = hk_key_items_rspamd(items, hk_slice_str(dir), name, n);
	if (d)
		closedir(d);
	free(dir);
	return status;
}

enum cli_exit keys_import(const struct cli_options *o)
{
	struct hk_key_items items;
	enum cli_exit code = CLI_USAGE;
	enum hk_status status;
	struct hk_arena a;

	if (!o->opendkim == !o->rspamd) {
		cli_complain("which layout: --opendkim or --rspamd", NULL);
		return CLI_USAGE;
	}
	hk_arena_init(&a, KEYS_ARENA);
	hk_key_items_init(&items, "imported");
	status = o->opendkim ? import_opendkim(o, &a, &items) : import_rspamd(o, &a, &items);
	if (status == HK_OK) {
		cli_write(&items.text);
		if (items.problems.n)
			fwrite(items.problems.p, 1, items.problems.n, stderr);
		code = items.problems.n ? CLI_FAIL : CLI_OK;
	} else if (status != HK_NOTFOUND) { /* said already */
		keys_failed(status, "tables");
	}
	hk_key_items_done(&items);
	hk_arena_done(&a);
	return code;
}
