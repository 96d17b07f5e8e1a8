/* SPDX-License-Identifier: MIT
 *
 * smtpc_test_script.h - dialogues with the client, as scripts of one step per line:
 *
 *	S text    the server says it, with CRLF (\r, \n, \0 in it are escapes; a final \ leaves the CRLF out)
 *	C text    the client's next line must be this
 *	E text    the next event must be this
 *	T         the row's transaction starts (L: the server's limits do not let it)
 *	B text    the message goes on with this and CRLF (escapes as above)
 *	.         the message is complete
 *	A text    AUTH with this mechanism, and behind a space with this initial response
 *	D text    a command of our own, with CRLF (escapes as above)
 *	R text    the response to the challenge (R* cancels)
 *	Q X O     quit, the peer closes, the time is over
 *	K N       the TLS handshake is done, has failed
 *
 * Each runs with the server's text whole, byte by byte and randomly split (T5). At the end nothing may be left over.
 */
#ifndef HIKYAKU_SMTPC_TEST_SCRIPT_H
#define HIKYAKU_SMTPC_TEST_SCRIPT_H

#include "smtpc_internal.h"

struct script {
	const char *name, *steps;
	bool lmtp, want_tls, require_tls, body_8bit;
	uint64_t size;
	const char *from;
	const char *rcpt[4];
	/* extensions */
	bool chunking, no_pipelining, resumes;
	const char *transid;
	struct hk_smtp_mail_params mail;
	struct hk_smtp_rcpt_params params[4];
	struct hk_slice clientid;
	const char *mail_more, *rcpt_more[4];
	/* for people */
	bool helo_only, unoffered, stops;
	enum hk_smtpc_stage stop_after;
};

void run_scripts(const struct script *, size_t n);

#endif
