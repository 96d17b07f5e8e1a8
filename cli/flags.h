/* SPDX-License-Identifier: MIT
 *
 * flags.h - options of a command that shares none with others: one table of numbers, switches, texts and sockets.
 */
#ifndef HIKYAKU_CLI_FLAGS_H
#define HIKYAKU_CLI_FLAGS_H

#include <stddef.h>

#include "conf/conf.h"

/* What the member is: uint64_t, bool, const char *, struct hk_conf_socket. */
enum flag_kind { FLAG_NUMBER, FLAG_SWITCH, FLAG_TEXT, FLAG_SOCKET };
struct flag {
	const char *name, *value, *help; /* value NULL: a switch */
	enum flag_kind kind;
	size_t member;
	uint64_t least, most; /* of a number */
};

/* flags_parse(table, n, argv, ret): over what stands in ret; false: said on stderr what is wrong. */
bool flags_parse(const struct flag *, size_t n, char **argv, void *ret);
/* flags_parse_words(table, n, argv, ret, words): what is no option goes to words; behind "--" all is none. */
struct flag_words {
	const char **word;
	size_t n, room;
};
bool flags_parse_words(const struct flag *, size_t n, char **argv, void *ret, struct flag_words *);
/* flags_help(usage, table, n): on stdout. */
void flags_help(const char *usage, const struct flag *, size_t n);

#endif
