/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "engine/drain.h"
#include "engine/owner_internal.h"

enum { MAIL_MOST = 64 * 1024 * 1024, TIDY_STEPS = 64, TIDY_BYTES = 1024 * 1024 };

struct hk_drain {
	struct hk_drain_options options;
	struct hk_spool *spool;
	const char *dir;
	struct hk_ids ids;
	struct hk_mail mail;           /* of the message at hand */
	bool has_mail;
	size_t at;                     /* its next recipient */
	uint64_t taken, left;          /* recipients of it: handed over, not */
	uint64_t *report;              /* ids of what was made here */
	size_t n_reports, room_reports, next_report;
	struct hk_drain_counts counts;
};

enum hk_status hk_drain_new(const struct hk_drain_options *o, struct hk_drain **ret)
{
	struct hk_drain *d = calloc(1, sizeof *d);
	struct hk_spool_options spool = {.dir = (const char *)o->conf->spool.p, .segment_size = o->segment_size ? o->segment_size : o->conf->spool_segment};
	struct hk_spool_counts counts;
	enum hk_status status;

	if (!d)
		return HK_NOMEM;
	d->options = *o;
	d->dir = spool.dir;
	hk_arena_init(&d->mail.arena, MAIL_MOST);
	status = hk_spool_open(o->disk, &spool, o->log, &d->spool);
	if (status != HK_OK) {
		free(d);
		return status;
	}
	hk_conf_use(o->conf);
	d->ids = (struct hk_ids){.last = hk_spool_last_id(d->spool), .worker = HK_IDS_OWNER};
	hk_spool_count(d->spool, &counts);
	d->counts.messages = counts.live;
	*ret = d;
	return HK_OK;
}

void hk_drain_free(struct hk_drain *d)
{
	if (!d)
		return;
	hk_arena_done(&d->mail.arena);
	hk_spool_close(d->spool);
	hk_conf_free(d->options.conf);
	free(d->report);
	free(d);
}

/* ---- one message after the other ------------------------------------------------------------------ */

static enum hk_status read_mail(struct hk_drain *d, uint64_t id)
{
	hk_arena_done(&d->mail.arena);
	return hk_spool_fetch(d->spool, id, &d->mail);
}

/* What waits because somebody wants it to. */
static bool is_held(const struct hk_drain *d, const struct hk_mail *mail, unsigned marks)
{
	bool is_kept = (marks & HK_SPOOL_HELD) || ((mail->flags & HK_MAIL_QUARANTINE) && !(marks & HK_SPOOL_RELEASED));

	return is_kept && !d->options.with_held;
}

/* The outcomes of today: those of the record are older. */
static enum hk_status take_entry(struct hk_drain *d, const struct hk_spool_entry *e, bool *ret_held)
{
	enum hk_status status = read_mail(d, e->id);
	size_t i;

	*ret_held = is_held(d, e->mail, e->marks);
	for (i = 0; status == HK_OK && i < d->mail.n_rcpt; i++)
		d->mail.rcpt[i].outcome = e->mail->rcpt[i].outcome;
	return status;
}

static enum hk_status next_message(struct hk_drain *d)
{
	struct hk_spool_entry e;
	bool is_held_back = true;
	enum hk_status status;

	d->has_mail = false;
	while ((status = hk_spool_recovered(d->spool, &e)) == HK_OK) {
		status = take_entry(d, &e, &is_held_back);
		if (status != HK_OK || !is_held_back)
			break;
		d->counts.held++;
	}
	if (status == HK_END && d->next_report < d->n_reports)
		status = read_mail(d, d->report[d->next_report++]);
	d->has_mail = status == HK_OK;
	d->at = 0;
	d->taken = d->left = 0;
	return status;
}

static size_t count_pending(const struct hk_drain *d)
{
	size_t i, n = 0;

	for (i = d->at; i < d->mail.n_rcpt; i++)
		n += d->mail.rcpt[i].outcome == HK_RCPT_PENDING;
	return n;
}

static void end_message(struct hk_drain *d)
{
	d->has_mail = false;
	d->counts.handed_over += !d->left;
	d->counts.partly += d->left && d->taken;
	d->counts.stay += d->left && !d->taken;
}

/* ---- jobs ------------------------------------------------------------------------------------------ */

static struct hk_slice domain_of(struct hk_slice address)
{
	return hk_slice_from(address, hk_slice_rfind(address, '@') + 1);
}

static bool fill_job(struct hk_drain *d, struct hk_job *job, size_t n)
{
	char *domain;
	size_t i;

	job->rcpt = calloc(n, sizeof *job->rcpt);
	job->result = calloc(n, sizeof *job->result);
	if (!job->rcpt || !job->result)
		return false;
	for (i = d->at; i < d->mail.n_rcpt && job->n_rcpt < n; i++) {
		if (d->mail.rcpt[i].outcome != HK_RCPT_PENDING)
			continue;
		job->rcpt[job->n_rcpt] = (uint32_t)i;
		job->result[job->n_rcpt++] = (struct hk_rcpt_result){.rcpt = (uint32_t)i, .outcome = HK_RCPT_PENDING};
	}
	d->at = i;
	job->domain = domain_of(d->mail.rcpt[job->rcpt[0]].address);
	domain = strndup(job->domain.n ? (const char *)job->domain.p : "", job->domain.n);
	job->domain.p = (const uint8_t *)domain;
	return domain != NULL;
}

static enum hk_status make_job(struct hk_drain *d, const struct hk_now *now, size_t n, struct hk_job **ret)
{
	struct hk_job *job = calloc(1, sizeof *job);
	const struct hk_mail *mail = &d->mail;

	if (!job)
		return HK_NOMEM;
	hk_buf_init(&job->tried, HK_JOB_TRIED_MAX);
	job->id = mail->id;
	job->attempt = 1;
	job->born_ms = (int64_t)now->mono_ms - (now->utc > mail->received ? now->utc - mail->received : 0) * 1000;
	job->conf = hk_conf_use(d->options.conf);
	job->route = &job->conf->route[0];
	if (!fill_job(d, job, n < HK_JOB_RCPT_MAX ? n : HK_JOB_RCPT_MAX) ||
	    hk_spool_find(d->spool, mail->id, &job->place) != HK_OK) {
		hk_job_free(job);
		return HK_NOMEM;
	}
	job->file = hk_spool_file_use(d->spool, &job->place);
	*ret = job;
	return HK_OK;
}

enum hk_status hk_drain_next(
    struct hk_drain *d, const struct hk_now *now, struct hk_job **ret, const struct hk_mail **ret_mail)
{
	enum hk_status status = HK_OK;
	size_t n;

	while (!d->has_mail) {
		status = next_message(d);
		if (status != HK_OK)
			return status;
	}
	n = count_pending(d);
	if (!n)
		return HK_CORRUPT; /* what nobody waits for is not in a spool */
	*ret_mail = &d->mail;
	return make_job(d, now, n, ret);
}

/* ---- what became of them ----------------------------------------------------------------------------- */

static bool note_report(struct hk_drain *d, uint64_t id)
{
	if (d->n_reports == d->room_reports) {
		size_t room = d->room_reports ? 2 * d->room_reports : 16;
		uint64_t *more = realloc(d->report, room * sizeof *more);

		if (!more)
			return false;
		d->report = more;
		d->room_reports = room;
	}
	d->report[d->n_reports++] = id;
	return true;
}

/* One report of those that the sender wants to hear of, in the same batch as their completions. */
static enum hk_status put_report(struct hk_drain *d, const struct hk_job *job, const struct hk_now *now)
{
	struct hk_rcpt_result told[HK_JOB_RCPT_MAX];
	uint64_t id = hk_ids_next(&d->ids, (now->utc > 0 ? (uint64_t)now->utc : 0) * 1000 + now->utc_ms);
	struct hk_mail *mail;
	enum hk_status status;
	size_t i, n = 0;

	for (i = 0; i < job->n_rcpt; i++)
		if (job->result[i].outcome == HK_RCPT_DELIVERED &&
		    hk_dsn_is_due(&job->result[i], d->mail.rcpt[job->rcpt[i]].params.notify))
			told[n++] = job->result[i];
	if (!n)
		return HK_OK;
	status = hk_dsn_make(d->options.conf, &d->mail, told, n, now, id, &mail);
	if (status != HK_OK)
		return status == HK_NOTFOUND ? HK_OK : status;
	status = note_report(d, id) ? hk_spool_put(d->spool, mail) : HK_NOMEM;
	hk_mail_free(mail);
	if (status != HK_OK && d->n_reports && d->report[d->n_reports - 1] == id)
		d->n_reports--;
	return status;
}

static enum hk_status put_all(struct hk_drain *d, const struct hk_job *job, const struct hk_now *now)
{
	enum hk_status status = put_report(d, job, now);
	size_t i;

	for (i = 0; status == HK_OK && i < job->n_rcpt; i++)
		if (job->result[i].outcome == HK_RCPT_DELIVERED)
			status = hk_spool_complete(
			    d->spool, job->id, job->rcpt[i], HK_RCPT_DELIVERED, hk_slice_str(job->result[i].text));
	return status;
}

static enum hk_status record(struct hk_drain *d, const struct hk_job *job, const struct hk_now *now)
{
	struct hk_spool_mark mark = hk_spool_set_mark(d->spool);
	size_t reports = d->n_reports;
	enum hk_status status = put_all(d, job, now);

	if (status != HK_OK)
		hk_spool_undo(d->spool, &mark);
	else
		status = hk_spool_commit(d->spool);
	if (status != HK_OK)
		d->n_reports = reports;
	return status;
}

static bool is_taken(const struct hk_job *job, size_t i)
{
	return !job->released && job->result[i].outcome == HK_RCPT_DELIVERED;
}

enum hk_status hk_drain_done(struct hk_drain *d, struct hk_job *job, const struct hk_now *now)
{
	size_t i, n = 0, reports = d->n_reports;
	enum hk_status status = HK_OK;

	for (i = 0; i < job->n_rcpt; i++)
		n += is_taken(job, i);
	if (n)
		status = record(d, job, now);
	/* once more, in a new segment: what the host has would go to it again */
	if (status == HK_IO && hk_spool_probe(d->spool) == HK_OK)
		status = record(d, job, now);
	if (status == HK_OK) {
		d->taken += n;
		d->left += job->n_rcpt - n;
		d->counts.recipients += n;
		d->counts.reports += d->n_reports - reports;
		d->counts.messages += d->n_reports - reports;
		if (!count_pending(d))
			end_message(d);
	}
	hk_job_free(job);
	return status;
}

/* A MiB at a time, as the owner does it. */
void hk_drain_tidy(struct hk_drain *d)
{
	struct hk_spool_counts before, after;
	unsigned i;

	for (i = 0; i < TIDY_STEPS; i++) {
		hk_spool_count(d->spool, &before);
		if (hk_spool_tidy(d->spool, TIDY_BYTES) != HK_OK)
			return;
		hk_spool_count(d->spool, &after);
		if (after.bytes == before.bytes && after.syncs == before.syncs)
			return;
	}
}

void hk_drain_count(const struct hk_drain *d, struct hk_drain_counts *ret)
{
	*ret = d->counts;
}
