/* SPDX-License-Identifier: MIT
 *
 * options.h - the command line of hikyakud.
 */
#ifndef HIKYAKU_DAEMON_OPTIONS_H
#define HIKYAKU_DAEMON_OPTIONS_H

#include <stdbool.h>

#define DAEMON_CONFIG "/etc/hikyaku/hikyakud.conf"

struct options {
	const char *config;
	const char *role; /* NULL: the supervisor, or all in one */
	bool check, single, foreground, help, version, manual;
};
/* false, after a message on stderr, when the arguments cannot be understood. */
bool options_parse(int argc, char **argv, struct options *ret);
void options_help(void);

#endif
