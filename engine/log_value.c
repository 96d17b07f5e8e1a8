/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "engine/log_value.h"
#include "lib/base/quote.h"

struct hk_log_quoted hk_log_value(struct hk_slice s)
{
	static const char hex[] = {'\\', 'x', '2', '2'};
	struct hk_log_quoted ret = hk_log_quote(s);
	char quoted[HK_QUOTED_SEQUENCE];
	size_t n = 1, k, taken;

	if (ret.text[0] && !strpbrk(ret.text, " \"="))
		return ret;
	ret.text[0] = '"';
	for (; s.n; s = hk_slice_from(s, taken)) {
		k = hk_quote_sequence(s, quoted, &taken);
		if (s.p[0] == '"') {
			memcpy(quoted, hex, sizeof hex);
			k = sizeof hex;
		}
		if (n + k + 1 >= sizeof ret.text)
			break;
		memcpy(ret.text + n, quoted, k);
		n += k;
	}
	ret.text[n++] = '"';
	ret.text[n] = 0;
	return ret;
}
