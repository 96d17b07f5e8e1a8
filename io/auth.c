/* SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "io/auth.h"

struct hk_auth_pool {
	pthread_mutex_t mutex;
	pthread_cond_t wake;
	struct hk_post *first, **last;
	unsigned waiting, idle, n;
	bool is_over;
	pthread_t thread[HK_AUTH_THREADS];
};

struct hk_auth_post *hk_auth_post_new(struct hk_slice data, bool has_data)
{
	struct hk_auth_post *post = calloc(1, sizeof *post);

	if (!post)
		return NULL;
	post->post.type = HK_POST_AUTH;
	post->has_data = has_data;
	hk_buf_init(&post->data, HK_SASL_DATA_MAX);
	hk_buf_add(&post->data, data);
	hk_sasl_result_init(&post->result);
	if (hk_buf_status(&post->data) == HK_OK)
		return post;
	hk_auth_post_free(post);
	return NULL;
}

static void wipe_data(struct hk_auth_post *post)
{
	if (post->data.n)
		explicit_bzero(post->data.p, post->data.n);
	hk_buf_done(&post->data);
}

void hk_auth_post_free(struct hk_auth_post *post)
{
	wipe_data(post);
	hk_sasl_result_done(&post->result);
	hk_sasl_free(post->exchange);
	free(post);
}

/* NULL: the end. */
static struct hk_auth_post *take(struct hk_auth_pool *p)
{
	struct hk_post *post;

	pthread_mutex_lock(&p->mutex);
	p->idle++;
	while (!p->first && !p->is_over)
		pthread_cond_wait(&p->wake, &p->mutex);
	p->idle--;
	post = p->is_over ? NULL : p->first;
	if (post) {
		p->first = post->next;
		if (!p->first)
			p->last = &p->first;
		p->waiting--;
	}
	pthread_mutex_unlock(&p->mutex);
	return (struct hk_auth_post *)post;
}

static void *run(void *argument)
{
	struct hk_auth_post *post;

	while ((post = take(argument))) {
		hk_sasl_step(
		    post->exchange, hk_buf_slice(&post->data), post->has_data, &post->result);
		wipe_data(post);
		hk_mailbox_post(post->back, &post->post);
	}
	return NULL;
}

enum hk_status hk_auth_pool_start(struct hk_auth_pool **ret)
{
	struct hk_auth_pool *p = calloc(1, sizeof *p);

	if (!p)
		return HK_NOMEM;
	p->last = &p->first;
	pthread_mutex_init(&p->mutex, NULL);
	pthread_cond_init(&p->wake, NULL);
	*ret = p;
	return HK_OK;
}

bool hk_auth_pool_put(struct hk_auth_pool *p, struct hk_auth_post *post)
{
	bool ok;

	pthread_mutex_lock(&p->mutex);
	if (p->waiting >= p->idle && p->n < HK_AUTH_THREADS &&
	    pthread_create(&p->thread[p->n], NULL, run, p) == 0)
		p->n++;
	ok = p->n > 0 && p->waiting < HK_AUTH_QUEUE_MAX;
	if (ok) {
		post->post.next = NULL;
		*p->last = &post->post;
		p->last = &post->post.next;
		p->waiting++;
		pthread_cond_signal(&p->wake);
	}
	pthread_mutex_unlock(&p->mutex);
	return ok;
}

void hk_auth_pool_end(struct hk_auth_pool *p)
{
	struct hk_post *post, *next;
	unsigned i;

	if (!p)
		return;
	pthread_mutex_lock(&p->mutex);
	p->is_over = true;
	pthread_cond_broadcast(&p->wake);
	pthread_mutex_unlock(&p->mutex);
	for (i = 0; i < p->n; i++)
		pthread_join(p->thread[i], NULL);
	for (post = p->first; post; post = next) {
		next = post->next;
		hk_auth_post_free((struct hk_auth_post *)post);
	}
	pthread_cond_destroy(&p->wake);
	pthread_mutex_destroy(&p->mutex);
	free(p);
}
