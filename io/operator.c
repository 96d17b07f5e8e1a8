/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/clock.h"
#include "io/operator.h"
#include "io/owner_thread.h"

enum {
	SHOW_PAGE = 100,               /* messages looked at in one call */
	CALL_ARENA = 64 * 1024 * 1024, /* an answer of the owner: a million ids, or a page */
	MAIL_ARENA = 64 * 1024 * 1024,
	OUT_FULL = 256 * 1024,         /* written out before the next page is asked for */
	GROUPS_MAX = 1024,
};

struct client {
	struct hk_call_post post; /* first: what comes back leads here; call: NULL while none is out */
	int fd;                   /* -1: gone, or no client */
	bool is_used, has_request, is_listed, is_over;
	bool is_mute;             /* it says no more */
	bool is_closing;          /* we say no more: what is still on its way is read, so that our last words are not lost */
	uint64_t until;           /* mono_ms */
	struct hk_buf in, out;
	size_t sent;
	struct hk_arena arena;    /* of the request */
	struct hk_operator_request request;
	struct hk_queue_call *list, *shown; /* shown: a page, of which some are still to be written */
	size_t next_shown;
	const uint64_t *id;       /* whom: of the request, or of list */
	size_t n_ids, next, page;
	uint64_t missed[SHOW_PAGE]; /* of the page: not read where they were said to be */
	size_t n_missed;
	bool is_again;            /* the page is of those */
	uint64_t count, active;
};

struct hk_operator {
	struct hk_operator_options options;
	struct hk_mailbox box;
	struct client client[HK_OPERATOR_CLIENTS];
	bool stopping;
	pthread_t thread;
};

/* ---- clients ------------------------------------------------------------------- */

static void release(struct client *c)
{
	hk_buf_done(&c->in);
	hk_buf_done(&c->out);
	hk_arena_done(&c->arena);
	hk_queue_call_free(c->list);
	hk_queue_call_free(c->shown);
	*c = (struct client){.fd = -1};
}

/* What the owner has comes back first. */
static void drop(struct client *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	if (!c->post.call)
		release(c);
}

static void finish(struct client *c, enum hk_status status, const char *why)
{
	hk_operator_end_format(status, c->count, c->active, why, &c->out);
	c->is_over = true;
}

/* ---- who may ---------------------------------------------------------------------- */

static bool is_member(int fd, gid_t group)
{
	gid_t groups[GROUPS_MAX];
	socklen_t size = sizeof groups;
	size_t i;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size) != 0)
		return false;
	for (i = 0; i < size / sizeof groups[0]; i++)
		if (groups[i] == group)
			return true;
	return false;
}

static bool may(const struct hk_operator *o, int fd)
{
	struct ucred peer;
	socklen_t size = sizeof peer;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0 || size != sizeof peer)
		return false;
	if (peer.uid == 0 || peer.uid == getuid())
		return true;
	return o->options.group != HK_OPERATOR_NO_GROUP && (peer.gid == o->options.group || is_member(fd, o->options.group));
}

static struct client *free_place(struct hk_operator *o)
{
	size_t i;

	for (i = 0; i < HK_OPERATOR_CLIENTS; i++)
		if (!o->client[i].is_used)
			return &o->client[i];
	return NULL;
}

/* At once, so that strangers take no place from those who may; what it did not read yet it reads none the less. */
static void turn_away(int fd)
{
	struct hk_buf out;

	hk_buf_init(&out, HK_OPERATOR_LINE_MAX);
	hk_operator_end_format(HK_LIMIT, 0, 0, "you may not: only root, the server's user and the operator-group", &out);
	(void)send(fd, out.p, out.n, MSG_NOSIGNAL);
	hk_buf_done(&out);
	close(fd);
}

static void take_client(struct hk_operator *o, struct client *c)
{
	int fd = c ? accept4(o->options.listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC) : -1;

	if (fd < 0)
		return;
	if (!may(o, fd)) {
		turn_away(fd);
		return;
	}
	*c = (struct client){.fd = fd, .is_used = true, .page = SHOW_PAGE};
	c->until = hk_clock_mono_ms() + (uint64_t)o->options.ms;
	hk_buf_init(&c->in, HK_OPERATOR_REQUEST_MAX);
	hk_buf_init(&c->out, 2 * HK_OPERATOR_LINE_MAX);
	hk_arena_init(&c->arena, 4 * HK_OPERATOR_REQUEST_MAX);
}

/* ---- requests ------------------------------------------------------------------------- */

static void take_request(struct client *c, struct hk_slice line)
{
	const char *why = NULL;
	enum hk_status status = hk_operator_request_parse(&c->arena, line, &c->request, &why);

	if (status != HK_OK) {
		finish(c, status, why);
		return;
	}
	c->has_request = true;
	c->id = c->request.id;
	c->n_ids = c->request.n_ids;
	c->is_listed = c->n_ids > 0;
}

/* One line; what follows it is nobody's. */
static void read_some(struct hk_operator *o, struct client *c, bool is_gone)
{
	uint8_t bytes[4096];
	ssize_t n = recv(c->fd, bytes, sizeof bytes, 0);
	struct hk_slice all;
	size_t end;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n == 0 && c->has_request && !is_gone) {
		c->is_mute = true;
		return;
	}
	if (n <= 0) {
		drop(c);
		return;
	}
	if (c->is_over || c->has_request)
		return;
	c->until = hk_clock_mono_ms() + (uint64_t)o->options.ms;
	hk_buf_add(&c->in, hk_slice_of(bytes, (size_t)n));
	if (hk_buf_status(&c->in) != HK_OK) {
		finish(c, HK_LIMIT, "the request is too long");
		return;
	}
	all = hk_buf_slice(&c->in);
	end = hk_slice_find(all, '\n');
	if (end < all.n)
		take_request(c, hk_slice_sub(all, 0, end));
}

static void write_some(struct hk_operator *o, struct client *c)
{
	ssize_t n = send(c->fd, c->out.p + c->sent, c->out.n - c->sent, MSG_NOSIGNAL);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		drop(c);
		return;
	}
	c->sent += (size_t)n;
	c->until = hk_clock_mono_ms() + (uint64_t)o->options.ms;
	if (c->sent * 2 >= c->out.n) {
		c->out.n -= c->sent;
		if (c->out.n)
			memmove(c->out.p, c->out.p + c->sent, c->out.n);
		c->sent = 0;
	}
}

/* ---- calls --------------------------------------------------------------------------------- */

static void ask(struct hk_operator *o, struct client *c, enum hk_queue_verb verb, const uint64_t *id, size_t n)
{
	struct hk_queue_call *call = hk_queue_call_new(verb, CALL_ARENA);

	if (call && n) {
		call->id = hk_arena_array(&call->arena, n, sizeof *id);
		if (call->id)
			memcpy(call->id, id, n * sizeof *id);
		call->n_ids = n;
	}
	if (!call || (n && !call->id) ||
	    (verb == HK_QUEUE_LIST && hk_arena_dup(&call->arena, c->request.domain, &call->domain) != HK_OK)) {
		hk_queue_call_free(call);
		finish(c, HK_NOMEM, NULL);
		return;
	}
	c->post = (struct hk_call_post){.post.type = HK_POST_CALL, .call = call, .back = &o->box};
	hk_mailbox_post(o->options.owner, &c->post.post);
}

/* The next thing to ask the owner for; none: it is over. */
static void go_on(struct hk_operator *o, struct client *c)
{
	bool shows = c->request.verb == HK_QUEUE_LIST || c->request.verb == HK_QUEUE_SHOW;
	size_t n = c->n_ids - c->next, most = shows ? c->page : HK_QUEUE_IDS_MAX;

	c->is_again = c->n_missed > 0;
	if (c->is_again) {
		ask(o, c, HK_QUEUE_SHOW, c->missed, c->n_missed);
		c->n_missed = 0;
	} else if (!c->is_listed) {
		ask(o, c, c->request.verb == HK_QUEUE_HOPS ? HK_QUEUE_HOPS : HK_QUEUE_LIST, NULL, 0);
	} else if (n) {
		n = n < most ? n : most;
		ask(o, c, shows ? HK_QUEUE_SHOW : c->request.verb, c->id + c->next, n);
		c->next += n;
	} else {
		finish(c, HK_OK, NULL);
	}
}

/* Since the owner spoke of it, a message may have gone, or have been moved and its old place be another's: so the owner is asked once more. */
static void miss(struct hk_operator *o, struct client *c, uint64_t id, enum hk_status status)
{
	char text[HK_MAIL_ID_TEXT];

	if (!c->is_again) {
		c->missed[c->n_missed++] = id;
		return;
	}
	hk_mail_id_format(id, text);
	hk_logf(o->options.log, HK_LOG_WARNING, "qid=%s ev=show status=%s", text, hk_status_name(status));
}

static void show(struct hk_operator *o, struct client *c, const struct hk_queue_entry *e)
{
	struct hk_mail mail = {0};
	enum hk_status status;

	hk_arena_init(&mail.arena, MAIL_ARENA);
	if (e->file)
		status = hk_spool_file_read(e->file, &e->place, &mail);
	else
		status = hk_spool_read(o->options.disk, o->options.spool, &e->place, &mail);
	if (status == HK_OK) {
		hk_operator_entry_format(e, &mail, c->request.verb == HK_QUEUE_SHOW, &c->out);
		c->count++;
	} else {
		miss(o, c, e->id, status);
	}
	hk_arena_done(&mail.arena);
}

/* Until there is enough to be written out. */
static void show_more(struct hk_operator *o, struct client *c)
{
	while (c->next_shown < c->shown->n_entries && c->out.n - c->sent < OUT_FULL && hk_buf_status(&c->out) == HK_OK)
		show(o, c, &c->shown->entry[c->next_shown++]);
	if (c->next_shown < c->shown->n_entries)
		return;
	hk_queue_call_free(c->shown);
	c->shown = NULL;
}

/* true: the answer is kept. */
static bool keep_answer(struct client *c, struct hk_queue_call *answer)
{
	size_t i;

	if (answer->verb == HK_QUEUE_LIST) {
		c->list = answer;
		c->id = answer->id;
		c->n_ids = hk_operator_ids_once(answer->id, answer->n_ids); /* in their order, which is that of their arrival */
		c->is_listed = true;
		return true;
	}
	if (answer->verb == HK_QUEUE_SHOW) {
		c->shown = answer;
		c->next_shown = 0;
		return true;
	}
	c->count += answer->done;
	c->active += answer->active;
	for (i = 0; i < answer->n_hops; i++)
		hk_operator_hop_format(&answer->hop[i], &c->out);
	c->is_listed |= answer->verb == HK_QUEUE_HOPS;
	return false;
}

static void take_answer(struct client *c, struct hk_queue_call *answer)
{
	if (answer->status == HK_OK && keep_answer(c, answer))
		return;
	if (answer->status == HK_LIMIT && answer->verb == HK_QUEUE_SHOW && c->page > 1 && !c->is_again) {
		c->next -= answer->n_ids; /* fewer at once */
		c->page = 1;
	} else if (answer->status != HK_OK) {
		finish(c, answer->status, NULL);
	}
	hk_queue_call_free(answer);
}

static void take_post(struct hk_operator *o, struct hk_post *post)
{
	struct client *c = (struct client *)(void *)post;
	struct hk_queue_call *answer = c->post.call;

	c->post.call = NULL;
	if (c->fd >= 0) {
		take_answer(c, answer);
		c->until = hk_clock_mono_ms() + (uint64_t)o->options.ms;
		return;
	}
	hk_queue_call_free(answer);
	release(c);
}

/* ---- the thread -------------------------------------------------------------------------------- */

static bool is_waiting(const struct client *c)
{
	return c->post.call != NULL;
}

static void close_gently(struct hk_operator *o, struct client *c)
{
	if (c->is_closing)
		return;
	if (c->is_mute || shutdown(c->fd, SHUT_WR) != 0) {
		drop(c);
		return;
	}
	c->is_closing = true;
	c->until = hk_clock_mono_ms() + (uint64_t)o->options.ms / 10;
}

static bool has_room(const struct client *c)
{
	return c->out.n - c->sent < OUT_FULL;
}

static bool can_go_on(const struct client *c)
{
	return c->fd >= 0 && !is_waiting(c) && has_room(c) && (c->shown || (c->has_request && !c->is_over));
}

/* Until it waits for the owner, or for its peer. */
static void advance(struct hk_operator *o, struct client *c)
{
	if (c->fd < 0)
		return;
	do {
		if (can_go_on(c) && c->shown)
			show_more(o, c);
		else if (can_go_on(c))
			go_on(o, c);
		if (hk_buf_status(&c->out) != HK_OK) {
			drop(c); /* it sees an answer without an end */
			return;
		}
		if (c->out.n > c->sent)
			write_some(o, c);
	} while (can_go_on(c));
	if (c->fd >= 0 && c->is_over && !c->shown && c->out.n == c->sent)
		close_gently(o, c);
}

static void take_posts(struct hk_operator *o)
{
	struct hk_post *post, *next;

	for (post = hk_mailbox_take(&o->box); post; post = next) {
		next = post->next;
		if (post->type == HK_POST_QUIT) {
			o->stopping = true;
			free(post);
		} else {
			take_post(o, post);
		}
	}
}

static short wanted(const struct client *c)
{
	return (short)((c->is_mute ? 0 : POLLIN) | (c->out.n > c->sent ? POLLOUT : 0));
}

/* false: all is over. */
static bool prepare(struct hk_operator *o, struct pollfd *p, int *ret_ms)
{
	uint64_t now = hk_clock_mono_ms(), first = UINT64_MAX;
	bool is_busy = false;
	size_t i;

	p[0] = (struct pollfd){.fd = o->box.fd, .events = POLLIN};
	p[1] = (struct pollfd){.fd = free_place(o) && !o->stopping ? o->options.listening : -1, .events = POLLIN};
	for (i = 0; i < HK_OPERATOR_CLIENTS; i++) {
		struct client *c = &o->client[i];

		if (c->is_used && c->fd >= 0 && (o->stopping || (c->until <= now && !is_waiting(c))))
			drop(c);
		is_busy |= c->is_used;
		p[2 + i] = (struct pollfd){.fd = c->fd, .events = wanted(c)};
		if (c->is_used && c->fd >= 0 && !is_waiting(c) && c->until < first)
			first = c->until;
	}
	*ret_ms = first == UINT64_MAX ? -1 : (int)(first - now);
	return is_busy || !o->stopping;
}

static void *run(void *argument)
{
	struct hk_operator *o = argument;
	struct pollfd p[2 + HK_OPERATOR_CLIENTS];
	size_t i;
	int ms;

	while (prepare(o, p, &ms)) {
		if (poll(p, sizeof p / sizeof p[0], ms) < 0)
			continue;
		for (i = 0; i < HK_OPERATOR_CLIENTS; i++)
			if (o->client[i].fd >= 0 && p[2 + i].revents & (POLLIN | POLLHUP | POLLERR))
				read_some(o, &o->client[i], p[2 + i].revents & (POLLHUP | POLLERR));
		take_posts(o);
		for (i = 0; i < HK_OPERATOR_CLIENTS; i++)
			if (o->client[i].is_used)
				advance(o, &o->client[i]);
		if (p[1].revents && !o->stopping)
			take_client(o, free_place(o));
	}
	return NULL;
}

enum hk_status hk_operator_start(const struct hk_operator_options *options, struct hk_operator **ret)
{
	struct hk_operator *o = calloc(1, sizeof *o);
	enum hk_status status = o ? hk_mailbox_init(&o->box) : HK_NOMEM;
	size_t i;

	if (status != HK_OK) {
		close(options->listening);
		free(o);
		return status;
	}
	o->options = *options;
	if (!o->options.ms)
		o->options.ms = HK_OPERATOR_MS;
	for (i = 0; i < HK_OPERATOR_CLIENTS; i++)
		o->client[i].fd = -1;
	if (pthread_create(&o->thread, NULL, run, o) != 0) {
		close(options->listening);
		hk_mailbox_done(&o->box);
		free(o);
		return HK_NOMEM;
	}
	*ret = o;
	return HK_OK;
}

void hk_operator_stop(struct hk_operator *o)
{
	struct hk_post *post;

	if (!o)
		return;
	post = malloc(sizeof *post);
	if (!post)
		abort(); /* as in mta.c */
	*post = (struct hk_post){.type = HK_POST_QUIT};
	hk_mailbox_post(&o->box, post);
	pthread_join(o->thread, NULL);
	close(o->options.listening);
	hk_mailbox_done(&o->box);
	free(o);
}
