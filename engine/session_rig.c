/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hikyaku/names.h>

#include "engine/render.h"
#include "engine/session_rig.h"
#include "lib/smtp/smtp_refusal.h"

enum { ROUNDS_MAX = 20 * 1000 * 1000 };

static void log_line(struct hk_log *log, enum hk_log_level level, struct hk_slice line)
{
	struct srig *r = (struct srig *)((char *)log - offsetof(struct srig, sink));

	(void)level;
	hk_buf_add(&r->log, line);
	hk_buf_add_byte(&r->log, '\n');
}

void srig_init(struct srig *r, const char *conf, const char *zone)
{
	*r = (struct srig){.client = "10.0.0.9",
	    .now = {.mono_ms = 1000,
	        .utc = 1731243549,
	        .utc_ms = 5,
	        .zone_minutes = 540,
	        .zone_name = "JST"}};
	r->sink.line = log_line;
	hk_sim_disk_init(&r->disk, HK_SIM_POSIX, 1);
	hk_prng_init(&r->prng, 1);
	hk_arena_init(&r->arena, 256 * 1024 * 1024);
	hk_buf_init(&r->replies, 8 * 1024 * 1024);
	hk_buf_init(&r->log, 16 * 1024 * 1024);
	if (hk_conf_parse("rig", hk_slice_str(conf), &r->conf, NULL) != HK_OK)
		abort();
	if (hk_zone_parse(&r->arena, hk_slice_str(zone), &r->zone, NULL) != HK_OK)
		abort();
}

void srig_done(struct srig *r)
{
	size_t i;

	for (i = 0; i < r->n_mails; i++)
		hk_mail_free(r->mail[i]);
	hk_conf_free(r->conf);
	hk_buf_done(&r->replies);
	hk_buf_done(&r->log);
	hk_arena_done(&r->arena);
	hk_sim_disk_done(&r->disk);
}

static void answer(struct srig *r, struct hk_session *s, const struct hk_session_want *w)
{
	struct hk_dns_answer a;
	struct hk_arena scratch;

	r->questions++;
	if (r->dns_is_dead)
		return;
	hk_arena_init(&scratch, 1024 * 1024);
	if ((hk_dns_type_is_local(w->question.type) ? hk_names_answer(NULL, &w->question, &scratch, &a)
	                                            : hk_zone_answer(r->zone, &scratch, &w->question, &a)) != HK_OK)
		abort();
	if (a.rcode != HK_DNS_TIMEOUT)
		hk_session_dns(s, w->id, &a);
	hk_arena_done(&scratch);
}

static void sync_body(struct srig *r, struct hk_session *s, const struct hk_session_want *w)
{
	enum hk_status status = r->sync;

	r->syncs++;
	if (status == HK_OK)
		status = r->disk.disk.ops->sync(&r->disk.disk, w->file);
	if (status == HK_OK)
		status = r->disk.disk.ops->sync_dir(&r->disk.disk, w->path);
	hk_session_synced(s, w->id, status);
}

static void commit(struct srig *r, struct hk_session *s, const struct hk_session_want *w)
{
	r->n_commits++;
	r->now.mono_ms += r->commit_ms;
	if (r->commit_ms)
		hk_session_tick(s, &r->now);
	if (r->commit == HK_OK && r->n_mails < SRIG_MAILS)
		r->mail[r->n_mails++] = w->mail;
	else
		hk_mail_free(w->mail);
	hk_session_committed(s, w->id, r->commit);
}

/* The users of the rig: PLAIN with the password "1234"; LOGIN asks for the two one after the other;
 * LATER and CRAM ask once and then say what their name says. */
static void authenticate(struct srig *r, struct hk_session *s, const struct hk_session_want *w)
{
	struct hk_auth_answer a = {.outcome = HK_AUTH_DENIED};
	const struct hk_auth_ask *ask = &w->auth;
	static const char want[] = "\0user@b.test\0001234";

	r->auth_begun += ask->step == HK_AUTH_BEGIN;
	r->auth_ended += ask->step == HK_AUTH_END;
	if (ask->step == HK_AUTH_BEGIN)
		r->auth_mechanism = ask->mechanism.n ? ask->mechanism.p[0] : 0;
	if (ask->step == HK_AUTH_END || r->auth_is_dead)
		return;
	snprintf(r->auth_device, sizeof r->auth_device, "%.*s", HK_FMT(ask->device));
	if (!ask->has_data) {
		a.outcome = HK_AUTH_CONTINUE;
		a.challenge = r->auth_mechanism == 'L' ? HK_S("User Name") : (struct hk_slice){0};
	} else if (r->auth_mechanism == 'E') { /* ENDLESS */
		a.outcome = HK_AUTH_CONTINUE;
	} else if (r->auth_mechanism == 'T') { /* TEMPORARY */
		a.outcome = HK_AUTH_LATER;
	} else if (r->auth_mechanism == 'S') { /* SYNTAX */
		a.outcome = HK_AUTH_SYNTAX;
	} else if (hk_slice_eq(ask->data, hk_slice_of(want, sizeof want - 1))) {
		a.outcome = HK_AUTH_PASSED;
		a.user = HK_S("user@b.test");
		a.senders = hk_slice_str(r->senders ? r->senders : "");
	} else {
		a.user = HK_S("user@b.test");
	}
	hk_session_auth(s, w->id, &a);
}

static void satisfy(
    struct srig *r, struct hk_session *s, const struct hk_session_want *w, bool *closing)
{
	switch (w->type) {
	case HK_SESSION_DNS:
		answer(r, s, w);
		break;
	case HK_SESSION_TLS:
		hk_buf_add(&r->replies, hk_session_out(s));
		hk_session_sent(s, hk_session_out(s).n);
		hk_session_tls(s, !r->tls_fails, HK_S("TLSv1.3"));
		break;
	case HK_SESSION_SYNC:
		sync_body(r, s, w);
		break;
	case HK_SESSION_COMMIT:
		commit(r, s, w);
		break;
	case HK_SESSION_AUTH:
		authenticate(r, s, w);
		break;
	case HK_SESSION_RUN:
		snprintf(r->ran, sizeof r->ran, "%.*s", HK_FMT(w->domain));
		hk_session_run_asked(s, !r->run_fails);
		break;
	case HK_SESSION_CLOSE:
		*closing = true;
		break;
	}
}

static size_t cut(struct srig *r, size_t n)
{
	if (r->piece && n > r->piece)
		n = r->piece;
	if (r->cut == SRIG_BYTES)
		return n ? 1 : 0;
	return r->cut == SRIG_RANDOM && n ? 1 + (size_t)hk_prng_below(&r->prng, n < 5000 ? n : 5000)
	                                  : n;
}

static bool drain(struct srig *r, struct hk_session *s)
{
	struct hk_slice out = hk_session_out(s);
	size_t n = cut(r, out.n);

	if (!n || r->never_reads)
		return false;
	hk_buf_add(&r->replies, hk_slice_sub(out, 0, n));
	hk_session_sent(s, n);
	return true;
}

static const struct hk_conf_listener *find_listener(const struct srig *r)
{
	size_t i;

	for (i = 0; r->listener && i < r->conf->n_listeners; i++)
		if (hk_slice_eq(r->conf->listener[i].name, hk_slice_str(r->listener)))
			return &r->conf->listener[i];
	return r->conf->listener;
}

/* Time goes on to the next deadline; false when there is none. */
static bool wait(struct srig *r, struct hk_session *s)
{
	uint64_t at = hk_session_deadline(s);

	if (at == UINT64_MAX)
		return false;
	if (at > r->now.mono_ms)
		r->now.mono_ms = at;
	r->ticks++;
	hk_session_tick(s, &r->now);
	return true;
}

/* How much may be said before the server's turn. */
static size_t turn(const struct srig *r, struct hk_slice bytes, size_t taken)
{
	static const char word[] = "STARTTLS\r\n";
	enum { WORD = sizeof word - 1 };
	size_t i;

	/* it may have begun before */
	for (i = taken < WORD ? 0 : taken - WORD + 1; r->waits_for_tls && i + WORD <= bytes.n; i++)
		if (memcmp(bytes.p + i, word, WORD) == 0)
			return i + WORD - taken;
	return bytes.n - taken;
}

/* Every 4xx and 5xx says what it is, ends with its id, and stands in the log. */
static void check_refusals(struct srig *r)
{
	struct hk_slice rest = hk_buf_slice(&r->replies), transaction;

	hk_buf_add_byte(&r->log, 0);
	if (hk_buf_status(&r->log) != HK_OK)
		return;
	r->log.n--;
	while (rest.n) {
		struct hk_slice line = hk_slice_sub(rest, 0, hk_slice_find(rest, '\n'));
		const struct hk_refusal_row *row = hk_refusal_row(line.n > 4 ? hk_refusal_in(line, &transaction) : HK_REFUSAL_NONE);
		char text[8], rule[64];

		if (line.n == rest.n)
			return; /* cut off */
		rest = hk_slice_from(rest, line.n + 1);
		if (line.n < 4 || (line.p[0] != '4' && line.p[0] != '5') || line.p[3] != ' ')
			continue;
		snprintf(text, sizeof text, "%03u ", row->code % 1000);
		snprintf(rule, sizeof rule, " rule=%s ", row->id);
		if (hk_slice_starts_nocase(line, hk_slice_str(text)) && strstr((const char *)r->log.p, rule))
			continue;
		fprintf(stderr, "no id of the table, or no line of it in the log: %.*s\n", HK_FMT(line));
		abort();
	}
}

void srig_run(struct srig *r, struct hk_slice bytes)
{
	struct hk_session_env env = {.conf = r->conf,
	    .listener = find_listener(r),
	    .disk = &r->disk.disk,
	    .log = &r->sink,
	    .ids = &r->ids,
	    .intake = &r->intake,
	    .room = r->room ? &r->room : NULL,
	    .greylist = r->greylist,
	    .checkpoints = r->checkpoints,
	    .client_port = 4711,
	    .limits = r->limits,
	    .mechanisms = hk_slice_str(r->mechanisms ? r->mechanisms : ""),
	    .device_key = HK_S("sixteen octets!!")};
	size_t taken = 0, fed;
	struct hk_session_want w;
	struct hk_session *s;
	bool closing = false, eof = false;
	unsigned rounds;

	if (hk_ip_parse(hk_slice_str(r->client), &env.client) != HK_OK)
		env.client = (struct hk_ip){0};
	hk_buf_reset(&r->replies);
	r->has_ended = false;
	s = hk_session_new(&env, &r->now);
	if (!s)
		abort();
	if (r->talks_early)
		taken += hk_session_feed(s, bytes, &r->now);
	for (rounds = 0; rounds < ROUNDS_MAX; rounds++) {
		enum hk_status status = hk_session_next(s, &r->now, &w);

		if (status == HK_OK) {
			satisfy(r, s, &w, &closing);
			continue;
		}
		if (status == HK_END && (r->never_reads || !hk_session_out(s).n))
			break;
		if (drain(r, s))
			continue;
		if (r->shutdown_after && taken >= r->shutdown_after) {
			r->shutdown_after = 0;
			hk_session_shutdown(s);
			continue;
		}
		fed = 0;
		if (r->slow_ms && hk_session_wants_input(s) && taken < bytes.n) {
			r->now.mono_ms += r->slow_ms;
			if (r->now.mono_ms >= hk_session_deadline(s)) {
				hk_session_tick(s, &r->now);
				continue;
			}
		}
		if (hk_session_wants_input(s) && taken < bytes.n)
			fed = hk_session_feed(
			    s, hk_slice_sub(bytes, taken, cut(r, turn(r, bytes, taken))), &r->now);
		taken += fed;
		if (fed)
			continue;
		if (hk_session_wants_input(s) && taken == bytes.n && !r->keep_open && !eof) {
			hk_session_eof(s);
			eof = true;
			continue;
		}
		if (!wait(r, s))
			break;
	}
	if (rounds == ROUNDS_MAX)
		abort();
	r->has_ended = closing;
	r->left = bytes.n - taken;
	hk_session_free(s);
	check_refusals(r);
}

void srig_say(struct srig *r, const char *text)
{
	srig_run(r, hk_slice_str(text));
}

static const char *keep(struct srig *r, const struct hk_buf *b)
{
	struct hk_slice s;

	if (hk_arena_dup(&r->arena, hk_buf_slice(b), &s) != HK_OK)
		abort();
	return (const char *)s.p;
}

const char *srig_stored(struct srig *r, size_t i)
{
	struct hk_render_options options = {0};
	struct hk_render render;
	struct hk_buf out;
	const char *text;
	uint8_t chunk[8192];
	size_t n;

	hk_buf_init(&out, 64 * 1024 * 1024);
	if (i >= r->n_mails ||
	    hk_render_init(&render, &r->arena, r->mail[i], &r->disk.disk,
	        (const char *)r->conf->spool.p) != HK_OK ||
	    hk_render_edit(&render, &r->arena, &options) != HK_OK ||
	    hk_render_finish(&render, &options, (struct hk_slice){0}) != HK_OK)
		abort();
	do {
		if (hk_render_read(&render, out.n, chunk, sizeof chunk, &n) != HK_OK)
			abort();
		hk_buf_add(&out, hk_slice_of(chunk, n));
	} while (n);
	text = keep(r, &out);
	hk_render_done(&render);
	hk_buf_done(&out);
	return text;
}

const char *srig_replies(struct srig *r)
{
	return keep(r, &r->replies);
}

const char *srig_log(struct srig *r)
{
	return keep(r, &r->log);
}

const char *srig_codes(struct srig *r)
{
	struct hk_slice rest = hk_buf_slice(&r->replies);
	struct hk_buf out;
	const char *text;

	hk_buf_init(&out, 1024 * 1024);
	while (rest.n) {
		struct hk_slice line = hk_slice_sub(rest, 0, hk_slice_find(rest, '\n') + 1);

		if (line.n > 3 && line.p[3] != '-')
			hk_buf_addf(&out, "%s%.3s", out.n ? " " : "", (const char *)line.p);
		rest = hk_slice_from(rest, line.n);
	}
	text = keep(r, &out);
	hk_buf_done(&out);
	return text;
}
