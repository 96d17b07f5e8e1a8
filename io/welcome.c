/* SPDX-License-Identifier: MIT
 *
 * welcome.c - new clients of a worker: some are let in at each turn of the loop, and who cannot be
 * served is told so at once.
 */
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/metrics.h"
#include "io/worker.h"
#include "lib/smtp/smtp_refusal.h"

enum {
	COMMITS_MANY = 32,   /* messages that wait for the disk: fewer of them just wait */
	BUSY_TOLD_MS = 10000 /* the log has it as often as that */
};

bool hk_worker_is_stalled(const struct hk_worker *w)
{
	uint64_t patience = w->recent[0] ? w->recent[0]->conf->overload_wait : 0;

	return patience && w->commits >= COMMITS_MANY &&
	       w->loop.now.mono_ms - w->commit_ms > patience;
}

static void tell_log(struct hk_worker *w, enum hk_refusal why)
{
	uint64_t now = w->loop.now.mono_ms;

	if (why == HK_REFUSAL_SERVER_FULL) {
		if (!w->is_turning_away)
			hk_logf(w->world->log, HK_LOG_WARNING, "ev=full worker=%u sessions=%zu",
			    w->index, w->sessions);
		w->is_turning_away = true;
	} else if (!w->busy_told_ms || now - w->busy_told_ms >= BUSY_TOLD_MS) {
		hk_logf(w->world->log, HK_LOG_WARNING,
		    "ev=busy worker=%u sessions=%zu waiting=%zu commits=%zu", w->index, w->sessions,
		    w->door.n, w->commits);
		w->busy_told_ms = now;
	}
}

/* It is told at once, and may go elsewhere (RFC 5321 4.2.2). Deliberate: not where TLS comes first;
 * a handshake for each would cost many times what the refusal spares (decision 37). What the client
 * said already is read, or closing would take the reply away from it. No more than this is done for
 * it: it is what a server does most that more come to than it can serve. Reply and end go in one
 * segment. */
static void turn_away(struct hk_worker *w, size_t listener, int fd, enum hk_refusal why)
{
	const struct hk_buf *said = &w->away[why != HK_REFUSAL_SERVER_FULL];
	uint8_t unread[1024];

	tell_log(w, why);
	if (w->world->metrics)
		hk_metrics_count(w->world->metrics,
		    why == HK_REFUSAL_SERVER_FULL ? HK_GAUGE_AWAY_FULL : HK_GAUGE_AWAY_BUSY);
	(void)!recv(fd, unread, sizeof unread, MSG_DONTWAIT);
	if (!w->recent[0]->conf->listener[listener].implicit_tls)
		(void)!send(fd, said->p, said->n, MSG_DONTWAIT | MSG_NOSIGNAL | MSG_MORE);
	close(fd);
}

static void let_in(struct hk_worker *w, struct hk_door_guest *guest)
{
	w->is_turning_away = false;
	hk_client_begin(w, w->recent[0], guest->listener, &guest->peer, guest->fd);
	free(guest);
}

static void on_turn(uv_idle_t *idle)
{
	struct hk_worker *w = idle->data;
	struct hk_door_guest *guest;
	unsigned i;

	hk_loop_wake(&w->loop);
	while ((guest = hk_door_take_late(&w->door, w->loop.now.mono_ms))) {
		turn_away(w, guest->listener, guest->fd, HK_REFUSAL_SERVER_BUSY);
		hk_welcome_left(w);
		free(guest);
	}
	for (i = 0; i < HK_DOOR_LET_IN && (guest = hk_door_take(&w->door)); i++)
		let_in(w, guest);
	if (!w->door.n)
		uv_idle_stop(&w->door_idle);
}

void hk_welcome_come(
    struct hk_worker *w, size_t listener, const struct hk_conf_socket *peer, int fd)
{
	enum hk_status status = HK_BUSY;

	if (atomic_load_explicit(w->world->sessions, memory_order_relaxed) >= w->world->sessions_max) {
		turn_away(w, listener, fd, HK_REFUSAL_SERVER_FULL);
		return;
	}
	w->door.patience = w->recent[0]->conf->overload_wait;
	if (!hk_worker_is_stalled(w))
		status = hk_door_come(&w->door, fd, listener, peer, w->loop.now.mono_ms);
	if (status == HK_OK) {
		atomic_fetch_add_explicit(w->world->sessions, 1, memory_order_relaxed);
		uv_idle_start(&w->door_idle, on_turn);
	} else if (status == HK_BUSY) {
		turn_away(w, listener, fd, HK_REFUSAL_SERVER_BUSY);
	} else {
		close(fd); /* no memory, as for a session */
	}
}

void hk_welcome_all(struct hk_worker *w)
{
	struct hk_door_guest *guest;

	while ((guest = hk_door_take(&w->door)))
		let_in(w, guest);
}

void hk_welcome_left(const struct hk_worker *w)
{
	atomic_fetch_sub_explicit(w->world->sessions, 1, memory_order_relaxed);
}

/* In place of the greeting, so without an enhanced code (RFC 2034 4). */
static enum hk_status make_reply(enum hk_refusal why, struct hk_buf *ret)
{
	hk_buf_init(ret, HK_SMTP_REPLY_TEXT_MAX + 16);
	hk_buf_addf(ret, "%u ", hk_refusal_row(why)->code);
	hk_refusal_add(ret, &(struct hk_refusal_said){.why = why});
	hk_buf_add_str(ret, "\r\n");
	return hk_buf_status(ret);
}

enum hk_status hk_welcome_begin(struct hk_worker *w)
{
	hk_door_init(&w->door);
	uv_idle_init(&w->loop.uv, &w->door_idle);
	w->door_idle.data = w;
	return make_reply(HK_REFUSAL_SERVER_FULL, &w->away[0]) == HK_OK
	           ? make_reply(HK_REFUSAL_SERVER_BUSY, &w->away[1])
	           : HK_NOMEM;
}

void hk_welcome_end(struct hk_worker *w)
{
	struct hk_door_guest *guest;

	while ((guest = hk_door_take(&w->door))) {
		close(guest->fd);
		hk_welcome_left(w);
		free(guest);
	}
	hk_buf_done(&w->away[0]);
	hk_buf_done(&w->away[1]);
	uv_close((uv_handle_t *)&w->door_idle, NULL);
}
