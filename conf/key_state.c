/* SPDX-License-Identifier: MIT */
#include <hikyaku/dns.h>

#include "conf/key_state.h"

#define FIRST "# hikyaku keys, version 1: domain selector algorithm state since"

const char *hk_key_alg_name(enum hk_sign_alg alg)
{
	return alg == HK_SIGN_ED25519_SHA256 ? "ed25519" : "rsa";
}

const char *hk_key_state_name(enum hk_key_state state)
{
	static const char *const names[HK_KEY_STATES] = {
#define X(id, text) text,
	    HK_KEY_STATE_TABLE(X)
#undef X
	};

	return names[state];
}

static bool read_word(struct hk_slice *line, struct hk_slice *ret)
{
	size_t end = hk_slice_find(*line, ' ');

	*ret = hk_slice_sub(*line, 0, end);
	*line = hk_slice_from(*line, end + 1);
	return ret->n > 0;
}

static bool read_state(struct hk_slice word, enum hk_key_state *ret)
{
	unsigned i;

	for (i = 0; i < HK_KEY_STATES; i++) {
		if (hk_slice_eq(word, hk_slice_str(hk_key_state_name((enum hk_key_state)i)))) {
			*ret = (enum hk_key_state)i;
			return true;
		}
	}
	return false;
}

/* The names become parts of paths: a host name has no slash and is never "..". */
static enum hk_status read_line(struct hk_arena *a, struct hk_slice line, struct hk_key_entry *ret)
{
	struct hk_slice domain, selector, alg, state;
	struct hk_key_entry e = {0};
	enum hk_status status;
	uint64_t since;

	if (!read_word(&line, &domain) || !read_word(&line, &selector) || !read_word(&line, &alg) ||
	    !read_word(&line, &state) || hk_slice_u64(line, INT64_MAX, &since) != HK_OK ||
	    !read_state(state, &e.state))
		return HK_SYNTAX;
	if (!hk_is_hostname(domain, false) || !hk_is_hostname(selector, false))
		return HK_SYNTAX;
	e.alg = hk_slice_eq(alg, HK_S("rsa")) ? HK_SIGN_RSA_SHA256 : HK_SIGN_ED25519_SHA256;
	if (!hk_slice_eq(alg, hk_slice_str(hk_key_alg_name(e.alg))))
		return HK_SYNTAX;
	e.since = (int64_t)since;
	status = hk_arena_dup_lower(a, domain, &e.domain);
	if (status == HK_OK)
		status = hk_arena_dup_lower(a, selector, &e.selector);
	if (status == HK_OK)
		*ret = e;
	return status;
}

static size_t entries_most(struct hk_slice text)
{
	size_t n = 1, i;

	for (i = 0; i < text.n; i++)
		n += text.p[i] == '\n';
	return n < HK_KEY_ENTRIES ? n : HK_KEY_ENTRIES;
}

enum hk_status hk_key_entries_parse(struct hk_arena *a, struct hk_slice text,
    struct hk_key_entry **ret, size_t *ret_n, size_t *ret_line)
{
	size_t most = entries_most(text), n = 0, number;
	struct hk_key_entry *entry = hk_arena_array(a, most, sizeof *entry);

	if (!entry)
		return a->failed;
	if (text.n && !hk_slice_eq(hk_slice_sub(text, 0, hk_slice_find(text, '\n')), HK_S(FIRST)))
		return HK_VERSION;
	for (number = 1; text.n; number++) {
		struct hk_slice line = hk_slice_sub(text, 0, hk_slice_find(text, '\n'));
		enum hk_status status = HK_LIMIT;

		text = hk_slice_from(text, line.n + 1);
		if (line.n == 0 || line.p[0] == '#')
			continue;
		if (n < most)
			status = read_line(a, line, &entry[n]);
		if (status != HK_OK) {
			*ret_line = number;
			return status;
		}
		n++;
	}
	*ret = entry;
	*ret_n = n;
	return HK_OK;
}

void hk_key_entries_format(const struct hk_key_entry *e, size_t n, struct hk_buf *out)
{
	size_t i;

	hk_buf_add_str(out, FIRST "\n");
	for (i = 0; i < n; i++)
		hk_buf_addf(out, "%.*s %.*s %s %s %lld\n", HK_FMT(e[i].domain), HK_FMT(e[i].selector),
		    hk_key_alg_name(e[i].alg), hk_key_state_name(e[i].state), (long long)e[i].since);
}
