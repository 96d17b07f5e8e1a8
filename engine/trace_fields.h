/* SPDX-License-Identifier: MIT
 *
 * trace_fields.h - the header fields that intake puts on top of a message, and those that it takes
 * out.
 */
#ifndef HIKYAKU_ENGINE_TRACE_FIELDS_H
#define HIKYAKU_ENGINE_TRACE_FIELDS_H

#include <hikyaku/smtp.h>
#include <hikyaku/verify.h>

#include "conf/conf.h"
#include "engine/world.h"

struct hk_received {
	struct hk_slice helo;
	struct hk_slice reverse; /* forward-confirmed name of the client; empty: unknown */
	struct hk_ip client;
	struct hk_slice host, product;
	enum hk_smtp_proto proto;
	bool is_tls, is_authenticated, is_utf8;
	const char *id;
	struct hk_slice rcpt; /* the only recipient; empty: several, and none is named */
	const struct hk_now *now;
};
/* hk_received_format(r, out): the whole field (RFC 5321 4.4), folded with tabs. */
void hk_received_format(const struct hk_received *, struct hk_buf *out);

/* hk_received_local_format(host, product, id, now, out): the same for a message that began here: no
 * "from". */
void hk_received_local_format(struct hk_slice host, struct hk_slice product, const char *id,
    const struct hk_now *, struct hk_buf *out);

/* hk_protocol_add(r, out): "SMTP", "ESMTPSA", "LMTP", "UTF8SMTPS", ... (RFC 3848, RFC 6531 4.3). */
void hk_protocol_add(const struct hk_received *, struct hk_buf *out);

/* hk_trace_removals(h, authserv_id, edits): fields that must not come in from outside:
 * Authentication-Results that claim to be ours (RFC 8601 5), and the results of BIMI. *ret: how
 * many. */
enum hk_status hk_trace_removals(const struct hk_header *, struct hk_slice authserv_id,
    struct hk_edits *, size_t *ret) HK_MUSTCHECK;

/* hk_trace_private(h, edits, ret): Bcc and Resent-Bcc go out of a user's message: nobody may learn
 * who else gets it (RFC 5322 3.6.3, RFC 6409 8). *ret: how many. */
enum hk_status hk_trace_private(
    const struct hk_header *, struct hk_edits *, size_t *ret) HK_MUSTCHECK;

/* hk_trace_additions(h, received, edits, ret): Message-ID and Date where a user's program left
 * them out (RFC 6409 8.2, 8.3); for submission only. *ret: how many. */
enum hk_status hk_trace_additions(const struct hk_header *, const struct hk_received *,
    struct hk_edits *, size_t *ret) HK_MUSTCHECK;

#endif
