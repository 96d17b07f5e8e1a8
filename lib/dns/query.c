/* SPDX-License-Identifier: MIT */
#include "dns_internal.h"

enum { FLAG_RECURSE = 0x0100, CLASS_IN = 1, WIRE_NAME_MAX = 255 };

/* One label with its length in front (RFC 1035 3.1). */
static enum hk_status add_label(struct hk_slice *text, struct hk_buf *out)
{
	uint8_t label[HK_DNS_LABEL_MAX];
	size_t n = 0;

	while (text->n && text->p[0] != '.') {
		if (n == sizeof label || !hk_dns_take_octet(text, &label[n++]))
			return HK_SYNTAX;
	}
	*text = hk_slice_from(*text, 1);
	if (n == 0)
		return HK_SYNTAX;
	hk_buf_add_u8(out, (uint8_t)n);
	hk_buf_add(out, hk_slice_of(label, n));
	return HK_OK;
}

enum hk_status hk_dns_question_format(
    const struct hk_dns_question *q, uint16_t id, struct hk_buf *out)
{
	struct hk_slice text = q->name;
	enum hk_status status = HK_OK;
	struct hk_buf name;

	hk_buf_init(&name, WIRE_NAME_MAX);
	while (text.n && status == HK_OK)
		status = add_label(&text, &name);
	hk_buf_add_u8(&name, 0);
	if (status == HK_OK)
		status = hk_buf_status(&name);
	if (status == HK_OK) {
		hk_buf_add_u16(out, id);
		hk_buf_add_u16(out, FLAG_RECURSE);
		hk_buf_add_u16(out, 1); /* questions; then no answers, authorities, additions */
		hk_buf_add_u16(out, 0);
		hk_buf_add_u16(out, 0);
		hk_buf_add_u16(out, 0);
		hk_buf_add(out, hk_buf_slice(&name));
		hk_buf_add_u16(out, q->type);
		hk_buf_add_u16(out, CLASS_IN);
	}
	hk_buf_done(&name);
	return status == HK_LIMIT ? HK_SYNTAX : status;
}
