/* SPDX-License-Identifier: MIT
 *
 * keys.h - `hikyaku keys`: DKIM keys of one domain or hundreds, through their life.
 *
 *	keys.c         the table of its commands; states and their changes
 *	keys_store.c   the folder: DIR/DOMAIN/SELECTOR.pem and DIR/_keys
 *	keys_new.c     new, rotate
 *	keys_dns.c     dns: zone text or a script for nsupdate
 *	keys_seen.c    what each name server answers for a key
 *	keys_status.c  status, activate
 *	keys_import.c  tables of OpenDKIM and folders of rspamd as configuration
 *
 * A key is staged when it is made, active once every name server shows it (`activate`), retiring when
 * its successor is active (its record stays, for mail under way), revoked when its record says so.
 */
#ifndef HIKYAKU_CLI_KEYS_H
#define HIKYAKU_CLI_KEYS_H

#include <hikyaku/dkim.h>
#include <hikyaku/json.h>

#include "conf/key_state.h"
#include "engine/key_choice.h"

#include "cli_internal.h"

#define KEYS_ARENA     ((size_t)256 * 1024 * 1024)
#define KEYS_PEM_MAX   16384

/* The folder, locked against other runs of the command, and the state file as it was read. */
struct keys_store {
	struct hk_arena arena;
	const char *dir;
	int fd;
	struct hk_key_entry *key; /* in the order in which they were made */
	size_t n;
};

/* keys_store_open(options, make, ret): make: the folder may be new. false: said on stderr why not.
 * keys_store_close in any case. */
bool keys_store_open(const struct cli_options *, bool make, struct keys_store *ret);
void keys_store_close(struct keys_store *);
/* keys_store_add(store, key, private): writes the key's file, which must not be there, and adds it to
 * the store in memory. copies key. A key in such a file that the store does not know, left by a run
 * that was cut off, is taken instead. BUSY when there is another such file or such a key. */
enum hk_status keys_store_add(
    struct keys_store *, const struct hk_key_entry *, const struct hk_private_key *);
/* keys_store_save(store): the state file anew, whole or not at all. false: said on stderr. */
bool keys_store_save(const struct keys_store *);
/* keys_store_private(store, key, ret): the key's file, read. false: said on stderr. Returns owned. */
bool keys_store_private(
    struct keys_store *, const struct hk_key_entry *, struct hk_private_key **ret);

/* keys_name(a, key, ret): SELECTOR._domainkey.DOMAIN */
enum hk_status keys_name(struct hk_arena *, const struct hk_key_entry *, struct hk_slice *ret);
/* keys_record(store, key, out): the text of its TXT record. false: said on stderr. */
bool keys_record(struct keys_store *, const struct hk_key_entry *, struct hk_buf *out);
/* keys_is_wanted(options, key): its domain was named, or none was. */
bool keys_is_wanted(const struct cli_options *, const struct hk_key_entry *);
/* keys_domain(a, text, ret): lower case; false: said on stderr that it is no domain. */
bool keys_domain(struct hk_arena *, const char *text, struct hk_slice *ret);
/* keys_json_begin(w, out), keys_json_key(w, store, key, state) and what else there is of it, then
 * hk_json_close_object; keys_json_end(w, out): docs/schema/keys.json. */
void keys_json_begin(struct hk_json_writer *, struct hk_buf *out);
void keys_json_key(struct hk_json_writer *, struct keys_store *, const struct hk_key_entry *,
    const char *state);
void keys_json_end(struct hk_json_writer *, struct hk_buf *out);
int64_t keys_now(const struct cli_options *);
/* keys_failed(status, about): says it; gives CLI_USAGE. */
enum cli_exit keys_failed(enum hk_status, const char *about);

/* ---- what name servers show ------------------------------------------------------------------ */

struct keys_answer {
	struct hk_slice server; /* as it was given, or NAME (ADDRESS) */
	enum hk_key_sight sight;
	struct hk_slice reason;
};
struct keys_seen {
	const struct keys_answer *answer;
	size_t n;
	bool all; /* there is a server, and each shows the record that the state calls for */
	bool unknown;
};
struct keys_watch;
/* keys_watch_new(a, options, ret): false: said on stderr why not. */
bool keys_watch_new(struct hk_arena *, const struct cli_options *, struct keys_watch **ret);
void keys_watch_free(struct keys_watch *); /* NULL allowed */
/* keys_watch_see(watch, key, record, ret): asks each name server of the key's domain. record is the
 * key's own, empty for one that is revoked. */
enum hk_status keys_watch_see(struct keys_watch *, const struct hk_key_entry *,
    struct hk_slice record, struct keys_seen *ret);
const char *keys_sight_name(enum hk_key_sight);

enum cli_exit keys_new(const struct cli_options *);
enum cli_exit keys_rotate(const struct cli_options *);
enum cli_exit keys_dns(const struct cli_options *);
enum cli_exit keys_status(const struct cli_options *);
enum cli_exit keys_activate(const struct cli_options *);
enum cli_exit keys_import(const struct cli_options *);

#endif
