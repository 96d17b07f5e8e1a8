/* SPDX-License-Identifier: MIT
 *
 * `hikyaku sign`: a message with a DKIM-Signature more for each key (RFC 6376).
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <hikyaku/json.h>
#include <hikyaku/tags.h>

#include "cli_internal.h"

enum { PEM_MAX = 65536, FIELDS_MAX = HK_DKIM_MAX_SIGNERS * 65536, JSON_MAX = 2 * FIELDS_MAX };

bool cli_read_key(const char *name, struct hk_private_key **ret)
{
	struct hk_buf pem = {0};
	enum hk_status status;

	if (!cli_read_file(name, PEM_MAX, &pem))
		return false;
	status = hk_private_key_pem(hk_buf_slice(&pem), ret);
	memset(pem.p, 0, pem.n);
	hk_buf_done(&pem);
	if (status == HK_LIMIT)
		cli_complain("an RSA key must have 1024 to 4096 bits", name);
	else if (status != HK_OK)
		cli_complain("this is no unencrypted private key, RSA or Ed25519, in PEM", name);
	return status == HK_OK;
}

/* The keys, as many as there are --key. */
struct signers {
	struct hk_private_key *key[HK_DKIM_MAX_SIGNERS];
	struct hk_dkim_sign *sign;
};

/* One question for each key; the body has gone by once for all of them. */
static enum hk_status answer_all(struct signers *s)
{
	const struct hk_dkim_sign_question *q;
	uint8_t signature[HK_SIGNATURE_MAX];
	enum hk_status status = HK_OK;

	while (status == HK_OK && (q = hk_dkim_sign_question(s->sign)) != NULL) {
		size_t n = sizeof signature;

		status = hk_sign_digest(s->key[q->id], q->digest, signature, &n);
		if (status == HK_OK)
			status = hk_dkim_sign_answer(s->sign, q->id, hk_slice_of(signature, n));
	}
	return status;
}

static enum hk_status sign(const struct cli_options *o, struct signers *s, const struct cli_message *m,
    struct hk_arena *a, struct hk_buf *fields)
{
	struct hk_dkim_sign_options options = {.size = sizeof options, .d = hk_slice_str(o->domain),
	    .header_canon = o->header_canon,
	    .body_canon = o->body_canon,
	    .now = o->has_now ? o->now : (int64_t)time(NULL),
	    .headers = hk_slice_str(o->headers)};
	struct hk_header header;
	enum hk_status status = hk_header_parse(a, m->header, &header);
	size_t i;

	for (i = 0; i < o->n_keys && status == HK_OK; i++) {
		options.s = hk_slice_str(o->selector[i]);
		options.alg = hk_private_key_alg(s->key[i]);
		if (s->sign)
			status = hk_dkim_sign_also(s->sign, &options);
		else
			s->sign = hk_dkim_sign_new(a, &options, &header);
		if (!s->sign)
			return HK_NOMEM;
	}
	if (status != HK_OK)
		return status;
	hk_dkim_sign_body(s->sign, m->body);
	status = hk_dkim_sign_end(s->sign, NULL);
	if (status == HK_OK)
		status = answer_all(s);
	return status == HK_OK ? hk_dkim_sign_fields(s->sign, fields) : status;
}

static bool read_keys(const struct cli_options *o, struct signers *s)
{
	size_t i;

	for (i = 0; i < o->n_keys; i++)
		if (!cli_read_key(o->key[i], &s->key[i]))
			return false;
	return true;
}

static void signers_done(struct signers *s)
{
	size_t i;

	hk_dkim_sign_done(s->sign);
	for (i = 0; i < HK_DKIM_MAX_SIGNERS; i++)
		hk_private_key_free(s->key[i]);
}

static void write_message(const struct cli_message *m, struct hk_slice fields)
{
	struct hk_slice part[2] = {fields, hk_buf_slice(&m->bytes)};
	size_t i, k;

	for (k = 0; k < 2; k++) {
		if (!m->was_lf) {
			fwrite(part[k].p, 1, part[k].n, stdout);
			continue;
		}
		for (i = 0; i < part[k].n; i++)
			if (part[k].p[i] != '\r' || i + 1 == part[k].n || part[k].p[i + 1] != '\n')
				putchar(part[k].p[i]);
	}
}

/* As docs/schema/fields.json has it. */
static enum hk_status write_json(struct hk_arena *a, struct hk_slice fields)
{
	struct hk_json_writer w;
	struct hk_header header;
	struct hk_buf out;
	enum hk_status status = hk_header_parse(a, fields, &header);
	size_t i;

	if (status != HK_OK)
		return status;
	hk_buf_init(&out, JSON_MAX);
	hk_json_begin(&w, &out);
	hk_json_object(&w, NULL);
	hk_json_array(&w, "fields");
	for (i = 0; i < header.n; i++)
		hk_json_string(&w, NULL, header.field[i].raw);
	hk_json_close_array(&w);
	hk_json_close_object(&w);
	hk_buf_add_byte(&out, '\n');
	status = hk_buf_status(&out);
	cli_write(&out);
	hk_buf_done(&out);
	return status;
}

enum hk_status cli_signed_write(
    const struct cli_options *o, struct hk_arena *a, const struct cli_message *m, struct hk_slice fields)
{
	if (o->json)
		return write_json(a, fields);
	write_message(m, fields);
	return HK_OK;
}

/* RFC 6376 5.4: From is signed always. */
static bool has_from(struct hk_slice list)
{
	struct hk_slice name;
	bool found = false;

	while (hk_tags_item(&list, ':', &name))
		found = found || hk_slice_eq_nocase(name, HK_S("from"));
	return found;
}

static const char *what_is_missing(const struct cli_options *o)
{
	size_t i;

	if (!o->n_keys || !o->domain || !o->n_selectors)
		return "--key, --domain and --selector are needed";
	if (o->n_keys != o->n_selectors)
		return "each --key needs a --selector";
	if (!hk_is_hostname(hk_slice_str(o->domain), false) || !strchr(o->domain, '.'))
		return "--domain is not the name of a domain";
	if (o->headers && *o->headers && !has_from(hk_slice_str(o->headers)))
		return "--headers must name from (RFC 6376 5.4)";
	for (i = 0; i < o->n_selectors; i++)
		if (!hk_is_hostname(hk_slice_str(o->selector[i]), true))
			return "--selector is not a selector";
	return NULL;
}

enum cli_exit cli_sign(const struct cli_options *o)
{
	const char *missing = what_is_missing(o);
	struct signers signers = {0};
	struct cli_message m = {0};
	struct hk_buf fields;
	struct hk_arena a;
	enum hk_status status = HK_IO;

	if (missing) {
		cli_complain(missing, NULL);
		return CLI_USAGE;
	}
	hk_arena_init(&a, CLI_ARENA);
	hk_buf_init(&fields, FIELDS_MAX);
	if (read_keys(o, &signers) && cli_message_read(o, &m)) {
		status = sign(o, &signers, &m, &a, &fields);
		if (status == HK_OK)
			status = cli_signed_write(o, &a, &m, hk_buf_slice(&fields));
		if (status == HK_SYNTAX)
			cli_complain("there is no From that could be signed, or --headers is no list", NULL);
		else if (status != HK_OK)
			cli_complain("not signed", hk_status_text(status));
	}
	signers_done(&signers);
	cli_message_done(&m);
	hk_buf_done(&fields);
	hk_arena_done(&a);
	return status == HK_OK ? CLI_OK : CLI_USAGE;
}
