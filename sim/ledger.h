/* SPDX-License-Identifier: MIT
 *
 * ledger.h - what was promised, what arrived, and what must never be (security.md 4.3).
 *
 * Mail number N is from sN@a.test (or <>) to rN-0@..., rN-1@..., so every address says whose it is.
 */
#ifndef HIKYAKU_SIM_LEDGER_H
#define HIKYAKU_SIM_LEDGER_H

#include <hikyaku/base.h>

#define HK_SIM_RCPTS 4
#define HK_SIM_ADDRESS 64

enum hk_sim_answer {
	HK_SIM_OPEN,    /* on its way; or the server went before it said anything */
	HK_SIM_ACKED,   /* 250 */
	HK_SIM_REFUSED, /* 4yz or 5yz */
	HK_SIM_DOUBTFUL /* refused after it may have reached the disk: a crash may bring it back */
};

struct hk_sim_rcpt {
	char address[HK_SIM_ADDRESS];
	unsigned deliveries, ambiguous; /* ambiguous: the server went between the sink's 250 and its own record of it */
	unsigned dsns;
	bool is_taken;                  /* RCPT was accepted */
	unsigned told, lines;           /* last results that a delivery gave; lines in the log that say so */
	bool has_failed;                /* the sink said 5yz */
	bool is_unrecorded;             /* delivered, and the owner has not committed that yet */
	bool is_posted;                 /* its result reached the owner */
	bool may_lack_dsn;              /* its DSN was itself refused, or too old */
};
struct hk_sim_mail {
	enum hk_sim_answer answer;
	uint64_t id;                    /* queue id, when it is known; else 0 */
	uint64_t crashes;               /* when it was answered */
	uint64_t began_ms;              /* when the client began with it; it was received then or later */
	bool has_null_sender;
	unsigned n_rcpt;
	size_t body_n;
	unsigned removed, accepts;      /* lines in the log */
	bool may_lack_line;             /* the server went between the commit and the line */
	bool has_dns_trouble;           /* so its verdict may be temperror */
	bool may_be_removed, may_be_expired; /* an operator asked for it */
	bool is_held, is_ended;         /* he was told that it is so */
	bool was_out;                   /* is_ended, but for those who were in a delivery then */
	unsigned releases;              /* that he asked for, and was not answered */
	bool has_by, by_return;         /* DELIVERBY */
	int32_t by_s;
	struct hk_sim_rcpt rcpt[HK_SIM_RCPTS];
};
struct hk_sim_ledger {
	struct hk_sim_mail *mail;       /* number N at N */
	size_t n, room;
	size_t settled;                 /* so many have come to their end, and were looked at */
	uint64_t acked, delivered, dsns, duplicates;
};

struct hk_sim;
struct hk_job;
struct hk_returned;
/* hk_sim_ledger_new(s, n_rcpt): the next number, with its addresses. */
size_t hk_sim_ledger_new(struct hk_sim *, unsigned n_rcpt);
/* hk_sim_ledger_by(s, mail): its sender sets a time (RFC 2852). */
void hk_sim_ledger_by(struct hk_sim *, struct hk_sim_mail *);
void hk_sim_ledger_answer(struct hk_sim *, size_t number, enum hk_sim_answer);
/* The body that mail `number` must have. */
void hk_sim_body_add(const struct hk_sim *, size_t number, struct hk_buf *out);
/* A sink took a message for a recipient. */
void hk_sim_ledger_delivered(struct hk_sim *, struct hk_slice mail_from, struct hk_slice rcpt, struct hk_slice body);
void hk_sim_ledger_failed(struct hk_sim *, struct hk_slice rcpt, struct hk_slice body);
/* hk_sim_ledger_find(s, address): NULL when it is nobody's. *ret_number may be NULL. */
struct hk_sim_rcpt *hk_sim_ledger_find(struct hk_sim *, struct hk_slice address, size_t *ret_number);
struct hk_sim_mail *hk_sim_ledger_by_id(struct hk_sim *, uint64_t id);
/* hk_sim_ledger_taken(m, index): the recipient that the server knows by this index; NULL. */
struct hk_sim_rcpt *hk_sim_ledger_taken(struct hk_sim_mail *, size_t index);
void hk_sim_ledger_crashed(struct hk_sim *);
/* A job's results reached the owner; and: all that reached it is durable, but for the messages it still holds results of. */
void hk_sim_ledger_posted(struct hk_sim *, const struct hk_job *);
void hk_sim_ledger_recorded(struct hk_sim *, const struct hk_returned *still);
/* When all is quiet: those that were not looked at yet. */
void hk_sim_ledger_check(struct hk_sim *);
void hk_sim_ledger_done(struct hk_sim *);

#endif
