/* SPDX-License-Identifier: MIT */
#include "explain_internal.h"

static void add_text(const struct hk_trace_step *step, size_t i, enum hk_language language, struct hk_buf *out)
{
	struct hk_slice text = step->text[i], word = explain_word(text, language);

	if (word.p != text.p)
		hk_buf_add(out, word); /* ours, not theirs */
	else
		hk_quote_add(out, text, HK_TRACE_TEXT_MAX);
}

static size_t text_number(char c)
{
	size_t i = (size_t)(c - '0');

	return i < HK_TRACE_TEXTS ? i : 0;
}

/* The template: "{n}" text n, "[n|" to "]" only where text n is not empty (never nested). */
void hk_explain_step(const struct hk_trace_step *step, enum hk_language language, struct hk_buf *out)
{
	const char *at = explain_sentence(step->event, language);
	bool shown = true;

	for (; *at; at++) {
		if (*at == '[') {
			shown = step->text[text_number(at[1])].n > 0;
			at += 2;
		} else if (*at == ']') {
			shown = true;
		} else if (!shown) {
			continue;
		} else if (*at == '{') {
			add_text(step, text_number(at[1]), language, out);
			at += 2;
		} else {
			hk_buf_add_byte(out, (uint8_t)*at);
		}
	}
}
