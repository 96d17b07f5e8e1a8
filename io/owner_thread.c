/* SPDX-License-Identifier: MIT */
#include <limits.h>
#include <stdlib.h>
#include <time.h>

#include "io/clock.h"
#include "io/owner_thread.h"

/* ---- what comes in
 * --------------------------------------------------------------------------------- */

/* The token is the post itself: nothing has to be found or allocated on the way back. */
static void take_put(struct hk_owner_thread *t, struct hk_put_post *post)
{
	struct hk_mail *mail = post->mail;

	post->mail = NULL;
	hk_owner_put(t->owner, mail, (uint64_t)(uintptr_t)post);
}

static void take_result(struct hk_owner_thread *t, struct hk_job_post *post)
{
	hk_owner_result(t->owner, post->job);
	free(post);
}

static void take_conf(struct hk_owner_thread *t, struct hk_conf_post *post)
{
	hk_owner_reload(t->owner, post->conf);
	hk_conf_free(post->conf);
	free(post);
}

static void take_answer(struct hk_owner_thread *t, struct hk_dns_post *post)
{
	hk_owner_answer(t->owner, post->token, &post->answer);
	hk_dns_post_free(post);
}

static void take_call(struct hk_owner_thread *t, struct hk_call_post *post)
{
	post->call->back = post;
	hk_owner_call(t->owner, post->call);
}

/* false: end the thread. */
static bool take(struct hk_owner_thread *t, struct hk_post *post)
{
	switch (post->type) {
	case HK_POST_PUT:
		take_put(t, (struct hk_put_post *)post);
		return true;
	case HK_POST_RESULT:
		take_result(t, (struct hk_job_post *)post);
		return true;
	case HK_POST_OWNER_CONF:
		take_conf(t, (struct hk_conf_post *)post);
		return true;
	case HK_POST_DNS:
		take_answer(t, (struct hk_dns_post *)post);
		return true;
	case HK_POST_CALL:
		take_call(t, (struct hk_call_post *)post);
		return true;
	case HK_POST_STOP:
		free(post);
		t->stopping = true;
		hk_owner_stop(t->owner);
		return true;
	case HK_POST_QUIT:
		free(post);
		return false;
	default: /* not for the owner: nobody posts it */
		return true;
	}
}

static bool take_all(struct hk_owner_thread *t)
{
	struct hk_post *post, *next;
	bool go_on = true;

	t->n_taken = 0;
	for (post = hk_mailbox_take(&t->box); post; post = next) {
		t->n_taken++;
		next = post->next;
		go_on &= take(t, post);
	}
	return go_on;
}

/* ---- what goes out
 * ----------------------------------------------------------------------------------- */

static void give_committed(const struct hk_order *order)
{
	struct hk_put_post *post = (struct hk_put_post *)(uintptr_t)order->token;

	post->status = order->status;
	post->post.type = HK_POST_COMMITTED;
	hk_mailbox_post(post->back, &post->post);
}

static void give_job(struct hk_owner_thread *t, struct hk_job *job)
{
	struct hk_job_post *post = malloc(sizeof *post);

	if (!post) {
		job->released = true;
		hk_owner_result(t->owner, job);
		return;
	}
	*post = (struct hk_job_post){.post.type = HK_POST_DELIVER, .job = job};
	hk_mailbox_post(t->worker[t->next_worker], &post->post);
	t->next_worker = (t->next_worker + 1) % t->n_workers;
}

/* By way of a worker: the generations, and with them the resolver, are theirs. Without an answer the owner's patience ends. */
static void give_ask(struct hk_owner_thread *t, const struct hk_order *order)
{
	struct hk_dns_post *post = hk_dns_post_new(&order->question, &t->box, order->token);

	if (!post)
		return;
	post->post.type = HK_POST_ASK;
	hk_mailbox_post(t->worker[t->next_worker], &post->post);
}

static void give_called(struct hk_queue_call *call)
{
	struct hk_call_post *post = call->back;

	if (!post->back) {
		hk_queue_call_free(call);
		free(post);
		return;
	}
	post->post.type = HK_POST_CALLED;
	hk_mailbox_post(post->back, &post->post);
}

static void give_all(struct hk_owner_thread *t)
{
	struct hk_order order;

	while (hk_owner_next(t->owner, &order)) {
		if (order.type == HK_ORDER_COMMITTED)
			give_committed(&order);
		else if (order.type == HK_ORDER_CALLED)
			give_called(order.call);
		else if (order.type == HK_ORDER_ASK)
			give_ask(t, &order);
		else
			give_job(t, order.job);
	}
}

static void tell_idle(struct hk_owner_thread *t)
{
	struct hk_told_post *told;

	if (!t->stopping || t->told_idle || !hk_owner_is_idle(t->owner))
		return;
	told = malloc(sizeof *told);
	if (!told)
		return; /* the main thread's patience ends */
	t->told_idle = true;
	*told = (struct hk_told_post){.post.type = HK_POST_OWNER_IDLE};
	hk_mailbox_post(t->main, &told->post);
}

/* ---- the thread
 * ------------------------------------------------------------------------------------------ */

/* Where so many posts came at once there are more under way: they get a moment to join the next batch, so that more of them share a
 * sync (docs/decisions/0017). */
enum { MANY = 8, GATHER_NS = 300000 };

static int time_to_wait(const struct hk_owner_thread *t)
{
	uint64_t at = hk_owner_deadline(t->owner), now;

	if (at == UINT64_MAX)
		return -1;
	now = hk_clock_mono_ms();
	if (at <= now)
		return 0;
	return at - now > INT_MAX ? INT_MAX : (int)(at - now);
}

static void step(struct hk_owner_thread *t)
{
	struct hk_now now;

	hk_clock_now(&now);
	hk_owner_step(t->owner, &now);
	give_all(t);
	t->intake = hk_owner_intake(t->owner);
	t->room = hk_owner_room(t->owner);
	if (t->metrics)
		hk_metrics_owner(t->metrics, t->owner);
	tell_idle(t);
}

static void *run(void *argument)
{
	const struct timespec gather = {.tv_nsec = GATHER_NS};
	struct hk_owner_thread *t = argument;
	bool go_on = true;

	step(t);
	while (go_on) {
		hk_mailbox_wait(&t->box, time_to_wait(t));
		if (t->n_taken >= MANY)
			nanosleep(&gather, NULL);
		go_on = take_all(t);
		step(t);
	}
	return NULL;
}

enum hk_status hk_owner_thread_open(
    struct hk_owner_thread *t, struct hk_conf *conf, struct hk_disk *disk)
{
	struct hk_now now;
	enum hk_status status;

	hk_clock_now(&now);
	status = hk_owner_new(conf, disk, t->log, &now, &t->owner);
	if (status != HK_OK)
		return status;
	status = hk_mailbox_init(&t->box);
	if (status != HK_OK)
		hk_owner_free(t->owner);
	return status;
}

enum hk_status hk_owner_thread_start(struct hk_owner_thread *t)
{
	return pthread_create(&t->thread, NULL, run, t) == 0 ? HK_OK : HK_NOMEM;
}

void hk_owner_thread_join(struct hk_owner_thread *t)
{
	pthread_join(t->thread, NULL);
}

void hk_owner_thread_close(struct hk_owner_thread *t)
{
	hk_owner_free(t->owner);
}

void hk_owner_thread_done(struct hk_owner_thread *t)
{
	struct hk_post *post, *next;

	for (post = hk_mailbox_take(&t->box); post; post = next) {
		next = post->next;
		if (post->type == HK_POST_DNS)
			hk_dns_post_free((struct hk_dns_post *)post);
	}
	hk_mailbox_done(&t->box);
}
