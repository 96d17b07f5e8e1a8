/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <hikyaku/crypto.h>

#include "engine/owner_internal.h"
#include "lib/base/bug.h"

static void init_lists(struct hk_owner *o)
{
	o->last_inbox = &o->inbox;
	o->last_batch = &o->batch;
	o->last_returned = &o->returned;
	o->last_order = &o->orders;
	o->last_call = &o->calls;
	o->last_ask = &o->asks;
	hk_hops_init(&o->ready);
	hk_hops_init(&o->unasked);
	hk_hops_init(&o->paced);
	hk_hops_init(&o->patient);
	o->paced_until = UINT64_MAX;
}

static void open_evidence(struct hk_owner *o)
{
	size_t n = strlen(o->dir) + sizeof "/evidence";
	char *dir = malloc(n);
	enum hk_status status = HK_NOMEM;

	if (dir) {
		memcpy(dir, o->dir, strlen(o->dir));
		memcpy(dir + strlen(o->dir), "/evidence", sizeof "/evidence");
		status = hk_evidence_store_open(
		    o->disk, dir, o->conf->evidence_size, o->conf->evidence_days, &o->evidence);
	}
	if (status != HK_OK)
		hk_logf(o->log, HK_LOG_WARNING, "ev=evidence status=%s",
		    hk_status_name(status)); /* a help, never a condition */
	free(dir);
}

static enum hk_status open_all(struct hk_owner *o, const struct hk_owner_options *options)
{
	struct hk_spool_options spool = {.segment_size = options->segment_size ? options->segment_size : o->conf->spool_segment};
	enum hk_status status;

	o->dir = strndup((const char *)o->conf->spool.p, o->conf->spool.n);
	if (!o->dir || hk_hop_prepare(o, o->conf) != HK_OK)
		return HK_NOMEM;
	spool.dir = o->dir;
	status = hk_spool_open(o->disk, &spool, o->log, &o->spool);
	if (status != HK_OK)
		return status;
	hk_recover_begin(o, options->slice);
	open_evidence(o);
	return HK_OK;
}

enum hk_status hk_owner_new_sized(
    struct hk_conf *conf, const struct hk_owner_options *options, struct hk_owner **ret)
{
	struct hk_owner *o = calloc(1, sizeof *o);
	struct hk_log *log = options->log;
	enum hk_status status;

	if (!o)
		return HK_NOMEM;
	o->conf = hk_conf_use(conf);
	o->disk = options->disk;
	o->log = log;
	o->now = *options->now;
	o->jobs_max = options->jobs_max ? options->jobs_max : HK_OWNER_JOBS_MAX;
	o->quiet_ms = options->quiet_ms ? options->quiet_ms : HK_OWNER_QUIET_MS;
	o->quiet_at = o->now.mono_ms + o->quiet_ms;
	init_lists(o);
	if (hk_random(&o->seed, sizeof o->seed) != HK_OK)
		hk_logf(log, HK_LOG_WARNING, "ev=random status=failed");
	status = open_all(o, options);
	if (status != HK_OK) {
		hk_owner_free(o);
		return status;
	}
	o->ids = (struct hk_ids){.last = hk_spool_last_id(o->spool), .worker = HK_IDS_OWNER};
	o->intake = hk_spool_intake(o->spool);
	hk_logf(log, HK_LOG_INFO, "ev=spool dir=%s waiting=%zu",
	    hk_log_quote(hk_slice_str(o->dir)).text, o->unread);
	*ret = o;
	return HK_OK;
}

enum hk_status hk_owner_new(struct hk_conf *conf, struct hk_disk *disk, struct hk_log *log,
    const struct hk_now *now, struct hk_owner **ret)
{
	return hk_owner_new_sized(
	    conf, &(struct hk_owner_options){.disk = disk, .log = log, .now = now}, ret);
}

static void free_lists(struct hk_owner *o)
{
	struct hk_incoming *in;
	struct hk_returned *r;
	struct hk_order order;

	while ((in = o->inbox)) {
		o->inbox = in->next;
		hk_mail_free(in->mail);
	}
	while ((r = o->returned)) {
		o->returned = r->next;
		hk_job_free(r->job);
	}
	hk_calls_free(o);
	while (hk_owner_next(o, &order)) {
		if (order.type == HK_ORDER_DELIVER)
			hk_job_free(order.job);
		else if (order.type == HK_ORDER_CALLED)
			hk_queue_call_free(order.call);
	}
}

void hk_owner_free(struct hk_owner *o)
{
	struct hk_message *m;
	size_t i;

	if (!o)
		return;
	free_lists(o);
	for (i = 0; (m = hk_id_map_each(&o->messages, &i)); i--)
		hk_message_free(o, m); /* which may move another into its slot */
	hk_id_map_done(&o->messages);
	hk_sites_free(o);
	hk_hop_free_all(o);
	hk_reasons_free(o);
	free(o->heap);
	hk_evidence_store_close(o->evidence);
	hk_spool_close(o->spool);
	hk_conf_free(o->conf);
	hk_conf_free(o->wanted_conf);
	free(o->dir);
	free(o);
}

/* Waiting groups are dissolved; what is out stays out, under the configuration that it went with. NOMEM: nothing is done. */
static enum hk_status take_conf(struct hk_owner *o)
{
	struct hk_hop *hop;
	struct hk_group *group;
	struct hk_message *m;
	struct hk_conf *old = o->conf;
	size_t i = 0;

	if (hk_hop_prepare(o, o->wanted_conf) != HK_OK)
		return HK_NOMEM;
	for (hop = o->hops; hop; hop = hop->next)
		while ((group = hk_hop_take(hop, true)))
			hk_group_free(o, group);
	o->conf = o->wanted_conf;
	o->wanted_conf = NULL;
	if (hk_hop_reroute(o) != HK_OK)
		hk_logf(o->log, HK_LOG_WARNING, "ev=reload what=\"out of memory: some domains get their route when their mail is due\"");
	while ((m = hk_id_map_each(&o->messages, &i))) {
		if (m->at != SIZE_MAX || m->groups || HK_BUG(RELOAD_DROPS))
			continue;
		if (m->pending) {
			hk_message_schedule(o, m, 0);
		} else {
			hk_message_removed(o, m); /* all that was left was a group of nobody */
			i--;                      /* another may be in its slot now */
		}
	}
	hk_conf_free(old);
	return HK_OK;
}

void hk_owner_reload(struct hk_owner *o, struct hk_conf *conf)
{
	hk_conf_free(o->wanted_conf);
	o->wanted_conf = hk_conf_use(conf);
	if (take_conf(o) == HK_OK)
		return;
	o->conf_at = o->now.mono_ms + HK_OWNER_STALL_MS;
	hk_logf(o->log, HK_LOG_WARNING,
	    "ev=reload what=\"out of memory: the queue goes by the configuration before, until it can take this one\"");
}

/* The sessions go by it already, and the operator was told that it is in force. */
static void take_conf_late(struct hk_owner *o)
{
	if (!o->wanted_conf || o->now.mono_ms < o->conf_at)
		return;
	if (take_conf(o) == HK_OK)
		hk_logf(o->log, HK_LOG_INFO, "ev=reload what=\"the queue goes by the new configuration now\"");
	else
		o->conf_at = o->now.mono_ms + HK_OWNER_STALL_MS;
}

static void tidy(struct hk_owner *o)
{
	struct hk_spool_counts before, after;
	bool is_quiet = o->now.mono_ms >= o->quiet_at;

	if (o->now.mono_ms < o->tidy_at)
		return;
	hk_spool_count(o->spool, &before);
	if ((is_quiet ? hk_spool_rest : hk_spool_tidy)(o->spool, HK_OWNER_TIDY_BYTES) != HK_OK)
		hk_logf(o->log, HK_LOG_WARNING, "ev=tidy status=failed");
	hk_spool_count(o->spool, &after);
	if (after.bytes != before.bytes)
		o->tidy_at =
		    o->now.mono_ms +
		    HK_OWNER_TIDY_MS / 10; /* more is likely due; paced, so that mail goes first */
	else if (hk_spool_is_failing(o->spool) || after.syncs != before.syncs || hk_spool_room(o->spool) < HK_OWNER_ROOM_SCARCE)
		o->tidy_at = o->now.mono_ms + HK_OWNER_TIDY_MS;
	else
		o->tidy_at = is_quiet ? UINT64_MAX : o->quiet_at; /* MAX: until the next commit */
}

static enum hk_status commit(struct hk_owner *o)
{
	enum hk_status status;

	if (!hk_spool_is_dirty(o->spool))
		return HK_OK;
	status = hk_spool_commit(o->spool);
	if (status != HK_OK)
		o->stalled_until = o->now.mono_ms + HK_OWNER_STALL_MS;
	o->quiet_at = o->now.mono_ms + o->quiet_ms;
	if (o->tidy_at > o->now.mono_ms + HK_OWNER_TIDY_MS)
		o->tidy_at = o->now.mono_ms + HK_OWNER_TIDY_MS;
	return status;
}

void hk_owner_step(struct hk_owner *o, const struct hk_now *now)
{
	enum hk_status status;

	o->now = *now;
	if (o->stalled_until && now->mono_ms >= o->stalled_until)
		o->stalled_until = 0;
	take_conf_late(o);
	hk_recover_some(o);
	hk_incoming_put(o);
	hk_calls_put(o);
	hk_results_put(o);
	status = commit(o);
	hk_incoming_done(o, status);
	hk_results_done(o, status == HK_OK);
	hk_calls_done(o, status == HK_OK);
	tidy(o);
	o->intake = hk_spool_intake(o->spool);
	hk_sites_expire(o);
	hk_hops_wake(o);
	hk_round_start_due(o);
	hk_jobs_dispatch(o);
}

bool hk_owner_next(struct hk_owner *o, struct hk_order *ret)
{
	struct hk_order_node *node = o->orders;

	if (!node)
		return false;
	*ret = node->order;
	o->orders = node->next;
	if (!o->orders)
		o->last_order = &o->orders;
	if (node->order.type == HK_ORDER_ASK)
		hk_site_taken(node);
	hk_mail_free(node->mail);
	return true;
}

uint64_t hk_owner_deadline(const struct hk_owner *o)
{
	const struct hk_message *m = hk_heap_first(o);
	uint64_t at = o->tidy_at;

	if (o->inbox)
		return 0;
	if (o->unread && !o->is_stopping && o->read_at < at)
		at = o->read_at;
	if (o->wanted_conf && o->conf_at < at)
		at = o->conf_at;
	if (o->stalled_until)
		return o->stalled_until < at ? o->stalled_until : at;
	if (o->returned || hk_calls_are_due(o))
		return 0;
	if (m && !o->is_stopping && m->due_ms < at)
		at = m->due_ms;
	if (hk_sites_deadline(o) < at && !o->is_stopping)
		at = hk_sites_deadline(o);
	if (o->paced_until < at && !o->is_stopping)
		at = o->paced_until;
	return at;
}

void hk_owner_stop(struct hk_owner *o)
{
	o->is_stopping = true;
}

bool hk_owner_is_idle(const struct hk_owner *o)
{
	return !o->inbox && !o->returned && !o->calls && !o->orders && !o->counts.jobs_out &&
	       !hk_spool_is_dirty(o->spool);
}

uint64_t hk_owner_room(const struct hk_owner *o)
{
	return hk_spool_room(o->spool);
}

enum hk_status hk_owner_intake(const struct hk_owner *o)
{
	return (enum hk_status)o->intake;
}

uint64_t hk_owner_last_id(const struct hk_owner *o)
{
	uint64_t last = hk_spool_last_id(o->spool);

	return o->ids.last > last ? o->ids.last : last;
}

void hk_owner_count(const struct hk_owner *o, struct hk_owner_counts *ret)
{
	*ret = o->counts;
	ret->queued = o->messages.n + o->unread;
	ret->waiting = o->n_heap + o->unread;
	hk_spool_count(o->spool, &ret->spool);
}
