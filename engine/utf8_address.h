/* SPDX-License-Identifier: MIT
 *
 * utf8_address.h - addresses in UTF-8 where delivery status notifications speak of them: RFC 6533 3.
 */
#ifndef HIKYAKU_ENGINE_UTF8_ADDRESS_H
#define HIKYAKU_ENGINE_UTF8_ADDRESS_H

#include <hikyaku/smtp.h>

/* hk_utf8_is_clean(s): UTF-8, and without a control that could end a line somewhere (C0, DEL, C1). */
bool hk_utf8_is_clean(struct hk_slice);
/* hk_utf8_xtext_add(b, s): s, which is UTF-8, as utf-8-addr-xtext: what has no place in it is a code point in braces. */
void hk_utf8_xtext_add(struct hk_buf *, struct hk_slice);
/* hk_utf8_raised_add(b, s): the inverse (RFC 6533 4.1); nothing when the result would not be clean. */
void hk_utf8_raised_add(struct hk_buf *, struct hk_slice);

#endif
