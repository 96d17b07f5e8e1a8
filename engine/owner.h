/* SPDX-License-Identifier: MIT
 *
 * owner.h - the one mind that holds journal, index and schedule. It runs on the owner thread; workers send it posts and
 * are sent orders. No lock anywhere: the mailboxes between them are io/'s (or the simulator's, which shuffles them).
 *
 *	post (accepted mail, delivery results, operator's calls, answers of the DNS) -> hk_owner_step -> orders (committed, deliver, ask)
 */
#ifndef HIKYAKU_ENGINE_OWNER_H
#define HIKYAKU_ENGINE_OWNER_H

#include <hikyaku/dns.h>

#include "conf/conf.h"
#include "engine/key_choice.h"
#include "engine/evidence_store.h"
#include "engine/queue_call.h"

#define HK_RESULT_TEXT_MAX 512

/* Who tells the sender of a recipient that was reached, if he wants to know (RFC 3461 5.2). */
enum hk_handing {
	HK_HANDED_ON,      /* the next hop, which offers DSN; or nobody may */
	HK_HANDED_RELAYED, /* we: the next hop knows nothing of DSN */
	HK_HANDED_TRACED,  /* we, whatever NOTIFY has but NEVER: the sender set a time, and wants a trace or nobody keeps it further on (RFC 2852) */
	HK_HANDED_FINAL,   /* we: this was the final delivery */
};
/* How an attempt ended for one recipient. */
struct hk_rcpt_result {
	uint32_t rcpt;            /* index in the message */
	enum hk_rcpt_outcome outcome; /* DELIVERED, FAILED, or PENDING: try again */
	enum hk_handing handing;  /* of DELIVERED */
	uint16_t code;            /* the reply's, or our own */
	char enhanced[12];
	char text[HK_RESULT_TEXT_MAX]; /* as it was said, its lines one behind the other: whoever prints it quotes it */
	char remote[300];         /* "name[address]" of the host that said so, or that it is about; "" when there is none; to be quoted as well */
	bool is_ours;             /* remote said nothing of it: it was not reached, or what it said was no answer */
	bool is_given_up;         /* by the owner: its time was over, or an operator said so */
	struct hk_slice tried;    /* printable ASCII: a line for each host that was tried before; in memory of the job */
};

/* What an attempt tells of its hop, for whoever is delivered to it next (owner_shape.c). */
enum hk_hop_news {
	HK_HOP_TALKED,  /* a host of it spoke of the recipients: it is well */
	HK_HOP_DOWN,    /* no host of it did as much */
	HK_HOP_SILENT,  /* nothing: what went wrong was this message's, or its domain's alone */
	HK_HOP_UNKNOWN, /* the DNS does not tell any more which hosts the domain has */
};

/* An order to deliver: some recipients of one message that share a route (and, for MX, are of one domain). Owned by whoever holds it. */
struct hk_job {
	uint64_t id;              /* message */
	struct hk_place place;
	struct hk_spool_file *file; /* that place is in; NULL: to be opened */
	uint32_t attempt;         /* 1 for the first */
	uint64_t site;            /* jobs of one number have the same hosts; 0: only those of the same domain */
	int64_t born_ms;          /* mono: when the message was accepted, however the calendar jumped */
	struct hk_conf *conf;     /* a use of the generation that it is delivered under */
	const struct hk_conf_route *route;
	unsigned connection_messages; /* that one connection serves */
	uint64_t turn;            /* one more for each job: whose turn it is among the sources of the route */
	uint8_t family_last;      /* 4 or 6: these addresses of a host come after its others; 0: as the route has it */
	struct hk_slice domain;   /* of the recipients; in memory of the job */
	uint32_t *rcpt;           /* indexes in the message */
	size_t n_rcpt;
	struct hk_rcpt_result *result; /* n_rcpt of them, filled by the delivery */
	/* the keys of this attempt's signatures, indexes in conf; none before there is one */
	struct hk_key_choice signing[HK_KEY_CHOICES];
	enum hk_sign_alg signing_alg[HK_KEY_CHOICES];
	size_t n_signing;
	struct hk_buf tried;      /* lines: what became of each host that was tried */
	enum hk_hop_news news;
	uint8_t family_failed;    /* 4 or 6: a host was reached by its other family, and not by this one; 0: nothing of the kind */
	bool released;            /* the delivery could not be made at all: the message is as if never tried */
	void *owner_private;
};
void hk_job_free(struct hk_job *);

enum hk_order_type { HK_ORDER_COMMITTED, HK_ORDER_DELIVER, HK_ORDER_CALLED, HK_ORDER_ASK };
struct hk_order {
	enum hk_order_type type;
	/* COMMITTED: the answer to hk_owner_put. ASK: for hk_owner_answer */
	uint64_t token;
	enum hk_status status; /* OK: durable, say 250. FULL: 452 4.3.1. Anything else: 451 4.3.0 */
	/* DELIVER: taken by the receiver, given back with hk_owner_result */
	struct hk_job *job;
	/* CALLED: the receiver's from now on */
	struct hk_queue_call *call;
	/* ASK: the MX of a domain; borrowed until the next call */
	struct hk_dns_question question;
};

struct hk_owner;
/* hk_owner_new(conf, disk, log, now, ret): opens and recovers the spool. As hk_spool_open. Takes a use of conf. The messages that it has are read by the
 * steps that follow, some in each; mail is taken at once. */
enum hk_status hk_owner_new(struct hk_conf *, struct hk_disk *, struct hk_log *, const struct hk_now *, struct hk_owner **ret) HK_MUSTCHECK;
/* The same with sizes of one's own, for tests and the simulator. */
struct hk_owner_options {
	struct hk_disk *disk;
	struct hk_log *log;
	const struct hk_now *now;
	uint64_t segment_size; /* 0: the configuration's */
	size_t jobs_max;       /* deliveries out at once; 0: the default */
	uint64_t quiet_ms;     /* without a commit, until the spool rests; 0: the default */
	size_t slice;          /* messages of the spool that a step reads; 0: the default */
};
enum hk_status hk_owner_new_sized(struct hk_conf *, const struct hk_owner_options *, struct hk_owner **ret) HK_MUSTCHECK;
/* hk_owner_free(o): commits nothing; jobs that are out must have come back or be lost on purpose (a crash is the same). */
void hk_owner_free(struct hk_owner *);
/* a new configuration: waiting messages are routed anew; where memory lacks, in a later step. Takes a use. */
void hk_owner_reload(struct hk_owner *, struct hk_conf *);
/* hk_owner_put(o, mail, token): takes mail, and its body file: that is not the session's any more, whatever the answer is. The answer is an order COMMITTED with that token, after a later step. */
void hk_owner_put(struct hk_owner *, struct hk_mail *, uint64_t token);
/* hk_owner_result(o, job): takes the job. */
void hk_owner_result(struct hk_owner *, struct hk_job *);
/* hk_owner_answer(o, token, answer): to an ASK. Without one for the configuration's resolver-timeout the owner takes it for a failure,
 * and a later one for nothing. */
void hk_owner_answer(struct hk_owner *, uint64_t token, const struct hk_dns_answer *);
/* hk_owner_call(o, call): takes the call; after a later step an order CALLED gives it back. */
void hk_owner_call(struct hk_owner *, struct hk_queue_call *);
/* hk_owner_step(o, now): one commit for all that waits, DSNs that became due, jobs that may start. Blocks for one sync at most. */
void hk_owner_step(struct hk_owner *, const struct hk_now *);
/* hk_owner_next(o, ret): the next order, false when there is none now. */
bool hk_owner_next(struct hk_owner *, struct hk_order *ret);
/* when to step again although nothing was posted (mono_ms); UINT64_MAX: never. */
uint64_t hk_owner_deadline(const struct hk_owner *);
/* hk_owner_stop(o): no new jobs; what was posted is still committed. hk_owner_is_idle: nothing is out or waiting for a commit. */
void hk_owner_stop(struct hk_owner *);
bool hk_owner_is_idle(const struct hk_owner *);
/* intake has to refuse now (disk full, syncs failing): sessions then answer MAIL with 452 or 451. Any thread may read the flag. */
enum hk_status hk_owner_intake(const struct hk_owner *);
/* octets that a message may have now: one that says it is larger (RFC 1870) is told 452 at MAIL already; UINT64_MAX: not known. */
uint64_t hk_owner_room(const struct hk_owner *);
uint64_t hk_owner_last_id(const struct hk_owner *);
struct hk_owner_counts {
	uint64_t accepted, delivered, deferred, failed, dsns, jobs_out;
	uint64_t queued, waiting, active; /* messages: all; for their time, or not read yet; in a round */
	struct hk_spool_counts spool;
};
void hk_owner_count(const struct hk_owner *, struct hk_owner_counts *ret);

/* hk_dsn_is_due(result, notify): whether the sender is to be told of it (RFC 3461 4.1, 5.2); notify as it came with RCPT. One that
 * is PENDING counts as delayed: when to tell of that is the caller's to know. */
bool hk_dsn_is_due(const struct hk_rcpt_result *, unsigned notify);
/* hk_dsn_make(conf, mail, results, n, now, id, ret): the message that tells the sender of these recipients, each of which is due
 * (RFC 3464): from <>, to mail->mail_from. Returns owned. NOTFOUND when none is due (the sender is <>). */
enum hk_status hk_dsn_make(const struct hk_conf *, const struct hk_mail *, const struct hk_rcpt_result *, size_t n, const struct hk_now *, uint64_t id, struct hk_mail **ret) HK_MUSTCHECK;

#endif
