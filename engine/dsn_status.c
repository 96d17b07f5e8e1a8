/* SPDX-License-Identifier: MIT
 *
 * dsn_status.c - what programs read: RFC 3464 2, and with UTF-8 RFC 6533 4.1.
 */
#include <stdio.h>

#include "engine/dsn_internal.h"
#include "engine/utf8_address.h"
#include "lib/base/base_internal.h"

/* ---- addresses ------------------------------------------------------------------------------- */

/* As it is where all of it can be printed, or a backslash in it would make another address of it; quoted otherwise. */
static void add_printable(struct hk_slice s, size_t max, struct hk_buf *out)
{
	size_t i;

	for (i = 0; i < s.n && s.p[i] >= 0x20 && s.p[i] < 0x7f; i++)
		;
	if (i == s.n && s.n <= max)
		hk_buf_add(out, s);
	else
		hk_quote_add(out, s, max);
}

void dsn_text_address_add(const struct dsn *d, struct hk_slice address, struct hk_buf *out)
{
	if (d->is_global && hk_utf8_is_clean(address))
		hk_buf_add(out, address);
	else
		add_printable(address, HK_PATH_MAX, out);
}

static void add_typed_address(const struct dsn *d, struct hk_slice address, struct hk_buf *out)
{
	if (hk_slice_is_ascii(address) || !hk_utf8_is_clean(address)) {
		hk_buf_add_str(out, "rfc822; ");
		add_printable(address, HK_PATH_MAX, out);
	} else if (d->is_global) {
		hk_buf_add_str(out, "utf-8; ");
		hk_buf_add(out, address);
	} else {
		hk_buf_add_str(out, "utf-8; ");
		hk_utf8_xtext_add(out, address);
	}
}

/* What the sender called him (RFC 3461 6.3 b): the type as it was, the address decoded. */
static void add_original(const struct dsn *d, struct hk_slice orcpt, struct hk_buf *out)
{
	struct hk_slice type = hk_slice_sub(orcpt, 0, hk_slice_find(orcpt, ';'));
	struct hk_slice address = hk_slice_from(orcpt, type.n + 1), plain;
	bool is_utf8 = hk_slice_eq_nocase(type, HK_S("utf-8"));
	struct hk_arena a;

	if (!address.n)
		return;
	hk_buf_add_str(out, "Original-Recipient: ");
	hk_quote_add(out, type, HK_SMTP_ORCPT_MAX);
	hk_buf_add_str(out, "; ");
	hk_arena_init(&a, 4096);
	if (is_utf8 && d->is_global)
		hk_utf8_raised_add(out, address);
	else if (is_utf8)
		hk_buf_add(out, address); /* printable: the server saw to it */
	else
		add_printable(hk_xtext_parse(&a, address, &plain) == HK_OK ? plain : address, HK_SMTP_ORCPT_MAX, out);
	hk_arena_done(&a);
	hk_buf_add_str(out, "\r\n");
}

/* ---- fields ---------------------------------------------------------------------------------- */

static void add_date(const struct dsn *d, const char *name, int64_t utc, struct hk_buf *out)
{
	hk_buf_addf(out, "%s: ", name);
	hk_date_format(out, utc, d->now->zone_minutes, hk_slice_str(d->now->zone_name));
	hk_buf_add_str(out, "\r\n");
}

static int64_t lifetime_of(const struct dsn *d, struct hk_slice address)
{
	const struct hk_conf_route *route =
	    hk_conf_find_route(d->conf, hk_slice_from(address, hk_slice_rfind(address, '@') + 1));

	return route ? route->lifetime : d->conf->lifetime;
}

static void add_recipient(const struct dsn *d, size_t i, struct hk_buf *out)
{
	const struct hk_rcpt_result *r = &d->result[i];
	struct hk_slice remote = hk_slice_str(r->remote);

	hk_buf_add_str(out, "\r\n");
	if (r->rcpt < d->mail->n_rcpt)
		add_original(d, d->mail->rcpt[r->rcpt].params.orcpt, out);
	hk_buf_add_str(out, "Final-Recipient: ");
	add_typed_address(d, dsn_address(d, i), out);
	hk_buf_addf(out, "\r\nAction: %s\r\nStatus: %s\r\n", dsn_action_name(r), dsn_status_of(r));
	if (remote.n) {
		/* RFC 3464 2.3.5: the name alone */
		hk_buf_add_str(out, "Remote-MTA: dns; ");
		hk_buf_add_str(out, hk_log_quote(hk_slice_sub(remote, 0, hk_slice_find(remote, '['))).text);
		/* 2.3.6, RFC 3461 9.2: smtp is for what was replied */
		hk_buf_addf(out, "\r\nDiagnostic-Code: %s; %u", r->is_ours ? "x-hikyaku" : "smtp", r->code);
		if (r->enhanced[0])
			hk_buf_addf(out, " %s", r->enhanced);
		/* folded: a reply can be longer than a line should be (RFC 5322 2.1.1), but no line is blank (3.2.2) */
		hk_buf_addf(out, "\r\n %s\r\n", hk_slice_trim(hk_slice_str(r->text)).n ? hk_log_quote(hk_slice_str(r->text)).text : "(no text)");
	}
	if (dsn_action_of(r) == DSN_DELAYED)
		add_date(d, "Will-Retry-Until", d->mail->received + lifetime_of(d, dsn_address(d, i)), out);
}

static void add_envelope_id(const struct dsn *d, struct hk_buf *out)
{
	struct hk_slice plain;
	struct hk_arena a;

	if (!d->mail->params.envid.n)
		return;
	hk_arena_init(&a, 4096);
	if (hk_xtext_parse(&a, d->mail->params.envid, &plain) == HK_OK) {
		hk_buf_add_str(out, "Original-Envelope-Id: ");
		add_printable(plain, HK_SMTP_ENVID_MAX, out);
		hk_buf_add_str(out, "\r\n");
	}
	hk_arena_done(&a);
}

void dsn_status_add(const struct dsn *d, struct hk_buf *out)
{
	size_t i, from = out->n;

	add_envelope_id(d, out);
	hk_buf_addf(out, "Reporting-MTA: dns; %.*s\r\n", HK_FMT(d->conf->hostname));
	hk_buf_addf(out, "X-Hikyaku-Queue-ID: %s\r\nX-Hikyaku-Sender: ", d->old_id);
	add_typed_address(d, d->mail->mail_from, out);
	hk_buf_add_str(out, "\r\n");
	add_date(d, "Arrival-Date", d->mail->received, out);
	/* RFC 2852, which adds it to the fields of RFC 3464 2.2: by when the sender wanted it delivered */
	if (d->mail->params.has_by)
		add_date(d, "Deliver-By-Date", d->mail->received + d->mail->params.by_seconds, out);
	for (i = 0; i < d->n && out->n - from < DSN_LIST_MAX; i++)
		add_recipient(d, i, out);
}
