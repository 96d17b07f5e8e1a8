/* SPDX-License-Identifier: MIT
 *
 * user.h - which of our own mailboxes a local part means, and whether there is one.
 *
 * Only the host of an address may read its local part (RFC 5321 2.3.11); this is where we do. The address itself goes on
 * as it was received.
 */
#ifndef HIKYAKU_ENGINE_USER_H
#define HIKYAKU_ENGINE_USER_H

#include "conf/conf.h"
#include "engine/policy.h"
#include "engine/world.h"

/* The name of a mailbox: letters, digits and ._+- in lower case, no dot in front, so it is safe in a path. */
struct hk_user {
	uint8_t name[HK_LOCAL_MAX];
	size_t n;
};

/* hk_user_of(route, local, ret): quotes and backslashes are taken away ("user1"@b.test is user1@b.test, RFC 5321 4.1.2),
 * upper case is lower case, and with the route's sub-addresses what follows the first + is no part of the name. SYNTAX
 * when it can be no mailbox's name. */
enum hk_status hk_user_of(const struct hk_conf_route *, struct hk_slice local, struct hk_user *ret) HK_MUSTCHECK;
/* hk_user_maildir(route, address, ret): the directory of a Maildir route's mailbox, %u and %d filled in, with a NUL that
 * is not counted; ret grows up to its maximum. SYNTAX as above, also for a domain that is no host name; LIMIT, NOMEM. */
enum hk_status hk_user_maildir(const struct hk_conf_route *, struct hk_slice address, struct hk_buf *ret) HK_MUSTCHECK;
/* hk_user_check(conf, disk, address): whether the route of an address has such a mailbox, as far as its item
 * `recipients` says how that is known. A postmaster is always there (RFC 5321 4.5.1). */
struct hk_policy_reply hk_user_check(const struct hk_conf *, struct hk_disk *, struct hk_slice address);

#endif
