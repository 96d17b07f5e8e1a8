/* SPDX-License-Identifier: MIT
 *
 * delivery_rig.h - an attempt on the simulated disk, with a zone text for DNS and a script for the
 * server. For tests.
 */
#ifndef HIKYAKU_ENGINE_DELIVERY_RIG_H
#define HIKYAKU_ENGINE_DELIVERY_RIG_H

#include "engine/delivery.h"
#include "sim/disk.h"

enum rig_cut { RIG_WHOLE, RIG_BYTES, RIG_RANDOM, RIG_CUTS };

/* A server that plays a script: "220 hi|250 ok|..." - the first reply at once, then one for each
 * line, and one for each message. A reply may have several lines (\n), be "" (say nothing),
 * "close", or "~250 ..." for EHLO's with what it lists. */
struct rig_peer {
	const char *ip;     /* NULL: any */
	const char *script; /* NULL: does not answer a connection */
	const char *then[4]; /* of the second connection and on; the last one that is there stays */
	size_t cut_after;    /* the first connection is gone once so many octets were got; 0: never */
	bool tls_fails;
	enum hk_tls_result certificate; /* what is wrong with it where it is looked at */
	uint64_t slow_ms; /* between two pieces of what it says */
	/* what was seen */
	unsigned connections;
	struct hk_buf got; /* every byte, of all connections */
};

struct rig_mail {
	const char *listener, *from, *rcpt, *header, *trace,
	    *body; /* rcpt: addresses with blanks between; body NULL: body_file of body_size */
	uint64_t body_size;
	uint32_t flags;
	const char *summary;
	struct hk_smtp_mail_params params;
	struct hk_smtp_rcpt_params rcpt_params; /* of each */
	size_t remove; /* edit: this field of the header goes; 0: none, 1: the first */
};

enum { RIG_KEYS = 4 };
struct rig {
	struct hk_sim_disk disk;
	struct hk_spool *spool;
	struct hk_conf *conf;
	struct hk_arena arena;
	struct hk_zone *zone;
	struct rig_peer *peer;
	size_t n_peers;
	enum rig_cut cut;
	struct hk_prng prng;
	const struct hk_private_key *signer[RIG_KEYS]; /* of each key; NULL: signing fails */
	hk_key_sights sights[RIG_KEYS];
	struct hk_now now;
	struct hk_job job;
	struct hk_rcpt_result *result;
	bool is_signed;           /* the zone: its answers are secure */
	const char *bogus;        /* but for this name, where they are bogus */
	bool answers_sts, is_sts_silent;
	const char *sts;          /* the policy */
	enum hk_tls_result sts_result;
	struct hk_tls_sink tls_sink;
	/* what was seen */
	struct hk_buf results; /* "sts a.test mx.a.test success\n" */
	struct hk_buf events; /* "dns a.test MX\n", "connect 1.2.3.4:25 from 0\n", "tls name\n",
	                         "sign\n", "close\n", "local\n" */
	unsigned ticks;
	bool can_keep; /* a connection stays for the next rig_run */
	bool is_link_shared;  /* and was made for another domain */
	struct hk_delivery_link link;
	void *kept; /* the server's end of it */
	uint64_t
	    fail_disk_at; /* this call of the disk from the beginning of the attempt on fails */
};

void rig_init(struct rig *, const char *conf, const char *zone);
void rig_done(struct rig *);
/* rig_mail(r, mail): puts it into the spool; one job for all its recipients, by the route of the
 * first one's domain. */
void rig_put(struct rig *, const struct rig_mail *);
/* rig_run(r): one attempt to its end. */
void rig_run(struct rig *);
/* the job again, for another attempt */
void rig_again(struct rig *);
bool rig_saw(const struct rig *, const char *text); /* in events */

#endif
