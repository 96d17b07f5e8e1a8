/* SPDX-License-Identifier: MIT
 *
 * world.h - one simulated server: its disk, its clock, its mailboxes, clients and next hops; all from one seed.
 *
 *	client --post--> owner --order--> sink --post--> owner		posts arrive in any order
 *
 * What clients were told and what sinks took stands in the ledger (ledger.h), which knows what must and must not be.
 */
#ifndef HIKYAKU_SIM_WORLD_H
#define HIKYAKU_SIM_WORLD_H

#include "engine/owner_internal.h"
#include "sim/disk.h"
#include "sim/ledger.h"

#define HK_SIM_LIFETIME 3600
#define HK_SIM_CHANCE   1000000
#define HK_SIM_NOTICE   600 /* the first delay-notice of the configurations */
#define HK_SIM_SPOOL    "/spool"

/* What a seed chose to let go wrong (swarm testing: each on or off, at a rate of its own). Numbers that say no more are chances
 * per million; plan.c has a name for each class, so that shrinking, and --without, can switch it off. */
struct hk_sim_plan {
	unsigned kills, cuts, call_deaths, full_disk, reloads, clock, instances; /* misfortunes: on or off */
	unsigned body_files, null_senders, hostile, deliverby;                  /* what clients bring: on or off */
	unsigned operators, runs;                                               /* who looks on: on or off */
	struct hk_sim_faults disk;
	unsigned memory;             /* of the allocations of owner, sessions and deliveries */
	unsigned network, dns, peer; /* connections, questions, what mail servers do */
	unsigned temporary, permanent, released;
	unsigned misfortune;
	unsigned events;
	uint64_t segment_size;
	size_t jobs_max, slice;      /* slice: messages that a step after a start reads */
	bool is_posix;
};
/* To run a seed again with less: classes switched off, fewer events, some of them skipped. */
struct hk_sim_cut {
	unsigned without;            /* bits: classes of plan.c */
	unsigned events;             /* 0: as many as the plan says */
	const uint8_t *skip;         /* one for each event: not 0: nothing happens in its place */
	size_t n_skip;
};

/* Something on its way to the owner. */
struct hk_sim_post {
	struct hk_sim_post *next;
	struct hk_mail *mail;  /* to be put, with this token */
	uint64_t token;
	struct hk_job *job;    /* or a result */
	struct hk_queue_call *call; /* or an operator's */
	char *ask;             /* or what the DNS says of this domain, to the question with that token; owned */
};

struct hk_sim;
/* Where mail comes from and goes to; a world has one of each. */
struct hk_sim_client_ops {
	void (*act)(struct hk_sim *);                                    /* something new, or the next bit of it */
	void (*committed)(struct hk_sim *, uint64_t token, enum hk_status);
	void (*lost)(struct hk_sim *);                                   /* the server is gone */
	bool (*is_quiet)(struct hk_sim *);                               /* nothing under way */
	void (*done)(struct hk_sim *);
};
struct hk_sim_sink_ops {
	void (*deliver)(struct hk_sim *, struct hk_job *);               /* takes the job */
	void (*act)(struct hk_sim *);
	void (*lost)(struct hk_sim *);
	bool (*is_quiet)(struct hk_sim *);
	void (*done)(struct hk_sim *);
};

struct hk_sim {
	uint64_t seed;
	struct hk_prng prng;
	struct hk_sim_plan plan;
	struct hk_sim_cut cut;
	struct hk_sim_disk disk;
	struct hk_log log;
	struct hk_conf *conf[2]; /* a reload changes between them */
	unsigned conf_now;
	struct hk_owner *owner;  /* NULL: the server is down */
	struct hk_now now;
	int64_t utc_offset;      /* how far the wall clock was moved */
	uint64_t jumped_s;       /* forward, all in all: by so much mail may seem older than it is */
	struct hk_ids ids;
	struct hk_sim_ledger ledger;
	struct hk_sim_zone *zone; /* the names of this world; NULL without sessions */
	struct hk_sim_post *posts;
	const struct hk_sim_client_ops *client;
	const struct hk_sim_sink_ops *sink;
	void *client_state, *sink_state;
	bool is_healed;          /* no more faults: everything must come to its end */
	bool is_traced;
	bool is_long;            /* hours of it: nobody looks at copies of its disk */
	bool is_quiet;           /* prints nothing of what is broken: a try of the shrinking */
	bool has_failed;
	unsigned broken;         /* the first invariant that was; 0: none, or one without a number */
	unsigned wanted;         /* the only one that counts; 0: any */
	uint64_t hash;           /* of all that happened: the same seed gives the same */
	unsigned files_left;     /* body files that a failing disk would not remove */
	uint64_t crashes, durable_checks;
};

/* hk_sim_init(s, seed, cut, is_traced): odd seeds have SMTP on both sides. cut may be NULL. */
void hk_sim_init(struct hk_sim *, uint64_t seed, const struct hk_sim_cut *, bool is_traced);
/* hk_sim_run(s): true when no invariant was broken. */
bool hk_sim_run(struct hk_sim *);
void hk_sim_done(struct hk_sim *);
/* What a run is made of. hk_sim_event(s, number): whatever happens next. hk_sim_come_to_rest(s): nothing fails any more, and nothing new comes, until
 * all has come to its end (I6, I7). */
void hk_sim_event(struct hk_sim *, uint64_t number);
void hk_sim_come_to_rest(struct hk_sim *);
void hk_sim_trace(struct hk_sim *, const char *format, ...) HK_PRINTF(2, 3);
/* hk_sim_violation(s, invariant, ...): I1 to I12. */
void hk_sim_violation(struct hk_sim *, unsigned invariant, const char *format, ...) HK_PRINTF(3, 4);
/* hk_sim_post_mail / _result / _ask: on the way to the owner. */
void hk_sim_post_mail(struct hk_sim *, struct hk_mail *, uint64_t token);
void hk_sim_post_result(struct hk_sim *, struct hk_job *);
void hk_sim_post_ask(struct hk_sim *, const struct hk_order *);
void hk_sim_post_free(struct hk_sim_post *);
struct hk_conf *hk_sim_conf(struct hk_sim *);

/* made-up mails and outcomes, or SMTP on both sides */
extern const struct hk_sim_client_ops hk_sim_client_direct, hk_sim_client_session;
extern const struct hk_sim_sink_ops hk_sim_sink_direct, hk_sim_sink_session;
void hk_sim_client_session_init(struct hk_sim *);
void hk_sim_sink_session_init(struct hk_sim *);

/* plan.c */
void hk_sim_plan_make(struct hk_sim *);
const char *hk_sim_class_name(unsigned bit); /* NULL behind the last one */

/* life.c */
void hk_sim_boot(struct hk_sim *);
void hk_sim_crash(struct hk_sim *, bool with_power);
void hk_sim_step_owner(struct hk_sim *);
/* hk_sim_check_durable(s, number): I5: what was just promised is on the medium, whatever the next instant brings. */
void hk_sim_check_durable(struct hk_sim *, uint64_t id);
void hk_sim_second_instance(struct hk_sim *);
void hk_sim_pass_time(struct hk_sim *, uint64_t ms);
/* hk_sim_check_rest(s): I6, when all is quiet: no file open but the owner's, no body file, a journal that is tidy. */
void hk_sim_check_rest(struct hk_sim *);

/* operator.c: somebody asks something of the queue; nothing is held any more; an answer, taken; a job is given out; the server is gone */
void hk_sim_operator_act(struct hk_sim *);
void hk_sim_operator_release_all(struct hk_sim *);
void hk_sim_operator_answered(struct hk_sim *, struct hk_queue_call *);
void hk_sim_operator_given_out(struct hk_sim *, const struct hk_job *);
void hk_sim_operator_lost(struct hk_sim *);
void hk_sim_post_call(struct hk_sim *, struct hk_queue_call *);

/* log.c: I10 */
void hk_sim_log_line(struct hk_sim *, struct hk_slice);

#endif
