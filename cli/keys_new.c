/* SPDX-License-Identifier: MIT */
#include <time.h>

#include "keys.h"

/* Rotations in one month get names of their own; more than these are a mistake in a script. */
enum { TRIES_MAX = 99, LABEL_MAX = 63 };

static const enum hk_sign_alg algs[] = {HK_SIGN_RSA_SHA256, HK_SIGN_ED25519_SHA256};
enum { ALGS = sizeof algs / sizeof algs[0] };

/* %Y %m %d of now in UTC, %a the algorithm. Where both keys of a pair would get
 * one name, the algorithm follows. try 0 is the plain name. */
static bool expand(const struct cli_options *o, const struct hk_key_entry *key, unsigned try,
    struct hk_buf *out)
{
	const char *t = o->selector_template ? o->selector_template : "%Y%m";
	time_t now = (time_t)key->since;
	bool has_alg = o->algs != CLI_ALG_BOTH;
	struct tm tm;

	if (!gmtime_r(&now, &tm))
		return false;
	for (; *t; t++) {
		if (*t != '%') {
			hk_buf_add_byte(out, hk_to_lower((uint8_t)*t));
			continue;
		}
		switch (*++t) {
		case 'Y':
			hk_buf_addf(out, "%04d", tm.tm_year + 1900);
			break;
		case 'm':
			hk_buf_addf(out, "%02d", tm.tm_mon + 1);
			break;
		case 'd':
			hk_buf_addf(out, "%02d", tm.tm_mday);
			break;
		case 'a':
			hk_buf_add_str(out, hk_key_alg_name(key->alg));
			has_alg = true;
			break;
		default:
			return false;
		}
	}
	if (!has_alg)
		hk_buf_addf(out, "-%s", hk_key_alg_name(key->alg));
	if (try)
		hk_buf_addf(out, "-%u", try + 1);
	return hk_buf_status(out) == HK_OK && hk_is_hostname(hk_buf_slice(out), false);
}

/* One key; where rotates, a name that is taken makes way for the next. */
static bool make_key(
    const struct cli_options *o, struct keys_store *s, struct hk_key_entry *key, bool rotates)
{
	struct hk_private_key *private = NULL;
	enum hk_status status =
	    hk_private_key_new(key->alg, o->rsa_bits ? o->rsa_bits : 2048, &private);
	struct hk_buf selector;
	unsigned try;

	if (status != HK_OK)
		return keys_failed(status, "a new key") == CLI_OK;
	hk_buf_init(&selector, HK_DNS_NAME_MAX);
	status = HK_BUSY;
	for (try = 0; status == HK_BUSY && try < (rotates ? TRIES_MAX : 1); try++) {
		hk_buf_reset(&selector);
		if (!expand(o, key, try, &selector)) {
			cli_complain("the template makes no selector; it knows %Y, %m, %d and %a",
			    o->selector_template);
			status = HK_SYNTAX;
			break;
		}
		key->selector = hk_buf_slice(&selector);
		status = keys_store_add(s, key, private);
		if (status != HK_OK && status != HK_BUSY)
			keys_failed(status, (const char *)key->domain.p);
	}
	if (status == HK_BUSY)
		cli_complain("there is a key of this selector already; rotate makes the next one",
		    (const char *)key->domain.p);
	hk_buf_done(&selector);
	hk_private_key_free(private);
	return status == HK_OK;
}

static bool make_domain(
    const struct cli_options *o, struct keys_store *s, const char *domain, bool rotates)
{
	struct hk_key_entry key = {.state = HK_KEY_STATE_STAGED, .since = keys_now(o)};
	size_t before = s->n, i;
	bool good = true;

	if (!keys_domain(&s->arena, domain, &key.domain))
		return false;
	for (i = 0; i < ALGS && good; i++) {
		key.alg = algs[i];
		if (o->algs == CLI_ALG_BOTH || (o->algs == CLI_ALG_RSA) == (key.alg == HK_SIGN_RSA_SHA256))
			good = make_key(o, s, &key, rotates);
	}
	/* what was made is known, also where its other half could not be */
	return (s->n == before || keys_store_save(s)) && good;
}

/* What was made, from this one on: the names of the files. */
static void print(const struct cli_options *o, struct keys_store *s, size_t from)
{
	struct hk_json_writer w;
	struct hk_buf out, file;

	hk_buf_init(&out, CLI_OUTPUT_MAX);
	hk_buf_init(&file, 8192);
	if (o->json)
		keys_json_begin(&w, &out);
	for (; from < s->n; from++) {
		const struct hk_key_entry *key = &s->key[from];

		hk_buf_reset(&file);
		hk_buf_addf(&file, "%s/%.*s/%.*s.pem", s->dir, HK_FMT(key->domain),
		    HK_FMT(key->selector));
		if (o->json) {
			keys_json_key(&w, s, key, hk_key_state_name(key->state));
			hk_json_string(&w, "file", hk_buf_slice(&file));
			hk_json_close_object(&w);
		} else {
			hk_buf_addf(&out, "%.*s\n", HK_FMT(hk_buf_slice(&file)));
		}
	}
	if (o->json)
		keys_json_end(&w, &out);
	cli_write(&out);
	hk_buf_done(&out);
	hk_buf_done(&file);
}

/* The domains that were named, or for rotate all; one that fails does not keep the others. */
static enum cli_exit make_all(const struct cli_options *o, bool rotates)
{
	enum cli_exit code = CLI_OK;
	struct keys_store s;
	size_t i, j, n, before;

	if (!rotates && o->n_more == 0) {
		cli_complain("the domains are needed", NULL);
		return CLI_USAGE;
	}
	if (!keys_store_open(o, !rotates, &s)) {
		keys_store_close(&s);
		return CLI_USAGE;
	}
	before = s.n;
	for (i = 0; i < o->n_more; i++)
		if (!make_domain(o, &s, o->more[i], rotates))
			code = CLI_USAGE;
	n = o->n_more ? 0 : s.n;
	for (i = 0; i < n; i++) {
		for (j = 0; j < i && !hk_slice_eq(s.key[j].domain, s.key[i].domain); j++)
			;
		if (j == i && !make_domain(o, &s, (const char *)s.key[i].domain.p, rotates))
			code = CLI_USAGE;
	}
	print(o, &s, before);
	keys_store_close(&s);
	return code;
}

enum cli_exit keys_new(const struct cli_options *o)
{
	return make_all(o, false);
}

enum cli_exit keys_rotate(const struct cli_options *o)
{
	return make_all(o, true);
}
