/* SPDX-License-Identifier: MIT
 *
 * dsn.c - the message that tells a sender what became of recipients: RFC 3461 6, RFC 3464, RFC 6522, RFC 6533.
 *
 * All that others said (replies of hosts, the header of the message) stands in it: quoted, or in a
 * part of its own whose end it cannot forge.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hikyaku/message.h>

#include "engine/dsn_internal.h"
#include "engine/trace_fields.h"
#include "engine/utf8_address.h"
#include "lib/base/base_internal.h"
#include "lib/base/bug.h"

enum { MAIL_ROOM = 512 * 1024, RETURN_ROOM = 2 * DSN_RETURN_MAX };

/* ---- what is due ---- */

enum dsn_action dsn_action_of(const struct hk_rcpt_result *r)
{
	if (r->outcome == HK_RCPT_DELIVERED)
		return r->handing == HK_HANDED_FINAL ? DSN_DELIVERED : DSN_RELAYED;
	return r->outcome == HK_RCPT_PENDING ? DSN_DELAYED : DSN_FAILED;
}

/* RFC 3464 2.3.3 */
const char *dsn_action_name(const struct hk_rcpt_result *r)
{
	static const char *const names[DSN_ACTIONS] = {"failed", "delayed", "delivered", "relayed"};

	return names[dsn_action_of(r)];
}

bool hk_dsn_is_due(const struct hk_rcpt_result *r, unsigned notify)
{
	switch (r->outcome) {
	case HK_RCPT_FAILED:
		return !notify || (notify & HK_NOTIFY_FAILURE);
	case HK_RCPT_DELIVERED:
		if (r->handing == HK_HANDED_TRACED)
			return !(notify & HK_NOTIFY_NEVER);
		return (notify & HK_NOTIFY_SUCCESS) && r->handing != HK_HANDED_ON;
	case HK_RCPT_PENDING:
		return !notify || (notify & HK_NOTIFY_DELAY);
	default:
		return false;
	}
}

/* ---- pieces ---- */

static bool holds(struct hk_slice s, struct hk_slice needle)
{
	size_t at;

	for (at = 0; at + needle.n <= s.n; at++) {
		at += hk_slice_find(hk_slice_from(s, at), needle.p[0]);
		if (at + needle.n <= s.n && memcmp(s.p + at, needle.p, needle.n) == 0)
			return true;
	}
	return false;
}

/* No line of what is returned can end its part: the boundary is one that does not stand in it. */
static void choose_boundary(struct dsn *d)
{
	unsigned i = 0;

	do
		snprintf(d->boundary, sizeof d->boundary, "=_%s.%u", d->id, i++);
	while (holds(hk_buf_slice(&d->returned), hk_slice_str(d->boundary)));
}

struct hk_slice dsn_address(const struct dsn *d, size_t i)
{
	return d->result[i].rcpt < d->mail->n_rcpt ? d->mail->rcpt[d->result[i].rcpt].address
	                                           : HK_S("unknown");
}

/* RFC 3463: class and two numbers; what a host said without one gets the general code of its class. */
const char *dsn_status_of(const struct hk_rcpt_result *r)
{
	bool has = r->enhanced[0] && r->enhanced[1] == '.';

	if (r->outcome == HK_RCPT_DELIVERED)
		return has && r->enhanced[0] == '2' ? r->enhanced : "2.0.0";
	if (has && (r->enhanced[0] == '4' || r->enhanced[0] == '5'))
		return r->enhanced;
	return r->code >= 400 && r->code < 500 ? "4.0.0" : "5.0.0";
}

/* ---- header ---- */

static void add_header(const struct dsn *d, struct hk_buf *out)
{
	/* the gravest stands first: see sorted() */
	static const char *const subjects[DSN_ACTIONS] = {"Your mail could not be delivered",
	    "Your mail is delayed", "Your mail was delivered", "Your mail was passed on"};
	struct hk_slice host = d->conf->hostname;

	hk_buf_addf(out, "From: Mail Delivery System <MAILER-DAEMON@%.*s>\r\nTo: <", HK_FMT(host));
	dsn_text_address_add(d, d->mail->mail_from, out);
	hk_buf_addf(out, ">\r\nSubject: %s\r\nDate: ", subjects[dsn_action_of(&d->result[0])]);
	hk_date_format(out, d->now->utc, d->now->zone_minutes, hk_slice_str(d->now->zone_name));
	hk_buf_addf(out, "\r\nMessage-ID: <%s@%.*s>\r\n", d->id, HK_FMT(host));
	/* RFC 3834 2, so that no vacation program answers */
	hk_buf_add_str(out, "Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n");
	hk_buf_addf(out,
	    "Content-Type: multipart/report; report-type=delivery-status;\r\n\tboundary=\"%s\"\r\n",
	    d->boundary);
	if (d->is_8bit || d->is_global)
		hk_buf_add_str(out, "Content-Transfer-Encoding: 8bit\r\n");
}

/* ---- the part for people ---- */

static void add_reply(const struct hk_rcpt_result *r, struct hk_buf *out)
{
	if (r->remote[0])
		hk_buf_addf(out, "    %s%s: ", hk_log_quote(hk_slice_str(r->remote)).text, r->is_ours ? "" : " said");
	else
		hk_buf_add_str(out, "    ");
	hk_buf_addf(out, "%u %s %s\r\n", r->code, dsn_status_of(r), hk_log_quote(hk_slice_str(r->text)).text);
}

/* What became of the hosts before the last one; once for recipients that went together. */
static void add_tried(const struct dsn *d, size_t i, struct hk_buf *out)
{
	struct hk_slice rest = d->result[i].tried;

	if (!rest.n || (i && d->result[i - 1].tried.p == rest.p))
		return;
	hk_buf_add_str(out, "    The last attempt went so:\r\n");
	while (rest.n) {
		size_t n = hk_slice_find(rest, '\n');

		hk_buf_addf(out, "      %.*s\r\n", HK_FMT(hk_slice_sub(rest, 0, n)));
		rest = hk_slice_from(rest, n + 1);
	}
}

static void add_text(const struct dsn *d, struct hk_buf *out)
{
	static const char *const sentences[DSN_ACTIONS] = {
	    "Your message could not be delivered to the recipients below, and no\r\n"
	    "further attempt will be made for them.",
	    "Your message could not be delivered yet to the recipients below. It will\r\n"
	    "be tried again; there is nothing that you need to do.",
	    "Your message was delivered to the recipients below.",
	    "Your message was passed on for the recipients below, to a system that\r\n"
	    "will not tell you what becomes of it."};
	size_t i, from = out->n;

	hk_buf_addf(out, "This is the mail system at %.*s.\r\n", HK_FMT(d->conf->hostname));
	for (i = 0; i < d->n && out->n - from < DSN_LIST_MAX; i++) {
		enum dsn_action action = dsn_action_of(&d->result[i]);

		if (i == 0 || action != dsn_action_of(&d->result[i - 1]))
			hk_buf_addf(out, "\r\n%s%s\r\n\r\n", sentences[action],
			    i ? "" : d->is_full ? " Your message is attached." : " The header of your message is\r\nattached.");
		hk_buf_add_str(out, "  <");
		dsn_text_address_add(d, dsn_address(d, i), out);
		hk_buf_add_str(out, ">\r\n");
		add_reply(&d->result[i], out);
		add_tried(d, i, out);
	}
	if (i < d->n)
		hk_buf_addf(
		    out, "\r\nand %zu more recipients, which are not listed here.\r\n", d->n - i);
}

/* ---- the whole ---- */

static void add_body(const struct dsn *d, struct hk_buf *out)
{
	static const char eight[] = "Content-Transfer-Encoding: 8bit\r\n";

	hk_buf_add_str(out, "This is a MIME message.\r\n");
	hk_buf_addf(out, "\r\n--%s\r\nContent-Type: text/plain; charset=%s\r\n%s\r\n", d->boundary,
	    d->is_global ? "utf-8" : "us-ascii", d->is_global ? eight : "");
	add_text(d, out);
	hk_buf_addf(out, "\r\n--%s\r\nContent-Type: message/%sdelivery-status\r\n%s\r\n", d->boundary,
	    d->is_global ? "global-" : "", d->is_global ? eight : "");
	dsn_status_add(d, out);
	hk_buf_addf(out, "\r\n--%s\r\n", d->boundary);
	hk_buf_add(out, hk_buf_slice(&d->returned));
	hk_buf_addf(out, "\r\n--%s--\r\n", d->boundary);
}

static enum hk_status keep(struct hk_mail *m, const struct hk_buf *b, struct hk_slice *ret)
{
	return hk_buf_status(b) == HK_OK ? hk_arena_dup(&m->arena, hk_buf_slice(b), ret)
	                                 : hk_buf_status(b);
}

static enum hk_status fill(const struct dsn *d, struct hk_mail *m)
{
	struct hk_buf header, trace, body;
	enum hk_status status;

	hk_buf_init(&header, 8 * 1024);
	hk_buf_init(&trace, 2 * 1024);
	hk_buf_init(&body, HK_BODY_INLINE_MAX);
	add_header(d, &header);
	hk_received_local_format(d->conf->hostname, d->conf->product, d->id, d->now, &trace);
	add_body(d, &body);
	m->body_size = body.n;
	status = keep(m, &header, &m->header);
	if (status == HK_OK)
		status = keep(m, &trace, &m->trace);
	if (status == HK_OK)
		status = keep(m, &body, &m->body);
	if (status == HK_OK)
		status = hk_arena_fmt(&m->arena, &m->summary, "qid=%s ev=report action=%s", d->old_id, dsn_action_name(&d->result[0]));
	hk_buf_done(&header);
	hk_buf_done(&trace);
	hk_buf_done(&body);
	m->rcpt = hk_arena_array(&m->arena, 1, sizeof *m->rcpt);
	if (status != HK_OK || !m->rcpt)
		return status != HK_OK ? status : m->arena.failed;
	m->n_rcpt = 1;
	return hk_arena_dup(&m->arena, d->mail->mail_from, &m->rcpt[0].address);
}

/* The results with the gravest action first: that one gives the subject. Returns owned; NULL when out of memory. */
static struct hk_rcpt_result *sorted(const struct hk_rcpt_result *results, size_t n)
{
	struct hk_rcpt_result *list = calloc(n, sizeof *list);
	size_t i, at = 0;
	unsigned action;

	for (action = 0; list && action < DSN_ACTIONS; action++)
		for (i = 0; i < n; i++)
			if (dsn_action_of(&results[i]) == action)
				list[at++] = results[i];
	return list;
}

static enum hk_status make(struct dsn *d, uint64_t id, struct hk_mail **ret)
{
	enum hk_status status = dsn_return_make(d);
	struct hk_mail *m = status == HK_OK ? hk_mail_new(MAIL_ROOM) : NULL;

	if (status == HK_OK && !m)
		status = HK_NOMEM;
	if (status != HK_OK)
		return status;
	choose_boundary(d);
	m->id = id;
	m->received = d->now->utc;
	m->flags = HK_MAIL_DSN;
	if (d->is_8bit || d->is_global)
		m->flags |= HK_MAIL_8BIT;
	m->params.smtputf8 = d->is_global;
	/* RFC 8689 5: a bounce of such a message needs TLS as it did, as far as it can be had */
	m->params.require_tls = d->mail->params.require_tls;
	status = fill(d, m);
	if (status == HK_OK)
		*ret = m;
	else
		hk_mail_free(m);
	return status;
}

enum hk_status hk_dsn_make(const struct hk_conf *conf, const struct hk_mail *mail,
    const struct hk_rcpt_result *results, size_t n, const struct hk_now *now, uint64_t id,
    struct hk_mail **ret)
{
	struct dsn d = {.conf = conf, .mail = mail, .n = n, .now = now};
	struct hk_rcpt_result *list;
	enum hk_status status;

	/* Never to <> (RFC 5321 4.5.5). And never for a message that failed DMARC: the sender it
	 * names did not send it, and would be told of somebody else's spam. */
	if ((!mail->mail_from.n && !HK_BUG(BOUNCE_TO_NOBODY)) || !n || (mail->flags & HK_MAIL_QUARANTINE))
		return HK_NOTFOUND;
	d.result = list = sorted(results, n);
	if (!list)
		return HK_NOMEM;
	hk_mail_id_format(id, d.id);
	hk_mail_id_format(mail->id, d.old_id);
	d.has_failed = dsn_action_of(&list[0]) == DSN_FAILED;
	d.is_global = !hk_slice_is_ascii(mail->mail_from);
	hk_buf_init(&d.returned, RETURN_ROOM);
	status = make(&d, id, ret);
	hk_buf_done(&d.returned);
	free(list);
	return status;
}
