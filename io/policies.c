/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/log_value.h"
#include "io/clock.h"
#include "io/policies_internal.h"

/* ---- posts ---- */

struct hk_policy_post *hk_policy_post_new(struct hk_slice domain, struct hk_mailbox *back,
    uint64_t token, const struct hk_conf *conf, struct hk_resolver *resolver)
{
	struct hk_policy_post *post;
	size_t i;

	if (domain.n > HK_DNS_NAME_MAX || !hk_is_hostname(domain, false) ||
	    conf->sts_server.n >= sizeof post->server || conf->authorities.n >= sizeof post->authorities)
		return NULL;
	post = calloc(1, sizeof *post);
	if (!post)
		return NULL;
	post->post.type = HK_POST_POLICY;
	post->back = back;
	post->token = token;
	for (i = 0; i < domain.n; i++)
		post->domain[i] = (char)hk_to_lower(domain.p[i]);
	snprintf(post->server, sizeof post->server, "%.*s", HK_FMT(conf->sts_server));
	snprintf(post->authorities, sizeof post->authorities, "%.*s", HK_FMT(conf->authorities));
	hk_buf_init(&post->text, HK_STS_POLICY_MAX);
	hk_resolver_use(resolver);
	post->resolver = resolver;
	return post;
}

void hk_policy_post_free(struct hk_policy_post *post)
{
	if (!post)
		return;
	hk_resolver_free(post->resolver);
	hk_buf_done(&post->text);
	free(post);
}

/* ---- answers ---- */

static bool is_kept(const struct policy *e, int64_t utc)
{
	return e->text.n && utc < e->expires;
}

/* A policy is there, by its record, that we do not have. */
static bool is_wanted(const struct policy *e, int64_t utc)
{
	return e->has_record && (!is_kept(e, utc) || strcmp(e->id, e->record_id) != 0);
}

static void answer(struct policy *e, const struct hk_now *now)
{
	struct hk_policy_post *post, *next;

	for (post = e->waiting; post; post = next) {
		next = (struct hk_policy_post *)post->post.next;
		if (is_kept(e, now->utc))
			hk_buf_add(&post->text, hk_buf_slice(&e->text));
		if (is_wanted(e, now->utc))
			post->result = e->failure;
		hk_mailbox_post(post->back, &post->post);
	}
	e->waiting = NULL;
}

/* ---- questions and fetches ---- */

static void ask_record(struct hk_policies *p, struct policy *e)
{
	char name[sizeof HK_STS_RECORD + HK_DNS_NAME_MAX];
	struct hk_dns_question q = {.type = HK_DNS_TXT};
	struct hk_dns_post *post;

	snprintf(name, sizeof name, HK_STS_RECORD "%s", e->domain);
	q.name = hk_slice_str(name);
	post = hk_dns_post_new(&q, &p->box, e->seq);
	if (!post)
		return; /* a domain of such a length has no policy host either */
	e->is_asking = true;
	hk_resolver_ask(p->resolver, post);
}

static void fail_fetch(struct policy *e, enum hk_tls_result why, uint64_t mono_ms)
{
	e->is_fetching = false;
	e->failure = why;
	e->not_before = mono_ms + HK_POLICIES_AGAIN_MS;
	memcpy(e->failed_id, e->record_id, sizeof e->failed_id);
}

static void begin_fetch(struct hk_policies *p, struct policy *e, uint64_t mono_ms)
{
	struct hk_fetch_request r = {e->seq, hk_slice_str(e->domain), hk_slice_str(p->server),
	    hk_slice_str(p->authorities)};
	struct hk_buf b;

	hk_buf_init(&b, HK_FETCH_REQUEST_MAX);
	hk_fetch_request_format(&r, &b);
	e->is_fetching = true;
	if (hk_buf_status(&b) != HK_OK || p->channel < 0 ||
	    send(p->channel, b.p, b.n, MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)b.n)
		fail_fetch(e, HK_TLS_RESULT_STS_FETCH, mono_ms);
	hk_buf_done(&b);
}

static bool may_fetch(const struct policy *e, uint64_t mono_ms)
{
	return !e->is_fetching && (mono_ms >= e->not_before || strcmp(e->failed_id, e->record_id) != 0);
}

/* Whatever is due for this domain; whoever waits is answered as soon as can be. */
static void advance(struct hk_policies *p, struct policy *e)
{
	struct hk_now now;
	bool wanted;

	hk_clock_now(&now);
	if (!e->is_asking && now.mono_ms >= e->record_until)
		ask_record(p, e);
	if (e->is_asking)
		return;
	wanted = is_wanted(e, now.utc);
	if (wanted || (e->has_record && now.utc - e->fetched >= HK_POLICIES_REFRESH))
		if (may_fetch(e, now.mono_ms))
			begin_fetch(p, e, now.mono_ms);
	if (!wanted || !e->is_fetching)
		answer(e, &now);
}

/* ---- what comes ---- */

static void take_ask(struct hk_policies *p, struct hk_policy_post *post)
{
	struct policy *e = policies_find(p, post->domain);

	/* that of the newest configuration */
	if (p->resolver != post->resolver) {
		hk_resolver_free(p->resolver);
		p->resolver = post->resolver;
		hk_resolver_use(p->resolver);
	}
	memcpy(p->server, post->server, sizeof p->server);
	memcpy(p->authorities, post->authorities, sizeof p->authorities);
	if (!e) {
		post->result = HK_TLS_RESULT_STS_FETCH;
		hk_mailbox_post(post->back, &post->post);
		return;
	}
	post->post.next = e->waiting ? &e->waiting->post : NULL;
	e->waiting = post;
	advance(p, e);
}

static void take_record(struct hk_policies *p, struct hk_dns_post *post)
{
	struct policy *e = policies_by_seq(p, post->token);
	uint64_t ms = (uint64_t)post->answer.ttl * 1000;
	struct hk_slice id;

	if (e) {
		e->is_asking = false;
		if (ms < HK_POLICIES_TXT_MS || hk_dns_is_failure(&post->answer))
			ms = HK_POLICIES_TXT_MS;
		e->record_until = hk_clock_mono_ms() + (ms < HK_POLICIES_REFRESH * 1000 ? ms : HK_POLICIES_REFRESH * 1000);
		e->has_record = hk_sts_record_find(&post->answer, &id) == HK_OK;
		if (e->has_record)
			snprintf(e->record_id, sizeof e->record_id, "%.*s", HK_FMT(id));
		advance(p, e);
	}
	hk_dns_post_free(post);
}

/* What was fetched is kept only when it is a policy. */
static bool keep(struct hk_policies *p, struct policy *e, struct hk_slice text)
{
	struct hk_sts_policy policy;
	struct hk_now now;
	struct hk_arena a;
	bool ok;

	hk_arena_init(&a, 1024 * 1024);
	ok = hk_sts_policy_parse(&a, text, &policy) == HK_OK;
	if (ok) {
		hk_clock_now(&now);
		hk_buf_reset(&e->text);
		hk_buf_add(&e->text, text);
		memcpy(e->id, e->record_id, sizeof e->id);
		e->fetched = now.utc;
		e->expires = now.utc + policy.max_age;
		e->failure = HK_TLS_RESULT_NONE;
		e->not_before = 0;
		hk_logf(p->log, HK_LOG_INFO, "ev=sts domain=%s id=%s mode=%s max_age=%u mx=%zu", e->domain, e->id,
		    hk_sts_mode_name(policy.mode), policy.max_age, policy.n_mx);
		policies_save(p, e);
	}
	hk_arena_done(&a);
	return ok;
}

static void take_reply(struct hk_policies *p, const struct hk_fetch_reply *r)
{
	struct policy *e = policies_by_seq(p, r->seq);
	enum hk_tls_result result = r->result;

	if (!e || !e->is_fetching)
		return;
	e->is_fetching = false;
	if (result == HK_TLS_RESULT_NONE && !keep(p, e, r->text))
		result = HK_TLS_RESULT_STS_POLICY;
	if (result != HK_TLS_RESULT_NONE) {
		fail_fetch(e, result, hk_clock_mono_ms());
		hk_logf(p->log, HK_LOG_WARNING, "ev=sts domain=%s id=%s result=%s", e->domain, e->record_id,
		    hk_tls_result_word(result));
	}
	advance(p, e);
}

/* The fetch process is gone: nothing that it had comes any more. */
static void lose_channel(struct hk_policies *p)
{
	struct policy *e;

	if (p->channel < 0)
		return;
	close(p->channel);
	p->channel = -1;
	for (e = p->newest; e; e = e->older)
		if (e->is_fetching) {
			fail_fetch(e, HK_TLS_RESULT_STS_FETCH, hk_clock_mono_ms());
			e->not_before = 0; /* not the other side's fault */
			advance(p, e);
		}
}

static void take_replies(struct hk_policies *p)
{
	static _Thread_local uint8_t message[HK_FETCH_REPLY_MAX + 1];
	struct hk_fetch_reply r;
	ssize_t n;

	while ((n = recv(p->channel, message, sizeof message, MSG_DONTWAIT)) > 0 ||
	       (n < 0 && errno == EINTR))
		if (n > 0 && hk_fetch_reply_parse(hk_slice_of(message, (size_t)n), &r) == HK_OK)
			take_reply(p, &r);
	if (n == 0 || errno != EAGAIN)
		lose_channel(p);
}

struct channel_post {
	struct hk_post post;
	int fd;
};

static void drop_post(struct hk_post *post)
{
	if (post->type == HK_POST_DNS) {
		hk_dns_post_free((struct hk_dns_post *)post);
	} else if (post->type == HK_POST_POLICY) {
		hk_policy_post_free((struct hk_policy_post *)post);
	} else if (post->type == HK_POST_KEYS) {
		close(((struct channel_post *)post)->fd);
		free(post);
	}
}

/* false when it is time to end. */
static bool take_posts(struct hk_policies *p)
{
	struct hk_post *post, *next;
	bool go_on = true;

	for (post = hk_mailbox_take(&p->box); post; post = next) {
		next = post->next;
		if (post->type == HK_POST_QUIT) {
			go_on = false;
		} else if (!go_on) {
			drop_post(post);
		} else if (post->type == HK_POST_DNS) {
			take_record(p, (struct hk_dns_post *)post);
		} else if (post->type == HK_POST_POLICY) {
			take_ask(p, (struct hk_policy_post *)post);
		} else if (post->type == HK_POST_KEYS) {
			lose_channel(p);
			p->channel = ((struct channel_post *)post)->fd;
			free(post);
		}
	}
	return go_on;
}

static void *run(void *argument)
{
	struct hk_policies *p = argument;
	struct pollfd fds[2] = {{.fd = p->box.fd, .events = POLLIN}, {.events = POLLIN}};

	policies_tidy(p);
	do {
		fds[1].fd = p->channel;
		fds[1].revents = 0;
		poll(fds, 2, -1);
		if (p->channel >= 0 && fds[1].revents)
			take_replies(p);
	} while (take_posts(p));
	return NULL;
}

/* ---- life ---- */

enum hk_status hk_policies_start(
    struct hk_slice spool, struct hk_disk *disk, struct hk_log *log, struct hk_policies **ret)
{
	struct hk_policies *p = calloc(1, sizeof *p);
	enum hk_status status;

	if (!p)
		return HK_NOMEM;
	p->disk = disk;
	p->log = log;
	p->channel = -1;
	snprintf(p->dir, sizeof p->dir, "%.*s/sts", HK_FMT(spool));
	status = disk->ops->make_dir(disk, p->dir);
	if (status == HK_OK)
		status = hk_mailbox_init(&p->box);
	if (status != HK_OK) {
		free(p);
		return status;
	}
	if (pthread_create(&p->thread, NULL, run, p) != 0) {
		hk_mailbox_done(&p->box);
		free(p);
		return HK_NOMEM;
	}
	*ret = p;
	return HK_OK;
}

void hk_policies_channel(struct hk_policies *p, int fd)
{
	struct channel_post *post = malloc(sizeof *post);

	if (!post) {
		close(fd);
		return;
	}
	*post = (struct channel_post){.post.type = HK_POST_KEYS, .fd = fd};
	hk_mailbox_post(&p->box, &post->post);
}

void hk_policies_ask(struct hk_policies *p, struct hk_policy_post *post)
{
	hk_mailbox_post(&p->box, &post->post);
}

void hk_policies_stop(struct hk_policies *p)
{
	struct hk_post quit = {.type = HK_POST_QUIT};

	if (!p)
		return;
	hk_mailbox_post(&p->box, &quit);
	pthread_join(p->thread, NULL);
	if (p->channel >= 0)
		close(p->channel);
	policies_clear(p);
	hk_resolver_free(p->resolver);
}

void hk_policies_free(struct hk_policies *p)
{
	struct hk_post *post, *next;

	if (!p)
		return;
	for (post = hk_mailbox_take(&p->box); post; post = next) {
		next = post->next;
		drop_post(post);
	}
	hk_mailbox_done(&p->box);
	free(p);
}
