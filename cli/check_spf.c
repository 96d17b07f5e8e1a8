/* SPDX-License-Identifier: MIT
 *
 * `hikyaku check spf`: one identity of one client (RFC 7208).
 */
#include <time.h>

#include "cli_internal.h"

static void write_extent_json(struct hk_json_writer *w, const struct hk_spf_extent_verdict *v)
{
	hk_json_object(w, "addresses");
	hk_json_text(w, "result", hk_spf_result_name(v->result));
	hk_json_string(w, "reason", v->reason);
	hk_json_int(w, "ipv4", (int64_t)v->ipv4);
	hk_json_string(w, "ipv6", v->ipv6); /* up to 2^128, so as text */
	hk_json_bool(w, "is_partial", v->is_partial);
	hk_json_int(w, "lookups", v->lookups);
	hk_json_array(w, "warnings");
	if (v->is_wide)
		hk_json_text(w, NULL, "spf-too-wide");
	hk_json_close_array(w);
	hk_json_close_object(w);
}

static void write_extent_text(const struct hk_spf_extent_verdict *v, struct hk_buf *out)
{
	if (v->result == HK_SPF_NONE)
		return;
	hk_buf_addf(out, "%-14s%llu IPv4, %.*s IPv6%s\n", "authorises", (unsigned long long)v->ipv4,
	    HK_FMT(v->ipv6), v->is_partial ? ", and others by ptr, exists or macros" : "");
	if (v->result != HK_SPF_PASS)
		hk_buf_addf(out, "%-14snot all were counted: %.*s\n", "", HK_FMT(v->reason));
	if (v->is_wide)
		hk_buf_addf(out,
		    "%-14sspf-too-wide: whoever gets one of these addresses passes for the domain\n",
		    "warning");
}

static void write_json(const struct hk_spf_verdict *v, const struct hk_spf_extent_verdict *extent,
    const struct hk_trace *trace, struct hk_buf *out)
{
	struct hk_json_writer w;

	hk_json_begin(&w, out);
	hk_json_object(&w, NULL);
	hk_explain_json_spf(&w, v);
	write_extent_json(&w, extent);
	hk_explain_json_trace(&w, trace);
	hk_json_close_object(&w);
	hk_buf_add_byte(out, '\n');
}

static void write_text(
    const struct hk_spf_verdict *v, const struct hk_spf_extent_verdict *extent, struct hk_buf *out)
{
	cli_line_add(out, "result", hk_slice_str(hk_spf_result_name(v->result)));
	cli_line_add(out, "identity", v->is_helo ? HK_S("helo") : HK_S("mailfrom"));
	cli_line_add(out, "domain", v->domain);
	cli_line_add(out, "mechanism", v->mechanism);
	cli_line_add(out, "reason", v->reason);
	cli_line_add(out, "explanation", v->explanation);
	hk_buf_addf(out, "%-14s%u of %d\n", "lookups", v->lookups, HK_SPF_MAX_LOOKUPS);
	hk_buf_addf(out, "%-14s%u of %d\n", "voids", v->voids, HK_SPF_MAX_VOIDS);
	write_extent_text(extent, out);
}

enum cli_exit cli_answer_spf(const struct cli_options *o, struct cli_resolver *r, struct hk_arena *a, struct hk_buf *out)
{
	struct hk_spf_input in = {.size = sizeof in, .client = o->client,
	    .helo = hk_slice_str(o->helo),
	    .mail_from = cli_address(o->mail_from),
	    .check_helo = !o->mail_from,
	    .receiver = hk_slice_str(o->authserv_id),
	    .now = o->has_now ? o->now : (int64_t)time(NULL)};
	struct hk_trace *trace = hk_trace_new(a);
	const struct hk_spf_verdict *v;
	enum hk_status status = HK_NOMEM;
	struct hk_spf_extent *extent;
	struct hk_spf *q;

	if (o->client.family == 0 || (!o->mail_from && !o->helo)) {
		cli_complain("--ip is needed, and --mail-from or --helo", NULL);
		return CLI_USAGE;
	}
	q = trace ? hk_spf_new(a, &in, trace) : NULL;
	if (q)
		status = cli_resolve_all(r, hk_evaluator_spf(q));
	if (status != HK_OK)
		return cli_answer_failed(status);
	v = hk_spf_result(q);
	extent = hk_spf_extent_new(a, v->domain);
	status = extent ? cli_resolve_all(r, hk_evaluator_spf_extent(extent)) : HK_NOMEM;
	if (status != HK_OK)
		return cli_answer_failed(status);
	if (o->json)
		write_json(v, hk_spf_extent_result(extent), trace, out);
	else
		write_text(v, hk_spf_extent_result(extent), out);
	if (!o->json)
		cli_steps_add(out, trace, o->language);
	if (o->strict && v->result == HK_SPF_PASS &&
	    (hk_spf_extent_result(extent)->is_wide || hk_spf_extent_result(extent)->result != HK_SPF_PASS))
		return CLI_FAIL;
	return cli_spf_exit(o, v->result);
}
