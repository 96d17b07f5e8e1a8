/* SPDX-License-Identifier: MIT
 *
 * session.h - one client's session: lib/smtp's server, our policy, lib/verify while the body
 * arrives, intake.
 *
 * Driven like everything else: feed bytes, look at the want, give what is wanted, take out bytes.
 * Several wants may be open at once (DNS questions); each has an id that its answer carries.
 */
#ifndef HIKYAKU_ENGINE_SESSION_H
#define HIKYAKU_ENGINE_SESSION_H

#include <hikyaku/dns.h>

#include "conf/conf.h"
#include "engine/checkpoint.h"
#include "engine/greylist.h"
#include "engine/limits.h"
#include "engine/mail.h"
#include "engine/world.h"

#define HK_SESSION_IDLE_S    300   /* RFC 5321 4.5.3.2.7 */
/* What one client can hold a session for, however well it keeps to the time of each command: an hour of them
 * between messages. A message has its own time: the listener's least rate. */
#define HK_SESSION_LIFE_S    3600
#define HK_SESSION_PROXY_MS 5000 /* for a PROXY header; proxy-protocol.txt 2 wants 3 s at least */
#define HK_SESSION_DNS_MS    20000 /* what all questions of one message may take; then temperror */
#define HK_SESSION_LINGER_MS 10000 /* what a peer has for taking the last reply */
/* Memory of one session and of one message, past which the answer is 452 4.3.1. A message's arena
 * holds the evaluators (HK_VERIFY_ARENA) and 10,000 recipients of 256 octets; its header and its
 * inline body stand beside it, bounded by HK_HEADER_SECTION_MAX and HK_BODY_INLINE_MAX. */
#define HK_SESSION_ARENA         (64 * 1024)
/* A line of a header with its CRLF; SMTP itself has no such end (RFC 5321 4.5.3.1.6), and what reads the message later may. */
#define HK_SESSION_HEADER_LINE_MAX (64 * 1024)
#define HK_SESSION_MESSAGE_ARENA (8 * 1024 * 1024)

/* One step of an authentication, for whoever knows the users. */
enum hk_auth_step {
	HK_AUTH_BEGIN, /* mechanism, data if has_data; one before it is over */
	HK_AUTH_GO_ON, /* data */
	HK_AUTH_END,   /* the exchange is over without a result: nothing is to be answered */
};
struct hk_auth_ask {
	enum hk_auth_step step;
	struct hk_slice mechanism; /* upper case */
	struct hk_slice data;      /* decoded; a secret: whoever copies it wipes the copy */
	bool has_data, is_tls;
	struct hk_ip client;
	uint16_t client_port;
	struct hk_slice device; /* HMAC of the CLIENTID; empty: none was given */
};
enum hk_auth_outcome {
	HK_AUTH_PASSED,   /* user, senders */
	HK_AUTH_CONTINUE, /* challenge */
	HK_AUTH_DENIED,   /* 535; user: who was claimed, or empty */
	HK_AUTH_SYNTAX,   /* 501: no response of this mechanism */
	HK_AUTH_LATER,    /* 454: the back end cannot be asked now */
};
struct hk_auth_answer {
	enum hk_auth_outcome outcome;
	struct hk_slice challenge, user;
	struct hk_slice senders; /* addresses that the user may use, "*" any, "@domain" all of it;
	                            separated by spaces; empty: by his name */
};

enum hk_session_want_type {
	HK_SESSION_DNS,    /* question: answer with hk_session_dns(id) */
	HK_SESSION_TLS,    /* drain out, do the server's handshake, then hk_session_tls */
	HK_SESSION_SYNC,   /* sync `file`, then directory `path`, off this thread if it can be; then
	                      hk_session_synced(id) */
	HK_SESSION_COMMIT, /* mail is taken: hand it to the owner, then hk_session_committed(id,
	                      status) */
	HK_SESSION_AUTH,   /* auth: answer with hk_session_auth(id), unless its step is END */
	HK_SESSION_RUN,    /* the mail that waits for `domain` is to go now; "@" in front: also for what is below it. At once:
	                      hk_session_run_asked */
	HK_SESSION_CLOSE,  /* drain out and close */
};
struct hk_session_want {
	enum hk_session_want_type type;
	uint32_t id;
	struct hk_dns_question question; /* borrowed until the next call */
	int file;
	const char *path;
	struct hk_mail *mail;
	struct hk_auth_ask auth; /* borrowed until the answer */
	struct hk_slice domain;  /* borrowed until the answer */
};

/* What a session shares with its worker. */
struct hk_session_env {
	struct hk_conf *conf; /* a use is taken by the session */
	const struct hk_conf_listener *listener;
	struct hk_disk *disk; /* for body files */
	struct hk_log *log;
	struct hk_ids *ids;        /* of the worker */
	struct hk_dkim_key_cache *public_keys; /* of the worker, for DKIM and ARC; may be NULL */
	const _Atomic int *intake; /* enum hk_status: OK, or why mail is refused now */
	const _Atomic uint64_t *room; /* octets that a message may have now; NULL: not known */
	struct hk_greylist *greylist; /* NULL: there is none */
	struct hk_checkpoints *checkpoints; /* NULL: CHECKPOINT is not offered */
	struct hk_ip client;
	uint16_t client_port;
	struct hk_limits *limits;   /* NULL: nothing is counted */
	struct hk_slice mechanisms; /* of the listener's back end; empty: AUTH is not offered */
	struct hk_slice device_key; /* of the HMAC of a CLIENTID */
};

struct hk_session;
/* After every other call hk_session_next is due until it says AGAIN: only there the session goes
 * on. */
struct hk_session *hk_session_new(
    const struct hk_session_env *, const struct hk_now *); /* NULL when out of memory */
/* a body file of an unfinished message is removed. */
void hk_session_free(struct hk_session *);
size_t hk_session_feed(struct hk_session *, struct hk_slice, const struct hk_now *);
/* hk_session_next(s, now, ret): the next want not handed out yet; AGAIN when there is none; END
 * when the session is over. */
enum hk_status hk_session_next(
    struct hk_session *, const struct hk_now *, struct hk_session_want *ret) HK_MUSTCHECK;
void hk_session_dns(struct hk_session *, uint32_t id, const struct hk_dns_answer *);
void hk_session_tls(struct hk_session *, bool ok,
    struct hk_slice description); /* "TLSv1.3 TLS_AES_256_GCM_SHA384" */
void hk_session_synced(struct hk_session *, uint32_t id, enum hk_status);
/* hk_session_run_asked(s, ok): whether the owner was asked. */
void hk_session_run_asked(struct hk_session *, bool ok);
void hk_session_committed(struct hk_session *, uint32_t id, enum hk_status);
/* hk_session_auth(s, id, answer): copies. */
void hk_session_auth(struct hk_session *, uint32_t id, const struct hk_auth_answer *);
struct hk_slice hk_session_out(struct hk_session *);
void hk_session_sent(struct hk_session *, size_t n);
void hk_session_eof(struct hk_session *);
/* mono_ms when hk_session_tick must be called. */
uint64_t hk_session_deadline(const struct hk_session *);
void hk_session_tick(struct hk_session *, const struct hk_now *);
void hk_session_shutdown(
    struct hk_session *); /* graceful: 421 at the next command; a message under way is finished */
bool hk_session_wants_input(const struct hk_session *); /* false: do not read from the peer now */

#endif
