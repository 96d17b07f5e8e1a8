/* SPDX-License-Identifier: MIT
 *
 * mail.h - one accepted message, as it is handed from a session to the spool and from the spool to a delivery.
 */
#ifndef HIKYAKU_ENGINE_MAIL_H
#define HIKYAKU_ENGINE_MAIL_H

#include <hikyaku/smtp.h>

#define HK_BODY_INLINE_MAX (256 * 1024) /* a longer body is a file of its own (design: the spool) */
#define HK_MAIL_ID_TEXT    17           /* 14 upper-case hex digits and a NUL, with room */

enum hk_rcpt_outcome {
	HK_RCPT_PENDING,   /* still ours to deliver */
	HK_RCPT_DELIVERED, /* the next hop said 2xx */
	HK_RCPT_FAILED,    /* given up; its DSN is queued, or none is due */
	HK_RCPT_REMOVED,   /* by an operator */
};
struct hk_mail_rcpt {
	struct hk_slice address; /* as received, without brackets */
	uint8_t outcome;         /* enum hk_rcpt_outcome */
	struct hk_smtp_rcpt_params params; /* as they came with RCPT */
};
enum hk_mail_flags {
	HK_MAIL_8BIT = 1, /* bytes over 127 stand in it, or may */
	HK_MAIL_DSN = 2,
	HK_MAIL_QUARANTINE = 4,
	HK_MAIL_UTF8 = 8,
	HK_MAIL_TLS_OPTIONAL = 16, /* "TLS-Required: No" without REQUIRETLS (RFC 8689 3) */
};

struct hk_mail {
	struct hk_arena arena; /* holds all slices below */
	uint64_t id;           /* queue id; hk_mail_id_format */
	int64_t received;      /* seconds since 1970 */
	uint32_t flags;
	struct hk_slice listener;  /* name of the listener it came in by; "" for our own DSNs */
	struct hk_slice mail_from; /* without brackets; empty: <> */
	struct hk_smtp_mail_params params; /* as they came with MAIL, but for the size */
	struct hk_slice user;      /* who authenticated; empty: nobody */
	struct hk_slice device;    /* an HMAC of the CLIENTID; empty: none */
	struct hk_mail_rcpt *rcpt;
	size_t n_rcpt;
	struct hk_slice header;    /* the header section as received */
	struct hk_slice trace;     /* header fields of ours that go on top: Received, Authentication-Results */
	struct hk_slice edits;     /* hk_edits_format: removals and inserts in the header as received */
	struct hk_slice body;      /* when it is inline */
	struct hk_slice body_file; /* else the name of its file in <spool>/body/: the id as text, nothing else. From hk_owner_put on the file is the spool's, also when that fails */
	uint64_t body_size;
	struct hk_slice evidence;  /* hk_verify_record_format; goes to the evidence store, not into the journal */
	struct hk_slice summary;   /* one line for the log and the evidence store: client, helo, verdicts */
	uint64_t owner_room[16];   /* the owner's while it has the mail, so that an answer never wants memory */
};

/* hk_mail_new(limit): returns owned, zeroed, with an arena of that limit; NULL when out of memory. */
struct hk_mail *hk_mail_new(size_t limit);
void hk_mail_free(struct hk_mail *);
/* The journal's payload of a message. hk_mail_parse copies nothing: slices borrow from the payload; rcpt lives in ret->arena
 * (initialised by the caller). Reads the form before today's too. CORRUPT or LIMIT. */
void hk_mail_format(const struct hk_mail *, struct hk_buf *out);
uint64_t hk_mail_size(const struct hk_mail *); /* bytes that hk_mail_format writes */
enum hk_status hk_mail_parse(struct hk_slice payload, struct hk_mail *ret) HK_MUSTCHECK;

/* ids: unique over restarts, increasing; 41 bits of milliseconds since 1970, 4 bits of worker, 11 bits of count: 14 hex digits. */
#define HK_IDS_OWNER 15 /* the owner's, for our own DSNs */
struct hk_ids {
	uint64_t last;   /* begin with hk_owner_last_id */
	unsigned worker; /* 0..14 */
};
uint64_t hk_ids_next(struct hk_ids *, uint64_t unix_ms);
void hk_mail_id_format(uint64_t id, char ret[HK_MAIL_ID_TEXT]);
enum hk_status hk_mail_id_parse(struct hk_slice, uint64_t *ret) HK_MUSTCHECK;

#endif
