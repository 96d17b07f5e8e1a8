/* SPDX-License-Identifier: MIT
 *
 * worker.h - one thread that serves sessions and makes deliveries. Workers share nothing that
 * changes; what one wants of the owner, the resolver or the keys goes by mail.
 */
#ifndef HIKYAKU_IO_WORKER_H
#define HIKYAKU_IO_WORKER_H

#include "engine/checkpoint.h"
#include "engine/limits.h"
#include "engine/mail.h"
#include "engine/owner.h"
#include "io/answers.h"
#include "io/ask.h"
#include "io/auth.h"
#include "io/door.h"
#include "io/generation.h"
#include "io/mailbox.h"
#include "io/net.h"
#include "io/policies.h"
#include "engine/delivery.h"

/* ids have four bits for their worker, and the owner, which makes bounces, is the last of them
 * (mail.h) */
#define HK_WORKERS_MAX 15
#define HK_DEVICE_KEY  32

/* What all workers share. */
struct hk_world {
	struct hk_disk *disk;
	struct hk_log *log;
	struct hk_mailbox *owner, *main;
	_Atomic int *intake; /* enum hk_status: hk_owner_intake */
	_Atomic uint64_t *room; /* hk_owner_room */
	struct hk_limits *limits;
	struct hk_auth_pool *auth;
	uint8_t device_key[HK_DEVICE_KEY]; /* where the configuration names none */
	struct hk_policies *policies;
	struct hk_tls_sink *tls_sink;
	size_t sessions_max;
	_Atomic size_t *sessions; /* of all workers, with those who wait at a door */
	struct hk_metrics *metrics; /* NULL: nothing is counted */
	struct hk_greylist *greylist;
	struct hk_checkpoints *checkpoints;
	uint64_t last_id;    /* highest queue id of an earlier run */
};

/* Posts. All are heap objects, freed by whoever holds them last. */
struct hk_put_post { /* PUT, and COMMITTED on its way back */
	struct hk_post post;
	struct hk_mail *mail;
	struct hk_mailbox *back;
	uint64_t token;
	enum hk_status status;
};
struct hk_job_post { /* DELIVER, and RESULT on its way back */
	struct hk_post post;
	struct hk_job *job;
};
struct hk_conf_post { /* OWNER_CONF; holds a use */
	struct hk_post post;
	struct hk_conf *conf;
};
struct hk_told_post { /* to the main thread */
	struct hk_post post;
	unsigned worker;
};
struct hk_keys_post { /* KEYS: a new channel to the keys */
	struct hk_post post;
	int fd;
};
struct hk_bound { /* one listening socket */
	int fd;
	size_t listener; /* index in the configuration */
};
struct hk_setup_post { /* SETUP: a generation (a use of it) and all sockets of this worker under it
	                */
	struct hk_post post;
	struct hk_generation *generation;
	size_t n;
	struct hk_bound bound[];
};

struct hk_listening;
struct sender;
struct hk_pause { /* of descriptors that ran out */
	uint64_t began_ms, last_ms, told_ms; /* mono; last_ms 0: there is none */
};
struct hk_worker {
	struct hk_loop loop;
	unsigned index;
	const struct hk_world *world;
	struct hk_mailbox box;
	uv_poll_t box_poll;
	uv_poll_t *keys_poll;
	int keys_fd;                                  /* -1: none now */
	struct hk_generation *recent[HK_GENERATIONS]; /* newest first */
	struct hk_listening *listening;
	struct hk_timer accept_again;
	struct hk_pause pause;
	struct hk_drive *drives;
	struct sender *parked; /* connections that wait for another message to their hop */
	size_t n_parked;
	size_t sessions;
	struct hk_ids ids;
	struct hk_dkim_key_cache *public_keys; /* parsed before; NULL when there was no memory for it */
	struct hk_asks asks;
	struct hk_answers answers;
	bool stopping, told_idle, is_full;
	bool is_turning_away; /* the latest client found no room */
	struct hk_door door;  /* who is not let in yet */
	uv_idle_t door_idle;  /* while somebody is there */
	struct hk_buf away[2]; /* what those hear that find no room, and that come while it is busy */
	uint64_t busy_told_ms;
	size_t commits;       /* messages that the owner has and has not answered */
	uint64_t commit_ms;   /* since it answered last, or was given the first of them */
	_Atomic int intake;   /* what sessions are told: the owner's word, or BUSY */
	pthread_t thread;
};

/* hk_worker_start(world, index, ret): runs its thread; it serves nothing before the first SETUP. */
enum hk_status hk_worker_start(
    const struct hk_world *, unsigned index, struct hk_worker **ret) HK_MUSTCHECK;
/* hk_worker_join(w): after a QUIT. Its mailbox takes posts until hk_worker_free. */
void hk_worker_join(struct hk_worker *);
/* hk_worker_let_go(w): its generations, and with the last use of one its resolver. Then
 * hk_worker_free. */
void hk_worker_let_go(struct hk_worker *);
void hk_worker_free(struct hk_worker *);

/* hk_worker_generation(w, conf): the generation that conf belongs to, or NULL when it is no longer
 * held. NULL conf: the newest. */
struct hk_generation *hk_worker_generation(struct hk_worker *, const struct hk_conf *);

/* hk_worker_watch_keys(w): wakes when the channel to the keys has a reply, or room for what waits
 * for it. */
void hk_worker_watch_keys(struct hk_worker *);

/* welcome.c: hk_welcome_come takes fd: it is let in, or told that it cannot be. hk_welcome_all: those that wait.
 * hk_welcome_left: one that came is gone. _begin, _end: with the loop. */
enum hk_status hk_welcome_begin(struct hk_worker *) HK_MUSTCHECK;
void hk_welcome_come(struct hk_worker *, size_t listener, const struct hk_conf_socket *peer, int fd);
void hk_welcome_all(struct hk_worker *);
void hk_welcome_left(const struct hk_worker *);
void hk_welcome_end(struct hk_worker *);
/* hk_worker_is_stalled(w): many messages wait for the disk, and for longer than anybody should: more of them are not taken now. */
bool hk_worker_is_stalled(const struct hk_worker *);

/* client.c: takes fd. */
void hk_client_begin(struct hk_worker *, struct hk_generation *, size_t listener,
    const struct hk_conf_socket *peer, int fd);
/* sender.c: takes the order; it comes back to the owner as a RESULT. */
void hk_sender_begin(struct hk_worker *, struct hk_job_post *);

#endif
