/* SPDX-License-Identifier: MIT
 *
 * client_direct.c - made-up mails straight to the owner, without a session: the fast way to shake
 * journal and queue.
 */
#include <stdio.h>
#include <stdlib.h>

#include "sim/world.h"

enum { MAIL_ARENA = 1024 * 1024 };

static struct hk_slice keep(struct hk_mail *m, struct hk_slice s)
{
	struct hk_slice copy;

	if (hk_arena_dup(&m->arena, s, &copy) != HK_OK)
		abort();
	return copy;
}

/* As a session does it: created in its final directory, written, synced, the directory synced. */
static bool write_body_file(struct hk_sim *s, const char *id, struct hk_slice body)
{
	const struct hk_disk_ops *ops = s->disk.disk.ops;
	char path[128];
	enum hk_status status;
	int file;

	snprintf(path, sizeof path, HK_SIM_SPOOL "/body/%s", id);
	if (ops->open(&s->disk.disk, path, HK_OPEN_WRITE | HK_OPEN_CREATE, &file) != HK_OK)
		return false;
	status = ops->write(&s->disk.disk, file, 0, body);
	if (status == HK_OK)
		status = ops->sync(&s->disk.disk, file);
	ops->close(&s->disk.disk, file);
	if (status == HK_OK)
		status = ops->sync_dir(&s->disk.disk, HK_SIM_SPOOL "/body");
	if (status != HK_OK)
		s->files_left += ops->unlink(&s->disk.disk, path) != HK_OK;
	return status == HK_OK;
}

static bool add_body(struct hk_sim *s, size_t number, struct hk_mail *m)
{
	char id[HK_MAIL_ID_TEXT];
	struct hk_buf body;
	bool ok = true;

	hk_buf_init(&body, MAIL_ARENA);
	hk_sim_body_add(s, number, &body);
	m->body_size = body.n;
	if (s->plan.body_files && hk_prng_chance(&s->prng, 300000)) {
		hk_mail_id_format(m->id, id);
		m->body_file = keep(m, hk_slice_str(id));
		ok = write_body_file(s, id, hk_buf_slice(&body));
	} else {
		m->body = keep(m, hk_buf_slice(&body));
	}
	hk_buf_done(&body);
	return ok;
}

static void set_by(struct hk_sim *s, struct hk_sim_mail *entry, struct hk_mail *m)
{
	hk_sim_ledger_by(s, entry);
	m->params.has_by = true;
	m->params.by_return = entry->by_return;
	m->params.by_seconds = entry->by_s;
}

static void act(struct hk_sim *s)
{
	unsigned n_rcpt = 1 + (unsigned)hk_prng_below(&s->prng, HK_SIM_RCPTS), i;
	struct hk_sim_mail *entry;
	size_t number;
	struct hk_mail *m;
	char from[HK_SIM_ADDRESS];

	if (s->is_healed)
		return;
	number = hk_sim_ledger_new(s, n_rcpt);
	entry = &s->ledger.mail[number];
	m = hk_mail_new(MAIL_ARENA);
	if (!m)
		abort();
	entry->body_n = (size_t)hk_prng_below(&s->prng, hk_prng_coin(&s->prng) ? 4 : 200);
	snprintf(from, sizeof from, "s%zu@a.test", number);
	m->id = hk_ids_next(&s->ids, (uint64_t)s->now.utc * 1000);
	entry->id = m->id;
	m->received = s->now.utc;
	m->listener = HK_S("mx");
	m->mail_from = entry->has_null_sender ? (struct hk_slice){0} : keep(m, hk_slice_str(from));
	m->header = HK_S("Subject: simulated\r\n");
	if (s->plan.deliverby && hk_prng_chance(&s->prng, 300000))
		set_by(s, entry, m);
	m->rcpt = hk_arena_array(&m->arena, n_rcpt, sizeof *m->rcpt);
	m->n_rcpt = n_rcpt;
	for (i = 0; i < n_rcpt; i++)
		entry->rcpt[i].is_taken = true;
	for (i = 0; i < n_rcpt; i++)
		m->rcpt[i].address = keep(m, hk_slice_str(entry->rcpt[i].address));
	hk_sim_trace(s, "client has mail %zu for %u", number, n_rcpt);
	if (!add_body(s, number, m)) {
		hk_sim_ledger_answer(s, number, HK_SIM_REFUSED);
		hk_mail_free(m);
		return;
	}
	hk_sim_post_mail(s, m, number);
}

static void committed(struct hk_sim *s, uint64_t token, enum hk_status status)
{
	size_t number = (size_t)token;

	if (status == HK_OK) {
		hk_sim_check_durable(s, s->ledger.mail[number].id);
		hk_sim_ledger_answer(s, number, HK_SIM_ACKED);
	} else {
		/* FULL comes before anything is written; IO may come after */
		hk_sim_ledger_answer(
		    s, number, status == HK_FULL ? HK_SIM_REFUSED : HK_SIM_DOUBTFUL);
	}
}

static void lost(struct hk_sim *s)
{
	(void)s;
}

static void done(struct hk_sim *s)
{
	(void)s;
}

static bool is_quiet(struct hk_sim *s)
{
	(void)s;
	return true;
}

const struct hk_sim_client_ops hk_sim_client_direct = {act, committed, lost, is_quiet, done};
