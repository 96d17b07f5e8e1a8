/* SPDX-License-Identifier: MIT
 *
 * key_tables.h - where others keep signing keys, read as it stands, as items of the configuration: the
 * KeyTable and SigningTable of OpenDKIM, a folder of rspamd, a folder of `hikyaku keys`. The keys stay
 * where they are. No file is read here.
 */
#ifndef HIKYAKU_CONF_KEY_TABLES_H
#define HIKYAKU_CONF_KEY_TABLES_H

#include <hikyaku/base.h>

#define HK_KEY_TABLE_MAX  ((size_t)16 * 1024 * 1024) /* octets of one table */
#define HK_KEY_TABLE_ROWS 20000
#define HK_KEY_ITEMS_MAX  ((size_t)16 * 1024 * 1024) /* octets of what is made of them */

struct hk_key_items {
	const char *prefix;     /* of names for keys that have none of their own */
	struct hk_buf text;     /* key and sign items */
	struct hk_buf problems; /* "FILE:LINE: what is wrong", a line each: what has no equal here */
};
void hk_key_items_init(struct hk_key_items *, const char *prefix);
void hk_key_items_done(struct hk_key_items *);

struct hk_key_table {
	struct hk_slice file; /* its name for problems */
	struct hk_slice text;
};
/* hk_key_table_path(given, ret_is_refile): without "refile:" or "file:", which is how opendkim.conf
 * writes what kind of table a file is. */
struct hk_slice hk_key_table_path(struct hk_slice given, bool *ret_is_refile);

/* Each appends to the items. A table that cannot be taken whole gives problems, and the rest of it. */
/* is_refile: rows are tried in their order; else, and without a row that has a pattern, as OpenDKIM
 * looks them up: the address, the domain, the domains above it. Rows of one pattern sign together
 * (MultipleSignatures). */
enum hk_status hk_key_items_opendkim(struct hk_key_items *, const struct hk_key_table *keys,
    const struct hk_key_table *signing, bool is_refile) HK_MUSTCHECK;
/* names: the files of dir, in any order; those that end in ".key" are DOMAIN.SELECTOR.key. */
enum hk_status hk_key_items_rspamd(
    struct hk_key_items *, struct hk_slice dir, const struct hk_slice *names, size_t n) HK_MUSTCHECK;
/* state: the file _keys of dir (key_state.h). */
enum hk_status hk_key_items_folder(
    struct hk_key_items *, struct hk_slice dir, struct hk_slice state) HK_MUSTCHECK;

#endif
