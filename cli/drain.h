/* SPDX-License-Identifier: MIT
 *
 * drain.h - `hikyaku queue drain`: a spool without a server goes to another host.
 *
 *	drain.c        the command: the spool, job by job (engine/drain.h), and what is said of it
 *	drain_wire.c   one job over a connection that stays for the next
 */
#ifndef HIKYAKU_CLI_DRAIN_H
#define HIKYAKU_CLI_DRAIN_H

#include "engine/delivery.h"
#include "smtp.h"

#define DRAIN_SPOOL "/var/spool/hikyaku"
enum { DRAIN_PIECE = 16 * 1024 };

struct drain_wire {
	const char *host;               /* whose addresses are looked up */
	struct hk_tls_context *context; /* of the authorities that count */
	struct smtp_wire at;
	struct hk_delivery_link link;   /* the connection's client, between two jobs */
	uint8_t in[DRAIN_PIECE];        /* read, and not fed yet */
	size_t in_at, in_n;
};

/* drain_wire_init(w, host, ca): ca: PEM texts; empty: the system's. CRYPTO: none can be read. */
enum hk_status drain_wire_init(struct drain_wire *, const char *host, struct hk_slice ca) HK_MUSTCHECK;
/* drain_wire_run(w, job, log): the job's results are filled, or it is released. */
void drain_wire_run(struct drain_wire *, struct hk_job *, struct hk_log *);
void drain_wire_done(struct drain_wire *);

enum cli_exit cli_drain(char **argv);

#endif
