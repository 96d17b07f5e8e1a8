/* SPDX-License-Identifier: MIT
 *
 * delivery_policy.c - what is found out about a host before it is connected to (SRV, DNSSEC, TLSA, MTA-STS), and what the
 * table of tls_policy.c makes of it.
 */
#include <stdio.h>
#include <string.h>

#include "engine/delivery_internal.h"
#include "engine/srv.h"
#include "lib/base/base_internal.h"

/* A policy that is not known yet: fetching one may take a minute (RFC 8461 3.3), and all else has been asked meanwhile. */
#define STS_MS 75000

static const struct hk_conf_route *route_of(const struct hk_delivery *d)
{
	return d->env.job->route;
}

static void count(struct hk_delivery *d, enum hk_tls_result result, struct hk_slice host)
{
	struct hk_tls_session s = {.type = d->policy.decision.type,
	    .domain = d->env.job->domain, .host = host, .result = result};

	hk_logf(d->env.log, result == HK_TLS_RESULT_NONE ? HK_LOG_DEBUG : HK_LOG_INFO,
	    "qid=%s ev=tls_result policy=%s remote=%s result=%s", d->id_text, hk_tls_policy_word(s.type),
	    hk_log_value(hk_slice_str(d->remote)).text, hk_tls_result_word(result));
	if (d->env.tls_sink)
		d->env.tls_sink->note(d->env.tls_sink, &s);
}

static struct hk_slice host_name(const struct hk_delivery *d)
{
	return d->n_hosts ? d->host[d->host_at].name : (struct hk_slice){0};
}

void policy_count(struct hk_delivery *d, enum hk_tls_result result)
{
	if (!d->policy.is_counted)
		count(d, result, host_name(d));
	d->policy.is_counted = true;
}

/* ---- of the domain ---- */

void policy_begin(struct hk_delivery *d)
{
	struct hk_slice name;

	if (route_of(d)->tls != HK_TLS_OFF) {
		d->policy.is_sts_open = d->env.answers_sts && delivery_conf(d)->mta_sts;
		if (d->policy.is_sts_open)
			d->wants |= WANT_STS;
		if (delivery_conf(d)->smtp_tls_srv &&
		    hk_arena_fmt(&d->arena, &name, "_smtp-tls._tcp.%.*s", HK_FMT(d->env.job->domain)) ==
		        HK_OK) {
			hosts_ask(d, 0, name, HK_DNS_SRV);
			delivery_wait(d, STEP_SRV, DNS_MS);
			return;
		}
	}
	hosts_ask(d, 0, d->env.job->domain, HK_DNS_MX);
	delivery_wait(d, STEP_MX, DNS_MS);
}

void policy_sts(struct hk_delivery *d, struct hk_slice text, enum hk_tls_result result)
{
	struct hk_sts_policy policy;

	if (!d->policy.is_sts_open)
		return;
	d->policy.is_sts_open = false;
	if (text.n && hk_sts_policy_parse(&d->arena, text, &policy) == HK_OK)
		d->policy.sts = policy;
	if (result != HK_TLS_RESULT_NONE) {
		d->policy.decision.type = HK_TLS_POLICY_STS;
		count(d, result, (struct hk_slice){0});
	}
	if (d->step == STEP_STS)
		policy_decide(d);
}

/* draft-nurpmeso-smtp-tls-srv: where the record is, MX is not asked. An answer that fails might hide it. */
void policy_srv(struct hk_delivery *d, const struct hk_dns_answer *answer)
{
	struct hk_slice domain = d->env.job->domain;
	size_t place[HK_DNS_RRS_MAX], n, i;

	if (hk_dns_is_failure(answer)) {
		d->is_mx_unknown = true;
		delivery_settle_all(d, HK_RCPT_PENDING, 451, "4.4.3", "The DNS does not tell the SRV of %.*s: %s",
		    HK_FMT(domain), hk_dns_rcode_name(answer->rcode));
		return;
	}
	if (hk_dns_is_void(answer)) {
		hosts_ask(d, 0, d->env.job->domain, HK_DNS_MX);
		delivery_wait(d, STEP_MX, DNS_MS);
		return;
	}
	if (hk_srv_is_none(answer)) {
		delivery_settle_all(d, HK_RCPT_FAILED, 556, "5.1.10",
		    "The domain %.*s has no service for mail by TLS (RFC 2782)", HK_FMT(domain));
		return;
	}
	d->policy.is_name_secure = answer->secure;
	d->policy.is_srv = true;
	n = hk_srv_order(answer, hk_hash(hk_slice_str(d->id_text)) + d->env.job->attempt, place);
	for (i = 0; i < n; i++)
		hosts_add_srv(d, &answer->rr[place[i]], (unsigned)i);
	hosts_found(d);
}

/* ---- of a host ---- */

/* false: it is not asked for. A name that would be too long is nobody's, so there is no TLSA. */
static bool ask_tlsa(struct hk_delivery *d, struct hk_slice host)
{
	struct hk_slice name;

	if (hk_dane_name(&d->arena, d->tls_port, host, &name) != HK_OK) {
		d->policy.dane = HK_DANE_FAILED;
		return false;
	}
	if (name.n > HK_DNS_NAME_MAX)
		return false;
	hosts_ask(d, 0, name, HK_DNS_TLSA);
	return true;
}

/* The addresses are known. Those that nobody signed have no TLSA that counts, and asking for one makes some servers fail
 * (RFC 7672 2.2.2). */
void policy_host(struct hk_delivery *d)
{
	struct delivery_policy *p = &d->policy;
	struct hk_ip ip;

	p->dane = HK_DANE_NONE;
	p->n_tlsa = 0;
	p->links = 0;
	p->base = p->chain = host_name(d);
	if (!p->is_address_secure || route_of(d)->tls == HK_TLS_OFF || route_of(d)->via == HK_VIA_LMTP ||
	    hk_ip_parse(p->base, &ip) == HK_OK) {
		policy_decide(d);
		return;
	}
	(void)ask_tlsa(d, p->base);
	hosts_ask(d, 1, p->base, HK_DNS_CNAME);
	delivery_wait(d, STEP_TLSA, DNS_MS);
	if (p->dane == HK_DANE_FAILED)
		policy_decide(d);
}

static void take_tlsa(struct hk_delivery *d, const struct hk_dns_answer *answer, struct hk_slice base)
{
	struct hk_dns_answer copy;

	if (hk_dns_answer_copy(&d->arena, answer, &copy) == HK_OK)
		d->policy.dane = hk_dane_judge(&copy, d->policy.tlsa, &d->policy.n_tlsa);
	else
		d->policy.dane = HK_DANE_FAILED;
	d->policy.base = base;
}

/* RFC 7672 2.1.3: the base is the name at the end of a secure chain of CNAMEs, and the first name where that one has no
 * TLSA; those between never count. */
static void take_cname(struct hk_delivery *d, const struct hk_dns_answer *answer)
{
	struct delivery_policy *p = &d->policy;

	if (!answer->secure || !answer->n || p->links == HK_DNS_CHAIN_MAX ||
	    hk_arena_dup_lower(&d->arena, answer->rr[0].data, &p->chain) != HK_OK)
		return;
	p->links++;
	hosts_ask(d, 1, p->chain, HK_DNS_CNAME);
}

void policy_tlsa(struct hk_delivery *d, const struct hk_dns_answer *answer)
{
	struct delivery_policy *p = &d->policy;

	if (answer->question.type == HK_DNS_CNAME) {
		take_cname(d, answer);
	} else if (!p->is_chain_asked) {
		take_tlsa(d, answer, host_name(d));
	} else if (hk_dns_is_failure(answer) || (answer->secure && answer->n)) {
		take_tlsa(d, answer, p->chain);
	}
	if (d->asked[0].is_open || d->asked[1].is_open)
		return;
	if (p->links && !p->is_chain_asked) {
		p->is_chain_asked = true;
		if (ask_tlsa(d, p->chain))
			return;
	}
	p->is_chain_asked = false;
	policy_decide(d);
}

/* ---- the decision ---- */

static struct hk_tls_facts facts_of(const struct hk_delivery *d)
{
	const struct delivery_policy *p = &d->policy;
	const struct hk_conf_route *route = route_of(d);

	return (struct hk_tls_facts){
	    .level = route->tls,
	    /* LMTP is the final delivery; a bounce goes on without (RFC 8689 5) */
	    .require_tls = d->mail.params.require_tls && d->mail.mail_from.n && route->via != HK_VIA_LMTP,
	    .is_tls_optional = (d->mail.flags & HK_MAIL_TLS_OPTIONAL) != 0,
	    .is_srv = p->is_srv,
	    .is_implicit = route->implicit_tls || (p->is_srv && d->tls_port != 25),
	    .is_name_secure = p->is_name_secure,
	    .dane = p->dane,
	    .sts = p->sts.mode,
	    .does_sts_permit = hk_sts_permits(&p->sts, host_name(d)),
	};
}

static void refuse_host(struct hk_delivery *d)
{
	const struct hk_tls_decision *c = &d->policy.decision;

	d->has_own_trouble = true;
	if (c->failure == HK_TLS_TO_BOUNCE)
		delivery_trouble(d, false, 550, "5.7.10",
		    "REQUIRETLS: this host cannot be known for the right one (%s)", c->source);
	else
		delivery_trouble(d, true, 451, "4.7.5", "The host is not used: %s, %s (%s)", c->rule,
		    hk_tls_result_word(c->result), c->source);
	d->address_at = d->n_addresses;
}

void policy_decide(struct hk_delivery *d)
{
	struct hk_tls_facts f;
	struct hk_tls_decision *c = &d->policy.decision;

	if (d->policy.is_sts_open) {
		delivery_wait(d, STEP_STS, STS_MS);
		return;
	}
	if (delivery_lacks_memory(d))
		return;
	f = facts_of(d);
	*c = hk_tls_decide(&f);
	d->policy.is_counted = false;
	if (host_name(d).n)
		snprintf(d->remote, sizeof d->remote, "%.*s", HK_FMT(hosts_shown(host_name(d))));
	hk_logf(d->env.log, HK_LOG_INFO,
	    "qid=%s ev=tls_policy remote=%s rule=%s use=%d need=%s verify=%s implicit=%d dane=%d sts=%s source=%s",
	    d->id_text, hk_log_value(hk_slice_str(d->remote)).text, c->rule, c->may_use,
	    hk_tls_need_word(c->need), hk_tls_verify_word(c->verify), c->is_implicit, (int)f.dane,
	    hk_sts_mode_name(f.sts), hk_log_value(hk_slice_str(c->source)).text);
	if (c->result != HK_TLS_RESULT_NONE)
		policy_count(d, c->result);
	if (!c->may_use)
		refuse_host(d);
	delivery_wait(d, STEP_TRY, 0);
}

/* ---- the connection ---- */

struct hk_tls_check policy_check(const struct hk_delivery *d)
{
	const struct delivery_policy *p = &d->policy;
	struct hk_tls_check check = {.name = host_name(d), .verify = p->decision.verify};

	if (check.verify == HK_VERIFY_DANE) {
		check.name = p->base;
		/* RFC 7672 3.2.2: for an authority of theirs the domain itself will do, where the MX is certain */
		if (p->is_name_secure && route_of(d)->via == HK_VIA_MX)
			check.other_name = d->env.job->domain;
		check.tlsa = p->tlsa;
		check.n_tlsa = p->n_tlsa;
	}
	return check;
}

void policy_trouble(struct hk_delivery *d, const char *what, struct hk_slice why)
{
	why = hk_utf8_cut(why, WHY_MOST);
	d->has_own_trouble = true;
	if (d->policy.decision.failure == HK_TLS_TO_BOUNCE)
		delivery_trouble(d, false, 550, "5.7.10", "REQUIRETLS: %s: %.*s", what, HK_FMT(why));
	else
		delivery_trouble(d, true, 451, "4.7.5", "%s: %.*s", what, HK_FMT(why));
}

bool policy_ready(struct hk_delivery *d)
{
	const struct hk_tls_decision *c = &d->policy.decision;

	if (hk_smtpc_is_tls(d->client))
		policy_count(d, HK_TLS_RESULT_NONE);
	else if (c->need != HK_TLS_NEVER)
		policy_count(d, HK_TLS_RESULT_NO_STARTTLS);
	if (delivery_wants_by(d) && !(hk_smtpc_offered(d->client) & HK_EXT(DELIVERBY))) {
		d->has_own_trouble = true;
		delivery_trouble(d, false, 550, "5.3.3",
		    "DELIVERBY is not offered by this host, and the sender wants the message back after his time (RFC 2852 4.1.4.2)");
		return false;
	}
	if (!c->needs_requiretls || (hk_smtpc_offered(d->client) & HK_EXT(REQUIRETLS)))
		return true;
	d->has_own_trouble = true;
	delivery_trouble(d, false, 550, "5.7.30", "REQUIRETLS is not offered by this host (RFC 8689 4.2.1)");
	return false;
}

bool policy_says_requiretls(const struct hk_delivery *d)
{
	return d->mail.params.require_tls && (d->policy.decision.needs_requiretls ||
	                                         (hk_smtpc_offered(d->client) & HK_EXT(REQUIRETLS)));
}
