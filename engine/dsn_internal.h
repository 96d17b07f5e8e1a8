/* SPDX-License-Identifier: MIT
 *
 * dsn_internal.h - a delivery status notification's parts:
 *
 *	dsn.c		the header, the part for people, the whole
 *	dsn_status.c	the part for programs: RFC 3464, RFC 6533
 *	dsn_return.c	what is returned of the message
 */
#ifndef HIKYAKU_ENGINE_DSN_INTERNAL_H
#define HIKYAKU_ENGINE_DSN_INTERNAL_H

#include "engine/owner.h"

/* The body stays an inline one: recipients that do not fit any more are counted, not listed. */
enum { DSN_RETURN_MAX = 64 * 1024, DSN_LIST_MAX = 60 * 1024 };

struct dsn {
	const struct hk_conf *conf;
	const struct hk_mail *mail; /* the message that it is about */
	const struct hk_rcpt_result *result;
	size_t n;
	const struct hk_now *now;
	char id[HK_MAIL_ID_TEXT], old_id[HK_MAIL_ID_TEXT];
	char boundary[64];
	bool has_failed;  /* a recipient of it did */
	/* Addresses and fields stand in it as UTF-8: the way back must have SMTPUTF8 all the same, since the sender's own
	 * address needs it. Otherwise all is in 7-bit forms (RFC 6533 3, 4.5). */
	bool is_global;
	bool is_8bit, is_full; /* of what is returned */
	struct hk_buf returned; /* the part behind its delimiter: its header fields, an empty line, content */
};

enum dsn_action { DSN_FAILED, DSN_DELAYED, DSN_DELIVERED, DSN_RELAYED, DSN_ACTIONS };
enum dsn_action dsn_action_of(const struct hk_rcpt_result *);
const char *dsn_action_name(const struct hk_rcpt_result *);
struct hk_slice dsn_address(const struct dsn *, size_t i);
/* dsn_status_of(result): RFC 3463, of the class that the action needs. */
const char *dsn_status_of(const struct hk_rcpt_result *);

/* dsn_text_address_add(d, address, out): for people. */
void dsn_text_address_add(const struct dsn *, struct hk_slice address, struct hk_buf *out);
/* dsn_status_add(d, out): the fields of the second part. */
void dsn_status_add(const struct dsn *, struct hk_buf *out);
/* dsn_return_make(d): fills returned, is_8bit and is_full. */
enum hk_status dsn_return_make(struct dsn *) HK_MUSTCHECK;

#endif
