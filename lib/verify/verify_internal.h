/* SPDX-License-Identifier: MIT
 *
 * verify_internal.h - the verifier's insides: its parts, its ports, its questions.
 *
 *	spf  --port--\
 *	dkim --port---+--> questions, each once --> caller --> evidence --> back through the ports
 *	dmarc-port---+
 *	arc  --port--/
 *
 * A port hands its answers to its evaluator in the order in which the evaluator asked, whenever
 *they came. So the trace of a method, and the verdict, are the same for every timing, and a replay
 *repeats them bit for bit.
 */
#ifndef HIKYAKU_VERIFY_INTERNAL_H
#define HIKYAKU_VERIFY_INTERNAL_H

#include <hikyaku/verify.h>

#include "lib/arc/arc_internal.h"

/* OTHER: DMARC by the other profile, to compare; its trace is nobody's. */
enum verify_port_id { PORT_SPF, PORT_DKIM, PORT_DMARC, PORT_ARC, PORT_OTHER, PORTS };

/* Author domains judged one by one (RFC 7489 6.6.1). The number is a choice: each costs three questions of DMARC's 20, and
 * nobody writes from more. */
enum { VERIFY_AUTHORS_MAX = 4 };

struct verify_dmarc {
	struct hk_dmarc *at[VERIFY_AUTHORS_MAX];
	size_t n;
	struct hk_dmarc_verdict verdict; /* when all have theirs */
};

/* One question, whichever ports need it. */
struct verify_question {
	struct verify_question *next;
	struct hk_dns_question q;
	bool handed_out;
	const struct hk_dns_answer *answer; /* in the evidence; NULL: not yet */
};

/* One place in a port's order. */
struct verify_wait {
	struct verify_wait *next;
	struct verify_question *question; /* NULL: the port's share was used up */
	struct hk_dns_answer refused;     /* then this is the answer */
};

struct verify_port {
	bool used; /* there is an evaluator behind it */
	bool open; /* answers may pass: for DKIM and ARC only when the body has ended */
	bool done;
	struct hk_trace *trace;
	size_t asked;                     /* so far, also what another port had asked before */
	struct verify_wait *first, *last; /* what waits for its answer, in order */
};

struct hk_verify {
	struct hk_arena *arena;
	struct hk_verify_input input;
	struct hk_work work; /* limits: what this message has */
	struct hk_header header;
	bool has_header, ended, told, done, replaying;
	enum hk_status failed;
	struct verify_port port[PORTS];
	struct hk_spf *spf;
	struct hk_dkim_verify *dkim;
	struct hk_slice author[VERIFY_AUTHORS_MAX]; /* the domains of From, each once */
	size_t n_authors;                           /* VERIFY_AUTHORS_MAX + 1: there are more */
	struct verify_dmarc dmarc, other;
	struct hk_arc_validate *arc;
	struct hk_dkim_body *body; /* what is hashed of the body, for DKIM and ARC together; or NULL */
	struct verify_question *first, *last;
	struct hk_evidence *evidence;
	struct hk_trace *trace;
	struct hk_verify_verdict verdict; /* with pointers into own */
	struct {
		struct hk_spf_verdict spf;
		struct hk_dmarc_verdict dmarc;
		struct hk_arc_verdict arc;
	} own;
};

/* Whose questions are counted as what. */
extern const enum hk_work_kind verify_port_kind[PORTS];
/* verify_port_share(v, id): how many questions it may ask. */
size_t verify_port_share(const struct hk_verify *, enum verify_port_id);
/* verify_ports_run(v): everything that can be done now. OK when all ports are done, else AGAIN or a
 * failure. */
enum hk_status verify_ports_run(struct hk_verify *);
/* verify_port_use(v, id, open): a trace and the permission to run; NOMEM or LIMIT. */
enum hk_status verify_port_use(struct hk_verify *, enum verify_port_id, bool open);
/* verify_from(v): fills from_state, header_from and author_domain of the verdict; says it in the
 * trace. */
enum hk_status verify_from(struct hk_verify *);
/* DMARC for all author domains, and by the other profile as well where they are to be compared. */
enum hk_status verify_dmarc_start(struct hk_verify *);
enum hk_status verify_dmarc_step(struct verify_dmarc *);
bool verify_dmarc_question(struct verify_dmarc *, struct hk_dns_question *ret);
enum hk_status verify_dmarc_answer(struct verify_dmarc *, const struct hk_dns_answer *);
/* verify_dmarc_tell(v): what SPF and DKIM found, when both are done. verify_dmarc_gather(v): the verdict; says where the
 * profiles differ. */
enum hk_status verify_dmarc_tell(struct hk_verify *);
void verify_dmarc_gather(struct hk_verify *);
/* verify_enter(v, question): a question that is no port's, to be handed out once. */
enum hk_status verify_enter(struct hk_verify *, const struct hk_dns_question *);
/* why there is no author domain, for people; "" for HK_FROM_ONE */
const char *verify_from_text(enum hk_from_state);

/* verify_override(v): what the chain of ARC changes about the disposition (RFC 8617 7.2.1); says it in
 * the trace. */
enum hk_status verify_override(struct hk_verify *);
/* verify_end(v): the body is there, whole or as hashes of a record. */
void verify_end(struct hk_verify *);

#endif
