/* SPDX-License-Identifier: MIT
 *
 * session_lookup.c - what the DNS says of the client and of the envelope, before there is a message: block and allow
 * lists (RFC 5782), a sender's domain that takes no mail (RFC 7505), the A-labels of a recipient's domain.
 *
 * The lists are asked as soon as the client is known and waited for at the first recipient, so they cost no time where the
 * client takes its own. What is not answered in LOOKUP_MS is as if it were not there.
 */
#include <string.h>

#include "engine/session_internal.h"
#include "lib/base/base_internal.h"

enum { LOOKUP_MS = 5000, REASON_MAX = 200 }; /* of a list's TXT; what a reply has room for beside the rest */

/* Most clients need none: NULL when there is no memory, which is as if it were not answered. */
static struct lookup *make(struct hk_session *s, size_t nr)
{
	if (!s->lookup[nr])
		s->lookup[nr] = hk_arena_alloc(&s->arena, sizeof *s->lookup[nr]);
	return s->lookup[nr];
}

static bool is_open(const struct hk_session *s, size_t nr)
{
	return s->lookup[nr] && s->lookup[nr]->state == LOOKUP_OPEN;
}

static bool is_listed(const struct hk_session *s, size_t nr)
{
	return s->lookup[nr] && s->lookup[nr]->is_listed;
}

static void ask(struct hk_session *s, struct lookup *l, struct hk_slice name, uint16_t type)
{
	l->state = LOOKUP_DONE;
	l->question = (struct open_question){.id = session_id(s), .question = {.type = type}};
	if (name.n > HK_DNS_NAME_MAX)
		return;
	memcpy(l->name, name.p, name.n);
	l->question.question.name = hk_slice_of(l->name, name.n);
	l->question.is_open = true;
	l->until = s->now.mono_ms + LOOKUP_MS;
	l->state = LOOKUP_OPEN;
}

/* ---- lists ---- */

static const struct hk_conf_list *list_at(const struct hk_session *s, size_t i)
{
	return &s->env.listener->lists[i];
}

/* RFC 5782 2.1, 2.4: the reversed address, in front of the zone */
static void ask_list(struct hk_session *s, size_t i, uint16_t type)
{
	struct hk_slice name, zone = list_at(s, i)->zone;
	struct lookup *l = make(s, i);
	struct hk_buf b;

	if (!l)
		return;
	hk_buf_init(&b, HK_DNS_NAME_MAX);
	hk_ip_reverse_add(&b, &s->client.ip);
	name = hk_buf_slice(&b);
	/* without "in-addr.arpa" or "ip6.arpa" */
	name = hk_slice_sub(name, 0, name.n - (s->client.ip.family == 4 ? 12 : 8));
	b.n = name.n;
	hk_buf_add(&b, zone);
	if (hk_buf_status(&b) == HK_OK)
		ask(s, l, hk_buf_slice(&b), type);
	else
		l->state = LOOKUP_DONE;
	hk_buf_done(&b);
}

void lookup_lists(struct hk_session *s)
{
	size_t i;

	if (!s->client.ip.family || s->client.may_relay || s->client.is_trusted)
		return;
	for (i = 0; i < s->env.listener->n_lists; i++)
		ask_list(s, i, HK_DNS_A);
}

/* Deliberate: RFC 5782 2.1 lets any A record mean "listed". One outside of 127.0.0.0/8 is a domain that was sold, or a
 * resolver that answers everything; 127.255.255.0/24 is how lists say that they refuse to answer. */
static bool is_match(const struct hk_conf_list *list, const struct hk_ip *ip)
{
	static const struct hk_ip loopback = {.family = 4, .bytes = {127}}, errors = {.family = 4, .bytes = {127, 255, 255}};

	return list->net.bits ? hk_ip_in(ip, &list->net.ip, list->net.bits)
	                      : hk_ip_in(ip, &loopback, 8) && !hk_ip_in(ip, &errors, 24);
}

static void list_answer(struct hk_session *s, size_t at, const struct hk_dns_answer *answer)
{
	const struct hk_conf_list *list = list_at(s, at);
	struct lookup *l = s->lookup[at];
	char ip[HK_IP_TEXT_MAX];
	size_t i;

	if (l->question.question.type == HK_DNS_TXT) {
		if (answer->n && !hk_dns_is_failure(answer))
			(void)!hk_arena_dup(&s->arena, hk_slice_sub(answer->rr[0].data, 0, REASON_MAX), &l->text);
		return;
	}
	for (i = 0; i < answer->n && !hk_dns_is_failure(answer); i++) {
		if (!is_match(list, &answer->rr[i].ip))
			continue;
		hk_ip_format(&answer->rr[i].ip, ip);
		hk_logf(s->env.log, HK_LOG_INFO, "ev=listed client=%s list=%.*s answer=%s", s->client_text,
		    HK_FMT(list->zone), ip);
		l->is_listed = true;
		if (list->action == HK_LIST_REJECT)
			ask_list(s, at, HK_DNS_TXT);
		return;
	}
}

static bool is_allowed(const struct hk_session *s)
{
	size_t i;

	for (i = 0; i < s->env.listener->n_lists; i++)
		if (is_listed(s, i) && list_at(s, i)->action == HK_LIST_ALLOW)
			return true;
	return false;
}

bool lookup_lists_wait(struct hk_session *s)
{
	size_t i;

	for (i = 0; i < s->env.listener->n_lists; i++)
		if (is_open(s, i))
			return true;
	return false;
}

struct hk_policy_reply lookup_lists_say(struct hk_session *s, const struct hk_path *path)
{
	size_t i;

	/* RFC 5321 4.5.1: whoever is listed by mistake has to be able to say so */
	if (is_allowed(s) || hk_slice_eq_nocase(path->local, HK_S("postmaster")))
		return (struct hk_policy_reply){0};
	for (i = 0; i < s->env.listener->n_lists; i++) {
		const struct hk_conf_list *list = list_at(s, i);

		if (!is_listed(s, i) || list->action != HK_LIST_REJECT)
			continue;
		return (struct hk_policy_reply){HK_REFUSAL_DNS_LISTED,
		    {hk_slice_str(s->client_text), list->zone, s->lookup[i]->text}};
	}
	return (struct hk_policy_reply){0};
}

void lookup_lists_add(const struct hk_session *s, struct hk_buf *out)
{
	size_t i;

	for (i = 0; i < s->env.listener->n_lists && !is_allowed(s); i++)
		if (is_listed(s, i) && list_at(s, i)->action == HK_LIST_TAG)
			hk_buf_addf(out, "X-Hikyaku-Listed: %.*s\r\n", HK_FMT(list_at(s, i)->zone));
}

bool lookup_allows(const struct hk_session *s)
{
	return is_allowed(s);
}

/* ---- the envelope ---- */

/* One question of a command: true while it is waited for. The second time it was answered, or never will be. */
static bool wait_for(struct hk_session *s, enum lookup_nr nr, struct hk_slice domain, uint16_t type)
{
	struct lookup *l = make(s, nr);
	struct hk_slice name;
	struct hk_arena scratch;

	if (!l)
		return false;
	if (l->state != LOOKUP_NEW)
		return l->state == LOOKUP_OPEN;
	l->has_answer = l->is_listed = false;
	hk_arena_init(&scratch, 16 * 1024);
	if (hk_dns_name_normalise(&scratch, domain, &name) == HK_OK)
		ask(s, l, name, type);
	else
		l->state = LOOKUP_DONE;
	hk_arena_done(&scratch);
	return l->state == LOOKUP_OPEN;
}

bool lookup_sender(struct hk_session *s, const struct hk_path *path, struct hk_policy_reply *ret)
{
	static const struct hk_policy_reply takes_none = {HK_REFUSAL_SENDER_NULL_MX};
	struct lookup *l;

	*ret = (struct hk_policy_reply){0};
	if (!s->env.listener->check_sender_domain || !path->domain.n || path->domain.p[0] == '[' ||
	    s->client.may_relay || s->client.is_user || s->client.is_trusted || !hk_slice_is_ascii(path->domain))
		return true;
	if (wait_for(s, LOOKUP_SENDER, path->domain, HK_DNS_MX))
		return false;
	l = s->lookup[LOOKUP_SENDER];
	if (l && l->has_answer && l->is_listed)
		*ret = takes_none;
	if (l)
		l->state = LOOKUP_NEW;
	return true;
}

bool lookup_alabel(struct hk_session *s, struct hk_path *path, struct hk_arena *a, struct hk_policy_reply *ret)
{
	static const struct hk_policy_reply none = {HK_REFUSAL_DOMAIN_NO_ALABEL};
	struct lookup *l;
	struct hk_slice text;

	*ret = (struct hk_policy_reply){0};
	if (hk_slice_is_ascii(path->domain))
		return true;
	if (wait_for(s, LOOKUP_ALABEL, path->domain, HK_DNS_ALABEL))
		return false;
	l = s->lookup[LOOKUP_ALABEL];
	if (l)
		l->state = LOOKUP_NEW;
	if (!l || !l->has_answer || !hk_is_hostname(hk_slice_str(s->alabel), true)) {
		*ret = none;
		return true;
	}
	/* RFC 6531 3.2: the domain goes on as A-labels, which are the same name to everyone */
	if (hk_arena_fmt(a, &text, "%.*s@%s", HK_FMT(path->local), s->alabel) != HK_OK)
		*ret = reply_no_memory;
	path->domain = hk_slice_from(text, path->local.n + 1);
	path->local = hk_slice_sub(text, 0, path->local.n);
	path->text = text;
	return true;
}

static bool keep_alabel(struct hk_session *s, struct hk_slice name)
{
	if (!s->alabel)
		s->alabel = hk_arena_alloc(&s->arena, ALABEL_MAX);
	if (!s->alabel || name.n >= ALABEL_MAX)
		return false;
	memcpy(s->alabel, name.p, name.n);
	s->alabel[name.n] = 0;
	return true;
}

static void envelope_answer(struct hk_session *s, enum lookup_nr nr, const struct hk_dns_answer *answer)
{
	struct lookup *l = s->lookup[nr];

	l->has_answer = !hk_dns_is_failure(answer);
	if (nr == LOOKUP_SENDER) {
		/* RFC 7505 3 */
		l->is_listed = answer->n == 1 && !answer->rr[0].data.n;
	} else if (answer->n != 1 || !keep_alabel(s, answer->rr[0].data)) {
		l->has_answer = false;
	}
}

/* ---- all of them ---- */

bool lookup_answer(struct hk_session *s, uint32_t id, const struct hk_dns_answer *answer)
{
	size_t i;

	for (i = 0; i < LOOKUPS; i++) {
		struct lookup *l = s->lookup[i];

		if (!is_open(s, i) || l->question.id != id)
			continue;
		l->question.is_open = false;
		l->state = LOOKUP_DONE;
		if (i < HK_CONF_LISTS_MAX)
			list_answer(s, i, answer);
		else
			envelope_answer(s, (enum lookup_nr)i, answer);
		return true;
	}
	return false;
}

struct open_question *lookup_question(struct hk_session *s)
{
	size_t i;

	for (i = 0; i < LOOKUPS; i++)
		if (is_open(s, i) && !s->lookup[i]->question.is_handed_out)
			return &s->lookup[i]->question;
	return NULL;
}

void lookup_time(struct hk_session *s)
{
	size_t i;

	for (i = 0; i < LOOKUPS; i++) {
		struct lookup *l = s->lookup[i];

		if (!is_open(s, i) || s->now.mono_ms < l->until)
			continue;
		l->question.is_open = false;
		l->state = LOOKUP_DONE;
	}
}

uint64_t lookup_deadline(const struct hk_session *s)
{
	uint64_t at = UINT64_MAX;
	size_t i;

	for (i = 0; i < LOOKUPS; i++)
		if (is_open(s, i) && s->lookup[i]->until < at)
			at = s->lookup[i]->until;
	return at;
}
