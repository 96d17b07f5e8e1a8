/* SPDX-License-Identifier: MIT
 *
 * dsn.c - the message that tells a sender which recipients were not reached: RFC 3461 6, RFC 3464,
 * RFC 6522.
 *
 * All that others said (replies of hosts, the header of the message) stands in it: quoted, or in a
 * part of its own whose end it cannot forge.
 */
#include <stdio.h>
#include <string.h>

#include <hikyaku/message.h>

#include "engine/owner.h"
#include "engine/trace_fields.h"

/* The body stays an inline one: recipients that do not fit any more are counted, not listed. */
enum { HEADERS_MAX = 64 * 1024, LIST_MAX = 60 * 1024, MAIL_ROOM = 512 * 1024 };

struct dsn {
	const struct hk_conf *conf;
	const struct hk_mail *mail; /* the message that failed */
	const struct hk_rcpt_result *result;
	size_t n;
	const struct hk_now *now;
	char id[HK_MAIL_ID_TEXT], old_id[HK_MAIL_ID_TEXT];
	char boundary[64];
	struct hk_slice headers; /* of the message, as much as is returned */
	bool is_8bit;
};

/* ---- pieces ---- */

static bool has_8bit(struct hk_slice s)
{
	size_t i;

	for (i = 0; i < s.n; i++)
		if (s.p[i] & 0x80)
			return true;
	return false;
}

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

/* No line of the returned header can end its part: the boundary is one that does not stand in it.
 */
static void choose_boundary(struct dsn *d)
{
	unsigned i = 0;

	do
		snprintf(d->boundary, sizeof d->boundary, "=_%s.%u", d->id, i++);
	while (holds(d->headers, hk_slice_str(d->boundary)));
}

static void add_quoted(struct hk_buf *out, struct hk_slice s, size_t max)
{
	hk_quote_add(out, s, max);
}

static struct hk_slice address_of(const struct dsn *d, size_t i)
{
	return d->result[i].rcpt < d->mail->n_rcpt ? d->mail->rcpt[d->result[i].rcpt].address
	                                           : HK_S("unknown");
}

/* RFC 3463: class 4 or 5 with two numbers; what a host said without one gets the general code of
 * its class. */
static const char *status_of(const struct hk_rcpt_result *r)
{
	if ((r->enhanced[0] == '4' || r->enhanced[0] == '5') && r->enhanced[1] == '.')
		return r->enhanced;
	return r->code >= 400 && r->code < 500 ? "4.0.0" : "5.0.0";
}

/* ---- header ---- */

static void add_header(const struct dsn *d, struct hk_buf *out)
{
	struct hk_slice host = d->conf->hostname;

	hk_buf_addf(out, "From: Mail Delivery System <MAILER-DAEMON@%.*s>\r\nTo: <", HK_FMT(host));
	add_quoted(out, d->mail->mail_from, HK_PATH_MAX);
	hk_buf_add_str(out, ">\r\nSubject: Your mail could not be delivered\r\nDate: ");
	hk_date_format(out, d->now->utc, d->now->zone_minutes, hk_slice_str(d->now->zone_name));
	hk_buf_addf(out, "\r\nMessage-ID: <%s@%.*s>\r\n", d->id, HK_FMT(host));
	/* RFC 3834 2, so that no vacation program answers */
	hk_buf_add_str(out, "Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n");
	hk_buf_addf(out,
	    "Content-Type: multipart/report; report-type=delivery-status;\r\n\tboundary=\"%s\"\r\n",
	    d->boundary);
	if (d->is_8bit)
		hk_buf_add_str(out, "Content-Transfer-Encoding: 8bit\r\n");
}

/* ---- the part for people ---- */

static void add_reply(const struct hk_rcpt_result *r, struct hk_buf *out)
{
	if (r->remote[0])
		hk_buf_addf(out, "    %s said: ", r->remote);
	else
		hk_buf_add_str(out, "    ");
	hk_buf_addf(out, "%u %s %s\r\n", r->code, status_of(r), r->text);
}

static void add_text(const struct dsn *d, struct hk_buf *out)
{
	size_t i, from = out->n;

	hk_buf_addf(out, "This is the mail system at %.*s.\r\n\r\n", HK_FMT(d->conf->hostname));
	hk_buf_add_str(out,
	    "Your message could not be delivered to the recipients below, and no\r\n"
	    "further attempt will be made for them. The header of your message "
	    "is\r\nattached.\r\n\r\n");
	for (i = 0; i < d->n && out->n - from < LIST_MAX; i++) {
		hk_buf_add_str(out, "  <");
		add_quoted(out, address_of(d, i), HK_PATH_MAX);
		hk_buf_add_str(out, ">\r\n");
		add_reply(&d->result[i], out);
	}
	if (i < d->n)
		hk_buf_addf(
		    out, "\r\nand %zu more recipients, which are not listed here.\r\n", d->n - i);
}

/* ---- the part for programs ---- */

static void add_recipient(const struct dsn *d, size_t i, struct hk_buf *out)
{
	const struct hk_rcpt_result *r = &d->result[i];
	struct hk_slice remote = hk_slice_str(r->remote);

	hk_buf_add_str(out, "\r\nFinal-Recipient: rfc822; ");
	add_quoted(out, address_of(d, i), HK_PATH_MAX);
	hk_buf_add_str(out, "\r\nOriginal-Recipient: rfc822; ");
	add_quoted(out, address_of(d, i), HK_PATH_MAX);
	hk_buf_addf(out, "\r\nAction: failed\r\nStatus: %s\r\n", status_of(r));
	if (!remote.n)
		return;
	/* RFC 3464 2.3.5: the name alone */
	hk_buf_add_str(out, "Remote-MTA: dns; ");
	add_quoted(out, hk_slice_sub(remote, 0, hk_slice_find(remote, '[')), 255);
	hk_buf_addf(out, "\r\nDiagnostic-Code: smtp; %u", r->code);
	if (r->enhanced[0])
		hk_buf_addf(out, " %s", r->enhanced);
	/* folded: a reply can be longer than a line should be (RFC 5322 2.1.1) */
	hk_buf_addf(out, "\r\n %s\r\n", r->text[0] ? r->text : "(no text)");
}

static void add_status(const struct dsn *d, struct hk_buf *out)
{
	size_t i, from = out->n;

	hk_buf_addf(out, "Reporting-MTA: dns; %.*s\r\n", HK_FMT(d->conf->hostname));
	hk_buf_addf(out, "X-Hikyaku-Queue-ID: %s\r\nX-Hikyaku-Sender: rfc822; ", d->old_id);
	add_quoted(out, d->mail->mail_from, HK_PATH_MAX);
	hk_buf_add_str(out, "\r\nArrival-Date: ");
	hk_date_format(
	    out, d->mail->received, d->now->zone_minutes, hk_slice_str(d->now->zone_name));
	hk_buf_add_str(out, "\r\n");
	for (i = 0; i < d->n && out->n - from < LIST_MAX; i++)
		add_recipient(d, i, out);
}

/* ---- the whole ---- */

static void add_body(const struct dsn *d, struct hk_buf *out)
{
	hk_buf_add_str(out, "This is a MIME message.\r\n");
	hk_buf_addf(
	    out, "\r\n--%s\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n", d->boundary);
	add_text(d, out);
	hk_buf_addf(out, "\r\n--%s\r\nContent-Type: message/delivery-status\r\n\r\n", d->boundary);
	add_status(d, out);
	hk_buf_addf(out, "\r\n--%s\r\nContent-Type: text/rfc822-headers\r\n", d->boundary);
	if (d->is_8bit)
		hk_buf_add_str(out, "Content-Transfer-Encoding: 8bit\r\n");
	hk_buf_add_str(out, "\r\n");
	hk_buf_add(out, d->headers);
	hk_buf_addf(out, "\r\n--%s--\r\n", d->boundary);
}

/* As much of the header as is returned: whole lines. */
static struct hk_slice returned_headers(const struct hk_mail *mail)
{
	struct hk_slice s = mail->header;

	if (s.n <= HEADERS_MAX)
		return s;
	s = hk_slice_sub(s, 0, HEADERS_MAX);
	s.n = hk_slice_rfind(s, '\n') < s.n ? hk_slice_rfind(s, '\n') + 1 : 0;
	return s;
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
		status = hk_arena_fmt(&m->arena, &m->summary, "dsn-for=%s", d->old_id);
	hk_buf_done(&header);
	hk_buf_done(&trace);
	hk_buf_done(&body);
	m->rcpt = hk_arena_array(&m->arena, 1, sizeof *m->rcpt);
	if (status != HK_OK || !m->rcpt)
		return status != HK_OK ? status : m->arena.failed;
	m->n_rcpt = 1;
	return hk_arena_dup(&m->arena, d->mail->mail_from, &m->rcpt[0].address);
}

enum hk_status hk_dsn_make(const struct hk_conf *conf, const struct hk_mail *mail,
    const struct hk_rcpt_result *results, size_t n, const struct hk_now *now, uint64_t id,
    struct hk_mail **ret)
{
	struct dsn d = {.conf = conf, .mail = mail, .result = results, .n = n, .now = now};
	enum hk_status status;
	struct hk_mail *m;

	/* Never to <> (RFC 5321 4.5.5). And never for a message that failed DMARC: the sender it
	 * names did not send it, and would be told of somebody else's spam. */
	if (!mail->mail_from.n || !n || (mail->flags & HK_MAIL_QUARANTINE))
		return HK_NOTFOUND;
	m = hk_mail_new(MAIL_ROOM);
	if (!m)
		return HK_NOMEM;
	hk_mail_id_format(id, d.id);
	hk_mail_id_format(mail->id, d.old_id);
	d.headers = returned_headers(mail);
	d.is_8bit = has_8bit(d.headers);
	choose_boundary(&d);
	m->id = id;
	m->received = now->utc;
	m->flags = HK_MAIL_DSN | (d.is_8bit ? (uint32_t)HK_MAIL_8BIT : 0);
	status = fill(&d, m);
	if (status == HK_OK)
		*ret = m;
	else
		hk_mail_free(m);
	return status;
}
