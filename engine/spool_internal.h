/* SPDX-License-Identifier: MIT
 *
 * spool_internal.h - the parts of the journal, from the ground:
 *
 *	record, batch	bytes: what a record is, and how a batch becomes one write	spool_record.c, spool_batch.c
 *	scan		bytes -> batches that are whole and right			spool_scan.c
 *	live, index	which messages live, and what changes them			spool_live.c, spool_index.c
 *	segment		files: begin, fail, recycle					spool_segment.c, spool_recycle.c
 *	recover, commit, tidy, read							the rest
 *	look		the same, without a change					spool_look.c
 */
#ifndef HIKYAKU_ENGINE_SPOOL_INTERNAL_H
#define HIKYAKU_ENGINE_SPOOL_INTERNAL_H

#include "engine/id_map.h"
#include "engine/spool.h"
#include "engine/spool_look.h"

#define HK_SPOOL_VERSION   2 /* 2: a message has parameters (mail.c) */
#define HK_SEGMENT_VERSION 1
#define HK_SPOOL_BLOCK     4096u           /* batches begin on blocks, so a committed block is never written again */
#define HK_SPOOL_AHEAD     (4u * 1024 * 1024) /* written zeros ahead of the journal, so that syncs do not grow a file */
#define HK_SPOOL_RESERVE   (1024u * 1024)  /* about ten thousand completions when the disk is full */
#define HK_SPOOL_FREE_MIN  (32u * 1024 * 1024) /* intake stops below this much free space, and goes on above twice as much */
#define HK_SPOOL_WHY_MAX   512u            /* bytes kept of a reason */
#define HK_SPOOL_PATH      512
#define HK_SPOOL_DIR_MOST  (HK_SPOOL_PATH - 64)
#define HK_SEGMENT_LEAST   (64u * 1024)
#define HK_SPOOL_FILES     32u             /* segments that stay open for reading: 2 GiB of the journal; descriptors are few */
#define HK_BATCH_RECORDS   0xffffffu

/* ---- records ------------------------------------------------------------- */

#define HK_RECORD_MAGIC 0x484b4a31u /* "HKJ1" */
#define HK_RECORD_HEAD  32u         /* magic, crc, length, type << 24 | left, generation, batch, sequence */

enum hk_record_type {
	HK_RECORD_SEGMENT = 1, /* the first of each segment */
	HK_RECORD_INDEX,       /* the second: what the segment before it holds */
	HK_RECORD_MESSAGE, HK_RECORD_MOVE, HK_RECORD_ATTEMPT, HK_RECORD_COMPLETE,
	HK_RECORD_TYPES,
};

struct hk_record {
	enum hk_record_type type;
	uint32_t left;       /* records of the same batch behind this one */
	uint32_t generation;
	uint32_t batch;      /* where the batch begins in its segment */
	uint64_t sequence;
	struct hk_slice payload;
	size_t whole;        /* bytes up to the next record */
};

uint32_t hk_load32(const uint8_t *), hk_pad(size_t n, uint32_t to);
void hk_store32(uint8_t *, uint32_t), hk_store64(uint8_t *, uint64_t);
/* hk_record_read(at, ret): the record at the start of the bytes; CORRUPT when none is there, or its checksum is wrong. */
enum hk_status hk_record_read(struct hk_slice at, struct hk_record *ret) HK_MUSTCHECK;

/* ---- a batch being gathered --------------------------------------------- */

struct hk_batch {
	struct hk_buf bytes;
	uint32_t n;
};
/* begin a record, add its payload to b->bytes, end it: FULL, and nothing was added, when it does not fit. */
size_t hk_batch_begin(struct hk_batch *, enum hk_record_type);
enum hk_status hk_batch_end(struct hk_batch *, size_t mark) HK_MUSTCHECK;
/* hk_batch_seal(b, generation, offset, sequence): fills in what is known only now, pads to a block. */
enum hk_status hk_batch_seal(struct hk_batch *, uint32_t generation, uint32_t offset, uint64_t sequence) HK_MUSTCHECK;
void hk_batch_reset(struct hk_batch *);

/* A record of the spool's batch, with its index entry: hk_spool_begin_ops, hk_batch_begin, payload, entry, hk_spool_end_record.
 * FULL, NOMEM: nothing was added. */
struct hk_spool;
void hk_spool_begin_ops(struct hk_spool *);
enum hk_status hk_spool_end_record(struct hk_spool *, size_t mark, size_t ops_mark) HK_MUSTCHECK;

/* ---- scan ------------------------------------------------------------------ */

struct hk_scan {
	struct hk_slice bytes; /* of a segment, from its start */
	uint32_t generation;
	uint64_t sequence;     /* that the next record must have */
	size_t at;
};
/* hk_scan_batch(scan, ret): the next batch, when it is there and whole. */
bool hk_scan_batch(struct hk_scan *, struct hk_slice *ret);
/* hk_scan_record(batch, ret): takes the first record off a batch that was found right. */
bool hk_scan_record(struct hk_slice *batch, struct hk_record *ret);
/* hk_scan_resume(scan): no right batch here, but one that was written after the sync of what was here: goes there. */
bool hk_scan_resume(struct hk_scan *);
bool hk_scan_is_damaged(const struct hk_scan *); /* it would */
/* hk_scan_is_clean(scan): only zeros from here on. */
bool hk_scan_is_clean(const struct hk_scan *);

/* ---- the spool -------------------------------------------------------------- */

/* One for each message that waits: 64 octets, and one for each recipient. */
struct hk_live {
	uint64_t id;
	int64_t next_attempt;
	struct hk_live *next, *before; /* of the same segment */
	uint32_t segment, offset, length; /* of its record: hk_live_place */
	uint32_t tries;      /* attempts, and marks above them: HK_TRIES_COUNT */
	uint32_t n_rcpt, pending;
	bool has_file, is_committed, is_stuck; /* stuck: cannot be read, so not moved */
	uint8_t outcome[]; /* of each recipient */
};

struct hk_segment {
	uint32_t number, generation;
	uint64_t first;   /* sequence of its first record */
	uint64_t size;    /* of the file */
	uint64_t used;    /* committed bytes */
	uint64_t live_bytes;
	struct hk_live *live;
	struct hk_spool_file *file; /* open for reading; NULL: it is not */
	uint64_t read_at; /* s->reads, when file was used last */
	bool is_damaged;  /* found after a failed sync: live messages are to be moved out at once */
};

struct hk_spool_damage {
	uint32_t segment;
	uint64_t offset;
	const char *what;
};
#define HK_TRIES_COUNT 0xffffffu /* of the word that stands in records for the attempts; the marks are the 8 bits above */

enum hk_batch_use { HK_USE_INTAKE = 1, HK_USE_MOVE = 2 }; /* neither may use the reserve */

struct hk_spool {
	struct hk_disk *disk;
	struct hk_log *log;
	char *dir;
	uint64_t version;            /* that was found */
	uint64_t segment_size, ahead, reserve, free_min;
	uint64_t space;              /* free on the disk when it was looked at last; UINT64_MAX: not known */
	int lock, file;              /* file: of the open segment; -1 */
	struct hk_segment **segment; /* oldest first, numbers without a gap; the last may be open */
	size_t n_segments, room_segments;
	bool is_open;
	size_t n_files;              /* segments that are open for reading */
	uint64_t reads;
	struct hk_batch batch;
	struct hk_buf ops;           /* index entries of the batch */
	unsigned use;                /* of the batch: enum hk_batch_use */
	struct hk_live *doubtful;    /* messages with body files whose batch failed; the segment after decides that they are not */
	struct hk_buf index;         /* index entries of the open segment */
	uint64_t sequence;           /* of the next record */
	uint32_t generation;         /* the highest that was used */
	struct hk_id_map live;
	uint64_t last_id;
	unsigned failures;           /* in a row */
	bool is_full, is_recovering;
	bool by_records;             /* recovery believes no index */
	struct hk_spool_damage damage; /* what recovery found; what: NULL when it found none */
	bool has_reserve, has_spare, is_dir_in_doubt;
	struct hk_spool_counts counts;
	uint64_t *recovered;         /* ids, sorted */
	size_t n_recovered, next_recovered;
	struct hk_mail mail;         /* of the last hk_spool_recovered */
};

struct hk_spool_path {
	char text[HK_SPOOL_PATH];
};
struct hk_spool_path hk_spool_path(const char *dir, const char *rest);
struct hk_spool_path hk_segment_path(const char *dir, uint32_t number);
/* hk_spool_why(disk, status): " (open /x: Permission denied)", for the end of a sentence; "" where nothing is known. */
struct hk_spool_why {
	char text[sizeof(struct hk_disk_reason) + 4];
};
struct hk_spool_why hk_spool_why(struct hk_disk *, enum hk_status);
struct hk_segment *hk_spool_last(const struct hk_spool *);
struct hk_segment *hk_spool_segment(const struct hk_spool *, uint32_t number);

/* ---- live messages ------------------------------------------------------------ */

/* hk_live_new(s, id, n_rcpt): in the map, in no segment, not committed. NULL: NOMEM. */
struct hk_live *hk_live_new(struct hk_spool *, uint64_t id, uint32_t n_rcpt);
struct hk_place hk_live_place(const struct hk_spool *, const struct hk_live *); /* it is committed */
void hk_live_attach(struct hk_segment *, struct hk_live *);
void hk_live_detach(struct hk_spool *, struct hk_live *);
void hk_live_free(struct hk_spool *, struct hk_live *); /* also its body file, unless recovering or not committed */
/* hk_live_doubt(s, live): not in the map any more, one of s->doubtful; wants no memory. hk_live_forget_doubtful(s, with_files): they are not. */
void hk_live_doubt(struct hk_spool *, struct hk_live *);
void hk_live_forget_doubtful(struct hk_spool *, bool with_files);
void hk_live_free_all(struct hk_spool *);
void hk_body_remove(struct hk_spool *, uint64_t id);

/* Index entries: what a record changes. The same entries are applied after a commit, at recovery from a record, and from an index. */
void hk_index_base(struct hk_buf *, uint32_t offset); /* offsets of the entries that follow are relative to it */
void hk_index_message(struct hk_buf *, const struct hk_live *, uint32_t offset, uint32_t length);
void hk_index_move(struct hk_buf *, const struct hk_live *, uint32_t offset, uint32_t length);
void hk_index_attempt(struct hk_buf *, uint64_t id, int64_t next_attempt, uint32_t tries);
void hk_index_complete(struct hk_buf *, uint64_t id, uint32_t rcpt, uint8_t outcome);
/* hk_record_tell(record, ret): what it says; slices borrow from it, ret->mail.arena is the caller's. CORRUPT, NOMEM, LIMIT. */
enum hk_status hk_record_tell(const struct hk_record *, struct hk_told *ret) HK_MUSTCHECK;
/* hk_index_record(out, record, offset): the entry that a record stands for; nothing for SEGMENT and INDEX. CORRUPT. */
enum hk_status hk_index_record(struct hk_buf *, const struct hk_record *, uint32_t offset) HK_MUSTCHECK;
/* hk_index_apply(s, segment, entries): CORRUPT, NOMEM. */
enum hk_status hk_index_apply(struct hk_spool *, struct hk_segment *, struct hk_slice entries) HK_MUSTCHECK;

/* A MOVE's payload: tries, next_attempt, then the message's. */
#define HK_MOVE_HEAD 12u

/* ---- segments ------------------------------------------------------------------ */

struct hk_segment_head {
	uint32_t number, generation, used_before; /* bytes committed in the segment before it */
	uint64_t first;
	struct hk_slice index;                    /* of the segment before it; empty: scan it */
	bool has_index;
	size_t end;                               /* of the first batch */
};
/* hk_segment_head_parse(bytes, ret): the first batch of a segment. CORRUPT, VERSION. */
enum hk_status hk_segment_head_parse(struct hk_slice, struct hk_segment_head *ret) HK_MUSTCHECK;
enum hk_status hk_segment_head_format(struct hk_spool *, struct hk_segment *, uint64_t room, struct hk_batch *out) HK_MUSTCHECK;
enum hk_status hk_segment_add(struct hk_spool *, struct hk_segment *) HK_MUSTCHECK; /* takes; freed on failure */
/* hk_segment_begin(s, may_use_reserve): seals the last one, begins the next. FULL, IO, NOMEM. */
enum hk_status hk_segment_begin(struct hk_spool *, bool may_use_reserve) HK_MUSTCHECK;
/* hk_segment_room(s, n): the open segment has room for n more bytes. */
enum hk_status hk_segment_room(struct hk_spool *, uint64_t n) HK_MUSTCHECK;
/* hk_segment_fail(s, status): a write or sync on the open segment failed: it is never written again, what was committed is verified. */
void hk_segment_fail(struct hk_spool *, enum hk_status);
/* hk_segment_load(s, number, ret, ret_n): the whole file, as the medium has it; returns owned, with free(). */
enum hk_status hk_segment_load(struct hk_spool *, uint32_t number, uint8_t **ret, size_t *ret_n) HK_MUSTCHECK;
/* hk_segment_close(s, segment): the spool reads from its file no more. */
void hk_segment_close(struct hk_spool *, struct hk_segment *);
enum hk_status hk_spool_sync_journal(struct hk_spool *) HK_MUSTCHECK;
/* hk_spool_sync(s, file): one file, and the count of syncs. */
enum hk_status hk_spool_sync(struct hk_spool *, int file) HK_MUSTCHECK;
/* recycling and the reserve: one step each, errors only postpone */
void hk_spool_recycle(struct hk_spool *);
void hk_spool_make_reserve(struct hk_spool *);
void hk_spool_watch_space(struct hk_spool *);

/* The steps of hk_spool_open. hk_spool_make(disk, options, log): returns owned, nothing was looked at yet; NULL: NOMEM.
 * hk_spool_list_recovered: what hk_spool_recovered gives. */
struct hk_spool *hk_spool_make(struct hk_disk *, const struct hk_spool_options *, struct hk_log *);
enum hk_status hk_spool_list_recovered(struct hk_spool *) HK_MUSTCHECK;
enum hk_status hk_spool_list_segments(struct hk_spool *, struct hk_arena *, uint32_t **ret, size_t *ret_n) HK_MUSTCHECK;
enum hk_status hk_spool_recover(struct hk_spool *) HK_MUSTCHECK;
enum hk_status hk_spool_remove_orphans(struct hk_spool *) HK_MUSTCHECK;
enum hk_status hk_spool_check_version(struct hk_spool *) HK_MUSTCHECK;

#endif
