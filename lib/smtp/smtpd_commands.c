/* SPDX-License-Identifier: MIT
 *
 * The table of verbs (RFC 5321 4.1.1, 3207, 2033, 3030, 4954, 1985), the checks that all of them share, and the short ones.
 * Order of commands: RFC 5321 4.1.4.
 */
#include <stdio.h>
#include <string.h>

#include "smtpd_internal.h"

enum verb_traits {
	NO_ARGUMENT = 1,    /* text behind the verb is an error */
	NEEDS_ARGUMENT = 2, /* none is */
	IDLE = 4,           /* counts to HK_SMTP_NOOPS_MAX */
	ABSENT = 8,         /* known, but not implemented (RFC 5321 4.2.4) */
	FOREIGN = 16,       /* no SMTP at all: the session ends */
	SMTP_ONLY = 32,
	LMTP_ONLY = 64,
	HELLO = 128,
	LAST = 256, /* of a group, where commands come in groups (RFC 2920 3.1) */
};

struct verb {
	const char *name;
	unsigned states; /* in which it may be given */
	unsigned traits;
	void (*run)(struct hk_smtpd *, struct hk_slice argument);
	enum hk_refusal too_early, too_late; /* 503, before and in a transaction */
	unsigned extension;               /* not 0: absent unless this is configured */
};

static void run_helo(struct hk_smtpd *, struct hk_slice);
static void run_ehlo(struct hk_smtpd *, struct hk_slice);
static void run_data(struct hk_smtpd *, struct hk_slice);
static void run_rset(struct hk_smtpd *, struct hk_slice);
static void run_noop(struct hk_smtpd *, struct hk_slice);
static void run_vrfy(struct hk_smtpd *, struct hk_slice);
static void run_help(struct hk_smtpd *, struct hk_slice);
static void run_quit(struct hk_smtpd *, struct hk_slice);
static void run_lhlo(struct hk_smtpd *, struct hk_slice);
static void run_etrn(struct hk_smtpd *, struct hk_slice);
static void run_starttls(struct hk_smtpd *, struct hk_slice);

static const struct verb verbs[] = {
	{"EHLO", SMTPD_COMMAND, NEEDS_ARGUMENT | IDLE | SMTP_ONLY | HELLO | LAST, run_ehlo, 0, 0, 0},
	{"HELO", SMTPD_COMMAND, NEEDS_ARGUMENT | IDLE | SMTP_ONLY | HELLO | LAST, run_helo, 0, 0, 0},
	{"LHLO", SMTPD_COMMAND, NEEDS_ARGUMENT | IDLE | LMTP_ONLY | HELLO | LAST, run_lhlo, 0, 0, 0},
	{"STARTTLS", SMTPD_GREETED, NO_ARGUMENT, run_starttls, HK_REFUSAL_STARTTLS_EARLY, 0, 0},
	{"MAIL", SMTPD_READY, NEEDS_ARGUMENT, smtpd_mail, HK_REFUSAL_MAIL_EARLY,
	    HK_REFUSAL_MAIL_AGAIN, 0},
	{"RCPT", SMTPD_MAIL | SMTPD_RCPT, NEEDS_ARGUMENT, smtpd_rcpt, HK_REFUSAL_RCPT_EARLY, 0, 0},
	{"DATA", SMTPD_RCPT, NO_ARGUMENT | LAST, run_data, HK_REFUSAL_DATA_EARLY,
	    HK_REFUSAL_DATA_NO_RCPT, 0},
	{"RSET", SMTPD_COMMAND, NO_ARGUMENT | IDLE, run_rset, 0, 0, 0},
	{"NOOP", SMTPD_COMMAND, IDLE | LAST, run_noop, 0, 0, 0},
	{"VRFY", SMTPD_COMMAND, NEEDS_ARGUMENT | IDLE | LAST, run_vrfy, 0, 0, 0},
	{"HELP", SMTPD_COMMAND, IDLE, run_help, 0, 0, 0},
	{"QUIT", SMTPD_COMMAND, NO_ARGUMENT, run_quit, 0, 0, 0},
	{"CLIENTID", SMTPD_READY, NEEDS_ARGUMENT | IDLE, smtpd_clientid, HK_REFUSAL_CLIENTID_EARLY,
	    HK_REFUSAL_CLIENTID_LATE, HK_EXT(CLIENTID)},
	{"AUTH", SMTPD_READY, NEEDS_ARGUMENT, smtpd_auth, HK_REFUSAL_AUTH_EARLY,
	    HK_REFUSAL_AUTH_LATE, HK_EXT(AUTH)},
	/* its octets follow whatever the state is: it looks at that itself */
	{"BDAT", SMTPD_COMMAND, NEEDS_ARGUMENT, smtpd_bdat, 0, 0, HK_EXT(CHUNKING)},
	{"ETRN", SMTPD_READY, NEEDS_ARGUMENT | IDLE, run_etrn, HK_REFUSAL_ETRN_EARLY,
	    HK_REFUSAL_ETRN_LATE, HK_EXT(ETRN)},
	{"EXPN", SMTPD_COMMAND, ABSENT | LAST, NULL, 0, 0, 0},
	{"SAML", SMTPD_COMMAND, ABSENT, NULL, 0, 0, 0},
	{"SEND", SMTPD_COMMAND, ABSENT, NULL, 0, 0, 0},
	{"SOML", SMTPD_COMMAND, ABSENT, NULL, 0, 0, 0},
	{"TURN", SMTPD_COMMAND, ABSENT | LAST, NULL, 0, 0, 0},
	/* a browser or a proxy that was made to speak to us: its body could hold a whole dialogue */
	{"CONNECT", SMTPD_COMMAND, FOREIGN, NULL, 0, 0, 0},
	{"GET", SMTPD_COMMAND, FOREIGN, NULL, 0, 0, 0},
	{"POST", SMTPD_COMMAND, FOREIGN, NULL, 0, 0, 0},
	{"PUT", SMTPD_COMMAND, FOREIGN, NULL, 0, 0, 0},
};

enum { VERBS = sizeof verbs / sizeof verbs[0] };

/* ---- what all verbs share ---- */

static const struct verb *find_verb(struct hk_slice name)
{
	size_t i;

	for (i = 0; i < VERBS; i++)
		if (hk_slice_eq_nocase(name, hk_slice_str(verbs[i].name)))
			return &verbs[i];
	return NULL;
}

/* The word at the beginning of text, up to white space. */
static struct hk_slice first_word(struct hk_slice text)
{
	size_t i = 0;

	while (i < text.n && !hk_is_wsp(text.p[i]))
		i++;
	return hk_slice_sub(text, 0, i);
}

static bool argument_fits(struct hk_smtpd *s, const struct verb *verb, struct hk_slice argument)
{
	if ((verb->traits & NO_ARGUMENT) && argument.n)
		smtpd_refuse_word(s, HK_REFUSAL_ARGUMENT_UNWANTED, verb->name);
	else if ((verb->traits & NEEDS_ARGUMENT) && argument.n == 0)
		smtpd_refuse_word(s, HK_REFUSAL_ARGUMENT_MISSING, verb->name);
	else
		return true;
	return false;
}

/* Commands without effect, in a row: a client that only keeps the line busy (security limit of ours). */
static bool is_too_idle(struct hk_smtpd *s, const struct verb *verb)
{
	if ((verb->traits & IDLE) == 0 || ++s->idle <= HK_SMTP_NOOPS_MAX)
		return false;
	smtpd_give_up(s, HK_REFUSAL_IDLE);
	return true;
}

static bool is_absent(const struct hk_smtpd *s, const struct verb *verb)
{
	return (verb->traits & ABSENT) || (verb->extension && (s->options.extensions & verb->extension) == 0) ||
	       (verb->extension == HK_EXT(AUTH) && s->options.mechanisms.n == 0) ||
	       ((verb->traits & LMTP_ONLY) && !s->options.lmtp);
}

/* More came behind a command that is to be answered first (RFC 2920 3.1), or from a client that was not offered groups, as it has not
 * said EHLO (3): what sends so does not heed our replies. What is glued behind STARTTLS is dropped in any case, and the octets of
 * a chunk come right behind their BDAT, PIPELINING or not (RFC 3030 2). */
static bool is_glued(const struct hk_smtpd *s, const struct verb *verb)
{
	if (!s->options.early_talker_check || !smtpd_input(s).n || verb->run == run_starttls || verb->run == smtpd_bdat)
		return false;
	return (verb->traits & LAST) || s->proto == HK_PROTO_SMTP || !(smtpd_offered(s) & HK_EXT(PIPELINING));
}

static void run_verb(struct hk_smtpd *s, const struct verb *verb, struct hk_slice argument)
{
	enum hk_refusal late = s->state == SMTPD_BDAT           ? HK_REFUSAL_BDAT_UNDER_WAY
	                       : (s->state & SMTPD_TRANSACTION) ? verb->too_late
	                                                        : HK_REFUSAL_NONE;

	s->is_hello = (verb->traits & HELLO) != 0;
	if (verb->traits & FOREIGN)
		smtpd_give_up(s, HK_REFUSAL_HTTP);
	else if (is_glued(s, verb))
		smtpd_give_up(s, HK_REFUSAL_PIPELINED);
	else if ((verb->traits & SMTP_ONLY) && s->options.lmtp)
		smtpd_refuse(s, HK_REFUSAL_LMTP_HELLO);
	else if (is_absent(s, verb))
		smtpd_refuse(s, HK_REFUSAL_COMMAND_ABSENT);
	else if ((verb->states & s->state) == 0)
		smtpd_refuse(s, late ? late : verb->too_early);
	else if (argument_fits(s, verb, argument) && !is_too_idle(s, verb))
		verb->run(s, argument);
	s->is_hello = false;
}

void smtpd_command(struct hk_smtpd *s, struct hk_slice line)
{
	struct hk_slice word, argument;
	const struct verb *verb;

	hk_arena_done(&s->scratch);
	if (hk_slice_find(line, '\0') < line.n) {
		smtpd_refuse(s, HK_REFUSAL_LINE_NUL);
		return;
	}
	if (hk_slice_find(line, '\r') < line.n) {
		smtpd_refuse(s, HK_REFUSAL_LINE_BARE_CR);
		return;
	}
	/* RFC 5321 4.1.1: white space at the end is tolerated */
	while (line.n && hk_is_wsp(line.p[line.n - 1]))
		line.n--;
	word = first_word(line);
	/* one separator is taken away; what more there is belongs to the argument and is judged there */
	argument = hk_slice_from(line, word.n ? word.n + 1 : 0);
	verb = find_verb(word);
	if (verb)
		run_verb(s, verb, argument);
	else
		smtpd_refuse(s, HK_REFUSAL_COMMAND_UNKNOWN);
}

/* ---- HELO, EHLO ---- */

/* RFC 5321 4.1.3. A tagged literal other than IPv6 is a General-address-literal: printable without brackets. */
static bool is_literal(struct hk_slice name)
{
	struct hk_slice inner = hk_slice_sub(name, 1, name.n - 2);
	struct hk_ip ip;
	size_t i;

	if (name.n < 3 || name.p[0] != '[' || name.p[name.n - 1] != ']')
		return false;
	if (hk_slice_starts_nocase(inner, HK_S("IPv6:"))) {
		inner = hk_slice_from(inner, 5);
		return hk_slice_find(inner, ':') < inner.n && hk_ip_parse(inner, &ip) == HK_OK;
	}
	if (hk_slice_find(inner, ':') == inner.n)
		return hk_ip_parse(inner, &ip) == HK_OK;
	for (i = 0; i < inner.n; i++)
		if (!hk_is_graph(inner.p[i]) || (inner.p[i] >= '[' && inner.p[i] <= ']'))
			return false;
	return inner.p[0] != ':' && inner.p[inner.n - 1] != ':';
}

/* One label. Deliberate: underscores and hyphens at the ends are let through unless envelopes are strict; many real
 * clients name themselves so, and nothing hangs on it. */
static bool is_label(struct hk_slice label, bool strict)
{
	size_t i;

	if (label.n == 0 || label.n > 63)
		return false;
	for (i = 0; i < label.n; i++) {
		uint8_t c = label.p[i];

		if (!hk_is_alnum(c) && c != '-' && (c != '_' || strict))
			return false;
	}
	return !strict || (label.p[0] != '-' && label.p[label.n - 1] != '-');
}

/* Domain of RFC 5321 4.1.2; strict wants two labels at least (a name that can be fully qualified). */
static bool is_domain(struct hk_slice name, bool strict)
{
	size_t labels = 0;

	if (name.n == 0 || name.n > HK_DOMAIN_MAX)
		return false;
	while (name.n) {
		struct hk_slice label = hk_slice_sub(name, 0, hk_slice_find(name, '.'));

		if (!is_label(label, strict))
			return false;
		labels++;
		name = hk_slice_from(name, label.n + 1);
	}
	return labels > 1 || !strict;
}

static void greet(struct hk_smtpd *s, struct hk_slice argument, enum hk_smtp_proto proto)
{
	struct hk_slice name = first_word(argument);
	struct hk_smtpd_event *event;

	if (name.n == 0 || name.n < argument.n) {
		smtpd_refuse(s, HK_REFUSAL_HELO_ARGUMENT);
		return;
	}
	if (name.n > HK_DOMAIN_MAX || (!is_literal(name) && !is_domain(name, s->options.strict_envelopes))) {
		smtpd_refuse(s, HK_REFUSAL_HELO_NAME);
		return;
	}
	event = smtpd_pend(s, HK_SMTPD_HELO);
	event->proto = proto;
	event->text = name;
}

static void run_helo(struct hk_smtpd *s, struct hk_slice argument)
{
	greet(s, argument, HK_PROTO_SMTP);
}

static void run_ehlo(struct hk_smtpd *s, struct hk_slice argument)
{
	greet(s, argument, HK_PROTO_ESMTP);
}

static void run_lhlo(struct hk_smtpd *s, struct hk_slice argument)
{
	greet(s, argument, HK_PROTO_LMTP);
}

/* ---- the short ones ---- */

static void run_data(struct hk_smtpd *s, struct hk_slice argument)
{
	(void)argument;
	if (s->body == HK_BODY_BINARYMIME)
		smtpd_refuse(s, HK_REFUSAL_DATA_BINARYMIME);
	else
		smtpd_pend(s, HK_SMTPD_DATA);
}

static void run_rset(struct hk_smtpd *s, struct hk_slice argument)
{
	(void)argument;
	smtpd_end_transaction(s);
	s->has_clientid = false; /* draft-storey-smtp-client-id: discarded by RSET */
	smtpd_reply(s, 250, "2.0.0", "Ok");
}

static void run_noop(struct hk_smtpd *s, struct hk_slice argument)
{
	(void)argument; /* RFC 5321 4.1.1.9: ignored */
	smtpd_reply(s, 250, "2.0.0", "Ok");
}

static void run_vrfy(struct hk_smtpd *s, struct hk_slice argument)
{
	smtpd_pend(s, HK_SMTPD_VRFY)->text = argument;
}

static void run_help(struct hk_smtpd *s, struct hk_slice argument)
{
	char text[256];
	size_t i, n = 0;

	(void)argument;
	n += (size_t)snprintf(text, sizeof text, "Commands:");
	for (i = 0; i < VERBS && n < sizeof text; i++)
		if (verbs[i].run && !is_absent(s, &verbs[i]) && !(s->options.lmtp && (verbs[i].traits & SMTP_ONLY)))
			n += (size_t)snprintf(text + n, sizeof text - n, " %s", verbs[i].name);
	smtpd_reply(s, 214, "2.0.0", text);
}

/* RFC 1985 3: a node name, or "@" domain for everything below it, or "#" and a queue's name. */
static void run_etrn(struct hk_smtpd *s, struct hk_slice argument)
{
	bool is_marked = argument.p[0] == '@' || argument.p[0] == '#';
	bool is_rooted = argument.p[argument.n - 1] == '.'; /* no domain of RFC 5321, so none that waits in a queue */

	if (!is_rooted && is_domain(hk_slice_from(argument, is_marked ? 1 : 0), false))
		smtpd_pend(s, HK_SMTPD_ETRN)->text = argument;
	else
		smtpd_refuse(s, HK_REFUSAL_ETRN_NAME);
}

static void run_quit(struct hk_smtpd *s, struct hk_slice argument)
{
	(void)argument;
	smtpd_reply(s, 221, "2.0.0", s->options.echo_addresses ? "Goodbye" : "Bye");
	smtpd_close(s, "");
	s->due = HK_SMTPD_QUIT;
}

static void run_starttls(struct hk_smtpd *s, struct hk_slice argument)
{
	(void)argument;
	if (s->is_tls) {
		smtpd_refuse(s, HK_REFUSAL_STARTTLS_ACTIVE);
		return;
	}
	if (!s->options.offer_starttls) {
		smtpd_refuse(s, HK_REFUSAL_STARTTLS_ABSENT);
		return;
	}
	smtpd_reply(s, 220, "2.0.0", "Ready to start TLS");
	smtpd_end_transaction(s);
	/* RFC 3207 4.2 and CVE-2011-0411: what was glued behind it in clear must not be heeded */
	smtpd_drop_input(s);
	s->state = SMTPD_TLS;
	s->event_due = true;
	s->due = HK_SMTPD_STARTTLS;
	s->close_reason = HK_S("");
}
