/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/sockets.h"
#include "io/net.h"

static struct bound *find(
    const struct sockets *s, const struct hk_conf_socket *socket, unsigned worker)
{
	size_t i;

	for (i = 0; i < s->n; i++)
		if (s->at[i].worker == worker && s->at[i].socket.port == socket->port &&
		    hk_ip_eq(&s->at[i].socket.ip, &socket->ip))
			return &s->at[i];
	return NULL;
}

const struct bound *sockets_find(
    const struct sockets *s, const struct hk_conf_socket *socket, unsigned worker)
{
	return find(s, socket, worker);
}

static enum hk_status bind_one(
    struct sockets *s, const struct hk_conf_socket *socket, unsigned worker)
{
	struct bound *b = find(s, socket, worker), *at;
	enum hk_status status;
	int fd;

	if (b) {
		b->is_wanted = true;
		return HK_OK;
	}
	status = hk_net_listen(socket, &fd);
	if (status != HK_OK)
		return status;
	at = realloc(s->at, (s->n + 1) * sizeof *at);
	if (!at) {
		close(fd);
		return HK_NOMEM;
	}
	s->at = at;
	s->at[s->n++] = (struct bound){
	    .socket = *socket, .worker = worker, .fd = fd, .is_new = true, .is_wanted = true};
	return HK_OK;
}

static void say_why(const struct hk_conf_listener *l, const struct hk_conf_socket *socket,
    int error, struct hk_buf *why)
{
	char ip[HK_IP_TEXT_MAX];

	hk_ip_format(&socket->ip, ip);
	hk_buf_addf(
	    why, "listen %.*s: %s port %u: %s", HK_FMT(l->name), ip, socket->port, strerror(error));
	if (error == EACCES)
		hk_buf_add_str(why, " (ports under 1024 need root, or CAP_NET_BIND_SERVICE)");
}

static enum hk_status bind_listener(
    struct sockets *s, const struct hk_conf_listener *l, unsigned workers, struct hk_buf *why)
{
	enum hk_status status = HK_OK;
	unsigned worker;
	size_t i;

	for (i = 0; i < l->n_sockets; i++)
		for (worker = 0; worker < workers; worker++) {
			status = bind_one(s, &l->socket[i], worker);
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

	for (i = 0; i < s->n; i++)
		s->at[i].is_wanted = false;
	for (i = 0; status == HK_OK && i < conf->n_listeners; i++)
		status = bind_listener(s, &conf->listener[i], workers, why);
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
			close(s->at[i].fd);
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
	sweep(s, false);
}

void sockets_close(struct sockets *s)
{
	size_t i;

	for (i = 0; i < s->n; i++)
		close(s->at[i].fd);
	free(s->at);
	*s = (struct sockets){0};
}
