/* SPDX-License-Identifier: MIT
 *
 * dane.h - what the TLSA records of a mail server are worth (RFC 7672).
 */
#ifndef HIKYAKU_ENGINE_DANE_H
#define HIKYAKU_ENGINE_DANE_H

#include <hikyaku/dns.h>

#define HK_TLSA_MAX 32 /* used of one host; RFC 7671 has two or four in its examples, a roll doubles them */

enum hk_dane_state {
	HK_DANE_NONE,     /* proven absent, or not secure: DANE does not apply */
	HK_DANE_USABLE,   /* the certificate must fit one of them */
	HK_DANE_UNUSABLE, /* secure, none that can be used: TLS all the same (RFC 7672 2.2) */
	HK_DANE_FAILED,   /* nobody can tell, or it is forged: the host is not to be used (RFC 7672 2.1) */
};
struct hk_tlsa {
	uint8_t usage, selector, matching;
	struct hk_slice data;
};

/* hk_dane_name(a, port, host, ret): "_25._tcp.host" (RFC 6698 3). */
enum hk_status hk_dane_name(
    struct hk_arena *, uint16_t port, struct hk_slice host, struct hk_slice *ret) HK_MUSTCHECK;
/* hk_dane_judge(answer, ret, n): for the answer to the question of that name; ret has room for HK_TLSA_MAX and gets those that
 * count, data borrowed from the answer: usages 2 and 3 (RFC 7672 3.1.3), and of a usage and selector the strongest digest
 * alone beside whole data (RFC 7671 9). */
enum hk_dane_state hk_dane_judge(const struct hk_dns_answer *, struct hk_tlsa *ret, size_t *n);

#endif
