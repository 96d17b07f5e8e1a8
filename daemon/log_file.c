/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "daemon/log_file.h"
#include "engine/log_value.h"

_Static_assert(HK_LOG_SOCKET_MAX <= HK_CONF_UNIX_MAX, "a message has room for the path");

/* The file, or an empty slice. */
static struct hk_slice file_of(const struct hk_conf *conf)
{
	struct hk_slice path;
	bool is_file = hk_log_target_parse(conf->log, &path) == HK_LOG_STREAM && !hk_slice_eq(path, HK_S("stderr"));

	return is_file ? path : (struct hk_slice){0};
}

enum hk_status log_file_use(const struct hk_conf *conf, const struct identity *owner, struct hk_buf *why)
{
	struct hk_slice file = file_of(conf);
	char path[4096];
	int fd;

	if (!file.n)
		return HK_OK;
	if (file.n >= sizeof path)
		return HK_LIMIT;
	snprintf(path, sizeof path, "%.*s", HK_FMT(file));
	fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0640);
	if (fd < 0 || (owner && geteuid() == 0 && fchown(fd, owner->uid, owner->gid) != 0) || dup2(fd, STDERR_FILENO) < 0) {
		hk_buf_addf(why, "log %s: %s", path, strerror(errno));
		if (fd >= 0)
			close(fd);
		return HK_IO;
	}
	close(fd);
	return HK_OK;
}

bool log_file_again(const struct hk_conf *conf, struct hk_log *log)
{
	struct hk_buf why;
	bool could;

	hk_buf_init(&why, 8192);
	could = log_file_use(conf, NULL, &why) == HK_OK;
	if (!could)
		hk_logf(log, HK_LOG_WARNING, "ev=log what=%s", hk_log_value(hk_buf_slice(&why)).text);
	hk_buf_done(&why);
	return could;
}

static void shape(struct hk_log_sink *sink, const struct hk_log_shape *shape)
{
	if (hk_log_sink_shape(sink, shape) != HK_OK)
		hk_logf(hk_log_sink_log(sink), HK_LOG_ERROR, "ev=log what=\"no socket is to be had for %.*s; lines go to stderr\"", HK_FMT(shape->path));
}

void log_shape(struct hk_log_sink *sink, const struct hk_conf *conf)
{
	struct hk_log_shape to = {.format = conf->log_format, .host = conf->hostname};

	to.target = hk_log_target_parse(conf->log, &to.path);
	shape(sink, &to);
}

struct hk_control log_message(const struct hk_conf *conf)
{
	struct hk_control m = {.type = HK_CONTROL_LOG, .index = (uint32_t)conf->log_format, .text = conf->hostname, .fd = STDERR_FILENO};
	struct hk_slice path;

	m.worker = hk_log_target_parse(conf->log, &path);
	if (m.worker != HK_LOG_STREAM)
		snprintf(m.socket.path, sizeof m.socket.path, "%.*s", HK_FMT(path));
	return m;
}

void log_take(struct hk_log_sink *sink, const struct hk_control *m)
{
	struct hk_log_shape to = {.format = (enum hk_log_format)m->index, .host = m->text, .path = hk_slice_str(m->socket.path)};

	dup2(m->fd, STDERR_FILENO);
	close(m->fd);
	to.target = m->worker < HK_LOG_TARGETS ? (enum hk_log_target)m->worker : HK_LOG_STREAM;
	shape(sink, &to);
}
