/* SPDX-License-Identifier: MIT
 *
 * trace_fields.c - Received, and what is taken out of a header on its way in.
 */
#include <string.h>

#include <hikyaku/authres.h>

#include "engine/trace_fields.h"

void hk_protocol_add(const struct hk_received *r, struct hk_buf *out)
{
	static const char *const base[][2] = {
	    [HK_PROTO_SMTP] = {"SMTP", "SMTP"},
	    [HK_PROTO_ESMTP] = {"ESMTP", "UTF8SMTP"},
	    [HK_PROTO_LMTP] = {"LMTP", "UTF8LMTP"},
	};

	hk_buf_add_str(out, base[r->proto][r->is_utf8]);
	/* RFC 3848: HELO inside of TLS has no word there, and is named by what it is */
	if (r->proto == HK_PROTO_SMTP)
		return;
	if (r->is_tls)
		hk_buf_add_byte(out, 'S');
	if (r->is_authenticated)
		hk_buf_add_byte(out, 'A');
}

/* A name from outside inside of a structured field: what could end a token or open a comment
 * becomes '?'. */
static void add_name(struct hk_buf *out, struct hk_slice name)
{
	size_t i;

	if (!name.n)
		hk_buf_add_str(out, "unknown");
	for (i = 0; i < name.n && i < HK_DOMAIN_MAX; i++) {
		uint8_t c = name.p[i];

		hk_buf_add_byte(out, hk_is_alnum(c) || (c && strchr("-._:[]", c)) ? c : '?');
	}
}

/* Inside of a comment parentheses and backslashes would need quoting (RFC 5322 3.2.2). */
static void add_comment(struct hk_buf *out, struct hk_slice text)
{
	size_t i;

	hk_buf_add_byte(out, '(');
	for (i = 0; i < text.n; i++)
		hk_buf_add_byte(out, text.p[i] < ' ' || text.p[i] > '~' || strchr("()\\", text.p[i])
		                         ? '?'
		                         : text.p[i]);
	hk_buf_add_byte(out, ')');
}

/* RFC 5321 4.1.3: an IPv6 address has a tag */
static void add_literal(struct hk_buf *out, const struct hk_ip *ip)
{
	char text[HK_IP_TEXT_MAX];

	hk_ip_format(ip, text);
	hk_buf_addf(out, "[%s%s]", ip->family == 6 ? "IPv6:" : "", ip->family ? text : "unknown");
}

static bool is_printable(struct hk_slice s)
{
	size_t i;

	for (i = 0; i < s.n; i++)
		if (s.p[i] < ' ' || s.p[i] > '~')
			return false;
	return s.n > 0;
}

void hk_received_format(const struct hk_received *r, struct hk_buf *out)
{
	hk_buf_add_str(out, "Received: from ");
	add_name(out, r->helo);
	hk_buf_add_str(out, " (");
	add_name(out, r->reverse);
	hk_buf_add_byte(out, ' ');
	add_literal(out, &r->client);
	hk_buf_add_str(out, ")\r\n\tby ");
	add_name(out, r->host);
	hk_buf_add_byte(out, ' ');
	add_comment(out, r->product);
	hk_buf_add_str(out, " with ");
	hk_protocol_add(r, out);
	hk_buf_addf(out, " id %s", r->id);
	if (is_printable(r->rcpt))
		hk_buf_addf(out, "\r\n\tfor <%.*s>", HK_FMT(r->rcpt));
	hk_buf_add_str(out, "; ");
	hk_date_format(out, r->now->utc, r->now->zone_minutes, hk_slice_str(r->now->zone_name));
	hk_buf_add_str(out, "\r\n");
}

void hk_received_local_format(struct hk_slice host, struct hk_slice product, const char *id,
    const struct hk_now *now, struct hk_buf *out)
{
	hk_buf_add_str(out, "Received: by ");
	add_name(out, host);
	hk_buf_add_byte(out, ' ');
	add_comment(out, product);
	hk_buf_addf(out, " id %s; ", id);
	hk_date_format(out, now->utc, now->zone_minutes, hk_slice_str(now->zone_name));
	hk_buf_add_str(out, "\r\n");
}

enum hk_status hk_trace_private(const struct hk_header *h, struct hk_edits *edits, size_t *ret)
{
	size_t i, n = 0;

	for (i = 0; i < h->n; i++) {
		enum hk_status status;

		/* no message of a mail program has Resent-Bcc either, once it is on its way */
		if (!hk_slice_eq_nocase(h->field[i].name, HK_S("Bcc")) &&
		    !hk_slice_eq_nocase(h->field[i].name, HK_S("Resent-Bcc")))
			continue;
		status = hk_edits_remove(edits, i);
		if (status != HK_OK)
			return status;
		n++;
	}
	*ret = n;
	return HK_OK;
}

/* Fields that only the receiving side writes
 * (draft-brand-indicators-for-message-identification 7.8). */
static const char *const receiver_only[] = {"BIMI-Location", "BIMI-Indicator", "BIMI-Logo-Preference", "X-Hikyaku-Listed"};

static bool is_receiver_only(struct hk_slice name)
{
	size_t i;

	for (i = 0; i < sizeof receiver_only / sizeof receiver_only[0]; i++)
		if (hk_slice_eq_nocase(name, hk_slice_str(receiver_only[i])))
			return true;
	return false;
}

enum hk_status hk_trace_removals(
    const struct hk_header *h, struct hk_slice authserv_id, struct hk_edits *edits, size_t *ret)
{
	size_t i, n = 0;

	for (i = 0; i < h->n; i++) {
		enum hk_status status;

		if (!is_receiver_only(h->field[i].name) &&
		    !hk_authres_is_ours(&h->field[i], authserv_id))
			continue;
		status = hk_edits_remove(edits, i);
		if (status != HK_OK)
			return status;
		n++;
	}
	*ret = n;
	return HK_OK;
}

static enum hk_status insert(
    const struct hk_header *h, struct hk_edits *edits, struct hk_buf *field)
{
	enum hk_status status = hk_buf_status(field);

	if (status == HK_OK)
		status = hk_edits_insert(edits, h->n, hk_buf_slice(field));
	hk_buf_done(field);
	return status;
}

enum hk_status hk_trace_additions(
    const struct hk_header *h, const struct hk_received *r, struct hk_edits *edits, size_t *ret)
{
	enum hk_status status = HK_OK;
	struct hk_buf field;
	size_t n = 0;

	if (!hk_header_count(h, HK_S("Message-ID"))) {
		hk_buf_init(&field, 1024);
		hk_buf_addf(&field, "Message-ID: <%s@", r->id);
		add_name(&field, r->host);
		hk_buf_add_str(&field, ">\r\n");
		status = insert(h, edits, &field);
		n++;
	}
	if (status == HK_OK && !hk_header_count(h, HK_S("Date"))) {
		hk_buf_init(&field, 1024);
		hk_buf_add_str(&field, "Date: ");
		hk_date_format(&field, r->now->utc, r->now->zone_minutes, (struct hk_slice){0});
		hk_buf_add_str(&field, "\r\n");
		status = insert(h, edits, &field);
		n++;
	}
	if (status == HK_OK)
		*ret = n;
	return status;
}
