/* SPDX-License-Identifier: MIT
 *
 * spool.h - the journal. One writer (the owner); readers of committed messages from any thread.
 *
 *	put, attempt, complete	gather records in a batch
 *	commit			writes the batch and syncs it: after OK it is durable, after an error nothing of it counts
 *
 * Layout, record format and the recovery table: docs/queue.md.
 */
#ifndef HIKYAKU_ENGINE_SPOOL_H
#define HIKYAKU_ENGINE_SPOOL_H

#include "engine/mail.h"
#include "engine/world.h"

#define HK_SPOOL_SEGMENT (64u * 1024 * 1024)

/* Where a message's record is. Stays right until its segment is recycled, which waits for the message to be complete or moved;
 * a moved message (compaction) has a new place: ask hk_spool_find when a job begins. */
struct hk_place {
	uint32_t segment;
	uint32_t generation;
	uint64_t offset; /* of the record */
	uint32_t length; /* of the record */
};

struct hk_spool_options {
	const char *dir;
	uint64_t segment_size;   /* 0: HK_SPOOL_SEGMENT; at least 64 KiB */
	uint64_t batch_max;      /* bytes not yet durable; past it put says FULL; 0: 32 MiB; at most half a segment */
};

/* What is kept with a message beside its tries; at most 8 bits, with the number of attempts in one word of the journal. */
enum hk_spool_marks {
	HK_SPOOL_HELD = 1,     /* by an operator */
	HK_SPOOL_RELEASED = 2, /* by an operator: that it is quarantined holds it no more */
	HK_SPOOL_BY_TOLD = 4,  /* DELIVERBY: the sender was told that the time has passed */
	HK_SPOOL_NOTICE = 8,   /* so many of these: delays that the sender was told of; the rest of the 8 bits, HK_CONF_TIMES_MAX */
};

/* What recovery tells of one live message. */
struct hk_spool_entry {
	struct hk_place place;
	uint64_t id;
	int64_t received, next_attempt; /* 0: at once */
	uint32_t attempts;
	unsigned marks;          /* enum hk_spool_marks */
	const struct hk_mail *mail; /* envelope only, with today's outcomes; header and body slices are empty; borrowed until the next call */
};

struct hk_spool;
/* hk_spool_open(disk, options, log, ret): locks, checks the version, recovers. BUSY (a second daemon), VERSION, CORRUPT (damage in the
 * committed part; the message names the place), IO. */
enum hk_status hk_spool_open(struct hk_disk *, const struct hk_spool_options *, struct hk_log *, struct hk_spool **ret) HK_MUSTCHECK;
void hk_spool_close(struct hk_spool *);
/* hk_spool_recovered(s, ret): what lived when the spool was opened and does so still, in the order of acceptance; END after the last. CORRUPT: the
 * next one cannot be read (the log names the place); the call after that goes on behind it. IO, NOMEM: the call after that tries it again.
 * hk_spool_again: what was given last comes once more. */
enum hk_status hk_spool_recovered(struct hk_spool *, struct hk_spool_entry *ret) HK_MUSTCHECK;
void hk_spool_again(struct hk_spool *);
/* hk_spool_tell(s, id, ret): the same of one message that lives. NOTFOUND, CORRUPT, IO, NOMEM. */
enum hk_status hk_spool_tell(struct hk_spool *, uint64_t id, struct hk_spool_entry *ret) HK_MUSTCHECK;
uint64_t hk_spool_last_id(const struct hk_spool *); /* the highest id ever seen; ids go on above it */
/* hk_spool_put(s, mail): a body file is synced, and its directory, before. FULL: batch or disk; IO: intake is stopped; LIMIT: the record is larger
 * than any batch; BUG: no recipient, or an id that is not new. Nothing was added then. Our own DSNs (listener "") are taken as long as completions are. */
enum hk_status hk_spool_put(struct hk_spool *, const struct hk_mail *) HK_MUSTCHECK;
bool hk_spool_has_room(const struct hk_spool *, const struct hk_mail *); /* in this batch; an empty batch has room, whatever put says then */
/* hk_spool_refuse(s, mail): what a failed put does as well: removes the body file of a mail that was never put. */
void hk_spool_refuse(struct hk_spool *, const struct hk_mail *);
/* attempt, mark, complete: NOTFOUND when there is no such live message; FULL: the batch. attempt counts one more, mark does not;
 * both replace the marks. */
enum hk_status hk_spool_attempt(struct hk_spool *, uint64_t id, int64_t next_attempt, unsigned marks, struct hk_slice why) HK_MUSTCHECK;
enum hk_status hk_spool_mark(struct hk_spool *, uint64_t id, int64_t next_attempt, unsigned marks) HK_MUSTCHECK;
enum hk_status hk_spool_complete(struct hk_spool *, uint64_t id, size_t rcpt, enum hk_rcpt_outcome, struct hk_slice why) HK_MUSTCHECK;
/* hk_spool_commit(s): all of the batch or nothing. The message's file and space may go after the commit that holds its last completion. FULL, IO. */
enum hk_status hk_spool_commit(struct hk_spool *) HK_MUSTCHECK;
/* What was gathered since a mark can be taken back, as long as no commit came between. */
struct hk_spool_mark {
	size_t bytes, ops;
	uint32_t records;
	unsigned use;
};
struct hk_spool_mark hk_spool_set_mark(const struct hk_spool *);
void hk_spool_undo(struct hk_spool *, const struct hk_spool_mark *);
/* hk_spool_find(s, id, ret): where the message is now. NOTFOUND when it is not live. */
enum hk_status hk_spool_find(const struct hk_spool *, uint64_t id, struct hk_place *ret) HK_MUSTCHECK;
bool hk_spool_is_dirty(const struct hk_spool *); /* a commit would write something */
/* hk_spool_is_failing(s): two syncs in a row failed, or no space: intake must answer 4xx. hk_spool_probe tries to leave that state. */
bool hk_spool_is_failing(const struct hk_spool *);
enum hk_status hk_spool_intake(const struct hk_spool *); /* OK; FULL: no space; IO: syncs fail */
uint64_t hk_spool_room(const struct hk_spool *); /* octets that may come before intake stops, as far as the disk was looked at; UINT64_MAX: not known */
enum hk_status hk_spool_probe(struct hk_spool *) HK_MUSTCHECK;
/* housekeeping that is due: recycling, space ahead, the reserve, compaction; at most about `budget` bytes copied. Does nothing while a batch waits. */
enum hk_status hk_spool_tidy(struct hk_spool *, uint64_t budget) HK_MUSTCHECK;
/* hk_spool_read(disk, dir, place, mail): any thread. Fills mail->arena (initialised by the caller) with the record and parses it. NOTFOUND when the place
 * was recycled, CORRUPT. */
enum hk_status hk_spool_read(struct hk_disk *, const char *dir, const struct hk_place *, struct hk_mail *ret) HK_MUSTCHECK;
/* hk_spool_fetch(s, id, mail): the same, by the spool's thread, of a message that lives: NOTFOUND when it does not. */
enum hk_status hk_spool_fetch(struct hk_spool *, uint64_t id, struct hk_mail *ret) HK_MUSTCHECK;
/* A segment's file that stays open for those who read from it. hk_spool_file_use(s, place): a use of it, by the spool's thread; NULL when it cannot be
 * opened: hk_spool_read then says why. Any thread: hk_spool_file_read, as hk_spool_read; hk_spool_file_done gives the use back (NULL: nothing). */
struct hk_spool_file;
struct hk_spool_file *hk_spool_file_use(struct hk_spool *, const struct hk_place *);
enum hk_status hk_spool_file_read(const struct hk_spool_file *, const struct hk_place *, struct hk_mail *ret) HK_MUSTCHECK;
void hk_spool_file_done(struct hk_spool_file *);
struct hk_spool_counts {
	uint64_t commits, syncs, records, bytes, failed_syncs, live;
};
void hk_spool_count(const struct hk_spool *, struct hk_spool_counts *ret);

#endif
