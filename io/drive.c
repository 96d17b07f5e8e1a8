/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "io/ask.h"
#include "io/drive.h"
#include "io/net.h"
#include "io/worker.h"

enum { TICK_AGAIN_MS = 100 };

static uint64_t now_of(const struct hk_drive *d)
{
	return d->worker->loop.now.mono_ms;
}

static void drop_rest(struct hk_drive *d)
{
	free(d->rest);
	d->rest = NULL;
	d->rest_at = d->rest_n = 0;
}

static void part(struct hk_drive *d, bool gently)
{
	if (d->conn)
		hk_conn_close(d->conn, gently);
	d->conn = NULL;
	d->state = HK_DRIVE_APART;
	d->stall_at = d->handshake_until = HK_TIMER_NEVER;
	d->closing = false;
	d->tls = NULL;
	drop_rest(d);
}

static void tell_eof(struct hk_drive *d)
{
	if (!d->eof_told)
		d->ops->eof(d);
	d->eof_told = true;
}

/* The connection broke: nothing can be sent or read any more. */
static void lose(struct hk_drive *d)
{
	part(d, false);
	tell_eof(d);
}

/* ---- time --------------------------------------------------------------------------------- */

static void fail_handshake(struct hk_drive *d, const char *why, enum hk_tls_result result)
{
	part(d, false);
	d->ops->tls(d, false, hk_slice_str(why), result);
}

static void due(struct hk_timer *timer)
{
	struct hk_drive *d = (struct hk_drive *)((char *)timer - offsetof(struct hk_drive, timer));
	uint64_t now = now_of(d);

	if (now >= d->handshake_until)
		fail_handshake(d, "the TLS handshake took too long", HK_TLS_RESULT_VALIDATION);
	else if (now >= d->stall_at)
		lose(d);
	if (now >= d->ops->deadline(d))
		d->ops->tick(d);
	hk_drive_pump(d);
}

static void set_timer(struct hk_drive *d)
{
	uint64_t at = d->ops->deadline(d), now = now_of(d);

	/* a deadline that a tick did not move on must not keep the loop busy */
	if (at <= now)
		at = now + TICK_AGAIN_MS;
	if (d->stall_at < at)
		at = d->stall_at;
	if (d->handshake_until < at)
		at = d->handshake_until;
	hk_timers_set(&d->worker->loop.timers, &d->timer, at);
}

/* ---- life --------------------------------------------------------------------------------- */

bool hk_drive_init(struct hk_drive *d, const struct hk_drive_ops *ops, struct hk_worker *w)
{
	*d = (struct hk_drive){
	    .ops = ops, .worker = w, .stall_at = HK_TIMER_NEVER, .handshake_until = HK_TIMER_NEVER};
	if (hk_timers_join(&w->loop.timers, &d->timer, due) != HK_OK)
		return false;
	d->next = w->drives;
	d->prev = &w->drives;
	if (d->next)
		d->next->prev = &d->next;
	w->drives = d;
	return true;
}

static void free_drive(struct hk_drive *d)
{
	part(d, false);
	hk_ask_drop_all(d);
	hk_timers_leave(&d->worker->loop.timers, &d->timer);
	*d->prev = d->next;
	if (d->next)
		d->next->prev = d->prev;
	d->ops->free(d);
}

void hk_drive_drop(struct hk_drive *d)
{
	d->over = true;
	part(d, false);
	hk_ask_drop_all(d);
	hk_timers_set(&d->worker->loop.timers, &d->timer, HK_TIMER_NEVER);
	if (!d->jobs && !d->pumping)
		free_drive(d);
}

static void woken(void *user)
{
	struct hk_drive *d = user;
	int error;

	if (d->state == HK_DRIVE_CONNECTING) {
		error = hk_net_connect_error(hk_conn_fd(d->conn));
		if (error)
			part(d, false);
		else
			d->state = HK_DRIVE_OPEN;
		d->ops->connected(d, !error, hk_slice_str(error ? strerror(error) : ""));
	}
	hk_drive_pump(d);
}

bool hk_drive_connect(struct hk_drive *d, int fd, bool is_open)
{
	part(d, false);
	d->conn = hk_conn_new(&d->worker->loop, fd, woken, d);
	if (!d->conn)
		return false;
	d->state = is_open ? HK_DRIVE_OPEN : HK_DRIVE_CONNECTING;
	d->eof_told = false;
	return true;
}

void hk_drive_start_tls(
    struct hk_drive *d, struct hk_tls_context *context, const struct hk_tls_check *check)
{
	d->tls = context;
	d->tls_check = *check;
	/* RFC 3207 4.2, CVE-2011-0411: what came in clear behind STARTTLS is never taken for
	 * protected input */
	drop_rest(d);
}

void hk_drive_close(struct hk_drive *d)
{
	/* what is not open has nothing to drain: the kernel or a handshake would only be waited for
	 */
	if (d->state != HK_DRIVE_OPEN && d->conn)
		part(d, false);
	else
		d->closing = true;
}

/* ---- bytes --------------------------------------------------------------------------------- */

static bool begin_handshake(struct hk_drive *d)
{
	enum hk_status status = hk_conn_start_tls(d->conn, d->tls, &d->tls_check);

	d->tls = NULL;
	if (status != HK_OK) {
		fail_handshake(d, hk_status_text(status), HK_TLS_RESULT_VALIDATION);
		return true;
	}
	if (d->old_tls)
		hk_conn_allow_old_tls(d->conn);
	d->state = HK_DRIVE_HANDSHAKE;
	d->handshake_until = now_of(d) + HK_TLS_HANDSHAKE_MS;
	return true;
}

static bool move_handshake(struct hk_drive *d)
{
	char text[HK_TLS_DESCRIBE_MAX];
	enum hk_tls_result result;
	enum hk_status status;

	if (d->state != HK_DRIVE_HANDSHAKE)
		return false;
	status = hk_conn_handshake(d->conn, text, &result);
	if (status == HK_AGAIN)
		return false;
	if (status != HK_OK) {
		fail_handshake(d, text, result);
		return true;
	}
	d->state = HK_DRIVE_OPEN;
	d->handshake_until = HK_TIMER_NEVER;
	d->ops->tls(d, true, hk_slice_str(text), result);
	return true;
}

/* Nothing is left to send: what was waiting for that may happen. */
static bool drained(struct hk_drive *d)
{
	d->stall_at = HK_TIMER_NEVER;
	if (d->closing) {
		part(d, true);
		return true;
	}
	return d->tls && begin_handshake(d);
}

static bool move_out(struct hk_drive *d)
{
	bool moved = false;
	struct hk_slice out;
	enum hk_status status;
	size_t n;

	if (d->state != HK_DRIVE_OPEN && d->state != HK_DRIVE_APART)
		return false;
	while ((out = d->ops->out(d)).n) {
		if (d->state == HK_DRIVE_APART) {
			d->ops->sent(d, out.n);
			moved = true;
			continue;
		}
		status = hk_conn_write(d->conn, out, &n);
		if (status == HK_AGAIN && d->closing && !d->ops->drains) {
			part(d, false);
			return true;
		}
		if (status == HK_AGAIN) {
			if (moved || d->stall_at == HK_TIMER_NEVER)
				d->stall_at = now_of(d) + HK_DRIVE_STALL_MS;
			return moved;
		}
		if (status != HK_OK) {
			lose(d);
			return true;
		}
		d->ops->sent(d, n);
		moved = true;
	}
	return d->state == HK_DRIVE_OPEN ? drained(d) || moved : moved;
}

static bool keep_rest(struct hk_drive *d, struct hk_slice s)
{
	uint8_t *rest = s.n ? malloc(s.n) : NULL;

	if (rest)
		memcpy(rest, s.p, s.n);
	d->rest = rest;
	d->rest_at = 0;
	d->rest_n = s.n;
	return rest || !s.n;
}

static bool feed_rest(struct hk_drive *d)
{
	size_t n = d->ops->feed(d, hk_slice_of(d->rest + d->rest_at, d->rest_n - d->rest_at));

	d->rest_at += n;
	if (d->rest_at == d->rest_n)
		drop_rest(d);
	return n > 0;
}

static bool move_in(struct hk_drive *d)
{
	uint8_t *to = d->worker->loop.read;
	enum hk_status status;
	size_t n, taken;

	if (d->state != HK_DRIVE_OPEN || d->closing || d->tls || d->eof_told ||
	    !d->ops->wants_input(d))
		return false;
	if (d->rest)
		return feed_rest(d);
	status = hk_conn_read(d->conn, to, HK_LOOP_READ, &n);
	if (status == HK_AGAIN)
		return false;
	if (status == HK_OK) {
		taken = d->ops->feed(d, hk_slice_of(to, n));
		if (!keep_rest(d, hk_slice_of(to + taken, n - taken)))
			lose(d);
	} else if (status == HK_END) {
		tell_eof(d); /* the peer may still read what we have to say */
	} else {
		lose(d);
	}
	return true;
}

/* ---- the whole ---------------------------------------------------------------------------- */

static void settle(struct hk_drive *d)
{
	bool out;

	if (d->ops->dies_with_the_peer && d->state == HK_DRIVE_APART && !d->asks && !d->jobs)
		d->over = true;
	if (d->over) {
		hk_drive_drop(d);
		return;
	}
	set_timer(d);
	if (!d->conn)
		return;
	switch (d->state) {
	case HK_DRIVE_CONNECTING:
		hk_conn_wait(d->conn, false, true);
		break;
	case HK_DRIVE_HANDSHAKE:
		hk_conn_wait(d->conn, true, false);
		break;
	default:
		out = d->ops->out(d).n > 0;
		hk_conn_wait(d->conn,
		    !d->closing && !d->tls && !d->eof_told && !d->rest && d->ops->wants_input(d),
		    out);
	}
}

void hk_drive_pump(struct hk_drive *d)
{
	unsigned reads = 0;
	bool moved;

	if (d->pumping) {
		d->again = true;
		return;
	}
	d->pumping = true;
	do {
		d->again = false;
		moved = !d->over && d->ops->wants(d);
		if (!d->over)
			moved |= move_handshake(d);
		if (!d->over)
			moved |= move_out(d);
		/* past its share the socket wakes us again; what TLS holds would not */
		if (!d->over &&
		    (reads < HK_DRIVE_READS || d->rest ||
		        (d->conn && hk_conn_has_pending(d->conn))) &&
		    move_in(d)) {
			moved = true;
			reads++;
		}
	} while ((moved || d->again) && !d->over);
	d->pumping = false;
	settle(d);
}
