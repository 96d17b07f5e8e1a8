/* SPDX-License-Identifier: MIT
 *
 * Writing a signature field: its tags, folded, and the list of what is signed.
 */
#include <string.h>

#include <hikyaku/tags.h>

#include "dkim_internal.h"

/* A line is at most 78 columns (RFC 5322 2.1.1) where a tab reaches to the eighth; base64 goes in
 * pieces of 70. */
enum { COLUMNS = 78, TAB = 8, BASE64_PIECE = 70 };

enum hk_status hk_dkim_sign_check(struct hk_slice d, struct hk_slice s, enum hk_sign_alg alg)
{
	if (alg != HK_SIGN_RSA_SHA256 && alg != HK_SIGN_ED25519_SHA256) /* RFC 8301 3.1 */
		return HK_BUG;
	if (!hk_dkim_is_domain(d) || !hk_is_hostname(s, true) ||
	    s.n + sizeof "._domainkey." - 1 + d.n > HK_DNS_NAME_MAX)
		return HK_SYNTAX;
	return HK_OK;
}

/* ---- h= ---------------------------------------------------------------------------------- */

static bool list_has_before(struct hk_slice list, struct hk_slice name)
{
	struct hk_slice item;

	while (hk_tags_item(&list, ':', &item) && item.p != name.p)
		if (hk_slice_eq(item, name))
			return true;
	return false;
}

/* Each name as often as its field occurs, and once more where oversigning: the extra mention
 * matches nothing now and anything that is added later, which then breaks the signature (RFC
 * 6376 5.4, 8.15). A signature that is added later breaks nothing (5.4). */
enum hk_status hk_dkim_list_names(
    const struct hk_header *header, struct hk_slice list, bool oversign, struct hk_buf *out)
{
	struct hk_slice rest = list, name;
	bool has_from = false;
	size_t total = 0;

	while (hk_tags_item(&rest, ':', &name)) {
		size_t count = hk_header_count(header, name), i;

		if (!hk_dkim_is_field_name(name))
			return HK_BUG;
		if (list_has_before(list, name))
			continue;
		if (hk_slice_eq(name, HK_S("from"))) {
			has_from = true;
			if (count == 0)
				return HK_SYNTAX; /* 5.4: From MUST be signed, so there must be one
				                   */
		}
		if (oversign && !hk_slice_eq(name, HK_S("dkim-signature")))
			count++;
		total += count;
		if (total > HK_DKIM_MAX_HEADERS)
			return HK_LIMIT;
		for (i = 0; i < count; i++) {
			if (out->n)
				hk_buf_add_byte(out, ':');
			hk_buf_add(out, name);
		}
	}
	return has_from ? hk_buf_status(out) : HK_BUG;
}

/* ---- the field, folded ------------------------------------------------------------------- */

void hk_dkim_fold_line(struct hk_dkim_fold *f)
{
	hk_buf_add_str(f->out, "\r\n\t");
	f->column = TAB;
}

void hk_dkim_fold_text(struct hk_dkim_fold *f, struct hk_slice text)
{
	hk_buf_add(f->out, text);
	f->column += text.n;
}

void hk_dkim_fold_tag(struct hk_dkim_fold *f, const char *tag, struct hk_slice value)
{
	size_t n = strlen(tag) + value.n + 1;

	if (f->column + 1 + n > COLUMNS)
		hk_dkim_fold_line(f);
	else
		hk_dkim_fold_text(f, HK_S(" "));
	hk_dkim_fold_text(f, hk_slice_str(tag));
	hk_dkim_fold_text(f, value);
	hk_dkim_fold_text(f, HK_S(";"));
}

static void take_failure(struct hk_dkim_fold *f, const struct hk_buf *b)
{
	if (hk_buf_status(b) != HK_OK && hk_buf_status(f->out) == HK_OK)
		f->out->failed = hk_buf_status(b);
}

void hk_dkim_fold_number(struct hk_dkim_fold *f, const char *tag, int64_t number)
{
	struct hk_buf b;

	hk_buf_init(&b, 32);
	hk_buf_addf(&b, "%lld", (long long)number);
	hk_dkim_fold_tag(f, tag, hk_buf_slice(&b));
	take_failure(f, &b);
	hk_buf_done(&b);
}

void hk_dkim_fold_base64(struct hk_dkim_fold *f, const char *tag, struct hk_slice octets)
{
	struct hk_buf b;

	hk_buf_init(&b, (size_t)HK_SIGNATURE_MAX * 2);
	hk_base64_add(&b, octets);
	hk_dkim_fold_tag(f, tag, hk_buf_slice(&b));
	take_failure(f, &b);
	hk_buf_done(&b);
}

/* h= begins a line, and is folded after its colons. */
void hk_dkim_fold_names(struct hk_dkim_fold *f, struct hk_slice list)
{
	struct hk_slice name;

	hk_dkim_fold_line(f);
	hk_dkim_fold_text(f, HK_S("h="));
	while (hk_tags_item(&list, ':', &name)) {
		if (f->column + name.n + 1 > COLUMNS) {
			hk_dkim_fold_line(f);
			hk_dkim_fold_text(f, HK_S(" "));
		}
		hk_dkim_fold_text(f, name);
		hk_dkim_fold_text(f, list.p ? HK_S(":") : HK_S(";"));
	}
}

struct hk_field hk_dkim_prefix_field(struct hk_slice prefix)
{
	size_t colon = hk_slice_find(prefix, ':');

	/* the final CRLF is not part of the value */
	return (struct hk_field){.raw = prefix,
	    .name = hk_slice_sub(prefix, 0, colon),
	    .value = hk_slice_sub(prefix, colon + 1, prefix.n - colon - 3)};
}

enum hk_status hk_dkim_fold_signature(
    struct hk_slice prefix, struct hk_slice signature, struct hk_buf *out)
{
	struct hk_slice text;
	struct hk_buf b;
	size_t i;

	if (!signature.n || signature.n > HK_SIGNATURE_MAX)
		return HK_BUG;
	hk_buf_init(&b, (size_t)HK_SIGNATURE_MAX * 2);
	hk_base64_add(&b, signature);
	text = hk_buf_slice(&b);
	hk_buf_add(out, hk_slice_sub(prefix, 0, prefix.n - 2));
	for (i = 0; i < text.n; i += BASE64_PIECE) {
		if (i)
			hk_buf_add_str(out, "\r\n\t");
		hk_buf_add(out, hk_slice_sub(text, i, BASE64_PIECE));
	}
	hk_buf_add_str(out, "\r\n");
	if (hk_buf_status(&b) != HK_OK && hk_buf_status(out) == HK_OK)
		out->failed = hk_buf_status(&b);
	hk_buf_done(&b);
	return hk_buf_status(out);
}
