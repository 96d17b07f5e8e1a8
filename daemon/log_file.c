/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/log_file.h"
#include "engine/log_value.h"

enum { MODE = 0640 };
_Static_assert(HK_LOG_SOCKET_MAX <= HK_CONF_UNIX_MAX, "a message has room for the path");

/* The file, or an empty slice. */
static struct hk_slice file_of(const struct hk_conf *conf)
{
	struct hk_slice path;
	bool is_file = hk_log_target_parse(conf->log, &path) == HK_LOG_STREAM && !hk_slice_eq(path, HK_S("stderr"));

	return is_file ? path : (struct hk_slice){0};
}

/* A role has another umask than the start had; owner: as of log_file_use. */
static bool make_ours(int fd, const struct identity *owner)
{
	return fchmod(fd, MODE) == 0 && (!owner || geteuid() != 0 || fchown(fd, owner->uid, owner->gid) == 0);
}

enum { HOW = O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY };

/* One that is there. A pipe that nobody reads just now is waited for by nobody: it is kept open for whoever reads it next, and what it has no
 * room for is the log's trouble alone. */
static int open_there(const char *path)
{
	int fd = open(path, HOW | O_WRONLY | O_NONBLOCK), both;
	struct stat st;

	if (fd < 0 ? errno == ENXIO : fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode)) {
		both = open(path, HOW | O_RDWR | O_NONBLOCK);
		if (both >= 0 && fd >= 0)
			close(fd);
		fd = both >= 0 ? both : fd;
	}
	if (fd >= 0 && fcntl(fd, F_SETFL, O_APPEND) != 0) {
		close(fd);
		return -1;
	}
	return fd;
}

/* Who may write to the folder may have given a file of somebody's another name in it (CVE-2020-28007). So one that is there is not given away,
 * and with other names not written either; one that is new is ours. -1: *ret_wrong says why. */
static int open_log(const char *path, const struct identity *owner, const char **ret_wrong)
{
	int fd = open(path, HOW | O_WRONLY | O_CREAT | O_EXCL, MODE);
	bool is_new = fd >= 0;
	struct stat st;

	*ret_wrong = NULL;
	if (fd < 0 && errno == EEXIST)
		fd = open_there(path);
	if (fd < 0 || fstat(fd, &st) != 0 || (is_new && !make_ours(fd, owner)))
		*ret_wrong = strerror(errno);
	else if (S_ISREG(st.st_mode) && st.st_nlink != 1)
		*ret_wrong = "it has another name too";
	if (*ret_wrong && fd >= 0)
		close(fd);
	return *ret_wrong ? -1 : fd;
}

enum hk_status log_file_use(const struct hk_conf *conf, const struct identity *owner, struct hk_buf *why)
{
	struct hk_slice file = file_of(conf);
	const char *wrong;
	char path[4096];
	int fd;

	if (!file.n)
		return HK_OK;
	if (file.n >= sizeof path)
		return HK_LIMIT;
	snprintf(path, sizeof path, "%.*s", HK_FMT(file));
	fd = open_log(path, owner, &wrong);
	if (fd >= 0 && dup2(fd, STDERR_FILENO) < 0)
		wrong = strerror(errno);
	if (fd >= 0)
		close(fd);
	if (wrong)
		hk_buf_addf(why, "log %s: %s", path, wrong);
	return wrong ? HK_IO : HK_OK;
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
