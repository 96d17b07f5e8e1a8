/* SPDX-License-Identifier: MIT */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "daemon/options.h"
#include "daemon/privileges.h"

static const struct option {
	const char *name, *value; /* value: what --help calls it; NULL: a switch */
	size_t offset;            /* in struct options: a text or a bool */
	const char *help;         /* NULL: not for people */
} table[] = {
    {"--config", "FILE", offsetof(struct options, config),
        "read this configuration (default " DAEMON_CONFIG ")"},
    {"--check-config", NULL, offsetof(struct options, check),
        "say whether the configuration is good, and end"},
    {"--foreground", NULL, offsetof(struct options, foreground),
        "stay with the terminal, or with whoever started it"},
    {"--single", NULL, offsetof(struct options, single),
        "all in one process, in the foreground, for debugging and small tests"},
    {"--manual", NULL, offsetof(struct options, manual),
        "print the configuration's items as a section of a man page"},
    {"--help", NULL, offsetof(struct options, help), "print this"},
    {"--version", NULL, offsetof(struct options, version), "print the version"},
    {"--role", "ROLE", offsetof(struct options, role), NULL},
};

static const struct option *find(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof table / sizeof table[0]; i++)
		if (strcmp(table[i].name, name) == 0)
			return &table[i];
	return NULL;
}

bool options_parse(int argc, char **argv, struct options *ret)
{
	int i;

	*ret = (struct options){.config = DAEMON_CONFIG};
	for (i = 1; i < argc; i++) {
		const struct option *o = find(argv[i]);

		if (!o) {
			fprintf(stderr, "hikyakud: unknown argument: %s (see hikyakud --help)\n",
			    argv[i]);
			return false;
		}
		if (!o->value) {
			*(bool *)((char *)ret + o->offset) = true;
		} else if (i + 1 < argc) {
			*(const char **)((char *)ret + o->offset) = argv[++i];
		} else {
			fprintf(stderr, "hikyakud: %s needs a %s\n", o->name, o->value);
			return false;
		}
	}
	return true;
}

static void help_processes(void)
{
	enum role role;

	printf("\nProcesses, and what each may hold:\n");
	for (role = 0; role < ROLES; role++)
		printf("  %-18s %s\n", role_name(role), role_holds(role));
}

void options_help(void)
{
	char left[48];
	size_t i;

	printf("usage: hikyakud [options]\n\nThe mail server: receives, checks, queues and "
	       "delivers mail.\n\n");
	for (i = 0; i < sizeof table / sizeof table[0]; i++) {
		if (!table[i].help)
			continue;
		snprintf(left, sizeof left, "%s%s%s", table[i].name, table[i].value ? " " : "",
		    table[i].value ? table[i].value : "");
		printf("  %-18s %s\n", left, table[i].help);
	}
	help_processes();
	printf("\nSIGHUP reads the configuration again; a bad one is refused and the old one "
	       "stays. SIGTERM ends after what is\n"
	       "under way, in 30 seconds at most. More: hikyakud(8).\n");
}
