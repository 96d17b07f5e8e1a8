/* SPDX-License-Identifier: MIT
 *
 * The command srs: one envelope address, there or back.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <hikyaku/srs.h>

#include "cli_internal.h"

enum {
	SECRETS_FILE_MAX = 65536,
	STORE_MAX = 256 * 1024 * 1024,
	ARENA_MAX = 1024 * 1024,
};

struct srs {
	const struct cli_options *options;
	struct hk_srs_config config;
	struct hk_slice secret[HK_SRS_SECRETS_MAX];
	struct hk_buf secrets; /* what the slices borrow */
	struct hk_buf store;   /* lines of "KEY address" */
	struct hk_arena arena;
};

/* One secret a line, the first signs; empty lines are none. */
static bool read_secrets(struct srs *s)
{
	struct hk_slice rest, line;
	size_t n = 0;

	if (!s->options->secret_file) {
		cli_complain("srs needs --secret-file", NULL);
		return false;
	}
	if (!cli_read_file(s->options->secret_file, SECRETS_FILE_MAX, &s->secrets))
		return false;
	rest = hk_buf_slice(&s->secrets);
	while (rest.n) {
		size_t end = hk_slice_find(rest, '\n');

		line = hk_slice_trim(hk_slice_sub(rest, 0, end));
		rest = hk_slice_from(rest, end + 1);
		if (line.n == 0)
			continue;
		if (n == HK_SRS_SECRETS_MAX) {
			cli_complain("more secrets than 100", s->options->secret_file);
			return false;
		}
		s->secret[n++] = line;
	}
	if (n == 0)
		cli_complain("no secret stands in it", s->options->secret_file);
	s->config.secret = s->secret;
	s->config.n_secrets = n;
	return n > 0;
}

static bool prepare(struct srs *s)
{
	const struct cli_options *o = s->options;
	struct hk_slice ascii;

	if (!read_secrets(s))
		return false;
	if (!o->domain || !*o->domain) {
		cli_complain("srs needs --domain", NULL);
		return false;
	}
	if (hk_dns_name_to_ascii(&s->arena, hk_slice_str(o->domain), &ascii) != HK_OK || !hk_is_hostname(ascii, false)) {
		cli_complain("--domain is not the name of a domain", o->domain);
		return false;
	}
	s->config.domain = hk_slice_str(o->domain);
	s->config.max_age_days = o->max_age;
	s->config.hash_length = o->hash_length;
	s->config.mac = o->srs_mac;
	if (!o->fold_store)
		return true;
	s->config.fold = HK_SRS_FOLD_LONG;
	return access(o->fold_store, F_OK) != 0 || cli_read_file(o->fold_store, STORE_MAX, &s->store);
}

/* The address that stands behind this key in the store; empty: none does. */
static struct hk_slice store_find(const struct srs *s, struct hk_slice key)
{
	struct hk_slice rest = hk_buf_slice(&s->store);

	while (rest.n) {
		size_t end = hk_slice_find(rest, '\n');
		struct hk_slice line = hk_slice_sub(rest, 0, end);

		if (line.n > key.n && line.p[key.n] == ' ' && hk_slice_eq(hk_slice_sub(line, 0, key.n), key))
			return hk_slice_from(line, key.n + 1);
		rest = hk_slice_from(rest, end + 1);
	}
	return hk_slice_of(NULL, 0);
}

/* On the disk before the address leaves. */
static bool store_add(const struct srs *s, const struct hk_srs_verdict *v)
{
	FILE *f;
	bool ok;

	if (store_find(s, v->fold_key).n)
		return true;
	f = fopen(s->options->fold_store, "ab");
	ok = f && fprintf(f, "%.*s %.*s\n", HK_FMT(v->fold_key), HK_FMT(v->fold_address)) > 0 && fflush(f) == 0 &&
	    fsync(fileno(f)) == 0;
	if (!ok)
		cli_complain(strerror(errno), s->options->fold_store);
	if (f && fclose(f) != 0)
		ok = false;
	return ok;
}

/* Asks the store about a folded address; false: the store failed. *sentence changes when it does not know the key. */
static bool resolve_fold(const struct srs *s, bool is_forward, struct hk_srs_verdict *v, const char **sentence)
{
	if (v->result != HK_SRS_FOLDED)
		return true;
	if (is_forward)
		return store_add(s, v);
	v->address = store_find(s, v->fold_key);
	*sentence = v->address.n ? "unfolded" : "unknown alias";
	return true;
}

static const char *name_of(enum hk_srs_result result)
{
	static const char *const names[] = {
#define X(name, sentence) [HK_SRS_##name] = #name,
	    HK_SRS_RESULT_TABLE(X)
#undef X
	};

	return names[result];
}

static void print(const struct srs *s, const struct hk_srs_verdict *v, const char *sentence)
{
	struct hk_json_writer w;
	struct hk_buf out;

	hk_buf_init(&out, CLI_OUTPUT_MAX);
	if (s->options->json) {
		hk_json_begin(&w, &out);
		hk_json_object(&w, NULL);
		hk_json_text(&w, "result", name_of(v->result));
		hk_json_text(&w, "reason", sentence);
		if (v->address.n)
			hk_json_string(&w, "address", v->address);
		if (v->fold_key.n)
			hk_json_string(&w, "fold_key", v->fold_key);
		hk_json_close_object(&w);
	} else if (v->address.n) {
		hk_buf_add(&out, v->address);
	} else {
		cli_complain(sentence, s->options->word[1]);
	}
	if (out.n)
		hk_buf_add_byte(&out, '\n');
	cli_write(&out);
	hk_buf_done(&out);
}

static enum cli_exit run(struct srs *s, bool is_forward)
{
	const struct cli_options *o = s->options;
	struct hk_slice address = hk_slice_str(o->word[1]);
	int64_t now = o->has_now ? o->now : (int64_t)time(NULL);
	struct hk_srs_verdict v;
	const char *sentence;
	enum hk_status status =
	    (is_forward ? hk_srs_forward : hk_srs_reverse)(&s->config, address, now, &s->arena, &v);

	if (status != HK_OK) {
		cli_complain(hk_status_text(status), NULL);
		return status == HK_BUG ? CLI_USAGE : CLI_LATER;
	}
	sentence = hk_srs_result_text(v.result);
	if (!resolve_fold(s, is_forward, &v, &sentence))
		return CLI_LATER;
	print(s, &v, sentence);
	return v.address.n ? CLI_OK : CLI_FAIL;
}

enum cli_exit cli_srs(const struct cli_options *o)
{
	struct srs s = {.options = o, .config.size = sizeof s.config};
	bool is_forward = o->n_words == 2 && strcmp(o->word[0], "forward") == 0;
	enum cli_exit code = CLI_USAGE;

	if (o->n_words != 2 || (!is_forward && strcmp(o->word[0], "reverse") != 0)) {
		cli_complain("srs takes forward or reverse, and one address; see --help of srs", NULL);
		return CLI_USAGE;
	}
	hk_arena_init(&s.arena, ARENA_MAX);
	if (prepare(&s))
		code = run(&s, is_forward);
	hk_arena_done(&s.arena);
	if (s.secrets.n)
		memset(s.secrets.p, 0, s.secrets.n);
	hk_buf_done(&s.secrets);
	hk_buf_done(&s.store);
	return code;
}
