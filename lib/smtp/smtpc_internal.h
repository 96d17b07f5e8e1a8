/* SPDX-License-Identifier: MIT
 *
 * smtpc_internal.h - the state of the client, shared by its files:
 *
 *	smtpc.c              life, input and output, the order of things, endings
 *	smtpc_reply.c        reading replies
 *	smtpc_session.c      banner, EHLO and HELO, STARTTLS, CLIENTID, QUIT
 *	smtpc_hello.c        what EHLO lists
 *	smtpc_auth.c         AUTH
 *	smtpc_transaction.c  MAIL, RCPT, DATA, the reply to the dot; LMTP's many replies
 *	smtpc_body.c         sending the message
 */
#ifndef HIKYAKU_SMTPC_INTERNAL_H
#define HIKYAKU_SMTPC_INTERNAL_H

#include "smtp_internal.h"

/* ---- reading replies ---- */

/* RFC 5321 4.5.3.1.5 allows 512 octets; servers that list many mechanisms need more. */
#define SMTPC_REPLY_LINE_MAX  2048
#define SMTPC_REPLY_LINES_MAX 200

/* A reply as it is put together, line by line. */
struct smtpc_reader {
	uint8_t line[SMTPC_REPLY_LINE_MAX];
	size_t n;       /* bytes of the line so far */
	unsigned lines; /* of this reply so far */
	unsigned code;
	char enhanced[12];
	uint8_t text[HK_SMTP_REPLY_TEXT_MAX];
	size_t text_n;
	const char *wrong; /* what is malformed, after SYNTAX */
};

/* smtpc_reader_step(r, in, line): takes bytes from *in. OK: a line is whole, *ret_line is its text
 * without code and enhanced code (borrowed until the next step), *ret_last tells whether the reply
 * is. AGAIN: more input. SYNTAX: malformed. */
enum hk_status smtpc_reader_step(struct smtpc_reader *, struct hk_slice *in,
    struct hk_slice *ret_line, bool *ret_last) HK_MUSTCHECK;
/* smtpc_reader_reply(r): the whole reply; borrows until the next step. */
struct hk_smtp_reply smtpc_reader_reply(const struct smtpc_reader *);

/* ---- the client ---- */

enum smtpc_state {
	SMTPC_REPLY,       /* between commands and replies; stage tells which */
	SMTPC_HANDSHAKE,   /* waits for hk_smtpc_tls_done */
	SMTPC_IDLE,        /* greeted, no transaction */
	SMTPC_TRANSACTION, /* commands are written and replies read, see next and replied */
	SMTPC_CHALLENGED,  /* 334 was read: the response is due */
	SMTPC_BODY,        /* 354 was read, or BDAT is due */
	SMTPC_OVER,        /* nothing is written or read any more */
};

/* A recipient in a transaction. */
enum smtpc_fate { SMTPC_OPEN, SMTPC_ACCEPTED, SMTPC_SETTLED };

struct smtpc_envelope {
	struct hk_arena arena;
	struct hk_slice mail_from, *rcpt;
	struct hk_smtp_rcpt_params *rcpt_params; /* NULL: none */
	struct hk_smtp_mail_params mail;
	struct hk_slice mail_more, *rcpt_more; /* the latter NULL: none */
	struct hk_slice transid; /* empty: none is said */
	bool resumes;
	uint8_t *fate; /* enum smtpc_fate per recipient */
	size_t n;
};

enum { SMTPC_EVENTS = 3, SMTPC_MECHANISMS_MAX = 512 };

struct hk_smtpc {
	struct hk_smtpc_options options; /* helo points into owned */
	struct hk_arena owned;
	struct hk_buf in, out;
	struct smtpc_reader reader;

	enum smtpc_state state;
	enum hk_smtpc_stage stage; /* of the reply that is awaited, or of the end */
	bool is_tls, use_helo;     /* use_helo: EHLO was refused or is not wanted */
	bool eof, timed_out, quit_due, reset_due;
	unsigned replies;     /* read so far */
	unsigned hello_lines; /* of the reply to EHLO so far */
	unsigned extensions;  /* HK_EXT(..) of the latest EHLO */
	uint64_t size_limit;  /* of SIZE; 0: none */
	uint64_t min_by;      /* of DELIVERBY; 0: none */
	struct hk_smtpc_limits limits;
	uint8_t mechanisms[SMTPC_MECHANISMS_MAX];
	size_t mechanisms_n;
	size_t transactions;  /* MAIL commands on this connection */
	uint64_t *domains;    /* hashes of the recipient domains on it (RFC 9422 4.3) */
	size_t n_domains;
	struct hk_arena scratch; /* a decoded challenge */

	/* Transaction: command 0 is RSET (when one is due), 1 MAIL, 2 to n+1 RCPT, n+2 DATA (none with BDAT). */
	struct smtpc_envelope envelope;
	size_t next, replied; /* command to write next, command whose reply comes next */
	size_t accepted;      /* recipients */
	bool mail_refused;
	struct hk_smtp_reply
	    decided; /* for DONE when nothing is left to send; text in decided_text */
	enum hk_smtpc_stage decided_stage;
	uint8_t decided_text[HK_SMTP_REPLY_TEXT_MAX];
	bool lone_dot;       /* RFC 2920 3.1: 354 without a recipient */
	bool dot_phase;      /* the dot was sent */
	size_t lmtp_next;    /* recipient whose reply after the dot comes next */
	bool in_transaction; /* DONE is owed */

	uint64_t offset;     /* of the message: where it is resumed */

	/* Body */
	struct hk_smtp_text text;
	bool held_cr; /* the chunk ended with a CR: what follows decides */
	bool by_chunks;       /* BDAT */
	size_t chunk_replies; /* chunks whose reply has not come */

	struct hk_smtpc_event due[SMTPC_EVENTS]; /* in order */
	unsigned due_at, due_n;
	char own_text[160];
};

void smtpc_push(
    struct hk_smtpc *, enum hk_smtpc_event_type, size_t recipient, const struct hk_smtp_reply *);
/* smtpc_own(c, code, enhanced, format, ...): a reply of our own; text in c->own_text. */
struct hk_smtp_reply smtpc_own(struct hk_smtpc *, unsigned code, const char *enhanced,
    const char *format, ...) HK_PRINTF(4, 5);
/* smtpc_end(c, reply): DONE when it is owed, then CLOSED. */
void smtpc_end(struct hk_smtpc *, const struct hk_smtp_reply *);
/* smtpc_end_transaction(c, stage, reply): DONE, then READY (or QUIT when that is wanted). */
void smtpc_end_transaction(struct hk_smtpc *, enum hk_smtpc_stage, const struct hk_smtp_reply *);
void smtpc_ready(struct hk_smtpc *);
/* smtpc_unexpected(c, reply): a reply that cannot be there: the connection is out of step. */
void smtpc_unexpected(struct hk_smtpc *, const struct hk_smtp_reply *);

/* What a whole reply does, by state. */
void smtpc_session_line(struct hk_smtpc *, struct hk_slice line);
void smtpc_session_reply(struct hk_smtpc *, const struct hk_smtp_reply *);
void smtpc_transaction_reply(struct hk_smtpc *, const struct hk_smtp_reply *);
/* smtpc_transaction_write(c): commands into the output, as many as may be. */
void smtpc_transaction_write(struct hk_smtpc *);
void smtpc_auth_reply(struct hk_smtpc *, const struct hk_smtp_reply *);
/* smtpc_usable(c): HK_EXT(..) that may be used: what is offered, or all. */
unsigned smtpc_usable(const struct hk_smtpc *);
bool smtpc_pipelines(const struct hk_smtpc *);
/* smtpc_stops_after(c, stage): the session goes no further, by options.stop_after. */
bool smtpc_stops_after(const struct hk_smtpc *, enum hk_smtpc_stage);
void smtpc_hello(struct hk_smtpc *);
/* smtpc_forget(c): what an earlier EHLO listed. smtpc_hello_line(c, line): one line of its reply. */
void smtpc_forget(struct hk_smtpc *);
void smtpc_hello_line(struct hk_smtpc *, struct hk_slice line);
void smtpc_send_quit(struct hk_smtpc *);

#endif
