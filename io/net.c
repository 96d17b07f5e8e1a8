/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "io/net.h"

enum { BACKLOG = 4096 }; /* as many as Linux lets wait by itself (net.core.somaxconn) */

static socklen_t to_sockaddr(const struct hk_ip *ip, uint16_t port, struct sockaddr_storage *ret)
{
	memset(ret, 0, sizeof *ret);
	if (ip->family == 6) {
		struct sockaddr_in6 *six = (struct sockaddr_in6 *)ret;

		six->sin6_family = AF_INET6;
		six->sin6_port = htons(port);
		memcpy(&six->sin6_addr, ip->bytes, 16);
		return sizeof *six;
	} else {
		struct sockaddr_in *four = (struct sockaddr_in *)ret;

		four->sin_family = AF_INET;
		four->sin_port = htons(port);
		memcpy(&four->sin_addr, ip->bytes, 4);
		return sizeof *four;
	}
}

static void from_sockaddr(const struct sockaddr_storage *from, struct hk_conf_socket *ret)
{
	*ret = (struct hk_conf_socket){0};
	if (from->ss_family == AF_INET) {
		const struct sockaddr_in *four = (const struct sockaddr_in *)from;

		ret->ip.family = 4;
		memcpy(ret->ip.bytes, &four->sin_addr, 4);
		ret->port = ntohs(four->sin_port);
	} else if (from->ss_family == AF_INET6) {
		const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)from;

		ret->port = ntohs(six->sin6_port);
		if (IN6_IS_ADDR_V4MAPPED(&six->sin6_addr)) {
			ret->ip.family = 4;
			memcpy(ret->ip.bytes, six->sin6_addr.s6_addr + 12, 4);
		} else {
			ret->ip.family = 6;
			memcpy(ret->ip.bytes, &six->sin6_addr, 16);
		}
	}
}

static void set_on(int fd, int level, int option)
{
	static const int on = 1;

	setsockopt(fd, level, option, &on, sizeof on);
}

static int new_socket(int domain)
{
	int fd = socket(domain, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	/* replies are whole lines in one write; waiting for more would only delay them */
	if (fd >= 0 && domain != AF_UNIX)
		set_on(fd, IPPROTO_TCP, TCP_NODELAY);
	return fd;
}

/* Closes fd, keeps errno. */
static enum hk_status give_up(int fd)
{
	int error = errno;

	if (fd >= 0)
		close(fd);
	errno = error;
	switch (error) {
	case EADDRINUSE:
		return HK_BUSY;
	case EADDRNOTAVAIL:
	case EAFNOSUPPORT:
		return HK_NOTFOUND;
	case EMFILE:
	case ENFILE:
	case ENOBUFS:
	case ENOMEM:
		return HK_FULL;
	default:
		return HK_IO;
	}
}

enum hk_status hk_net_listen(const struct hk_conf_socket *address, int *ret)
{
	struct sockaddr_storage sa;
	socklen_t n = to_sockaddr(&address->ip, address->port, &sa);
	int fd = new_socket(sa.ss_family);

	if (fd < 0)
		return give_up(fd);
	set_on(fd, SOL_SOCKET, SO_REUSEADDR);
	set_on(fd, SOL_SOCKET, SO_REUSEPORT);
	if (sa.ss_family == AF_INET6)
		set_on(fd, IPPROTO_IPV6, IPV6_V6ONLY);
	if (bind(fd, (struct sockaddr *)&sa, n) != 0 || listen(fd, BACKLOG) != 0)
		return give_up(fd);
	*ret = fd;
	return HK_OK;
}

/* Errors of the connection that just died, not of the listening socket (accept(2)). */
static bool is_of_the_peer(int error)
{
	switch (error) {
	case EINTR:
	case ECONNABORTED:
	case EPROTO:
	case EPERM:
	case ENETDOWN:
	case ENOPROTOOPT:
	case EHOSTDOWN:
	case ENONET:
	case EHOSTUNREACH:
	case EOPNOTSUPP:
	case ENETUNREACH:
		return true;
	default:
		return false;
	}
}

enum hk_status hk_net_accept(int listening, int *ret, struct hk_conf_socket *ret_peer)
{
	struct sockaddr_storage sa;
	socklen_t n;
	int fd;

	do {
		n = sizeof sa;
		fd = accept4(listening, (struct sockaddr *)&sa, &n, SOCK_CLOEXEC | SOCK_NONBLOCK);
	} while (fd < 0 && is_of_the_peer(errno));
	if (fd < 0)
		return errno == EAGAIN ? HK_AGAIN : give_up(fd);
	from_sockaddr(&sa, ret_peer); /* it has TCP_NODELAY from the listening socket, on Linux */
	*ret = fd;
	return HK_OK;
}

enum hk_status hk_net_own(int fd, struct hk_conf_socket *ret)
{
	struct sockaddr_storage sa;
	socklen_t n = sizeof sa;

	if (getsockname(fd, (struct sockaddr *)&sa, &n) != 0)
		return HK_IO;
	from_sockaddr(&sa, ret);
	return HK_OK;
}

static enum hk_status begin_connect(int fd, const struct sockaddr *sa, socklen_t n, int *ret)
{
	int result;

	do
		result = connect(fd, sa, n);
	while (result != 0 && errno == EINTR);
	if (result != 0 && errno != EINPROGRESS)
		return give_up(fd);
	*ret = fd;
	return HK_OK;
}

enum hk_status hk_net_connect(const struct hk_conf_socket *to, const struct hk_ip *source, int *ret)
{
	struct sockaddr_storage sa, from;
	socklen_t n = to_sockaddr(&to->ip, to->port, &sa);
	int fd = new_socket(sa.ss_family);

	if (fd < 0)
		return give_up(fd);
	if (source->family) {
		socklen_t from_n = to_sockaddr(source, 0, &from);

		/* the port is chosen at connect, so that one source serves many destinations */
		set_on(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT);
		if (bind(fd, (struct sockaddr *)&from, from_n) != 0)
			return give_up(fd);
	}
	return begin_connect(fd, (struct sockaddr *)&sa, n, ret);
}

enum hk_status hk_net_connect_unix(struct hk_slice path, int *ret)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	int fd;

	if (path.n == 0 || path.n >= sizeof sa.sun_path) {
		errno = ENAMETOOLONG;
		return HK_LIMIT;
	}
	memcpy(sa.sun_path, path.p, path.n);
	fd = new_socket(AF_UNIX);
	if (fd < 0)
		return give_up(fd);
	return begin_connect(fd, (struct sockaddr *)&sa, sizeof sa, ret);
}

int hk_net_connect_error(int fd)
{
	int error = 0;
	socklen_t n = sizeof error;

	return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &n) == 0 ? error : errno;
}

size_t hk_net_raise_files(void)
{
	struct rlimit files = {.rlim_cur = 1024};

	if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
		files.rlim_cur = files.rlim_max;
		if (setrlimit(RLIMIT_NOFILE, &files) != 0)
			getrlimit(RLIMIT_NOFILE, &files);
	}
	return (size_t)files.rlim_cur;
}
