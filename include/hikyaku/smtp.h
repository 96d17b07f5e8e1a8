/* SPDX-License-Identifier: MIT
 *
 * smtp.h - SMTP without I/O: a server that turns bytes into events, a client that turns a transaction into bytes.
 * RFC 5321, 2033 (LMTP) and the extensions of the table below.
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
#define HK_SMTP_NOOPS_MAX  100       /* commands without effect (NOOP, RSET, VRFY, HELP, EHLO) until a message is taken */
#define HK_SMTP_SKIP_MAX   (64 * 1024) /* bytes of a bad command line that are read over before the session ends */
#define HK_SMTP_RCPTS_MAX  1000
#define HK_SMTP_REPLY_TEXT_MAX 900
#define HK_SMTP_AUTH_LINE_MAX 12288  /* AUTH and the lines of its exchange, with CRLF (RFC 4954 4.) */
#define HK_SMTP_PARAMS_MAX 1024        /* further parameters of one MAIL or RCPT of a client: the path and ours fit beside them */
#define HK_SMTP_ENVID_MAX  100       /* RFC 3461 4.4, encoded */
#define HK_SMTP_ORCPT_MAX  500       /* RFC 3461 4.2, encoded */
#define HK_SMTP_CLIENTID_MAX 128     /* octets of the token; the draft sets no figure */
#define HK_SMTP_TRANSID_MAX 80       /* RFC 1845 2 (4), with its brackets */
#define HK_SMTP_DOMAINS_MAX 1000     /* recipient domains of a session that RCPTDOMAINMAX can count */

enum hk_smtp_proto { HK_PROTO_SMTP, HK_PROTO_ESMTP, HK_PROTO_LMTP };

/* ---- extensions -------------------------------------------------------------------------- */

/* X(id, keyword, where it is written, sentence for people), in the order in which they are announced. */
#define HK_SMTP_EXTENSION_TABLE(X)                                                                              \
	X(PIPELINING, "PIPELINING", "RFC 2920", "several commands may be sent at once")                         \
	X(SIZE, "SIZE", "RFC 1870", "the largest message that is taken, and the size of one beforehand")        \
	X(STARTTLS, "STARTTLS", "RFC 3207", "the connection can be encrypted")                                  \
	X(ENHANCEDSTATUSCODES, "ENHANCEDSTATUSCODES", "RFC 2034", "replies say in three numbers what happened") \
	X(8BITMIME, "8BITMIME", "RFC 6152", "message text may have bytes over 127")                             \
	X(CHUNKING, "CHUNKING", "RFC 3030", "BDAT: message text in counted pieces, without an end mark")        \
	X(BINARYMIME, "BINARYMIME", "RFC 3030", "message text may be any bytes, by BDAT")                       \
	X(SMTPUTF8, "SMTPUTF8", "RFC 6531", "addresses and header fields may be in UTF-8")                      \
	X(DSN, "DSN", "RFC 3461", "the sender says which delivery reports he wants")                            \
	X(AUTH, "AUTH", "RFC 4954", "users can authenticate")                                                   \
	X(REQUIRETLS, "REQUIRETLS", "RFC 8689", "a message may go by verified TLS only, on each hop")           \
	X(LIMITS, "LIMITS", "RFC 9422", "how many recipients, transactions and domains are taken")              \
	X(DELIVERBY, "DELIVERBY", "RFC 2852", "a time by which a message is to be delivered")                   \
	X(ETRN, "ETRN", "RFC 1985", "a client can have its queue run")                                          \
	X(CLIENTID, "CLIENTID", "draft-storey-smtp-client-id", "a client names its device before it authenticates") \
	X(CHECKPOINT, "CHECKPOINT", "RFC 1845", "a message that broke off goes on where it stood")
enum hk_smtp_extension {
#define X(id, keyword, source, sentence) HK_EXT_NR_##id,
	HK_SMTP_EXTENSION_TABLE(X)
#undef X
	HK_EXT_COUNT
};
/* sets of extensions: HK_EXT(SIZE) | HK_EXT(DSN) */
#define HK_EXT(id) (1u << HK_EXT_NR_##id)
/* What a server has that was not told otherwise. */
#define HK_EXT_BASIC \
	(HK_EXT(PIPELINING) | HK_EXT(SIZE) | HK_EXT(STARTTLS) | HK_EXT(ENHANCEDSTATUSCODES) | HK_EXT(8BITMIME))
/* hk_smtp_extension_keyword(e), _source, _sentence: the columns of the table; "" past its end.
 * hk_smtp_extension_parse(keyword, ret): the inverse, case-insensitive; NOTFOUND. */
const char *hk_smtp_extension_keyword(enum hk_smtp_extension);
const char *hk_smtp_extension_source(enum hk_smtp_extension);
const char *hk_smtp_extension_sentence(enum hk_smtp_extension);
enum hk_status hk_smtp_extension_parse(struct hk_slice keyword, enum hk_smtp_extension *ret) HK_MUSTCHECK;

enum hk_smtp_body { HK_BODY_7BIT, HK_BODY_8BITMIME, HK_BODY_BINARYMIME };
/* NOTIFY=, or-ed; 0: it was not given (RFC 3461 4.1). */
enum hk_smtp_notify { HK_NOTIFY_NEVER = 1, HK_NOTIFY_SUCCESS = 2, HK_NOTIFY_FAILURE = 4, HK_NOTIFY_DELAY = 8 };
enum hk_smtp_ret { HK_RET_NONE, HK_RET_FULL, HK_RET_HDRS };

/* The parameters of MAIL and of RCPT, as both ends speak of them. Text is as it stands on the wire (xtext), checked. */
struct hk_smtp_mail_params {
	bool has_size;
	uint64_t size;              /* RFC 1870 */
	enum hk_smtp_body body;     /* RFC 6152, 3030 */
	bool smtputf8;              /* RFC 6531 */
	bool require_tls;           /* RFC 8689 */
	enum hk_smtp_ret ret;       /* RFC 3461 4.3 */
	struct hk_slice envid;      /* RFC 3461 4.4; empty: not given */
	struct hk_slice auth;       /* RFC 4954 5: "<>" or a mailbox; empty: not given */
	bool has_by;                /* RFC 2852 */
	int32_t by_seconds;
	bool by_return, by_trace;   /* mode R, else N; with T */
};
struct hk_smtp_rcpt_params {
	unsigned notify;            /* enum hk_smtp_notify */
	struct hk_slice orcpt;      /* "rfc822;user@a.test"; empty: not given */
};
/* hk_smtp_mail_params_add(b, params, offered), hk_smtp_rcpt_params_add: as they follow the path in a command, each with a
 * space in front; only those whose extension stands in `offered`. */
void hk_smtp_mail_params_add(struct hk_buf *, const struct hk_smtp_mail_params *, unsigned offered);
void hk_smtp_rcpt_params_add(struct hk_buf *, const struct hk_smtp_rcpt_params *, unsigned offered);
/* hk_xtext_parse(a, text, ret): RFC 3461 4 decoded; SYNTAX. hk_xtext_add(b, text): encoded. */
enum hk_status hk_xtext_parse(struct hk_arena *, struct hk_slice text, struct hk_slice *ret) HK_MUSTCHECK;
void hk_xtext_add(struct hk_buf *, struct hk_slice);

/* ---- server ------------------------------------------------------------------------------ */

enum hk_smtpd_event_type {
	HK_SMTPD_HELO,     /* EHLO/HELO/LHLO: name; answered by the library unless refused */
	HK_SMTPD_CLIENTID, /* text: the type; data: the token */
	HK_SMTPD_AUTH,     /* text: the mechanism, upper case; data: the initial response (has_data), decoded. accept: it
	                    * succeeded; answer 4xx, 5xx: it did not; hk_smtpd_challenge: the exchange goes on */
	HK_SMTPD_AUTH_RESPONSE, /* data: the client's response, decoded; answered as AUTH */
	HK_SMTPD_AUTH_CANCEL, /* the client broke it off, or sent what is no base64 (the reply stands already); accept only */
	HK_SMTPD_MAIL,     /* path, mail */
	HK_SMTPD_RCPT,     /* path, rcpt */
	HK_SMTPD_DATA,     /* DATA was given; answer 354 (hk_smtpd_accept) or refuse. For a first BDAT as well (is_bdat): it
	                    * is accepted without a reply, and a refusal waits for the end of the chunk */
	HK_SMTPD_BODY,     /* chunk: bytes of the message, dots unstuffed; needs hk_smtpd_accept to go on; a 4xx or 5xx
	                    * answer is kept for the final dot and what follows is read over */
	HK_SMTPD_MESSAGE,  /* the end was seen: the answer is the reply to the final dot or the last chunk. LMTP: one answer
	                    * for each accepted recipient in their order, `recipient` says which */
	HK_SMTPD_ABORT,    /* an open transaction ended without HK_SMTPD_MESSAGE (RSET, EHLO, STARTTLS, QUIT, CLOSE, or a
	                    * body that the library refused); accept only */
	HK_SMTPD_STARTTLS, /* 220 was queued, input dropped: drain out, do the handshake, then hk_smtpd_tls_done */
	HK_SMTPD_VRFY,     /* text */
	HK_SMTPD_ETRN,     /* text: the domain, with its "@" or "#" in front if it has one */
	HK_SMTPD_QUIT,     /* 221 was queued: drain out and close */
	HK_SMTPD_CLOSE,    /* the library gives up, or 421 was answered (the reply was queued): drain out and close */
	HK_SMTPD_REFUSED,  /* with tell_refusals: the library refuses something by itself: a command (the reply was queued), or a
	                    * message under way (it comes at the end). text: the id of the refusal, "command-unknown"; data: the
	                    * word that the sentence has a place for; accept only */
};

struct hk_smtpd_event {
	size_t size; /* of the struct: base.h */
	enum hk_smtpd_event_type type;
	enum hk_smtp_proto proto;
	struct hk_slice text;    /* HELO: the name; VRFY: the argument; BODY: the chunk; CLOSE: the reason */
	struct hk_slice data;
	bool has_data;
	struct hk_path path;     /* MAIL, RCPT */
	struct hk_smtp_mail_params mail;
	struct hk_smtp_rcpt_params rcpt;
	bool is_bdat;            /* DATA, MESSAGE */
	uint64_t message_size;   /* MESSAGE */
	size_t recipient;        /* MESSAGE in LMTP */
	struct hk_slice transid; /* MAIL: "<id@a.test>", checked (RFC 1845 2); empty: not given */
};

/* The order of keywords and the wording that other servers have, for tests of clients. */
enum hk_smtpd_profile { HK_PROFILE_OURS, HK_PROFILE_GMAIL, HK_PROFILE_MICROSOFT, HK_PROFILE_HORNETSECURITY, HK_PROFILES };
const char *hk_smtpd_profile_name(enum hk_smtpd_profile); /* "hikyaku", "gmail", ... */

struct hk_smtpd_options {
	size_t size; /* of the struct: base.h */
	struct hk_slice hostname;     /* in the banner, the greeting and the replies */
	struct hk_slice banner_text;  /* after "ESMTP "; the product's name */
	bool lmtp;                    /* RFC 2033: LHLO in place of EHLO and HELO */
	unsigned extensions;          /* what may be offered, HK_EXT(..) or-ed; 0: HK_EXT_BASIC. What needs TLS is offered
	                               * only under it: REQUIRETLS, CLIENTID; CHECKPOINT is not offered in LMTP */
	enum hk_smtpd_profile profile;
	uint64_t max_message;         /* SIZE; 0: 50 MB */
	size_t max_recipients;        /* in a transaction; LIMITS RCPTMAX; 0: HK_SMTP_RCPTS_MAX */
	size_t max_transactions;      /* MAIL commands in a session; LIMITS MAILMAX; 0: any number */
	size_t max_domains;           /* recipient domains in a session; LIMITS RCPTDOMAINMAX; 0: any number */
	uint32_t min_by;              /* DELIVERBY: the least BY= with mode R; 0: one second */
	struct hk_slice mechanisms;   /* AUTH: "PLAIN LOGIN SCRAM-SHA-256"; empty: AUTH is not offered */
	bool auth_needs_tls;          /* no AUTH in clear: it is not offered, and refused with 538 */
	bool offer_starttls;          /* a certificate is there */
	bool strict_envelopes;        /* brackets required, no spaces after the colon */
	bool strict_dots;             /* a..b@ and a.@ are refused */
	bool refuse_source_routes;    /* else the route is stripped */
	bool early_talker_check;      /* input before the banner was sent, or behind a command that is to be answered first
	                               * (RFC 2920 3.1): 554 and the end */
	bool hold_banner;             /* a greet delay: the banner waits for hk_smtpd_greet_now; input before it is early */
	bool allow_bare_lf;           /* legacy clients only: bare LF and CR in DATA become CRLF; otherwise refused at the
	                               * end with 550 */
	bool echo_addresses;          /* "250 2.1.0 Originator <a@b> ok" */
	bool tell_refusals;           /* HK_SMTPD_REFUSED for each, but once for many in a transaction that count as no error:
	                               * "too many recipients" */
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
/* hk_smtpd_greet_now(s): the banner goes out, with hold_banner; nothing otherwise. */
void hk_smtpd_greet_now(struct hk_smtpd *);
/* hk_smtpd_accept(s): the usual positive reply of the pending event (250 2.1.0 Ok, 354, ...). */
void hk_smtpd_accept(struct hk_smtpd *);
/* hk_smtpd_answer(s, code, enhanced, text): our own reply; enhanced like "5.7.1" or NULL. 4xx and 5xx refuse; a refused
 * HK_SMTPD_MESSAGE leaves the session as after RSET. text may hold \n for a multi-line reply; hostile bytes are quoted.
 * 421 ends the session after the reply. */
void hk_smtpd_answer(struct hk_smtpd *, unsigned code, const char *enhanced, struct hk_slice text);
/* hk_smtpd_answer_all(s, ...): the same for every recipient of LMTP whose answer is awaited; else as hk_smtpd_answer. */
void hk_smtpd_answer_all(struct hk_smtpd *, unsigned code, const char *enhanced, struct hk_slice text);
/* hk_smtpd_resume(s, offset, recipients): 355 in answer to MAIL: the transaction that its transid names broke off, `offset`
 * octets of its message are here, and so many recipients (at least one). The client says DATA next and sends the rest; offset is
 * where a line begins (RFC 1845 3). What comes counts to the size from there on. */
void hk_smtpd_resume(struct hk_smtpd *, uint64_t offset, size_t recipients);
/* hk_smtpd_challenge(s, data): 334 with it, in answer to AUTH or AUTH_RESPONSE. */
void hk_smtpd_challenge(struct hk_smtpd *, struct hk_slice data);
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
bool hk_smtpd_is_authenticated(const struct hk_smtpd *);
bool hk_smtpd_has_clientid(const struct hk_smtpd *); /* one was accepted, and no RSET came since */
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
	HK_SMTPC_BANNER, HK_SMTPC_HELO, HK_SMTPC_STARTTLS, HK_SMTPC_CLIENTID, HK_SMTPC_AUTH, HK_SMTPC_COMMAND, HK_SMTPC_MAIL,
	HK_SMTPC_RCPT,
	HK_SMTPC_DATA, HK_SMTPC_DOT, HK_SMTPC_QUIT,
};
enum hk_smtpc_event_type {
	HK_SMTPC_READY,     /* greeted (and after TLS greeted again): start a transaction, authenticate or quit */
	HK_SMTPC_CHALLENGE, /* reply.text: what the server asks, decoded; hk_smtpc_respond */
	HK_SMTPC_AUTH_DONE, /* reply: 2xx it succeeded, else it did not; READY follows */
	HK_SMTPC_REPLY,     /* the reply to hk_smtpc_command, whatever it is; READY follows */
	HK_SMTPC_TLS,       /* 220 to STARTTLS was read and input dropped: do the handshake, then hk_smtpc_tls_done(ok) */
	HK_SMTPC_SEND_BODY, /* give the message, from offset on, with hk_smtpc_body*, then hk_smtpc_body_end */
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
	uint64_t offset; /* SEND_BODY: so many octets of the message are there already (RFC 1845); 0 but for transactions that resume */
};
struct hk_smtpc_options {
	size_t size; /* of the struct: base.h */
	struct hk_slice helo;      /* our name */
	bool lmtp;
	bool want_tls;             /* STARTTLS when offered */
	bool require_tls;
	bool no_chunking;          /* DATA also where BDAT is offered; BINARYMIME goes by BDAT all the same */
	bool no_pipelining;        /* each command waits for its reply */
	struct hk_slice clientid_type, clientid; /* said under TLS where it is offered; empty: never */
	/* For people and tests of servers; hikyakud sets none of these. */
	bool helo_only;            /* HELO at once */
	bool unoffered;            /* what is asked for is used also where the server does not offer it */
	bool stops;                /* QUIT after stop_after, which is BANNER, MAIL or RCPT */
	enum hk_smtpc_stage stop_after;
};
struct hk_smtpc_transaction {
	size_t size; /* of the struct: base.h */
	struct hk_slice mail_from;       /* without brackets; empty: <> */
	const struct hk_slice *rcpt;     /* without brackets */
	const struct hk_smtp_rcpt_params *rcpt_params; /* n of them, or NULL */
	size_t n;
	/* Sent as far as they are offered. What must not be lost on the way ends the transaction with a reply of our own:
	 * smtputf8 (550 5.6.7), BINARYMIME (554 5.6.3), require_tls (550 5.7.30; a bounce goes on without, RFC 8689 5). */
	struct hk_smtp_mail_params mail;
	/* Further parameters, as they are to stand there: printable ASCII, HK_SMTP_PARAMS_MAX at most. */
	struct hk_slice mail_more;
	const struct hk_slice *rcpt_more; /* n of them, or NULL */
	/* "<id@a.test>" (RFC 1845 2): said where CHECKPOINT is offered, in SMTP, for what is not BINARYMIME; empty: none. Then nothing
	 * is pipelined behind MAIL. resumes: a transaction with it broke off behind DATA, and rcpt are those that were accepted
	 * there; only then is 355 taken. The message has to be the same in every octet. */
	struct hk_slice transid;
	bool resumes;
};
/* LIMITS of the latest EHLO (RFC 9422); 0: none. */
struct hk_smtpc_limits {
	size_t rcptmax, mailmax, rcptdomainmax;
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
/* hk_smtpc_start(c, t): copies. Only after READY. Pipelines when the server offers it. LIMIT, and nothing is begun, when the
 * server's RCPTMAX or RCPTDOMAINMAX is less than t needs (give it fewer recipients), or MAILMAX is reached (quit; see
 * hk_smtpc_is_spent). */
enum hk_status hk_smtpc_start(struct hk_smtpc *, const struct hk_smtpc_transaction *) HK_MUSTCHECK;
/* hk_smtpc_auth(c, mechanism, initial): AUTH with an initial response, or without one (initial NULL). Only after READY. BUG
 * for a mechanism that is no word. hk_smtpc_respond(c, data): the response to a challenge; hk_smtpc_auth_cancel(c): "*". */
enum hk_status hk_smtpc_auth(struct hk_smtpc *, struct hk_slice mechanism, const struct hk_slice *initial) HK_MUSTCHECK;
void hk_smtpc_respond(struct hk_smtpc *, struct hk_slice data);
void hk_smtpc_auth_cancel(struct hk_smtpc *);
/* hk_smtpc_command(c, bytes): sends them as they are and waits for one reply. Only after READY. Deliberate: a bare CR, a bare LF
 * and a NUL are not kept back here, for tests of servers; hikyakud never calls it. */
enum hk_status hk_smtpc_command(struct hk_smtpc *, struct hk_slice) HK_MUSTCHECK;
/* hk_smtpc_body(c, chunk): takes what fits (returns how much), stuffs dots (DATA) or writes a chunk (BDAT). Unless the
 * transaction is BINARYMIME, a bare CR, a bare LF or a NUL in it makes it fail with 554 5.6.0 of our own (such bytes never
 * leave us). hk_smtpc_body_end adds a missing final CRLF (not to BINARYMIME) and the end. */
size_t hk_smtpc_body(struct hk_smtpc *, struct hk_slice chunk);
void hk_smtpc_body_end(struct hk_smtpc *);
void hk_smtpc_quit(struct hk_smtpc *);
/* the handshake ended; not ok with require_tls closes, without it the caller reconnects in clear. */
void hk_smtpc_tls_done(struct hk_smtpc *, bool ok);
struct hk_slice hk_smtpc_out(struct hk_smtpc *);
void hk_smtpc_sent(struct hk_smtpc *, size_t n);
/* what the latest EHLO listed, HK_EXT(..) or-ed, and the words behind some of the keywords. */
unsigned hk_smtpc_offered(const struct hk_smtpc *);
struct hk_slice hk_smtpc_mechanisms(const struct hk_smtpc *); /* "PLAIN LOGIN"; borrowed until the next EHLO */
uint64_t hk_smtpc_size_limit(const struct hk_smtpc *);        /* 0: none */
struct hk_smtpc_limits hk_smtpc_limits(const struct hk_smtpc *);
/* true: the present transaction, or the last one, said its transid. */
bool hk_smtpc_has_transid(const struct hk_smtpc *);
/* true: MAILMAX is reached, the connection takes no more transactions. */
bool hk_smtpc_is_spent(const struct hk_smtpc *);
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
