/* SPDX-License-Identifier: MIT */
#include <string.h>
#include <unistd.h>

#include "cli_internal.h"
#include "lib/explain/explain_refusal.h"

enum { REPLIES_MAX = 1024 * 1024 };

bool cli_is_reply(const struct cli_options *o)
{
	struct hk_slice transaction;

	/* a file of that name is a message, as ever */
	return o->file && hk_refusal_in(hk_slice_str(o->file), &transaction) != HK_REFUSAL_NONE && access(o->file, F_OK) != 0;
}

static void all_as_json(struct hk_json_writer *w, enum hk_language language)
{
	unsigned i;

	hk_json_array(w, NULL);
	for (i = HK_REFUSAL_NONE + 1; i < HK_REFUSALS; i++)
		hk_explain_refusal_json(w, (enum hk_refusal)i, (struct hk_slice){0}, language);
	hk_json_close_array(w);
}

enum cli_exit cli_replies(const struct cli_options *o)
{
	struct hk_slice transaction = {0};
	enum hk_refusal why = o->replies ? HK_REFUSAL_NONE : hk_refusal_in(hk_slice_str(o->file), &transaction);
	struct hk_json_writer w;
	struct hk_buf out;

	hk_buf_init(&out, REPLIES_MAX);
	hk_json_begin(&w, &out);
	if (o->replies && o->json)
		all_as_json(&w, o->language);
	else if (o->replies)
		hk_explain_refusals(o->language, &out);
	else if (o->json)
		hk_explain_refusal_json(&w, why, transaction, o->language);
	else
		hk_explain_refusal(why, transaction, o->language, &out);
	if (o->json)
		hk_buf_add_byte(&out, '\n');
	cli_write(&out);
	hk_buf_done(&out);
	return CLI_OK;
}
