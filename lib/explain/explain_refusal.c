/* SPDX-License-Identifier: MIT */
#include "explain_refusal.h"

#include "explain_internal.h"

enum { TRANSACTION_SHOWN = 64 };

/* {n} becomes word, or "..." where there is none. */
static void add(struct hk_buf *out, const char *at, const char *word)
{
	for (; *at; at++) {
		if (*at == '{') {
			hk_buf_add_str(out, *word ? word : "...");
			at += 2;
		} else {
			hk_buf_add_byte(out, (uint8_t)*at);
		}
	}
}

static void add_row(struct hk_buf *out, enum explain_label label, enum hk_language language, const char *text, const char *word)
{
	hk_buf_addf(out, "  %s: ", explain_label(label, language));
	add(out, text, word);
	hk_buf_add_byte(out, '\n');
}

void hk_explain_refusal(
    enum hk_refusal why, struct hk_slice transaction, enum hk_language language, struct hk_buf *out)
{
	struct hk_explained_refusal e;

	hk_explain_refusal_of(why, language, &e);
	hk_buf_addf(out, "%s\n\n  %u %s ", e.row->id, e.row->code, e.row->enhanced);
	add(out, e.row->text, "");
	hk_buf_add_byte(out, '\n');
	if (e.sentence != e.row->text)
		hk_buf_addf(out, "  %s\n", e.sentence);
	hk_buf_add_byte(out, '\n');
	add_row(out, LABEL_REFUSAL_RULE, language, e.row->source, "");
	if (transaction.n) {
		hk_buf_addf(out, "  %s: ", explain_label(LABEL_REFUSAL_TRANSACTION, language));
		hk_quote_add(out, transaction, TRANSACTION_SHOWN);
		hk_buf_addf(out, " (%s)\n", explain_label(LABEL_REFUSAL_IN_LOG, language));
	}
	add_row(out, LABEL_REFUSAL_SENDER, language, e.sender, "");
	add_row(out, LABEL_REFUSAL_OPERATOR, language, e.operator, e.item);
}

static void json_text(struct hk_json_writer *w, const char *key, const char *text, const char *word)
{
	struct hk_buf made;

	hk_buf_init(&made, 4096);
	add(&made, text, word);
	hk_json_string(w, key, hk_buf_slice(&made));
	if (w->out->failed == HK_OK)
		w->out->failed = hk_buf_status(&made);
	hk_buf_done(&made);
}

void hk_explain_refusal_json(
    struct hk_json_writer *w, enum hk_refusal why, struct hk_slice transaction, enum hk_language language)
{
	struct hk_explained_refusal e;

	hk_explain_refusal_of(why, language, &e);
	hk_json_object(w, NULL);
	hk_json_text(w, "id", e.row->id);
	hk_json_int(w, "code", e.row->code);
	hk_json_text(w, "enhanced", e.row->enhanced);
	json_text(w, "text", e.row->text, "");
	json_text(w, "sentence", e.sentence, "");
	hk_json_text(w, "rule", e.row->source);
	json_text(w, "sender", e.sender, "");
	json_text(w, "operator", e.operator, e.item);
	hk_json_text(w, "item", *e.item ? e.item : NULL);
	if (transaction.n)
		hk_json_string(w, "transaction", transaction);
	hk_json_close_object(w);
}

void hk_explain_refusals(enum hk_language language, struct hk_buf *out)
{
	unsigned i;

	hk_buf_addf(out, "%s\n", explain_label(LABEL_REFUSALS, language));
	for (i = HK_REFUSAL_NONE + 1; i < HK_REFUSALS; i++) {
		struct hk_explained_refusal e;

		hk_explain_refusal_of((enum hk_refusal)i, language, &e);
		hk_buf_addf(out, "\n## %s\n\n`%u %s ", e.row->id, e.row->code, e.row->enhanced);
		add(out, e.row->text, "");
		hk_buf_addf(out, "`%s%s\n\n", e.sentence != e.row->text ? "\n\n" : "", e.sentence != e.row->text ? e.sentence : "");
		hk_buf_addf(out, "- %s: %s\n- %s: ", explain_label(LABEL_REFUSAL_RULE, language), e.row->source,
		    explain_label(LABEL_REFUSAL_SENDER, language));
		add(out, e.sender, "");
		hk_buf_addf(out, "\n- %s: ", explain_label(LABEL_REFUSAL_OPERATOR, language));
		add(out, e.operator, e.item);
		hk_buf_add_byte(out, '\n');
	}
}
