/* SPDX-License-Identifier: MIT
 *
 * drain.h - a spool without a server is handed over to another host: job by job, each recorded durably before the next one. What
 * the host did not take stays as it was.
 *
 *	next -> a job for hk_delivery -> done		until END
 */
#ifndef HIKYAKU_ENGINE_DRAIN_H
#define HIKYAKU_ENGINE_DRAIN_H

#include "engine/owner.h"

struct hk_drain_options {
	struct hk_conf *conf;   /* its first route leads to the host; its spool is drained */
	struct hk_disk *disk;
	struct hk_log *log;
	bool with_held;         /* also what an operator held, and what is quarantined and was not released */
	uint64_t segment_size;  /* 0: the configuration's */
};
struct hk_drain_counts {
	uint64_t messages;      /* in the spool when it began, and reports since */
	uint64_t handed_over, partly, stay, held; /* of those seen so far, each in one of them */
	uint64_t recipients;    /* that were handed over */
	uint64_t reports;       /* made: the host knows nothing of DSN, and the sender wants to hear of success (RFC 3461 5.2.2) */
};

struct hk_drain;
/* hk_drain_new(options, ret): opens and recovers the spool, as hk_spool_open. Takes a use of conf. */
enum hk_status hk_drain_new(const struct hk_drain_options *, struct hk_drain **ret) HK_MUSTCHECK;
void hk_drain_free(struct hk_drain *); /* NULL allowed */
/* hk_drain_next(d, now, ret, ret_mail): at most 100 recipients of one message, in the order of acceptance. The job is the caller's
 * until hk_drain_done; *ret_mail, the envelope, is borrowed until then. END: all were seen. */
enum hk_status hk_drain_next(
    struct hk_drain *, const struct hk_now *, struct hk_job **ret, const struct hk_mail **ret_mail) HK_MUSTCHECK;
/* hk_drain_done(d, job, now): takes the job. OK: what was delivered is recorded durably, and gone. Else nothing of it is: the host
 * has it, and so has the spool; nothing more may be handed over. */
enum hk_status hk_drain_done(struct hk_drain *, struct hk_job *, const struct hk_now *) HK_MUSTCHECK;
/* hk_drain_tidy(d): gives space back that nothing needs any more; errors only postpone that. */
void hk_drain_tidy(struct hk_drain *);
void hk_drain_count(const struct hk_drain *, struct hk_drain_counts *ret);

#endif
