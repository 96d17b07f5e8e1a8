/* SPDX-License-Identifier: MIT */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unbound.h>
#include <unistd.h>

#include <hikyaku/unbound.h>

#include "io/resolver.h"

struct hk_resolver {
	_Atomic unsigned users;
	struct ub_ctx *ub;
	struct hk_mailbox box;
	struct hk_dns_post *open;
	unsigned n_open;
	pthread_t thread;
};

/* ---- posts ----------------------------------------------------------------------------------- */

struct hk_dns_post *hk_dns_post_new(
    const struct hk_dns_question *q, struct hk_mailbox *back, uint64_t token)
{
	struct hk_dns_post *p;

	if (q->name.n > HK_DNS_NAME_MAX)
		return NULL;
	p = calloc(1, sizeof *p);
	if (!p)
		return NULL;
	p->post.type = HK_POST_DNS;
	p->back = back;
	p->token = token;
	p->type = q->type;
	memcpy(p->name, q->name.p, q->name.n);
	hk_arena_init(&p->arena, HK_RESOLVER_ARENA);
	return p;
}

void hk_dns_post_free(struct hk_dns_post *p)
{
	if (!p)
		return;
	hk_arena_done(&p->arena);
	free(p);
}

static struct hk_dns_question question_of(const struct hk_dns_post *p)
{
	return (struct hk_dns_question){hk_slice_str(p->name), p->type};
}

static void give_back(struct hk_dns_post *p)
{
	hk_mailbox_post(p->back, &p->post);
}

static void give_back_failed(struct hk_dns_post *p, enum hk_dns_rcode rcode, bool bogus)
{
	p->answer =
	    (struct hk_dns_answer){.question = question_of(p), .rcode = rcode, .bogus = bogus};
	give_back(p);
}

static void open_post(struct hk_resolver *r, struct hk_dns_post *p)
{
	p->resolver = r;
	p->next_open = r->open;
	p->prev_open = &r->open;
	if (p->next_open)
		p->next_open->prev_open = &p->next_open;
	r->open = p;
	r->n_open++;
}

static void close_post(struct hk_dns_post *p)
{
	*p->prev_open = p->next_open;
	if (p->next_open)
		p->next_open->prev_open = p->prev_open;
	p->resolver->n_open--;
}

/* ---- answers ------------------------------------------------------------------------------------
 */

static void answered(void *user, int error, struct ub_result *result)
{
	struct hk_dns_post *p = user;
	struct hk_dns_question q = question_of(p);
	struct hk_slice wire;

	close_post(p);
	if (error || !result) {
		give_back_failed(p, HK_DNS_TIMEOUT, false);
		return;
	}
	wire = hk_slice_of(
	    result->answer_packet, result->answer_len > 0 ? (size_t)result->answer_len : 0);
	if (result->bogus) {
		give_back_failed(p, HK_DNS_SERVFAIL, true);
	} else if (result->rcode != HK_DNS_NOERROR && result->rcode != HK_DNS_NXDOMAIN) {
		give_back_failed(p, (enum hk_dns_rcode)result->rcode, false);
	} else if (!wire.p || hk_dns_answer_parse(&p->arena, &q, wire, &p->answer) != HK_OK) {
		give_back_failed(p, HK_DNS_SERVFAIL, false);
	} else {
		p->answer.secure = result->secure != 0;
		give_back(p);
	}
	ub_resolve_free(result);
}

static void ask(struct hk_resolver *r, struct hk_dns_post *p)
{
	enum { CLASS_IN = 1 };
	const char *name = p->name[0] ? p->name : ".";

	if (r->n_open >= HK_RESOLVER_OPEN_MAX || hk_dns_type_is_local(p->type)) {
		give_back_failed(p, HK_DNS_TIMEOUT, false);
		return;
	}
	open_post(r, p);
	if (ub_resolve_async(r->ub, name, p->type, CLASS_IN, p, answered, &p->async_id) != 0) {
		close_post(p);
		give_back_failed(p, HK_DNS_SERVFAIL, false);
	}
}

/* false when it is time to end. */
static bool take_posts(struct hk_resolver *r)
{
	struct hk_post *p, *next;
	bool go_on = true;

	for (p = hk_mailbox_take(&r->box); p; p = next) {
		next = p->next;
		if (p->type == HK_POST_QUIT)
			go_on = false;
		else if (go_on)
			ask(r, (struct hk_dns_post *)p);
		else
			hk_dns_post_free((struct hk_dns_post *)p);
	}
	return go_on;
}

static void *run(void *argument)
{
	struct hk_resolver *r = argument;
	struct pollfd p[2] = {
	    {.fd = r->box.fd, .events = POLLIN}, {.fd = ub_fd(r->ub), .events = POLLIN}};

	do {
		poll(p, 2, -1);
		if (p[1].revents)
			ub_process(r->ub);
	} while (take_posts(r));
	return NULL;
}

/* ---- set-up ----------------------------------------------------------------------------------- */

enum hk_status hk_resolver_start(
    struct hk_slice where, struct hk_slice anchors, struct hk_resolver **ret)
{
	struct hk_resolver *r = calloc(1, sizeof *r);
	enum hk_status status;

	if (!r)
		return HK_NOMEM;
	r->users = 1;
	status = hk_unbound_context(where, &r->ub);
	if (status == HK_OK) {
		status = anchors.n ? hk_unbound_trust(r->ub, anchors) : HK_OK;
		if (status == HK_OK && ub_ctx_async(r->ub, 1) != 0)
			status = HK_NOMEM;
		if (status != HK_OK)
			ub_ctx_delete(r->ub);
	}
	if (status != HK_OK) {
		free(r);
		return status;
	}
	if (hk_mailbox_init(&r->box) != HK_OK) {
		ub_ctx_delete(r->ub);
		free(r);
		return HK_IO;
	}
	if (pthread_create(&r->thread, NULL, run, r) != 0) {
		hk_mailbox_done(&r->box);
		ub_ctx_delete(r->ub);
		free(r);
		return HK_NOMEM;
	}
	*ret = r;
	return HK_OK;
}

void hk_resolver_ask(struct hk_resolver *r, struct hk_dns_post *p)
{
	hk_mailbox_post(&r->box, &p->post);
}

void hk_resolver_use(struct hk_resolver *r)
{
	r->users++;
}

void hk_resolver_free(struct hk_resolver *r)
{
	struct hk_post quit = {.type = HK_POST_QUIT};
	struct hk_dns_post *p, *next;

	if (!r || --r->users)
		return;
	hk_mailbox_post(&r->box, &quit);
	pthread_join(r->thread, NULL);
	ub_ctx_delete(r->ub);
	/* libunbound forgets its questions without a word */
	for (p = r->open; p; p = next) {
		next = p->next_open;
		hk_dns_post_free(p);
	}
	hk_mailbox_done(&r->box);
	free(r);
}
