/* SPDX-License-Identifier: MIT
 *
 * session_internal.h - a session's parts.
 *
 *	session.c	the public calls, time, what is wanted next
 *	session_client.c	the client before it says anything: PROXY header, greeting
 *	session_lookup.c	what the DNS says of the client and the envelope
 *	session_event.c	each event of the SMTP server, answered
 *	session_message.c	a message from MAIL to its dot: envelope, header, body
 *	session_intake.c	from the dot to the reply: judge, build the mail, sync, commit
 *	session_checkpoint.c	transactions that go on where they broke off
 *	session_auth.c	who the client is: CLIENTID, AUTH, and what its user and device may do
 *	session_dns.c	the client's name, and the questions of the verdict
 */
#ifndef HIKYAKU_ENGINE_SESSION_INTERNAL_H
#define HIKYAKU_ENGINE_SESSION_INTERNAL_H

#include <hikyaku/mime.h>
#include <hikyaku/smtp.h>
#include <hikyaku/verify.h>

#include "engine/checkpoint.h"
#include "engine/log_value.h"
#include "engine/policy.h"
#include "engine/proxy.h"
#include "engine/session.h"
#include "engine/spool_internal.h"

/* What the session waits for. */
enum stage {
	STAGE_PROXY,   /* the header that comes before the client */
	STAGE_CLIENT,  /* the client's turn */
	STAGE_LOOKUP,  /* an answer that the pending command needs */
	STAGE_TLS,     /* a handshake */
	STAGE_RUN,     /* whoever asks the owner to run the queue of a domain */
	STAGE_AUTH,    /* whoever knows the users, or the time that a failure costs */
	STAGE_VERDICT, /* answers for the verdict, or the client's name */
	STAGE_SYNC,    /* the body file */
	STAGE_COMMIT,  /* the owner */
	STAGE_OVER,    /* only output is left */
};
enum { WANT_TLS = 1, WANT_SYNC = 2, WANT_COMMIT = 4, WANT_CLOSE = 8, WANT_AUTH = 16, WANT_RUN = 32 };

/* A DNS question that is open. name lives in the arena of whoever asks. */
struct open_question {
	uint32_t id;
	bool is_handed_out, is_open;
	struct hk_dns_question question;
};

/* Reverse names tried; more are a nuisance, not a host. */
#define NAMES_MAX 3
/* The client's name, confirmed by asking its address back (S0-026). */
struct reverse {
	struct open_question question;
	struct hk_slice name[NAMES_MAX];
	size_t n, i;
	struct hk_slice confirmed; /* empty: none */
	bool is_done;
	uint64_t deadline; /* mono_ms */
};

#define DEVICE_TEXT_MAX (2 * HK_SHA256_SIZE + 1)
/* Who the client is, as far as it said and proved. */
struct who {
	struct hk_slice user, senders; /* empty: nobody; in the session's arena */
	char device[DEVICE_TEXT_MAX];  /* "": none */
	bool is_user_counted, is_device_counted;
	/* the exchange under way */
	struct hk_auth_ask ask;
	uint32_t id;
	bool is_open; /* somebody outside keeps its state */
	unsigned failures, steps; /* in this session; responses in this exchange */
	struct hk_policy_reply refusal; /* after until */
	uint64_t until;                 /* mono_ms; 0: no time is to pass */
};

/* One question about the client (the first HK_CONF_LISTS_MAX: the listener's lists) or about a command's address. */
enum lookup_nr { LOOKUP_SENDER = HK_CONF_LISTS_MAX, LOOKUP_ALABEL, LOOKUPS };
enum lookup_state { LOOKUP_NEW, LOOKUP_OPEN, LOOKUP_DONE };
#define ALABEL_MAX (HK_DNS_NAME_MAX + 1)
struct lookup {
	enum lookup_state state;
	struct open_question question;
	uint8_t name[HK_DNS_NAME_MAX];
	uint64_t until; /* mono_ms */
	bool is_listed, has_answer;
	struct hk_slice text; /* of a list's TXT record */
};

struct message {
	struct hk_arena arena;
	uint64_t id;
	char id_text[HK_MAIL_ID_TEXT];
	struct hk_slice mail_from;
	struct hk_smtp_mail_params params;
	struct hk_mail_rcpt *rcpt;
	size_t n_rcpt, rcpt_room;

	bool is_receiving; /* DATA was accepted: shutdown waits for its end */
	struct hk_splitter splitter;
	bool has_asked_names, is_header_done, has_8bit;
	size_t body_at; /* where the body begins in the chunk that ends the header */
	struct hk_header header;
	struct hk_recode *parts; /* BODY=BINARYMIME: looks at what comes */
	struct hk_buf body; /* until it is longer than HK_BODY_INLINE_MAX */
	uint64_t body_size;
	int file;      /* -1: none is open */
	bool has_file; /* <spool>/body/<id> was made and is ours to remove */

	struct hk_verify *verify; /* NULL: nothing is checked */
	bool needs_step, is_verdict_there, is_out_of_memory;
	struct open_question question[HK_VERIFY_MAX_QUESTIONS];
	size_t open;       /* how many are */
	uint64_t dns_used; /* ms with a question open, before the present ones */
	uint64_t dns_since;

	struct hk_mail *mail; /* ready, not yet handed out */
	uint32_t want_id;     /* of SYNC or COMMIT */
	struct hk_buf summary;
	struct restart *restart; /* NULL: the transaction has no id (session_checkpoint.c) */
	uint64_t size; /* header and body, for the log */
	size_t n_accepted;
};

struct hk_session {
	struct hk_session_env env;
	struct hk_arena arena;
	struct hk_smtpd *smtpd;
	struct hk_now now;
	enum stage stage;
	unsigned wants;
	struct hk_slice run;           /* STAGE_RUN: of the pending ETRN */
	uint32_t last_id;
	struct hk_policy_client client;
	char client_text[HK_IP_TEXT_MAX];
	struct reverse reverse;
	struct who who;
	struct lookup *lookup[LOOKUPS]; /* in the arena; NULL: never asked */
	char *alabel; /* ALABEL_MAX octets of the arena, once it was needed */
	const char *body_dir; /* <spool>/body, once it is needed */
	struct message *message;
	struct hk_buf away;     /* the reply of one that is sent away without a greeting */
	bool is_client_counted;
	unsigned errors_seen;   /* of the server's count */
	uint64_t held_until;    /* mono_ms: after errors the client waits, and what it said meanwhile too */
	uint32_t n_unknown;     /* recipients */
	uint64_t born;       /* mono_ms */
	struct hk_buf proxy;    /* what came of a PROXY header */
	uint64_t greet_at;      /* mono_ms; 0: it was greeted */
	uint64_t last_input; /* mono_ms */
	uint64_t slow_at;    /* while a message is received: when it was too slow; mono_ms */
	uint64_t linger;     /* OVER: when the peer has had its time; mono_ms */
	bool is_stopping, has_closed;
	bool talked_early; /* behind the header of a balancer */
	uint64_t n_messages;
	uint8_t done_key[HK_CHECKPOINT_KEY]; /* of the last one that was answered */
	bool has_done_key;
};

/* ---- session.c ---- */
uint32_t session_id(struct hk_session *);
/* session_over(s): the peer has HK_SESSION_LINGER_MS for what is in out. */
void session_over(struct hk_session *);

/* session_take(s, what, name, rate, ret, why): one more of something that a client, a user or a device may do so often in
 * a time; false: *ret is this refusal. (session_auth.c) */
bool session_take(struct hk_session *, enum hk_limit what, struct hk_slice name, struct hk_conf_rate, struct hk_policy_reply *ret,
    enum hk_refusal why);

/* ---- session_client.c ---- */
/* client_may_mail(s), client_may_rcpt(s): whether its limits allow one more; NONE: they do. client_done(s): it goes. */
struct hk_policy_reply client_may_mail(struct hk_session *);
struct hk_policy_reply client_may_rcpt(struct hk_session *);
void client_done(struct hk_session *);
/* client_is_ours(s): no limit of clients is for it. client_errors(s): counts what was refused since; client_is_held(s): it waits
 * for that. client_knows_nobody(s): one more recipient that does not exist; true: it was one too many. */
bool client_is_ours(const struct hk_session *);
void client_errors(struct hk_session *);
bool client_is_held(const struct hk_session *);
bool client_knows_nobody(struct hk_session *);
/* client_begin(s): as the connection was made. client_proxy(s, in): takes what is of the PROXY header, returns how much. */
/* client_greet(s): the greeting is due, at once or after its delay. */
void client_greet(struct hk_session *);
void client_begin(struct hk_session *);
size_t client_proxy(struct hk_session *, struct hk_slice in);
void client_proxy_timeout(struct hk_session *);
/* client_time(s): the greeting may be due. */
void client_time(struct hk_session *);

/* ---- session_lookup.c ---- */
/* lookup_lists(s): asks them. lookup_lists_wait(s): one of them is not answered yet. lookup_lists_say(s, path, room): whether
 * the client may send there. lookup_lists_add(s, out): fields of those that only tell. lookup_allows(s):
 * the client is on an allow list. */
void lookup_lists(struct hk_session *);
bool lookup_lists_wait(struct hk_session *);
struct hk_policy_reply lookup_lists_say(struct hk_session *, const struct hk_path *);
void lookup_lists_add(const struct hk_session *, struct hk_buf *out);
bool lookup_allows(const struct hk_session *);
/* lookup_sender(s, path, ret), lookup_alabel(s, path, a, ret): false: an answer is to be waited for, then it is to be called
 * again; true: *ret is the refusal, or none. alabel: path has the A-labels of its domain then, in a. */
bool lookup_sender(struct hk_session *, const struct hk_path *, struct hk_policy_reply *ret);
bool lookup_alabel(struct hk_session *, struct hk_path *, struct hk_arena *, struct hk_policy_reply *ret);
/* lookup_answer(s, id, answer): false: it is no question of here. lookup_question(s): one not handed out yet, or NULL. */
bool lookup_answer(struct hk_session *, uint32_t id, const struct hk_dns_answer *);
struct open_question *lookup_question(struct hk_session *);
void lookup_time(struct hk_session *);
uint64_t lookup_deadline(const struct hk_session *);

/* ---- session_event.c ---- */
/* session_run(s): goes on until somebody else's turn comes. */
void session_run(struct hk_session *);
/* session_refuse(s, reply, what): answers the pending event with it; what: the address it is about,
 * or empty. Logged. */
void session_refuse(struct hk_session *, const struct hk_policy_reply *, struct hk_slice what);
/* session_told_last(s): after hk_smtpd_timeout: what it said is logged. session_log_refusal(s, said): for what is said otherwise. */
void session_told_last(struct hk_session *);
void session_log_refusal(const struct hk_session *, const struct hk_refusal_said *);

/* ---- session_message.c ---- */
struct message *message_new(struct hk_session *, const struct hk_smtpd_event *);
/* message_free(s, m): a body file that is still ours is removed. NULL allowed. */
void message_free(struct hk_session *, struct message *);
/* message_add_rcpt(m, address, params): copies. */
enum hk_status message_add_rcpt(
    struct message *, struct hk_slice address, const struct hk_smtp_rcpt_params *);
/* message_begin(s): DATA was accepted. message_chunk(s, chunk, ret): false: an answer is to be waited for, then it is to be
 * called again with the same chunk; true: *ret is NONE, or says why the rest need not come. */
struct hk_policy_reply message_begin(struct hk_session *);
bool message_chunk(struct hk_session *, struct hk_slice chunk, struct hk_policy_reply *ret);
/* message_names_wait(s): the header section is complete; true while A-labels for its From are waited for. */
bool message_names_wait(struct hk_session *);
/* message_header_end(s): the header section is complete. */
struct hk_policy_reply message_header_end(struct hk_session *);
/* message_body_end(m): so is the body. */
struct hk_policy_reply message_body_end(struct message *);
/* message_path(s, m): of its body file. */
struct hk_spool_path message_path(const struct hk_session *, const struct message *);
/* message_release(m): what is not needed any more once the mail is built. */
void message_release(struct message *);
extern const struct hk_policy_reply reply_no_memory, reply_no_space, reply_busy, reply_no_storage;

/* ---- session_intake.c ---- */
/* message_end(s): the dot. The answer comes in its time, through session_refuse or with 250. */
void message_end(struct hk_session *);
/* message_go_on(s): a verdict's answer or the client's name may have come. */
void message_go_on(struct hk_session *);
void message_synced(struct hk_session *, enum hk_status);
void message_committed(struct hk_session *, enum hk_status);
void message_log_accepted(struct hk_session *);

/* ---- session_checkpoint.c ---- */
/* checkpoint_mail(s, e): MAIL with an id; NONE: it may go on. checkpoint_accept(s): its answer. */
struct hk_policy_reply checkpoint_mail(struct hk_session *, const struct hk_smtpd_event *);
void checkpoint_accept(struct hk_session *);
/* checkpoint_rcpt(s, e): true: it was answered. */
bool checkpoint_rcpt(struct hk_session *, const struct hk_smtpd_event *);
/* checkpoint_is_done(m): the message is here; what comes is read over. */
bool checkpoint_is_done(const struct message *);
/* checkpoint_data(s, is_bdat, ret): what is here already goes in first; false: it is to be called again; true: *ret is NONE, or
 * says why nothing more may come. checkpoint_is_due(s): at once. */
bool checkpoint_data(struct hk_session *, bool is_bdat, struct hk_policy_reply *ret);
bool checkpoint_is_due(const struct hk_session *);
/* checkpoint_refused(m, reply): nothing of it is kept. checkpoint_sized(m, size): at its end. checkpoint_handed_out(m): to the
 * owner. checkpoint_committed(s): it is ours. checkpoint_answered(s): as before, with the id of that. checkpoint_seen(s): the
 * client has its last reply. */
void checkpoint_refused(struct message *, const struct hk_policy_reply *);
void checkpoint_sized(struct message *, uint64_t size);
void checkpoint_handed_out(struct message *);
void checkpoint_committed(struct hk_session *);
uint64_t checkpoint_answered(struct hk_session *);
void checkpoint_seen(struct hk_session *);
/* checkpoint_lost(s): the connection is gone. checkpoint_free(s, m): the message is. */
void checkpoint_lost(struct hk_session *);
void checkpoint_free(struct hk_session *, struct message *);

/* ---- session_auth.c ---- */
void auth_clientid(struct hk_session *, const struct hk_smtpd_event *);
void auth_begin(struct hk_session *, const struct hk_smtpd_event *);
void auth_go_on(struct hk_session *, const struct hk_smtpd_event *);
void auth_cancel(struct hk_session *);
/* auth_answer(s, answer): the one that was waited for. auth_time(s): a delay may be over. */
void auth_answer(struct hk_session *, const struct hk_auth_answer *);
void auth_time(struct hk_session *);
/* auth_forget(s): nobody has said who he is (RFC 3207 4.2). auth_done(s): the session ends. */
void auth_forget(struct hk_session *);
void auth_done(struct hk_session *);
/* auth_device(s): what counts of the CLIENTID; empty: none does. */
struct hk_slice auth_device(const struct hk_session *);
/* auth_may_mail(s, path), auth_may_rcpt(s): whether limits and the user's addresses allow it;
 * NONE: they do. auth_may_header(s, m): the same of the field From. */
struct hk_policy_reply auth_may_mail(struct hk_session *, const struct hk_path *);
struct hk_policy_reply auth_may_rcpt(struct hk_session *);
struct hk_policy_reply auth_may_header(struct hk_session *, const struct message *);

/* ---- session_dns.c ---- */
void dns_begin(struct hk_session *);
/* dns_gather(s): lets the verdict go on and takes its new questions. */
void dns_gather(struct hk_session *);
void dns_forget(struct message *); /* nothing that was asked for its verdict matters any more */
void dns_answer(struct hk_session *, uint32_t id, const struct hk_dns_answer *);
/* dns_next(s, ret): the next question to hand out */
bool dns_next(struct hk_session *, struct hk_session_want *ret);
/* dns_time(s): what is over its time is answered with TIMEOUT. */
void dns_time(struct hk_session *);
uint64_t dns_deadline(const struct hk_session *);

#endif
