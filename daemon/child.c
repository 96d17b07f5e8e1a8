/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/child.h"
#include "daemon/roles.h"
#include "daemon/signals.h"
#include "io/clock.h"

void child_init(struct child *c, enum role role)
{
	*c = (struct child){
	    .role = role, .control = -1, .start_at = UINT64_MAX, .backoff = CHILD_BACKOFF_MS};
}

/* Descriptors as roles.h says, and no other: not even one that somebody forgot O_CLOEXEC for
 * (CVE-2020-28012). */
static bool arrange(int control)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0)
		return false;
	/* dup2 onto itself would keep close-on-exec */
	if (control == ROLE_CONTROL_FD ? fcntl(control, F_SETFD, 0) < 0
	                               : dup2(control, ROLE_CONTROL_FD) < 0)
		return false;
	return close_range(ROLE_CONTROL_FD + 1, ~0u, CLOSE_RANGE_CLOEXEC) == 0;
}

static void become_role(const struct child *c, int self, int control)
{
	/* execve wants char *const: it changes none of them */
	char program[] = "hikyakud", flag[] = "--role", role[16];
	char *argv[] = {program, flag, role, NULL}, *environment[] = {NULL};

	snprintf(role, sizeof role, "%s", role_name(c->role));
	signals_reset();
	if (arrange(control) && privileges_become(&c->who))
		execveat(self, "", argv, environment, AT_EMPTY_PATH);
	dprintf(STDERR_FILENO, "hikyakud: cannot start the %s process as user %ld: %s\n", role,
	    (long)c->who.uid, strerror(errno));
	_exit(127);
}

enum hk_status child_start(struct child *c, int self)
{
	int pair[2];
	pid_t pid;

	child_release(c);
	c->start_at = UINT64_MAX;
	c->started = hk_clock_mono_ms();
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
		return HK_FULL;
	pid = fork();
	if (pid == 0)
		become_role(c, self, pair[1]);
	close(pair[1]);
	if (pid < 0) {
		close(pair[0]);
		return HK_NOMEM;
	}
	c->pid = pid;
	c->control = pair[0];
	return HK_OK;
}

void child_ended(struct child *c, uint64_t now)
{
	c->pid = 0;
	child_release(c);
	if (now - c->started >= CHILD_STEADY_MS)
		c->backoff = CHILD_BACKOFF_MS;
	c->start_at = now + c->backoff;
	c->backoff = c->backoff * 2 < CHILD_BACKOFF_MAX_MS ? c->backoff * 2 : CHILD_BACKOFF_MAX_MS;
}

void child_release(struct child *c)
{
	if (c->control >= 0)
		close(c->control);
	c->control = -1;
}
