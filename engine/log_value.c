/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "engine/log_value.h"

struct hk_log_quoted hk_log_value(struct hk_slice s)
{
	struct hk_log_quoted plain = hk_log_quote(s), quoted = {"\""};
	size_t n = 1, i;

	if (plain.text[0] && !strpbrk(plain.text, " \"="))
		return plain;
	for (i = 0; plain.text[i] && n + 6 < sizeof quoted.text; i++) {
		if (plain.text[i] != '"') {
			quoted.text[n++] = plain.text[i];
			continue;
		}
		memcpy(quoted.text + n, "\\x22", 4);
		n += 4;
	}
	quoted.text[n++] = '"';
	quoted.text[n] = 0;
	return quoted;
}
