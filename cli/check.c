/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>
#include <time.h>


#include "engine/evidence_store.h"
#include "engine/mail.h"
#include "io/disk.h"

#include "cli_internal.h"

enum { NOTES_MAX = 16384 };

static void note(struct cli_checked *c, const char *what, struct hk_slice value, const char *from)
{
	hk_buf_addf(&c->notes, "%s ", what);
	hk_quote_add(&c->notes, value, CLI_VALUE_SHOWN);
	hk_buf_addf(&c->notes, " (%s)\n", from);
}

void cli_leniency_add(const struct cli_options *o, struct hk_buf *out)
{
	if (o->min_rsa_bits)
		hk_buf_addf(out, "RSA keys from %u bits are accepted, not from %u as RFC 8301 asks\n",
		    o->min_rsa_bits, HK_DKIM_MIN_RSA_BITS);
	if (o->allow_sha1)
		hk_buf_add_str(out, "rsa-sha1 is accepted, which RFC 8301 forbids\n");
}

/* Who sent the message may have written that field and its Authentication-Results, unless the name is ours. */
static void note_belief(struct cli_checked *c, const struct cli_stored *s)
{
	if (!s->is_believed)
		return;
	note(c, "believed: this Received, which is not the topmost, is of our host", s->by,
	    "as the topmost Authentication-Results has it; a forger can write both: say --authserv-id");
}

/* What was not given is taken from the message itself, and said. */
static void fill_input(const struct cli_options *o, struct cli_checked *c,
    const struct cli_stored *s, struct hk_verify_input *in)
{
	char text[HK_IP_TEXT_MAX];

	in->checks = o->checks;
	in->client = o->client;
	in->helo = hk_slice_str(o->helo);
	in->mail_from = cli_address(o->mail_from);
	in->has_mail_from = o->mail_from != NULL;
	in->now = o->now;
	in->min_rsa_bits = o->min_rsa_bits;
	in->allow_sha1 = o->allow_sha1;
	in->trusted_sealers = hk_slice_str(o->trusted_sealers);
	in->dmarc_profile = o->dmarc_profile;
	in->dmarc_sample = o->dmarc_sample;
	in->compare_profiles = true;
	cli_leniency_add(o, &c->notes);
	if (o->client.family == 0 && s->client.family) {
		in->client = s->client;
		hk_ip_format(&s->client, text);
		note(c, "client address", hk_slice_str(text), "from Received");
		note_belief(c, s);
	}
	if (!o->helo && s->helo.n && o->client.family == 0) {
		in->helo = s->helo;
		note(c, "HELO", s->helo, "from Received");
		note(c, "received by", s->by, "from Received");
	}
	if (!o->mail_from && s->has_return_path) {
		in->mail_from = s->return_path;
		in->has_mail_from = true;
		note(c, "MAIL FROM", s->return_path.n ? s->return_path : HK_S("<>"),
		    "from Return-Path");
	}
	if (!o->has_now && s->has_time) {
		in->now = s->time;
		hk_buf_addf(
		    &c->notes, "judged as of %lld (time of Received)\n", (long long)s->time);
	} else if (!o->has_now) {
		in->now = (int64_t)time(NULL);
	}
	c->authserv_id = o->authserv_id     ? hk_slice_str(o->authserv_id)
	                 : s->authserv_id.n ? s->authserv_id
	                                    : HK_S("localhost");
	in->authserv_id = c->authserv_id;
}

static enum hk_status give_header(struct cli_checked *c, struct cli_resolver *r)
{
	enum hk_status status = hk_verify_names(c->verify, c->message.header);

	if (status == HK_OK)
		status = cli_resolve_all(r, hk_evaluator_verify(c->verify));
	return status == HK_OK || status == HK_AGAIN ? hk_verify_header(c->verify, c->message.header) : status;
}

static enum hk_status judge(
    const struct cli_options *o, struct cli_checked *c, struct cli_resolver *r)
{
	struct hk_verify_input in = {.size = sizeof in};
	struct cli_stored stored;
	struct hk_header header;
	enum hk_status status;

	status = hk_header_parse(&c->arena, c->message.header, &header);
	if (status != HK_OK)
		return status;
	cli_stored_read(&c->arena, &header, hk_slice_str(o->authserv_id), cli_address(o->rcpt), &stored);
	fill_input(o, c, &stored, &in);
	c->verify = hk_verify_new(&c->arena, &in);
	if (!c->verify)
		return HK_NOMEM;
	status = give_header(c, r);
	if (status != HK_OK)
		return status;
	hk_verify_body(c->verify, c->message.body);
	hk_verify_end(c->verify);
	return cli_resolve_all(r, hk_evaluator_verify(c->verify));
}

/* The record that a server's evidence store has under a queue id. */
static enum hk_status find_record(const struct cli_options *o, struct cli_checked *c, struct hk_buf *record)
{
	const char *dir = o->evidence_dir ? o->evidence_dir : CLI_EVIDENCE_DIR;
	struct hk_evidence_entry entry;
	enum hk_status status;
	uint64_t id;

	status = hk_mail_id_parse(hk_slice_str(o->queue_id), &id);
	if (status == HK_OK)
		status = hk_evidence_store_find(hk_disk_kernel(), dir, id, &c->arena, &entry);
	if (status == HK_OK || status == HK_NOTFOUND) {
		enum hk_status found = cli_signed_find(dir, id, c);

		if (found != HK_OK && found != HK_NOTFOUND)
			return found;
	}
	if (status == HK_NOTFOUND && c->n_signing)
		return HK_OK;
	if (status == HK_NOTFOUND) {
		cli_complain("no evidence is kept for this queue id in", dir);
		return HK_NOTFOUND;
	}
	if (status != HK_OK)
		return status;
	hk_buf_addf(&c->notes, "kept by the server for %s: ", o->queue_id);
	hk_quote_add(&c->notes, entry.summary, 1000);
	hk_buf_add_byte(&c->notes, '\n');
	if (entry.record.n == 0 && c->n_signing)
		return HK_OK;
	if (entry.record.n == 0) {
		cli_complain("the server checked nothing about this message", o->queue_id);
		return HK_NOTFOUND;
	}
	hk_buf_init(record, HK_VERIFY_RECORD_MAX);
	hk_buf_add(record, entry.record);
	return hk_buf_status(record);
}

/* A record has all in it: no message and no DNS are needed. */
static enum hk_status replay(const struct cli_options *o, struct cli_checked *c)
{
	struct hk_buf record = {0};
	enum hk_status status = HK_OK;

	if (o->queue_id)
		status = find_record(o, c, &record);
	else if (!cli_read_file(o->record, HK_VERIFY_RECORD_MAX, &record))
		status = HK_IO;
	if (status != HK_OK || !record.n) {
		hk_buf_done(&record);
		return status;
	}
	status = hk_verify_replay(&c->arena, hk_buf_slice(&record), &c->verify);
	hk_buf_done(&record);
	if (status != HK_OK)
		return status;
	c->authserv_id = o->authserv_id ? hk_slice_str(o->authserv_id)
	                                : hk_verify_input_of(c->verify)->authserv_id;
	hk_buf_add_str(&c->notes, "replayed from a record, without the body and without DNS\n");
	return HK_OK;
}

static bool save(const struct cli_options *o, const struct cli_checked *c)
{
	struct hk_buf record;
	FILE *f;
	bool ok;

	if (!c->verify) {
		cli_complain("the server checked nothing about this message", o->queue_id);
		return false;
	}
	hk_buf_init(&record, HK_VERIFY_RECORD_MAX);
	hk_verify_record_format(c->verify, &record);
	f = hk_buf_status(&record) == HK_OK ? fopen(o->save_record, "wb") : NULL;
	ok = f && fwrite(record.p, 1, record.n, f) == record.n;
	if (f && fclose(f) != 0)
		ok = false;
	hk_buf_done(&record);
	if (!ok)
		cli_complain("the record could not be written", o->save_record);
	return ok;
}

enum cli_exit cli_check(
    const struct cli_options *o, struct cli_resolver *resolver, struct cli_checked *c)
{
	enum hk_status status;

	memset(c, 0, sizeof *c);
	hk_arena_init(&c->arena, CLI_ARENA);
	hk_buf_init(&c->notes, NOTES_MAX);
	if (o->record || o->queue_id) {
		status = replay(o, c);
	} else if (!o->file && !o->message.p) {
		cli_complain("a message is needed", NULL);
		return CLI_USAGE;
	} else {
		if (!cli_message_read(o, &c->message))
			return CLI_USAGE;
		if (c->message.was_lf)
			hk_buf_add_str(&c->notes, "line ends: LF was read as CRLF\n");
		status = judge(o, c, resolver);
	}
	if (status != HK_OK) {
		if (status != HK_IO && status != HK_NOTFOUND) /* said already */
			cli_complain("no verdict", hk_status_text(status));
		return CLI_USAGE;
	}
	return o->save_record && !save(o, c) ? CLI_USAGE : CLI_OK;
}

void cli_checked_done(struct cli_checked *c)
{
	hk_verify_done(c->verify);
	cli_message_done(&c->message);
	hk_buf_done(&c->notes);
	hk_arena_done(&c->arena);
}
