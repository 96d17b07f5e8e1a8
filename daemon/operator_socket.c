/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "daemon/operator_socket.h"
#include "io/operator.h"

static enum hk_status find_group(const struct hk_conf *conf, struct hk_buf *why, gid_t *ret)
{
	struct identity found;
	enum hk_status status;
	struct hk_buf text;

	*ret = HK_OPERATOR_NO_GROUP;
	if (!conf->operator_group.n)
		return HK_OK;
	hk_buf_init(&text, 512);
	hk_buf_addf(&text, ":%.*s", HK_FMT(conf->operator_group));
	status = privileges_owner(hk_buf_slice(&text), why, &found);
	hk_buf_done(&text);
	if (status == HK_OK)
		*ret = found.gid;
	return status;
}

/* Deliberate: anybody may connect, so that one who may not is told so; who may is asked of the kernel for each connection. */
enum hk_status operator_socket_open(
    struct operator_socket *o, const struct hk_conf *conf, const struct identity *who, struct hk_buf *why)
{
	struct hk_net_access access = {.mode = 0666, .uid = who->uid, .gid = who->gid};
	enum hk_status status;

	*o = (struct operator_socket){.fd = -1};
	if (!conf->operator_socket.n)
		return HK_OK;
	if (conf->operator_socket.n > HK_CONF_UNIX_MAX) {
		hk_buf_addf(why, "operator-socket %.*s: longer than %u octets", HK_FMT(conf->operator_socket), (unsigned)HK_CONF_UNIX_MAX);
		return HK_LIMIT;
	}
	status = find_group(conf, why, &o->group);
	if (status != HK_OK)
		return status;
	if (geteuid() != 0)
		access.uid = access.gid = (gid_t)-1;
	snprintf(o->path, sizeof o->path, "%.*s", HK_FMT(conf->operator_socket));
	status = hk_net_listen_unix(o->path, &access, &o->fd, &o->file);
	if (status != HK_OK) {
		o->fd = -1;
		hk_buf_addf(why, "operator-socket %s: %s", o->path, strerror(errno));
	}
	return status;
}

void operator_socket_close(struct operator_socket *o)
{
	if (o->fd < 0)
		return;
	hk_net_remove_unix(o->path, &o->file);
	close(o->fd);
	o->fd = -1;
}
