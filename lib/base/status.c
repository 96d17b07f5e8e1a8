/* SPDX-License-Identifier: MIT */
#include <hikyaku/base.h>

static const struct {
	enum hk_status status;
	const char *name, *text;
} table[] = {
#define X(name, number, sentence) {HK_##name, #name, sentence},
    HK_STATUS_TABLE(X)
#undef X
};

static size_t find(enum hk_status status)
{
	size_t i = 0;

	while (i < sizeof table / sizeof table[0] && table[i].status != status)
		i++;
	return i;
}

const char *hk_status_name(enum hk_status status)
{
	size_t i = find(status);

	return i < sizeof table / sizeof table[0] ? table[i].name : "?";
}

const char *hk_status_text(enum hk_status status)
{
	size_t i = find(status);

	return i < sizeof table / sizeof table[0] ? table[i].text : "unknown status";
}
