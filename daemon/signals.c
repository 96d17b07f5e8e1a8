/* SPDX-License-Identifier: MIT */
#include <signal.h>
#include <stddef.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "daemon/signals.h"

static const int known[] = {SIGTERM, SIGINT, SIGHUP, SIGCHLD};

/* Where the call that failed says it too: a peer that is gone; a file larger than the limit of the process (setrlimit(2)), as a full disk. */
static void set_failures(void (*handler)(int))
{
	struct sigaction action = {.sa_handler = handler};

	sigaction(SIGPIPE, &action, NULL);
	sigaction(SIGXFSZ, &action, NULL);
}

int signals_open(void)
{
	sigset_t set;
	size_t i;

	sigemptyset(&set);
	for (i = 0; i < sizeof known / sizeof known[0]; i++)
		sigaddset(&set, known[i]);
	sigprocmask(SIG_BLOCK, &set, NULL);
	set_failures(SIG_IGN);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

int signals_next(int fd)
{
	struct signalfd_siginfo info;

	return read(fd, &info, sizeof info) == (ssize_t)sizeof info ? (int)info.ssi_signo : 0;
}

void signals_reset(void)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	set_failures(SIG_DFL);
}
