/* SPDX-License-Identifier: MIT
 *
 * The options of `hikyaku smtp`: a table of its own, since no other command has one of them.
 */
#include <stdio.h>
#include <string.h>

#include "smtp.h"

/* A setter gives NULL, or what is wrong with the value. */
typedef const char *setter(struct smtp_options *, const char *value);

static const char *set_rcpt(struct smtp_options *o, const char *value)
{
	if (o->n_rcpt == SMTP_RCPTS_MAX)
		return "one recipient too many; 100 are taken";
	o->rcpt[o->n_rcpt++] = value;
	return NULL;
}

static const char *set_raw(struct smtp_options *o, const char *value)
{
	if (o->n_raw == SMTP_RAW_MAX)
		return "one command too many; 64 are taken";
	o->raw[o->n_raw++] = value;
	return NULL;
}

/* The number of the word in a NULL-terminated list, or -1. */
static int find_word(const char *const *words, const char *word)
{
	int i;

	for (i = 0; words[i]; i++)
		if (strcmp(words[i], word) == 0)
			return i;
	return -1;
}

static const char *set_tls(struct smtp_options *o, const char *value)
{
	static const char *const words[] = {
	    "off", "try", "starttls", "implicit", NULL}; /* as enum smtp_tls */
	int word = find_word(words, value);

	o->tls = (enum smtp_tls)word;
	return word < 0 ? "none of off, try, starttls and implicit" : NULL;
}

static const char *set_quit(struct smtp_options *o, const char *value)
{
	/* as enum smtp_quit */
	static const char *const words[] = {
	    "never", "banner", "helo", "tls", "auth", "mail", "rcpt", NULL};
	int word = find_word(words, value);

	o->quit_after = (enum smtp_quit)word;
	return word < 0 ? "none of banner, helo, tls, auth, mail and rcpt" : NULL;
}

static const char *set_body(struct smtp_options *o, const char *value)
{
	static const char *const words[] = {
	    "7bit", "8bitmime", "binarymime", NULL}; /* as enum hk_smtp_body */
	int word = find_word(words, value);

	o->body = (enum hk_smtp_body)word;
	o->has_body = true;
	return word < 0 ? "none of 7bit, 8bitmime and binarymime" : NULL;
}

static const char *set_ret(struct smtp_options *o, const char *value)
{
	static const char *const words[] = {"", "full", "hdrs", NULL}; /* as enum hk_smtp_ret */
	int word = find_word(words, value);

	o->ret = (enum hk_smtp_ret)word;
	return word < 1 ? "neither full nor hdrs" : NULL;
}

static const char *set_notify(struct smtp_options *o, const char *value)
{
	static const char *const words[] = {"never", "success", "failure", "delay", NULL};
	struct hk_slice list = hk_slice_str(value), item;
	char word[16];
	int bit;

	while (hk_tags_item(&list, ',', &item)) {
		snprintf(word, sizeof word, "%.*s", HK_FMT(item));
		bit = find_word(words, word);
		if (bit < 0)
			return "not a list of never, success, failure, delay";
		o->notify |= 1u << bit; /* as enum hk_smtp_notify */
	}
	return NULL;
}

static const char *set_clientid(struct smtp_options *o, const char *value)
{
	struct hk_slice text = hk_slice_str(value);
	size_t space = hk_slice_find(text, ' '), i;

	o->clientid_type = hk_slice_sub(text, 0, space);
	o->clientid = hk_slice_from(text, space + 1);
	for (i = 0; i < text.n && (hk_is_graph(text.p[i]) || i == space); i++)
		;
	return i == text.n && o->clientid_type.n && o->clientid.n && o->clientid_type.n <= HK_SMTP_CLIENTID_MAX &&
	               o->clientid.n <= HK_SMTP_CLIENTID_MAX
	           ? NULL
	           : "not a type and a token, with a space between them";
}

static const char *set_timeout(struct smtp_options *o, const char *value)
{
	uint64_t seconds;

	if (hk_slice_u64(hk_slice_str(value), 3600, &seconds) != HK_OK || seconds == 0)
		return "not a number of seconds from 1 to 3600";
	o->timeout = (unsigned)seconds;
	return NULL;
}

#define AT(member) NULL, offsetof(struct smtp_options, member)

/* value NULL: the option has none. Without a setter the value, or true, goes to the member there.
 */
static const struct {
	const char *name, *value, *help;
	setter *set;
	size_t member;
} table[] = {
    {"--server", "HOST",
        "the server, a name or an address (default: the MX of the first recipient's domain)",
        AT(server)},
    {"--resolver", "IP[@PORT]", "ask this resolver for the MX (default: those of /etc/resolv.conf)",
        AT(resolver)},
    {"--dns", "ZONEFILE", "take the MX and addresses from master-file text", AT(zone)},
    {"--port", "PORT", "its port (default: 25; 465 with --tls implicit)", AT(port)},
    {"--socket", "PATH", "a unix socket in place of both", AT(socket)},
    {"--lmtp", NULL, "speak LMTP (RFC 2033)", AT(lmtp)},
    {"--helo", "NAME", "our name (default: this host's)", AT(helo)},
    {"--helo-only", NULL, "HELO at once, no EHLO", AT(helo_only)},
    {"--mail-from", "ADDRESS", "the envelope sender, empty for <> (default: the user at this host)",
        AT(mail_from)},
    {"--rcpt", "ADDRESS", "an envelope recipient; may be given again", set_rcpt, 0},
    {"--data", "FILE|-", "the message (default: a short one, made here)", AT(data)},
    {"--subject", "TEXT", "the subject of the message made here", AT(subject)},
    {"--tls", "off|try|starttls|implicit",
        "TLS: never (default), where offered, by STARTTLS, from the first byte", set_tls, 0},
    {"--tls-verify", NULL, "end where the certificate is not trusted for the name", AT(tls_verify)},
    {"--tls-name", "NAME", "the name for SNI and in the certificate (default: the server's)",
        AT(tls_name)},
    {"--tls-ca", "FILE", "trust these authorities, in PEM (default: the system's)", AT(tls_ca)},
    {"--auth", "MECHANISM", "SCRAM-SHA-256, PLAIN or LOGIN (default: the first of them that is offered)",
        AT(auth)},
    {"--user", "NAME", "authenticate as", AT(user)},
    {"--password-file", "FILE", "the password is the first line of this file", AT(password_file)},
    {"--password", "TEXT", "the password; everybody on this host can see it", AT(password)},
    {"--auth-in-clear", NULL, "send the password without TLS", AT(auth_in_clear)},
    {"--clientid", "TYPE TOKEN", "one word: name this device under TLS, before AUTH, where that is offered (CLIENTID)",
        set_clientid, 0},
    {"--body", "7bit|8bitmime|binarymime",
        "BODY= (default: 8bitmime for a message with 8-bit bytes)", set_body, 0},
    {"--chunking", NULL, "BDAT in place of DATA where offered (RFC 3030)", AT(chunking)},
    {"--smtputf8", NULL, "addresses and header may be UTF-8 (RFC 6531)", AT(smtputf8)},
    {"--require-tls", NULL, "REQUIRETLS (RFC 8689)", AT(require_tls)},
    {"--notify", "LIST", "NOTIFY= for each recipient: never, success, failure, delay (RFC 3461)",
        set_notify, 0},
    {"--ret", "full|hdrs", "RET=", set_ret, 0},
    {"--envid", "TEXT", "ENVID=, encoded here", AT(envid)},
    {"--orcpt", "TEXT", "ORCPT= as given, such as rfc822;user@example.org", AT(orcpt)},
    {"--transid", "ID", "TRANSID=<ID>, such as 1@me.example: the same --data with it later goes on where it broke off (RFC 1845)",
        AT(transid)},
    {"--mail-params", "TEXT", "more parameters of MAIL, as given", AT(mail_params)},
    {"--rcpt-params", "TEXT", "more parameters of each RCPT, as given", AT(rcpt_params)},
    {"--no-pipelining", NULL, "wait for each reply", AT(no_pipelining)},
    {"--force", NULL, "use what was asked for also where it is not offered", AT(force)},
    {"--send-raw", "TEXT",
        "send a command before the message, with \\r \\n \\0 \\xHH \\\\ as in C; may be given "
        "again",
        set_raw, 0},
    {"--quit-after", "STAGE", "QUIT after banner, helo, tls, auth, mail or rcpt", set_quit, 0},
    {"--timeout", "SECONDS", "wait that long for each reply (default: as RFC 5321 4.5.3.2)",
        set_timeout, 0},
    {"--quiet", NULL, "no transcript", AT(quiet)},
    {"--json", NULL, "print JSON in place of the transcript", AT(json)},
    {"--help", NULL, "print this", AT(help)},
};

enum { OPTIONS = sizeof table / sizeof table[0] };

void smtp_options_help(void)
{
	size_t i;

	puts("usage: hikyaku smtp [--server HOST] [--rcpt ADDRESS]... [options]\n\n"
	     "speak with a mail server, and show what is said\n\noptions:");
	for (i = 0; i < OPTIONS; i++) {
		char left[64];

		snprintf(left, sizeof left, "%s %s", table[i].name,
		    table[i].value ? table[i].value : "");
		printf("  %-28s %s\n", left, table[i].help);
	}
	puts("\nIn the transcript \"->\" is ours and \"<-\" the server's, with ~ in place of - "
	     "under TLS; \"<**\" is a refusal,\n"
	     "\"===\" what happened beside. Passwords are not shown.\n"
	     "Exit status: 0 all was taken, 1 something was refused for good, 2 usage, 3 temporary "
	     "failure, 4 the output could not be written.");
}

static bool take(char ***argv, struct smtp_options *o)
{
	const char *given = *(*argv)++, *equals = strchr(given, '='), *value = NULL, *wrong = NULL;
	size_t length = equals ? (size_t)(equals - given) : strlen(given), i;
	static const bool yes = true;

	for (i = 0; i < OPTIONS; i++)
		if (strlen(table[i].name) == length && strncmp(table[i].name, given, length) == 0)
			break;
	if (i == OPTIONS) {
		cli_complain(
		    given[0] == '-' ? "no such option" : "this is one word too many", given);
		return false;
	}
	if (table[i].value) {
		value = equals ? equals + 1 : *(*argv);
		if (!value) {
			cli_complain("the option needs a value", given);
			return false;
		}
		*argv += !equals;
	} else if (equals) {
		cli_complain("the option has no value", given);
		return false;
	}
	if (table[i].set)
		wrong = table[i].set(o, value);
	else if (value)
		memcpy((char *)o + table[i].member, &value, sizeof value);
	else
		memcpy((char *)o + table[i].member, &yes, sizeof yes);
	if (wrong)
		cli_complain(wrong, value);
	return !wrong;
}

bool smtp_options_parse(char **argv, struct smtp_options *ret)
{
	*ret = (struct smtp_options){0};
	while (*argv)
		if (!take(&argv, ret))
			return false;
	return true;
}
