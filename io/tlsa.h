/* SPDX-License-Identifier: MIT
 *
 * tlsa.h - whether the certificates of a listener fit what is published for it (RFC 7672): senders that validate would
 * otherwise send it nothing.
 */
#ifndef HIKYAKU_IO_TLSA_H
#define HIKYAKU_IO_TLSA_H

#include "engine/dane.h"
#include "io/generation.h"

#define HK_TLSA_HOSTS_MAX 64 /* of a listener: its host name, and the names of its certificates */
#define HK_TLSA_PORTS_MAX 8

enum hk_tlsa_fit {
	HK_TLSA_FITS, /* or nothing is published that could be validated */
	HK_TLSA_MISFITS,
	HK_TLSA_UNKNOWN, /* there is no answer, or one that fails validation */
};

/* One record that may be there: _PORT._tcp.HOST. */
struct hk_tlsa_place {
	size_t listener;
	uint16_t port;
	char host[HK_DNS_NAME_MAX + 1];
};
/* hk_tlsa_places(conf, listener, context, ret, room): how many there are; none where nothing is validated. A port that stands for
 * 25 (port-map-25) is 25. */
size_t hk_tlsa_places(const struct hk_conf *, size_t listener, const struct hk_tls_context *, struct hk_tlsa_place *ret, size_t room);
/* hk_tlsa_question(place, back, token): NULL when out of memory. */
struct hk_dns_post *hk_tlsa_question(const struct hk_tlsa_place *, struct hk_mailbox *back, uint64_t token);
/* hk_tlsa_judge(context, place, answer): each certificate that a client of that name may get has to fit. */
enum hk_tlsa_fit hk_tlsa_judge(const struct hk_tls_context *, const struct hk_tlsa_place *, const struct hk_dns_answer *);

#endif
