/* SPDX-License-Identifier: MIT
 *
 * spool_look.h - a spool read without changing it: by the recovery that the server does, over a disk of disk_look.h, and every
 * record by the same scan.
 */
#ifndef HIKYAKU_ENGINE_SPOOL_LOOK_H
#define HIKYAKU_ENGINE_SPOOL_LOOK_H

#include "engine/spool.h"

enum hk_sight_kind {
	HK_SIGHT_SPOOL,       /* the first */
	HK_SIGHT_SEGMENT,     /* begins: records of it follow */
	HK_SIGHT_RECORD,
	HK_SIGHT_SEGMENT_END,
	HK_SIGHT_TORN,        /* a batch that was being written: it never counted, and is no damage */
	HK_SIGHT_DAMAGE,
	HK_SIGHT_MESSAGE,     /* one that lives, after all segments */
	HK_SIGHT_ORPHAN,      /* a body file that no message has: the server removes it */
};
/* What a record says; what it does not say is 0. */
struct hk_told {
	const char *type;     /* segment, index, message, move, attempt, complete */
	uint64_t sequence, id;
	uint64_t length;      /* of the record */
	int64_t next_attempt;
	uint32_t attempts, rcpt;
	unsigned marks;       /* enum hk_spool_marks */
	uint8_t outcome;
	struct hk_slice why;
	struct hk_mail mail;  /* of message and move */
};
struct hk_spool_sight {
	enum hk_sight_kind kind;
	const char *file;     /* below the spool's folder */
	uint64_t offset;      /* in it */
	const char *what;     /* of TORN, DAMAGE, ORPHAN: a sentence */
	uint64_t version;     /* of SPOOL */
	/* of SEGMENT and SEGMENT_END */
	uint32_t generation;
	uint64_t first, size, used, records; /* sequence of the first record; used and records: at its end */
	bool is_sealed;       /* another one follows */
	const struct hk_told *record;
	const struct hk_spool_entry *message;
};
typedef void hk_spool_see(void *context, const struct hk_spool_sight *);

/* hk_spool_look(disk, dir, log, see, context): OK: the server would start with it, and each record is right. CORRUPT: damage, each place was
 * seen. NOTFOUND: no spool. VERSION, IO, NOMEM, LIMIT: log says what. Sights borrow until see returns. */
enum hk_status hk_spool_look(struct hk_disk *, const char *dir, struct hk_log *, hk_spool_see *, void *context) HK_MUSTCHECK;

#endif
