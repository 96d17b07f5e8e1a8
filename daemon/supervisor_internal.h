/* SPDX-License-Identifier: MIT
 *
 * supervisor_internal.h - the supervisor's state.
 *
 *	supervisor.c         start, signals, deaths, the end
 *	supervisor_offer.c   how a configuration gets to the roles and comes into force
 */
#ifndef HIKYAKU_DAEMON_SUPERVISOR_INTERNAL_H
#define HIKYAKU_DAEMON_SUPERVISOR_INTERNAL_H

#include "daemon/bundle.h"
#include "daemon/certificates.h"
#include "daemon/child.h"
#include "daemon/operator_socket.h"
#include "daemon/options.h"
#include "daemon/sockets.h"
#include "engine/world.h"
#include "io/log.h"

#define OFFER_MS                                                                                   \
	60000 /* a role that says nothing about a configuration for so long will not (recovery of  \
	         a large spool takes seconds) */
#define STOP_MS 35000 /* the mta's own patience (HK_MTA_STOP_MS) and some more */

struct supervisor {
	const struct options *options;
	struct hk_log *log;
	struct hk_log_sink *sink;
	int self, signals;
	struct child mta, keys, fetch;
	struct sockets sockets;
	struct operator_socket operator;
	struct bundle *now, *next; /* in force; being offered */
	uint64_t next_until;       /* mono_ms */
	bool next_is_offered;      /* to the mta: the keys have said yes */
	bool wants_reload;         /* asked for while another one was under way */
	uint32_t number;
	unsigned workers;
	struct certificates certificates;
	bool stopping, failed, over;
	uint64_t stop_until;
	void (*ready)(void);
};

/* offer_begin(s, b): takes b; offers it to the keys, then to the mta. */
void offer_begin(struct supervisor *, struct bundle *);
/* offer_again(s, c): what is in force, to a role that was started again. */
void offer_again(struct supervisor *, struct child *);
/* offer_refuse(s, why): what is in force stays; without any, this is the end. */
void offer_refuse(struct supervisor *, struct hk_slice why);
/* offer_listen(s, c): takes the messages of a role. */
void offer_listen(struct supervisor *, struct child *);
/* offer_log(s, conf): the log file after it was opened anew, and the form of its lines. */
void offer_log(struct supervisor *, const struct hk_conf *);
void supervisor_reload(struct supervisor *);
/* the first configuration is in force */
void supervisor_is_ready(struct supervisor *);

#endif
