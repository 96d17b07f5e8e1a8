/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/delivery_rig.h"

enum { ROUNDS_MAX = 200000 };

static void note_session(struct hk_tls_sink *sink, const struct hk_tls_session *s)
{
	struct rig *r = (struct rig *)((char *)sink - offsetof(struct rig, tls_sink));

	hk_buf_addf(&r->results, "%s %.*s %.*s %s\n", hk_tls_policy_word(s->type), HK_FMT(s->domain),
	    HK_FMT(s->host), hk_tls_result_word(s->result));
}

void rig_init(struct rig *r, const char *conf, const char *zone)
{
	struct hk_spool_options options = {.dir = "/spool", .segment_size = 128 * 1024};
	struct hk_spool_entry entry;

	*r = (struct rig){
	    .now = {.mono_ms = 1000, .utc = 1731243549, .zone_minutes = 540, .zone_name = "JST"}};
	hk_sim_disk_init(&r->disk, HK_SIM_POSIX, 1);
	hk_prng_init(&r->prng, 1);
	hk_arena_init(&r->arena, 64 * 1024 * 1024);
	hk_buf_init(&r->events, 1024 * 1024);
	hk_buf_init(&r->results, 1024 * 1024);
	r->tls_sink.note = note_session;
	if (hk_conf_parse("rig", hk_slice_str(conf), &r->conf, NULL) != HK_OK)
		abort();
	if (hk_zone_parse(&r->arena, hk_slice_str(zone), &r->zone, NULL) != HK_OK)
		abort();
	if (hk_spool_open(&r->disk.disk, &options, NULL, &r->spool) != HK_OK)
		abort();
	while (hk_spool_recovered(r->spool, &entry) == HK_OK)
		;
}

static void drop_kept(struct rig *r);

void rig_done(struct rig *r)
{
	size_t i;

	drop_kept(r);

	for (i = 0; i < r->n_peers; i++)
		hk_buf_done(&r->peer[i].got);
	hk_spool_close(r->spool);
	hk_conf_free(r->conf);
	free(r->job.rcpt);
	free(r->job.result);
	hk_buf_done(&r->events);
	hk_buf_done(&r->results);
	hk_arena_done(&r->arena);
	hk_sim_disk_done(&r->disk);
}

static struct hk_slice dup(struct rig *r, const char *text)
{
	struct hk_slice s = {0};

	if (text && hk_arena_dup(&r->arena, hk_slice_str(text), &s) != HK_OK)
		abort();
	return s;
}

static void body_file(struct rig *r, struct hk_mail *m, uint64_t size)
{
	uint8_t line[64];
	char name[80];
	char id[HK_MAIL_ID_TEXT];
	int file = -1;
	uint64_t at;
	size_t i;

	hk_mail_id_format(m->id, id);
	m->body_file = dup(r, id);
	m->body_size = size;
	snprintf(name, sizeof name, "/spool/body/%s", id);
	if (r->disk.disk.ops->open(&r->disk.disk, name, HK_OPEN_WRITE | HK_OPEN_CREATE, &file) !=
	    HK_OK)
		abort();
	for (at = 0; at < size; at += sizeof line) {
		for (i = 0; i < sizeof line - 2; i++)
			line[i] = i == 0 ? '.' : (uint8_t)('a' + (at / sizeof line + i) % 26);
		line[62] = '\r';
		line[63] = '\n';
		if (r->disk.disk.ops->write(
		        &r->disk.disk, file, at, hk_slice_of(line, sizeof line)) != HK_OK)
			abort();
	}
	if (r->disk.disk.ops->sync(&r->disk.disk, file) != HK_OK ||
	    r->disk.disk.ops->sync_dir(&r->disk.disk, "/spool/body") != HK_OK)
		abort();
	r->disk.disk.ops->close(&r->disk.disk, file);
}

static size_t split_rcpt(struct rig *r, const char *text, struct hk_mail_rcpt **ret)
{
	struct hk_slice rest = dup(r, text);
	size_t n = 1, i;

	for (i = 0; i < rest.n; i++)
		n += rest.p[i] == ' ';
	*ret = hk_arena_array(&r->arena, n, sizeof **ret);
	for (i = 0; i < n; i++) {
		(*ret)[i].address = hk_slice_sub(rest, 0, hk_slice_find(rest, ' '));
		rest = hk_slice_from(rest, (*ret)[i].address.n + 1);
	}
	return n;
}

static void add_edit(struct rig *r, struct hk_mail *m, size_t remove)
{
	struct hk_edits *e = hk_edits_new(&r->arena);
	struct hk_buf out;

	hk_buf_init(&out, 65536);
	if (!e || hk_edits_remove(e, remove - 1) != HK_OK)
		abort();
	hk_edits_format(e, &out);
	if (hk_arena_dup(&r->arena, hk_buf_slice(&out), &m->edits) != HK_OK)
		abort();
	hk_buf_done(&out);
}

void rig_put(struct rig *r, const struct rig_mail *t)
{
	static uint64_t id = 0x3243F6A8885A30;
	struct hk_mail m = {
	    .id = ++id,
	    .received = r->now.utc,
	    .flags = t->flags,
	    .listener = dup(r, t->listener),
	    .mail_from = dup(r, t->from),
	    .header = dup(r, t->header),
	    .trace = dup(r, t->trace),
	    .body = dup(r, t->body),
	    .summary = dup(r, t->summary),
	    .params = t->params,
	};
	size_t i, at;

	m.body_size = m.body.n;
	if (!t->body)
		body_file(r, &m, t->body_size);
	if (t->remove)
		add_edit(r, &m, t->remove);
	m.n_rcpt = split_rcpt(r, t->rcpt, &m.rcpt);
	for (i = 0; i < m.n_rcpt; i++)
		m.rcpt[i].params = t->rcpt_params;
	if (hk_spool_put(r->spool, &m) != HK_OK || hk_spool_commit(r->spool) != HK_OK)
		abort();
	free(r->job.rcpt);
	free(r->job.result);
	r->job = (struct hk_job){.id = m.id, .attempt = 1, .conf = r->conf, .n_rcpt = m.n_rcpt};
	r->job.rcpt = calloc(m.n_rcpt, sizeof *r->job.rcpt);
	r->job.result = calloc(m.n_rcpt, sizeof *r->job.result);
	if (hk_spool_find(r->spool, m.id, &r->job.place) != HK_OK || !r->job.rcpt || !r->job.result)
		abort();
	for (i = 0; i < m.n_rcpt; i++)
		r->job.rcpt[i] = (uint32_t)i;
	at = hk_slice_rfind(m.rcpt[0].address, '@');
	r->job.domain = hk_slice_from(m.rcpt[0].address, at + 1);
	r->job.route = hk_conf_find_route(r->conf, r->job.domain);
	r->job.connection_messages = r->job.route ? r->job.route->connection_messages : 0;
	r->result = r->job.result;
}

void rig_again(struct rig *r)
{
	memset(r->job.result, 0, r->job.n_rcpt * sizeof *r->job.result);
	r->job.attempt++;
	r->job.released = false;
	hk_buf_reset(&r->events);
}

bool rig_saw(const struct rig *r, const char *text)
{
	return r->events.n && memmem(r->events.p, r->events.n, text, strlen(text)) != NULL;
}

/* ---- the server's script ---- */

struct link {
	struct rig_peer *peer;
	const char *at;     /* next reply; NULL: the script is over */
	struct hk_buf line; /* of the client, so far */
	struct hk_buf out;  /* to the client */
	bool in_data, is_closed;
	size_t chunk_left; /* of a BDAT */
};

static void drop_kept(struct rig *r)
{
	struct link *l = r->kept;

	hk_smtpc_free(r->link.client);
	if (!l)
		return;
	hk_buf_done(&l->line);
	hk_buf_done(&l->out);
	free(l);
}

static void say(struct link *l)
{
	const char *end;
	size_t n, i;

	if (!l->at) {
		l->is_closed = true;
		return;
	}
	end = strchr(l->at, '|');
	n = end ? (size_t)(end - l->at) : strlen(l->at);
	if (n == 5 && memcmp(l->at, "close", 5) == 0) {
		l->is_closed = true;
	} else if (n) {
		for (i = 0; i < n; i++) {
			if (l->at[i] == '\n')
				hk_buf_add_byte(&l->out, '\r');
			hk_buf_add_byte(&l->out, (uint8_t)l->at[i]);
		}
		hk_buf_add_str(&l->out, "\r\n");
		l->in_data = memcmp(l->at, "354", 3) == 0;
	}
	l->at = end ? end + 1 : NULL;
}

static void hear(struct link *l, struct hk_slice bytes)
{
	size_t i, n;

	hk_buf_add(&l->peer->got, bytes);
	l->is_closed |= l->peer->cut_after && l->peer->connections == 1 && l->peer->got.n >= l->peer->cut_after;
	for (i = 0; i < bytes.n && !l->is_closed; i++) {
		bool dot;

		if (l->chunk_left) {
			if (!--l->chunk_left)
				say(l);
			continue;
		}
		hk_buf_add_byte(&l->line, bytes.p[i]);
		if (bytes.p[i] != '\n')
			continue;
		dot = hk_slice_eq(hk_buf_slice(&l->line), HK_S(".\r\n"));
		if (!l->in_data && hk_slice_starts_nocase(hk_buf_slice(&l->line), HK_S("BDAT "))) {
			for (l->chunk_left = 0, n = 5; hk_is_digit(l->line.p[n]); n++)
				l->chunk_left = l->chunk_left * 10 + l->line.p[n] - '0';
			hk_buf_reset(&l->line);
			if (!l->chunk_left)
				say(l);
			continue;
		}
		hk_buf_reset(&l->line);
		if (!l->in_data) {
			say(l);
		} else if (dot) {
			l->in_data = false;
			say(l);
		}
	}
}

/* ---- driving ---- */

static struct rig_peer *find_peer(struct rig *r, const struct hk_delivery_want *w)
{
	char ip[HK_IP_TEXT_MAX];
	size_t i;

	hk_ip_format(&w->ip, ip);
	for (i = 0; i < r->n_peers; i++)
		if (!r->peer[i].ip || strcmp(r->peer[i].ip, ip) == 0)
			return &r->peer[i];
	return NULL;
}

static const char *script_of(const struct rig_peer *peer)
{
	const char *script = peer->script;
	size_t i;

	for (i = 0; i < 4 && i + 1 < peer->connections && peer->then[i]; i++)
		script = peer->then[i];
	return script;
}

static void connect_to(
    struct rig *r, struct hk_delivery *d, struct link *l, const struct hk_delivery_want *w)
{
	char ip[HK_IP_TEXT_MAX], source[HK_IP_TEXT_MAX];

	hk_ip_format(&w->ip, ip);
	hk_ip_format(&w->source, source);
	if (w->unix_path.n)
		hk_buf_addf(&r->events, "connect unix:%.*s\n", HK_FMT(w->unix_path));
	else
		hk_buf_addf(&r->events, "connect %s:%u from %s\n", ip, w->port, source);
	hk_buf_done(&l->line);
	hk_buf_done(&l->out);
	*l = (struct link){.peer = find_peer(r, w)};
	hk_buf_init(&l->line, 1024 * 1024);
	hk_buf_init(&l->out, 1024 * 1024);
	if (!l->peer || !l->peer->script) {
		l->peer = NULL;
		hk_delivery_connected(d, false, HK_S("refused"));
		return;
	}
	if (!l->peer->got.max)
		hk_buf_init(&l->peer->got, 64 * 1024 * 1024);
	l->peer->connections++;
	l->at = script_of(l->peer);
	hk_delivery_connected(d, true, (struct hk_slice){0});
	say(l);
}

static void answer_dns(struct rig *r, struct hk_delivery *d, const struct hk_delivery_want *w)
{
	struct hk_dns_answer answer;

	hk_buf_addf(&r->events, "dns %.*s %s\n", HK_FMT(w->question.name),
	    hk_dns_type_name(w->question.type));
	if (hk_zone_answer(r->zone, &r->arena, &w->question, &answer) != HK_OK)
		abort();
	answer.secure = r->is_signed;
	if (r->bogus && hk_slice_eq(w->question.name, hk_slice_str(r->bogus)))
		answer = (struct hk_dns_answer){.question = w->question, .rcode = HK_DNS_SERVFAIL, .bogus = true};
	/* a name that is in the zone as "$TIMEOUT" is not answered at all: the attempt's own clock
	 * has to notice */
	if (answer.rcode != HK_DNS_TIMEOUT)
		hk_delivery_dns(d, w->id, &answer);
}

static void sign(struct rig *r, struct hk_delivery *d, const struct hk_delivery_want *w)
{
	uint8_t signature[HK_SIGNATURE_MAX];
	size_t n = sizeof signature;

	hk_buf_addf(&r->events, "sign %zu\n", w->key);
	if (!r->signer[w->key] || hk_sign_digest(r->signer[w->key], w->digest, signature, &n) != HK_OK)
		n = 0;
	hk_delivery_signed(d, w->id, hk_slice_of(signature, n));
}

/* One want; true when the attempt is over. */
static bool satisfy(
    struct rig *r, struct hk_delivery *d, struct link *l, const struct hk_delivery_want *w)
{
	switch (w->type) {
	case HK_DELIVERY_DNS:
		answer_dns(r, d, w);
		break;
	case HK_DELIVERY_CONNECT:
		connect_to(r, d, l, w);
		break;
	case HK_DELIVERY_STS:
		hk_buf_addf(&r->events, "sts %.*s\n", HK_FMT(w->name));
		if (!r->is_sts_silent)
			hk_delivery_sts(d, hk_slice_str(r->sts), r->sts_result);
		break;
	case HK_DELIVERY_TLS:
		hk_buf_addf(&r->events, "tls %.*s", HK_FMT(w->tls.name));
		if (w->tls.verify != HK_VERIFY_NONE)
			hk_buf_addf(&r->events, " %s", hk_tls_verify_word(w->tls.verify));
		hk_buf_add_byte(&r->events, '\n');
		hk_delivery_tls(d, !l->peer->tls_fails, HK_S("handshake"),
		    w->tls.verify != HK_VERIFY_NONE ? l->peer->certificate : HK_TLS_RESULT_NONE);
		break;
	case HK_DELIVERY_SIGN:
		sign(r, d, w);
		break;
	case HK_DELIVERY_CLOSE:
		hk_buf_add_str(&r->events, "close\n");
		if (l->peer && hk_delivery_out(d).n) {
			hk_buf_add(&l->peer->got, hk_delivery_out(d));
			hk_delivery_sent(d, hk_delivery_out(d).n);
		}
		l->peer = NULL;
		break;
	case HK_DELIVERY_LOCAL:
		hk_buf_add_str(&r->events, "local\n");
		hk_delivery_local_run(d);
		hk_delivery_local_done(d);
		break;
	case HK_DELIVERY_DONE:
		return true;
	}
	return false;
}

static size_t cut(struct rig *r, size_t n)
{
	if (r->cut == RIG_BYTES)
		return n ? 1 : 0;
	return r->cut == RIG_RANDOM && n ? 1 + (size_t)hk_prng_below(&r->prng, n) : n;
}

/* Bytes in both directions; false when there were none. */
static bool move(struct rig *r, struct hk_delivery *d, struct link *l)
{
	struct hk_slice out = hk_delivery_out(d);
	size_t n = cut(r, out.n), taken;
	bool any = false;

	if (!l->peer)
		return false;
	if (l->is_closed && l->peer->cut_after) { /* gone, whatever is still to be said */
		l->peer = NULL;
		hk_delivery_eof(d);
		return true;
	}
	if (n) {
		hear(l, hk_slice_sub(out, 0, n));
		hk_delivery_sent(d, n);
		any = true;
	}
	n = cut(r, l->out.n);
	if (n && l->peer->slow_ms) {
		r->now.mono_ms += l->peer->slow_ms;
		if (r->now.mono_ms >= hk_delivery_deadline(d)) {
			hk_delivery_tick(d, &r->now);
			return true;
		}
	}
	if (n) {
		taken = hk_delivery_feed(d, hk_slice_sub(hk_buf_slice(&l->out), 0, n));
		hk_buf_drop(&l->out, taken);
		any = any || taken;
	}
	if (!any && l->is_closed) {
		l->peer = NULL;
		hk_delivery_eof(d);
		any = true;
	}
	return any;
}

void rig_run(struct rig *r)
{
	enum hk_sign_alg algs[RIG_KEYS] = {HK_SIGN_RSA_SHA256};
	struct hk_delivery_env env = {.job = &r->job, .disk = &r->disk.disk, .key_algs = algs,
	    .key_sights = r->sights, .answers_sts = r->answers_sts, .tls_sink = &r->tls_sink};
	struct hk_delivery *d;
	struct hk_delivery_want w;
	struct link l = {0};
	unsigned rounds, i;

	env.link = &r->link;
	env.is_link_shared = r->is_link_shared;
	env.can_keep = r->can_keep;
	if (r->kept)
		l = *(struct link *)r->kept;
	free(r->kept);
	r->kept = NULL;

	for (i = 0; i < RIG_KEYS; i++)
		if (r->signer[i])
			algs[i] = hk_private_key_alg(r->signer[i]);
	if (r->fail_disk_at) {
		r->disk.fail_at = r->disk.calls + r->fail_disk_at;
		r->disk.fail_with = HK_IO;
	}
	d = hk_delivery_new(&env, &r->now);
	if (!d)
		abort();
	for (rounds = 0; rounds < ROUNDS_MAX; rounds++) {
		enum hk_status status = hk_delivery_next(d, &r->now, &w);

		if (status == HK_OK && satisfy(r, d, &l, &w))
			break;
		if (status == HK_END)
			abort(); /* DONE comes before it */
		if (status == HK_OK || move(r, d, &l))
			continue;
		if (hk_delivery_deadline(d) == UINT64_MAX)
			abort(); /* it would wait for ever */
		if (hk_delivery_deadline(d) > r->now.mono_ms)
			r->now.mono_ms = hk_delivery_deadline(d);
		r->ticks++;
		hk_delivery_tick(d, &r->now);
	}
	if (rounds == ROUNDS_MAX)
		abort();
	r->disk.fail_at = 0;
	if (hk_delivery_take_link(d, &r->link)) {
		r->kept = malloc(sizeof l);
		if (!r->kept)
			abort();
		memcpy(r->kept, &l, sizeof l);
	} else {
		hk_buf_done(&l.line);
		hk_buf_done(&l.out);
	}
	hk_delivery_free(d);
}
