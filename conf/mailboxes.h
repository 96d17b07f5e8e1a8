/* SPDX-License-Identifier: MIT
 *
 * mailboxes.h - a file of mailboxes, as the item that says the same.
 */
#ifndef HIKYAKU_CONF_MAILBOXES_H
#define HIKYAKU_CONF_MAILBOXES_H

#include "conf/conf.h"

/* hk_mailboxes_item(text, out, ret_line): one mailbox a line, "user" or "user@domain"; what follows a colon or a blank is
 * not ours (so passwd(5) and a virtual(5) map of Postfix can be read), nor is a line that begins with "#". Appends one
 * `mailboxes` item, or nothing for a file without any. SYNTAX: line *ret_line is no mailbox. */
enum hk_status hk_mailboxes_item(struct hk_slice text, struct hk_buf *out, unsigned *ret_line) HK_MUSTCHECK;

#endif
