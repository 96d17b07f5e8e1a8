/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "cli_internal.h"
#include "flags.h"

static const struct flag *find(const struct flag *table, size_t n, const char *given, size_t length)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (strlen(table[i].name) == length && strncmp(table[i].name, given, length) == 0)
			return &table[i];
	return NULL;
}

/* "192.0.2.1:25", "[2001:db8::1]:25" */
static bool read_socket(struct hk_slice text, struct hk_conf_socket *ret)
{
	size_t colon = hk_slice_rfind(text, ':');
	struct hk_slice host = hk_slice_sub(text, 0, colon);
	uint64_t port;

	if (colon == text.n || hk_slice_u64(hk_slice_from(text, colon + 1), 65535, &port) != HK_OK || port == 0)
		return false;
	if (host.n > 2 && host.p[0] == '[' && host.p[host.n - 1] == ']')
		host = hk_slice_sub(host, 1, host.n - 2);
	ret->port = (uint16_t)port;
	return hk_ip_parse(host, &ret->ip) == HK_OK;
}

/* NULL, or what is wrong with the value. */
static const char *set(const struct flag *f, const char *value, void *ret)
{
	void *member = (char *)ret + f->member;
	struct hk_conf_socket socket;
	uint64_t number;

	switch (f->kind) {
	case FLAG_SWITCH:
		*(bool *)member = true;
		return NULL;
	case FLAG_TEXT:
		memcpy(member, &value, sizeof value);
		return NULL;
	case FLAG_NUMBER:
		if (hk_slice_u64(hk_slice_str(value), f->most, &number) != HK_OK || number < f->least)
			return "no number that the option takes";
		memcpy(member, &number, sizeof number);
		return NULL;
	case FLAG_SOCKET:
		if (!read_socket(hk_slice_str(value), &socket))
			return "not an address and a port, such as 127.0.0.1:25 or [::1]:25";
		memcpy(member, &socket, sizeof socket);
		return NULL;
	}
	return "?";
}

static bool take_word(struct flag_words *words, const char *given)
{
	if (!words || words->n == words->room) {
		cli_complain("this is one word too many", given);
		return false;
	}
	words->word[words->n++] = given;
	return true;
}

/* One option, and its value where it has one. */
static bool take_option(const struct flag *table, size_t n, char ***argv, void *ret)
{
	const char *given = *(*argv)++, *equals = strchr(given, '='), *value = NULL, *wrong;
	const struct flag *f = find(table, n, given, equals ? (size_t)(equals - given) : strlen(given));

	if (!f) {
		cli_complain("no such option", given);
		return false;
	}
	if (f->value) {
		value = equals ? equals + 1 : **argv;
		if (!value) {
			cli_complain("the option needs a value", given);
			return false;
		}
		*argv += !equals;
	} else if (equals) {
		cli_complain("the option has no value", given);
		return false;
	}
	wrong = set(f, value, ret);
	if (wrong)
		cli_complain(wrong, given);
	return !wrong;
}

bool flags_parse_words(const struct flag *table, size_t n, char **argv, void *ret, struct flag_words *words)
{
	bool only_words = false;

	while (*argv) {
		if (!only_words && words && strcmp(*argv, "--") == 0) {
			only_words = true;
			argv++;
		} else if (only_words || (*argv)[0] != '-') {
			if (!take_word(words, *argv++))
				return false;
		} else if (!take_option(table, n, &argv, ret)) {
			return false;
		}
	}
	return true;
}

bool flags_parse(const struct flag *table, size_t n, char **argv, void *ret)
{
	return flags_parse_words(table, n, argv, ret, NULL);
}

void flags_help(const char *usage, const struct flag *table, size_t n)
{
	size_t i;

	printf("%s\n\noptions:\n", usage);
	for (i = 0; i < n; i++) {
		char left[64];

		snprintf(left, sizeof left, "%s %s", table[i].name, table[i].value ? table[i].value : "");
		printf("  %-28s %s\n", left, table[i].help);
	}
}
