/* SPDX-License-Identifier: MIT */
#include "explain_internal.h"

/* How much of text stands before folding (RFC 5322 2.2.3), which is read as nothing but the white
 * space behind CRLF. */
static size_t before_fold(struct hk_slice text)
{
	size_t i;

	for (i = 0; i + 3 <= text.n; i++)
		if (text.p[i] == '\r' && text.p[i + 1] == '\n' && hk_is_wsp(text.p[i + 2]))
			return i;
	return text.n;
}

static void add_text(
    const struct hk_trace_step *step, size_t i, enum hk_language language, struct hk_buf *out)
{
	struct hk_slice text = step->text[i], word = explain_word(text, language);

	if (word.p != text.p) {
		hk_buf_add(out, word); /* ours, not theirs */
		return;
	}
	while (text.n) {
		size_t n = before_fold(text);

		hk_quote_add(out, hk_slice_sub(text, 0, n), HK_TRACE_TEXT_MAX);
		text = hk_slice_from(text, n);
		if (text.n)
			hk_buf_add_byte(out, ' ');
		while (text.n && (hk_is_wsp(text.p[0]) || before_fold(text) == 0))
			text = hk_slice_from(text, hk_is_wsp(text.p[0]) ? 1 : 2);
	}
}

static size_t text_number(char c)
{
	size_t i = (size_t)(c - '0');

	return i < HK_TRACE_TEXTS ? i : 0;
}

/* The template: "{n}" text n, "[n|" to "]" only where text n is not empty (never nested). */
void hk_explain_step(
    const struct hk_trace_step *step, enum hk_language language, struct hk_buf *out)
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
