/* SPDX-License-Identifier: MIT */
#include "keys.h"

/* What is shown: a staged key that every name server has is published. */
static const char *shown_state(const struct hk_key_entry *key, const struct keys_seen *seen)
{
	return key->state == HK_KEY_STATE_STAGED && seen->all ? "published" : hk_key_state_name(key->state);
}

static void add_json(struct hk_json_writer *w, struct keys_store *s, const struct hk_key_entry *key,
    const struct keys_seen *seen)
{
	size_t i;

	keys_json_key(w, s, key, shown_state(key, seen));
	hk_json_bool(w, "as_wanted", seen->all);
	hk_json_array(w, "servers");
	for (i = 0; i < seen->n; i++) {
		hk_json_object(w, NULL);
		hk_json_string(w, "server", seen->answer[i].server);
		hk_json_text(w, "sight", keys_sight_name(seen->answer[i].sight));
		hk_json_string(w, "reason", seen->answer[i].reason);
		hk_json_close_object(w);
	}
	hk_json_close_array(w);
	hk_json_close_object(w);
}

/* A line for each key; below it the servers that do not show what they should. */
static void add_row(const struct hk_key_entry *key, const struct keys_seen *seen, struct hk_buf *out)
{
	size_t i, seeing = 0;

	for (i = 0; i < seen->n; i++)
		seeing += seen->answer[i].sight == HK_KEY_FITS;
	hk_buf_addf(out, "%-28.*s %-20.*s %-8s %-10s %zu of %zu\n", HK_FMT(key->domain),
	    HK_FMT(key->selector), hk_key_alg_name(key->alg), shown_state(key, seen), seeing, seen->n);
	for (i = 0; i < seen->n; i++) {
		const struct keys_answer *answer = &seen->answer[i];

		if (seen->all || answer->sight == HK_KEY_FITS)
			continue;
		hk_buf_add_str(out, "    ");
		hk_quote_add(out, answer->server, 300);
		hk_buf_addf(out, ": %s", keys_sight_name(answer->sight));
		if (answer->reason.n)
			hk_buf_addf(out, ", %.*s", HK_FMT(answer->reason));
		hk_buf_add_byte(out, '\n');
	}
	if (seen->n == 0)
		hk_buf_add_str(out, "    no name server could be found\n");
}

/* A key that is being made known may be missing; one that signs or has signed may not. */
static enum cli_exit exit_of(const struct hk_key_entry *key, const struct keys_seen *seen)
{
	if (seen->all || key->state == HK_KEY_STATE_STAGED)
		return CLI_OK;
	return seen->unknown ? CLI_LATER : CLI_FAIL;
}

static bool see(struct keys_store *s, struct keys_watch *w, const struct hk_key_entry *key,
    struct keys_seen *ret)
{
	enum hk_status status = HK_OK;
	struct hk_buf record;

	hk_buf_init(&record, HK_DKIM_KEY_RECORD_MAX);
	if (key->state != HK_KEY_STATE_REVOKED && !keys_record(s, key, &record)) {
		hk_buf_done(&record);
		return false;
	}
	status = keys_watch_see(w, key, hk_buf_slice(&record), ret);
	hk_buf_done(&record);
	return status == HK_OK || keys_failed(status, "name servers") == CLI_OK;
}

static enum cli_exit worse(enum cli_exit a, enum cli_exit b)
{
	static const int rank[] = {[CLI_OK] = 0, [CLI_LATER] = 1, [CLI_FAIL] = 2, [CLI_USAGE] = 3};

	return rank[a] > rank[b] ? a : b;
}

static enum cli_exit show_all(
    const struct cli_options *o, struct keys_store *s, struct keys_watch *w, struct hk_buf *out)
{
	enum cli_exit code = CLI_OK;
	struct hk_json_writer json;
	struct keys_seen seen;
	size_t i;

	if (o->json) {
		keys_json_begin(&json, out);
	} else {
		hk_buf_addf(out, "%-28s %-20s %-8s %-10s %s\n", "DOMAIN", "SELECTOR", "KEY", "STATE",
		    "SEEN AT");
	}
	for (i = 0; i < s->n; i++) {
		if (!keys_is_wanted(o, &s->key[i]))
			continue;
		if (!see(s, w, &s->key[i], &seen)) {
			code = CLI_USAGE;
			continue;
		}
		if (o->json)
			add_json(&json, s, &s->key[i], &seen);
		else
			add_row(&s->key[i], &seen, out);
		code = worse(code, exit_of(&s->key[i], &seen));
	}
	if (o->json)
		keys_json_end(&json, out);
	return code;
}

/* The key takes over from all older ones of its domain and algorithm. */
static void succeed(struct keys_store *s, size_t new_key, int64_t now)
{
	size_t i;

	for (i = 0; i < new_key; i++) {
		struct hk_key_entry *old = &s->key[i];

		if (old->state > HK_KEY_STATE_ACTIVE || old->alg != s->key[new_key].alg ||
		    !hk_slice_eq(old->domain, s->key[new_key].domain))
			continue;
		old->state = HK_KEY_STATE_RETIRING;
		old->since = now;
	}
	s->key[new_key].state = HK_KEY_STATE_ACTIVE;
	s->key[new_key].since = now;
}

/* Newest first: what is staged and seen everywhere takes over from all that is older. */
static enum cli_exit activate_all(
    const struct cli_options *o, struct keys_store *s, struct keys_watch *w, struct hk_buf *out)
{
	enum cli_exit code = CLI_OK;
	struct hk_json_writer json;
	struct keys_seen seen;
	size_t i;

	if (o->json)
		keys_json_begin(&json, out);
	for (i = s->n; i-- > 0;) {
		if (s->key[i].state != HK_KEY_STATE_STAGED || !keys_is_wanted(o, &s->key[i]))
			continue;
		if (!see(s, w, &s->key[i], &seen))
			return CLI_USAGE;
		if (seen.all)
			succeed(s, i, keys_now(o));
		else
			code = CLI_LATER;
		if (o->json)
			add_json(&json, s, &s->key[i], &seen);
		else
			add_row(&s->key[i], &seen, out);
	}
	if (o->json)
		keys_json_end(&json, out);
	return keys_store_save(s) ? code : CLI_USAGE;
}

static enum cli_exit run(const struct cli_options *o,
    enum cli_exit (*action)(
        const struct cli_options *, struct keys_store *, struct keys_watch *, struct hk_buf *))
{
	enum cli_exit code = CLI_USAGE;
	struct keys_watch *watch = NULL;
	struct keys_store s;
	struct hk_buf out;

	hk_buf_init(&out, CLI_OUTPUT_MAX);
	if (keys_store_open(o, false, &s) && keys_watch_new(&s.arena, o, &watch)) {
		code = action(o, &s, watch, &out);
		cli_write(&out);
	}
	keys_watch_free(watch);
	keys_store_close(&s);
	hk_buf_done(&out);
	return code;
}

enum cli_exit keys_status(const struct cli_options *o)
{
	return run(o, show_all);
}

enum cli_exit keys_activate(const struct cli_options *o)
{
	return run(o, activate_all);
}
