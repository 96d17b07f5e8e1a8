/* SPDX-License-Identifier: MIT */
#include "lib/authres/authres_internal.h"
#include "lib/base/base_internal.h"

enum { B_SHOWN = 8 }; /* RFC 6008 4: this much of b= names a signature */

static void add_comment_text(struct hk_buf *b, struct hk_slice s)
{
	hk_authres_add_escaped(b, s, "()\\", HK_AUTHRES_CUT);
}

static void begin(struct hk_authres_writer *w, const char *method, const char *result)
{
	hk_buf_add_str(w->out, ";\r\n\t");
	w->line_from = w->out->n;
	hk_buf_addf(w->out, "%s=%s", method, result);
}

static void property(struct hk_authres_writer *w, const char *name, struct hk_slice value)
{
	if (value.n == 0)
		return;
	hk_buf_addf(&w->part, "%s=", name);
	hk_authres_add_pvalue(&w->part, value, HK_AUTHRES_CUT);
	hk_authres_flush(w);
}

static void reason(struct hk_authres_writer *w, struct hk_slice text)
{
	if (text.n == 0)
		return;
	hk_buf_add_str(&w->part, "reason=");
	hk_authres_add_quoted(&w->part, text, HK_AUTHRES_CUT);
	hk_authres_flush(w);
}

/* One comment of any pieces; those of outside are escaped. */
static void comment(struct hk_authres_writer *w, const char *before, struct hk_slice text, const char *after)
{
	hk_buf_addf(&w->part, "(%s", before);
	add_comment_text(&w->part, text);
	hk_buf_addf(&w->part, "%s)", after);
	hk_authres_flush(w);
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

static void dkim(struct hk_authres_writer *w, enum hk_authres_style style, const struct hk_dkim_verdict *v)
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

static void dkim_all(struct hk_authres_writer *w, const struct hk_authres_input *in)
{
	size_t i, over = 0;

	if (in->n_dkim == 0)
		begin(w, "dkim", hk_dkim_result_name(HK_DKIM_NONE));
	for (i = 0; i < in->n_dkim; i++) {
		over += in->dkim[i]->is_over_limit;
		/* of those that were not evaluated some are enough: two thousand make a field that
		 * no relay takes */
		if (!in->dkim[i]->is_over_limit || over <= HK_DKIM_MAX_SIGNATURES)
			dkim(w, in->style, in->dkim[i]);
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

static void rspamd_spf_comment(struct hk_authres_writer *w, const struct hk_authres_input *in)
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
		add_comment_text(&w->part,
		    *text == 'H'   ? in->authserv_id
		    : *text == 'S' ? in->spf->sender
		                   : hk_slice_str(ip[0] ? ip : "unknown"));
	}
	hk_buf_add_byte(&w->part, ')');
	hk_authres_flush(w);
}

/* The term that decided says more than any words of ours. */
static void rfc_spf_comment(struct hk_authres_writer *w, const struct hk_authres_input *in)
{
	char ip[HK_IP_TEXT_MAX];

	if (in->spf->mechanism.n == 0) {
		if (in->spf->reason.n)
			comment(w, "", in->spf->reason, "");
		return;
	}
	hk_ip_format(&in->client, ip);
	hk_buf_addf(&w->part, "(%s: ", ip[0] ? ip : "unknown");
	add_comment_text(&w->part, in->spf->mechanism);
	hk_buf_add_str(&w->part, " of ");
	add_comment_text(&w->part, in->spf->domain);
	hk_buf_add_byte(&w->part, ')');
	hk_authres_flush(w);
}

static void spf(struct hk_authres_writer *w, const struct hk_authres_input *in)
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

static void dmarc_rspamd(struct hk_authres_writer *w, const struct hk_dmarc_verdict *v)
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

static void dmarc_rfc(struct hk_authres_writer *w, const struct hk_dmarc_verdict *v)
{
	if (v->result != HK_DMARC_PASS)
		reason(w, v->reason);
	property(w, "header.from", v->author_domain);
	/* RFC 9989 9.1: the policy when sp, np and t were taken into account */
	if (v->record_domain.n)
		property(w, "policy.dmarc",
		    hk_slice_str(hk_dmarc_policy_name(hk_dmarc_lower(v->policy, v->testing))));
}

static void dmarc(struct hk_authres_writer *w, const struct hk_authres_input *in)
{
	begin(w, "dmarc", hk_dmarc_result_name(in->dmarc->result));
	(in->style == HK_AUTHRES_RSPAMD ? dmarc_rspamd : dmarc_rfc)(w, in->dmarc);
}

/* ---- arc ------------------------------------------------------------------------------------- */

static void arc_newest(struct hk_authres_writer *w, enum hk_authres_style style, const struct hk_authres_arc *v)
{
	if (style == HK_AUTHRES_RSPAMD) {
		hk_buf_add_str(&w->part, "(\"");
		add_comment_text(&w->part, v->d);
		hk_buf_add_str(&w->part, ":s=");
		add_comment_text(&w->part, v->s);
		hk_buf_addf(&w->part, ":i=%u\")", v->instance);
	} else {
		hk_buf_addf(&w->part, "(as[%u].d=", v->instance);
		add_comment_text(&w->part, v->d);
		hk_buf_addf(&w->part, " as[%u].s=", v->instance);
		add_comment_text(&w->part, v->s);
		hk_buf_add_byte(&w->part, ')');
	}
	hk_authres_flush(w);
}

static void arc(struct hk_authres_writer *w, const struct hk_authres_input *in)
{
	const struct hk_authres_arc *v = in->arc;
	char ip[HK_IP_TEXT_MAX];

	begin(w, "arc", v->result);
	if (v->instance == 0)
		return;
	reason(w, v->reason);
	if (v->d.n)
		arc_newest(w, in->style, v);
	if (in->style == HK_AUTHRES_RSPAMD)
		return;
	hk_ip_format(&in->client, ip);
	property(w, "smtp.remote-ip", hk_slice_str(ip));
}

void hk_authres_format(const struct hk_authres_input *given, struct hk_buf *out)
{
	struct hk_authres_input own, *in = &own;
	struct hk_authres_writer w = {.out = out};

	if (hk_sized_take(NULL, &own, sizeof own, given) != HK_OK) {
		hk_buf_fail(out, HK_BUG);
		return;
	}
	hk_buf_init(&w.part, HK_AUTHRES_PART_MAX);
	hk_buf_add_str(out, "Authentication-Results: ");
	hk_authres_add_value(out, in->authserv_id, HK_AUTHRES_CUT);
	if (in->print_dkim)
		dkim_all(&w, in);
	if (in->spf)
		spf(&w, in);
	if (in->dmarc)
		dmarc(&w, in);
	if (in->arc)
		arc(&w, in);
	if (!in->print_dkim && !in->spf && !in->dmarc && !in->arc)
		hk_buf_add_str(out, "; none");
	hk_buf_add_str(out, "\r\n");
	hk_buf_done(&w.part);
}
