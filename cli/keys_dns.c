/* SPDX-License-Identifier: MIT */
#include "keys.h"

enum {
	STRING_MAX = 255, /* RFC 1035 3.3: a length octet */
	TTL = 3600,       /* short enough to revoke within an hour, long enough for caches to serve */
};

/* The record's text has no quote and no backslash: tags and base64 only. */
static void add_strings(struct hk_slice text, struct hk_buf *out)
{
	while (text.n) {
		struct hk_slice part = hk_slice_sub(text, 0, STRING_MAX);

		hk_buf_addf(out, " \"%.*s\"", HK_FMT(part));
		text = hk_slice_from(text, part.n);
	}
	hk_buf_add_byte(out, '\n');
}

static bool add_key(const struct cli_options *o, struct keys_store *s, const struct hk_key_entry *key,
    struct hk_buf *out)
{
	struct hk_slice name;
	struct hk_buf text;
	bool good = keys_name(&s->arena, key, &name) == HK_OK;

	hk_buf_init(&text, HK_DKIM_KEY_RECORD_MAX);
	good = good && keys_record(s, key, &text);
	if (good && o->nsupdate)
		hk_buf_addf(out, "update delete %.*s. TXT\nupdate add %.*s. %d TXT", HK_FMT(name),
		    HK_FMT(name), TTL);
	else if (good)
		hk_buf_addf(out, "%.*s. %d IN TXT", HK_FMT(name), TTL);
	if (good)
		add_strings(hk_buf_slice(&text), out);
	/* one message updates one zone (RFC 2136 2.3), and each domain may be a zone */
	if (good && o->nsupdate)
		hk_buf_add_str(out, "send\n");
	hk_buf_done(&text);
	return good;
}

static bool add_key_json(struct hk_json_writer *w, struct keys_store *s, const struct hk_key_entry *key)
{
	struct hk_buf text;
	bool good;

	hk_buf_init(&text, HK_DKIM_KEY_RECORD_MAX);
	good = keys_record(s, key, &text);
	if (good) {
		keys_json_key(w, s, key, hk_key_state_name(key->state));
		hk_json_string(w, "text", hk_buf_slice(&text));
		hk_json_int(w, "ttl", TTL);
		hk_json_close_object(w);
	}
	hk_buf_done(&text);
	return good;
}

enum cli_exit keys_dns(const struct cli_options *o)
{
	enum cli_exit code = CLI_USAGE;
	struct hk_json_writer w;
	struct keys_store s;
	struct hk_buf out;
	size_t i, n = 0;

	hk_buf_init(&out, CLI_OUTPUT_MAX);
	if (keys_store_open(o, false, &s)) {
		code = CLI_OK;
		if (o->json)
			keys_json_begin(&w, &out);
		for (i = 0; i < s.n; i++) {
			if (!keys_is_wanted(o, &s.key[i]))
				continue;
			n++;
			if (!(o->json ? add_key_json(&w, &s, &s.key[i])
			              : add_key(o, &s, &s.key[i], &out)))
				code = CLI_USAGE;
		}
		if (n == 0) {
			cli_complain("there is no key for what was asked", o->dir);
			code = CLI_USAGE;
		}
		if (o->json)
			keys_json_end(&w, &out);
		cli_write(&out);
	}
	keys_store_close(&s);
	hk_buf_done(&out);
	return code;
}
