/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unbound.h>

#include <hikyaku/names.h>

#include "cli_internal.h"

#define ZONE_MAX (8 * 1024 * 1024)

struct cli_resolver {
	const char *psl;         /* NULL: the system's */
	struct hk_names *names;  /* when first asked for */
	bool no_names;           /* and said so */
	const struct hk_zone *zone; /* NULL: the network */
	struct ub_ctx *ub;
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

enum { NAME_TEXT_MAX = HK_DNS_NAME_MAX * 4 }; /* each octet as \DDD */

/* Names under "test." and the reverse zones of private networks have fixed answers in libunbound
 * (RFC 6761, RFC 6303); a lab publishes just those, so they are asked for like any other. */
static const struct {
	const char *name, *value;
} settings[] = {
    {"do-not-query-localhost:", "no"},
    {"unblock-lan-zones:", "yes"},
    {"insecure-lan-zones:", "yes"},
};

static bool open_network(const char *resolver, struct cli_resolver *r)
{
	size_t i;
	int error;

	r->ub = ub_ctx_create();
	if (!r->ub) {
		cli_complain("no resolver could be made", NULL);
		return false;
	}
	for (i = 0; i < sizeof settings / sizeof settings[0]; i++)
		(void)ub_ctx_set_option(r->ub, settings[i].name, settings[i].value);
	error = resolver ? ub_ctx_set_fwd(r->ub, resolver) : ub_ctx_resolvconf(r->ub, NULL);
	if (!error) /* this ends the configuration, so it comes last */
		error = ub_ctx_zone_remove(r->ub, "test.");
	if (error)
		cli_complain(ub_strerror(error), resolver);
	return !error;
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
	if (r && r->ub)
		ub_ctx_delete(r->ub);
	if (r)
		hk_names_close(r->names);
	free(r);
}

static enum hk_status ask_network(struct ub_ctx *ub, const struct hk_dns_question *q,
    struct hk_arena *a, struct hk_dns_answer *ret)
{
	const struct hk_dns_answer none = {.question = *q, .rcode = HK_DNS_TIMEOUT};
	struct ub_result *result = NULL;
	char name[NAME_TEXT_MAX + 2];
	enum hk_status status = HK_OK;

	*ret = none;
	if (q->name.n > NAME_TEXT_MAX)
		return HK_OK;
	memcpy(name, q->name.p, q->name.n);
	memcpy(name + q->name.n, ".", 2); /* absolute, also for the root */
	if (ub_resolve(ub, name, q->type, 1 /* IN */, &result) != 0)
		return HK_OK;
	if (result->bogus) {
		ret->rcode = HK_DNS_SERVFAIL;
		ret->bogus = true;
	} else if (result->answer_packet && result->answer_len > 0) {
		status = hk_dns_answer_parse(
		    a, q, hk_slice_of(result->answer_packet, (size_t)result->answer_len), ret);
		if (status == HK_SYNTAX) {
			*ret = none;
			status = HK_OK;
		} else {
			ret->secure = result->secure;
		}
	}
	ub_resolve_free(result);
	return status;
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
	return r->zone ? hk_zone_answer(r->zone, a, q, ret) : ask_network(r->ub, q, a, ret);
}
