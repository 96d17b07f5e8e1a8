/* SPDX-License-Identifier: MIT */
#ifndef HIKYAKU_DNS_INTERNAL_H
#define HIKYAKU_DNS_INTERNAL_H

#include <hikyaku/dns.h>

#define HK_DNS_LABEL_MAX 63 /* RFC 1035 2.3.4 */
/* Every octet of a name may need the four of "\DDD". */
#define HK_DNS_NAME_TEXT (4 * HK_DNS_NAME_MAX)

/* A name while it is being put together. octets counts each escape once, as the limit does. */
struct hk_dns_name {
	uint8_t text[HK_DNS_NAME_TEXT];
	size_t n, octets, label;
};

/* false when the label or the name becomes too long. */
bool hk_dns_name_add_octet(struct hk_dns_name *, uint8_t);
/* Ends a label; false when it is empty. The dot itself is written before the next octet only. */
bool hk_dns_name_end_label(struct hk_dns_name *);
struct hk_slice hk_dns_name_slice(const struct hk_dns_name *);
/* \DDD, \X or a plain octet off *text (RFC 1035 5.1); false when the escape is malformed. */
bool hk_dns_take_octet(struct hk_slice *text, uint8_t *ret);

/* true when rr->data of this type is a name. */
bool hk_dns_type_has_name(uint16_t type);

#endif
