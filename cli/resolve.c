/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>

#include <hikyaku/names.h>
#include <hikyaku/resolve.h>
#include <hikyaku/unbound.h>

#include "cli_internal.h"

#define ZONE_MAX (8 * 1024 * 1024)

struct cli_resolver {
	const char *psl;         /* NULL: the system's */
	struct hk_names *names;  /* when first asked for */
	bool no_names;           /* and said so */
	const struct hk_zone *zone; /* NULL: the network */
	struct hk_unbound *network;
};

static bool load_zone(struct hk_arena *a, const char *name, struct cli_resolver *r)
{
	struct hk_zone_error error = {0};
	struct hk_zone *zone = NULL;
	struct hk_buf text = {0};
	enum hk_status status;
	char line[32];

	if (!cli_read_file(name, ZONE_MAX, &text))
		return false;
	status = hk_zone_parse(a, hk_buf_slice(&text), &zone, &error);
	hk_buf_done(&text);
	if (status == HK_OK) {
		r->zone = zone;
		return true;
	}
	snprintf(line, sizeof line, "line %zu", error.line);
	cli_complain(error.what ? error.what : hk_status_text(status), line);
	return false;
}

static bool open_network(const char *resolver, struct cli_resolver *r)
{
	enum hk_status status = hk_unbound_open(hk_slice_str(resolver), &r->network);

	if (status != HK_OK)
		cli_complain(status == HK_SYNTAX ? "no address of a resolver" : hk_status_text(status), resolver);
	return status == HK_OK;
}

bool cli_resolver_new(struct hk_arena *a, const struct cli_options *o, struct cli_resolver **ret)
{
	struct cli_resolver *r = calloc(1, sizeof *r);

	if (r)
		r->psl = o->psl;
	if (!r || !(o->zone ? load_zone(a, o->zone, r) : open_network(o->resolver, r))) {
		cli_resolver_free(r);
		return false;
	}
	*ret = r;
	return true;
}

void cli_resolver_free(struct cli_resolver *r)
{
	if (r) {
		hk_unbound_close(r->network);
		hk_names_close(r->names);
	}
	free(r);
}

/* Questions about a name itself, for which no server is asked. */
static enum hk_status ask_names(struct cli_resolver *r, const struct hk_dns_question *q,
    struct hk_arena *a, struct hk_dns_answer *ret)
{
	if (q->type == HK_DNS_SUFFIX && !r->names && !r->no_names &&
	    hk_names_open(r->psl, &r->names) != HK_OK) {
		r->no_names = true;
		cli_complain("the public suffix list cannot be read", r->psl);
	}
	return hk_names_answer(r->names, q, a, ret);
}

enum hk_status cli_resolve(struct cli_resolver *r, const struct hk_dns_question *q,
    struct hk_arena *a, struct hk_dns_answer *ret)
{
	if (hk_dns_type_is_local(q->type))
		return ask_names(r, q, a, ret);
	return r->zone ? hk_zone_answer(r->zone, a, q, ret) : hk_unbound_answer(r->network, q, 1, HK_RESOLVE_TIMEOUT_MS, a, ret);
}

static bool any_is_local(const struct hk_dns_question *q, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (hk_dns_type_is_local(q[i].type))
			return true;
	return false;
}

/* The network is asked all at once. */
static enum hk_status answer_batch(void *resolver, const struct hk_dns_question *q, size_t n,
    unsigned timeout_ms, struct hk_arena *a, struct hk_dns_answer *ret)
{
	struct cli_resolver *r = resolver;
	enum hk_status status = HK_OK;
	size_t i;

	if (!r->zone && !any_is_local(q, n))
		return hk_unbound_answer(r->network, q, n, timeout_ms, a, ret);
	for (i = 0; i < n && status == HK_OK; i++)
		status = cli_resolve(r, &q[i], a, &ret[i]);
	return status;
}

enum hk_status cli_resolve_all(struct cli_resolver *r, struct hk_evaluator evaluator)
{
	return hk_resolve_all(evaluator, answer_batch, r, NULL);
}
