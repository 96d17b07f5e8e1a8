/* SPDX-License-Identifier: MIT
 *
 * mta.h - the mail process: one owner, N workers, and what they share.
 *
 *	start (opens the spool) -> setup (a generation and its sockets; again for each reload) ->
 *stop -> told... -> end
 *
 * All calls are the main thread's.
 */
#ifndef HIKYAKU_IO_MTA_H
#define HIKYAKU_IO_MTA_H

#include <sys/types.h>

#include "engine/world.h"
#include "io/generation.h"
#include "io/mailbox.h"

#define HK_MTA_STOP_MS 30000 /* what sessions and deliveries under way have to finish */
#define HK_MTA_BUSY_MS 3000  /* how long a start waits for a spool that another process holds */

struct hk_mta_socket {
	int fd;
	unsigned worker;
	size_t listener; /* index in the generation's configuration */
};

struct hk_mta;
/* hk_mta_workers(conf): how many threads its configuration means here. */
unsigned hk_mta_workers(const struct hk_conf *);
/* hk_mta_start(conf, log, main, ret): opens and recovers the spool, starts the workers. main: where
 * the mta tells that it is idle. The status of a failure is hk_owner_new's; why was logged. */
enum hk_status hk_mta_start(
    struct hk_conf *, struct hk_log *, struct hk_mailbox *main, struct hk_mta **ret) HK_MUSTCHECK;
/* hk_mta_setup(m, generation, sockets, n): serves. The first generation is that of hk_mta_start's
 * configuration. Takes a use of the generation, and each fd that is new. Sockets not named any more
 * are closed; sessions that came by them go on. */
enum hk_status hk_mta_setup(
    struct hk_mta *, struct hk_generation *, const struct hk_mta_socket *, size_t n) HK_MUSTCHECK;
/* hk_mta_keys(m, worker, fd): takes fd, a channel to the keys. */
void hk_mta_keys(struct hk_mta *, unsigned worker, int fd);
/* hk_mta_fetch(m, fd): takes fd, a channel to the fetch process. */
void hk_mta_fetch(struct hk_mta *, int fd);
/* hk_mta_operator(m, fd, group): takes fd, the operator's socket; once, and after hk_mta_setup (operator.h). */
enum hk_status hk_mta_operator(struct hk_mta *, int fd, gid_t group) HK_MUSTCHECK;
/* hk_mta_stop(m): no new sessions and deliveries. hk_mta_told(m, post): takes a post of the main
 * mailbox; true once all are idle. */
void hk_mta_stop(struct hk_mta *);
bool hk_mta_told(struct hk_mta *, struct hk_post *);
/* hk_mta_end(m): what is still under way is dropped; joins all threads; frees. */
void hk_mta_end(struct hk_mta *);

#endif
