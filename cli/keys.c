/* SPDX-License-Identifier: MIT */
#include <string.h>
#include <time.h>

#include "keys.h"

enum hk_status keys_name(struct hk_arena *a, const struct hk_key_entry *key, struct hk_slice *ret)
{
	return hk_arena_fmt(
	    a, ret, "%.*s._domainkey.%.*s", HK_FMT(key->selector), HK_FMT(key->domain));
}

bool keys_record(struct keys_store *s, const struct hk_key_entry *key, struct hk_buf *out)
{
	struct hk_private_key *private = NULL;
	enum hk_status status;

	/* the record of a revoked key needs no file: it may be gone */
	if (key->state != HK_KEY_STATE_REVOKED && !keys_store_private(s, key, &private))
		return false;
	status = hk_dkim_record_add(private, key->alg, out);
	hk_private_key_free(private);
	return status == HK_OK || keys_failed(status, "a key's record") == CLI_OK;
}

bool keys_domain(struct hk_arena *a, const char *text, struct hk_slice *ret)
{
	struct hk_slice name;

	if (hk_dns_name_normalise(a, hk_slice_str(text), &name) != HK_OK ||
	    !hk_is_hostname(name, false)) {
		cli_complain("not the name of a domain (IDNs are written as xn--...)", text);
		return false;
	}
	return hk_arena_dup(a, name, ret) == HK_OK;
}

bool keys_is_wanted(const struct cli_options *o, const struct hk_key_entry *key)
{
	size_t i;

	for (i = 0; i < o->n_more; i++)
		if (hk_slice_eq_nocase(key->domain, hk_slice_str(o->more[i])))
			return true;
	return o->n_more == 0;
}

void keys_json_begin(struct hk_json_writer *w, struct hk_buf *out)
{
	hk_json_begin(w, out);
	hk_json_object(w, NULL);
	hk_json_array(w, "keys");
}

void keys_json_key(struct hk_json_writer *w, struct keys_store *s, const struct hk_key_entry *key,
    const char *state)
{
	struct hk_slice name = {0};

	(void)!keys_name(&s->arena, key, &name);
	hk_json_object(w, NULL);
	hk_json_string(w, "domain", key->domain);
	hk_json_string(w, "selector", key->selector);
	hk_json_string(w, "record", name);
	hk_json_text(w, "algorithm", hk_key_alg_name(key->alg));
	hk_json_text(w, "state", state);
	hk_json_int(w, "since", key->since);
}

void keys_json_end(struct hk_json_writer *w, struct hk_buf *out)
{
	hk_json_close_array(w);
	hk_json_close_object(w);
	hk_buf_add_byte(out, '\n');
}

int64_t keys_now(const struct cli_options *o)
{
	return o->has_now ? o->now : (int64_t)time(NULL);
}

enum cli_exit keys_failed(enum hk_status status, const char *about)
{
	cli_complain(hk_status_text(status), about);
	return CLI_USAGE;
}

/* ---- retire, revoke -------------------------------------------------------------------------- */

/* The keys of the first word's domain with the selectors that follow. */
static enum cli_exit change(const struct cli_options *o, enum hk_key_state to)
{
	enum cli_exit code = CLI_USAGE;
	struct keys_store s;
	size_t i, j;

	if (o->n_more < 2) {
		cli_complain("a domain and its selectors are needed", NULL);
		return CLI_USAGE;
	}
	if (!keys_store_open(o, false, &s))
		goto done;
	for (i = 1; i < o->n_more; i++) {
		for (j = 0; j < s.n; j++)
			if (hk_slice_eq_nocase(s.key[j].domain, hk_slice_str(o->more[0])) &&
			    hk_slice_eq_nocase(s.key[j].selector, hk_slice_str(o->more[i])))
				break;
		if (j == s.n) {
			cli_complain("the domain has no key of this selector", o->more[i]);
			goto done;
		}
		if (s.key[j].state > to) {
			cli_complain("the key is revoked; that is final", o->more[i]);
			goto done;
		}
		if (s.key[j].state != to)
			s.key[j].since = keys_now(o);
		s.key[j].state = to;
	}
	if (keys_store_save(&s))
		code = CLI_OK;
done:
	keys_store_close(&s);
	return code;
}

static enum cli_exit retire(const struct cli_options *o)
{
	return change(o, HK_KEY_STATE_RETIRING);
}

static enum cli_exit revoke(const struct cli_options *o)
{
	return change(o, HK_KEY_STATE_REVOKED);
}

enum cli_exit cli_keys(const struct cli_options *o)
{
	static const struct {
		const char *name;
		enum cli_exit (*run)(const struct cli_options *);
	} table[] = {{"new", keys_new}, {"rotate", keys_rotate}, {"dns", keys_dns},
	    {"status", keys_status}, {"activate", keys_activate}, {"retire", retire},
	    {"revoke", revoke}, {"import", keys_import}};
	size_t i;

	for (i = 0; o->n_words && i < sizeof table / sizeof table[0]; i++)
		if (strcmp(table[i].name, o->word[0]) == 0)
			return table[i].run(o);
	cli_complain("what to do with keys: new, rotate, dns, status, activate, retire, revoke or import",
	    o->n_words ? o->word[0] : NULL);
	return CLI_USAGE;
}
