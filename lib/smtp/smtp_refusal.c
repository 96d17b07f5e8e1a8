/* SPDX-License-Identifier: MIT */
#include "smtp_refusal.h"

#include "smtp_internal.h"

static const struct hk_refusal_row rows[HK_REFUSALS] = {
    [HK_REFUSAL_NONE] = {"", 0, "", "", "", ""},
#define X(ID, id, code, enhanced, text, source) [HK_REFUSAL_##ID] = {id, code, enhanced, text, source, text " (" source ")"},
    HK_REFUSAL_SMTP_TABLE(X) HK_REFUSAL_ENGINE_TABLE(X)
#undef X
};

const struct hk_refusal_row *hk_refusal_row(enum hk_refusal why)
{
	return &rows[(unsigned)why < HK_REFUSALS ? why : HK_REFUSAL_NONE];
}

enum hk_refusal hk_refusal_find(struct hk_slice id)
{
	unsigned i;

	for (i = HK_REFUSAL_NONE + 1; i < HK_REFUSALS; i++)
		if (hk_slice_eq(id, hk_slice_str(rows[i].id)))
			return (enum hk_refusal)i;
	return HK_REFUSAL_NONE;
}

enum hk_refusal hk_refusal_in(struct hk_slice text, struct hk_slice *transaction)
{
	struct hk_slice id = hk_slice_trim(text);
	size_t slash;

	if (id.n && id.p[id.n - 1] == ']') {
		id = hk_slice_from(id, hk_slice_rfind(id, '[') + 1);
		id.n -= id.n > 0;
	}
	slash = hk_slice_find(id, '/');
	*transaction = hk_slice_from(id, slash + 1);
	return hk_refusal_find(hk_slice_sub(id, 0, slash));
}

/* A line break of somebody else's would be one of the reply (RFC 5321 4.2.1); the rest is quoted when it is written. */
static void add_arg(struct hk_buf *out, struct hk_slice arg)
{
	size_t i;

	for (i = 0; i < arg.n; i++)
		hk_buf_add_byte(out, arg.p[i] == '\n' ? '?' : arg.p[i]);
}

static void add_sentence(struct hk_buf *out, const struct hk_refusal_said *said, const char *at)
{
	for (; *at; at++) {
		if (*at == '{') {
			add_arg(out, said->arg[(unsigned)(at[1] - '0') % HK_REFUSAL_ARGS]);
			at += 2;
		} else {
			hk_buf_add_byte(out, (uint8_t)*at);
		}
	}
}

void hk_refusal_sentence_add(struct hk_buf *out, const struct hk_refusal_said *said)
{
	add_sentence(out, said, hk_refusal_row(said->why)->said);
}

void hk_refusal_add(struct hk_buf *out, const struct hk_refusal_said *said)
{
	const struct hk_refusal_row *row = hk_refusal_row(said->why);
	size_t begin = out->n, tail_n;
	struct hk_buf tail;

	hk_buf_init(&tail, HK_SMTP_REPLY_TEXT_MAX);
	hk_buf_addf(&tail, " (%s) [%s%s%s]", row->source, row->id, said->transaction ? "/" : "",
	    said->transaction ? said->transaction : "");
	tail_n = tail.n;
	if (said->about.n) {
		hk_buf_add_byte(out, '<');
		add_arg(out, said->about);
		hk_buf_add_str(out, ">: ");
	}
	add_sentence(out, said, row->text);
	if (out->n - begin > HK_SMTP_REPLY_TEXT_MAX - tail_n)
		out->n = begin + HK_SMTP_REPLY_TEXT_MAX - tail_n;
	hk_buf_add(out, hk_buf_slice(&tail));
	if (hk_buf_status(&tail) != HK_OK && out->failed == HK_OK)
		out->failed = hk_buf_status(&tail);
	hk_buf_done(&tail);
}
