/* SPDX-License-Identifier: MIT
 *
 * child.h - one role as the supervisor sees it: a process and a control channel.
 */
#ifndef HIKYAKU_DAEMON_CHILD_H
#define HIKYAKU_DAEMON_CHILD_H

#include "daemon/privileges.h"

#define CHILD_BACKOFF_MS     1000 /* before a role that died is started again; doubled each time */
#define CHILD_BACKOFF_MAX_MS 30000
#define CHILD_STEADY_MS      60000 /* one that lived so long begins anew with the shortest wait */

struct child {
	enum role role;
	struct identity who;
	pid_t pid;         /* 0: none runs */
	int control;       /* our end; -1 */
	uint64_t started;  /* mono_ms */
	uint64_t start_at; /* when it is to be started again; UINT64_MAX: not planned */
	unsigned backoff;  /* ms */
};

void child_init(struct child *, enum role);
/* child_start(c, self): re-exec of the program open as `self` (O_PATH), as c->who. With one thread
 * only. */
enum hk_status child_start(struct child *, int self) HK_MUSTCHECK;
/* child_ended(c): after its pid was reaped: plans the next start. */
void child_ended(struct child *, uint64_t now);
/* child_release(c): closes its control channel, which tells it to end. */
void child_release(struct child *);

#endif
