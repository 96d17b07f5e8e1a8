/* SPDX-License-Identifier: MIT
 *
 * policy.c - who may send to whom, and what a verdict means.
 */
#include "engine/policy.h"
#include "lib/base/bug.h"

struct hk_policy_client hk_policy_client(const struct hk_conf_listener *l, const struct hk_ip *ip)
{
	return (struct hk_policy_client){
	    .ip = *ip,
	    .may_relay = hk_conf_nets_have(&l->relay_from, ip),
	    .is_trusted = hk_conf_nets_have(&l->trusted_relays, ip),
	};
}

struct hk_policy_reply hk_policy_mail(
    const struct hk_conf_listener *l, const struct hk_policy_client *c)
{
	if (l->role == HK_ROLE_SUBMISSION && !c->may_relay && !c->is_user)
		return (struct hk_policy_reply){HK_REFUSAL_AUTH_REQUIRED};
	return (struct hk_policy_reply){0};
}

/* user%other@ours, other!user@ours, "user@other"@ours: addresses that some next hop would route on
 * to `other`. Nobody but a client that may send anywhere has a reason to use them; they are the old
 * ways through a relay that looks at the domain only. Deliberate: RFC 5321 2.3.11 leaves the local
 * part to its own host, and this host refuses them. */
static bool routes_in_local_part(struct hk_slice local)
{
	return hk_slice_find(local, '%') < local.n || hk_slice_find(local, '!') < local.n ||
	       hk_slice_find(local, '@') < local.n;
}

static bool is_postmaster(const struct hk_conf *conf, const struct hk_path *path)
{
	/* RFC 5321 4.5.1: <postmaster> without a domain is for this host, whoever it comes from; so is the one at
	 * an address of ours, which is no domain that a route could be for */
	return hk_slice_eq_nocase(path->local, HK_S("postmaster")) && conf->postmaster.n &&
	       (!path->domain.n || (path->domain.p[0] == '[' && hk_conf_accepts(conf, path->domain)));
}

/* ---- who may send to whom ---- */

enum who { ANYONE, ENTITLED, WHO };
enum where { POSTMASTER = 1, OURS = 2, ELSEWHERE = 4, NOWHERE = 8 };

/* The one place where relaying is allowed: the listener's role, then who the client is, and the
 * destinations that it has. Entitled is a client of relay-from, and a user that authenticated. */
static const uint8_t may_send_to[][WHO] = {
    [HK_ROLE_MX] = {[ANYONE] = POSTMASTER | OURS, [ENTITLED] = POSTMASTER | OURS | ELSEWHERE},
    [HK_ROLE_RELAY] = {[ANYONE] = POSTMASTER, [ENTITLED] = POSTMASTER | OURS | ELSEWHERE},
    [HK_ROLE_SUBMISSION] = {[ANYONE] = POSTMASTER, [ENTITLED] = POSTMASTER | OURS | ELSEWHERE},
};

/* An address of ours is this host; where "route *" takes mail for it to another one, that is relaying. */
static bool leads_away(const struct hk_conf *conf, struct hk_slice domain)
{
	const struct hk_conf_route *route = domain.p[0] == '[' ? hk_conf_find_route(conf, domain) : NULL;

	return route && (route->via == HK_VIA_MX || route->via == HK_VIA_SMTP);
}

static enum where where_to(const struct hk_conf *conf, const struct hk_path *path)
{
	if (is_postmaster(conf, path))
		return POSTMASTER;
	if (!path->domain.n)
		return NOWHERE; /* <postmaster>, and this host has none */
	if (!hk_conf_accepts(conf, path->domain) || leads_away(conf, path->domain))
		return ELSEWHERE;
	return routes_in_local_part(path->local) ? ELSEWHERE : OURS;
}

struct hk_policy_reply hk_policy_rcpt(const struct hk_conf *conf, const struct hk_conf_listener *l,
    const struct hk_policy_client *c, const struct hk_path *path, struct hk_slice *ret_address)
{
	static const struct hk_policy_reply denied = {HK_REFUSAL_RELAY_DENIED};
	static const struct hk_policy_reply nobody = {HK_REFUSAL_NO_POSTMASTER};
	enum who who = c->may_relay || c->is_user ? ENTITLED : ANYONE;
	enum where where = where_to(conf, path);

	if (where == NOWHERE)
		return nobody;
	if (!(may_send_to[l->role][who] & where) && !(HK_BUG(OPEN_RELAY) && routes_in_local_part(path->local)))
		return denied;
	*ret_address = where == POSTMASTER ? conf->postmaster : path->text;
	return (struct hk_policy_reply){0};
}

/* name: "user@domain", "@domain", "*" */
static bool fits_sender(struct hk_slice name, struct hk_slice local, struct hk_slice domain)
{
	size_t at = hk_slice_rfind(name, '@');

	if (at == name.n)
		return hk_slice_eq(name, HK_S("*"));
	return hk_slice_eq_nocase(hk_slice_from(name, at + 1), domain) &&
	       (at == 0 || hk_slice_eq_nocase(hk_slice_sub(name, 0, at), local));
}

bool hk_policy_owns(const struct hk_conf *conf, struct hk_slice user, struct hk_slice senders,
    struct hk_slice local, struct hk_slice domain)
{
	struct hk_slice rest = senders;

	while (rest.n) {
		struct hk_slice word = hk_slice_sub(rest, 0, hk_slice_find(rest, ' '));

		if (word.n && fits_sender(word, local, domain))
			return true;
		rest = hk_slice_from(rest, word.n + 1);
	}
	if (senders.n)
		return false;
	if (hk_slice_find(user, '@') < user.n)
		return fits_sender(user, local, domain);
	return hk_slice_eq_nocase(user, local) && hk_conf_accepts(conf, domain);
}

unsigned hk_policy_checks(const struct hk_conf_listener *l, const struct hk_policy_client *c)
{
	/* RFC 7208 2.2: SPF is for the border; what an inner hop brings has the hop's address, so
	 * SPF, and DMARC which rests on it, would judge ourselves. A signature can be checked
	 * anywhere. */
	return c->is_trusted ? l->checks & (unsigned)(HK_CHECK_DKIM | HK_CHECK_ARC) : l->checks;
}

static bool any_signature_passed(const struct hk_verify_verdict *v)
{
	size_t i;

	for (i = 0; i < v->n_dkim; i++)
		if (v->dkim[i]->result == HK_DKIM_PASS)
			return true;
	return false;
}

enum hk_action hk_policy_verdict(const struct hk_conf_listener *l, const struct hk_policy_client *c,
    const struct hk_verify_verdict *v)
{
	if (l->enforce == HK_ENFORCE_OFF || c->is_trusted || c->may_relay || c->is_user ||
	    !(v->checks & HK_CHECK_DMARC))
		return HK_ACTION_ACCEPT;
	/* RFC 9989 7: a temporary error may be answered with 4xx; it never becomes a pass or a fail
	 */
	if (v->dmarc->result == HK_DMARC_TEMPERROR)
		return HK_ACTION_DEFER;
	/* No single author domain, so nobody's policy applies; to let such a message through would be
	 * a way around DMARC (RFC 9989 5.3.1, 11.5; docs/decisions/0009). */
	if (v->from_state != HK_FROM_ONE)
		return l->enforce == HK_ENFORCE_REJECT ? HK_ACTION_REJECT : HK_ACTION_QUARANTINE;
	if (v->dmarc->result != HK_DMARC_FAIL || v->dmarc->disposition == HK_DMARC_P_NONE)
		return HK_ACTION_ACCEPT;
	if (v->dmarc->disposition == HK_DMARC_P_QUARANTINE)
		return HK_ACTION_QUARANTINE;
	/* RFC 9989 7.4: p=reject alone is not enough to reject, unless the operator says so; with a
	 * hard SPF fail and no signature that verifies nothing speaks for the message any more. */
	if (l->enforce == HK_ENFORCE_REJECT ||
	    (v->spf->result == HK_SPF_FAIL && !any_signature_passed(v)))
		return HK_ACTION_REJECT;
	return HK_ACTION_QUARANTINE;
}
