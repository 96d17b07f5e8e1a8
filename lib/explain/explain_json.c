/* SPDX-License-Identifier: MIT */
#include <hikyaku/explain.h>

enum { RECORD_TEXT_MAX = HK_DNS_TXT_MAX + 64 };

/* A text made aside; what there was no memory for would be missing in out. */
static void add_text(struct hk_json_writer *w, const char *key, struct hk_buf *text)
{
	hk_json_string(w, key, hk_buf_slice(text));
	if (w->out->failed == HK_OK && text->failed == HK_NOMEM)
		w->out->failed = HK_NOMEM;
	hk_buf_reset(text);
}

static void message(
    struct hk_json_writer *w, const struct hk_verify *v, const struct hk_verify_verdict *r)
{
	const struct hk_verify_input *in = hk_verify_input_of(v);
	char ip[HK_IP_TEXT_MAX];

	hk_ip_format(&in->client, ip);
	hk_json_object(w, "message");
	if (in->has_mail_from)
		hk_json_string(w, "envelope_from", in->mail_from);
	else
		hk_json_null(w, "envelope_from");
	hk_json_string(w, "header_from", r->header_from);
	hk_json_string(w, "author_domain", r->author_domain);
	hk_json_string(w, "helo", in->helo);
	hk_json_text(w, "client", ip[0] ? ip : NULL);
	hk_json_int(w, "time", in->now);
	/* what RFC 8301 forbids, allowed for archived messages */
	if (in->min_rsa_bits)
		hk_json_int(w, "min_rsa_bits", in->min_rsa_bits);
	if (in->allow_sha1)
		hk_json_bool(w, "allow_sha1", true);
	hk_json_close_object(w);
}

void hk_explain_json_spf(struct hk_json_writer *w, const struct hk_spf_verdict *v)
{
	hk_json_text(w, "result", hk_spf_result_name(v->result));
	hk_json_text(w, "identity", v->is_helo ? "helo" : "mailfrom");
	hk_json_string(w, "domain", v->domain);
	hk_json_string(w, "sender", v->sender);
	hk_json_string(w, "mechanism", v->mechanism);
	hk_json_string(w, "reason", v->reason);
	hk_json_string(w, "explanation", v->explanation);
	hk_json_int(w, "lookups", v->lookups);
	hk_json_int(w, "voids", v->voids);
}

static void dkim(struct hk_json_writer *w, const struct hk_dkim_verdict *v)
{
	hk_json_object(w, NULL);
	hk_json_text(w, "result", hk_dkim_result_name(v->result));
	hk_json_string(w, "d", v->d);
	hk_json_string(w, "s", v->s);
	hk_json_string(w, "i", v->i);
	hk_json_string(w, "a", v->a);
	hk_json_string(w, "b", v->b);
	hk_json_string(w, "reason", v->reason);
	hk_json_bool(w, "body_hash_ok", v->body_hash_ok);
	hk_json_bool(w, "signature_checked", v->signature_checked);
	hk_json_bool(w, "testing", v->testing);
	hk_json_bool(w, "has_length", v->has_length);
	hk_json_int(w, "key_bits", v->key_bits);
	hk_json_int(w, "field", (int64_t)v->field);
	hk_json_string(w, "uncovered_duplicate", v->uncovered);
	if (v->signed_at >= 0)
		hk_json_int(w, "signed_at", v->signed_at);
	else
		hk_json_null(w, "signed_at");
	hk_json_close_object(w);
}

void hk_explain_json_arc(struct hk_json_writer *w, const struct hk_arc_verdict *v)
{
	size_t i;

	hk_json_text(w, "result", hk_arc_result_name(v->cv));
	hk_json_int(w, "instance", v->highest);
	hk_json_string(w, "reason", v->reason);
	hk_json_bool(w, "is_trusted", v->is_trusted);
	hk_json_array(w, "sets");
	for (i = 0; i < v->n; i++) {
		hk_json_object(w, NULL);
		hk_json_int(w, "i", v->set[i]->instance);
		hk_json_string(w, "d", v->set[i]->d);
		hk_json_string(w, "s", v->set[i]->s);
		hk_json_string(w, "cv", v->set[i]->cv);
		hk_json_bool(w, "seal_ok", v->set[i]->seal_ok);
		hk_json_close_object(w);
	}
	hk_json_close_array(w);
}

static bool any_dkim_pass(const struct hk_verify_verdict *r)
{
	size_t i;

	for (i = 0; i < r->n_dkim; i++)
		if (r->dkim[i]->result == HK_DKIM_PASS)
			return true;
	return false;
}

void hk_explain_json_dmarc(struct hk_json_writer *w, const struct hk_dmarc_verdict *v)
{
	hk_json_text(w, "profile", hk_dmarc_profile_name(v->profile));
	hk_json_text(w, "policy", hk_dmarc_policy_name(v->policy));
	hk_json_text(w, "disposition", hk_dmarc_policy_name(v->disposition));
	hk_json_text(w, "aspf", v->spf_strict ? "s" : "r");
	hk_json_text(w, "adkim", v->dkim_strict ? "s" : "r");
	hk_json_bool(w, "testing", v->testing);
	hk_json_int(w, "pct", v->pct);
	hk_json_string(w, "author_domain", v->author_domain);
	hk_json_string(w, "org_domain", v->org_domain);
	hk_json_string(w, "record_domain", v->record_domain);
	hk_json_string(w, "record", v->record);
	if (v->override == HK_DMARC_OVERRIDE_NONE) {
		hk_json_null(w, "override");
	} else {
		hk_json_object(w, "override");
		hk_json_text(w, "type", hk_dmarc_override_name(v->override));
		hk_json_string(w, "comment", v->override_comment);
		hk_json_close_object(w);
	}
}

const char *hk_explain_difference(unsigned differs, size_t i)
{
	static const struct {
		enum hk_dmarc_difference bit;
		const char *name;
	} names[] = {
	    {HK_DMARC_DIFFERS_ORG, "org_domain"},
	    {HK_DMARC_DIFFERS_RECORD, "record_domain"},
	    {HK_DMARC_DIFFERS_POLICY, "policy"},
	    {HK_DMARC_DIFFERS_DISPOSITION, "disposition"},
	    {HK_DMARC_DIFFERS_RESULT, "result"},
	};
	size_t k;

	for (k = 0; k < sizeof names / sizeof names[0]; k++)
		if (differs & names[k].bit && i-- == 0)
			return names[k].name;
	return NULL;
}

void hk_explain_json_differs(struct hk_json_writer *w, unsigned differs,
    const struct hk_dmarc_verdict *other, const char *result)
{
	size_t i;

	if (!other || !differs) {
		hk_json_null(w, "differs");
		return;
	}
	hk_json_object(w, "differs");
	hk_json_array(w, "in");
	for (i = 0; hk_explain_difference(differs, i); i++)
		hk_json_text(w, NULL, hk_explain_difference(differs, i));
	hk_json_close_array(w);
	hk_json_text(w, "result", result);
	hk_explain_json_dmarc(w, other);
	hk_json_string(w, "reason", other->reason);
	hk_json_close_object(w);
}

/* The four elements of DMARC (SPF, its alignment, DKIM, its alignment) stand here as booleans. */
static void dmarc(struct hk_json_writer *w, const struct hk_verify_verdict *r)
{
	const struct hk_dmarc_verdict *v = r->dmarc;

	hk_json_object(w, "dmarc");
	hk_json_text(w, "result", hk_dmarc_result_name(v->result));
	hk_explain_json_dmarc(w, v);
	hk_json_bool(w, "spf_pass", r->spf->result == HK_SPF_PASS);
	hk_json_bool(w, "spf_aligned", v->spf_aligned);
	hk_json_bool(w, "dkim_pass", any_dkim_pass(r));
	hk_json_bool(w, "dkim_aligned", v->dkim_aligned);
	hk_json_string(w, "reason", v->reason);
	hk_explain_json_differs(w, r->dmarc_differs, r->dmarc_other,
	    r->dmarc_other ? hk_dmarc_result_name(r->dmarc_other->result) : "");
	hk_json_close_object(w);
}

static void evidence(
    struct hk_json_writer *w, const struct hk_dns_answer *answer, struct hk_buf *text)
{
	size_t i;

	hk_json_object(w, NULL);
	hk_json_string(w, "name", answer->question.name);
	hk_json_text(w, "type", hk_dns_type_name(answer->question.type));
	hk_json_text(w, "rcode", hk_dns_rcode_name(answer->rcode));
	hk_json_int(w, "ttl", answer->ttl);
	hk_json_bool(w, "secure", answer->secure);
	hk_json_array(w, "records");
	for (i = 0; i < answer->n; i++) {
		hk_verify_rr_text(&answer->rr[i], text);
		add_text(w, NULL, text);
	}
	hk_json_close_array(w);
	hk_json_close_object(w);
}

static void step(struct hk_json_writer *w, const struct hk_trace_step *s, struct hk_buf *text)
{
	size_t i, n = HK_TRACE_TEXTS;

	hk_json_object(w, NULL);
	hk_json_text(w, "event", hk_trace_event_name(s->event));
	hk_json_text(w, "rfc", hk_trace_event_rfc(s->event));
	hk_json_int(w, "depth", s->depth);
	hk_json_array(w, "texts");
	while (n && s->text[n - 1].n == 0)
		n--;
	for (i = 0; i < n; i++)
		hk_json_string(w, NULL, s->text[i]);
	hk_json_close_array(w);
	hk_explain_step(s, HK_ENGLISH, text);
	add_text(w, "sentence", text);
	hk_json_close_object(w);
}

void hk_explain_json_trace(struct hk_json_writer *w, const struct hk_trace *trace)
{
	struct hk_buf text;
	size_t i;

	hk_buf_init(&text, RECORD_TEXT_MAX);
	hk_json_array(w, "trace");
	for (i = 0; i < hk_trace_count(trace); i++)
		step(w, hk_trace_at(trace, i), &text);
	hk_json_close_array(w);
	hk_json_bool(w, "trace_is_cut", hk_trace_is_cut(trace));
	hk_buf_done(&text);
}

static void warning(struct hk_json_writer *w, const struct hk_explain_warning *minded)
{
	hk_json_object(w, NULL);
	hk_json_text(w, "method", minded->method);
	hk_json_string(w, "domain", minded->domain);
	hk_json_string(w, "about", minded->about);
	hk_json_text(w, "what", minded->text);
	hk_json_text(w, "rfc", minded->rfc);
	hk_json_close_object(w);
}

void hk_explain_json(const struct hk_verify *v, struct hk_slice authres, struct hk_buf *out)
{
	const struct hk_verify_verdict *r = hk_verify_result(v);
	struct hk_explain_warning minded;
	struct hk_json_writer w;
	struct hk_buf text;
	size_t i;

	if (!r)
		return;
	hk_buf_init(&text, RECORD_TEXT_MAX);
	hk_json_begin(&w, out);
	hk_json_object(&w, NULL);
	message(&w, v, r);
	if (r->checks & HK_CHECK_SPF) {
		hk_json_object(&w, "spf");
		hk_explain_json_spf(&w, r->spf);
		hk_json_close_object(&w);
	}
	if (r->checks & HK_CHECK_DKIM) {
		hk_json_array(&w, "dkim");
		for (i = 0; i < r->n_dkim; i++)
			dkim(&w, r->dkim[i]);
		hk_json_close_array(&w);
	}
	if (r->checks & HK_CHECK_ARC) {
		hk_json_object(&w, "arc");
		hk_explain_json_arc(&w, r->arc);
		hk_json_close_object(&w);
	}
	if (r->checks & HK_CHECK_DMARC)
		dmarc(&w, r);
	hk_json_string(&w, "authentication_results", authres);
	hk_json_array(&w, "warnings");
	for (i = 0; hk_explain_warning(v, i, &minded); i++)
		warning(&w, &minded);
	hk_json_close_array(&w);
	hk_json_array(&w, "evidence");
	for (i = 0; i < hk_evidence_count(hk_verify_evidence(v)); i++)
		evidence(&w, hk_evidence_at(hk_verify_evidence(v), i), &text);
	hk_json_close_array(&w);
	hk_explain_json_trace(&w, hk_verify_trace(v));
	hk_json_close_object(&w);
	hk_buf_done(&text);
}
