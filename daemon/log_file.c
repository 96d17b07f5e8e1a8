/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "daemon/log_file.h"

enum hk_status log_file_use(const struct hk_conf *conf, struct hk_buf *why)
{
	char path[4096];
	int fd;

	if (hk_slice_eq(conf->log, HK_S("stderr")))
		return HK_OK;
	if (conf->log.n >= sizeof path)
		return HK_LIMIT;
	snprintf(path, sizeof path, "%.*s", HK_FMT(conf->log));
	fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0640);
	if (fd < 0 || dup2(fd, STDERR_FILENO) < 0) {
		hk_buf_addf(why, "log %s: %s", path, strerror(errno));
		if (fd >= 0)
			close(fd);
		return HK_IO;
	}
	close(fd);
	return HK_OK;
}
