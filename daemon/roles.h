/* SPDX-License-Identifier: MIT
 *
 * roles.h - what hikyakud can be: the supervisor, one of its roles, or all in one.
 */
#ifndef HIKYAKU_DAEMON_ROLES_H
#define HIKYAKU_DAEMON_ROLES_H

#include "daemon/options.h"
#include "daemon/privileges.h"
#include "io/control.h"

/* Descriptors of a role, fixed: 0 and 1 are /dev/null, 2 is the log. */
enum { ROLE_CONTROL_FD = 3 };

/* All return the exit status of the process. ready: called once everything serves. */
int role_mta(void);
int role_keys(void);
int role_fetch(void);
int single_run(const struct options *);
int supervisor_run(const struct options *, void (*ready)(void));
int check_run(const struct options *);

/* role_serve(role, taker, with): looks at itself, then gives each message of the supervisor to taker, which owns its
 * descriptor; but for a new log, which it takes itself. Returns the exit status. */
typedef void role_taker(void *with, const struct hk_control *);
int role_serve(enum role, role_taker *, void *with);

#endif
