/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/privileges.h"
#include "daemon/sockets.h"

static struct bound *find(
    const struct sockets *s, const struct hk_conf_socket *socket, unsigned worker)
{
	size_t i;

	for (i = 0; i < s->n; i++)
		if (s->at[i].worker == worker && hk_conf_socket_eq(&s->at[i].socket, socket))
			return &s->at[i];
	return NULL;
}

const struct bound *sockets_find(
    const struct sockets *s, const struct hk_conf_socket *socket, unsigned worker)
{
	return find(s, socket, worker);
}

static bool is_unix(const struct bound *b)
{
	return b->socket.path[0] != '\0';
}

static bool same_access(const struct hk_net_access *a, const struct hk_net_access *b)
{
	return a->mode == b->mode && a->uid == b->uid && a->gid == b->gid;
}

/* A new socket. All workers take from the one queue that a unix socket has; only the first of them owns the file. */
static enum hk_status open_one(const struct sockets *s, struct bound *b)
{
	const struct bound *first = is_unix(b) && b->worker ? find(s, &b->socket, 0) : NULL;

	if (!is_unix(b))
		return hk_net_listen(&b->socket, &b->fd);
	if (!first)
		return hk_net_listen_unix(b->socket.path, &b->access, &b->fd, &b->file);
	b->fd = fcntl(first->fd, F_DUPFD_CLOEXEC, 0);
	return b->fd < 0 ? HK_FULL : HK_OK;
}

static bool owns_file(const struct bound *b)
{
	return is_unix(b) && !b->worker;
}

static void close_one(const struct bound *b)
{
	if (owns_file(b))
		hk_net_remove_unix(b->socket.path, &b->file);
	close(b->fd);
}

static enum hk_status keep_one(struct bound *b, const struct hk_net_access *access)
{
	b->is_wanted = true;
	if (!owns_file(b) || same_access(&b->access, access))
		return HK_OK;
	b->access = *access;
	return hk_net_access_unix(b->socket.path, &b->file, access);
}

static enum hk_status bind_one(struct sockets *s, const struct hk_conf_socket *socket, unsigned worker,
    const struct hk_net_access *access)
{
	struct bound *b = find(s, socket, worker), *at;
	struct bound add = {.socket = *socket, .worker = worker, .fd = -1, .is_new = true, .is_wanted = true,
	    .access = *access, .access_before = *access};
	enum hk_status status;

	if (b)
		return keep_one(b, access);
	status = open_one(s, &add);
	if (status != HK_OK)
		return status;
	at = realloc(s->at, (s->n + 1) * sizeof *at);
	if (!at) {
		close_one(&add);
		return HK_NOMEM;
	}
	s->at = at;
	s->at[s->n++] = add;
	return HK_OK;
}

static void say_why(const struct hk_conf_listener *l, const struct hk_conf_socket *socket,
    int error, struct hk_buf *why)
{
	char ip[HK_IP_TEXT_MAX];

	if (socket->path[0]) {
		hk_buf_addf(why, "listen %.*s: unix:%s: %s", HK_FMT(l->name), socket->path,
		    error == EEXIST       ? "there is something that is no socket, and stays"
		    : error == EADDRINUSE ? "somebody listens there already"
		                          : strerror(error));
		return;
	}
	hk_ip_format(&socket->ip, ip);
	hk_buf_addf(
	    why, "listen %.*s: %s port %u: %s", HK_FMT(l->name), ip, socket->port, strerror(error));
	if (error == EACCES)
		hk_buf_add_str(why, " (ports under 1024 need root, or CAP_NET_BIND_SERVICE)");
}

/* Whose they are: as configured, else of whom the mail process is. Without root they are ours anyway. */
static enum hk_status find_owner(
    const struct hk_conf *conf, const struct hk_conf_listener *l, struct hk_buf *why, struct identity *ret)
{
	if (!l->socket_owner.n && geteuid() == 0)
		return privileges_find(ROLE_MTA, conf, why, ret);
	return privileges_owner(l->socket_owner, why, ret);
}

static enum hk_status bind_listener(struct sockets *s, const struct hk_conf *conf,
    const struct hk_conf_listener *l, unsigned workers, struct hk_buf *why)
{
	struct hk_net_access access = {.mode = l->socket_mode};
	enum hk_status status;
	struct identity owner;
	unsigned worker;
	size_t i;

	status = find_owner(conf, l, why, &owner);
	if (status != HK_OK)
		return status;
	access.uid = owner.uid;
	access.gid = owner.gid;
	for (i = 0; i < l->n_sockets; i++)
		for (worker = 0; worker < workers; worker++) {
			status = bind_one(s, &l->socket[i], worker, &access);
			if (status != HK_OK) {
				say_why(l, &l->socket[i], errno, why);
				return status;
			}
		}
	return status;
}

enum hk_status sockets_bind(
    struct sockets *s, const struct hk_conf *conf, unsigned workers, struct hk_buf *why)
{
	enum hk_status status = HK_OK;
	size_t i;

	for (i = 0; i < s->n; i++) {
		s->at[i].is_wanted = false;
		s->at[i].access_before = s->at[i].access;
	}
	for (i = 0; status == HK_OK && i < conf->n_listeners; i++)
		status = bind_listener(s, conf, &conf->listener[i], workers, why);
	if (status != HK_OK)
		sockets_undo(s);
	return status;
}

/* Closes those that are not to stay. */
static void sweep(struct sockets *s, bool keeps_new)
{
	size_t i, n = 0;

	for (i = 0; i < s->n; i++) {
		bool stays = keeps_new ? s->at[i].is_wanted : !s->at[i].is_new;

		if (stays) {
			s->at[n] = s->at[i];
			s->at[n++].is_new = false;
		} else {
			close_one(&s->at[i]);
		}
	}
	s->n = n;
}

void sockets_keep(struct sockets *s)
{
	sweep(s, true);
}

void sockets_undo(struct sockets *s)
{
	struct hk_net_access before;
	size_t i;

	for (i = 0; i < s->n; i++) {
		before = s->at[i].access_before;
		(void)!keep_one(&s->at[i], &before);
	}
	sweep(s, false);
}

void sockets_close(struct sockets *s)
{
	size_t i;

	for (i = 0; i < s->n; i++)
		close_one(&s->at[i]);
	free(s->at);
	*s = (struct sockets){0};
}
