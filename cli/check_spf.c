/* SPDX-License-Identifier: MIT
 *
 * `hikyaku check spf`: one identity of one client (RFC 7208).
 */
#include <time.h>

#include "cli_internal.h"

static enum hk_status evaluate(struct hk_spf *q, struct cli_resolver *r, struct hk_arena *a)
{
	struct hk_dns_question question;
	struct hk_dns_answer answer;
	enum hk_status status;

	while ((status = hk_spf_step(q)) == HK_AGAIN) {
		bool asked = false;

		while (hk_spf_question(q, &question)) {
			asked = true;
			status = cli_resolve(r, &question, a, &answer);
			if (status == HK_OK)
				status = hk_spf_answer(q, &answer);
			if (status != HK_OK)
				return status;
		}
		if (!asked)
			return HK_BUG;
	}
	return status;
}

static void write_json(const struct hk_spf_verdict *v, const struct hk_trace *trace, struct hk_buf *out)
{
	struct hk_json_writer w;

	hk_json_begin(&w, out);
	hk_json_object(&w, NULL);
	hk_explain_json_spf(&w, v);
	hk_explain_json_trace(&w, trace);
	hk_json_close_object(&w);
	hk_buf_add_byte(out, '\n');
}

static void write_text(const struct cli_options *o, const struct hk_spf_verdict *v,
    const struct hk_trace *trace, struct hk_buf *out)
{
	cli_line_add(out, "result", hk_slice_str(hk_spf_result_name(v->result)));
	cli_line_add(out, "identity", v->is_helo ? HK_S("helo") : HK_S("mailfrom"));
	cli_line_add(out, "domain", v->domain);
	cli_line_add(out, "mechanism", v->mechanism);
	cli_line_add(out, "reason", v->reason);
	cli_line_add(out, "explanation", v->explanation);
	hk_buf_addf(out, "%-14s%u of %d\n", "lookups", v->lookups, HK_SPF_MAX_LOOKUPS);
	hk_buf_addf(out, "%-14s%u of %d\n", "voids", v->voids, HK_SPF_MAX_VOIDS);
	cli_steps_add(out, trace, o->language);
}

enum cli_exit cli_answer_spf(const struct cli_options *o, struct cli_resolver *r, struct hk_arena *a, struct hk_buf *out)
{
	struct hk_spf_input in = {.client = o->client,
	    .helo = hk_slice_str(o->helo),
	    .mail_from = hk_slice_str(o->mail_from),
	    .check_helo = !o->mail_from,
	    .receiver = hk_slice_str(o->authserv_id),
	    .now = o->has_now ? o->now : (int64_t)time(NULL)};
	struct hk_trace *trace = hk_trace_new(a);
	const struct hk_spf_verdict *v;
	enum hk_status status = HK_NOMEM;
	struct hk_spf *q;

	if (o->client.family == 0 || (!o->mail_from && !o->helo)) {
		cli_complain("--ip is needed, and --mail-from or --helo", NULL);
		return CLI_USAGE;
	}
	q = trace ? hk_spf_new(a, &in, trace) : NULL;
	if (q)
		status = evaluate(q, r, a);
	if (status != HK_OK)
		return cli_answer_failed(status);
	v = hk_spf_result(q);
	if (o->json)
		write_json(v, trace, out);
	else
		write_text(o, v, trace, out);
	return cli_spf_exit(v->result);
}
