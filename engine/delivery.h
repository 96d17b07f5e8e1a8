/* SPDX-License-Identifier: MIT
 *
 * delivery.h - one attempt: render a message for some of its recipients and bring it to its next
 *hop.
 *
 *	find the hosts (MX, A, AAAA) -> connect -> greet, TLS -> render: trace, sign, edits -> send
 *-> results in the job
 */
#ifndef HIKYAKU_ENGINE_DELIVERY_H
#define HIKYAKU_ENGINE_DELIVERY_H

#include <hikyaku/crypto.h>
#include <hikyaku/dns.h>

#include "engine/key_choice.h"
#include "engine/owner.h"
#include "engine/tls_policy.h"

enum hk_delivery_want_type {
	HK_DELIVERY_DNS,     /* question: hk_delivery_dns(id) */
	HK_DELIVERY_CONNECT, /* to ip:port (or unix path) from source (family 0: any), then
	                        hk_delivery_connected; bytes with feed/eof */
	HK_DELIVERY_STS,     /* the MTA-STS policy of `name`, a domain: hk_delivery_sts */
	HK_DELIVERY_TLS,     /* client handshake, checked as tls says; then hk_delivery_tls */
	HK_DELIVERY_SIGN,    /* digest with key: hk_delivery_signed(id) */
	HK_DELIVERY_CLOSE,   /* drain out, close the connection (another CONNECT may follow) */
	HK_DELIVERY_LOCAL, /* Maildir: hk_delivery_local_run does it, off this thread if it can be;
	                      then hk_delivery_local_done */
	HK_DELIVERY_DONE,  /* job->result is filled: give the job back to the owner and free the
	                      delivery */
};
struct hk_delivery_want {
	enum hk_delivery_want_type type;
	uint32_t id;
	struct hk_dns_question question; /* borrowed until the next call, as all below */
	struct hk_ip ip, source;
	uint16_t port;
	struct hk_slice unix_path;
	struct hk_slice name; /* STS: the domain */
	struct hk_tls_check tls;
	size_t key;           /* SIGN: index of the key in conf */
	enum hk_sign_alg alg;
	struct hk_slice digest;
};
/* Where sessions are counted (tls_policy.h); any worker's thread. */
struct hk_tls_sink {
	void (*note)(struct hk_tls_sink *, const struct hk_tls_session *);
};
/* A connection that is ready for another message to the same hop, between two deliveries. */
struct hk_delivery_link {
	struct hk_smtpc *client; /* owned; NULL: none */
	char remote[300];
	char host[HK_DNS_NAME_MAX + 1];
	struct hk_ip ip, source; /* source: family 0: the system's choice */
	uint16_t port;
	struct hk_tls_decision decision; /* how it is protected */
	unsigned messages;       /* that went over it */
};
struct hk_delivery_env {
	struct hk_job *job; /* stays the caller's; filled */
	struct hk_disk *disk;
	struct hk_log *log;
	/* algorithm of each key of the configuration, known from the keys process */
	const enum hk_sign_alg *key_algs;
	const hk_key_sights *key_sights; /* of each key; NULL: nothing is known */
	bool answers_sts;             /* the driver can answer HK_DELIVERY_STS */
	struct hk_tls_sink *tls_sink; /* NULL: nobody counts */
	/* to begin with; the client is taken, and the link emptied. Lost before the message was handed over, it costs no try. */
	struct hk_delivery_link *link;
	bool is_link_shared; /* it was made for another domain with the same hosts: it serves where this one comes to the same by itself */
	bool can_keep; /* the driver may keep the connection after DONE: hk_delivery_take_link */
};

struct hk_delivery;
/* hk_delivery_new(env, now): reads the message from the spool at its first step. NULL when out of
 * memory. */
struct hk_delivery *hk_delivery_new(const struct hk_delivery_env *, const struct hk_now *);
void hk_delivery_free(struct hk_delivery *);
enum hk_status hk_delivery_next(
    struct hk_delivery *, const struct hk_now *, struct hk_delivery_want *ret) HK_MUSTCHECK;
void hk_delivery_dns(struct hk_delivery *, uint32_t id, const struct hk_dns_answer *);
void hk_delivery_connected(struct hk_delivery *, bool ok, struct hk_slice why);
size_t hk_delivery_feed(struct hk_delivery *, struct hk_slice);
void hk_delivery_eof(struct hk_delivery *);
/* hk_delivery_tls(d, ok, why, result): why: what was agreed on, or why not; result: what was wrong with the certificate, also
 * where it was ok all the same (HK_VERIFY_NOTED). */
void hk_delivery_tls(struct hk_delivery *, bool ok, struct hk_slice why, enum hk_tls_result);
/* hk_delivery_sts(d, text, result): the policy as it was fetched, or empty: none is known. result: why it could not be had. */
void hk_delivery_sts(struct hk_delivery *, struct hk_slice text, enum hk_tls_result);
/* hk_delivery_take_link(d, ret): after DONE: the connection is left open, and its client is the caller's. False: it is not. */
bool hk_delivery_take_link(struct hk_delivery *, struct hk_delivery_link *ret);
/* empty signature: it could not be made; the attempt is deferred, never sent unsigned. */
void hk_delivery_signed(struct hk_delivery *, uint32_t id, struct hk_slice signature);
/* hk_delivery_local_run(d): blocking: tmp, fsync, link into new/ (never over an existing file),
 * fsync of new/. Thread-safe with respect to other deliveries. */
void hk_delivery_local_run(struct hk_delivery *);
void hk_delivery_local_done(struct hk_delivery *);
struct hk_slice hk_delivery_out(struct hk_delivery *);
void hk_delivery_sent(struct hk_delivery *, size_t n);
uint64_t hk_delivery_deadline(const struct hk_delivery *);
void hk_delivery_tick(struct hk_delivery *, const struct hk_now *);

#endif
