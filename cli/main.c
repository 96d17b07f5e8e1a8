/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "cli_internal.h"
#include "sendmail.h"

static const struct cli_command commands[] = {
    {"explain", "show how SPF, DKIM and DMARC judge a message, step by step",
        "[options] [FILE | - | ID]", cli_explain, 0, true, .options = CLI_OPTIONS_EXPLAIN},
    {"verify", "judge a message and print Authentication-Results, or JSON", "[options] [FILE | -]",
        cli_verify, 0, true, .options = CLI_OPTIONS_VERIFY},
    {"check", "evaluate one SPF identity, find a DMARC policy, or look at a DKIM key",
        "spf | dmarc DOMAIN | dkim-key SELECTOR DOMAIN [options]", cli_check_command, 3, false, .options = CLI_OPTIONS_CHECK},
    {"sign", "print a message with a DKIM-Signature of ours", "[options] [FILE | -]", cli_sign, 0, true, .options = CLI_OPTIONS_SIGN},
    {"keys", "make, publish, watch and change DKIM keys, of one domain or hundreds",
        "new|rotate|dns|status|activate|retire|revoke|import --dir DIR [options] [DOMAIN...]", cli_keys,
        .words = 1, .takes_more = true, .options = CLI_OPTIONS_KEYS},
    {"arc", "judge the chain of ARC, or print a message with one more set (RFC 8617; historic)",
        "seal | verify [options] FILE | -",
        cli_arc, 1, true, .options = CLI_OPTIONS_ARC},
    {"srs", "rewrite an envelope sender for forwarding, or back for a bounce",
        "forward|reverse --secret-file FILE --domain NAME [options] ADDRESS", cli_srs, .words = 2, .options = CLI_OPTIONS_SRS},
    {"authres", "print what the Authentication-Results fields of a message say",
        "[options] [FILE | -]", cli_authres, .takes_file = true, .options = CLI_OPTIONS_AUTHRES},
    {"smtp", "speak with a mail server, and show what is said", "[--server HOST] [--rcpt ADDRESS]... [options]",
        .run_words = cli_smtp},
    {"users", "keep the password file of a submission server",
        "add|passwd|remove|list --file FILE [options] [NAME]", .run_words = cli_users},
    {"queue", "look into the queue of a server that runs, and change it", "ACTION [options] [ID...]", .run_words = cli_queue},
    {"find", "find what became of messages, accepted and refused, or erase it", "[options] [ID...]", .run_words = cli_find},
    {"spool", "read the spool of a server without changing it, and find damage", "check|dump [options] DIR", .run_words = cli_spool},
    {"load", "send made-up mail over many connections, and tell what it took", "[options]", .run_words = cli_load},
    {"sink", "take all mail and keep none", "[options]", .run_words = cli_sink},
};

enum { COMMANDS = sizeof commands / sizeof commands[0] };

static void help(FILE *to)
{
	size_t i;

	fputs("usage: hikyaku COMMAND [options] [FILE | -]\n\ncommands:\n", to);
	for (i = 0; i < COMMANDS; i++)
		fprintf(to, "  %-10s %s\n", commands[i].name, commands[i].summary);
	fputs("  sendmail   send a message, with the options of sendmail(1); also mailq and newaliases\n", to);
	fputs("\nhikyaku COMMAND --help lists the options of a command.\n" CLI_EXITS "\n", to);
}

/* What was cut on its way out must not look whole: half a message is not signed. */
static enum cli_exit flushed(enum cli_exit code)
{
	return cli_flush() ? code : CLI_OUTPUT;
}

/* One program under several names. */
static const char *name_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static enum cli_exit run(const struct cli_command *command, char **argv)
{
	struct cli_options options;

	if (command->run_words)
		return command->run_words(argv);
	if (!cli_options_parse(command, argv, &options))
		return CLI_USAGE;
	if (!options.help)
		return command->run(&options);
	cli_options_help(command);
	return CLI_OK;
}

int main(int argc, char **argv)
{
	size_t i;

	if (argc > 0 && sendmail_is_name(name_of(argv[0])))
		return sendmail_run(name_of(argv[0]), argv + 1);
	if (argc > 1 && sendmail_is_name(argv[1]))
		return sendmail_run(argv[1], argv + 2);
	if (argc < 2) {
		help(stderr);
		return CLI_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) {
		help(stdout);
		return (int)flushed(CLI_OK);
	}
	for (i = 0; i < COMMANDS; i++)
		if (strcmp(argv[1], commands[i].name) == 0)
			return (int)flushed(run(&commands[i], argv + 2));
	cli_complain("no such command", argv[1]);
	help(stderr);
	return CLI_USAGE;
}
