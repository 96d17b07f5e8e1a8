/* SPDX-License-Identifier: MIT
 *
 * roles.h - what hikyakud can be: the supervisor, one of its roles, or all in one.
 */
#ifndef HIKYAKU_DAEMON_ROLES_H
#define HIKYAKU_DAEMON_ROLES_H

#include "daemon/options.h"

/* Descriptors of a role, fixed: 0 and 1 are /dev/null, 2 is the log. */
enum { ROLE_CONTROL_FD = 3 };

/* All return the exit status of the process. ready: called once everything serves. */
int role_mta(void);
int role_keys(void);
int role_fetch(void);
int single_run(const struct options *);
int supervisor_run(const struct options *, void (*ready)(void));
int check_run(const struct options *);

#endif
