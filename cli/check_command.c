/* SPDX-License-Identifier: MIT
 *
 * `hikyaku check`: one identity, policy or key, without a message.
 */
#include <string.h>

#include "cli_internal.h"

static const struct {
	const char *name;
	size_t words; /* with the name itself */
	cli_answer *run;
	bool batch;
} kinds[] = {
    {"spf", 1, cli_answer_spf, true},
    {"dmarc", 2, cli_answer_dmarc, true},
    {"dkim-key", 3, cli_answer_dkim_key, false},
};

enum { KINDS = sizeof kinds / sizeof kinds[0] };

enum cli_exit cli_answer_once(const struct cli_options *o, cli_answer *run)
{
	struct cli_resolver *resolver = NULL;
	enum cli_exit code = CLI_USAGE;
	struct hk_arena zone, a;
	struct hk_buf out;

	hk_arena_init(&zone, CLI_ARENA);
	hk_arena_init(&a, CLI_ARENA);
	hk_buf_init(&out, CLI_OUTPUT_MAX);
	/* a replay has its answers */
	if (o->record || o->queue_id || cli_resolver_new(&zone, o, &resolver)) {
		if (o->batch) {
			code = cli_batch(o, resolver, run);
		} else {
			code = run(o, resolver, &a, &out);
			cli_write(&out);
		}
	}
	cli_resolver_free(resolver);
	hk_buf_done(&out);
	hk_arena_done(&a);
	hk_arena_done(&zone);
	return code;
}

enum cli_exit cli_check_command(const struct cli_options *o)
{
	size_t i;

	for (i = 0; i < KINDS; i++) {
		if (o->n_words == 0 || strcmp(o->word[0], kinds[i].name) != 0)
			continue;
		if (o->n_words > kinds[i].words) {
			cli_complain("this is one word too many", o->word[kinds[i].words]);
			return CLI_USAGE;
		}
		if (o->batch && !kinds[i].batch) {
			cli_complain("there is no batch of", kinds[i].name);
			return CLI_USAGE;
		}
		return cli_answer_once(o, kinds[i].run);
	}
	cli_complain("check what? spf, dmarc or dkim-key",
	    o->n_words ? o->word[0] : NULL);
	return CLI_USAGE;
}

void cli_line_add(struct hk_buf *out, const char *name, struct hk_slice value)
{
	if (value.n == 0)
		return;
	hk_buf_addf(out, "%-14s", name);
	hk_quote_add(out, value, CLI_VALUE_SHOWN);
	hk_buf_add_byte(out, '\n');
}

void cli_steps_add(struct hk_buf *out, const struct hk_trace *trace, enum hk_language language)
{
	size_t i;

	hk_buf_add_byte(out, '\n');
	for (i = 0; i < hk_trace_count(trace); i++) {
		const struct hk_trace_step *step = hk_trace_at(trace, i);

		hk_buf_addf(out, "%3zu. ", i + 1);
		hk_explain_step(step, language, out);
		hk_buf_addf(out, "  [%s]\n", hk_trace_event_rfc(step->event));
	}
	if (hk_trace_is_cut(trace))
		hk_buf_add_str(out, "     (there were more steps)\n");
}

enum cli_exit cli_answer_failed(enum hk_status status)
{
	cli_complain("no verdict", hk_status_text(status));
	return CLI_USAGE;
}
