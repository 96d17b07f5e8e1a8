/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "queue.h"

/* ---- for people ------------------------------------------------------------ */

static void add_next(const struct hk_operator_entry *e, struct hk_buf *out)
{
	char time[CLI_TIME_ROOM];

	if (hk_slice_eq(e->queue_name, HK_S("hold")))
		hk_buf_add_str(out, "until it is released");
	else if (hk_slice_eq(e->queue_name, HK_S("active")) || !e->next_attempt)
		hk_buf_add_str(out, "now");
	else
		hk_buf_add_str(out, cli_time(e->next_attempt, time));
}

void queue_entry_text(const struct hk_operator_entry *e, struct hk_buf *out)
{
	char arrival[CLI_TIME_ROOM];
	size_t i;

	hk_buf_addf(out, "%s %s, %" PRIu64 " octets, from <%s>, arrived %s, attempts %" PRIu64 ", next ", hk_log_quote(e->queue_id).text,
	    hk_log_quote(e->queue_name).text, e->size, hk_log_quote(e->sender).text, cli_time(e->arrival_time, arrival), e->attempts);
	add_next(e, out);
	hk_buf_add_byte(out, '\n');
	for (i = 0; i < e->n_rcpt; i++) {
		hk_buf_addf(out, "  %-9s <%s>", hk_log_quote(e->rcpt[i].state).text, hk_log_quote(e->rcpt[i].address).text);
		if (e->rcpt[i].reason.n)
			hk_buf_addf(out, " %s", hk_log_quote(e->rcpt[i].reason).text);
		hk_buf_add_byte(out, '\n');
	}
}

static void add_reason(const struct hk_operator_entry *e, const struct hk_operator_rcpt *r, struct hk_buf *out)
{
	if (r->reason.n)
		hk_buf_addf(out, "the last attempt ended with: %s.", hk_log_quote(r->reason).text);
	else if (e->attempts)
		hk_buf_add_str(out, "an attempt failed before the server was started; it knows of none since then.");
	else
		hk_buf_add_str(out, "nothing was tried yet.");
}

void queue_entry_why(const struct hk_operator_entry *e, struct hk_buf *out)
{
	char expires[CLI_TIME_ROOM];
	bool is_held = hk_slice_eq(e->queue_name, HK_S("hold"));
	size_t i;

	for (i = 0; i < e->n_rcpt; i++) {
		const struct hk_operator_rcpt *r = &e->rcpt[i];

		hk_buf_addf(out, "%s to <%s>: ", hk_log_quote(e->queue_id).text, hk_log_quote(r->address).text);
		if (hk_slice_eq(r->state, HK_S("active"))) {
			hk_buf_add_str(out, "it is being delivered now; ");
			add_reason(e, r, out);
		} else if (!hk_slice_eq(r->state, HK_S("pending"))) {
			hk_buf_addf(out, "it waits no more: %s.", hk_log_quote(r->state).text);
		} else {
			add_reason(e, r, out);
			hk_buf_add_str(out, is_held ? " It is held " : " The next attempt is due ");
			add_next(e, out);
			if (is_held) /* its time ends when it is released */
				hk_buf_add_str(out, "; the sender is told nothing meanwhile.");
			else
				hk_buf_addf(out, "; the sender is told at %s that it failed.", cli_time((int64_t)e->expires, expires));
		}
		hk_buf_add_byte(out, '\n');
	}
}

/* ---- as Postfix prints it --------------------------------------------------- */

enum { REASON_WIDTH = 74 }; /* within its brackets, against the right side */

void queue_mailq_head(struct hk_buf *out)
{
	hk_buf_add_str(out, "-Queue ID-  --Size-- ----Arrival Time---- -Sender/Recipient-------\n");
}

void queue_entry_mailq(const struct hk_operator_entry *e, struct hk_buf *out)
{
	time_t when = (time_t)e->arrival_time;
	struct hk_log_quoted said;
	struct hk_slice reason = {0};
	char time[32] = "?";
	struct tm tm;
	char mark = ' ';
	size_t i;

	if (localtime_r(&when, &tm))
		strftime(time, sizeof time, "%a %b %e %H:%M:%S", &tm);
	if (hk_slice_eq(e->queue_name, HK_S("active")))
		mark = '*';
	else if (hk_slice_eq(e->queue_name, HK_S("hold")))
		mark = '!';
	hk_buf_addf(out, "%s%c %8" PRIu64 " %20s  %s\n", hk_log_quote(e->queue_id).text, mark, e->size, time,
	    e->sender.n ? hk_log_quote(e->sender).text : "MAILER-DAEMON");
	for (i = 0; i < e->n_rcpt; i++) {
		/* one reason for all recipients below it that share it */
		if (e->rcpt[i].reason.n && (i == 0 || !hk_slice_eq(reason, e->rcpt[i].reason))) {
			said = hk_log_quote(e->rcpt[i].reason);
			hk_buf_addf(out, "%*s(%s)\n", strlen(said.text) < REASON_WIDTH ? (int)(REASON_WIDTH - strlen(said.text)) : 0, "", said.text);
		}
		reason = e->rcpt[i].reason;
		hk_buf_addf(out, "%*s%s\n", 41, "", hk_log_quote(e->rcpt[i].address).text);
	}
	hk_buf_add_byte(out, '\n');
}

void queue_mailq_end(uint64_t octets, uint64_t messages, struct hk_buf *out)
{
	if (!messages)
		hk_buf_add_str(out, "Mail queue is empty\n");
	else
		hk_buf_addf(out, "-- %" PRIu64 " Kbytes in %" PRIu64 " Request%s.\n", (octets + 1023) / 1024, messages, messages == 1 ? "" : "s");
}
