/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/log_file.h"
#include "daemon/notify.h"
#include "daemon/reload.h"
#include "daemon/supervisor_internal.h"
#include "engine/log_value.h"
#include "io/clock.h"
#include "io/control.h"

/* A role that does not take messages is as good as dead; waitpid sees its end, and it is started
 * again. */
static void send_to(struct supervisor *s, struct child *c, const struct hk_control *m)
{
	if (c->control < 0 || hk_control_send(c->control, m) == HK_OK)
		return;
	hk_logf(s->log, HK_LOG_ERROR, "ev=control role=%s what=\"it takes no messages\"",
	    role_name(c->role));
	child_release(c);
	if (c->pid)
		kill(c->pid, SIGKILL);
}

/* ---- to the keys
 * ------------------------------------------------------------------------------------ */

/* A few keys, then one for each answer: with all at once both sides could wait for the other to read.
 */
enum { KEYS_UNANSWERED = 16 };

static void send_key(struct supervisor *s, struct bundle *b)
{
	size_t i = b->keys_sent;

	if (i == b->conf->n_keys)
		return;
	b->keys_sent++;
	send_to(s, &s->keys,
	    &(struct hk_control){.type = HK_CONTROL_KEY,
	        .generation = b->number,
	        .index = (uint32_t)i,
	        .fd = b->key[i]});
}

static void send_keys(struct supervisor *s, struct bundle *b)
{
	unsigned i;

	b->keys_sent = 0;
	for (i = 0; i < KEYS_UNANSWERED; i++)
		send_key(s, b);
}

/* The one that was answered may be of the generation in force, whose keys a new process gets. */
static void send_next_key(struct supervisor *s, uint32_t generation)
{
	if (s->next && s->next->number == generation)
		send_key(s, s->next);
	else if (s->now && s->now->number == generation)
		send_key(s, s->now);
}

/* m with one end to the mta, and with the other one to whom it talks to; false: there is none to be had. */
static bool send_pair(struct supervisor *s, struct hk_control *m, struct child *other)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
		hk_logf(s->log, HK_LOG_ERROR, "ev=channel what=%s",
		    hk_log_value(hk_slice_str(strerror(errno))).text);
		return false;
	}
	m->fd = pair[0];
	send_to(s, &s->mta, m);
	m->fd = pair[1];
	send_to(s, other, m);
	close(pair[0]);
	close(pair[1]);
	return true;
}

/* Both roles get new ends: a pair serves one life of each. */
static void send_channels(struct supervisor *s)
{
	struct hk_control m = {.type = HK_CONTROL_CHANNEL};

	for (m.worker = 0; m.worker < s->workers; m.worker++)
		if (!send_pair(s, &m, &s->keys))
			return;
}

/* A pair serves one life of each, too. */
static void send_fetch(struct supervisor *s)
{
	struct hk_control m = {.type = HK_CONTROL_FETCH};

	(void)send_pair(s, &m, &s->fetch);
}

static void send_log(struct supervisor *s, struct child *c, const struct hk_conf *conf)
{
	const struct hk_control m = log_message(conf);

	send_to(s, c, &m);
}

void offer_log(struct supervisor *s, const struct hk_conf *conf)
{
	log_shape(s->sink, conf);
	send_log(s, &s->mta, conf);
	send_log(s, &s->keys, conf);
	send_log(s, &s->fetch, conf);
}

static void send_operator(struct supervisor *s)
{
	if (s->operator.fd >= 0)
		send_to(s, &s->mta,
		    &(struct hk_control){.type = HK_CONTROL_OPERATOR, .index = s->operator.group, .fd = s->operator.fd});
}

/* ---- to the mta
 * --------------------------------------------------------------------------------------- */

static void send_sockets(struct supervisor *s, const struct bundle *b, size_t listener, bool all)
{
	const struct hk_conf_listener *l = &b->conf->listener[listener];
	size_t i, worker;

	for (i = 0; i < l->n_sockets; i++)
		for (worker = 0; worker < s->workers; worker++) {
			const struct bound *at =
			    sockets_find(&s->sockets, &l->socket[i], (unsigned)worker);

			send_to(s, &s->mta,
			    &(struct hk_control){.type = HK_CONTROL_LISTEN,
			        .generation = b->number,
			        .index = (uint32_t)listener,
			        .worker = at->worker,
			        .socket = at->socket,
			        .fd = all || at->is_new ? at->fd : -1});
		}
}

static void send_certificates(struct supervisor *s, const struct bundle *b, size_t listener)
{
	struct hk_control m = {.generation = b->number, .index = (uint32_t)listener};
	size_t i = bundle_pair(b->conf, listener), end = bundle_pair(b->conf, listener + 1);

	for (; i < end; i++) {
		m.type = HK_CONTROL_CERTIFICATE;
		m.fd = b->certificate[i];
		send_to(s, &s->mta, &m);
		m.type = HK_CONTROL_CERTIFICATE_KEY;
		m.fd = b->certificate_key[i];
		send_to(s, &s->mta, &m);
	}
}

static void send_users(struct supervisor *s, const struct bundle *b, size_t listener)
{
	if (b->users[listener] >= 0)
		send_to(s, &s->mta,
		    &(struct hk_control){.type = HK_CONTROL_USERS,
		        .generation = b->number,
		        .index = (uint32_t)listener,
		        .fd = b->users[listener]});
}

/* all: also the sockets that the mta of before had; for one that was just started. */
static void send_bundle(struct supervisor *s, const struct bundle *b, bool all)
{
	struct hk_control m = {.type = HK_CONTROL_CONF,
	    .generation = b->number,
	    .text = hk_slice_str(s->options->config),
	    .fd = b->text_fd};
	size_t i;

	send_to(s, &s->mta, &m);
	for (i = 0; i < b->conf->n_listeners; i++) {
		send_certificates(s, b, i);
		send_users(s, b, i);
		send_sockets(s, b, i, all);
	}
	for (i = 0; i < b->conf->n_keys; i++)
		send_to(s, &s->mta,
		    &(struct hk_control){.type = HK_CONTROL_ALG,
		        .generation = b->number,
		        .index = (uint32_t)i,
		        .alg = b->alg[i],
		        .text = b->record[i],
		        .fd = -1});
	if (b->device_key >= 0)
		send_to(s, &s->mta,
		    &(struct hk_control){.type = HK_CONTROL_DEVICE_KEY,
		        .generation = b->number,
		        .fd = b->device_key});
	send_to(s, &s->mta,
	    &(struct hk_control){.type = HK_CONTROL_SERVE, .generation = b->number, .fd = -1});
}

static void offer_to_mta(struct supervisor *s)
{
	s->next_is_offered = true;
	send_bundle(s, s->next, s->now == NULL);
}

/* ---- offers
 * ---------------------------------------------------------------------------------------------- */

void offer_begin(struct supervisor *s, struct bundle *b)
{
	s->next = b;
	s->next_is_offered = false;
	s->next_until = hk_clock_mono_ms() + OFFER_MS;
	if (!s->now) {
		offer_log(s, b->conf);
		send_channels(s);
		send_fetch(s);
		send_operator(s);
	}
	send_keys(s, b);
	if (bundle_has_all_algs(b))
		offer_to_mta(s);
}

void offer_again(struct supervisor *s, struct child *c)
{
	if (!s->now)
		return;
	send_log(s, c, s->now->conf);
	if (c->role != ROLE_KEYS)
		send_fetch(s);
	if (c->role == ROLE_FETCH)
		return;
	send_channels(s);
	if (c->role == ROLE_KEYS) {
		send_keys(s, s->now);
		return;
	}
	send_operator(s);
	send_bundle(s, s->now, true);
}

static void end_offer(struct supervisor *s)
{
	bool again = s->wants_reload;

	s->next = NULL;
	s->next_until = UINT64_MAX;
	s->wants_reload = false;
	notify_ready();
	if (again)
		supervisor_reload(s);
}

void offer_refuse(struct supervisor *s, struct hk_slice why)
{
	if (!s->now) {
		hk_logf(s->log, HK_LOG_ERROR, "ev=start what=%s", hk_log_value(why).text);
		s->failed = s->over = true;
		return;
	}
	reload_log(s->log, HK_SYNTAX, why);
	send_to(s, &s->keys,
	    &(struct hk_control){
	        .type = HK_CONTROL_FORGET, .generation = s->next->number, .fd = -1});
	sockets_undo(&s->sockets);
	bundle_free(s->next);
	end_offer(s);
}

static void accept_offer(struct supervisor *s)
{
	bool is_first = !s->now;

	sockets_keep(&s->sockets);
	if (!is_first && s->now->conf->log_format != s->next->conf->log_format)
		offer_log(s, s->next->conf);
	bundle_free(s->now);
	s->now = s->next;
	certificates_begin(&s->certificates, s->now->conf, hk_clock_mono_ms());
	if (is_first) {
		supervisor_is_ready(s); /* whoever reads the line finds the pid file */
		hk_logf(s->log, HK_LOG_INFO, "ev=ready pid=%ld mta=%ld keys=%ld workers=%u",
		    (long)getpid(), (long)s->mta.pid, (long)s->keys.pid, s->workers);
	} else {
		reload_log(s->log, HK_OK, (struct hk_slice){0});
	}
	end_offer(s);
}

/* ---- what roles say: claims, not facts
 * ------------------------------------------------------------------- */

static void take_alg(struct supervisor *s, const struct hk_control *m)
{
	struct bundle *b = s->next;

	/* those of what is in force are known: a keys process started again says them once more */
	if (!b || b->number != m->generation || m->index >= b->conf->n_keys || s->next_is_offered)
		return;
	if (bundle_set_alg(b, m->index, m->alg, m->text) != HK_OK)
		return;
	if (bundle_has_all_algs(b))
		offer_to_mta(s);
}

static void take_refusal(struct supervisor *s, const struct child *c, const struct hk_control *m)
{
	struct hk_buf why;

	hk_buf_init(&why, 65536);
	if (c->role == ROLE_KEYS && s->next && m->index < s->next->conf->n_keys)
		hk_buf_addf(&why, "%.*s: ", HK_FMT(s->next->conf->key[m->index].file));
	hk_buf_add(&why, m->text);
	if (s->next && s->next->number == m->generation)
		offer_refuse(s, hk_buf_slice(&why));
	else
		hk_logf(s->log, HK_LOG_ERROR, "ev=refused role=%s what=%s", role_name(c->role),
		    hk_log_value(hk_buf_slice(&why)).text);
	hk_buf_done(&why);
}

static void take_message(struct supervisor *s, const struct child *c, const struct hk_control *m)
{
	if (c->role == ROLE_FETCH)
		return; /* it has nothing to say to us */
	if (c->role == ROLE_KEYS && (m->type == HK_CONTROL_ALG || m->type == HK_CONTROL_REFUSED))
		send_next_key(s, m->generation);
	if (m->type == HK_CONTROL_REFUSED)
		take_refusal(s, c, m);
	else if (m->type == HK_CONTROL_ALG && c->role == ROLE_KEYS)
		take_alg(s, m);
	else if (m->type == HK_CONTROL_SERVING && c->role == ROLE_MTA && s->next &&
	         s->next_is_offered && s->next->number == m->generation)
		accept_offer(s);
	else if (m->type == HK_CONTROL_SERVING && c->role == ROLE_MTA)
		hk_logf(s->log, HK_LOG_INFO, "ev=restarted role=mta pid=%ld", (long)c->pid);
}

void offer_listen(struct supervisor *s, struct child *c)
{
	uint8_t buffer[HK_CONTROL_MAX];
	enum hk_status status = HK_OK;
	struct hk_control m;

	while (c->control >= 0 && (status = hk_control_receive(c->control, buffer, &m)) == HK_OK) {
		if (m.fd >= 0)
			close(m.fd); /* none is ever asked for */
		take_message(s, c, &m);
	}
	if (status == HK_END || status == HK_IO)
		child_release(c);
	else if (status != HK_OK && status != HK_AGAIN)
		hk_logf(s->log, HK_LOG_ERROR,
		    "ev=control role=%s what=\"it sent what is no message\"", role_name(c->role));
}
