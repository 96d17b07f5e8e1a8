/* SPDX-License-Identifier: MIT
 *
 * session_rig.h - a session in memory: bytes of a client in, replies and mails out, a zone text for
 * DNS. For tests.
 */
#ifndef HIKYAKU_ENGINE_SESSION_RIG_H
#define HIKYAKU_ENGINE_SESSION_RIG_H

#include "engine/session.h"
#include "sim/disk.h"

enum srig_cut { SRIG_WHOLE, SRIG_BYTES, SRIG_RANDOM, SRIG_CUTS };
enum { SRIG_MAILS = 8 };

struct srig {
	/* set before srig_run, after srig_init */
	const char *client;   /* address; default 10.0.0.9 */
	const char *listener; /* name; default the first */
	enum srig_cut cut;
	enum hk_status commit, sync; /* what the owner and the disk say */
	_Atomic int intake;
	_Atomic uint64_t room; /* 0: not known */
	uint64_t commit_ms; /* how long the owner takes */
	bool dns_is_dead; /* questions are never answered */
	bool never_reads; /* the client takes no reply */
	bool talks_early; /* bytes before the banner is taken */
	uint64_t slow_ms; /* between two pieces of the client */
	size_t piece;     /* the most in one of them; 0: by cut alone */
	struct hk_greylist *greylist;
	struct hk_checkpoints *checkpoints; /* kept over sessions; the caller's */
	bool keep_open;   /* no end of the connection after the last byte */
	bool run_fails;
	char ran[64]; /* what the last ETRN asked for */
	bool tls_fails;
	bool waits_for_tls; /* nothing is glued behind STARTTLS, as clients do it that mean well */
	struct hk_limits *limits; /* kept over sessions; the caller's */
	const char *mechanisms;   /* default none */
	const char *senders;      /* of the user; default by his name */
	bool auth_is_dead;        /* the back end never answers */
	size_t shutdown_after; /* after so many bytes of the client; 0: never */

	/* what came of it */
	struct hk_buf replies, log;
	struct hk_mail *mail[SRIG_MAILS];
	size_t n_mails, n_commits;
	unsigned questions, ticks, syncs, auth_begun, auth_ended;
	uint8_t auth_mechanism;
	char auth_device[80];
	bool has_ended;
	size_t left; /* bytes of the client that were not taken */

	struct hk_sim_disk disk;
	struct hk_conf *conf;
	struct hk_arena arena;
	struct hk_zone *zone;
	struct hk_prng prng;
	struct hk_ids ids;
	struct hk_now now;
	struct hk_log sink;
};

void srig_init(struct srig *, const char *conf, const char *zone);
void srig_done(struct srig *);
/* srig_run(r, bytes): one session. */
void srig_run(struct srig *, struct hk_slice bytes);
void srig_say(struct srig *, const char *text);
/* srig_stored(r, i): mail i as a next hop would get it, NUL-terminated, in the rig's arena. */
const char *srig_stored(struct srig *, size_t i);
/* srig_replies(r), srig_log(r): NUL-terminated, in the rig's arena */
const char *srig_replies(struct srig *);
const char *srig_log(struct srig *);
/* srig_codes(r): "220 250 ..." of the last lines of all replies, in the rig's arena */
const char *srig_codes(struct srig *);

#endif
