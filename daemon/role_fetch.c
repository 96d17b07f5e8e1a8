/* SPDX-License-Identifier: MIT
 *
 * role_fetch.c - the process that fetches MTA-STS policies: channels from the supervisor, each with a thread.
 */
#include <unistd.h>

#include "daemon/roles.h"
#include "io/fetch.h"

static void take_message(void *with, const struct hk_control *m)
{
	(void)with;
	if (m->type == HK_CONTROL_FETCH)
		(void)!hk_fetch_serve_apart(m->fd);
}

int role_fetch(void)
{
	/* Threads may still fetch when it returns: the process ends, and they with it. What libraries do at
	 * an exit would take away from under them what they use. */
	_exit(role_serve(ROLE_FETCH, take_message, NULL));
}
