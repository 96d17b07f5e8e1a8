/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdlib.h>

#include "engine/log_value.h"
#include "engine/owner_internal.h"

void hk_order_add(struct hk_owner *o, struct hk_order_node *node)
{
	node->next = NULL;
	*o->last_order = node;
	o->last_order = &node->next;
}

static size_t size_of(const struct hk_mail *mail)
{
	return (size_t)hk_mail_size(mail) + mail->evidence.n + sizeof *mail;
}

static struct hk_incoming *incoming_of(struct hk_mail *mail, uint64_t token, bool is_ours)
{
	struct hk_incoming *in = (struct hk_incoming *)(void *)mail->owner_room;

	_Static_assert(
	    sizeof *in <= sizeof mail->owner_room, "the owner's room in a mail is too small");
	*in = (struct hk_incoming){.mail = mail, .token = token, .is_ours = is_ours};
	return in;
}

static void incoming_free(struct hk_owner *o, struct hk_incoming *in)
{
	if (in->message)
		hk_message_free(o, in->message);
	hk_mail_free(in->mail);
}

/* The end of it, with an answer where somebody waits for one. */
static void answer(struct hk_owner *o, struct hk_incoming *in, enum hk_status status)
{
	if (in->is_ours) {
		incoming_free(o, in);
		return;
	}
	if (in->message)
		hk_message_free(o, in->message);
	hk_arena_done(&in->mail->arena); /* the message's bytes; what is left is small */
	in->node = (struct hk_order_node){
	    .order = {.type = HK_ORDER_COMMITTED, .token = in->token, .status = status},
	    .mail = in->mail};
	hk_order_add(o, &in->node);
}

void hk_owner_put(struct hk_owner *o, struct hk_mail *mail, uint64_t token)
{
	struct hk_incoming *in = incoming_of(mail, token, false);

	if (o->inbox && o->inbox_bytes + size_of(mail) > HK_OWNER_INBOX_MAX) {
		hk_spool_refuse(o->spool, mail);
		answer(o, in, HK_FULL);
		return;
	}
	o->inbox_bytes += size_of(mail);
	*o->last_inbox = in;
	o->last_inbox = &in->next;
}

static void add_to_batch(struct hk_owner *o, struct hk_incoming *in)
{
	in->next = NULL;
	*o->last_batch = in;
	o->last_batch = &in->next;
}

/* All that may need memory is done before the record is: after the commit nothing can fail any
 * more. */
static enum hk_status put_one(struct hk_owner *o, struct hk_incoming *in)
{
	enum hk_status status;

	in->message = hk_message_new(o, in->mail, &o->now);
	if (!in->message) {
		hk_spool_refuse(o->spool, in->mail);
		return HK_NOMEM;
	}
	status = hk_spool_put(o->spool, in->mail);
	if (status != HK_OK) {
		hk_message_free(o, in->message);
		in->message = NULL;
	}
	return status;
}

void hk_incoming_put(struct hk_owner *o)
{
	struct hk_incoming *in;

	while ((in = o->inbox) && hk_spool_has_room(o->spool, in->mail)) {
		enum hk_status status;

		o->inbox = in->next;
		if (!o->inbox)
			o->last_inbox = &o->inbox;
		o->inbox_bytes -= size_of(in->mail);
		status = put_one(o, in);
		if (status == HK_OK) {
			add_to_batch(o, in);
			continue;
		}
		answer(o, in, status);
	}
}

enum hk_status hk_incoming_add_dsn(struct hk_owner *o, struct hk_mail *mail)
{
	struct hk_incoming *in = incoming_of(mail, 0, true);
	enum hk_status status = put_one(o, in);

	if (status == HK_OK)
		add_to_batch(o, in);
	else
		hk_mail_free(mail);
	return status;
}

void hk_incoming_drop_dsns(struct hk_owner *o, unsigned n)
{
	struct hk_incoming **at, *in;
	unsigned total = 0;

	for (in = o->batch; in; in = in->next)
		total++;
	for (at = &o->batch; total > n; total--)
		at = &(*at)->next;
	while ((in = *at)) {
		*at = in->next;
		incoming_free(o, in);
	}
	o->last_batch = at;
}

enum { EVIDENCE_AT_ONCE = 32 };

static void keep_evidence(struct hk_owner *o)
{
	struct hk_evidence_entry e[EVIDENCE_AT_ONCE];
	const struct hk_incoming *in;
	size_t n = 0;

	for (in = o->batch; o->evidence && in; in = in->next) {
		if (!in->is_ours)
			e[n++] = (struct hk_evidence_entry){.id = in->mail->id,
			    .time = in->mail->received,
			    .record = in->mail->evidence,
			    .summary = in->mail->summary};
		if (n < (in->next ? EVIDENCE_AT_ONCE : 1))
			continue;
		if (hk_evidence_store_put(o->evidence, e, n, o->now.utc) != HK_OK)
			hk_logf(o->log, HK_LOG_WARNING, "ev=evidence status=failed");
		n = 0;
	}
}

/* Under the id of what it is about, so that who looks for that one comes to the report. */
static void tell_report(struct hk_owner *o, const struct hk_mail *m)
{
	char id[HK_MAIL_ID_TEXT];

	hk_mail_id_format(m->id, id);
	hk_logf(o->log, HK_LOG_INFO, "%.*s id=%s size=%" PRIu64 " rcpt=%s", HK_FMT(m->summary), id, m->header.n + m->body_size,
	    hk_log_value(m->rcpt[0].address).text);
}

void hk_incoming_done(struct hk_owner *o, enum hk_status status)
{
	struct hk_incoming *in;

	if (status == HK_OK)
		keep_evidence(o);
	while ((in = o->batch)) {
		o->batch = in->next;
		if (status == HK_OK) {
			hk_message_schedule(o, in->message, 0);
			in->message = NULL;
			if (in->is_ours)
				tell_report(o, in->mail);
			o->counts.accepted += !in->is_ours;
			o->counts.dsns += in->is_ours;
		}
		answer(o, in, status);
	}
	o->last_batch = &o->batch;
}
