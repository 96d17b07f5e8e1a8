/* SPDX-License-Identifier: MIT
 *
 * RFC 8601 2.2, read from left to right:
 *
 *	[CFWS] authserv-id [CFWS version] *( [CFWS] ";" result )
 *	result = [CFWS] method [ "/" version ] "=" word [ "reason" "=" value ] *( ptype "." property "=" pvalue )
 *
 * with CFWS between any two of these.
 */
#include <string.h>

#include "lib/authres/authres_internal.h"
#include "lib/base/base_internal.h"

struct reader {
	struct hk_arena *arena;
	struct hk_slice whole, rest;
	enum hk_status status;    /* sticky */
	struct hk_slice *comment; /* where the comments met go */
	size_t n_comments;
	const char *deviation;
	size_t deviation_at;
};

static void deviate(struct reader *r, const char *sentence)
{
	if (r->deviation)
		return;
	r->deviation = sentence;
	r->deviation_at = r->whole.n - r->rest.n;
}

static bool fail(struct reader *r, enum hk_status status)
{
	if (r->status == HK_OK)
		r->status = status;
	return false;
}

/* Room for one more behind n items: an array that doubles. false: no more. */
static bool grow(struct reader *r, void **array, size_t n, size_t size)
{
	void *wider;

	if (n >= HK_AUTHRES_RESULTS_MAX)
		return fail(r, HK_LIMIT);
	if (n & (n - 1) || (n == 0 && *array))
		return true;
	wider = hk_arena_array(r->arena, n ? 2 * n : 1, size);
	if (!wider)
		return fail(r, r->arena->failed);
	if (n)
		memcpy(wider, *array, n * size);
	*array = wider;
	return true;
}

static uint8_t next(const struct reader *r)
{
	return r->rest.n ? r->rest.p[0] : 0;
}

static void skip(struct reader *r, size_t n)
{
	r->rest = hk_slice_from(r->rest, n);
}

static bool is_at_end(const struct reader *r)
{
	return r->status != HK_OK || r->rest.n == 0 || next(r) == ';';
}

static bool is_line_end(uint8_t c)
{
	return c == '\r' || c == '\n';
}

/* Copies what was read, without its folding; raw: backslashes stay. */
static struct hk_slice keep(struct reader *r, struct hk_slice s, bool raw)
{
	uint8_t *out = hk_arena_alloc(r->arena, s.n + 1);
	size_t i, n = 0;

	if (!out) {
		fail(r, r->arena->failed);
		return hk_slice_of(NULL, 0);
	}
	for (i = 0; i < s.n; i++) {
		bool is_pair = s.p[i] == '\\' && i + 1 < s.n;

		if (is_line_end(s.p[i]) || (is_pair && is_line_end(s.p[i + 1])))
			continue;
		if (is_pair && raw)
			out[n++] = s.p[i];
		i += is_pair;
		out[n++] = s.p[i];
	}
	return hk_slice_of(out, n);
}

static void add_comment(struct reader *r, struct hk_slice inside)
{
	void *array = r->comment;

	if (!grow(r, &array, r->n_comments, sizeof *r->comment))
		return;
	r->comment = array;
	r->comment[r->n_comments++] = keep(r, inside, true);
}

static void cfws(struct reader *r)
{
	while (r->status == HK_OK && r->rest.n) {
		struct hk_slice from = r->rest;

		if (hk_authres_is_fws(next(r)))
			skip(r, 1);
		else if (next(r) != '(')
			return;
		else if (hk_authres_skip_comment(&r->rest))
			add_comment(r, hk_slice_sub(from, 1, from.n - r->rest.n - 2));
		else
			fail(r, HK_SYNTAX);
	}
}

/* Takes c and the CFWS around it. */
static bool take(struct reader *r, uint8_t c)
{
	cfws(r);
	if (r->status != HK_OK || next(r) != c)
		return false;
	skip(r, 1);
	cfws(r);
	return true;
}

static struct hk_slice digits(struct reader *r)
{
	struct hk_slice s;
	size_t i = 0;

	while (i < r->rest.n && hk_is_digit(r->rest.p[i]))
		i++;
	s = hk_slice_sub(r->rest, 0, i);
	skip(r, i);
	return s;
}

/* Keyword = *( ALPHA / DIGIT / "-" ) Let-dig (RFC 5321 4.1.2); "_" is met as well. */
static struct hk_slice keyword(struct reader *r)
{
	struct hk_slice s;
	size_t i = 0;

	while (i < r->rest.n && (hk_is_alnum(r->rest.p[i]) || r->rest.p[i] == '-' || r->rest.p[i] == '_'))
		i++;
	s = hk_slice_sub(r->rest, 0, i);
	if (i == 0)
		fail(r, HK_SYNTAX);
	else if (hk_slice_find(s, '_') < i || s.p[i - 1] == '-')
		deviate(r, "a keyword holds \"_\" or ends with \"-\"");
	skip(r, i);
	return i ? keep(r, s, true) : s;
}

/* The length of the quoted-string at s, 0: it does not end. */
static size_t quoted_length(struct hk_slice s)
{
	size_t i;

	for (i = 1; i < s.n; i++) {
		if (s.p[i] == '\\')
			i++;
		else if (s.p[i] == '"')
			return i + 1;
	}
	return 0;
}

static size_t token_length(struct hk_slice s)
{
	size_t i = 0;

	while (i < s.n && (hk_authres_is_token_byte(s.p[i]) || s.p[i] > 0x7f))
		i++;
	return i;
}

/* value = token / quoted-string (RFC 8601 2.2) */
static struct hk_slice value(struct reader *r)
{
	bool is_quoted = next(r) == '"';
	size_t n = is_quoted ? quoted_length(r->rest) : token_length(r->rest);
	struct hk_slice s = hk_slice_sub(r->rest, 0, n);

	if (n == 0)
		fail(r, HK_SYNTAX);
	skip(r, n);
	return is_quoted && n ? keep(r, hk_slice_sub(s, 1, n - 2), false) : keep(r, s, true);
}

/* Up to white space, ";" or a comment. */
static size_t run_length(struct hk_slice s)
{
	size_t i = 0;

	while (i < s.n && !hk_authres_is_fws(s.p[i]) && s.p[i] != ';' && s.p[i] != '(')
		i++;
	return i;
}

/* pvalue = value / [[local-part] "@"] domain-name; a local part may be a quoted-string. */
static struct hk_slice pvalue(struct reader *r)
{
	size_t quoted = next(r) == '"' ? quoted_length(r->rest) : 0, n;
	struct hk_slice s, after = hk_slice_from(r->rest, quoted);

	if (next(r) == '"' && (quoted == 0 || after.n == 0 || after.p[0] != '@'))
		return value(r);
	n = quoted + run_length(after);
	s = hk_slice_sub(r->rest, 0, n);
	/* quotes of a local part are part of the mailbox, so they stay */
	if (!hk_authres_is_pvalue(hk_slice_from(s, quoted), true))
		deviate(r, n ? "a value wants quotes" : "a value is missing");
	skip(r, n);
	return keep(r, s, true);
}

static void property(struct reader *r, struct hk_authres_result *to, struct hk_authres_property p)
{
	void *array = to->property;

	if (r->status != HK_OK || !grow(r, &array, to->n_properties, sizeof p))
		return;
	to->property = array;
	to->property[to->n_properties++] = p;
}

/* reason=... or ptype.property=... */
static void term(struct reader *r, struct hk_authres_result *to)
{
	struct hk_authres_property p = {.property = keyword(r)};

	if (take(r, '.')) {
		p.ptype = p.property;
		p.property = keyword(r);
		if (!take(r, '='))
			fail(r, HK_SYNTAX);
	} else if (!take(r, '=')) {
		fail(r, HK_SYNTAX);
	} else if (hk_slice_eq_nocase(p.property, HK_S("reason")) && to->reason.n == 0) {
		if (to->n_properties)
			deviate(r, "the reason stands behind a property");
		if (next(r) != '"' && token_length(r->rest) != run_length(r->rest)) {
			deviate(r, "a reason wants quotes");
			to->reason = pvalue(r);
		} else {
			to->reason = value(r);
		}
		return;
	} else {
		deviate(r, "a property has no type");
	}
	if (r->status != HK_OK)
		return;
	p.value = pvalue(r);
	property(r, to, p);
}

static struct hk_authres_result result(struct reader *r, struct hk_slice method)
{
	struct hk_authres_result found = {.method = method};

	if (take(r, '/')) {
		found.version = digits(r);
		if (found.version.n == 0)
			fail(r, HK_SYNTAX);
		found.version = keep(r, found.version, true);
	}
	if (!take(r, '='))
		fail(r, HK_SYNTAX);
	if (r->status == HK_OK)
		found.result = keyword(r);
	for (cfws(r); !is_at_end(r); cfws(r))
		term(r, &found);
	return found;
}

/* Comments where there is no result to carry them are the field's. */
static void hand_up(struct reader *r, struct hk_authres_parsed *to)
{
	const struct hk_slice *from = r->comment;
	size_t n = r->n_comments, i;

	r->comment = to->comment;
	r->n_comments = to->n_comments;
	for (i = 0; i < n; i++)
		add_comment(r, from[i]);
	to->comment = r->comment;
	to->n_comments = r->n_comments;
}

/* What stands between two semicolons. */
static void part(struct reader *r, struct hk_authres_parsed *to)
{
	struct hk_authres_result found;
	struct hk_slice method;
	void *array = to->result;

	cfws(r);
	if (is_at_end(r)) {
		deviate(r, "nothing stands between semicolons");
		hand_up(r, to);
		return;
	}
	method = keyword(r);
	cfws(r);
	if (r->status == HK_OK && is_at_end(r) && hk_slice_eq_nocase(method, HK_S("none"))) {
		if (to->n_results || r->rest.n)
			deviate(r, "\"none\" is not alone");
		hand_up(r, to);
		return;
	}
	found = result(r, method);
	if (r->status != HK_OK || !grow(r, &array, to->n_results, sizeof found))
		return;
	to->result = array;
	found.comment = r->comment;
	found.n_comments = r->n_comments;
	to->result[to->n_results++] = found;
}

static void payload(struct reader *r, struct hk_authres_parsed *to)
{
	struct hk_slice before;

	cfws(r);
	to->authserv_id = value(r);
	if (to->authserv_id.n == 0) /* "" names nobody */
		fail(r, HK_SYNTAX);
	before = r->rest;
	cfws(r);
	to->version = digits(r);
	if (to->version.n && before.p == to->version.p) /* "\"a.test\"1" */
		fail(r, HK_SYNTAX);
	to->version = keep(r, to->version, true);
	cfws(r);
	if (!is_at_end(r))
		fail(r, HK_SYNTAX);
	to->comment = r->comment;
	to->n_comments = r->n_comments;
	if (r->rest.n == 0)
		deviate(r, "neither a result nor \"none\"");
	while (r->status == HK_OK && next(r) == ';') {
		skip(r, 1);
		r->comment = NULL;
		r->n_comments = 0;
		part(r, to);
	}
}

/* Controls stand nowhere in a field (RFC 5322 2.2); folding is for who took it from the message to judge. */
static bool has_controls(struct hk_slice s)
{
	size_t i;

	for (i = 0; i < s.n; i++)
		if ((s.p[i] < 0x20 && !hk_authres_is_fws(s.p[i])) || s.p[i] == 0x7f)
			return true;
	return false;
}

enum hk_status hk_authres_parse(struct hk_arena *a, struct hk_slice text, struct hk_authres_parsed *ret)
{
	struct reader r = {.arena = a, .whole = text, .rest = text};
	struct hk_authres_parsed found = {.n_results = 0};

	if (has_controls(text))
		return HK_SYNTAX;
	if (!hk_utf8_is_valid(text))
		deviate(&r, "bytes over 0x7f that are not UTF-8");
	payload(&r, &found);
	if (r.status != HK_OK)
		return r.status;
	found.deviation = r.deviation;
	found.deviation_at = r.deviation_at;
	*ret = found;
	return HK_OK;
}
