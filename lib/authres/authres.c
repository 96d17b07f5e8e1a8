/* SPDX-License-Identifier: MIT */
#include <string.h>

#include <hikyaku/authres.h>

enum {
	LINE_MAX = 990,  /* RFC 5322 2.1.1 allows 998 */
	VALUE_MAX = 320, /* of one value as written: a path of 256 (RFC 5321 4.5.3.1.3) and some
	                    escapes; two fit in a line */
	PART_MAX = 2048, /* the longest part is a comment with two values */
	B_SHOWN = 8,     /* RFC 6008 4: this much of b= names a signature */
};

struct writer {
	struct hk_buf *out;
	struct hk_buf part; /* what must stand on one line */
	size_t line_from;   /* where the line begins in out */
};

/* ---- words ------------------------------------------------------------------------------- */

/* token of RFC 2045 5.1, which is what RFC 8601 2.2 leaves unquoted */
static bool is_token_byte(uint8_t c)
{
	return hk_is_graph(c) && !strchr("()<>@,;:\\\"/[]?=", c);
}

static bool is_token(struct hk_slice s)
{
	size_t i;

	for (i = 0; i < s.n; i++)
		if (!is_token_byte(s.p[i]))
			return false;
	return s.n > 0;
}

/* dot-atom of RFC 5322 3.2.3 */
static bool is_dot_atom(struct hk_slice s)
{
	size_t i;

	for (i = 0; i < s.n; i++) {
		bool dot = s.p[i] == '.';

		if (!dot && !hk_is_alnum(s.p[i]) &&
		    (!hk_is_graph(s.p[i]) || !strchr("!#$%&'*+-/=?^_`{|}~", s.p[i])))
			return false;
		if (dot && (i == 0 || i + 1 == s.n || s.p[i - 1] == '.'))
			return false;
	}
	return s.n > 0;
}

/* The bytes that a quoted-string or a comment holds, escaped; what is not printable becomes \xHH in
 * clear text. */
static void add_escaped(struct hk_buf *b, struct hk_slice s, const char *special)
{
	size_t from = b->n, i;

	for (i = 0; i < s.n && b->n - from < VALUE_MAX; i++) {
		uint8_t c = s.p[i];

		if (c < 0x20 || c > 0x7e) {
			hk_buf_add_byte(b, '\\');
			hk_quote_add(b, hk_slice_of(&c, 1), 1);
			continue;
		}
		if (strchr(special, c))
			hk_buf_add_byte(b, '\\');
		hk_buf_add_byte(b, c);
	}
	if (i < s.n)
		hk_buf_add_str(b, "...");
}

static void add_quoted(struct hk_buf *b, struct hk_slice s)
{
	hk_buf_add_byte(b, '"');
	add_escaped(b, s, "\"\\");
	hk_buf_add_byte(b, '"');
}

/* value = token / quoted-string (RFC 8601 2.2, RFC 2045 5.1) */
static void add_value(struct hk_buf *b, struct hk_slice s)
{
	if (is_token(s) && s.n <= VALUE_MAX)
		hk_buf_add(b, s);
	else
		add_quoted(b, s);
}

/* pvalue = value / [[local-part] "@"] domain-name (RFC 8601 2.2) */
static void add_pvalue(struct hk_buf *b, struct hk_slice s)
{
	size_t at = hk_slice_rfind(s, '@');

	if (at < s.n && s.n <= VALUE_MAX && is_dot_atom(hk_slice_sub(s, 0, at)) &&
	    hk_is_hostname(hk_slice_from(s, at + 1), true))
		hk_buf_add(b, s);
	else
		add_value(b, s);
}

/* ---- parts of a result, folded where a line would get too long ------------------------------ */

static void flush(struct writer *w)
{
	struct hk_slice part = hk_buf_slice(&w->part);

	if (hk_buf_status(&w->part) != HK_OK && w->out->failed == HK_OK)
		w->out->failed = w->part.failed;
	if (w->out->n - w->line_from + part.n + 1 > LINE_MAX) {
		hk_buf_add_str(w->out, "\r\n\t");
		w->line_from = w->out->n;
	} else {
		hk_buf_add_byte(w->out, ' ');
	}
	hk_buf_add(w->out, part);
	hk_buf_reset(&w->part);
}

static void begin(struct writer *w, const char *method, const char *result)
{
	hk_buf_add_str(w->out, ";\r\n\t");
	w->line_from = w->out->n;
	hk_buf_addf(w->out, "%s=%s", method, result);
}

static void property(struct writer *w, const char *name, struct hk_slice value)
{
	if (value.n == 0)
		return;
	hk_buf_addf(&w->part, "%s=", name);
	add_pvalue(&w->part, value);
	flush(w);
}

static void reason(struct writer *w, struct hk_slice text)
{
	if (text.n == 0)
		return;
	hk_buf_add_str(&w->part, "reason=");
	add_quoted(&w->part, text);
	flush(w);
}

/* One comment of any pieces; those of outside are escaped. */
static void comment(struct writer *w, const char *before, struct hk_slice text, const char *after)
{
	hk_buf_addf(&w->part, "(%s", before);
	add_escaped(&w->part, text, "()\\");
	hk_buf_addf(&w->part, "%s)", after);
	flush(w);
}

/* ---- dkim ------------------------------------------------------------------------------------ */

/* What rspamd says for the two ways a signature fails; our reason for all else. */
static struct hk_slice rspamd_reason(const struct hk_dkim_verdict *v)
{
	if (v->result != HK_DKIM_FAIL)
		return v->reason;
	if (v->body_hash_ok && v->signature_checked)
		return hk_slice_starts_nocase(v->a, HK_S("rsa"))
		           ? HK_S("headers rsa verify failed")
		           : HK_S("headers eddsa verify failed");
	if (!v->body_hash_ok && hk_slice_starts_nocase(v->reason, HK_S("body hash")))
		return HK_S("body hash did not verify");
	return v->reason;
}

static void dkim(struct writer *w, enum hk_authres_style style, const struct hk_dkim_verdict *v)
{
	begin(w, "dkim", hk_dkim_result_name(v->result));
	if (style == HK_AUTHRES_RFC)
		reason(w, v->reason);
	else if (rspamd_reason(v).n)
		comment(w, "\"", rspamd_reason(v), "\"");
	property(w, "header.d", v->d);
	property(w, "header.s", v->s);
	if (style == HK_AUTHRES_RFC)
		property(w, "header.a", v->a);
	property(w, "header.b", hk_slice_sub(v->b, 0, B_SHOWN));
}

static void dkim_all(struct writer *w, const struct hk_authres_input *in)
{
	size_t i, over = 0;

	if (in->n_dkim == 0)
		begin(w, "dkim", hk_dkim_result_name(HK_DKIM_NONE));
	for (i = 0; i < in->n_dkim; i++) {
		over += in->dkim[i].is_over_limit;
		/* of those that were not evaluated some are enough: two thousand make a field that
		 * no relay takes */
		if (!in->dkim[i].is_over_limit || over <= HK_DKIM_MAX_SIGNATURES)
			dkim(w, in->style, &in->dkim[i]);
	}
}

/* ---- spf ---------------------------------------------------------------------------------------
 */

/* X(result, text): %H our id, %S the sender, %I the client's address */
static const struct {
	enum hk_spf_result result;
	const char *text;
} rspamd_spf[] = {
    {HK_SPF_PASS, "%H: domain of %S designates %I as permitted sender"},
    {HK_SPF_FAIL, "%H: domain of %S does not designate %I as permitted sender"},
    {HK_SPF_SOFTFAIL, "%H: %I is neither permitted nor denied by domain of %S"},
    {HK_SPF_NEUTRAL, "%H: %I is neither permitted nor denied by domain of %S"},
    {HK_SPF_PERMERROR, "%H: domain of %S uses mechanism not recognized by this client"},
    {HK_SPF_TEMPERROR, "%H: error in processing during lookup of %S: DNS error"},
    {HK_SPF_NONE, "%H: domain of %S has no SPF policy when checking %I"},
};

static void rspamd_spf_comment(struct writer *w, const struct hk_authres_input *in)
{
	const char *text = "";
	char ip[HK_IP_TEXT_MAX];
	size_t i;

	for (i = 0; i < sizeof rspamd_spf / sizeof rspamd_spf[0]; i++)
		if (rspamd_spf[i].result == in->spf->result)
			text = rspamd_spf[i].text;
	hk_ip_format(&in->client, ip);
	hk_buf_add_byte(&w->part, '(');
	for (; *text; text++) {
		if (*text != '%') {
			hk_buf_add_byte(&w->part, (uint8_t)*text);
			continue;
		}
		text++;
		add_escaped(&w->part,
		    *text == 'H'   ? in->authserv_id
		    : *text == 'S' ? in->spf->sender
		                   : hk_slice_str(ip[0] ? ip : "unknown"),
		    "()\\");
	}
	hk_buf_add_byte(&w->part, ')');
	flush(w);
}

/* The term that decided says more than any words of ours. */
static void rfc_spf_comment(struct writer *w, const struct hk_authres_input *in)
{
	char ip[HK_IP_TEXT_MAX];

	if (in->spf->mechanism.n == 0) {
		if (in->spf->reason.n)
			comment(w, "", in->spf->reason, "");
		return;
	}
	hk_ip_format(&in->client, ip);
	hk_buf_addf(&w->part, "(%s: ", ip[0] ? ip : "unknown");
	add_escaped(&w->part, in->spf->mechanism, "()\\");
	hk_buf_add_str(&w->part, " of ");
	add_escaped(&w->part, in->spf->domain, "()\\");
	hk_buf_add_byte(&w->part, ')');
	flush(w);
}

static void spf(struct writer *w, const struct hk_authres_input *in)
{
	begin(w, "spf", hk_spf_result_name(in->spf->result));
	if (in->style == HK_AUTHRES_RSPAMD)
		rspamd_spf_comment(w, in);
	else
		rfc_spf_comment(w, in);
	if (in->spf->is_helo)
		property(w, "smtp.helo", in->helo);
	else
		property(w, "smtp.mailfrom", in->spf->sender);
}

/* ---- dmarc
 * --------------------------------------------------------------------------------------- */

static void dmarc_rspamd(struct writer *w, const struct hk_dmarc_verdict *v)
{
	const char *policy = hk_dmarc_policy_name(v->policy);

	if (v->result == HK_DMARC_NONE)
		return;
	if (v->result == HK_DMARC_PASS)
		comment(w, "policy=", hk_slice_str(policy), "");
	else
		reason(w, v->reason);
	property(w, "header.from", v->record_domain.n ? v->record_domain : v->author_domain);
	if (v->result == HK_DMARC_FAIL)
		comment(w, "policy=", hk_slice_str(policy), "");
}

static void dmarc_rfc(struct writer *w, const struct hk_dmarc_verdict *v)
{
	if (v->result != HK_DMARC_PASS)
		reason(w, v->reason);
	property(w, "header.from", v->author_domain);
	/* RFC 9989 9.1: the policy when sp, np and t were taken into account */
	if (v->record_domain.n)
		property(w, "policy.dmarc",
		    hk_slice_str(hk_dmarc_policy_name(hk_dmarc_lower(v->policy, v->testing))));
}

static void dmarc(struct writer *w, const struct hk_authres_input *in)
{
	begin(w, "dmarc", hk_dmarc_result_name(in->dmarc->result));
	(in->style == HK_AUTHRES_RSPAMD ? dmarc_rspamd : dmarc_rfc)(w, in->dmarc);
}

void hk_authres_format(const struct hk_authres_input *in, struct hk_buf *out)
{
	struct writer w = {.out = out};

	hk_buf_init(&w.part, PART_MAX);
	hk_buf_add_str(out, "Authentication-Results: ");
	add_value(out, in->authserv_id);
	if (in->print_dkim)
		dkim_all(&w, in);
	if (in->spf)
		spf(&w, in);
	if (in->dmarc)
		dmarc(&w, in);
	if (!in->print_dkim && !in->spf && !in->dmarc)
		hk_buf_add_str(out, "; none");
	hk_buf_add_str(out, "\r\n");
	hk_buf_done(&w.part);
}
