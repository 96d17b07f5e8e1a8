/* SPDX-License-Identifier: MIT
 *
 * password.h - what is kept of a password, and whether one fits it. Slow on purpose, and blocking:
 * never on a loop.
 */
#ifndef HIKYAKU_IO_PASSWORD_H
#define HIKYAKU_IO_PASSWORD_H

#include "conf/users.h"

#define HK_PASSWORD_MAX 1024 /* octets */
/* RFC 7677 4 wants 4096 at least; the client works through each of them at each login, phones too
 */
#define HK_SCRAM_ITERATIONS 4096

/* hk_password_prepare(password, ret): as SASLprep has it (RFC 4013), so that one typed otherwise is
 * the same; wiped and freed by the caller with hk_password_wipe. SYNTAX: it holds what no password
 * may, or nothing. */
enum hk_status hk_password_prepare(struct hk_slice, char **ret) HK_MUSTCHECK;
void hk_password_wipe(char *); /* NULL allowed */
/* hk_password_set(password, hash, user): the yescrypt hash goes to the buffer hash, which
 * user->hash then borrows, the keys of SCRAM-SHA-256 to user. password: prepared. CRYPTO. */
enum hk_status hk_password_set(
    const char *password, struct hk_buf *hash, struct hk_user *user) HK_MUSTCHECK;
/* hk_password_fits(hash, password): in the same time wherever they differ. A hash that is empty
 * costs as much as one of ours and never fits. */
bool hk_password_fits(struct hk_slice hash, struct hk_slice password);

#endif
