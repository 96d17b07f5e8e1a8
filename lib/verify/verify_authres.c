/* SPDX-License-Identifier: MIT */
#include "verify_internal.h"

static struct hk_authres_arc arc_words(const struct hk_arc_verdict *v)
{
	struct hk_authres_arc words = {.result = hk_arc_result_name(v->cv),
	    .instance = v->highest,
	    .reason = v->reason};

	if (v->n) {
		words.d = v->set[v->n - 1]->d;
		words.s = v->set[v->n - 1]->s;
	}
	return words;
}

void hk_verify_authres(const struct hk_verify *v, unsigned checks, enum hk_authres_style style,
    struct hk_slice authserv_id, struct hk_buf *out)
{
	const struct hk_verify_verdict *r = &v->verdict;
	const struct hk_authres_arc arc = arc_words(r->arc);
	unsigned shown = r->checks & checks;

	hk_authres_format(&(struct hk_authres_input){.size = sizeof(struct hk_authres_input), .authserv_id = authserv_id,
	                      .style = style,
	                      .client = v->input.client,
	                      .helo = v->input.helo,
	                      .print_dkim = (shown & HK_CHECK_DKIM) != 0,
	                      .dkim = r->dkim,
	                      .n_dkim = r->n_dkim,
	                      .spf = shown & HK_CHECK_SPF ? r->spf : NULL,
	                      .dmarc = shown & HK_CHECK_DMARC ? r->dmarc : NULL,
	                      .arc = shown & HK_CHECK_ARC ? &arc : NULL},
	    out);
}
