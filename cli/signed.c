/* SPDX-License-Identifier: MIT
 *
 * With which keys a server of ours signed a message on its way out, and why not with others.
 */
#include <hikyaku/json.h>

#include "conf/key_state.h"
#include "engine/evidence_store.h"
#include "io/disk.h"

#include "cli_internal.h"

enum hk_status cli_signed_find(const char *dir, uint64_t id, struct cli_checked *c)
{
	return hk_evidence_store_signings(
	    hk_disk_kernel(), dir, id, &c->arena, &c->signing, &c->n_signing);
}

/* The steps of one key: how many, two at most. */
static size_t steps_of(const struct hk_evidence_signing *s, struct hk_trace_step ret[2])
{
	struct hk_slice alg = hk_slice_str(hk_key_alg_name(s->alg)),
	                sight = hk_slice_str(hk_key_sight_text(s->sight)),
	                first_sight = hk_slice_str(hk_key_sight_text(s->first_sight));
	size_t n = 0;

	if (s->is_left_out) {
		ret[0] = (struct hk_trace_step){
		    HK_TRACE_SIGN_LEFT_OUT, 0, {s->domain, s->selector, alg, sight}};
		return 1;
	}
	if (!hk_slice_eq(s->selector, s->first))
		ret[n++] = (struct hk_trace_step){
		    HK_TRACE_SIGN_FALLBACK, 0, {s->domain, s->first, s->selector, first_sight}};
	ret[n++] =
	    (struct hk_trace_step){HK_TRACE_SIGN_KEY, 0, {s->domain, s->selector, alg, sight}};
	return n;
}

static void add_title(const struct cli_options *o, int64_t at, struct hk_buf *out)
{
	char text[CLI_TIME_ROOM];

	hk_buf_add_byte(out, '\n');
	if (o->language == HK_JAPANESE)
		hk_buf_addf(out, "送信時の署名 (%s):\n", cli_time(at, text));
	else
		hk_buf_addf(out, "Signed on its way out, %s:\n", cli_time(at, text));
}

void cli_signed_add(const struct cli_options *o, const struct cli_checked *c, struct hk_buf *out)
{
	struct hk_trace_step step[2];
	size_t i, j, n, number = 0;

	for (i = 0; i < c->n_signing; i++) {
		if (i == 0 || c->signing[i].time != c->signing[i - 1].time) {
			add_title(o, c->signing[i].time, out);
			number = 0;
		}
		n = steps_of(&c->signing[i], step);
		for (j = 0; j < n; j++) {
			hk_buf_addf(out, "%3zu. ", ++number);
			hk_explain_step(&step[j], o->language, out);
			hk_buf_addf(out, "  [%s]\n", hk_trace_event_rfc(step[j].event));
		}
	}
}

void cli_signed_json(const struct cli_checked *c, struct hk_buf *out)
{
	struct hk_json_writer w;
	size_t i;

	hk_json_begin(&w, out);
	hk_json_array(&w, NULL);
	for (i = 0; i < c->n_signing; i++) {
		const struct hk_evidence_signing *s = &c->signing[i];

		hk_json_object(&w, NULL);
		hk_json_int(&w, "time", s->time);
		hk_json_string(&w, "domain", s->domain);
		hk_json_string(&w, "selector", s->selector);
		hk_json_text(&w, "algorithm", hk_key_alg_name(s->alg));
		hk_json_text(&w, "record", hk_key_sight_text(s->sight));
		hk_json_string(&w, "first", s->first);
		hk_json_text(&w, "first_record", hk_key_sight_text(s->first_sight));
		hk_json_bool(&w, "signed", !s->is_left_out);
		hk_json_close_object(&w);
	}
	hk_json_close_array(&w);
}
