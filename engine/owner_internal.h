/* SPDX-License-Identifier: MIT
 *
 * owner_internal.h
 *
 *	message		one that waits: when it is due, what became of each recipient
 *	domain		of recipients; knows its hop
 *	hop		what deliveries go to together: a route, or for MX a site of it, all domains that have the same hosts (owner_site.c);
 *			how many are out, who waits for it
 *	group		the recipients of one message that go to one hop; in the queue of the hop until a job is made of it
 *
 * The life of a message: due -> a round: groups -> jobs -> results -> all are back: the round ends -> due again, or complete.
 */
#ifndef HIKYAKU_ENGINE_OWNER_INTERNAL_H
#define HIKYAKU_ENGINE_OWNER_INTERNAL_H

#include "engine/id_map.h"
#include "engine/owner.h"

#define HK_OWNER_JOBS_MAX   1000u   /* deliveries out at once, over all hops: sockets */
#define HK_HOP_LIMIT_FIRST  5u      /* deliveries to a hop of which nothing is known; Postfix begins with as many */
#define HK_HOP_HASTE_US     100000u /* how much too early one may begin by its rate; see owner_shape.c */
#define HK_FAMILY_AVOID_MS  3600000u /* until a family that failed is tried first again: for the price of one connection */
#define HK_CLASS_TURN       4u
#define HK_LARGE_MAIL       (256u * 1024) /* octets: what has a body file */
#define HK_JOB_RCPT_MAX     100u    /* RFC 5321 4.5.3.1.8: what every server must take */
#define HK_JOB_TRIED_MAX    4096u   /* octets of what was tried before the last host */
#define HK_OWNER_INBOX_MAX  (64u * 1024 * 1024) /* accepted, not yet durable; past it 452 */
#define HK_OWNER_ROOM_SCARCE (256u * 1024 * 1024) /* several of the largest messages: below it the disk is looked at each second, also where nothing comes */
#define HK_OWNER_STALL_MS   1000u   /* after a failed commit, before results are tried again */
#define HK_OWNER_TIDY_MS    1000u
#define HK_OWNER_QUIET_MS   5000u /* without a commit: the spool may rest. Longer than the next mail of a busy server takes, and a twelfth of a minute */
#define HK_OWNER_TIDY_BYTES (1024u * 1024)
#define HK_OWNER_RELEASE_S  5u      /* after a delivery that could not even begin; doubles up to HK_OWNER_RELEASE_MOST_S */
#define HK_OWNER_RELEASE_MOST_S 300u
#define HK_OWNER_RETRY_S    900u    /* where the configuration names no retry times */
#define HK_SITE_ASKS_MAX    256u    /* MX questions out at once: a queue that starts, or the end of an outage, is no flood */
#define HK_SITE_LASTS_MS    3600000u /* until the hosts of a domain are looked up again; deliveries ask for themselves */
#define HK_DOMAINS_IDLE_MAX 4096u   /* domains without mail whose site is remembered; 300 octets each, their hop included */
#define HK_OWNER_SLICE      256u    /* messages of the spool that a step after the start reads: a millisecond, so that mail that comes hardly waits */
#define HK_REASONS_MAX      (16u * 1024 * 1024) /* octets of replies; 100,000 different ones */

/* What goes first at a hop; each fourth time whatever would be last. */
enum hk_class {
	HK_CLASS_URGENT, /* our own reports, and what an operator wants tried */
	HK_CLASS_NEW,    /* its first attempt */
	HK_CLASS_LATER,  /* large, or put off before */
	HK_CLASSES,
};
struct hk_group;
struct hk_line {
	struct hk_group *first, **last;
};
struct hk_hop;
/* Hops that wait for their turn. */
struct hk_hops {
	struct hk_hop *first, **last;
};
struct hk_hop {
	uint64_t site;                   /* which hosts it has, in o->sites; 0: it is one domain's alone */
	struct hk_hop *next, *before;    /* all of them */
	struct hk_hops *in;              /* where it waits: those that may take a job, or whose site is not known; NULL: nowhere */
	struct hk_hop *next_in, *before_in;
	const struct hk_conf_route *route;
	const struct hk_conf_shape *shape; /* of the provider; or NULL */
	char *host;                      /* of a site: the first of its hosts; owned */
	size_t waiting;                  /* groups */
	uint32_t row;                    /* in an answer to an operator */
	uint64_t next_us;                /* when the next one may begin by the rate, but for some haste; mono, microseconds */
	bool is_known;                   /* alone, since no other domain has its hosts, or it has none */
	bool is_asked;                   /* nothing goes out before the answer */
	unsigned users;                  /* domains that point here, and questions about them */
	unsigned out;                    /* jobs */
	unsigned limit;                  /* of them at once; at most the route's concurrency */
	unsigned credit;                 /* jobs that went well since the limit grew */
	uint8_t avoids;                  /* 4 or 6: the family that failed where the other did not */
	uint64_t avoids_until;           /* mono */
	unsigned failures;               /* times in a row that the whole hop was down */
	bool was_down;                   /* since it is known */
	uint64_t rests_until;            /* mono; 0: it does not rest */
	uint32_t reason;                 /* why it rests: hk_reason_get */
	uint64_t round;                  /* the last one that made a group for it */
	struct hk_line line[HK_CLASSES]; /* groups */
	unsigned taken;                  /* of them */
};

struct hk_domain {
	struct hk_domain *next;          /* of the same slot */
	struct hk_hop *hop;              /* NULL: no route, or not found yet */
	unsigned users;                  /* recipients */
	bool is_hold;                    /* its route holds quarantined mail */
	uint64_t site_until;             /* mono: so long its hop is believed to be the right one; 0: it was never asked */
	struct hk_domain *older, *newer; /* while it has no mail */
	size_t n;
	uint8_t name[];                  /* A-labels, lower case */
};

/* What the sender wants at his time (RFC 2852 4): nothing; to be told; the message back. */
enum hk_by { HK_BY_NONE, HK_BY_NOTIFY, HK_BY_RETURN };
struct hk_message;
struct hk_group {
	struct hk_group *next;
	struct hk_group *next_of;        /* of the same message */
	struct hk_message *message;
	struct hk_hop *hop;
	uint8_t class;                   /* enum hk_class */
};

struct hk_message_rcpt {
	struct hk_domain *domain;
	uint8_t outcome;
	uint8_t notify;                  /* enum hk_smtp_notify: so that no disk is read for what nobody wants to know */
	bool is_out;
	bool is_over;                    /* by a result that is on its way to the journal */
	uint32_t reason;                 /* hk_reason_get; 0: none is known */
};
/* One for each message that waits: 72 octets, and 16 for each recipient; with the spool's part, and the places in two maps and the heap, 220. */
struct hk_message {
	uint64_t id;
	uint64_t due_ms;                 /* mono */
	int64_t born_ms;                 /* mono; before the start of this process, negative as may be */
	size_t at;                       /* in the heap; SIZE_MAX: not there */
	uint32_t attempts, n_rcpt, pending;
	uint32_t groups;                 /* waiting or out in this round */
	uint32_t back;                   /* of them, those whose results are in the batch */
	int32_t by_s;                    /* DELIVERBY: after its acceptance */
	struct hk_group *group;          /* those that wait for their hop */
	uint8_t by;                      /* enum hk_by, of DELIVERBY */
	uint8_t releases;                /* in a row */
	uint8_t marks;                   /* enum hk_spool_marks */
	uint8_t ending;                  /* enum hk_rcpt_outcome that an operator wants for those that wait; PENDING: nothing */
	bool is_quarantined : 1, was_tried : 1;
	bool is_ours : 1, is_large : 1, is_urgent : 1; /* urgent: until its next round is over */
	struct hk_message_rcpt rcpt[];
};

/* Stands in the mail or the job that it is about: an answer or a result never gets lost for want of memory. */
struct hk_order_node {
	struct hk_order_node *next;
	struct hk_order order;
	struct hk_mail *mail; /* freed when the order is taken; or NULL */
};

/* A mail whose record is in the batch, or waits to be put: in mail->owner_room. */
struct hk_incoming {
	struct hk_incoming *next;
	struct hk_mail *mail;
	struct hk_message *message;
	uint64_t token;
	bool is_ours;                    /* a DSN: nobody waits for the answer */
	struct hk_order_node node;
};
/* What the owner keeps with a job (owner_private): where it went, and later its results on their way to the journal. */
enum { HK_OWNER_FETCH_MAX = 16 * 1024 * 1024 }; /* of memory, for a message that is read again */
struct hk_returned {
	struct hk_returned *next;
	struct hk_job *job;
	struct hk_hop *hop;              /* NULL: it went nowhere, there is no route */
	struct hk_order_node node;       /* on its way out */
	bool is_in_batch, ends_round, is_later, is_told; /* is_told: the log was, of what was given up */
	uint8_t marks;                   /* of the message, when it ends the round */
	uint64_t delay_ms;
	unsigned dsns;
	struct hk_calling *calling;      /* that waits for it; or NULL */
};
/* A call that waits: in call->owner_room. */
struct hk_calling {
	struct hk_calling *next;
	struct hk_queue_call *call;
	size_t left;                     /* of its results, those that are not durable yet */
	bool is_begun, is_in_batch;
	struct hk_order_node node;
};
/* A question about the hosts of a domain: owner_site.c. */
struct hk_site_ask {
	struct hk_site_ask *next;
	struct hk_hop *hop;              /* the domain's when it was asked; a user of it */
	uint64_t token, until;
	bool is_taken;                   /* the order, by whoever asks */
	struct hk_order_node node;
	size_t n;
	uint8_t name[];
};
/* Replies, each once: owner_reason.c. Numbers begin with 1. */
struct hk_reason;
struct hk_reasons {
	struct hk_reason **at;
	uint32_t *slot;                  /* room of them: the first number of each hash */
	uint32_t n, room;
	uint32_t *vacant;                /* numbers that are free */
	uint32_t n_free, room_free;
	size_t bytes;
};
struct hk_owner {
	struct hk_conf *conf;
	struct hk_disk *disk;
	struct hk_log *log;
	char *dir;
	struct hk_spool *spool;
	struct hk_evidence_store *evidence;
	struct hk_now now;
	struct hk_ids ids;
	struct hk_id_map messages;
	struct hk_message **heap;
	size_t n_heap, room_heap;
	struct hk_now began;             /* when the spool was opened: the times of what it had count from here */
	size_t unread, slice;            /* messages that it had and that were not read yet; so many of them in a step */
	uint64_t read_at;                /* mono: reading failed, and goes on then; 0: it goes on */
	struct hk_domain **slot;         /* domains by name */
	size_t n_slots, n_domains;
	uint64_t seed;                   /* of their hash: names come from outside */
	struct hk_hop *hops;
	struct hk_hop **route_hop;       /* of each route of conf; NULL for MX or not used yet */
	struct hk_hops ready, unasked, paced, patient; /* paced: the rate lets none begin now; patient: they have only mail that may wait */
	uint64_t paced_until;            /* mono: the first of them may then; UINT64_MAX: there are none */
	struct hk_id_map sites;          /* hops by site */
	struct hk_site_ask *asks, **last_ask; /* oldest first */
	size_t n_asks;
	uint64_t last_token;
	struct hk_domain *idle_oldest, *idle_newest; /* domains without mail that are remembered */
	size_t n_idle;
	struct hk_incoming *inbox, **last_inbox;
	struct hk_incoming *batch, **last_batch;
	struct hk_returned *returned, **last_returned;
	struct hk_order_node *orders, **last_order;
	struct hk_calling *calls, **last_call;
	struct hk_reasons reasons;
	size_t jobs_max;
	size_t later_out;                /* jobs that are out, of HK_CLASS_LATER */
	uint64_t turn;                   /* jobs that were made */
	uint64_t round;
	size_t inbox_bytes;
	struct hk_conf *wanted_conf;     /* of a reload that lacked memory; NULL: none */
	uint64_t conf_at;                /* mono; when that is tried again */
	uint64_t stalled_until;          /* mono; 0: not stalled */
	uint64_t tidy_at, quiet_at;      /* mono */
	uint64_t quiet_ms;
	bool is_stopping;
	_Atomic int intake;
	struct hk_owner_counts counts;
};

/* the heap of waiting messages, earliest first: owner_heap.c */
enum hk_status hk_heap_reserve(struct hk_owner *, size_t n) HK_MUSTCHECK; /* so that pushes cannot fail */
void hk_heap_push(struct hk_owner *, struct hk_message *);
void hk_heap_remove(struct hk_owner *, struct hk_message *);
struct hk_message *hk_heap_first(const struct hk_owner *);

/* domains and hops: owner_hop.c */
struct hk_domain *hk_domain_use(struct hk_owner *, struct hk_slice address); /* NULL: NOMEM */
void hk_domain_release(struct hk_owner *, struct hk_domain *);
struct hk_domain *hk_domain_find(const struct hk_owner *, struct hk_slice name); /* NULL: it has no mail */
bool hk_domain_has_hop(struct hk_owner *, struct hk_domain *);
/* hk_domain_move(o, d, hop): its mail goes there; NULL: to a new one of its own. NOMEM: it has no hop then (hk_domain_has_hop). */
enum hk_status hk_domain_move(struct hk_owner *, struct hk_domain *, struct hk_hop *);
struct hk_hop *hk_hop_new(struct hk_owner *, const struct hk_conf_route *, const struct hk_conf_shape *); /* NULL: NOMEM */
void hk_hop_queue(struct hk_owner *, struct hk_group *);
struct hk_group *hk_hop_take(struct hk_hop *, bool may_later); /* NULL: nothing waits, or only what may not go now */
void hk_hop_be_patient(struct hk_owner *, struct hk_hop *);
void hk_group_free(struct hk_owner *, struct hk_group *); /* it was taken; its message has one less */
void hk_hop_make_ready(struct hk_owner *, struct hk_hop *);
void hk_hop_rouse(struct hk_owner *, struct hk_hop *); /* somebody wants it tried now: it rests no more */
void hk_hops_init(struct hk_hops *);
struct hk_hop *hk_hop_next(struct hk_hops *); /* NULL: none waits */
void hk_hop_job_back(struct hk_owner *, struct hk_hop *);
void hk_hop_leave(struct hk_owner *, struct hk_hop *); /* one user less */
/* how much a hop takes: owner_shape.c. hk_hop_learn: from a job that is back. hk_hop_fail: it is down, and result says why.
 * hk_hop_rests: nothing goes there now. */
void hk_hop_learn(struct hk_owner *, struct hk_hop *, const struct hk_job *);
void hk_hop_fail(struct hk_owner *, struct hk_hop *, struct hk_slice domain, const struct hk_rcpt_result *);
bool hk_hop_rests(const struct hk_owner *, const struct hk_hop *);
/* the lower number of route and shape */
unsigned hk_hop_most(const struct hk_hop *);
unsigned hk_hop_most_messages(const struct hk_hop *); /* of a connection */
unsigned hk_hop_most_rcpts(const struct hk_hop *);    /* of a job */
/* hk_hop_is_paced: by its rate none may begin now. hk_hop_begun: one has. hk_hops_wake: those whose time has come. */
struct hk_conf_rate hk_hop_rate(const struct hk_hop *); /* most 0: none */
bool hk_hop_is_paced(const struct hk_owner *, const struct hk_hop *);
void hk_hop_begun(struct hk_owner *, struct hk_hop *);
void hk_hops_wake(struct hk_owner *);
/* which domains share their hosts: owner_site.c. hk_site_is_due: the hop's domain has to be asked for first. hk_sites_ask: for those
 * that wait for it. hk_site_refresh: before a round, when what is known got old. hk_site_forget: the DNS does not tell. */
bool hk_site_is_due(const struct hk_owner *, const struct hk_hop *);
void hk_sites_ask(struct hk_owner *);
void hk_site_refresh(struct hk_owner *, struct hk_domain *);
void hk_site_forget(struct hk_owner *, struct hk_hop *, const struct hk_job *);
void hk_site_taken(struct hk_order_node *);
void hk_sites_expire(struct hk_owner *); /* questions that nobody answered in time */
uint64_t hk_sites_deadline(const struct hk_owner *);
void hk_sites_free(struct hk_owner *);
/* hk_hop_prepare(o, conf): room for its routes; NOMEM changes nothing. hk_hop_reroute(o): after o->conf was exchanged. */
enum hk_status hk_hop_prepare(struct hk_owner *, const struct hk_conf *) HK_MUSTCHECK;
enum hk_status hk_hop_reroute(struct hk_owner *) HK_MUSTCHECK;
void hk_hop_free_all(struct hk_owner *);

/* messages: owner_message.c */
/* hk_message_new(o, mail, now): in the map, with room in the heap; NULL: NOMEM. mail->received is a time of the calendar of `now`. */
struct hk_message *hk_message_new(struct hk_owner *, const struct hk_mail *, const struct hk_now *);
void hk_message_free(struct hk_owner *, struct hk_message *);
void hk_message_removed(struct hk_owner *, struct hk_message *); /* frees it: its last completion is durable */
/* hk_message_schedule(o, m, in_ms): due in so long, when there is anything to do; nothing while groups are out. */
void hk_message_schedule(struct hk_owner *, struct hk_message *, uint64_t in_ms);
bool hk_message_is_waiting_for(const struct hk_message *, size_t rcpt); /* pending, not out, not held */
uint64_t hk_message_age_s(const struct hk_owner *, const struct hk_message *);
/* hk_message_is_late(o, m): DELIVERBY's time has passed. */
bool hk_message_is_late(const struct hk_owner *, const struct hk_message *);
int64_t hk_message_next_utc(const struct hk_owner *, const struct hk_message *); /* 0: not waiting for a time */
/* What the routes of those that wait want: the longest lifetime, the shortest time to the next try and to their end. */
uint64_t hk_message_lifetime_s(const struct hk_owner *, const struct hk_message *);
uint64_t hk_message_retry_s(const struct hk_owner *, const struct hk_message *);
uint64_t hk_message_left_s(const struct hk_owner *, const struct hk_message *); /* 0: one is too old */
uint64_t hk_domain_lifetime_s(const struct hk_owner *, const struct hk_domain *);
bool hk_message_is_committed(const struct hk_owner *, const struct hk_message *); /* else it is in the batch */

/* hk_round_join(o, m): one group more; hk_round_leave(o, m): one less, true when it was the last. */
static inline void hk_round_join(struct hk_owner *o, struct hk_message *m)
{
	o->counts.active += m->groups++ == 0;
}
static inline bool hk_round_leave(struct hk_owner *o, struct hk_message *m)
{
	bool was_last = --m->groups == 0;

	o->counts.active -= was_last;
	return was_last;
}

/* jobs: owner_job.c */
void hk_round_start_due(struct hk_owner *);
void hk_jobs_dispatch(struct hk_owner *);
/* hk_job_end(o, m, end, ret): a result, on its way, for the recipients that wait and that no delivery has; NULL: there are none. */
struct hk_job_ending {
	enum hk_rcpt_outcome outcome;
	const char *enhanced, *text;
};
enum hk_status hk_job_end(struct hk_owner *, struct hk_message *, const struct hk_job_ending *, struct hk_returned **ret) HK_MUSTCHECK;
extern const struct hk_job_ending hk_job_too_late; /* of DELIVERBY */
/* results: owner_result.c */
void hk_results_put(struct hk_owner *);
void hk_results_done(struct hk_owner *, bool ok);
void hk_returned_add(struct hk_owner *, struct hk_returned *);
/* reports, in the batch of what they tell: owner_dsn.c. hk_dsn_put: of recipients whose time with us ends with this result.
 * hk_dsn_put_delay: at the end of a round, of those that still wait; notes in r->marks what was told. */
enum hk_status hk_dsn_put(struct hk_owner *, const struct hk_message *, struct hk_returned *) HK_MUSTCHECK;
enum hk_status hk_dsn_put_delay(struct hk_owner *, const struct hk_message *, struct hk_returned *) HK_MUSTCHECK;
/* reasons: owner_reason.c. hk_reason_use(o, result): 0: no memory. hk_reason_get: borrows until the reason is released. */
uint32_t hk_reason_use(struct hk_owner *, const struct hk_rcpt_result *);
void hk_reason_release(struct hk_owner *, uint32_t);
void hk_reason_get(const struct hk_owner *, uint32_t, struct hk_queue_reason *ret);
void hk_reasons_free(struct hk_owner *);
/* what an operator is told of them: owner_tell.c */
enum hk_status hk_hops_tell(struct hk_owner *, struct hk_queue_call *) HK_MUSTCHECK;
/* calls: owner_call.c */
void hk_calls_put(struct hk_owner *);
void hk_calls_done(struct hk_owner *, bool ok);
void hk_calls_free(struct hk_owner *);
bool hk_calls_are_due(const struct hk_owner *); /* else those that there are wait for what is not read yet */
/* what the spool had: owner_recover.c. hk_recover_begin: nothing of it is read. hk_recover_some: a slice, by its turn. hk_recover_these(o, id, n): those
 * of these that live and were not read yet; IO, NOMEM: not all. */
void hk_recover_begin(struct hk_owner *, size_t slice);
void hk_recover_some(struct hk_owner *);
enum hk_status hk_recover_these(struct hk_owner *, const uint64_t *id, size_t n) HK_MUSTCHECK;
/* mail: owner_mail.c */
void hk_incoming_put(struct hk_owner *);
void hk_incoming_done(struct hk_owner *, enum hk_status);
enum hk_status hk_incoming_add_dsn(struct hk_owner *, struct hk_mail *) HK_MUSTCHECK; /* takes */
void hk_incoming_drop_dsns(struct hk_owner *, unsigned n); /* the last n of the batch */
void hk_order_add(struct hk_owner *, struct hk_order_node *);

#endif
