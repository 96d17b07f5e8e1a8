/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include <hikyaku/dns.h>
#include <hikyaku/json.h>

#include "engine/operator.h"

static const char *const verbs[] = {
    [HK_QUEUE_LIST] = "list",
    [HK_QUEUE_SHOW] = "show",
    [HK_QUEUE_HOLD] = "hold",
    [HK_QUEUE_RELEASE] = "release",
    [HK_QUEUE_RETRY] = "retry",
    [HK_QUEUE_DELETE] = "delete",
    [HK_QUEUE_EXPIRE] = "expire",
    [HK_QUEUE_HOPS] = "hops",
};
enum { VERBS = sizeof verbs / sizeof verbs[0] };

const char *hk_operator_verb_name(enum hk_queue_verb verb)
{
	return (size_t)verb < VERBS ? verbs[verb] : NULL;
}

enum hk_status hk_operator_verb_find(struct hk_slice name, enum hk_queue_verb *ret)
{
	size_t i;

	for (i = 0; i < VERBS; i++)
		if (verbs[i] && hk_slice_eq(name, hk_slice_str(verbs[i]))) {
			*ret = (enum hk_queue_verb)i;
			return HK_OK;
		}
	return HK_NOTFOUND;
}

/* ---- requests --------------------------------------------------------------- */

struct reading {
	struct hk_json_reader *json;
	struct hk_arena *arena;
	struct hk_operator_request request;
	bool has_verb;
	const char *why;
};

static enum hk_status wrong(struct reading *r, const char *why)
{
	r->why = why;
	return HK_SYNTAX;
}

static enum hk_status read_verb(struct reading *r)
{
	enum hk_json_token token;
	struct hk_slice text;

	if (hk_json_next(r->json, &token, &text) != HK_OK || token != HK_JSON_STRING)
		return wrong(r, "verb is a string");
	r->has_verb = true;
	return hk_operator_verb_find(text, &r->request.verb) == HK_OK ? HK_OK : wrong(r, "no such verb");
}

static enum hk_status read_domain(struct reading *r)
{
	enum hk_json_token token;
	struct hk_slice text, *domain = &r->request.domain;
	enum hk_status status;

	if (hk_json_next(r->json, &token, &text) != HK_OK || token != HK_JSON_STRING || !text.n || text.n > 255)
		return wrong(r, "domain is a string of 1 to 255 octets");
	status = hk_dns_name_to_ascii(r->arena, text, domain);
	if (status == HK_SYNTAX)
		*domain = text;
	else if (status != HK_OK)
		return status;
	if (domain->n > 1 && domain->p[domain->n - 1] == '.')
		domain->n--;
	return HK_OK;
}

static int by_value(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

size_t hk_operator_ids_once(uint64_t *id, size_t n)
{
	size_t i, once = 0;

	if (n)
		qsort(id, n, sizeof *id, by_value);
	for (i = 0; i < n; i++)
		if (!once || id[once - 1] != id[i])
			id[once++] = id[i];
	return once;
}

static enum hk_status read_all(struct reading *r)
{
	enum hk_json_token token;
	struct hk_slice text;

	if (hk_json_next(r->json, &token, &text) != HK_OK || token != HK_JSON_TRUE)
		return wrong(r, "all is true or not there");
	r->request.all = true;
	return HK_OK;
}

static enum hk_status read_ids(struct reading *r)
{
	enum hk_json_token token;
	struct hk_slice text;
	enum hk_status status;

	if (r->request.id)
		return wrong(r, "ids are there twice");
	if (hk_json_next(r->json, &token, &text) != HK_OK || token != HK_JSON_ARRAY)
		return wrong(r, "ids is an array of strings");
	r->request.id = hk_arena_array(r->arena, HK_QUEUE_IDS_MAX, sizeof *r->request.id);
	if (!r->request.id)
		return r->arena->failed;
	for (;;) {
		status = hk_json_next(r->json, &token, &text);
		if (status == HK_OK && token == HK_JSON_ARRAY_END) {
			r->request.n_ids = hk_operator_ids_once(r->request.id, r->request.n_ids);
			return HK_OK;
		}
		if (status != HK_OK || token != HK_JSON_STRING)
			return wrong(r, "ids is an array of strings");
		if (r->request.n_ids == HK_QUEUE_IDS_MAX)
			return wrong(r, "more than 1000 ids");
		if (hk_mail_id_parse(text, &r->request.id[r->request.n_ids]) != HK_OK)
			return wrong(r, "no queue id");
		r->request.n_ids++;
	}
}

static enum hk_status read_member(struct reading *r, struct hk_slice name)
{
	static const struct {
		const char *name;
		enum hk_status (*read)(struct reading *);
	} members[] = {{"verb", read_verb}, {"ids", read_ids}, {"domain", read_domain}, {"all", read_all}};
	size_t i;

	for (i = 0; i < sizeof members / sizeof members[0]; i++)
		if (hk_slice_eq(name, hk_slice_str(members[i].name)))
			return members[i].read(r);
	return wrong(r, "no such member in a request");
}

/* What a change is for has to be said: nothing is held or deleted because a member was forgotten. */
static enum hk_status check(struct reading *r)
{
	const struct hk_operator_request *q = &r->request;
	int given = (q->n_ids > 0) + (q->domain.n > 0) + q->all;

	if (!r->has_verb)
		return wrong(r, "a request has a verb");
	if (q->verb == HK_QUEUE_LIST)
		return q->n_ids || given > 1 ? wrong(r, "list takes a domain or nothing") : HK_OK;
	if (q->verb == HK_QUEUE_HOPS)
		return given ? wrong(r, "hops takes nothing") : HK_OK;
	if (q->verb == HK_QUEUE_SHOW)
		return q->n_ids && given == 1 ? HK_OK : wrong(r, "show takes ids");
	return given == 1 ? HK_OK : wrong(r, "one of ids, domain and all has to be there");
}

static enum hk_status read_request(struct reading *r)
{
	enum hk_json_token token = HK_JSON_END;
	enum hk_status status = HK_OK;
	struct hk_slice text;

	if (hk_json_next(r->json, &token, &text) != HK_OK || token != HK_JSON_OBJECT)
		return wrong(r, "a request is one JSON object");
	while (status == HK_OK && hk_json_next(r->json, &token, &text) == HK_OK && token == HK_JSON_KEY)
		status = read_member(r, text);
	if (status != HK_OK)
		return status;
	if (token != HK_JSON_OBJECT_END || hk_json_next(r->json, &token, &text) != HK_OK || token != HK_JSON_END)
		return wrong(r, "a request is one JSON object");
	return check(r);
}

enum hk_status hk_operator_request_parse(
    struct hk_arena *a, struct hk_slice line, struct hk_operator_request *ret, const char **why)
{
	struct reading r = {.arena = a, .why = "out of memory"};
	enum hk_status status;

	if (line.n >= HK_OPERATOR_REQUEST_MAX) {
		*why = "the request is too long";
		return HK_LIMIT;
	}
	r.json = hk_json_reader_new(a, line);
	status = r.json ? read_request(&r) : HK_NOMEM;
	if (status == HK_OK)
		*ret = r.request;
	else
		*why = r.why;
	return status;
}

static void json_id(struct hk_json_writer *w, const char *key, uint64_t id)
{
	char text[HK_MAIL_ID_TEXT];

	hk_mail_id_format(id, text);
	hk_json_text(w, key, text);
}

void hk_operator_request_format(const struct hk_operator_request *q, struct hk_buf *out)
{
	struct hk_json_writer w;
	size_t i;

	hk_json_begin(&w, out);
	hk_json_object(&w, NULL);
	hk_json_text(&w, "verb", hk_operator_verb_name(q->verb));
	if (q->n_ids) {
		hk_json_array(&w, "ids");
		for (i = 0; i < q->n_ids; i++)
			json_id(&w, NULL, q->id[i]);
		hk_json_close_array(&w);
	}
	if (q->domain.n)
		hk_json_string(&w, "domain", q->domain);
	if (q->all)
		hk_json_bool(&w, "all", true);
	hk_json_close_object(&w);
	hk_buf_add_byte(out, '\n');
}

/* ---- answers ------------------------------------------------------------------ */

/* Postfix's names; quarantined mail is held there too. */
static const char *queue_name(enum hk_queue_state state)
{
	static const char *const names[] = {[HK_QUEUE_WAITING] = "deferred",
	    [HK_QUEUE_ACTIVE] = "active",
	    [HK_QUEUE_IS_HELD] = "hold",
	    [HK_QUEUE_QUARANTINED] = "hold"};

	return (size_t)state < sizeof names / sizeof names[0] ? names[state] : "?";
}

static const char *rcpt_state(const struct hk_queue_rcpt *r)
{
	static const char *const names[] = {[HK_RCPT_DELIVERED] = "delivered", [HK_RCPT_FAILED] = "failed", [HK_RCPT_REMOVED] = "removed"};

	if (r->outcome == HK_RCPT_PENDING || r->outcome >= sizeof names / sizeof names[0])
		return r->is_out ? "active" : "pending";
	return names[r->outcome];
}

static void reason_add(struct hk_json_writer *w, const struct hk_queue_reason *r)
{
	struct hk_buf text;

	if (!r->code && !r->text.n)
		return;
	hk_buf_init(&text, 2048);
	if (r->remote.n)
		hk_buf_addf(&text, "host %.*s%s: ", HK_FMT(r->remote), r->is_ours ? "" : " said");
	if (r->code)
		hk_buf_addf(&text, "%u %s%s", r->code, r->enhanced, r->enhanced[0] ? " " : "");
	hk_buf_add(&text, r->text);
	hk_json_string(w, "delay_reason", hk_buf_slice(&text));
	hk_buf_done(&text);
}

static void rcpts_add(struct hk_json_writer *w, const struct hk_queue_entry *e, const struct hk_mail *mail, bool all)
{
	size_t i, n = e->n_rcpt < mail->n_rcpt ? e->n_rcpt : mail->n_rcpt;

	hk_json_array(w, "recipients");
	for (i = 0; i < n; i++) {
		if (!all && e->rcpt[i].outcome != HK_RCPT_PENDING)
			continue;
		hk_json_object(w, NULL);
		hk_json_string(w, "address", mail->rcpt[i].address);
		if (mail->rcpt[i].params.orcpt.n)
			hk_json_string(w, "orig_address", mail->rcpt[i].params.orcpt);
		if (e->rcpt[i].outcome == HK_RCPT_PENDING)
			reason_add(w, &e->rcpt[i].reason);
		hk_json_text(w, "state", rcpt_state(&e->rcpt[i]));
		hk_json_close_object(w);
	}
	hk_json_close_array(w);
}

void hk_operator_entry_format(const struct hk_queue_entry *e, const struct hk_mail *mail, bool all, struct hk_buf *out)
{
	struct hk_json_writer w;

	hk_json_begin(&w, out);
	hk_json_object(&w, NULL);
	hk_json_text(&w, "queue_name", queue_name(e->state));
	json_id(&w, "queue_id", e->id);
	hk_json_int(&w, "arrival_time", mail->received);
	hk_json_int(&w, "message_size", (int64_t)(mail->header.n + mail->body_size));
	hk_json_bool(&w, "forced_expire", false);
	hk_json_string(&w, "sender", mail->mail_from);
	hk_json_int(&w, "attempts", e->attempts);
	hk_json_int(&w, "next_attempt", e->next_attempt);
	hk_json_int(&w, "expires", mail->received + (int64_t)e->lifetime);
	if (mail->params.envid.n)
		hk_json_string(&w, "envid", mail->params.envid);
	if (e->state == HK_QUEUE_QUARANTINED)
		hk_json_bool(&w, "quarantined", true);
	rcpts_add(&w, e, mail, all);
	hk_json_close_object(&w);
	hk_buf_add_byte(out, '\n');
}

void hk_operator_hop_format(const struct hk_queue_hop *h, struct hk_buf *out)
{
	const struct {
		const char *name;
		uint64_t value;
	} numbers[] = {{"domains", h->domains}, {"waiting", h->waiting}, {"out", h->out}, {"limit", h->limit}, {"most", h->most},
	    {"rests", h->rests}, {"failures", h->failures}, {"rate_most", h->rate_most}, {"rate_seconds", h->rate_seconds}};
	struct hk_json_writer w;
	size_t i;

	hk_json_begin(&w, out);
	hk_json_object(&w, NULL);
	hk_json_string(&w, "hop", h->name);
	if (h->shape.n)
		hk_json_string(&w, "shape", h->shape);
	for (i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
		hk_json_int(&w, numbers[i].name, (int64_t)numbers[i].value);
	reason_add(&w, &h->reason);
	hk_json_close_object(&w);
	hk_buf_add_byte(out, '\n');
}

void hk_operator_end_format(enum hk_status status, uint64_t count, uint64_t active, const char *why, struct hk_buf *out)
{
	struct hk_json_writer w;

	hk_json_begin(&w, out);
	hk_json_object(&w, NULL);
	hk_json_text(&w, "status", status == HK_OK ? "ok" : "failed");
	if (status == HK_OK)
		hk_json_int(&w, "count", (int64_t)count);
	if (status == HK_OK && active)
		hk_json_int(&w, "active", (int64_t)active);
	if (status != HK_OK)
		hk_json_text(&w, "why", why ? why : hk_status_text(status));
	hk_json_close_object(&w);
	hk_buf_add_byte(out, '\n');
}

/* ---- answers, read ---------------------------------------------------------------- */

static enum hk_status take_text(const struct hk_slice value, void *to)
{
	*(struct hk_slice *)to = value;
	return HK_OK;
}

static enum hk_status take_number(const struct hk_slice value, void *to)
{
	return hk_slice_u64(value, INT64_MAX, to);
}

struct member {
	const char *name;
	enum hk_json_token token;
	enum hk_status (*take)(struct hk_slice, void *to);
	size_t at;
};

static const struct member line_members[] = {
    {"why", HK_JSON_STRING, take_text, offsetof(struct hk_operator_line, why)},
    {"count", HK_JSON_NUMBER, take_number, offsetof(struct hk_operator_line, count)},
    {"active", HK_JSON_NUMBER, take_number, offsetof(struct hk_operator_line, active)},
    {"queue_name", HK_JSON_STRING, take_text, offsetof(struct hk_operator_line, entry.queue_name)},
    {"queue_id", HK_JSON_STRING, take_text, offsetof(struct hk_operator_line, entry.queue_id)},
    {"sender", HK_JSON_STRING, take_text, offsetof(struct hk_operator_line, entry.sender)},
    {"envid", HK_JSON_STRING, take_text, offsetof(struct hk_operator_line, entry.envid)},
    {"arrival_time", HK_JSON_NUMBER, take_number, offsetof(struct hk_operator_line, entry.arrival_time)},
    {"next_attempt", HK_JSON_NUMBER, take_number, offsetof(struct hk_operator_line, entry.next_attempt)},
    {"message_size", HK_JSON_NUMBER, take_number, offsetof(struct hk_operator_line, entry.size)},
    {"attempts", HK_JSON_NUMBER, take_number, offsetof(struct hk_operator_line, entry.attempts)},
    {"expires", HK_JSON_NUMBER, take_number, offsetof(struct hk_operator_line, entry.expires)},
    {"hop", HK_JSON_STRING, take_text, offsetof(struct hk_operator_line, hop.name)},
    {"shape", HK_JSON_STRING, take_text, offsetof(struct hk_operator_line, hop.shape)},
    {"delay_reason", HK_JSON_STRING, take_text, offsetof(struct hk_operator_line, hop.reason)},
    {"domains", HK_JSON_NUMBER, take_number, offsetof(struct hk_operator_line, hop.domains)},
    {"waiting", HK_JSON_NUMBER, take_number, offsetof(struct hk_operator_line, hop.waiting)},
    {"out", HK_JSON_NUMBER, take_number, offsetof(struct hk_operator_line, hop.out)},
    {"limit", HK_JSON_NUMBER, take_number, offsetof(struct hk_operator_line, hop.limit)},
    {"most", HK_JSON_NUMBER, take_number, offsetof(struct hk_operator_line, hop.most)},
    {"rests", HK_JSON_NUMBER, take_number, offsetof(struct hk_operator_line, hop.rests)},
    {"failures", HK_JSON_NUMBER, take_number, offsetof(struct hk_operator_line, hop.failures)},
    {"rate_most", HK_JSON_NUMBER, take_number, offsetof(struct hk_operator_line, hop.rate_most)},
    {"rate_seconds", HK_JSON_NUMBER, take_number, offsetof(struct hk_operator_line, hop.rate_seconds)},
};
static const struct member rcpt_members[] = {
    {"address", HK_JSON_STRING, take_text, offsetof(struct hk_operator_rcpt, address)},
    {"delay_reason", HK_JSON_STRING, take_text, offsetof(struct hk_operator_rcpt, reason)},
    {"state", HK_JSON_STRING, take_text, offsetof(struct hk_operator_rcpt, state)},
};

/* One plain value into the member of that name; others are left alone: a later server may tell more. */
static enum hk_status take_value(const struct member *m, size_t n, struct hk_slice name, enum hk_json_token token, struct hk_slice value, void *to)
{
	size_t i;

	if (token == HK_JSON_OBJECT || token == HK_JSON_ARRAY)
		return HK_SYNTAX;
	for (i = 0; i < n; i++)
		if (hk_slice_eq(name, hk_slice_str(m[i].name)))
			return m[i].token == token ? m[i].take(value, (char *)to + m[i].at) : HK_SYNTAX;
	return HK_OK;
}

static enum hk_status read_rcpt(struct hk_json_reader *json, struct hk_operator_rcpt *ret)
{
	enum hk_status status;
	enum hk_json_token token;
	struct hk_slice name, value;

	*ret = (struct hk_operator_rcpt){0};
	for (;;) {
		status = hk_json_next(json, &token, &name);
		if (status != HK_OK || token == HK_JSON_OBJECT_END)
			return status;
		status = hk_json_next(json, &token, &value);
		if (status == HK_OK)
			status = take_value(rcpt_members, sizeof rcpt_members / sizeof rcpt_members[0], name, token, value, ret);
		if (status != HK_OK)
			return status;
	}
}

static enum hk_status read_rcpts(struct hk_arena *a, struct hk_json_reader *json, struct hk_operator_entry *e)
{
	enum hk_json_token token;
	enum hk_status status;
	struct hk_slice text;
	size_t room = 0;

	for (;;) {
		status = hk_json_next(json, &token, &text);
		if (status != HK_OK || token == HK_JSON_ARRAY_END)
			return status;
		if (token != HK_JSON_OBJECT)
			return HK_SYNTAX;
		if (e->n_rcpt == room) {
			struct hk_operator_rcpt *more = hk_arena_array(a, room ? room * 2 : 8, sizeof *more);

			if (!more)
				return a->failed;
			if (room)
				memcpy(more, e->rcpt, room * sizeof *more);
			e->rcpt = more;
			room = room ? room * 2 : 8;
		}
		status = read_rcpt(json, &e->rcpt[e->n_rcpt++]);
		if (status != HK_OK)
			return status;
	}
}

static enum hk_status read_pair(struct hk_arena *a, struct hk_json_reader *json, struct hk_slice name, struct hk_operator_line *l)
{
	enum hk_json_token token;
	struct hk_slice value;
	enum hk_status status = hk_json_next(json, &token, &value);

	if (status != HK_OK)
		return status;
	if (hk_slice_eq(name, HK_S("recipients")))
		return token == HK_JSON_ARRAY && !l->entry.rcpt ? read_rcpts(a, json, &l->entry) : HK_SYNTAX;
	if (hk_slice_eq(name, HK_S("status"))) {
		l->is_end = token == HK_JSON_STRING;
		l->is_ok = l->is_end && hk_slice_eq(value, HK_S("ok"));
		return l->is_end ? HK_OK : HK_SYNTAX;
	}
	return take_value(line_members, sizeof line_members / sizeof line_members[0], name, token, value, l);
}

enum hk_status hk_operator_line_parse(struct hk_arena *a, struct hk_slice line, struct hk_operator_line *ret)
{
	struct hk_json_reader *json = hk_json_reader_new(a, line);
	struct hk_operator_line l = {0};
	enum hk_json_token token;
	enum hk_status status;
	struct hk_slice name;

	if (!json)
		return HK_NOMEM;
	status = hk_json_next(json, &token, &name);
	if (status == HK_OK && token != HK_JSON_OBJECT)
		status = HK_SYNTAX;
	while (status == HK_OK) {
		status = hk_json_next(json, &token, &name);
		if (status == HK_OK && token == HK_JSON_OBJECT_END)
			break;
		if (status == HK_OK)
			status = read_pair(a, json, name, &l);
	}
	if (status == HK_OK)
		status = hk_json_next(json, &token, &name);
	if (status == HK_OK && (token != HK_JSON_END || (!l.is_end && !l.entry.queue_id.n && !l.hop.name.n)))
		status = HK_SYNTAX;
	if (status == HK_OK)
		*ret = l;
	return status;
}
