/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/spool_dir.h"

static enum hk_status fail(struct hk_buf *why, const char *path, const char *what)
{
	hk_buf_addf(why, "spool %s: %s", path, what);
	return HK_IO;
}

/* Through a descriptor, so that nothing can be put in the place of the directory between two looks
 * at it. */
static enum hk_status give_to(
    int fd, const char *path, const struct identity *who, bool is_new, struct hk_buf *why)
{
	char text[96];
	struct stat st;

	if (is_new && geteuid() == 0 && fchown(fd, who->uid, who->gid) != 0)
		return fail(why, path, strerror(errno));
	if (fstat(fd, &st) != 0)
		return fail(why, path, strerror(errno));
	if (st.st_uid != who->uid) {
		snprintf(text, sizeof text, "it belongs to user %ld, not to user %ld",
		    (long)st.st_uid, (long)who->uid);
		return fail(why, path, text);
	}
	if (st.st_mode & (S_IWGRP | S_IWOTH))
		return fail(why, path, "others may write to it");
	return HK_OK;
}

enum hk_status spool_dir_make(
    const struct hk_conf *conf, const struct identity *who, struct hk_buf *why)
{
	char path[4096];
	enum hk_status status;
	bool is_new;
	int fd;

	if (conf->spool.n >= sizeof path)
		return HK_LIMIT;
	snprintf(path, sizeof path, "%.*s", HK_FMT(conf->spool));
	is_new = mkdir(path, 0700) == 0;
	if (!is_new && errno != EEXIST)
		return fail(why, path, strerror(errno));
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	status = fd < 0 ? fail(why, path, strerror(errno)) : give_to(fd, path, who, is_new, why);
	if (fd >= 0)
		close(fd);
	if (status != HK_OK && is_new)
		(void)rmdir(path); /* root's, which no later start would take */
	return status;
}
