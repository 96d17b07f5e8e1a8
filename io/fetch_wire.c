/* SPDX-License-Identifier: MIT
 *
 * fetch_wire.c - requests and replies as bytes.
 */
#include "io/fetch.h"

void hk_fetch_request_format(const struct hk_fetch_request *r, struct hk_buf *out)
{
	hk_buf_add_u64(out, r->seq);
	hk_buf_add_block(out, r->domain);
	hk_buf_add_block(out, r->server);
	hk_buf_add_block(out, r->authorities);
}

enum hk_status hk_fetch_request_parse(struct hk_slice s, struct hk_fetch_request *ret)
{
	struct hk_cursor c = hk_cursor_of(s);
	struct hk_fetch_request r = {.seq = hk_cursor_u64(&c)};

	r.domain = hk_cursor_block(&c);
	r.server = hk_cursor_block(&c);
	r.authorities = hk_cursor_block(&c);
	if (c.failed || c.rest.n || r.domain.n > HK_DNS_NAME_MAX || !hk_is_hostname(r.domain, false))
		return HK_SYNTAX;
	*ret = r;
	return HK_OK;
}

void hk_fetch_reply_format(const struct hk_fetch_reply *r, struct hk_buf *out)
{
	hk_buf_add_u64(out, r->seq);
	hk_buf_add_u8(out, (uint8_t)r->result);
	hk_buf_add_block(out, r->text);
}

enum hk_status hk_fetch_reply_parse(struct hk_slice s, struct hk_fetch_reply *ret)
{
	struct hk_cursor c = hk_cursor_of(s);
	struct hk_fetch_reply r = {.seq = hk_cursor_u64(&c)};
	uint8_t result = hk_cursor_u8(&c);

	r.text = hk_cursor_block(&c);
	if (c.failed || c.rest.n || result >= HK_TLS_RESULTS || r.text.n > HK_STS_POLICY_MAX)
		return HK_SYNTAX;
	r.result = (enum hk_tls_result)result;
	*ret = r;
	return HK_OK;
}
