/* SPDX-License-Identifier: MIT
 *
 * house.h - one server with its clients and the servers it delivers to, in a world where nothing goes wrong but one allocation:
 * a scene (scenes.c) is played in it, once for each allocation that the product makes in it.
 *
 * Clients speak one command at a time and try again what was not taken; servers do what the local part says:
 *
 *	ok-N	taken		no-N	550		later-N	450 at first, for HOUSE_LATER seconds		never-N	450
 *
 * N is the number of the letter; sN@home.test sent it and gets its reports. So each arrival says what it is of.
 */
#ifndef HIKYAKU_SIM_OOM_HOUSE_H
#define HIKYAKU_SIM_OOM_HOUSE_H

#include <hikyaku/dns.h>

#include "engine/checkpoint.h"
#include "engine/delivery.h"
#include "engine/limits.h"
#include "engine/owner.h"
#include "engine/session.h"
#include "sim/disk.h"
#include "sim/memory.h"

enum { HOUSE_LETTERS = 16, HOUSE_RCPTS = 4, HOUSE_ADDRESS = 64, HOUSE_LIFETIME = 1200, HOUSE_LATER = 90 };
#define HOUSE_SPOOL "/spool"
#define HOUSE_LARGE 7000 /* lines: some 300 KB, a file of its own */

/* Whatever the product does is counted, and what it asks for may fail. */
#define PRODUCT(call)                                                                                                  \
	do {                                                                                                            \
		hk_sim_memory_fail(true);                                                                               \
		call;                                                                                                   \
		hk_sim_memory_fail(false);                                                                              \
	} while (0)

struct house_rcpt {
	char address[HOUSE_ADDRESS];
	unsigned arrivals;
	uint64_t first_ms; /* when a server first heard of it */
	unsigned doubts; /* the server's 250 for it was not heard of */
	unsigned failures, delays, successes; /* what the sender was told of it */
};
struct house_letter {
	struct house_rcpt rcpt[HOUSE_RCPTS];
	unsigned n_rcpt;
	uint64_t id;       /* that the last 250 named */
	unsigned acks, doubts; /* 250 to the client; connections that went without a reply to the dot */
	bool may_vanish;   /* an operator ended it */
};
/* How a letter is sent. */
struct house_form {
	const char *listener; /* NULL: mx */
	const char *to;       /* "ok@d.test no@d.test": -N comes behind the local parts */
	const char *mail, *rcpt; /* parameters, with a blank in front; NULL: none */
	size_t lines;         /* 0: a few */
	bool authenticates;
	bool breaks_off;      /* the connection goes in the middle of the message, once; with mail " TRANSID=<..>" */
};
struct house {
	struct hk_sim_disk disk;
	struct hk_conf *conf;
	struct hk_owner *owner;
	struct hk_now now;
	struct hk_ids ids;
	struct hk_log log;
	struct hk_arena arena;
	struct hk_zone *zone;
	struct hk_checkpoints *checkpoints;
	struct hk_limits *limits;
	_Atomic int intake;
	/* a session */
	struct hk_session *session;
	struct hk_buf to_server, to_client;
	char reply[600];
	bool is_committing;
	uint32_t want;
	/* an operator's call that came back */
	struct hk_queue_call *answer;
	struct house_letter letter[HOUSE_LETTERS];
	unsigned n_letters;
	/* what the next hops demand */
	bool is_signed;                /* the DNS, by DNSSEC */
	const char *sts;               /* the policy of all domains; NULL: none */
	enum hk_tls_verify must_verify; /* no mail without */
	struct hk_private_key *key;    /* nor without a signature of this one; NULL: that does not matter */
	unsigned tries;   /* that who is not served makes: more than there are failures */
	bool is_traced;
	char wrong[300];  /* what must not be; "": nothing so far */
};

void house_begin(struct house *, unsigned tries, bool is_traced);
/* house_end(h): until all is at rest, and then once more from the disk; and what must hold. */
void house_end(struct house *);
void house_done(struct house *);
void house_wrong(struct house *, const char *format, ...) HK_PRINTF(2, 3);
void house_trace(struct house *, const char *format, ...) HK_PRINTF(2, 3);
/* house_boot(h), house_kill(h, with_power), house_stop(h): the server begins, is gone, is told to end. */
void house_boot(struct house *);
void house_kill(struct house *, bool with_power);
void house_stop(struct house *);
void house_settle(struct house *, uint64_t seconds);
/* house_step(h): false: nothing came of it. */
bool house_step(struct house *);
struct hk_conf *house_conf(const char *text);
extern const char house_rules[], house_other_rules[], house_strict_rules[];

/* client.c: house_send: the letter's number. house_say: the code of the reply, 0: there was none. */
unsigned house_send(struct house *, const struct house_form *);
bool house_connect(struct house *, const char *listener);
unsigned house_say(struct house *, const char *format, ...) HK_PRINTF(2, 3);
void house_hang_up(struct house *);
void house_committed(struct house *, enum hk_status);

/* server.c */
void house_deliver(struct house *, struct hk_job *);
struct house_rcpt *house_rcpt(struct house *, struct hk_slice address);

struct house_scene {
	const char *name;
	void (*play)(struct house *);
};
extern const struct house_scene house_scenes[];
extern const size_t house_n_scenes;

#endif
