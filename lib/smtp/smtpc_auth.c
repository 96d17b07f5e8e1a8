/* SPDX-License-Identifier: MIT
 *
 * AUTH as a client (RFC 4954): the exchange on the wire; what it says is for the caller.
 */
#include "smtpc_internal.h"

/* A challenge that is longer is no challenge: it is answered with "*" (RFC 4954 4). */
enum { CHALLENGE_MAX = 16 * 1024 };

static void send_data(struct hk_smtpc *c, struct hk_slice data)
{
	hk_base64_add(&c->out, data);
	hk_buf_add(&c->out, HK_S("\r\n"));
	c->state = SMTPC_REPLY;
	c->stage = HK_SMTPC_AUTH;
}

enum hk_status hk_smtpc_auth(struct hk_smtpc *c, struct hk_slice mechanism, const struct hk_slice *initial)
{
	size_t i;

	if (c->state != SMTPC_IDLE || c->in_transaction || c->due_at != c->due_n || mechanism.n == 0)
		return HK_BUG;
	for (i = 0; i < mechanism.n; i++)
		if (!hk_is_alnum(mechanism.p[i]) && mechanism.p[i] != '-' && mechanism.p[i] != '_')
			return HK_BUG;
	hk_buf_add_str(&c->out, "AUTH ");
	hk_buf_add(&c->out, mechanism);
	if (initial)
		hk_buf_add_byte(&c->out, ' ');
	/* RFC 4954 4: an empty initial response is "=" */
	if (initial && initial->n == 0)
		hk_buf_add_byte(&c->out, '=');
	send_data(c, initial ? *initial : (struct hk_slice){0});
	return HK_OK;
}

void hk_smtpc_respond(struct hk_smtpc *c, struct hk_slice data)
{
	if (c->state == SMTPC_CHALLENGED)
		send_data(c, data);
}

void hk_smtpc_auth_cancel(struct hk_smtpc *c)
{
	if (c->state != SMTPC_CHALLENGED)
		return;
	hk_buf_add_byte(&c->out, '*');
	send_data(c, (struct hk_slice){0});
}

void smtpc_auth_reply(struct hk_smtpc *c, const struct hk_smtp_reply *reply)
{
	struct hk_smtp_reply decoded = *reply;

	if (reply->code == 334) {
		hk_arena_done(&c->scratch);
		hk_arena_init(&c->scratch, CHALLENGE_MAX);
		c->state = SMTPC_CHALLENGED;
		if (hk_base64_parse(&c->scratch, reply->text, &decoded.text) != HK_OK) {
			hk_smtpc_auth_cancel(c);
			return;
		}
		smtpc_push(c, HK_SMTPC_CHALLENGE, 0, &decoded);
		return;
	}
	if (reply->code >= 300 && reply->code < 400) {
		smtpc_unexpected(c, reply);
		return;
	}
	smtpc_push(c, HK_SMTPC_AUTH_DONE, 0, reply);
	smtpc_ready(c);
}
