/* SPDX-License-Identifier: MIT
 *
 * `hikyaku check dkim-key`: what stands under a selector, and whether it can be used (RFC 6376 3.6).
 */
#include "lib/dkim/dkim_internal.h"

#include "cli_internal.h"

struct key_report {
	struct hk_slice name;
	struct hk_dkim_lookup lookup;
	struct hk_dns_answer answer;
	bool is_usable; /* at least one record is */
};

static unsigned bits_of(struct hk_dkim_key *key)
{
	return key->fault == HK_DKIM_R_OK && hk_dkim_key_load(key) == HK_DKIM_R_OK
	           ? hk_public_key_bits(key->public)
	           : 0;
}

/* The first thing that keeps verifiers from using the key; empty: nothing does. */
static struct hk_slice fault_of(struct hk_dkim_key *key)
{
	if (key->fault != HK_DKIM_R_OK)
		return hk_dkim_reason_text(key->fault);
	if (hk_dkim_key_load(key) != HK_DKIM_R_OK)
		return hk_dkim_reason_text(key->public_fault);
	if (!key->is_ed25519 && bits_of(key) < HK_DKIM_MIN_RSA_BITS)
		return hk_dkim_reason_text(HK_DKIM_R_KEY_SHORT);
	if (!key->allows_sha256)
		return HK_S("h= leaves out sha256, and RFC 8301 3.1 forbids all else");
	return (struct hk_slice){0};
}

static bool wants_more_bits(struct hk_dkim_key *key)
{
	return !key->is_ed25519 && bits_of(key) < HK_EXPLAIN_GOOD_RSA_BITS;
}

/* What is allowed, but not wise. */
static const struct {
	const char *what;
	bool (*is_so)(struct hk_dkim_key *);
} notes[] = {
    {"RSA keys should have at least 2048 bits (RFC 8301 3.2)", wants_more_bits},
};

enum { NOTES = sizeof notes / sizeof notes[0] };

static void record_json(struct hk_json_writer *w, struct hk_dkim_key *key)
{
	struct hk_slice fault = fault_of(key);
	size_t i;

	hk_json_object(w, NULL);
	hk_json_string(w, "record", key->text);
	hk_json_string(w, "k", key->k);
	hk_json_int(w, "bits", bits_of(key));
	hk_json_bool(w, "sha256", key->allows_sha256);
	hk_json_bool(w, "testing", key->testing);
	hk_json_bool(w, "strict", key->strict);
	hk_json_array(w, "problems");
	if (fault.n)
		hk_json_string(w, NULL, fault);
	for (i = 0; i < NOTES && !fault.n; i++)
		if (notes[i].is_so(key))
			hk_json_text(w, NULL, notes[i].what);
	hk_json_close_array(w);
	hk_json_bool(w, "usable", fault.n == 0);
	hk_json_close_object(w);
}

static const char *result_name(const struct key_report *r)
{
	return r->lookup.fault == HK_DKIM_R_KEY_UNAVAILABLE ? "temperror"
	       : r->is_usable                               ? "ok"
	                                                    : "permerror";
}

/* A fault, a note or a test: what --strict minds in any record under the selector. */
static bool any_is_minded(const struct key_report *r)
{
	size_t i, j;

	for (i = 0; i < r->lookup.n; i++) {
		struct hk_dkim_key *key = r->lookup.key[i];

		if (fault_of(key).n || key->testing)
			return true;
		for (j = 0; j < NOTES; j++)
			if (notes[j].is_so(key))
				return true;
	}
	return r->lookup.n > 1;
}

static void write_json(struct key_report *r, struct hk_buf *out)
{
	struct hk_json_writer w;
	size_t i;

	hk_json_begin(&w, out);
	hk_json_object(&w, NULL);
	hk_json_text(&w, "result", result_name(r));
	hk_json_string(&w, "name", r->name);
	hk_json_text(&w, "rcode", hk_dns_rcode_name(r->answer.rcode));
	hk_json_string(&w, "reason", r->lookup.fault == HK_DKIM_R_OK ? (struct hk_slice){0} : hk_dkim_reason_text(r->lookup.fault));
	hk_json_array(&w, "records");
	for (i = 0; i < r->lookup.n; i++)
		record_json(&w, r->lookup.key[i]);
	hk_json_close_array(&w);
	hk_json_close_object(&w);
	hk_buf_add_byte(out, '\n');
}

static void write_text(struct key_report *r, struct hk_buf *out)
{
	size_t i, j;

	cli_line_add(out, "result", hk_slice_str(result_name(r)));
	cli_line_add(out, "name", r->name);
	if (r->lookup.fault != HK_DKIM_R_OK)
		cli_line_add(out, "reason", hk_dkim_reason_text(r->lookup.fault));
	for (i = 0; i < r->lookup.n; i++) {
		struct hk_dkim_key *key = r->lookup.key[i];

		cli_line_add(out, "record", key->text);
		cli_line_add(out, "key type", key->k);
		if (bits_of(key))
			hk_buf_addf(out, "%-14s%u\n", "bits", bits_of(key));
		if (key->testing)
			hk_buf_addf(out, "%-14st=y: the domain tests DKIM\n", "note");
		cli_line_add(out, "fault", fault_of(key));
		for (j = 0; j < NOTES && !fault_of(key).n; j++)
			if (notes[j].is_so(key))
				cli_line_add(out, "note", hk_slice_str(notes[j].what));
	}
}

static enum hk_status ask(const struct cli_options *o, struct cli_resolver *resolver, struct hk_arena *a, struct key_report *r)
{
	struct hk_dns_question q = {.type = HK_DNS_TXT};
	struct hk_slice text;
	enum hk_status status;
	size_t i;

	status = hk_arena_fmt(a, &text, "%s._domainkey.%s", o->word[1], o->word[2]);
	if (status == HK_OK)
		status = hk_dns_name_normalise(a, text, &r->name);
	if (status != HK_OK)
		return status;
	q.name = r->name;
	status = cli_resolve(resolver, &q, a, &r->answer);
	if (status == HK_OK)
		status = hk_dkim_lookup_answer(a, &r->lookup, &r->answer);
	for (i = 0; status == HK_OK && i < r->lookup.n; i++)
		r->is_usable = r->is_usable || fault_of(r->lookup.key[i]).n == 0;
	return status;
}

enum cli_exit cli_answer_dkim_key(const struct cli_options *o, struct cli_resolver *resolver, struct hk_arena *a, struct hk_buf *out)
{
	struct key_report r = {0};
	bool is_minded;
	enum hk_status status;

	if (o->n_words < 3) {
		cli_complain("a selector and a domain are needed", NULL);
		return CLI_USAGE;
	}
	status = ask(o, resolver, a, &r);
	if (status == HK_OK && o->json)
		write_json(&r, out);
	else if (status == HK_OK)
		write_text(&r, out);
	is_minded = any_is_minded(&r);
	hk_dkim_lookup_done(&r.lookup);
	if (status != HK_OK)
		return cli_answer_failed(status);
	if (r.lookup.fault == HK_DKIM_R_KEY_UNAVAILABLE)
		return CLI_LATER;
	return r.is_usable && !(o->strict && is_minded) ? CLI_OK : CLI_FAIL;
}
