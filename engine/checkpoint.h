/* SPDX-License-Identifier: MIT
 *
 * checkpoint.h - transactions that a client gave an id (TRANSID, RFC 1845): those that broke off in their message, with what
 * of it is here, and those that are complete, with the reply that the client may not have seen.
 *
 *	begin -> park     the connection went in the middle: the rest may come later
 *	      -> done     the message is ours: whoever comes again with the id is told so, and nothing is taken twice
 *	      -> end      the client aborted it, or was refused
 *	      -> give_back    as it was before this begin
 *
 * One table for all threads, of bounded size. What of a message is here lies in <spool>/partial/ID: recipients, header, and a
 * body that is short; a long one is ID.body, the file that it came in.
 */
#ifndef HIKYAKU_ENGINE_CHECKPOINT_H
#define HIKYAKU_ENGINE_CHECKPOINT_H

#include "engine/limits.h"
#include "engine/mail.h"
#include "engine/world.h"

#define HK_CHECKPOINT_KEY      32    /* a digest of all that makes a transaction the same one */
#define HK_CHECKPOINT_ALL_MAX  65536 /* ids known at once, complete ones above all: under 200 octets each */
/* What one client (an IPv6 one by its /64) may have of what all may: a quarter, so that nobody can push out all others. */
#define HK_CHECKPOINT_SHARE    4

enum hk_checkpoint_kind { HK_CHECKPOINT_NEW, HK_CHECKPOINT_PARTIAL, HK_CHECKPOINT_DONE };
struct hk_checkpoint {
	enum hk_checkpoint_kind kind;
	uint64_t id;     /* PARTIAL: of its files; DONE: of the message */
	uint64_t offset; /* octets of the message that are here */
	uint64_t in_body_file; /* how many of them, the last ones, are in ID.body; 0: there is none */
	uint64_t stored; /* octets of its files; counted against the limit */
	uint32_t n_rcpt;
};
struct hk_checkpoint_limits {
	size_t most;     /* partial messages at once */
	uint64_t octets; /* of all of them */
	uint32_t seconds; /* that a transaction is remembered */
};

struct hk_checkpoints;
/* hk_checkpoints_new(disk, spool): borrows disk; copies spool, a folder. NULL when out of memory. */
struct hk_checkpoints *hk_checkpoints_new(struct hk_disk *, const char *spool);
void hk_checkpoints_free(struct hk_checkpoints *); /* NULL allowed; files stay */

/* hk_checkpoints_begin(c, key, client, limits, utc, ret): the transaction is under way here from now on; *ret is what is known of
 * it. client: hk_limits_client. BUSY: another connection has it. LIMIT: there is no place; NOMEM. Each OK is followed by one of
 * the four. */
enum hk_status hk_checkpoints_begin(struct hk_checkpoints *, const uint8_t key[HK_CHECKPOINT_KEY], struct hk_slice client,
    const struct hk_checkpoint_limits *, int64_t utc, struct hk_checkpoint *ret) HK_MUSTCHECK;
/* hk_checkpoints_park(c, key, part, limits, utc): part.kind is PARTIAL, and its files are there; they are the table's from now on.
 * false: it was too large for its client's share, and nothing of it is kept. */
bool hk_checkpoints_park(struct hk_checkpoints *, const uint8_t key[HK_CHECKPOINT_KEY], const struct hk_checkpoint *,
    const struct hk_checkpoint_limits *, int64_t utc);
/* hk_checkpoints_done(c, key, done, utc): done.kind is DONE. */
void hk_checkpoints_done(struct hk_checkpoints *, const uint8_t key[HK_CHECKPOINT_KEY], const struct hk_checkpoint *, int64_t utc);
void hk_checkpoints_end(struct hk_checkpoints *, const uint8_t key[HK_CHECKPOINT_KEY]);
void hk_checkpoints_give_back(struct hk_checkpoints *, const uint8_t key[HK_CHECKPOINT_KEY]);

/* hk_checkpoints_forget(c, key): the client has its reply; nothing happens while another connection has it. */
void hk_checkpoints_forget(struct hk_checkpoints *, const uint8_t key[HK_CHECKPOINT_KEY]);

/* hk_checkpoints_load(c, log): what the last run left, into an empty table; all else in the folder is removed. What cannot be read
 * is logged, and the table begins empty. NOMEM. hk_checkpoints_save(c, log): at the end of a run; NULL allowed. */
enum hk_status hk_checkpoints_load(struct hk_checkpoints *, struct hk_log *) HK_MUSTCHECK;
void hk_checkpoints_save(struct hk_checkpoints *, struct hk_log *);

struct hk_checkpoint_counts {
	size_t all, partial, done;
	uint64_t octets; /* of partial ones */
};
void hk_checkpoints_count(struct hk_checkpoints *, struct hk_checkpoint_counts *ret);

/* ---- files ---- */

/* The parts of a message that broke off. */
struct hk_checkpoint_part {
	uint64_t id;
	const struct hk_mail_rcpt *rcpt;
	size_t n_rcpt;
	bool is_header_whole;           /* the empty line came */
	struct hk_slice header, body;   /* body: when it is in memory */
	const char *body_file;          /* else its path, of body_size octets: it is moved; NULL: none */
	uint64_t body_size;
};
/* hk_checkpoint_keep(disk, spool, part, ret): writes and moves the files, up to where the last whole line ends. NOTFOUND: not one
 * line is whole. IO, FULL, NOMEM: nothing is left in partial; a body file is still where it was, or removed. Not synced: a crash
 * may cost what was kept, never more. */
enum hk_status hk_checkpoint_keep(
    struct hk_disk *, const char *spool, const struct hk_checkpoint_part *, struct hk_checkpoint *ret) HK_MUSTCHECK;
/* Reading it again. */
struct hk_checkpoint_reader {
	struct hk_disk *disk;
	struct hk_checkpoint what;
	int file, body; /* -1: not open */
	uint64_t begin; /* of the message in file */
	uint64_t at;    /* of the message */
};
/* hk_checkpoint_open(disk, spool, what, a, reader, rcpt): *rcpt: its recipients, in a. CORRUPT, IO, NOTFOUND, NOMEM: nothing is open. */
enum hk_status hk_checkpoint_open(struct hk_disk *, const char *spool, const struct hk_checkpoint *, struct hk_arena *,
    struct hk_checkpoint_reader *, struct hk_mail_rcpt **ret_rcpt, size_t *ret_n) HK_MUSTCHECK;
/* hk_checkpoint_read(r, to, n, ret): the next octets of the message; 0 at offset's end. */
enum hk_status hk_checkpoint_read(struct hk_checkpoint_reader *, uint8_t *to, size_t n, size_t *ret) HK_MUSTCHECK;
void hk_checkpoint_close(struct hk_checkpoint_reader *);
/* hk_checkpoint_remove(disk, spool, what): its files. */
void hk_checkpoint_remove(struct hk_disk *, const char *spool, const struct hk_checkpoint *);

#endif
