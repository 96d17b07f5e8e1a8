/* SPDX-License-Identifier: MIT
 *
 * What a verdict is worth as an exit status; --strict wants more of it.
 */
#include "cli_internal.h"

static enum cli_exit arc_exit(const struct hk_arc_verdict *v)
{
	return v->is_temporary ? CLI_LATER : v->cv == HK_ARC_FAIL ? CLI_FAIL : CLI_OK;
}

/* One signature that passes is enough; to be strict, each must, and there must be one. */
static enum cli_exit dkim_exit(const struct cli_options *o, const struct hk_verify_verdict *v)
{
	enum cli_exit code = v->n_dkim || o->strict ? CLI_FAIL : CLI_OK;
	size_t i, passed = 0, temporary = 0;

	for (i = 0; i < v->n_dkim; i++) {
		passed += v->dkim[i]->result == HK_DKIM_PASS;
		temporary += v->dkim[i]->result == HK_DKIM_TEMPERROR;
	}
	if (passed && (!o->strict || passed == v->n_dkim))
		return CLI_OK;
	return temporary && (!o->strict || passed + temporary == v->n_dkim) ? CLI_LATER : code;
}

enum cli_exit cli_spf_exit(const struct cli_options *o, enum hk_spf_result result)
{
	switch (result) {
	case HK_SPF_FAIL:
	case HK_SPF_SOFTFAIL:
	case HK_SPF_PERMERROR:
		return CLI_FAIL;
	case HK_SPF_TEMPERROR:
		return CLI_LATER;
	case HK_SPF_PASS:
		return CLI_OK;
	default:
		return o->strict ? CLI_FAIL : CLI_OK;
	}
}

static enum cli_exit dmarc_exit(const struct cli_options *o, enum hk_dmarc_result result)
{
	switch (result) {
	case HK_DMARC_FAIL:
	case HK_DMARC_PERMERROR:
		return CLI_FAIL;
	case HK_DMARC_TEMPERROR:
		return CLI_LATER;
	case HK_DMARC_PASS:
		return CLI_OK;
	default:
		return o->strict ? CLI_FAIL : CLI_OK;
	}
}

/* A failure is worse than "try again", which is worse than nothing to object to. */
static enum cli_exit worse(enum cli_exit a, enum cli_exit b)
{
	return a == CLI_FAIL || b == CLI_FAIL ? CLI_FAIL : a == CLI_OK ? b : a;
}

static enum cli_exit strict_exit(const struct cli_options *o, const struct hk_verify *verify)
{
	const struct hk_verify_verdict *v = hk_verify_result(verify);
	struct hk_explain_warning warning;
	enum cli_exit code = hk_explain_warning(verify, 0, &warning) ? CLI_FAIL : CLI_OK;

	if (v->checks & HK_CHECK_SPF)
		code = worse(code, cli_spf_exit(o, v->spf->result));
	if (v->checks & HK_CHECK_DKIM)
		code = worse(code, dkim_exit(o, v));
	if (v->checks & HK_CHECK_DMARC)
		code = worse(code, dmarc_exit(o, v->dmarc->result));
	return v->checks & HK_CHECK_ARC ? worse(code, arc_exit(v->arc)) : code;
}

/* DMARC sums the others up, so where it was asked for it alone decides. A chain of ARC decides only
 * where nothing else was asked for: one that fails is as if there were none (RFC 8617 5.2). */
enum cli_exit cli_verdict_exit(const struct cli_options *o, const struct hk_verify *verify)
{
	const struct hk_verify_verdict *v = hk_verify_result(verify);
	enum cli_exit code = CLI_OK;

	if (o->strict)
		return strict_exit(o, verify);
	if (v->checks & HK_CHECK_DMARC)
		return dmarc_exit(o, v->dmarc->result);
	if (v->checks == HK_CHECK_ARC)
		return arc_exit(v->arc);
	if (v->checks & HK_CHECK_SPF)
		code = cli_spf_exit(o, v->spf->result);
	if (v->checks & HK_CHECK_DKIM)
		code = worse(code, dkim_exit(o, v));
	return code;
}
