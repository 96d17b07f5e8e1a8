/* SPDX-License-Identifier: MIT
 *
 * delivery_internal.h - an attempt's parts.
 *
 *	delivery.c	the public calls, wants, results, time
 *	delivery_hosts.c	from the route to addresses to connect to, in order
 *	delivery_policy.c	which of them may be used, and how its connection is protected
 *	delivery_talk.c	the dialogue with one host
 *	delivery_transaction.c	the form of the message there, and its recipients
 *	delivery_resume.c	transactions that go on where they broke off
 *	delivery_link.c	connections that stay for another message
 *	delivery_sign.c	our DKIM signatures
 *	delivery_local.c	Maildir
 */
#ifndef HIKYAKU_ENGINE_DELIVERY_INTERNAL_H
#define HIKYAKU_ENGINE_DELIVERY_INTERNAL_H

#include <hikyaku/dkim.h>
#include <hikyaku/smtp.h>

#include "engine/delivery.h"
#include "engine/key_choice.h"
#include "engine/log_value.h"
#include "engine/render.h"

#define DELIVERY_ARENA (16 * 1024 * 1024) /* a record of the spool and what is parsed of it */
#define HOSTS_MAX      16                 /* MX hosts looked at; more are a nuisance */
#define ADDRESSES_MAX  16                 /* of one host, both families */
#define TRIES_MAX      10                 /* connections in one attempt */
#define FIELDS_MAX     (64 * 1024) /* HK_KEY_CHOICES fields; one of RSA-4096 is under 2 KiB */
#define PER_MESSAGE                                                                                \
	100 /* recipients in one transaction: what every server must take (RFC 5321 4.5.3.1.8) */

#define DNS_MS     20000
#define CONNECT_MS 30000 /* the greeting has its own five minutes (RFC 5321 4.5.3.2.1) */
#define TLS_MS     60000
#define SIGN_MS    60000
/* A server may take its time for each reply (RFC 5321 4.5.3.2), and one that means harm does so for every one: a
 * transaction has an hour, and as long as the least rate takes for the message. */
#define TALK_MS    3600000
#define TALK_RATE  500 /* octets a second */

enum step {
	STEP_BEGIN,   /* read the message */
	STEP_SRV,     /* SRV is asked */
	STEP_MX,      /* MX is asked */
	STEP_HOST,    /* addresses of host i are asked */
	STEP_TLSA,    /* its TLSA is asked, and its CNAME */
	STEP_STS,     /* the domain's MTA-STS policy is still to come */
	STEP_TRY,     /* the next address is due */
	STEP_CONNECT, /* a connection is asked for */
	STEP_PAUSE,   /* the same address is due, in a while */
	STEP_TALK,
	STEP_TLS,
	STEP_SIGN,
	STEP_LOCAL,
	STEP_DONE,
};
enum {
	WANT_CONNECT = 1,
	WANT_TLS = 2,
	WANT_SIGN = 4,
	WANT_CLOSE = 8,
	WANT_LOCAL = 16,
	WANT_DONE = 32,
	WANT_STS = 64
};

/* What the message is like on a connection. */
enum form {
	FORM_AS_IT_CAME,
	FORM_7BIT, /* converted (RFC 6152 3) */
};

struct host {
	struct hk_slice name;
	unsigned preference;
	uint16_t port; /* of SRV; 0: the route's */
	uint64_t lot; /* order among equals */
};
struct asked {
	uint32_t id;
	bool is_open, is_handed_out;
	struct hk_dns_question question;
};
/* What is known for hk_tls_facts. */
struct delivery_policy {
	bool is_sts_open; /* not known yet */
	struct hk_sts_policy sts;
	bool is_srv, is_name_secure, is_address_secure;
	enum hk_dane_state dane;
	struct hk_tlsa tlsa[HK_TLSA_MAX];
	size_t n_tlsa;
	struct hk_slice base, chain; /* of TLSA; as far as CNAMEs led */
	unsigned links;
	bool is_chain_asked;
	struct hk_tls_decision decision; /* for the present host */
	bool is_counted;
};
/* Why a recipient has no result yet: what it gets when nothing better comes. */
enum { WHY_MOST = 400 }; /* octets of what another says, in a sentence of ours */
struct reason {
	uint16_t code;
	char enhanced[12];
	char text[HK_RESULT_TEXT_MAX];
	char remote[300];
	bool is_ours; /* as in hk_rcpt_result */
};

/* The present transaction at a hop with CHECKPOINT (RFC 1845). */
struct resume {
	char transid[HK_SMTP_TRANSID_MAX + 1]; /* "": it has none */
	unsigned serial, tries;
	bool is_sent;     /* the server said 354: what of the message it has is unknown */
	bool is_open;     /* it broke off, with these targets: */
	bool is_complete; /* all of the message was sent: it may be there */
	size_t target[PER_MESSAGE], n;
	struct reason why;
};

struct hk_delivery {
	struct hk_delivery_env env;
	struct hk_arena arena;
	struct hk_now now;
	struct hk_mail mail;
	bool is_read;
	char id_text[HK_MAIL_ID_TEXT];
	enum step step;
	unsigned wants;
	uint32_t last_id;
	uint64_t deadline;            /* mono_ms; UINT64_MAX: none */
	bool is_connected, has_moved; /* has_moved: bytes were sent since the last hk_delivery_next */
	unsigned replies;             /* of the server, that count as progress already */
	uint64_t progress;            /* when; mono_ms */
	uint64_t talk_began;          /* the connection, or this transaction on it; mono_ms */

	/* Whom it is for on this hop: the recipients of the job, or the junk address instead of all
	 * of them. */
	struct hk_slice *target;
	size_t n_targets;
	bool is_junk;
	bool *is_settled; /* of each target */

	/* hosts */
	struct asked asked[2];
	struct host host[HOSTS_MAX];
	size_t n_hosts, host_at;
	struct hk_ip address[ADDRESSES_MAX];
	size_t n_addresses, address_at;
	bool has_failed4, has_failed6; /* this host was not reached by that family */
	bool is_ready; /* it greeted us, and speaks of the message */
	unsigned tries;
	bool without_tls; /* this address once more, in clear */
	uint16_t port, tls_port; /* to connect to; what it stands for (port-map-25) */
	struct delivery_policy policy;
	struct reason last; /* the trouble that those without a result get: the last one, a
	                       temporary one before a permanent */
	bool may_try_again; /* some trouble was temporary */
	bool has_own_trouble; /* some hung on what this message or its domain asks of a host */
	bool has_talked;      /* a host said something of a recipient */
	bool is_mx_unknown;   /* the DNS does not tell the domain's hosts */

	/* the dialogue */
	struct hk_smtpc *client;
	char remote[300];          /* "name[address]" */
	size_t batch[PER_MESSAGE]; /* targets in the present transaction */
	size_t n_batch, batch_most;
	size_t n_transactions; /* begun on this connection */
	unsigned messages;     /* that went over it before this one */
	bool is_reused, is_kept;
	struct resume resume;
	struct hk_delivery_link over; /* what the connection is; its client is the one above */
	bool is_spare; /* it was made for another domain, and nothing is said over it yet */
	uint64_t sent; /* of the rendered message */
	bool is_sending;
	uint8_t chunk[16 * 1024];
	size_t chunk_n, chunk_at;

	/* the message */
	struct hk_render render;
	struct hk_render_options options;
	enum form form; /* that it was rendered in */
	bool is_rendered;
	struct hk_header signed_header;
	struct hk_key_choice signer[HK_KEY_CHOICES];
	size_t n_choices; /* of keys, in the job; those that sign: */
	size_t n_signers;
	struct hk_dkim_sign *sign; /* of all signers; NULL without any */
	const struct hk_dkim_sign_question *sign_question; /* whose answer is awaited */
	bool is_published;                 /* a key is known to be, or may be */
	struct hk_buf fields;              /* the signatures' */
};

/* ---- delivery.c ---- */
const struct hk_conf *delivery_conf(const struct hk_delivery *);
/* delivery_source(d, family): where the connection comes from; NULL: the system knows. */
const struct hk_conf_source *delivery_source(const struct hk_delivery *, unsigned family);
/* delivery_params(d, target): what came with its RCPT, and ORCPT always. */
struct hk_smtp_rcpt_params delivery_params(struct hk_delivery *, size_t target);
/* delivery_settle(d, target, outcome, reason): its result, once. */
void delivery_settle(
    struct hk_delivery *, size_t target, enum hk_rcpt_outcome, const struct reason *);
/* delivery_settle_all(d, outcome, code, enhanced, format, ...): all that have none; then the
 * attempt is over. */
void delivery_settle_all(struct hk_delivery *, enum hk_rcpt_outcome, unsigned code,
    const char *enhanced, const char *format, ...) HK_PRINTF(5, 6);
/* delivery_over(d): what has no result gets the last reason. */
void delivery_over(struct hk_delivery *);
bool delivery_is_settled(const struct hk_delivery *);
void delivery_close(struct hk_delivery *);
/* delivery_wait(d, step, ms): goes to step, which may last so long */
void delivery_wait(struct hk_delivery *, enum step, uint64_t ms);
void reason_set(
    struct reason *, unsigned code, const char *enhanced, const char *remote, struct hk_slice text);
/* delivery_lacks_memory(d): what was found out so far is not whole: a host or a policy may be missing, and who goes by the rest
 * bounces mail or sends it in clear. All is settled then, for another time. */
bool delivery_lacks_memory(struct hk_delivery *);
/* This host, or this address, will not do. delivery_refused(d, is_temporary, code, enhanced, reply): by a reply, whose words it has, or
 * what the client made of having none; delivery_trouble: for a reason of ours. */
void delivery_refused(struct hk_delivery *, bool is_temporary, unsigned code, const char *enhanced, const struct hk_smtp_reply *);
void delivery_trouble(struct hk_delivery *, bool is_temporary, unsigned code, const char *enhanced,
    const char *format, ...) HK_PRINTF(5, 6);

/* ---- delivery_hosts.c ---- */
void hosts_begin(struct hk_delivery *);
void hosts_answer(struct hk_delivery *, uint32_t id, const struct hk_dns_answer *);
void hosts_timeout(struct hk_delivery *);
/* hosts_next(d): the next address, the next host, or the end. */
void hosts_next(struct hk_delivery *);

/* hosts_ask(d, i, name, type): asks in place i. hosts_add_srv(d, rr, order): another host. hosts_found(d): all are added. */
void hosts_ask(struct hk_delivery *, size_t i, struct hk_slice name, uint16_t type);
void hosts_add_srv(struct hk_delivery *, const struct hk_dns_rr *, unsigned order);
void hosts_found(struct hk_delivery *);
/* hosts_shown(name): what is told of a host of that name. */
struct hk_slice hosts_shown(struct hk_slice name);

/* ---- delivery_policy.c ---- */
/* policy_begin(d): asks for what is to be known of the domain, MX among it. */
void policy_begin(struct hk_delivery *);
void policy_srv(struct hk_delivery *, const struct hk_dns_answer *);
void policy_sts(struct hk_delivery *, struct hk_slice text, enum hk_tls_result);
/* policy_host(d): the host's addresses are known; goes to STEP_TRY when all is decided. */
void policy_host(struct hk_delivery *);
void policy_tlsa(struct hk_delivery *, const struct hk_dns_answer *);
void policy_decide(struct hk_delivery *);
struct hk_tls_check policy_check(const struct hk_delivery *);
/* policy_count(d, result): once for each host. */
void policy_count(struct hk_delivery *, enum hk_tls_result);
/* policy_trouble(d, what, why): the host has no TLS as it must be. */
void policy_trouble(struct hk_delivery *, const char *what, struct hk_slice why);
/* policy_ready(d): greeted for good; false: it will not do, and why is noted. */
bool policy_ready(struct hk_delivery *);
/* policy_says_requiretls(d): MAIL has the parameter. */
bool policy_says_requiretls(const struct hk_delivery *);

/* ---- delivery_talk.c ---- */
void talk_connected(struct hk_delivery *, bool ok, struct hk_slice why);
/* talk_run(d): as far as it goes now. */
void talk_run(struct hk_delivery *);
void talk_tls(struct hk_delivery *, bool ok, struct hk_slice why, enum hk_tls_result);
/* talk_again(d): the same address over another connection. */
void talk_again(struct hk_delivery *);

/* ---- delivery_link.c ---- */
/* link_begin(d): over the connection that came with the order, if it is one for this message. One of another domain is kept as a spare
 * until it is known how this one's hosts may be spoken to. */
bool link_begin(struct hk_delivery *);
/* link_note(d): connected to the present address. */
void link_note(struct hk_delivery *);
/* link_prefer(d): the spare one's host comes before its equals. link_prefer_address(d): and of that, its address before others.
 * link_take_spare(d): instead of connecting to the present address; false: it is another one, and is closed. */
void link_prefer(struct hk_delivery *);
void link_prefer_address(struct hk_delivery *);
bool link_take_spare(struct hk_delivery *);
/* link_lost(d): it was one that came with the order, and went before it took the message: the hosts are looked for. */
bool link_lost(struct hk_delivery *);
/* link_can_stay(d): for another message. */
bool link_can_stay(const struct hk_delivery *);

/* ---- delivery_resume.c ---- */
/* resume_name(d): an id for the transaction that begins; empty: it has none. resume_gather(d, rcpt, params): the recipients of the
 * one that goes on; returns how many. */
struct hk_slice resume_name(struct hk_delivery *);
size_t resume_gather(struct hk_delivery *, struct hk_slice *rcpt, struct hk_smtp_rcpt_params *);
/* resume_lost(d, e): true: the transaction broke off and may go on, nobody is settled. resume_is_refused(d, e): not yet.
 * resume_wait(d): true: in a while. resume_over(d): it does not go on. */
bool resume_lost(struct hk_delivery *, const struct hk_smtpc_event *);
bool resume_is_refused(const struct hk_delivery *, const struct hk_smtpc_event *);
bool resume_wait(struct hk_delivery *);
void resume_over(struct hk_delivery *);

/* ---- delivery_transaction.c ---- */
/* transaction_ready(d): the client is: the message is rendered in the form of this hop, or the next transaction begins. */
void transaction_ready(struct hk_delivery *);
/* DELIVERBY (RFC 2852 4): delivery_by_left(d): seconds until the sender's time. delivery_wants_by(d): only a host that keeps the
 * time will do. delivery_is_traced(d): the sender is told where it was handed on. */
int64_t delivery_by_left(const struct hk_delivery *);
bool delivery_wants_by(const struct hk_delivery *);
bool delivery_is_traced(const struct hk_delivery *);
/* talk_rendered(d): the message can be sent. */
void talk_rendered(struct hk_delivery *);

/* ---- delivery_sign.c ---- */
/* sign_begin(d): renders, anew if it was done before; goes on to talk_rendered, or to STEP_SIGN first. */
void sign_begin(struct hk_delivery *);
void sign_done(struct hk_delivery *, struct hk_slice signature);
void sign_free(struct hk_delivery *);

/* ---- delivery_local.c ---- */
void local_begin(struct hk_delivery *);

#endif
