/* SPDX-License-Identifier: MIT
 *
 * `hikyaku sign`: a message with a DKIM-Signature more (RFC 6376).
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli_internal.h"

enum { PEM_MAX = 65536, FIELD_MAX = 65536 };

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

static enum hk_status sign(const struct cli_options *o, const struct hk_private_key *key,
    const struct cli_message *m, struct hk_arena *a, struct hk_buf *field)
{
	struct hk_dkim_sign_options options = {.size = sizeof options, .d = hk_slice_str(o->domain),
	    .s = hk_slice_str(o->selector),
	    .alg = hk_private_key_alg(key),
	    .header_canon = o->header_canon,
	    .body_canon = o->body_canon,
	    .now = o->has_now ? o->now : (int64_t)time(NULL),
	    .headers = hk_slice_str(o->headers)};
	uint8_t signature[HK_SIGNATURE_MAX];
	size_t n = sizeof signature;
	struct hk_header header;
	struct hk_dkim_sign *s;
	struct hk_slice digest;
	enum hk_status status = hk_header_parse(a, m->header, &header);

	if (status != HK_OK)
		return status;
	s = hk_dkim_sign_new(a, &options, &header);
	if (!s)
		return HK_NOMEM;
	hk_dkim_sign_body(s, m->body);
	status = hk_dkim_sign_end(s, &digest);
	if (status == HK_OK)
		status = hk_sign_digest(key, digest, signature, &n);
	if (status == HK_OK)
		status = hk_dkim_sign_finish(s, hk_slice_of(signature, n), field);
	hk_dkim_sign_done(s);
	return status;
}

void cli_message_write(const struct cli_message *m, struct hk_slice fields)
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

static const char *what_is_missing(const struct cli_options *o)
{
	if (!o->key || !o->domain || !o->selector)
		return "--key, --domain and --selector are needed";
	if (!hk_is_hostname(hk_slice_str(o->domain), false) || !strchr(o->domain, '.'))
		return "--domain is not the name of a domain";
	if (!hk_is_hostname(hk_slice_str(o->selector), true))
		return "--selector is not a selector";
	return NULL;
}

enum cli_exit cli_sign(const struct cli_options *o)
{
	const char *missing = what_is_missing(o);
	struct hk_private_key *key = NULL;
	struct cli_message m = {0};
	struct hk_buf field;
	struct hk_arena a;
	enum hk_status status = HK_IO;

	if (missing) {
		cli_complain(missing, NULL);
		return CLI_USAGE;
	}
	hk_arena_init(&a, CLI_ARENA);
	hk_buf_init(&field, FIELD_MAX);
	if (cli_read_key(o->key, &key) && cli_message_read(o, &m)) {
		status = sign(o, key, &m, &a, &field);
		if (status == HK_SYNTAX)
			cli_complain("there is no From that could be signed, or --headers is no list", NULL);
		else if (status != HK_OK)
			cli_complain("not signed", hk_status_text(status));
	}
	if (status == HK_OK)
		cli_message_write(&m, hk_buf_slice(&field));
	hk_private_key_free(key);
	cli_message_done(&m);
	hk_buf_done(&field);
	hk_arena_done(&a);
	return status == HK_OK ? CLI_OK : CLI_USAGE;
}
