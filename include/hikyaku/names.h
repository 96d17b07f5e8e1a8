/* SPDX-License-Identifier: MIT
 *
 * names.h - what needs tables: the public suffix list, and internationalised domain names.
 *
 * A library of its own, libhikyaku-names, since it needs libpsl, libidn2 and libunistring; libhikyaku itself needs libc
 * and libcrypto alone. It answers the questions that no name server answers:
 *
 *	while (hk_verify_question(v, &q))
 *		hk_dns_type_is_local(q.type) ? hk_names_answer(names, &q, arena, &answer) : (ask a name server)
 */
#ifndef HIKYAKU_NAMES_H
#define HIKYAKU_NAMES_H

#include <hikyaku/dns.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

struct hk_names;
/* hk_names_open(list, ret): list is a file of https://publicsuffix.org/list/; NULL takes the newest that the system has.
 * IO when there is none; returns owned, for hk_names_close. Any number of threads may read one. */
enum hk_status hk_names_open(const char *list, struct hk_names **ret) HK_MUSTCHECK;
void hk_names_close(struct hk_names *); /* NULL allowed */

/* hk_names_suffix(n, name): the public suffix that ends the name, borrowed from it (RFC 7489 3.2 step 3); name as in
 * dns.h. The name itself when it is one; its last label when no rule has it. */
struct hk_slice hk_names_suffix(const struct hk_names *, struct hk_slice name);

/* hk_names_alabel(a, name, ret): a name in UTF-8 as A-labels in lower case, by UTS #46 (nontransitional) and IDNA2008
 * (RFC 5891 5, with the whole bidi rule of RFC 5893 2), without final dot. SYNTAX when it has no such form, NOMEM, LIMIT.
 * hk_names_ulabel: the other way, to show a host name to people; SYNTAX as well for an "xn--" that decodes to nothing. Both
 * need no list. */
enum hk_status hk_names_alabel(struct hk_arena *, struct hk_slice name, struct hk_slice *ret) HK_MUSTCHECK;
enum hk_status hk_names_ulabel(struct hk_arena *, struct hk_slice name, struct hk_slice *ret) HK_MUSTCHECK;

/* hk_names_answer(n, question, a, ret): to HK_DNS_SUFFIX and HK_DNS_ALABEL; to others, and to SUFFIX where n is NULL, that
 * no answer can be had. Borrows the question's name; else from a. NOMEM, LIMIT. */
enum hk_status hk_names_answer(const struct hk_names *, const struct hk_dns_question *, struct hk_arena *,
    struct hk_dns_answer *ret) HK_MUSTCHECK;

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
