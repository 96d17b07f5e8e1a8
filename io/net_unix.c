/* SPDX-License-Identifier: MIT
 *
 * net_unix.c - listening on a unix socket: a name in a folder that others may write to, too. No step of it follows a
 * link, and no name is removed before it is known to be a socket's (CVE-2008-2936 and its like).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "io/net.h"

enum { BACKLOG = 1024 };

static bool set_path(struct sockaddr_un *sa, const char *path)
{
	*sa = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof sa->sun_path) {
		errno = ENAMETOOLONG;
		return false;
	}
	memcpy(sa->sun_path, path, strlen(path));
	return true;
}

static bool bind_at(int fd, const char *path)
{
	struct sockaddr_un sa;

	return set_path(&sa, path) && bind(fd, (struct sockaddr *)&sa, sizeof sa) == 0;
}

/* The file itself, not what a link of its name leads to; -1: it is no socket (EEXIST), or not there. */
static int open_socket(const char *path, struct hk_net_file *ret)
{
	int fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return -1;
	if (fstat(fd, &st) != 0 || !S_ISSOCK(st.st_mode)) {
		close(fd);
		errno = EEXIST;
		return -1;
	}
	*ret = (struct hk_net_file){st.st_dev, st.st_ino};
	return fd;
}

static bool set_owner(int file, uid_t uid, gid_t gid)
{
	return (uid == (uid_t)-1 && gid == (gid_t)-1) || fchownat(file, "", uid, gid, AT_EMPTY_PATH) == 0;
}

/* The mode while it is ours: to change that of another's needs a capability more (CAP_FOWNER). */
static bool set_access(int file, const struct hk_net_access *a)
{
	char path[32];

	snprintf(path, sizeof path, "/proc/self/fd/%d", file);
	return (chmod(path, a->mode) == 0 ||
	           (errno == EPERM && set_owner(file, geteuid(), (gid_t)-1) && chmod(path, a->mode) == 0)) &&
	       set_owner(file, a->uid, a->gid);
}

/* Only a refused connection says that nobody is there. */
static bool is_stale(const char *path)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un sa;
	bool refused = fd >= 0 && set_path(&sa, path) && connect(fd, (struct sockaddr *)&sa, sizeof sa) != 0 &&
	               errno == ECONNREFUSED;

	if (fd >= 0)
		close(fd);
	return refused;
}

static bool is_socket(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 && S_ISSOCK(st.st_mode);
}

/* The two names change their files, so that what stood there can still be looked at, and go back. */
static bool replace(const char *from, const char *to)
{
	if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_EXCHANGE) != 0)
		return errno == ENOENT && renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0;
	if (is_socket(from))
		return unlink(from) == 0;
	(void)renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_EXCHANGE);
	errno = EEXIST;
	return false;
}

static bool prepare(int fd, const char *name, const struct hk_net_access *access, struct hk_net_file *ret)
{
	int file = open_socket(name, ret);
	bool ok = file >= 0 && set_access(file, access) && listen(fd, BACKLOG) == 0;
	int error = errno;

	if (file >= 0)
		close(file);
	errno = error;
	return ok;
}

/* Takes the place of a socket that nobody listens on. */
static bool take_place(int fd, const char *path, const struct hk_net_access *access, struct hk_net_file *ret)
{
	char name[HK_CONF_UNIX_MAX + 11];
	int error;

	if (!is_socket(path)) {
		errno = EEXIST;
		return false;
	}
	if (!is_stale(path)) {
		errno = EADDRINUSE;
		return false;
	}
	snprintf(name, sizeof name, "%s~%lx", path, (unsigned long)getpid() & 0xffffff);
	if (!bind_at(fd, name))
		return false;
	if (prepare(fd, name, access, ret) && replace(name, path))
		return true;
	error = errno;
	hk_net_remove_unix(name, ret);
	errno = error;
	return false;
}

static bool bind_and_listen(int fd, const char *path, const struct hk_net_access *access, struct hk_net_file *ret)
{
	int error;

	if (!bind_at(fd, path))
		return errno == EADDRINUSE && take_place(fd, path, access, ret);
	if (prepare(fd, path, access, ret))
		return true;
	error = errno;
	hk_net_remove_unix(path, ret);
	errno = error;
	return false;
}

enum hk_status hk_net_listen_unix(
    const char *path, const struct hk_net_access *access, int *ret, struct hk_net_file *ret_file)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), error;
	struct hk_net_file file = {0};

	if (fd < 0)
		return HK_FULL;
	if (bind_and_listen(fd, path, access, &file)) {
		*ret = fd;
		*ret_file = file;
		return HK_OK;
	}
	error = errno;
	close(fd);
	errno = error;
	return error == EADDRINUSE || error == EEXIST ? HK_BUSY : HK_IO;
}

static bool is_same(const struct hk_net_file *a, const struct hk_net_file *b)
{
	return a->dev == b->dev && a->ino == b->ino;
}

enum hk_status hk_net_access_unix(
    const char *path, const struct hk_net_file *file, const struct hk_net_access *access)
{
	struct hk_net_file found = {0};
	int fd = open_socket(path, &found);
	enum hk_status status = HK_NOTFOUND;
	int error;

	if (fd >= 0 && is_same(&found, file))
		status = set_access(fd, access) ? HK_OK : HK_IO;
	error = errno;
	if (fd >= 0)
		close(fd);
	errno = error;
	return status;
}

void hk_net_remove_unix(const char *path, const struct hk_net_file *file)
{
	struct hk_net_file found = {0};
	int fd = open_socket(path, &found);

	if (fd < 0)
		return;
	close(fd);
	if (is_same(&found, file))
		unlink(path);
}
