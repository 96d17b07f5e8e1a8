/* SPDX-License-Identifier: MIT
 *
 * smtp.h - `hikyaku smtp`: one session with a server, for people. The dialogue is the library's
 *(<hikyaku/smtp.h>).
 *
 *	smtp.c          the command: from options to a session, and to an exit status
 *	smtp_options.c  its options, with --help
 *	smtp_talk.c     drives the dialogue
 *	smtp_sasl.c     AUTH
 *	smtp_wire.c     the connection: addresses, sockets, TLS
 *	smtp_show.c     the transcript, for people and as JSON
 */
#ifndef HIKYAKU_CLI_SMTP_H
#define HIKYAKU_CLI_SMTP_H

#include <hikyaku/smtp.h>

#include "cli_internal.h"
#include "io/tls.h"

enum {
	SMTP_RCPTS_MAX = 100, /* given by hand; RFC 5321 4.5.3.1.8 has servers take as many */
	SMTP_RAW_MAX = 64,    /* --send-raw */
	SMTP_SHOWN_MAX = 4096 /* bytes of the message in the transcript */
};

enum smtp_tls { SMTP_TLS_OFF, SMTP_TLS_TRY, SMTP_TLS_STARTTLS, SMTP_TLS_IMPLICIT };
enum smtp_quit {
	SMTP_QUIT_NEVER,
	SMTP_QUIT_BANNER,
	SMTP_QUIT_HELO,
	SMTP_QUIT_TLS,
	SMTP_QUIT_AUTH,
	SMTP_QUIT_MAIL,
	SMTP_QUIT_RCPT
};

struct smtp_options {
	const char *resolver, *zone;
	const char *server, *port, *socket, *helo, *mail_from, *data, *subject;
	const char *rcpt[SMTP_RCPTS_MAX], *raw[SMTP_RAW_MAX];
	size_t n_rcpt, n_raw;
	enum smtp_tls tls;
	enum smtp_quit quit_after;
	bool tls_verify, auth_in_clear, lmtp, helo_only, no_pipelining, chunking, smtputf8,
	    require_tls, force;
	bool json, quiet, help;
	const char *tls_name, *tls_ca;
	const char *auth, *user, *password, *password_file;
	enum hk_smtp_body body;
	bool has_body;
	unsigned notify;
	enum hk_smtp_ret ret;
	const char *transid, *envid, *orcpt, *mail_params, *rcpt_params;
	struct hk_slice clientid_type, clientid;
	unsigned timeout; /* seconds; 0: those of RFC 5321 4.5.3.2 */
};

/* smtp_options_parse(argv, ret): false after saying what is wrong. smtp_options_help(): on stdout.
 */
bool smtp_options_parse(char **argv, struct smtp_options *ret);
void smtp_options_help(void);

/* ---- the transcript ---- */

enum smtp_side { SMTP_CLIENT, SMTP_SERVER };

struct smtp_show {
	const struct smtp_options *options;
	uint64_t began_ms, waited_ms;
	struct hk_buf json; /* of the transcript's lines */
	struct hk_json_writer writer;
	struct hk_buf in;  /* the beginning of a line of the server */
	size_t body_shown; /* bytes of the message so far */
	unsigned replies;
	bool is_tls, hide, hidden;
};

void smtp_show_init(struct smtp_show *, const struct smtp_options *);
void smtp_show_done(struct smtp_show *);
/* smtp_note(s, format, ...): "=== ..." */
void smtp_note(struct smtp_show *, const char *format, ...) HK_PRINTF(2, 3);
/* smtp_show_sent(s, bytes, is_body), smtp_show_got(s, bytes): what passed, split into lines. */
void smtp_show_sent(struct smtp_show *, struct hk_slice, bool is_body);
void smtp_show_got(struct smtp_show *, struct hk_slice);
uint64_t smtp_now_ms(void);

/* ---- the connection ---- */

struct smtp_wire {
	int fd;
	struct hk_tls_context *context;
	struct hk_tls *tls;
	char peer[128]; /* "192.0.2.1:25" */
};

/* smtp_wire_open(w, options, host, port, show): false: said why. */
bool smtp_wire_open(struct smtp_wire *, const struct smtp_options *, const char *host,
    const char *port, struct smtp_show *);
void smtp_wire_close(struct smtp_wire *);
/* smtp_wire_tls(w, options, name, show): a handshake; false: said why. With --tls-verify an
 * untrusted certificate fails. */
bool smtp_wire_tls(
    struct smtp_wire *, const struct smtp_options *, const char *name, struct smtp_show *);
enum smtp_wire_event { SMTP_WIRE_OK, SMTP_WIRE_AGAIN, SMTP_WIRE_END, SMTP_WIRE_BROKEN };
enum smtp_wire_event smtp_wire_read(struct smtp_wire *, void *to, size_t n, size_t *ret);
enum smtp_wire_event smtp_wire_write(struct smtp_wire *, struct hk_slice, size_t *ret);
/* smtp_wire_wait(w, to_write, ms): false when the time is over. */
bool smtp_wire_wait(struct smtp_wire *, bool to_write, unsigned ms);

/* ---- AUTH ---- */

/* smtp_sasl_mechanism(i): those that can be spoken, the strongest first; NULL behind the last. */
const char *smtp_sasl_mechanism(size_t i);
bool smtp_sasl_is_known(const char *mechanism);
struct smtp_sasl;
/* smtp_sasl_new(mechanism, user, password): NULL when libgsasl cannot. */
struct smtp_sasl *smtp_sasl_new(const char *mechanism, const char *user, const char *password);
void smtp_sasl_free(struct smtp_sasl *); /* NULL allowed */
/* smtp_sasl_is_first(x): whether there is an initial response, which step makes of nothing. */
bool smtp_sasl_is_first(const struct smtp_sasl *);
/* smtp_sasl_step(x, challenge, response): false: the server cannot be believed. */
bool smtp_sasl_step(struct smtp_sasl *, struct hk_slice challenge, struct hk_buf *response);
/* smtp_sasl_is_done(x): nothing is awaited from the server, such as its own proof. */
bool smtp_sasl_is_done(const struct smtp_sasl *);

/* ---- the session ---- */

struct smtp_result {
	bool is_done;  /* it went as far as it was to go */
	unsigned code; /* the reply that decided; 0: none */
	char enhanced[12];
	enum hk_smtpc_stage stage;
	struct hk_buf text;
	unsigned rcpt_code[SMTP_RCPTS_MAX]; /* of the refused, and each one's of LMTP; else 0 */
	bool own;
};

/* smtp_talk(w, options, host, message, show, ret): the whole session on an open connection. */
void smtp_talk(struct smtp_wire *, const struct smtp_options *, const char *host,
    struct hk_slice message, struct smtp_show *, struct smtp_result *ret);
const char *smtp_stage_name(enum hk_smtpc_stage);

#endif
