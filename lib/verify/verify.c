/* SPDX-License-Identifier: MIT */
#include "lib/base/base_internal.h"
#include "verify_internal.h"

static enum hk_status copy_input(struct hk_verify *v)
{
	struct hk_slice *const to[] = {&v->input.helo, &v->input.mail_from, &v->input.authserv_id, &v->input.trusted_sealers};
	size_t i;

	hk_ip_unmap(&v->input.client);
	v->verdict.checks = v->input.checks;
	if (v->input.checks & HK_CHECK_DMARC) /* prints only what is asked, but needs the other two */
		v->input.checks |= HK_CHECK_SPF | HK_CHECK_DKIM;
	for (i = 0; i < sizeof to / sizeof to[0]; i++) {
		enum hk_status status = hk_arena_dup(v->arena, *to[i], to[i]);

		if (status != HK_OK)
			return status;
	}
	return HK_OK;
}

/* SPF cannot be checked without both ends of it. */
static const char *why_no_spf(const struct hk_verify_input *input)
{
	if (!(input->checks & HK_CHECK_SPF))
		return "not asked for";
	if (input->client.family == 0)
		return "no client address";
	return input->has_mail_from ? NULL : "MAIL FROM is not known";
}

static enum hk_status start_spf(struct hk_verify *v)
{
	const struct hk_verify_input *in = &v->input;
	const char *why = why_no_spf(in);
	enum hk_status status;

	if (why) {
		v->own.spf = (struct hk_spf_verdict){
		    .result = HK_SPF_NONE, .sender = in->mail_from, .reason = hk_slice_str(why)};
		return HK_OK;
	}
	status = verify_port_use(v, PORT_SPF, true);
	if (status != HK_OK)
		return status;
	v->spf = hk_spf_new(v->arena,
	    &(struct hk_spf_input){.size = sizeof(struct hk_spf_input), .client = in->client,
	        .helo = in->helo,
	        .mail_from = in->mail_from,
	        .receiver = in->authserv_id,
	        .now = in->now,
	        .work = &v->work},
	    v->port[PORT_SPF].trace);
	return v->spf ? HK_OK : v->arena->failed;
}

/* The headers' figures and the table's are the same. */
#define USUAL(id, limit, counted, over) usual_##id = (limit),
enum { HK_WORK_TABLE(USUAL) };
_Static_assert(usual_SPF_QUESTIONS == HK_VERIFY_MAX_SPF_QUESTIONS &&
                   usual_DKIM_QUESTIONS == HK_VERIFY_MAX_DKIM_QUESTIONS &&
                   usual_DMARC_QUESTIONS == HK_VERIFY_MAX_DMARC_QUESTIONS &&
                   usual_ARC_QUESTIONS == HK_VERIFY_MAX_ARC_QUESTIONS &&
                   usual_SIGNATURES == HK_DKIM_MAX_SIGNATURES,
    "two figures for one limit");

/* What is left at the beginning is what this message has. */
static void take_stock(struct hk_verify *v)
{
	unsigned i;

	v->work.size = sizeof v->work;
	hk_work_init(&v->work);
	for (i = 0; v->input.work && i < HK_WORK_KINDS; i++)
		v->work.of[i].limit = hk_work_left(v->input.work, (enum hk_work_kind)i);
}

/* And what it has spent is the caller's to know. */
static void give_account(struct hk_verify *v)
{
	unsigned i;

	for (i = 0; v->input.work && i < HK_WORK_KINDS; i++)
		(void)!hk_work_take(v->input.work, (enum hk_work_kind)i, v->work.of[i].spent);
}

struct hk_verify *hk_verify_new(struct hk_arena *a, const struct hk_verify_input *input)
{
	struct hk_verify *v = hk_arena_alloc(a, sizeof *v);

	if (!v || hk_sized_take(a, &v->input, sizeof v->input, input) != HK_OK)
		return NULL;
	v->arena = a;
	take_stock(v);
	v->verdict.spf = &v->own.spf;
	v->verdict.dmarc = &v->own.dmarc;
	v->verdict.arc = &v->own.arc;
	v->trace = hk_trace_new(a);
	v->evidence = hk_evidence_new(a);
	if (!v->trace || !v->evidence || copy_input(v) != HK_OK || start_spf(v) != HK_OK)
		return NULL;
	return v;
}

void hk_verify_done(struct hk_verify *v)
{
	if (!v)
		return;
	hk_arc_validate_done(v->arc);
	hk_dkim_verify_done(v->dkim);
	v->arc = NULL;
	v->dkim = NULL;
	v->body = NULL;
}

static enum hk_status start_dkim(struct hk_verify *v)
{
	enum hk_status status;

	if (!(v->input.checks & HK_CHECK_DKIM))
		return HK_OK;
	status = verify_port_use(v, PORT_DKIM, false);
	if (status != HK_OK)
		return status;
	v->dkim = hk_dkim_verify_new(v->arena,
	    &(struct hk_dkim_verify_options){.size = sizeof(struct hk_dkim_verify_options), .now = v->input.now,
	        .author_domain = v->verdict.author_domain,
	        .min_rsa_bits = v->input.min_rsa_bits,
	        .allow_sha1 = v->input.allow_sha1,
	        .work = &v->work,
	        .keys = v->input.keys},
	    &v->header, v->port[PORT_DKIM].trace);
	if (!v->dkim)
		return v->arena->failed != HK_OK ? v->arena->failed : HK_NOMEM;
	v->body = hk_dkim_verify_hashes(v->dkim);
	return HK_OK;
}

/* Behind DKIM, whose walk over the body it shares. */
static enum hk_status start_arc(struct hk_verify *v)
{
	enum hk_status status;

	if (!(v->input.checks & HK_CHECK_ARC))
		return HK_OK;
	status = verify_port_use(v, PORT_ARC, false);
	if (status != HK_OK)
		return status;
	v->arc = hk_arc_validate_beside(v->arena,
	    &(struct hk_arc_validate_options){.size = sizeof(struct hk_arc_validate_options), .now = v->input.now,
	        .min_rsa_bits = v->input.min_rsa_bits,
	        .trusted_sealers = v->input.trusted_sealers,
	        .work = &v->work,
	        .keys = v->input.keys},
	    &v->header, v->port[PORT_ARC].trace, v->body);
	if (!v->arc)
		return v->arena->failed != HK_OK ? v->arena->failed : HK_NOMEM;
	v->body = hk_arc_validate_hashes(v->arc);
	return HK_OK;
}

enum hk_status hk_verify_header(struct hk_verify *v, struct hk_slice section)
{
	enum hk_status status =
	    v->has_header ? HK_BUG : hk_header_parse(v->arena, section, &v->header);

	if (status == HK_OK)
		status = verify_from(v);
	if (status == HK_OK)
		status = start_dkim(v);
	if (status == HK_OK)
		status = verify_dmarc_start(v);
	if (status == HK_OK)
		status = start_arc(v);
	if (status != HK_OK) {
		v->failed = status;
		return status;
	}
	v->has_header = true;
	/* The first step is taken here, before the body, so that it stands at the same place in a
	 * replay. */
	status = verify_ports_run(v);
	if (status != HK_OK && status != HK_AGAIN) {
		v->failed = status;
		return status;
	}
	return HK_OK;
}

void hk_verify_body(struct hk_verify *v, struct hk_slice chunk)
{
	if (v->body && !v->ended)
		hk_dkim_body_add(v->body, chunk);
}

void verify_end(struct hk_verify *v)
{
	v->ended = true;
	v->port[PORT_DKIM].open = true;
	v->port[PORT_ARC].open = true;
}

void hk_verify_end(struct hk_verify *v)
{
	if (v->ended)
		return;
	verify_end(v);
	if (v->body)
		hk_dkim_body_end(v->body);
}

static enum hk_status gather_dkim(struct hk_verify *v)
{
	size_t n = v->dkim ? hk_dkim_verify_count(v->dkim) : 0, i;
	const struct hk_dkim_verdict **all;

	if (n == 0)
		return HK_OK;
	all = hk_arena_array(v->arena, n, sizeof(struct hk_dkim_verdict *));
	if (!all)
		return v->arena->failed;
	for (i = 0; i < n; i++)
		all[i] = hk_dkim_verify_result(v->dkim, i);
	v->verdict.dkim = all;
	v->verdict.n_dkim = n;
	return HK_OK;
}

static void say_limit(struct hk_verify *v, size_t needed, size_t most)
{
	struct hk_buf b;
	size_t n;

	hk_buf_init(&b, 64);
	hk_buf_addf(&b, "%zu", needed);
	n = b.n;
	hk_buf_addf(&b, "%zu", most);
	hk_trace_add(v->trace, HK_TRACE_MSG_DNS_LIMIT, 0, hk_slice_sub(hk_buf_slice(&b), 0, n),
	    hk_slice_from(hk_buf_slice(&b), n), HK_S(""), HK_S(""));
	hk_buf_done(&b);
}

/* The traces stand one behind the other in a fixed order, whatever happened first. */
static void gather_trace(struct hk_verify *v)
{
	size_t i;

	for (i = 0; i < PORT_OTHER; i++)
		if (v->port[i].asked > verify_port_share(v, (enum verify_port_id)i))
			say_limit(v, v->port[i].asked, verify_port_share(v, (enum verify_port_id)i));
	for (i = 0; i < PORT_OTHER; i++)
		hk_trace_append(v->trace, v->port[i].trace);
}

/* What was asked, within each share. */
static void count_questions(struct hk_verify *v)
{
	size_t i;

	for (i = 0; i < PORT_OTHER; i++) {
		size_t share = verify_port_share(v, (enum verify_port_id)i);

		/* never refused: so much was left */
		(void)!hk_work_take(&v->work, verify_port_kind[i], v->port[i].asked < share ? v->port[i].asked : share);
	}
}

enum hk_status hk_verify_step(struct hk_verify *v)
{
	enum hk_status status;

	if (v->done)
		return HK_OK;
	if (v->failed != HK_OK)
		return v->failed;
	status = verify_ports_run(v);
	if (status == HK_OK && !v->ended)
		return HK_AGAIN;
	if (status == HK_OK)
		status = gather_dkim(v);
	if (status == HK_AGAIN)
		return status;
	if (status != HK_OK) {
		v->failed = status;
		return status;
	}
	if (v->spf)
		v->own.spf = *hk_spf_result(v->spf);
	if (v->arc)
		v->own.arc = *hk_arc_validate_result(v->arc);
	gather_trace(v);
	count_questions(v);
	verify_dmarc_gather(v);
	status = verify_override(v);
	if (status != HK_OK) {
		v->failed = status;
		return status;
	}
	give_account(v);
	v->done = true;
	return HK_OK;
}

const struct hk_verify_verdict *hk_verify_result(const struct hk_verify *v)
{
	return v->done ? &v->verdict : NULL;
}

const struct hk_trace *hk_verify_trace(const struct hk_verify *v)
{
	return v->trace;
}

const struct hk_evidence *hk_verify_evidence(const struct hk_verify *v)
{
	return v->evidence;
}

const struct hk_header *hk_verify_fields(const struct hk_verify *v)
{
	return &v->header;
}

const struct hk_verify_input *hk_verify_input_of(const struct hk_verify *v)
{
	return &v->input;
}
