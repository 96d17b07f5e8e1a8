/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "explain_internal.h"

static const char *yes_or_no(const struct explain_page *p, bool aligned)
{
	return explain_page_label(p, aligned ? LABEL_ALIGNED : LABEL_NOT_ALIGNED);
}

static void checks_row(const struct explain_page *p, struct explain_table *t, char text[64])
{
	size_t i, passed = 0;

	for (i = 0; i < p->r->n_dkim; i++)
		passed += p->r->dkim[i]->result == HK_DKIM_PASS;
	snprintf(text, 64, "spf=%s, dkim=pass: %zu / %zu", hk_spf_result_name(p->r->spf->result),
	    passed, p->r->n_dkim);
	explain_table_add(t, (struct explain_row){.name = LABEL_DO_CHECK, .prefix = text});
}

static struct explain_row wish(
    const struct explain_page *p, enum explain_label name, struct hk_slice uris)
{
	if (uris.n == 0)
		return (struct explain_row){
		    .name = name, .prefix = explain_page_label(p, LABEL_NOT_ASKED)};
	return (struct explain_row){.name = name, .value = uris};
}

void explain_receiver(const struct explain_page *p)
{
	const struct hk_dmarc_verdict *d = p->r->dmarc;
	struct hk_dmarc_record record = {.size = sizeof record, .has_rua = false};
	struct explain_table t = {.n = 0};
	char checks[64], aligned[160], kept[80];
	bool has_policy = hk_dmarc_record_parse(d->record, &record) == HK_OK;

	hk_buf_addf(p->out, "%s:\n", explain_page_label(p, LABEL_RECEIVER));
	explain_table_add(
	    &t, (struct explain_row){.name = LABEL_DO_AUTHOR,
	            .value = d->author_domain,
	            .prefix = d->author_domain.n ? "" : explain_page_label(p, LABEL_NOTHING)});
	explain_table_add(
	    &t, (struct explain_row){.name = LABEL_DO_POLICY,
	            .value = d->record_domain,
	            .prefix = has_policy ? "_dmarc." : explain_page_label(p, LABEL_NOTHING)});
	checks_row(p, &t, checks);
	snprintf(aligned, sizeof aligned, "SPF: %s, DKIM: %s", yes_or_no(p, d->spf_aligned),
	    yes_or_no(p, d->dkim_aligned));
	explain_table_add(&t, (struct explain_row){.name = LABEL_DO_ALIGN, .prefix = aligned});
	explain_table_add(&t, (struct explain_row){.name = LABEL_DO_JUDGE,
	                          .prefix = "dmarc=",
	                          .suffix = hk_dmarc_result_name(d->result)});
	explain_table_add(&t, (struct explain_row){.name = LABEL_DO_APPLY,
	                          .prefix = hk_dmarc_policy_name(d->disposition)});
	snprintf(kept, sizeof kept, "%zu %s", hk_evidence_count(hk_verify_evidence(p->v)),
	    explain_page_label(p, LABEL_ANSWERS));
	explain_table_add(&t, (struct explain_row){.name = LABEL_DO_KEEP, .prefix = kept});
	explain_table_add(&t, wish(p, LABEL_DO_REPORT, record.rua));
	explain_table_add(&t, wish(p, LABEL_DO_FAILURE, record.ruf));
	explain_table_print(p, &t);
}
