/* SPDX-License-Identifier: MIT
 *
 * Banner, EHLO or HELO or LHLO, STARTTLS, CLIENTID, single commands, QUIT.
 */
#include "smtpc_internal.h"

void smtpc_hello(struct hk_smtpc *c)
{
	const char *verb = c->options.lmtp ? "LHLO" : c->use_helo ? "HELO" : "EHLO";

	smtpc_forget(c);
	hk_buf_addf(&c->out, "%s %.*s\r\n", verb, HK_FMT(c->options.helo));
	c->state = SMTPC_REPLY;
	c->stage = HK_SMTPC_HELO;
}

bool smtpc_stops_after(const struct hk_smtpc *c, enum hk_smtpc_stage stage)
{
	return c->options.stops && c->options.stop_after == stage;
}

void smtpc_send_quit(struct hk_smtpc *c)
{
	hk_buf_add_str(&c->out, "QUIT\r\n");
	c->state = SMTPC_REPLY;
	c->stage = HK_SMTPC_QUIT;
}

void smtpc_session_line(struct hk_smtpc *c, struct hk_slice line)
{
	/* the first line is the server's name, and HELO lists nothing */
	if (c->stage != HK_SMTPC_HELO || c->use_helo || c->hello_lines++ == 0)
		return;
	smtpc_hello_line(c, line);
}

/* The greeting is over, under TLS or not. */
static void greeted(struct hk_smtpc *c)
{
	if (!c->is_tls || c->options.clientid.n == 0 || (c->extensions & HK_EXT(CLIENTID)) == 0) {
		smtpc_ready(c);
		return;
	}
	hk_buf_addf(&c->out, "CLIENTID %.*s %.*s\r\n", HK_FMT(c->options.clientid_type), HK_FMT(c->options.clientid));
	c->stage = HK_SMTPC_CLIENTID;
}

static void after_hello(struct hk_smtpc *c)
{
	struct hk_smtp_reply reply;

	if (c->is_tls || (!c->options.want_tls && !c->options.require_tls)) {
		greeted(c);
		return;
	}
	if (smtpc_usable(c) & HK_EXT(STARTTLS)) {
		hk_buf_add_str(&c->out, "STARTTLS\r\n");
		c->stage = HK_SMTPC_STARTTLS;
		return;
	}
	if (!c->options.require_tls) {
		smtpc_ready(c);
		return;
	}
	c->stage = HK_SMTPC_STARTTLS;
	reply = smtpc_own(c, 421, "4.7.0",
	    "TLS is required, and the server does not offer STARTTLS (RFC 3207 4)");
	smtpc_end(c, &reply);
}

static void hello_reply(struct hk_smtpc *c, const struct hk_smtp_reply *reply)
{
	if (reply->code < 300) {
		after_hello(c);
		return;
	}
	smtpc_forget(c);
	/* RFC 5321 3.2: an old server does not know EHLO; LMTP has nothing to fall back to (RFC
	 * 2033 4.1) */
	if (reply->code >= 500 && !c->use_helo && !c->options.lmtp) {
		c->use_helo = true;
		smtpc_hello(c);
		return;
	}
	smtpc_end(c, reply);
}

static void starttls_reply(struct hk_smtpc *c, const struct hk_smtp_reply *reply)
{
	if (reply->code < 300) {
		/* RFC 3207 4.2: replies that came in clear behind it are not for us */
		hk_buf_reset(&c->in);
		c->state = SMTPC_HANDSHAKE;
		smtpc_push(c, HK_SMTPC_TLS, 0, reply);
	} else if (c->options.require_tls) {
		smtpc_end(c, reply);
	} else {
		smtpc_ready(c);
	}
}

void smtpc_session_reply(struct hk_smtpc *c, const struct hk_smtp_reply *reply)
{
	bool asks = c->stage == HK_SMTPC_AUTH || c->stage == HK_SMTPC_COMMAND;

	if (reply->code >= 300 && reply->code < 400 && !asks) {
		smtpc_unexpected(c, reply);
		return;
	}
	switch (c->stage) {
	case HK_SMTPC_CLIENTID:
		smtpc_ready(c); /* refused or not: what it is worth is the server's affair */
		break;
	case HK_SMTPC_AUTH:
		smtpc_auth_reply(c, reply);
		break;
	case HK_SMTPC_COMMAND:
		smtpc_push(c, HK_SMTPC_REPLY, 0, reply);
		smtpc_ready(c);
		break;
	case HK_SMTPC_BANNER:
		if (reply->code >= 300)
			smtpc_end(c, reply);
		else if (smtpc_stops_after(c, HK_SMTPC_BANNER))
			smtpc_send_quit(c);
		else
			smtpc_hello(c);
		break;
	case HK_SMTPC_HELO:
		hello_reply(c, reply);
		break;
	case HK_SMTPC_STARTTLS:
		starttls_reply(c, reply);
		break;
	default:
		smtpc_end(c, reply);
	}
}

void hk_smtpc_tls_done(struct hk_smtpc *c, bool ok)
{
	struct hk_smtp_reply reply;

	/* implicit TLS: before the banner */
	if (c->state == SMTPC_REPLY && c->stage == HK_SMTPC_BANNER && ok)
		c->is_tls = true;
	if (c->state != SMTPC_HANDSHAKE)
		return;
	if (!ok) {
		reply = smtpc_own(c, 421, "4.7.0", "The TLS handshake failed");
		smtpc_end(c, &reply);
		return;
	}
	c->is_tls = true;
	c->use_helo = c->options.helo_only;
	smtpc_hello(c);
}

void hk_smtpc_quit(struct hk_smtpc *c)
{
	c->quit_due = true;
	if (c->state != SMTPC_IDLE || c->in_transaction)
		return;
	c->due_at = c->due_n = 0; /* a READY that nobody needs */
	smtpc_send_quit(c);
}

enum hk_status hk_smtpc_command(struct hk_smtpc *c, struct hk_slice bytes)
{
	if (c->state != SMTPC_IDLE || c->in_transaction || c->due_at != c->due_n)
		return HK_BUG;
	if (bytes.n > HK_SMTP_OUTPUT_MAX / 2)
		return HK_LIMIT;
	hk_buf_add(&c->out, bytes);
	c->state = SMTPC_REPLY;
	c->stage = HK_SMTPC_COMMAND;
	return hk_buf_status(&c->out);
}
