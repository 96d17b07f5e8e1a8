/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <hikyaku/names.h>

#include "io/owner_thread.h"
#include "io/worker.h"

enum { SLOTS_FIRST = 64, RUN_MOST = 4096 /* a domain */ };
#define NO_SLOT UINT32_MAX

void hk_asks_init(struct hk_asks *a)
{
	*a = (struct hk_asks){.first_free = NO_SLOT};
	a->last_unsent = &a->unsent;
}

void hk_asks_done(struct hk_asks *a)
{
	free(a->slot);
	hk_asks_init(a);
}

static bool make_room(struct hk_asks *a)
{
	uint32_t cap = a->cap ? a->cap * 2 : SLOTS_FIRST;
	struct hk_ask_slot *slot;

	if (a->first_free != NO_SLOT || a->n < a->cap)
		return true;
	if (cap <= a->cap)
		return false;
	slot = realloc(a->slot, (size_t)cap * sizeof *slot);
	if (!slot)
		return false;
	a->slot = slot;
	a->cap = cap;
	return true;
}

static uint32_t take_slot(struct hk_asks *a)
{
	uint32_t at = a->first_free;

	if (at != NO_SLOT) {
		a->first_free = a->slot[at].next_free;
		return at;
	}
	a->slot[a->n] = (struct hk_ask_slot){.turn = 1};
	return a->n++;
}

static uint64_t token_of(const struct hk_asks *a, const struct hk_ask *ask)
{
	return (uint64_t)a->slot[ask->slot].turn << 32 | ask->slot;
}

static struct hk_ask *find(const struct hk_asks *a, uint64_t token, enum hk_ask_kind kind)
{
	uint32_t slot = (uint32_t)token;

	if (slot >= a->n || !a->slot[slot].ask || a->slot[slot].turn != token >> 32 ||
	    a->slot[slot].ask->kind != kind)
		return NULL;
	return a->slot[slot].ask;
}

static void queue_unsent(struct hk_asks *a, struct hk_ask *ask)
{
	ask->next_unsent = NULL;
	ask->prev_unsent = a->last_unsent;
	*a->last_unsent = ask;
	a->last_unsent = &ask->next_unsent;
}

static void leave_unsent(struct hk_asks *a, struct hk_ask *ask)
{
	if (!ask->prev_unsent)
		return;
	*ask->prev_unsent = ask->next_unsent;
	if (ask->next_unsent)
		ask->next_unsent->prev_unsent = ask->prev_unsent;
	else
		a->last_unsent = ask->prev_unsent;
	ask->prev_unsent = NULL;
}

static void drop(struct hk_ask *ask)
{
	struct hk_worker *w = ask->drive->worker;
	struct hk_ask_slot *slot = &w->asks.slot[ask->slot];
	struct hk_ask **at = &ask->drive->asks;

	while (*at != ask)
		at = &(*at)->next;
	*at = ask->next;
	leave_unsent(&w->asks, ask);
	slot->ask = NULL;
	slot->turn++;
	slot->next_free = w->asks.first_free;
	w->asks.first_free = ask->slot;
	hk_timers_leave(&w->loop.timers, &ask->timer);
	free(ask);
}

void hk_ask_drop_all(struct hk_drive *d)
{
	while (d->asks)
		drop(d->asks);
}

static void late(struct hk_timer *timer);

/* NULL when out of memory. wait_ms 0: without end. */
static struct hk_ask *ask_new(
    struct hk_drive *d, enum hk_ask_kind kind, uint32_t id, uint64_t wait_ms)
{
	struct hk_worker *w = d->worker;
	struct hk_ask *ask = make_room(&w->asks) ? calloc(1, sizeof *ask) : NULL;

	if (!ask || hk_timers_join(&w->loop.timers, &ask->timer, late) != HK_OK) {
		free(ask);
		return NULL;
	}
	ask->drive = d;
	ask->kind = kind;
	ask->id = id;
	ask->slot = take_slot(&w->asks);
	w->asks.slot[ask->slot].ask = ask;
	ask->next = d->asks;
	d->asks = ask;
	if (wait_ms)
		hk_timers_set(&w->loop.timers, &ask->timer, w->loop.now.mono_ms + wait_ms);
	return ask;
}

/* ---- DNS ---------------------------------------------------------------------------------------
 */

static void answer_timeout(struct hk_drive *d, uint32_t id, const struct hk_dns_question *q)
{
	d->ops->dns(d, id, &(struct hk_dns_answer){.question = *q, .rcode = HK_DNS_TIMEOUT});
}

/* What no name server knows: A-labels. There is no list of public suffixes in the daemon. */
static void answer_here(struct hk_drive *d, uint32_t id, const struct hk_dns_question *q)
{
	struct hk_dns_answer answer;
	struct hk_arena a;

	hk_arena_init(&a, 64 * 1024);
	if (hk_names_answer(NULL, q, &a, &answer) == HK_OK)
		d->ops->dns(d, id, &answer);
	else
		answer_timeout(d, id, q);
	hk_arena_done(&a);
}

void hk_ask_dns(struct hk_drive *d, uint32_t id, const struct hk_dns_question *q)
{
	struct hk_worker *w = d->worker;
	struct hk_generation *g = w->recent[0];
	struct hk_dns_answer known;
	struct hk_dns_post *post;
	struct hk_ask *ask;

	if (hk_dns_type_is_local(q->type)) {
		answer_here(d, id, q);
		return;
	}
	if (hk_answers_find(&w->answers, q, w->loop.now.mono_ms, &known)) {
		d->ops->dns(d, id, &known);
		return;
	}
	ask = q->name.n <= HK_DNS_NAME_MAX
	          ? ask_new(d, HK_ASK_DNS, id, (uint64_t)g->conf->resolver_timeout * 1000)
	          : NULL;
	post = ask ? hk_dns_post_new(q, &w->box, token_of(&w->asks, ask)) : NULL;
	if (!post) {
		if (ask)
			drop(ask);
		answer_timeout(d, id, q);
		return;
	}
	ask->type = q->type;
	ask->name_n = (uint8_t)q->name.n;
	memcpy(ask->name, q->name.p, q->name.n);
	hk_resolver_ask(g->resolver, post);
}

void hk_ask_answer_dns(struct hk_worker *w, struct hk_dns_post *post)
{
	struct hk_ask *ask = find(&w->asks, post->token, HK_ASK_DNS);
	struct hk_drive *d = NULL;
	uint32_t id = 0;

	if (ask) {
		d = ask->drive;
		id = ask->id;
		drop(ask);
		d->ops->dns(d, id, &post->answer);
	}
	/* also when nobody waits any more: the next one may ask the same */
	hk_answers_put(&w->answers, post, w->loop.now.mono_ms);
	if (d)
		hk_drive_pump(d);
}

/* ---- commits
 * ------------------------------------------------------------------------------------- */

void hk_ask_commit(struct hk_drive *d, uint32_t id, struct hk_mail *mail)
{
	struct hk_worker *w = d->worker;
	struct hk_put_post *post = malloc(sizeof *post);
	struct hk_ask *ask = post ? ask_new(d, HK_ASK_COMMIT, id, 0) : NULL;

	if (!ask) {
		free(post);
		hk_mail_free(mail);
		d->ops->committed(d, id, HK_NOMEM);
		return;
	}
	*post = (struct hk_put_post){.post.type = HK_POST_PUT,
	    .mail = mail,
	    .back = &w->box,
	    .token = token_of(&w->asks, ask)};
	if (w->commits++ == 0)
		w->commit_ms = w->loop.now.mono_ms;
	hk_mailbox_post(w->world->owner, &post->post);
}

void hk_ask_answer_commit(struct hk_worker *w, uint64_t token, enum hk_status status)
{
	struct hk_ask *ask = find(&w->asks, token, HK_ASK_COMMIT);
	struct hk_drive *d;
	uint32_t id;

	w->commits--;
	w->commit_ms = w->loop.now.mono_ms;
	if (!ask)
		return; /* the client left while its message was being made durable; it is delivered
		           all the same */
	d = ask->drive;
	id = ask->id;
	drop(ask);
	d->ops->committed(d, id, status);
	hk_drive_pump(d);
}

/* ---- the queue ---- */

bool hk_ask_run(struct hk_worker *w, struct hk_slice domain)
{
	struct hk_queue_call *call = hk_queue_call_new(HK_QUEUE_RUN, RUN_MOST);
	struct hk_call_post *post = malloc(sizeof *post);

	if (!call || !post || hk_arena_dup(&call->arena, domain, &call->domain) != HK_OK) {
		hk_queue_call_free(call);
		free(post);
		return false;
	}
	*post = (struct hk_call_post){.post.type = HK_POST_CALL, .call = call};
	hk_mailbox_post(w->world->owner, &post->post);
	return true;
}

/* ---- authentication ---- */

static void give_auth(struct hk_drive *d, uint32_t id, struct hk_auth_post *post)
{
	d->ops->authenticated(d, id, post);
	hk_auth_post_free(post);
}

void hk_ask_auth(struct hk_drive *d, uint32_t id, struct hk_auth_post *post)
{
	struct hk_worker *w = d->worker;
	struct hk_ask *ask = ask_new(d, HK_ASK_AUTH, id, 0);

	post->back = &w->box;
	if (ask) {
		post->token = token_of(&w->asks, ask);
		if (hk_auth_pool_put(w->world->auth, post))
			return;
		drop(ask);
	}
	give_auth(d, id, post); /* its result says LATER from the beginning */
}

void hk_ask_answer_auth(struct hk_worker *w, struct hk_auth_post *post)
{
	struct hk_ask *ask = find(&w->asks, post->token, HK_ASK_AUTH);
	struct hk_drive *d = NULL;
	uint32_t id = 0;

	if (!ask) {
		hk_auth_post_free(post); /* the client left meanwhile */
		return;
	}
	d = ask->drive;
	id = ask->id;
	drop(ask);
	give_auth(d, id, post);
	hk_drive_pump(d);
}

/* ---- signatures
 * ------------------------------------------------------------------------------------ */

static enum hk_status send_request(const struct hk_worker *w, const struct hk_keys_request *r)
{
	uint8_t message[HK_KEYS_REQUEST];
	ssize_t n;

	hk_keys_request_format(r, message);
	do
		n = send(w->keys_fd, message, sizeof message, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n == (ssize_t)sizeof message)
		return HK_OK;
	return n < 0 && errno == EAGAIN ? HK_AGAIN : HK_IO;
}

void hk_ask_sign(struct hk_drive *d, uint32_t id, struct hk_keys_request *r)
{
	struct hk_worker *w = d->worker;
	struct hk_ask *ask = w->keys_fd >= 0 ? ask_new(d, HK_ASK_SIGN, id, HK_ASK_SIGN_MS) : NULL;
	enum hk_status status;

	if (!ask) {
		d->ops->signed_(d, id, (struct hk_slice){0});
		return;
	}
	r->seq = token_of(&w->asks, ask);
	ask->request = *r;
	/* a burst is more than the channel holds: the rest waits, in its order */
	status = w->asks.unsent ? HK_AGAIN : send_request(w, r);
	if (status == HK_AGAIN) {
		queue_unsent(&w->asks, ask);
		hk_worker_watch_keys(w);
	} else if (status != HK_OK) {
		drop(ask);
		d->ops->signed_(d, id, (struct hk_slice){0});
	}
}

void hk_ask_send_signs(struct hk_worker *w)
{
	struct hk_ask *ask;

	/* a channel that is broken shows when it is read */
	while ((ask = w->asks.unsent) && send_request(w, &ask->request) == HK_OK)
		leave_unsent(&w->asks, ask);
}

static void answer_sign(struct hk_ask *ask, struct hk_slice signature)
{
	struct hk_drive *d = ask->drive;
	uint32_t id = ask->id;

	drop(ask);
	d->ops->signed_(d, id, signature);
	hk_drive_pump(d);
}

void hk_ask_answer_sign(struct hk_worker *w, uint64_t token, struct hk_slice signature)
{
	struct hk_ask *ask = find(&w->asks, token, HK_ASK_SIGN);

	if (ask)
		answer_sign(ask, signature);
}

void hk_ask_fail_signs(struct hk_worker *w)
{
	uint32_t i;

	for (i = 0; i < w->asks.n; i++)
		if (w->asks.slot[i].ask && w->asks.slot[i].ask->kind == HK_ASK_SIGN)
			answer_sign(w->asks.slot[i].ask, (struct hk_slice){0});
}

/* ---- policies ---- */

void hk_ask_policy(struct hk_drive *d, struct hk_slice domain)
{
	struct hk_worker *w = d->worker;
	struct hk_generation *g = w->recent[0];
	struct hk_ask *ask = ask_new(d, HK_ASK_POLICY, 0, HK_ASK_POLICY_MS);
	struct hk_policy_post *post =
	    ask ? hk_policy_post_new(domain, &w->box, token_of(&w->asks, ask), g->conf, g->resolver) : NULL;

	if (post) {
		hk_policies_ask(w->world->policies, post);
		return;
	}
	if (ask)
		drop(ask);
	d->ops->sts(d, (struct hk_slice){0}, HK_TLS_RESULT_NONE);
}

void hk_ask_answer_policy(struct hk_worker *w, struct hk_policy_post *post)
{
	struct hk_ask *ask = find(&w->asks, post->token, HK_ASK_POLICY);
	struct hk_drive *d = ask ? ask->drive : NULL;

	if (ask) {
		drop(ask);
		d->ops->sts(d, hk_buf_slice(&post->text), post->result);
	}
	hk_policy_post_free(post);
	if (d)
		hk_drive_pump(d);
}

/* ---- time
 * ------------------------------------------------------------------------------------------- */

static void late(struct hk_timer *timer)
{
	struct hk_ask *ask = (struct hk_ask *)((char *)timer - offsetof(struct hk_ask, timer));
	struct hk_drive *d = ask->drive;
	char name[HK_DNS_NAME_MAX + 1] = "";
	struct hk_dns_question q = {hk_slice_of(name, ask->name_n), ask->type};
	uint32_t id = ask->id;

	if (ask->kind == HK_ASK_SIGN) {
		answer_sign(ask, (struct hk_slice){0});
		return;
	}
	if (ask->kind == HK_ASK_POLICY) {
		drop(ask);
		d->ops->sts(d, (struct hk_slice){0}, HK_TLS_RESULT_STS_FETCH);
		hk_drive_pump(d);
		return;
	}
	memcpy(name, ask->name, sizeof name);
	drop(ask);
	answer_timeout(d, id, &q);
	hk_drive_pump(d);
}
