/* SPDX-License-Identifier: MIT
 *
 * The table of extensions, and the parameters of MAIL and RCPT as they are written.
 */
#include "lib/base/base_internal.h"
#include "smtp_internal.h"

static const struct {
	const char *keyword, *source, *sentence;
} extensions[HK_EXT_COUNT] = {
#define X(id, keyword, source, sentence) {keyword, source, sentence},
    HK_SMTP_EXTENSION_TABLE(X)
#undef X
};

const char *hk_smtp_extension_keyword(enum hk_smtp_extension e)
{
	return e < HK_EXT_COUNT ? extensions[e].keyword : "";
}

const char *hk_smtp_extension_source(enum hk_smtp_extension e)
{
	return e < HK_EXT_COUNT ? extensions[e].source : "";
}

const char *hk_smtp_extension_sentence(enum hk_smtp_extension e)
{
	return e < HK_EXT_COUNT ? extensions[e].sentence : "";
}

enum hk_status hk_smtp_extension_parse(struct hk_slice keyword, enum hk_smtp_extension *ret)
{
	size_t i;

	for (i = 0; i < HK_EXT_COUNT; i++) {
		if (hk_slice_eq_nocase(keyword, hk_slice_str(extensions[i].keyword))) {
			*ret = (enum hk_smtp_extension)i;
			return HK_OK;
		}
	}
	return HK_NOTFOUND;
}

/* ---- xtext (RFC 3461 4) ---- */

static bool is_xchar(uint8_t c)
{
	return hk_is_graph(c) && c != '+' && c != '=';
}

enum hk_status hk_xtext_parse(struct hk_arena *a, struct hk_slice text, struct hk_slice *ret)
{
	uint8_t *out = hk_arena_alloc(a, text.n + 1);
	size_t i, n = 0;

	if (!out)
		return a->failed;
	for (i = 0; i < text.n; i++) {
		int high, low;

		if (is_xchar(text.p[i])) {
			out[n++] = text.p[i];
			continue;
		}
		if (text.p[i] != '+' || text.n - i < 3)
			return HK_SYNTAX;
		high = hk_hex_value_upper(text.p[i + 1]);
		low = hk_hex_value_upper(text.p[i + 2]);
		if (high < 0 || low < 0)
			return HK_SYNTAX;
		out[n++] = (uint8_t)(high << 4 | low);
		i += 2;
	}
	*ret = hk_slice_of(out, n);
	return HK_OK;
}

void hk_xtext_add(struct hk_buf *b, struct hk_slice text)
{
	size_t i;

	for (i = 0; i < text.n; i++) {
		if (is_xchar(text.p[i]))
			hk_buf_add_byte(b, text.p[i]);
		else
			hk_buf_addf(b, "+%02X", text.p[i]);
	}
}

/* ---- parameters ---- */

static void add_body(struct hk_buf *b, enum hk_smtp_body body, unsigned offered)
{
	if (body == HK_BODY_BINARYMIME && (offered & HK_EXT(BINARYMIME)))
		hk_buf_add_str(b, " BODY=BINARYMIME");
	else if (body == HK_BODY_8BITMIME && (offered & HK_EXT(8BITMIME)))
		hk_buf_add_str(b, " BODY=8BITMIME");
}

void hk_smtp_mail_params_add(
    struct hk_buf *b, const struct hk_smtp_mail_params *p, unsigned offered)
{
	if (p->has_size && (offered & HK_EXT(SIZE)))
		hk_buf_addf(b, " SIZE=%llu", (unsigned long long)p->size);
	add_body(b, p->body, offered);
	if (p->smtputf8 && (offered & HK_EXT(SMTPUTF8)))
		hk_buf_add_str(b, " SMTPUTF8");
	if (p->require_tls && (offered & HK_EXT(REQUIRETLS)))
		hk_buf_add_str(b, " REQUIRETLS");
	if (p->ret && (offered & HK_EXT(DSN)))
		hk_buf_add_str(b, p->ret == HK_RET_FULL ? " RET=FULL" : " RET=HDRS");
	if (p->envid.n && (offered & HK_EXT(DSN))) {
		hk_buf_add_str(b, " ENVID=");
		hk_buf_add(b, p->envid);
	}
	if (p->auth.n && (offered & HK_EXT(AUTH))) {
		hk_buf_add_str(b, " AUTH=");
		hk_buf_add(b, p->auth);
	}
	if (p->has_by && (offered & HK_EXT(DELIVERBY)))
		hk_buf_addf(b, " BY=%ld;%s%s", (long)p->by_seconds, p->by_return ? "R" : "N",
		    p->by_trace ? "T" : "");
}

void hk_smtp_rcpt_params_add(
    struct hk_buf *b, const struct hk_smtp_rcpt_params *p, unsigned offered)
{
	static const struct {
		unsigned bit;
		const char *word;
	} words[] = {{HK_NOTIFY_NEVER, "NEVER"}, {HK_NOTIFY_SUCCESS, "SUCCESS"},
	    {HK_NOTIFY_FAILURE, "FAILURE"}, {HK_NOTIFY_DELAY, "DELAY"}};
	const char *before = " NOTIFY=";
	size_t i;

	if ((offered & HK_EXT(DSN)) == 0)
		return;
	for (i = 0; i < sizeof words / sizeof words[0]; i++) {
		if (p->notify & words[i].bit) {
			hk_buf_add_str(b, before);
			hk_buf_add_str(b, words[i].word);
			before = ",";
		}
	}
	if (p->orcpt.n) {
		hk_buf_add_str(b, " ORCPT=");
		hk_buf_add(b, p->orcpt);
	}
}
