/* SPDX-License-Identifier: MIT
 *
 * The life of a server session, its input and output, and the order of things: pending event, then
 * what is due behind it, then one step further in the input.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/base_internal.h"
#include "smtpd_internal.h"

/* Options are a host name, a product name and the mechanisms; MAIL, RCPT and their paths fit many times, and so does what a line of
 * AUTH decodes to. */
enum { OWNED_MAX = 4096, SCRATCH_MAX = 16 * 1024, IN_FIRST = 4096, REFUSAL_MAX = 8 * 1024 };
#define MESSAGE_DEFAULT ((uint64_t)50 * 1000 * 1000)

struct hk_smtpd *hk_smtpd_new(const struct hk_smtpd_options *options)
{
	struct hk_smtpd *s = calloc(1, sizeof *s);

	if (!s)
		return NULL;
	if (hk_sized_take(NULL, &s->options, sizeof s->options, options) != HK_OK) {
		free(s);
		return NULL;
	}
	s->state = SMTPD_GREETING;
	if (s->options.extensions == 0)
		s->options.extensions = HK_EXT_BASIC;
	smtpd_play(&s->options);
	if (s->options.max_domains > HK_SMTP_DOMAINS_MAX)
		s->options.max_domains = HK_SMTP_DOMAINS_MAX;
	if (s->options.max_message == 0)
		s->options.max_message = MESSAGE_DEFAULT;
	if (s->options.max_recipients == 0)
		s->options.max_recipients = HK_SMTP_RCPTS_MAX;
	hk_arena_init(&s->owned, OWNED_MAX);
	hk_arena_init(&s->scratch, SCRATCH_MAX);
	hk_buf_init(&s->out, HK_SMTP_OUTPUT_MAX);
	hk_buf_init(&s->refusal, REFUSAL_MAX);
	if (hk_arena_dup(&s->owned, s->options.hostname, &s->options.hostname) != HK_OK ||
	    hk_arena_dup(&s->owned, s->options.banner_text, &s->options.banner_text) != HK_OK ||
	    hk_arena_dup(&s->owned, s->options.mechanisms, &s->options.mechanisms) != HK_OK)
		goto fail;
	/* RFC 5321 4.2: "220 " Domain, then text */
	hk_buf_add_str(&s->out, "220 ");
	hk_quote_add(&s->out, s->options.hostname, HK_DOMAIN_MAX);
	hk_buf_add_str(&s->out, s->options.lmtp ? " LMTP" : " ESMTP");
	if (s->options.banner_text.n)
		hk_buf_add_byte(&s->out, ' ');
	hk_quote_add(&s->out, s->options.banner_text, 128);
	hk_buf_add_str(&s->out, "\r\n");
	if (hk_buf_status(&s->out) != HK_OK)
		goto fail;
	s->banner_left = s->out.n;
	s->is_banner_held = s->options.hold_banner;
	return s;
fail:
	hk_smtpd_free(s);
	return NULL;
}

void hk_smtpd_free(struct hk_smtpd *s)
{
	if (!s)
		return;
	smtpd_auth_forget(s);
	free(s->in);
	free(s->domains);
	free(s->helo);
	hk_buf_done(&s->refusal);
	hk_buf_done(&s->out);
	hk_arena_done(&s->scratch);
	hk_arena_done(&s->owned);
	free(s);
}

/* ---- input ---- */

struct hk_slice smtpd_input(const struct hk_smtpd *s)
{
	return hk_slice_of(s->in ? s->in + s->in_at : NULL, s->in_n - s->in_at);
}

void smtpd_consume(struct hk_smtpd *s, size_t n)
{
	s->in_at += n;
}

void smtpd_drop_input(struct hk_smtpd *s)
{
	s->in_at = s->in_n;
	s->scanned = 0;
	s->skipping = false;
}

/* Moves the unparsed bytes to the front and grows the buffer for n more, as far as its maximum
 * goes. */
static void make_room(struct hk_smtpd *s, size_t n)
{
	size_t have = s->in_n - s->in_at, cap = s->in_cap ? s->in_cap : IN_FIRST;
	uint8_t *p;

	if (s->in_at && have)
		memmove(s->in, s->in + s->in_at, have);
	s->in_at = 0;
	s->in_n = have;
	while (cap < HK_SMTP_INPUT_MAX && cap - have < n)
		cap *= 2;
	if (cap == s->in_cap)
		return;
	p = realloc(s->in, cap);
	if (p) {
		s->in = p;
		s->in_cap = cap;
	} else if (s->in_cap == s->in_n) { /* no octet more can come */
		s->no_memory = true;
	}
}

size_t hk_smtpd_feed(struct hk_smtpd *s, struct hk_slice in)
{
	size_t n;

	if (in.n == 0)
		return 0;
	/* RFC 3207 4.2: nothing that came in clear behind STARTTLS may be heeded after the
	 * handshake */
	if (s->state & (SMTPD_TLS | SMTPD_OVER))
		return in.n;
	if (s->options.early_talker_check && s->banner_left)
		s->early = true;
	if (!s->pending && s->in_cap - s->in_n < in.n)
		make_room(s, in.n);
	n = s->in_cap - s->in_n;
	if (n > in.n)
		n = in.n;
	if (n) {
		memcpy(s->in + s->in_n, in.p, n);
		s->in_n += n;
	}
	return n;
}

/* ---- output ---- */

struct hk_slice hk_smtpd_out(struct hk_smtpd *s)
{
	return s->is_banner_held ? (struct hk_slice){0} : hk_buf_slice(&s->out);
}

void hk_smtpd_greet_now(struct hk_smtpd *s)
{
	s->is_banner_held = false;
}

void hk_smtpd_sent(struct hk_smtpd *s, size_t n)
{
	s->banner_left -= n < s->banner_left ? n : s->banner_left;
	hk_buf_drop(&s->out, n);
	if (!s->out.n && hk_buf_status(&s->out) == HK_OK) {
		hk_buf_done(&s->out);
		hk_buf_init(&s->out, HK_SMTP_OUTPUT_MAX);
	}
}

static void reply(struct hk_smtpd *s, unsigned code, const char *enhanced, struct hk_slice text)
{
	hk_smtp_reply_add(&s->out, code, enhanced, text);
}

void smtpd_reply(struct hk_smtpd *s, unsigned code, const char *enhanced, const char *text)
{
	reply(s, code, enhanced, hk_slice_str(text));
}

/* RFC 2034 4: the greeting, and what EHLO and HELO are answered with, have no enhanced code. */
static const char *enhanced_of(const struct hk_smtpd *s, const struct hk_refusal_row *row)
{
	return s->is_hello || s->is_banner_held ? NULL : row->enhanced;
}

void smtpd_tell(struct hk_smtpd *s, enum hk_refusal why, struct hk_slice word)
{
	if (!s->options.tell_refusals)
		return;
	s->told_due = why;
	snprintf(s->told_word, sizeof s->told_word, "%.*s", HK_FMT(word));
}

static void say(struct hk_smtpd *s, enum hk_refusal why, struct hk_slice arg)
{
	struct hk_refusal_said said = {.why = why, .arg = {arg}};
	const struct hk_refusal_row *row = hk_refusal_row(why);
	struct hk_buf text;

	hk_buf_init(&text, HK_SMTP_REPLY_TEXT_MAX);
	hk_refusal_add(&text, &said);
	if (hk_buf_status(&text) != HK_OK)
		s->no_memory = true;
	reply(s, row->code, enhanced_of(s, row), hk_buf_slice(&text));
	hk_buf_done(&text);
}

void smtpd_refuse_mildly(struct hk_smtpd *s, enum hk_refusal why)
{
	say(s, why, (struct hk_slice){0});
	if (why != s->mild)
		smtpd_tell(s, why, HK_S(""));
	s->mild = why;
}

/* false: it was the one error too many, and the session ends. */
static bool count_error(struct hk_smtpd *s)
{
	if (++s->errors <= HK_SMTP_ERRORS_MAX)
		return true;
	smtpd_give_up(s, HK_REFUSAL_ERRORS);
	return false;
}

void smtpd_refuse_word(struct hk_smtpd *s, enum hk_refusal why, const char *word)
{
	if (!count_error(s))
		return;
	say(s, why, hk_slice_str(word));
	smtpd_tell(s, why, hk_slice_str(word));
}

void smtpd_refuse(struct hk_smtpd *s, enum hk_refusal why)
{
	smtpd_refuse_word(s, why, "");
}

void smtpd_refuse_slice(
    struct hk_smtpd *s, unsigned code, const char *enhanced, struct hk_slice text)
{
	if (count_error(s))
		reply(s, code, enhanced, text);
}

/* ---- endings ---- */

void smtpd_end_transaction(struct hk_smtpd *s)
{
	if ((s->state & SMTPD_TRANSACTION) == 0)
		return;
	s->state = SMTPD_READY;
	s->recipients = 0;
	s->abort_due = true;
}

void smtpd_close(struct hk_smtpd *s, const char *reason)
{
	smtpd_end_transaction(s);
	smtpd_drop_input(s);
	s->cancel_due = s->cancel_due || s->state == SMTPD_AUTH;
	s->is_banner_held = false;
	s->answers_due = 0;
	s->state = SMTPD_OVER;
	s->event_due = true;
	s->due = HK_SMTPD_CLOSE;
	s->close_reason = hk_slice_str(reason);
}

void smtpd_give_up(struct hk_smtpd *s, enum hk_refusal why)
{
	/* RFC 5321 3.1: a refusal in place of the greeting */
	if (s->is_banner_held) {
		hk_buf_reset(&s->out);
		s->banner_left = 0;
	}
	smtpd_refuse_mildly(s, why);
	smtpd_close(s, hk_refusal_row(why)->said);
}

void hk_smtpd_timeout(struct hk_smtpd *s)
{
	if (!s->pending && (s->state & (SMTPD_OVER | SMTPD_TLS)) == 0)
		smtpd_give_up(s, HK_REFUSAL_TIMEOUT);
}

void hk_smtpd_shutdown(struct hk_smtpd *s)
{
	s->shutdown_due = true;
}

void hk_smtpd_tls_done(struct hk_smtpd *s)
{
	if (s->state == SMTPD_OVER)
		return;
	smtpd_drop_input(s);
	if (s->pending && s->event.type == HK_SMTPD_STARTTLS)
		s->pending = false;
	s->state = SMTPD_GREETING;
	s->proto = HK_PROTO_SMTP;
	s->helo_n = 0;
	s->recipients = 0;
	s->idle = 0;
	s->is_authenticated = s->has_clientid = false;
	s->is_tls = true;
}

/* ---- events ---- */

struct hk_smtpd_event *smtpd_pend(struct hk_smtpd *s, enum hk_smtpd_event_type type)
{
	s->event = (struct hk_smtpd_event){.size = sizeof(struct hk_smtpd_event), .type = type, .proto = s->proto};
	s->pending = true;
	return &s->event;
}

/* Makes the next thing that is due the pending event. */
static bool take_due(struct hk_smtpd *s)
{
	if (s->told_due) {
		smtpd_pend(s, HK_SMTPD_REFUSED)->text = hk_slice_str(hk_refusal_row(s->told_due)->id);
		s->event.data = hk_slice_str(s->told_word);
		s->told_due = HK_REFUSAL_NONE;
		return true;
	}
	if (s->cancel_due) {
		s->cancel_due = false;
		smtpd_pend(s, HK_SMTPD_AUTH_CANCEL);
		return true;
	}
	if (s->abort_due) {
		s->abort_due = false;
		smtpd_pend(s, HK_SMTPD_ABORT);
		return true;
	}
	if (s->event_due) {
		s->event_due = false;
		smtpd_pend(s, s->due)->text = s->close_reason;
		return true;
	}
	return false;
}

/* An idle session holds no input buffer. */
static enum hk_status await_input(struct hk_smtpd *s)
{
	if (s->in_at == s->in_n && (s->state & (SMTPD_DATA | SMTPD_CHUNK)) == 0) {
		free(s->in);
		s->in = NULL;
		s->in_at = s->in_n = s->in_cap = 0;
	}
	return HK_AGAIN;
}

static bool is_clogged(const struct hk_smtpd *s)
{
	return s->out.n > HK_SMTP_OUTPUT_MAX / 2;
}

static enum hk_status step(struct hk_smtpd *s)
{
	enum hk_status status;

	if (s->no_memory || hk_buf_status(&s->out) != HK_OK)
		return HK_NOMEM;
	if (s->state == SMTPD_OVER)
		return s->out.n ? HK_AGAIN : HK_END;
	if (s->state == SMTPD_TLS)
		return HK_AGAIN;
	if (s->early) {
		smtpd_give_up(s, HK_REFUSAL_EARLY_TALKER);
		return HK_OK;
	}
	if (s->shutdown_due) {
		smtpd_give_up(s, HK_REFUSAL_SHUTDOWN);
		return HK_OK;
	}
	if (is_clogged(s))
		return HK_AGAIN;
	if (s->refusals_due) {
		s->refusals_due--;
		hk_buf_add(&s->out, hk_buf_slice(&s->refusal));
		return HK_OK;
	}
	switch (s->state) {
	case SMTPD_DATA:
		status = smtpd_data_step(s);
		break;
	case SMTPD_CHUNK:
		status = smtpd_chunk_step(s);
		break;
	case SMTPD_SKIP:
		status = smtpd_skip_step(s);
		break;
	default:
		status = smtpd_line_step(s);
		break;
	}
	return status == HK_AGAIN ? await_input(s) : status;
}

/* Between two commands a client may think for minutes, and thousands of them do: what the last one needed is given back. */
static void rest(struct hk_smtpd *s)
{
	if (!(s->state & (SMTPD_GREETING | SMTPD_READY)) || s->in_at < s->in_n)
		return;
	free(s->in);
	s->in = NULL;
	s->in_at = s->in_n = s->in_cap = 0;
	hk_arena_done(&s->scratch);
}

enum hk_status hk_smtpd_next(struct hk_smtpd *s, struct hk_smtpd_event *ret)
{
	while (!s->pending && !take_due(s)) {
		enum hk_status status = step(s);

		if (status == HK_AGAIN)
			rest(s);
		if (status != HK_OK)
			return status;
	}
	/* LMTP: hundreds of answers to one message have to go out in their time */
	if (s->event.type == HK_SMTPD_MESSAGE && s->event.recipient && is_clogged(s))
		return HK_AGAIN;
	return hk_sized_give(ret, sizeof s->event, &s->event);
}

/* ---- state ---- */

bool hk_smtpd_is_tls(const struct hk_smtpd *s)
{
	return s->is_tls;
}

enum hk_smtp_proto hk_smtpd_proto(const struct hk_smtpd *s)
{
	return s->proto;
}

struct hk_slice hk_smtpd_helo(const struct hk_smtpd *s)
{
	return hk_slice_of(s->helo, s->helo_n);
}

unsigned hk_smtpd_errors(const struct hk_smtpd *s)
{
	return s->errors;
}
