/* SPDX-License-Identifier: MIT
 *
 * privileges.h - who each process is and what it may hold: one table (privileges.c).
 */
#ifndef HIKYAKU_DAEMON_PRIVILEGES_H
#define HIKYAKU_DAEMON_PRIVILEGES_H

#include <sys/types.h>

#include "conf/conf.h"

enum role { ROLE_SUPERVISOR, ROLE_MTA, ROLE_KEYS, ROLE_FETCH, ROLE_SINGLE, ROLES };

struct identity {
	uid_t uid;
	gid_t gid;
};

const char *role_name(enum role);
const char *role_holds(enum role); /* for people */
/* role_find(name, ret): of those that are started by re-exec. */
enum hk_status role_find(const char *name, enum role *ret) HK_MUSTCHECK;

/* privileges_find(role, conf, why, ret): whom this role becomes. As root: the configured user,
 * which must exist and not be root. Not as root: whoever runs this. */
enum hk_status privileges_find(
    enum role, const struct hk_conf *, struct hk_buf *why, struct identity *ret) HK_MUSTCHECK;
/* privileges_owner(text, why, ret): USER, USER:GROUP or :GROUP, each a name or a number; -1: it is not given. A user alone
 * is with his own group. */
enum hk_status privileges_owner(struct hk_slice text, struct hk_buf *why, struct identity *ret) HK_MUSTCHECK;
/* privileges_become(identity): groups, ids, no way back, no new privileges, no core files. With one
 * thread only. errno tells why not. */
bool privileges_become(const struct identity *) HK_MUSTCHECK;
/* privileges_check(role, why): a role looks at itself before it reads a byte, and refuses to run as
 * more than it should be. */
bool privileges_check(enum role, struct hk_buf *why) HK_MUSTCHECK;

#endif
