/* SPDX-License-Identifier: MIT
 *
 * role_fetch.c - the process that fetches MTA-STS policies: channels from the supervisor, each with a thread.
 */
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
	/* threads may still fetch when it returns: the process ends, and they with it */
	return role_serve(ROLE_FETCH, take_message, NULL);
}
