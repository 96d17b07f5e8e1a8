/* SPDX-License-Identifier: MIT
 *
 * smtp.h - SMTP without I/O: a server that turns bytes into events, a client that turns a transaction into bytes.
 * RFC 5321, 2920, 1870, 6152, 2034/3463, 3207, 2033 (LMTP, client).
 *
 *	server:  feed bytes -> next event -> answer it -> take out bytes
 *
 * One event is pending at a time; nothing behind it is parsed until it is answered, so pipelining keeps its order
 * and slow decisions need no special care. While more than half of HK_SMTP_OUTPUT_MAX is waiting to be taken, no input
 * is parsed, so a peer that never reads cannot make us grow. Only CRLF ends a line and only CRLF.CRLF ends a message.
 */
#ifndef HIKYAKU_SMTP_H
#define HIKYAKU_SMTP_H

#include <hikyaku/base.h>
#include <hikyaku/message.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

#define HK_SMTP_LINE_MAX   2048      /* command line with CRLF */
#define HK_SMTP_INPUT_MAX  (64 * 1024) /* unparsed input held, allocated on demand; feed takes no more */
#define HK_SMTP_OUTPUT_MAX (64 * 1024)
#define HK_SMTP_ERRORS_MAX 20        /* errors in a session, then 421 and the end */
#define HK_SMTP_NOOPS_MAX  100       /* commands without effect (NOOP, RSET, VRFY, HELP, EHLO) in a row */
#define HK_SMTP_SKIP_MAX   (64 * 1024) /* bytes of a bad command line that are read over before the session ends */
#define HK_SMTP_RCPTS_MAX  1000
#define HK_SMTP_REPLY_TEXT_MAX 900

enum hk_smtp_proto { HK_PROTO_SMTP, HK_PROTO_ESMTP, HK_PROTO_LMTP };

/* ---- server ------------------------------------------------------------------------------ */

enum hk_smtpd_event_type {
	HK_SMTPD_HELO,     /* EHLO/HELO: name; answered by the library unless refused */
	HK_SMTPD_MAIL,     /* path, size, body */
	HK_SMTPD_RCPT,     /* path */
	HK_SMTPD_DATA,     /* DATA was given; answer 354 (hk_smtpd_accept) or refuse */
	HK_SMTPD_BODY,     /* chunk: bytes of the message, dots unstuffed; needs hk_smtpd_accept to go on; a 4xx or 5xx
	                    * answer is kept for the final dot and what follows is read over */
	HK_SMTPD_MESSAGE,  /* the end was seen: the answer is the reply to the final dot */
	HK_SMTPD_ABORT,    /* an open transaction ended without HK_SMTPD_MESSAGE (RSET, EHLO, STARTTLS, QUIT, CLOSE, or a
	                    * body that the library refused); accept only */
	HK_SMTPD_STARTTLS, /* 220 was queued, input dropped: drain out, do the handshake, then hk_smtpd_tls_done */
	HK_SMTPD_VRFY,     /* text */
	HK_SMTPD_QUIT,     /* 221 was queued: drain out and close */
	HK_SMTPD_CLOSE,    /* the library gives up, or 421 was answered (the reply was queued): drain out and close */
};

struct hk_smtpd_event {
	size_t size; /* of the struct: base.h */
	enum hk_smtpd_event_type type;
	enum hk_smtp_proto proto;
	struct hk_slice text;    /* HELO: the name; VRFY: the argument; BODY: the chunk; CLOSE: the reason */
	struct hk_path path;     /* MAIL, RCPT */
	bool has_size;
	uint64_t message_size;   /* MAIL SIZE= */
	bool body_8bit;          /* MAIL BODY=8BITMIME */
};

struct hk_smtpd_options {
	size_t size; /* of the struct: base.h */
	struct hk_slice hostname;     /* in the banner, the greeting and the replies */
	struct hk_slice banner_text;  /* after "ESMTP "; the product's name */
	uint64_t max_message;         /* SIZE; 0: 50 MB */
	size_t max_recipients;        /* 0: HK_SMTP_RCPTS_MAX */
	bool offer_starttls;
	bool strict_envelopes;        /* brackets required, no spaces after the colon */
	bool refuse_source_routes;    /* else the route is stripped */
	bool early_talker_check;      /* input before the banner was sent: 554 and the end */
	bool allow_bare_lf;           /* never in hikyakud; bare LF and CR in DATA are otherwise refused at its end with 550 */
};

struct hk_smtpd;
/* hk_smtpd_new(options): copies; returns owned; NULL when out of memory. The banner stands in out at once. */
struct hk_smtpd *hk_smtpd_new(const struct hk_smtpd_options *);
void hk_smtpd_free(struct hk_smtpd *);
/* hk_smtpd_feed(s, in): takes what fits (HK_SMTP_INPUT_MAX); returns how much. Between HK_SMTPD_STARTTLS and
 * hk_smtpd_tls_done, and after the end, everything is taken and dropped. */
size_t hk_smtpd_feed(struct hk_smtpd *, struct hk_slice in);
/* OK: *ret is the pending event (again, until answered); slices in it are borrowed until the answer.
 * AGAIN: feed or drain first. END: the session is over (after QUIT or CLOSE was answered and drained).
 * NOMEM: the session cannot go on; close. */
enum hk_status hk_smtpd_next(struct hk_smtpd *, struct hk_smtpd_event *ret) HK_MUSTCHECK;
/* hk_smtpd_accept(s): the usual positive reply of the pending event (250 2.1.0 Ok, 354, ...). */
void hk_smtpd_accept(struct hk_smtpd *);
/* hk_smtpd_answer(s, code, enhanced, text): our own reply; enhanced like "5.7.1" or NULL. 4xx and 5xx refuse; a refused
 * HK_SMTPD_MESSAGE leaves the session as after RSET. text may hold \n for a multi-line reply; hostile bytes are quoted.
 * 421 ends the session after the reply. */
void hk_smtpd_answer(struct hk_smtpd *, unsigned code, const char *enhanced, struct hk_slice text);
/* bytes to send, borrowed until the next call; hk_smtpd_sent(s, n) drops them. Call it as soon as the kernel has taken
 * them: early_talker_check goes by it. */
struct hk_slice hk_smtpd_out(struct hk_smtpd *);
void hk_smtpd_sent(struct hk_smtpd *, size_t n);
/* after a handshake: everything learnt before is forgotten (RFC 3207 4.2), EHLO is expected anew. Right after
 * hk_smtpd_new for implicit TLS. */
void hk_smtpd_tls_done(struct hk_smtpd *);
/* hk_smtpd_timeout(s), hk_smtpd_shutdown(s): queue 421 4.4.2 / 421 4.3.2 and end after the drain. While an event is
 * pending the wait is ours: a timeout is ignored then, a shutdown waits for the answer. */
void hk_smtpd_timeout(struct hk_smtpd *);
void hk_smtpd_shutdown(struct hk_smtpd *);
/* state, for policy, logs and Received. */
bool hk_smtpd_is_tls(const struct hk_smtpd *);
enum hk_smtp_proto hk_smtpd_proto(const struct hk_smtpd *);
struct hk_slice hk_smtpd_helo(const struct hk_smtpd *);
unsigned hk_smtpd_errors(const struct hk_smtpd *);

/* ---- replies, as a client reads them --------------------------------------------------------- */

struct hk_smtp_reply {
	unsigned code;            /* 200..599 */
	char enhanced[12];        /* "5.1.1"; "" when absent */
	struct hk_slice text;     /* lines joined by \n, without codes; at most HK_SMTP_REPLY_TEXT_MAX; hostile bytes */
	bool own;                 /* made here (connection lost, malformed reply, ...), not said by the peer */
};

/* ---- client: one connection, any number of transactions ----------------------------------------- */

enum hk_smtpc_stage {
	HK_SMTPC_BANNER, HK_SMTPC_HELO, HK_SMTPC_STARTTLS, HK_SMTPC_MAIL, HK_SMTPC_RCPT, HK_SMTPC_DATA, HK_SMTPC_DOT, HK_SMTPC_QUIT,
};
enum hk_smtpc_event_type {
	HK_SMTPC_READY,     /* greeted (and after TLS greeted again): start a transaction or quit */
	HK_SMTPC_TLS,       /* 220 to STARTTLS was read and input dropped: do the handshake, then hk_smtpc_tls_done(ok) */
	HK_SMTPC_SEND_BODY, /* give the message with hk_smtpc_body*, then hk_smtpc_body_end */
	HK_SMTPC_RCPT_DONE, /* recipient i has its final answer in this transaction (refused at RCPT, or LMTP's reply after the dot) */
	HK_SMTPC_DONE,      /* the transaction is over: reply is the one that decided; then READY again or CLOSED */
	HK_SMTPC_CLOSED,    /* the connection is of no further use; reply tells why; stage where */
};
struct hk_smtpc_event {
	size_t size; /* of the struct: base.h */
	enum hk_smtpc_event_type type;
	enum hk_smtpc_stage stage;
	size_t recipient;
	struct hk_smtp_reply reply;
};
struct hk_smtpc_options {
	size_t size; /* of the struct: base.h */
	struct hk_slice helo;      /* our name */
	bool lmtp;
	bool want_tls;             /* STARTTLS when offered */
	bool require_tls;
};
struct hk_smtpc_transaction {
	size_t size; /* of the struct: base.h */
	struct hk_slice mail_from;       /* without brackets; empty: <> */
	const struct hk_slice *rcpt;     /* without brackets */
	size_t n;
	uint64_t message_size;           /* for SIZE= when offered; 0: unknown */
	bool body_8bit;
};
struct hk_smtpc;
/* copies options; returns owned. */
struct hk_smtpc *hk_smtpc_new(const struct hk_smtpc_options *);
void hk_smtpc_free(struct hk_smtpc *);
size_t hk_smtpc_feed(struct hk_smtpc *, struct hk_slice in);
/* the peer closed, or the connection broke. */
void hk_smtpc_eof(struct hk_smtpc *);
/* the time for the current stage is over (RFC 5321 4.5.3.2). */
void hk_smtpc_timeout(struct hk_smtpc *);
/* OK: one event, consumed by this call. AGAIN: feed or drain first. END: nothing will come any more. */
enum hk_status hk_smtpc_next(struct hk_smtpc *, struct hk_smtpc_event *ret) HK_MUSTCHECK;
/* hk_smtpc_start(c, t): copies. Only after READY. Pipelines when the server offers it. */
enum hk_status hk_smtpc_start(struct hk_smtpc *, const struct hk_smtpc_transaction *) HK_MUSTCHECK;
/* hk_smtpc_body(c, chunk): takes what fits (returns how much), stuffs dots. A bare CR, a bare LF or a NUL in it makes the transaction fail
 * with 554 5.6.0 of our own (such bytes never leave us). hk_smtpc_body_end adds a missing final CRLF and the dot. */
size_t hk_smtpc_body(struct hk_smtpc *, struct hk_slice chunk);
void hk_smtpc_body_end(struct hk_smtpc *);
void hk_smtpc_quit(struct hk_smtpc *);
/* the handshake ended; not ok with require_tls closes, without it the caller reconnects in clear. */
void hk_smtpc_tls_done(struct hk_smtpc *, bool ok);
struct hk_slice hk_smtpc_out(struct hk_smtpc *);
void hk_smtpc_sent(struct hk_smtpc *, size_t n);
bool hk_smtpc_offers_8bitmime(const struct hk_smtpc *);
bool hk_smtpc_is_tls(const struct hk_smtpc *);
/* whole replies read so far: what the time of a stage is counted from, beside bytes that were sent. */
unsigned hk_smtpc_replies(const struct hk_smtpc *);
/* seconds the current stage may take (RFC 5321 4.5.3.2). */
unsigned hk_smtpc_stage_timeout(const struct hk_smtpc *);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
