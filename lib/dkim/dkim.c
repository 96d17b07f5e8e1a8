/* SPDX-License-Identifier: MIT */
#include "dkim_internal.h"

static const struct {
	enum hk_dkim_result result;
	const char *text;
} reasons[] = {
#define X(id, result, text) {HK_DKIM_##result, text},
    HK_DKIM_REASON_TABLE(X)
#undef X
};

static const char *const results[] = {
#define X(id, text) text,
    HK_DKIM_RESULT_TABLE(X)
#undef X
};

struct hk_slice hk_dkim_reason_text(enum hk_dkim_reason reason)
{
	return hk_slice_str(reasons[reason].text);
}

enum hk_dkim_result hk_dkim_reason_result(enum hk_dkim_reason reason)
{
	return reasons[reason].result;
}

const char *hk_dkim_result_name(enum hk_dkim_result result)
{
	size_t i = (size_t)result;

	return i < sizeof results / sizeof results[0] ? results[i] : "?";
}
