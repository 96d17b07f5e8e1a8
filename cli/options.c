/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/mail.h"

#include "cli_internal.h"

/* A setter gives NULL, or what is wrong with the value. */
typedef const char *cli_setter(struct cli_options *, const char *value);

static const char *set_ip(struct cli_options *o, const char *value)
{
	return hk_ip_parse(hk_slice_str(value), &o->client) == HK_OK ? NULL : "not an IP address";
}

static const char *set_helo(struct cli_options *o, const char *value)
{
	o->helo = value;
	return NULL;
}

static const char *set_mail_from(struct cli_options *o, const char *value)
{
	o->mail_from = value;
	return NULL;
}

static const char *set_zone(struct cli_options *o, const char *value)
{
	o->zone = value;
	return NULL;
}

static const char *set_resolver(struct cli_options *o, const char *value)
{
	o->resolver = value;
	return NULL;
}

static const char *set_record(struct cli_options *o, const char *value)
{
	o->record = value;
	return NULL;
}

static const char *set_queue_id(struct cli_options *o, const char *value)
{
	uint64_t id;

	o->queue_id = value;
	return hk_mail_id_parse(hk_slice_str(value), &id) == HK_OK ? NULL : "not a queue id";
}

static const char *set_evidence_dir(struct cli_options *o, const char *value)
{
	o->evidence_dir = value;
	return NULL;
}

static const char *set_save(struct cli_options *o, const char *value)
{
	o->save_record = value;
	return NULL;
}

static const char *set_now(struct cli_options *o, const char *value)
{
	uint64_t now;

	if (hk_slice_u64(hk_slice_str(value), INT64_MAX, &now) != HK_OK)
		return "not a number of seconds since 1970";
	o->now = (int64_t)now;
	o->has_now = true;
	return NULL;
}

static const char *set_language(struct cli_options *o, const char *value)
{
	if (strcmp(value, "en") != 0 && strcmp(value, "ja") != 0)
		return "neither en nor ja";
	o->language = strcmp(value, "ja") == 0 ? HK_JAPANESE : HK_ENGLISH;
	return NULL;
}

static const char *set_json(struct cli_options *o, const char *value)
{
	(void)value;
	o->json = true;
	return NULL;
}

static const char *set_matrix(struct cli_options *o, const char *value)
{
	(void)value;
	o->matrix = true;
	return NULL;
}

static const char *set_help(struct cli_options *o, const char *value)
{
	(void)value;
	o->help = true;
	return NULL;
}

static const char *set_authserv_id(struct cli_options *o, const char *value)
{
	o->authserv_id = value;
	return NULL;
}

static const char *set_checks(struct cli_options *o, const char *value)
{
	static const struct {
		const char *name;
		unsigned check;
	} names[] = {{"spf", HK_CHECK_SPF}, {"dkim", HK_CHECK_DKIM}, {"dmarc", HK_CHECK_DMARC}};
	struct hk_slice list = hk_slice_str(value), item;
	size_t i;

	o->checks = 0;
	while (hk_tags_item(&list, ',', &item)) {
		for (i = 0; i < sizeof names / sizeof names[0]; i++) {
			if (hk_slice_eq(item, hk_slice_str(names[i].name))) {
				o->checks |= names[i].check;
				break;
			}
		}
		if (i == sizeof names / sizeof names[0])
			return "not a list of spf, dkim, dmarc";
	}
	return o->checks ? NULL : "not a list of spf, dkim, dmarc";
}

static const char *set_style(struct cli_options *o, const char *value)
{
	if (strcmp(value, "rfc") != 0 && strcmp(value, "rspamd") != 0)
		return "neither rfc nor rspamd";
	o->style = strcmp(value, "rspamd") == 0 ? HK_AUTHRES_RSPAMD : HK_AUTHRES_RFC;
	return NULL;
}

/* What --help prints, and what the parser knows. value NULL: the option has none. */
static const struct {
	const char *name, *value, *help;
	cli_setter *set;
} table[] = {
    {"--ip", "ADDRESS", "the client's address (default: the Received field of the stored message)",
        set_ip},
    {"--helo", "NAME", "what the client said with HELO (default: that Received field)", set_helo},
    {"--mail-from", "ADDRESS", "the envelope sender, empty for <> (default: Return-Path)",
        set_mail_from},
    {"--dns", "ZONEFILE", "answer DNS questions from master-file text, never from the network",
        set_zone},
    {"--resolver", "IP[@PORT]", "ask this resolver (default: those of /etc/resolv.conf)",
        set_resolver},
    {"--evidence", "FILE", "replay a record: no message and no DNS are needed", set_record},
    {"--queue-id", "ID", "replay what a server of ours kept about the message of this queue id", set_queue_id},
    {"--evidence-dir", "FOLDER", "where it kept that (default: " CLI_EVIDENCE_DIR ")", set_evidence_dir},
    {"--save-evidence", "FILE", "write such a record", set_save},
    {"--now", "SECONDS",
        "judge as of this time since 1970 (default: the time of Received, else now)", set_now},
    {"--checks", "LIST", "of spf, dkim, dmarc (default: all)", set_checks},
    {"--authserv-id", "NAME",
        "our name in Authentication-Results (default: that of the message, else localhost)",
        set_authserv_id},
    {"--authres-style", "rfc|rspamd", "the wording of Authentication-Results (default: rfc)",
        set_style},
    {"--lang", "en|ja", "the language of explain (default: by LC_ALL, LC_MESSAGES, LANG)",
        set_language},
    {"--json", NULL, "print JSON", set_json},
    {"--matrix", NULL, "explain: print the table of all combinations for DMARC and exit",
        set_matrix},
    {"--help", NULL, "print this", set_help},
};

enum { OPTIONS = sizeof table / sizeof table[0] };

void cli_options_help(const struct cli_command *command)
{
	size_t i;

	printf("usage: hikyaku %s %s\n\n%s\n\noptions:\n", command->name, command->usage,
	    command->summary);
	for (i = 0; i < OPTIONS; i++) {
		char left[64];

		snprintf(left, sizeof left, "%s %s", table[i].name,
		    table[i].value ? table[i].value : "");
		printf("  %-28s %s\n", left, table[i].help);
	}
	puts("\nFILE is a message as stored or as sent; \"-\" reads it from the standard input.\n"
	     "Exit status: 0 pass or nothing to object to, 1 fail, 2 usage, 3 temporary failure.");
}

static enum hk_language language_of_environment(void)
{
	static const char *const names[] = {"LC_ALL", "LC_MESSAGES", "LANG"};
	size_t i;

	for (i = 0; i < sizeof names / sizeof names[0]; i++) {
		const char *value = getenv(names[i]);

		if (value && *value)
			return strncmp(value, "ja", 2) == 0 ? HK_JAPANESE : HK_ENGLISH;
	}
	return HK_ENGLISH;
}

/* Takes one option and its value off argv; false after saying what is wrong. */
static bool take_option(char ***argv, struct cli_options *o)
{
	const char *given = **argv, *equals = strchr(given, '='), *value = NULL, *wrong;
	size_t length = equals ? (size_t)(equals - given) : strlen(given), i;

	for (i = 0; i < OPTIONS; i++)
		if (strlen(table[i].name) == length && strncmp(table[i].name, given, length) == 0)
			break;
	if (i == OPTIONS) {
		cli_complain("no such option", given);
		return false;
	}
	(*argv)++;
	if (table[i].value) {
		value = equals ? equals + 1 : **argv;
		if (!value) {
			cli_complain("the option needs a value", given);
			return false;
		}
		if (!equals)
			(*argv)++;
	} else if (equals) {
		cli_complain("the option has no value", given);
		return false;
	}
	wrong = table[i].set(o, value);
	if (wrong)
		cli_complain(wrong, value);
	return !wrong;
}

bool cli_options_parse(const struct cli_command *command, char **argv, struct cli_options *ret)
{
	struct cli_options o = {.checks = HK_CHECK_SPF | HK_CHECK_DKIM | HK_CHECK_DMARC,
	    .language = language_of_environment()};

	while (*argv) {
		bool is_option = strncmp(*argv, "--", 2) == 0 && (*argv)[2];

		if (is_option && !take_option(&argv, &o))
			return false;
		if (is_option)
			continue;
		if (o.file) {
			cli_complain("one message at a time; this is too many", *argv);
			return false;
		}
		o.file = *argv++;
	}
	if (!o.file && !o.record && !o.queue_id && !o.help && !o.matrix) {
		cli_complain(
		    "a message is needed: a file, or - for the standard input; see --help of",
		    command->name);
		return false;
	}
	*ret = o;
	return true;
}
