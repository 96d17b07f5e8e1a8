/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "io/net.h"
#include "tests/unit.h"

static char folder[32], path[64], other[64];
static const struct hk_net_access ours = {.mode = 0660, .uid = (uid_t)-1, .gid = (gid_t)-1};

static int make_folder(void **state)
{
	(void)state;
	snprintf(folder, sizeof folder, "/tmp/hikyaku-XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof path, "%s/lmtp", folder);
	snprintf(other, sizeof other, "%s/other", folder);
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	unlink(path);
	unlink(other);
	/* empty: no name was left behind */
	return rmdir(folder);
}

static int listening(struct hk_net_file *file)
{
	int fd = -1;

	assert_int_equal(hk_net_listen_unix(path, &ours, &fd, file), HK_OK);
	return fd;
}

static mode_t mode_of(const char *name)
{
	struct stat st;

	return lstat(name, &st) == 0 ? st.st_mode : 0;
}

static bool answers(void)
{
	bool ok;
	int fd;

	assert_int_equal(hk_net_connect_unix(hk_slice_str(path), &fd), HK_OK);
	ok = hk_net_connect_error(fd) == 0;
	close(fd);
	return ok;
}

/* SEC 1.8: umask */
static void a_socket_has_its_mode_whatever_the_umask_and_peers_without_an_address(void **state)
{
	struct hk_conf_socket peer = {.port = 1};
	struct hk_net_file file;
	mode_t before = umask(0);
	int fd, out, in;

	(void)state;
	fd = listening(&file);
	assert_int_equal(mode_of(path), S_IFSOCK | 0660);
	close(fd);
	unlink(path);
	umask(0777);
	fd = listening(&file);
	umask(before);
	assert_int_equal(mode_of(path), S_IFSOCK | 0660);
	assert_int_equal(hk_net_accept(fd, &in, &peer), HK_AGAIN);
	assert_int_equal(hk_net_connect_unix(hk_slice_str(path), &out), HK_OK);
	assert_int_equal(hk_net_accept(fd, &in, &peer), HK_OK);
	assert_int_equal(peer.ip.family, 0);
	assert_int_equal(peer.port, 0);
	close(in);
	close(out);
	close(fd);
}

static void a_socket_that_nobody_listens_on_is_replaced_and_one_that_somebody_does_is_not(void **state)
{
	struct hk_net_file first, second;
	int fd = listening(&first), again;

	(void)state;
	assert_int_equal(hk_net_listen_unix(path, &ours, &again, &second), HK_BUSY);
	assert_int_equal(errno, EADDRINUSE);
	assert_true(answers());
	close(fd);
	fd = listening(&second);
	assert_true(answers());
	assert_int_equal(mode_of(path), S_IFSOCK | 0660);
	/* the one before is not removed by its name, which is another one's now */
	if (first.ino != second.ino)
		hk_net_remove_unix(path, &first);
	assert_true(answers());
	hk_net_remove_unix(path, &second);
	assert_int_equal(mode_of(path), 0);
	close(fd);
}

static void a_full_queue_and_another_kind_of_socket_are_in_use_too(void **state)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	struct hk_net_file file;
	int datagrams = socket(AF_UNIX, SOCK_DGRAM, 0), full = socket(AF_UNIX, SOCK_STREAM, 0), one, fd;

	(void)state;
	snprintf(sa.sun_path, sizeof sa.sun_path, "%s", path);
	assert_int_equal(bind(datagrams, (struct sockaddr *)&sa, sizeof sa), 0);
	assert_int_equal(hk_net_listen_unix(path, &ours, &fd, &file), HK_BUSY);
	close(datagrams);
	unlink(path);
	assert_int_equal(bind(full, (struct sockaddr *)&sa, sizeof sa), 0);
	assert_int_equal(listen(full, 0), 0);
	assert_int_equal(hk_net_connect_unix(hk_slice_str(path), &one), HK_OK);
	assert_int_equal(hk_net_listen_unix(path, &ours, &fd, &file), HK_BUSY);
	assert_int_equal(errno, EADDRINUSE);
	close(one);
	close(full);
}

static void what_is_no_socket_stays(void **state)
{
	struct hk_net_file file;
	int fd = open(path, O_CREAT | O_WRONLY, 0600);

	(void)state;
	close(fd);
	assert_int_equal(hk_net_listen_unix(path, &ours, &fd, &file), HK_BUSY);
	assert_int_equal(errno, EEXIST);
	assert_int_equal(mode_of(path), S_IFREG | 0600);
	/* a link is none either, wherever it leads: SEC-65 */
	assert_int_equal(rename(path, other), 0);
	assert_int_equal(symlink(other, path), 0);
	assert_int_equal(hk_net_listen_unix(path, &ours, &fd, &file), HK_BUSY);
	assert_int_equal(errno, EEXIST);
	assert_int_equal(mode_of(other), S_IFREG | 0600);
	unlink(other);
	assert_int_equal(hk_net_listen_unix(path, &ours, &fd, &file), HK_BUSY);
	assert_true(S_ISLNK(mode_of(path)));
	assert_int_equal(hk_net_access_unix(path, &(struct hk_net_file){0}, &ours), HK_NOTFOUND);
	hk_net_remove_unix(path, &(struct hk_net_file){0});
	assert_true(S_ISLNK(mode_of(path)));
}

/* SEC-65: nor is a link to a socket one, whatever it is wanted for; and no other file is, though its number is known. */
static void a_link_is_never_followed_to_a_socket(void **state)
{
	struct hk_net_access wider = {.mode = 0666, .uid = (uid_t)-1, .gid = (gid_t)-1};
	struct hk_net_file file, taken, plain;
	int fd = listening(&file), again;
	struct stat st;

	(void)state;
	assert_int_equal(rename(path, other), 0);
	assert_int_equal(symlink(other, path), 0);
	assert_int_equal(hk_net_access_unix(path, &file, &wider), HK_NOTFOUND);
	assert_int_equal(mode_of(other), S_IFSOCK | 0660);
	hk_net_remove_unix(path, &file);
	assert_true(S_ISLNK(mode_of(path)));
	close(fd); /* now nobody listens */
	assert_int_equal(hk_net_listen_unix(path, &ours, &again, &taken), HK_BUSY);
	assert_int_equal(errno, EEXIST);
	assert_true(S_ISLNK(mode_of(path)) && S_ISSOCK(mode_of(other)));
	unlink(path);
	fd = open(path, O_CREAT | O_WRONLY, 0600);
	assert_int_equal(fstat(fd, &st), 0);
	plain = (struct hk_net_file){st.st_dev, st.st_ino};
	close(fd);
	assert_int_equal(hk_net_access_unix(path, &plain, &wider), HK_NOTFOUND);
	hk_net_remove_unix(path, &plain);
	assert_int_equal(mode_of(path), S_IFREG | 0600);
}

static void it_is_whose_it_is_to_be(void **state)
{
	struct hk_net_access theirs = {.mode = 0660, .uid = 12345, .gid = 12346};
	struct hk_net_file file;
	struct stat st;
	int fd;

	(void)state;
	if (geteuid() != 0)
		skip(); /* only root gives files away */
	assert_int_equal(hk_net_listen_unix(path, &theirs, &fd, &file), HK_OK);
	assert_int_equal(lstat(path, &st), 0);
	assert_true(st.st_uid == 12345 && st.st_gid == 12346 && st.st_mode == (S_IFSOCK | 0660));
	close(fd);
}

static void its_access_can_change(void **state)
{
	struct hk_net_access wider = {.mode = 0666, .uid = geteuid(), .gid = getegid()};
	struct hk_net_file file;
	int fd = listening(&file);

	(void)state;
	assert_int_equal(hk_net_access_unix(path, &file, &wider), HK_OK);
	assert_int_equal(mode_of(path), S_IFSOCK | 0666);
	file.ino++;
	assert_int_equal(hk_net_access_unix(path, &file, &ours), HK_NOTFOUND);
	assert_int_equal(mode_of(path), S_IFSOCK | 0666);
	close(fd);
}

static void a_path_that_cannot_be_is_refused(void **state)
{
	char longest[200];
	struct hk_net_file file;
	int fd;

	(void)state;
	memset(longest, 'x', sizeof longest);
	memcpy(longest, "/tmp/", 5);
	longest[108] = '\0';
	assert_int_equal(hk_net_listen_unix(longest, &ours, &fd, &file), HK_IO);
	assert_int_equal(errno, ENAMETOOLONG);
	assert_int_equal(hk_net_listen_unix("/nowhere/of/this/host", &ours, &fd, &file), HK_IO);
	assert_int_equal(errno, ENOENT);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, make_folder, remove_folder)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE(a_socket_has_its_mode_whatever_the_umask_and_peers_without_an_address),
	    CASE(a_socket_that_nobody_listens_on_is_replaced_and_one_that_somebody_does_is_not),
	    CASE(a_full_queue_and_another_kind_of_socket_are_in_use_too),
	    CASE(what_is_no_socket_stays),
	    CASE(a_link_is_never_followed_to_a_socket),
	    CASE(it_is_whose_it_is_to_be),
	    CASE(its_access_can_change),
	    CASE(a_path_that_cannot_be_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
