/* SPDX-License-Identifier: MIT
 *
 * `hikyaku arc`: the chain of a message is judged, or gets one more set (RFC 8617; historic).
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <hikyaku/arc.h>
#include <hikyaku/json.h>

#include "cli_internal.h"

enum { OUTPUT_MAX = 4 * 65536 };

/* What one run needs. */
struct run {
	const struct cli_options *options;
	struct hk_arena arena;
	struct hk_private_key *key;
	struct cli_message message;
	struct hk_header header;
	struct hk_arc_validate *chain;
	struct hk_buf out;
};

static int64_t now_of(const struct cli_options *o)
{
	return o->has_now ? o->now : (int64_t)time(NULL);
}

/* A message without a chain asks nothing, so no resolver is made for it. */
static enum hk_status answer_all(struct run *s)
{
	struct cli_resolver *resolver = NULL;
	enum hk_status status = hk_arc_validate_step(s->chain);

	if (status != HK_AGAIN)
		return status;
	if (!cli_resolver_new(&s->arena, s->options, &resolver))
		return HK_IO;
	status = cli_resolve_all(resolver, hk_evaluator_arc(s->chain));
	cli_resolver_free(resolver);
	return status;
}

static enum hk_status validate(struct run *s)
{
	struct hk_arc_validate_options options = {.size = sizeof options, .now = now_of(s->options),
	    .min_rsa_bits = s->options->min_rsa_bits,
	    .trusted_sealers = hk_slice_str(s->options->trusted_sealers)};

	s->chain = hk_arc_validate_new(&s->arena, &options, &s->header, NULL);
	if (!s->chain)
		return HK_NOMEM;
	hk_arc_validate_body(s->chain, s->message.body);
	hk_arc_validate_end(s->chain);
	return answer_all(s);
}

/* What we said about the message when it came in: the topmost field that has our name, as it is.
 * Only one that begins with the plain name; in any other form we did not write it. */
static struct hk_slice our_results(const struct hk_header *header, struct hk_slice id)
{
	struct hk_slice name = HK_S("Authentication-Results");
	size_t i;

	for (i = hk_header_find(header, name, 0); i < header->n;
	     i = hk_header_find(header, name, i + 1)) {
		struct hk_slice value = header->field[i].value;
		size_t end = hk_slice_find(value, ';');

		if (hk_slice_eq_nocase(hk_slice_trim(hk_slice_sub(value, 0, end)), id))
			return hk_slice_from(value, end + 1);
	}
	return (struct hk_slice){0};
}

static bool tells_of_arc(struct hk_arena *a, struct hk_slice id, struct hk_slice results)
{
	struct hk_authres_parsed field;
	struct hk_slice value;
	size_t i;

	if (hk_arena_fmt(a, &value, "%.*s;%.*s", HK_FMT(id), HK_FMT(results)) != HK_OK ||
	    hk_authres_parse(a, value, &field) != HK_OK)
		return false;
	for (i = 0; i < field.n_results; i++)
		if (hk_slice_eq_nocase(field.result[i].method, HK_S("arc")))
			return true;
	return false;
}

/* The results with the status of the chain behind them (RFC 8617 4.1.1), unless they have it. */
static enum hk_status results_of(struct run *s, struct hk_slice *ret)
{
	struct hk_slice id = hk_slice_str(s->options->authserv_id), ours = our_results(&s->header, id);
	const char *cv = hk_arc_result_name(hk_arc_validate_result(s->chain)->cv);

	if (hk_slice_trim(ours).n == 0 || hk_slice_eq_nocase(hk_slice_trim(ours), HK_S("none")))
		return HK_OK;
	while (ours.n && (hk_is_wsp(ours.p[ours.n - 1]) || ours.p[ours.n - 1] == ';'))
		ours.n--;
	if (tells_of_arc(&s->arena, id, ours))
		return hk_arena_dup(&s->arena, ours, ret);
	return hk_arena_fmt(&s->arena, ret, "%.*s;\r\n\tarc=%s", HK_FMT(ours), cv);
}

static enum hk_status seal(struct run *s)
{
	const struct cli_options *o = s->options;
	struct hk_arc_seal_options options = {.size = sizeof options, .d = hk_slice_str(o->domain),
	    .s = hk_slice_str(o->selector[0]),
	    .alg = hk_private_key_alg(s->key),
	    .authserv_id = hk_slice_str(o->authserv_id),
	    .headers = hk_slice_str(o->headers),
	    .now = now_of(o)};
	enum hk_status status = results_of(s, &options.results);
	struct hk_arc_seal *sealer;
	struct hk_slice digest;

	if (status != HK_OK)
		return status;
	sealer = hk_arc_seal_new(
	    &s->arena, &options, &s->header, hk_arc_validate_result(s->chain));
	if (!sealer)
		return HK_NOMEM;
	hk_arc_seal_body(sealer, s->message.body);
	status = hk_arc_seal_end(sealer);
	while (status == HK_OK && hk_arc_seal_question(sealer, &digest)) {
		uint8_t signature[HK_SIGNATURE_MAX];
		size_t n = sizeof signature;

		status = hk_sign_digest(s->key, digest, signature, &n);
		if (status == HK_OK)
			status = hk_arc_seal_answer(sealer, hk_slice_of(signature, n));
	}
	if (status == HK_OK)
		status = hk_arc_seal_finish(sealer, &s->out);
	hk_arc_seal_done(sealer);
	return status;
}

static void explain_failure(enum hk_status status)
{
	static const struct {
		enum hk_status status;
		const char *text;
	} rows[] = {
	    {HK_SYNTAX,
	        "there is no From that could be signed, or a name or list among the options is none"},
	    {HK_END, "the chain was ended by cv=fail; nothing may be added to it"},
	    {HK_LIMIT, "the chain has 50 sets already"},
	};
	size_t i;

	for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		if (rows[i].status == status) {
			cli_complain(rows[i].text, NULL);
			return;
		}
	}
	cli_complain("not sealed", hk_status_text(status));
}

static enum cli_exit seal_chain(struct run *s)
{
	enum hk_status status;

	/* a chain that may be good must not be called broken for ever */
	if (hk_arc_validate_result(s->chain)->is_temporary) {
		cli_complain("a key of the chain could not be had; try again", NULL);
		return CLI_LATER;
	}
	status = seal(s);
	if (status == HK_OK)
		status = cli_signed_write(s->options, &s->arena, &s->message, hk_buf_slice(&s->out));
	if (status == HK_OK)
		return CLI_OK;
	explain_failure(status);
	return status == HK_END || status == HK_LIMIT ? CLI_FAIL : CLI_USAGE;
}

/* ---- verify ------------------------------------------------------------------------------------ */

static void write_json(const struct cli_options *o, const struct hk_arc_verdict *v, struct hk_buf *out)
{
	struct hk_json_writer w;

	hk_json_begin(&w, out);
	hk_json_object(&w, NULL);
	hk_explain_json_arc(&w, v);
	if (o->min_rsa_bits) /* which RFC 8301 forbids */
		hk_json_int(&w, "min_rsa_bits", o->min_rsa_bits);
	hk_json_close_object(&w);
	hk_buf_add_byte(out, '\n');
}

static void write_text(const struct cli_options *o, const struct hk_arc_verdict *v, struct hk_buf *out)
{
	size_t i;

	cli_leniency_add(o, out);
	cli_line_add(out, "arc", hk_slice_str(hk_arc_result_name(v->cv)));
	if (v->reason.n)
		cli_line_add(out, "reason", v->reason);
	for (i = 0; i < v->n; i++)
		cli_line_add(out, "sealed by", v->set[i]->d);
	if (v->is_trusted)
		cli_line_add(out, "trusted", HK_S("yes"));
}

static enum cli_exit show_chain(struct run *s)
{
	const struct hk_arc_verdict *v = hk_arc_validate_result(s->chain);

	(s->options->json ? write_json : write_text)(s->options, v, &s->out);
	cli_write(&s->out);
	return v->is_temporary ? CLI_LATER : v->cv == HK_ARC_FAIL ? CLI_FAIL : CLI_OK;
}

static enum cli_exit run(struct run *s, bool is_seal)
{
	enum hk_status status = hk_header_parse(&s->arena, s->message.header, &s->header);

	if (status == HK_OK)
		status = validate(s);
	if (status == HK_OK)
		return is_seal ? seal_chain(s) : show_chain(s);
	if (status != HK_IO) /* said already */
		cli_complain("not judged", hk_status_text(status));
	return CLI_USAGE;
}

enum cli_exit cli_arc(const struct cli_options *o)
{
	struct run s = {.options = o};
	enum cli_exit code = CLI_USAGE;
	const char *what = o->n_words ? o->word[0] : "";
	bool is_seal = strcmp(what, "seal") == 0;

	if ((!is_seal && strcmp(what, "verify") != 0) || !o->file) {
		cli_complain("a word is needed, seal or verify, and a file", what);
		return CLI_USAGE;
	}
	if (is_seal && (o->n_keys != 1 || !o->domain || o->n_selectors != 1 || !o->authserv_id)) {
		cli_complain("one --key, --domain, --selector and --authserv-id are needed", NULL);
		return CLI_USAGE;
	}
	hk_arena_init(&s.arena, CLI_ARENA);
	hk_buf_init(&s.out, OUTPUT_MAX);
	if ((!is_seal || cli_read_key(o->key[0], &s.key)) && cli_message_read(o, &s.message))
		code = run(&s, is_seal);
	hk_arc_validate_done(s.chain);
	hk_private_key_free(s.key);
	cli_message_done(&s.message);
	hk_buf_done(&s.out);
	hk_arena_done(&s.arena);
	return code;
}
