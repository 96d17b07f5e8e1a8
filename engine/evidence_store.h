/* SPDX-License-Identifier: MIT
 *
 * evidence_store.h - what each verdict rested on, kept by queue id, so that it can be replayed offline later.
 *
 * Append-only files <spool>/evidence/NNNNNNNN.log of checksummed records; an answer that stands in a file already is
 * referred to, not repeated. Whole files go when the store is over its size or they are over their age. Not synced: evidence is a help, never a condition of mail.
 */
#ifndef HIKYAKU_ENGINE_EVIDENCE_STORE_H
#define HIKYAKU_ENGINE_EVIDENCE_STORE_H

#include "engine/key_choice.h"
#include "engine/world.h"

struct hk_evidence_entry {
	uint64_t id;
	int64_t time;
	struct hk_slice record;  /* hk_verify_record_format; empty when nothing was checked */
	struct hk_slice summary; /* one printable line */
};
/* One key of an attempt to deliver: what signed, or was left out, and why. */
struct hk_evidence_signing {
	int64_t time;
	struct hk_slice domain, selector;
	enum hk_sign_alg alg;
	enum hk_key_sight sight;
	struct hk_slice first; /* selector of the key that would sign if all were published */
	enum hk_key_sight first_sight;
	bool is_left_out;
};
#define HK_EVIDENCE_SIGNINGS 100 /* found of one message: attempts of days, in which nothing changes */

struct hk_evidence_store;
/* hk_evidence_store_open(disk, dir, max_bytes, days, ret): for the owner. */
enum hk_status hk_evidence_store_open(struct hk_disk *, const char *dir, uint64_t max_bytes, uint32_t days, struct hk_evidence_store **ret) HK_MUSTCHECK;
void hk_evidence_store_close(struct hk_evidence_store *);
/* hk_evidence_store_put(s, entries, n, now): in as few writes as pieces of 64 KiB allow; after a failure those of the last piece are not kept. */
enum hk_status hk_evidence_store_put(struct hk_evidence_store *, const struct hk_evidence_entry *, size_t n, int64_t now) HK_MUSTCHECK;
/* hk_evidence_store_put_signings(s, id, signings, n, now): time of each is now. */
enum hk_status hk_evidence_store_put_signings(
    struct hk_evidence_store *, uint64_t id, const struct hk_evidence_signing *, size_t n, int64_t now) HK_MUSTCHECK;
/* ---- what the log said: history.h of io/ keeps it in a store of its own ---- */
#define HK_EVIDENCE_LINE_MAX 4096
struct hk_evidence_event {
	uint64_t ms;   /* since 1970 */
	uint8_t level; /* enum hk_log_level */
	struct hk_slice line;
};
/* hk_evidence_event_add(out, event): its record. hk_evidence_store_put_events(s, records, now): several of them, in one write. */
void hk_evidence_event_add(struct hk_buf *out, const struct hk_evidence_event *);
enum hk_status hk_evidence_store_put_events(struct hk_evidence_store *, struct hk_slice records, int64_t now) HK_MUSTCHECK;
/* hk_evidence_store_events(disk, dir, visit, with): of any process: all of them, in the order of their files; what the visitor is
 * given borrows. false from it: enough. NOTFOUND: no folder. */
typedef bool hk_evidence_visitor(void *with, const struct hk_evidence_event *);
enum hk_status hk_evidence_store_events(struct hk_disk *, const char *dir, hk_evidence_visitor *, void *with) HK_MUSTCHECK;
/* hk_evidence_store_erase(disk, dir, match, with, ret_n): of any process, also while a server writes: what match wants erased is gone
 * from the disk, durably. It is given the id of a message and its texts, or 0 and a line. Answers of the DNS stay. */
typedef bool hk_evidence_matcher(void *with, uint64_t id, struct hk_slice text);
enum hk_status hk_evidence_store_erase(struct hk_disk *, const char *dir, hk_evidence_matcher *, void *with, size_t *ret_n) HK_MUSTCHECK;

/* hk_evidence_store_signings(disk, dir, id, a, ret, ret_n): as find, oldest first; none is OK. */
enum hk_status hk_evidence_store_signings(struct hk_disk *, const char *dir, uint64_t id, struct hk_arena *,
    struct hk_evidence_signing **ret, size_t *ret_n) HK_MUSTCHECK;
/* hk_evidence_store_find(disk, dir, id, a, ret): for readers in other processes, without opening the store: scans the newest file first. NOTFOUND. */
enum hk_status hk_evidence_store_find(struct hk_disk *, const char *dir, uint64_t id, struct hk_arena *, struct hk_evidence_entry *ret) HK_MUSTCHECK;

#endif
