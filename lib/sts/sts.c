/* SPDX-License-Identifier: MIT
 *
 * sts.c - the record, the policy and its patterns (RFC 8461 3.1, 3.2, 4.1).
 */
#include <hikyaku/sts.h>

static const char *const mode_names[] = {
    [HK_STS_NONE] = "none", [HK_STS_TESTING] = "testing", [HK_STS_ENFORCE] = "enforce"};
enum { MODES = sizeof mode_names / sizeof mode_names[0], NAME_MAX = 32 };

const char *hk_sts_mode_name(enum hk_sts_mode mode)
{
	return (size_t)mode < MODES ? mode_names[mode] : "?";
}

static struct hk_slice skip_wsp(struct hk_slice s)
{
	while (s.n && hk_is_wsp(s.p[0]))
		s = hk_slice_from(s, 1);
	return s;
}

static struct hk_slice cut_wsp(struct hk_slice s)
{
	while (s.n && hk_is_wsp(s.p[s.n - 1]))
		s.n--;
	return s;
}

static bool starts(struct hk_slice s, struct hk_slice with)
{
	return hk_slice_eq(hk_slice_sub(s, 0, with.n), with);
}

/* sts-ext-name, sts-policy-ext-name: the name of a field that we know, too */
static bool is_name(struct hk_slice s)
{
	size_t i;

	if (!s.n || s.n > NAME_MAX || !hk_is_alnum(s.p[0]))
		return false;
	for (i = 1; i < s.n; i++)
		if (!hk_is_alnum(s.p[i]) && s.p[i] != '_' && s.p[i] != '-' && s.p[i] != '.')
			return false;
	return true;
}

/* ---- the record ---- */

static bool is_id(struct hk_slice s)
{
	size_t i;

	for (i = 0; i < s.n; i++)
		if (!hk_is_alnum(s.p[i]))
			return false;
	return s.n && s.n <= HK_STS_ID_MAX;
}

/* sts-ext-value = 1*(%x21-3A / %x3C / %x3E-7E) */
static bool is_value(struct hk_slice s)
{
	size_t i;

	for (i = 0; i < s.n; i++)
		if (!hk_is_graph(s.p[i]) || s.p[i] == ';' || s.p[i] == '=')
			return false;
	return s.n > 0;
}

/* fields: what follows "v=STSv1;". Deliberate: a second id is a fault, though the grammar lets it pass: nobody could say which
 * of them counts. */
static enum hk_status read_record(struct hk_slice fields, struct hk_slice *ret)
{
	struct hk_slice id = {0};

	while (fields.n) {
		size_t end = hk_slice_find(fields, ';'), equals;
		struct hk_slice field = cut_wsp(skip_wsp(hk_slice_sub(fields, 0, end))), value;

		fields = hk_slice_from(fields, end + 1);
		if (!field.n && !skip_wsp(fields).n)
			break; /* after the last delimiter */
		equals = hk_slice_find(field, '=');
		value = hk_slice_from(field, equals + 1);
		if (starts(field, HK_S("id="))) {
			if (id.n || !is_id(value))
				return HK_SYNTAX;
			id = value;
		} else if (!is_name(hk_slice_sub(field, 0, equals)) || !is_value(value)) {
			return HK_SYNTAX;
		}
	}
	if (!id.n)
		return HK_SYNTAX;
	*ret = id;
	return HK_OK;
}

enum hk_status hk_sts_record_find(const struct hk_dns_answer *answer, struct hk_slice *ret)
{
	const struct hk_slice version = HK_S("v=STSv1;");
	struct hk_slice found = {0};
	size_t i, n = 0;

	if (hk_dns_is_failure(answer))
		return HK_NOTFOUND;
	for (i = 0; i < answer->n; i++) {
		if (!starts(answer->rr[i].data, version))
			continue;
		found = hk_slice_from(answer->rr[i].data, version.n);
		n++;
	}
	if (!n)
		return HK_NOTFOUND;
	return n == 1 ? read_record(found, ret) : HK_SYNTAX;
}

/* ---- the policy ---- */

struct reading {
	struct hk_arena *arena;
	struct hk_sts_policy policy;
	struct hk_slice *mx;
	size_t room;
	bool has_version, has_mode, has_age;
};

static enum hk_status take_version(struct reading *r, struct hk_slice value)
{
	if (r->has_version)
		return HK_OK;
	r->has_version = true;
	return hk_slice_eq(value, HK_S("STSv1")) ? HK_OK : HK_SYNTAX;
}

static enum hk_status take_mode(struct reading *r, struct hk_slice value)
{
	size_t i;

	if (r->has_mode)
		return HK_OK;
	r->has_mode = true;
	for (i = 0; i < MODES; i++) {
		if (!hk_slice_eq(value, hk_slice_str(mode_names[i])))
			continue;
		r->policy.mode = (enum hk_sts_mode)i;
		return HK_OK;
	}
	return HK_SYNTAX;
}

/* Deliberate: a larger number than RFC 8461 3.2 has room for is cut, not a fault: no policy at all would help nobody but
 * who listens. */
static enum hk_status take_age(struct reading *r, struct hk_slice value)
{
	enum { DIGITS_MAX = 10 };
	uint64_t age;

	if (r->has_age)
		return HK_OK;
	r->has_age = true;
	if (value.n > DIGITS_MAX || hk_slice_u64(value, UINT64_MAX, &age) != HK_OK)
		return HK_SYNTAX;
	r->policy.max_age = age < HK_STS_MAX_AGE ? (uint32_t)age : HK_STS_MAX_AGE;
	return HK_OK;
}

static enum hk_status take_mx(struct reading *r, struct hk_slice value)
{
	struct hk_slice domain = starts(value, HK_S("*.")) ? hk_slice_from(value, 2) : value;

	if (domain.n > HK_DNS_NAME_MAX || !hk_is_hostname(domain, false))
		return HK_SYNTAX;
	if (r->policy.n_mx == r->room)
		return HK_LIMIT;
	return hk_arena_dup_lower(r->arena, value, &r->mx[r->policy.n_mx++]);
}

static enum hk_status take_line(struct reading *r, struct hk_slice line)
{
	static const struct {
		const char *name;
		enum hk_status (*take)(struct reading *, struct hk_slice value);
	} fields[] = {{"version", take_version}, {"mode", take_mode}, {"max_age", take_age}, {"mx", take_mx}};
	size_t colon = hk_slice_find(line, ':'), i;
	struct hk_slice name = hk_slice_sub(line, 0, colon);
	struct hk_slice value = cut_wsp(skip_wsp(hk_slice_from(line, colon + 1)));

	for (i = 0; i < sizeof fields / sizeof fields[0]; i++)
		if (colon < line.n && hk_slice_eq(name, hk_slice_str(fields[i].name)))
			return fields[i].take(r, value);
	return colon < line.n && is_name(name) && value.n ? HK_OK : HK_SYNTAX;
}

static size_t count_lines(struct hk_slice text)
{
	size_t i, n = 1;

	for (i = 0; i < text.n; i++)
		n += text.p[i] == '\n';
	return n;
}

/* Deliberate: empty lines, which the grammar does not have, are read over. */
enum hk_status hk_sts_policy_parse(struct hk_arena *a, struct hk_slice text, struct hk_sts_policy *ret)
{
	struct reading r = {.arena = a};
	enum hk_status status = HK_OK;

	if (text.n > HK_STS_POLICY_MAX)
		return HK_LIMIT;
	r.room = count_lines(text);
	if (r.room > HK_STS_MX_MAX)
		r.room = HK_STS_MX_MAX;
	r.mx = hk_arena_array(a, r.room, sizeof *r.mx);
	if (!r.mx)
		return a->failed;
	while (text.n && status == HK_OK) {
		size_t end = hk_slice_find(text, '\n');
		struct hk_slice line = hk_slice_sub(text, 0, end);

		text = hk_slice_from(text, end + 1);
		if (line.n && line.p[line.n - 1] == '\r')
			line.n--;
		line = cut_wsp(line);
		if (line.n)
			status = take_line(&r, line);
	}
	if (status != HK_OK)
		return status;
	if (!r.has_version || !r.has_mode || !r.has_age || (r.policy.mode != HK_STS_NONE && !r.policy.n_mx))
		return HK_SYNTAX;
	r.policy.mx = r.mx;
	*ret = r.policy;
	return HK_OK;
}

bool hk_sts_permits(const struct hk_sts_policy *policy, struct hk_slice host)
{
	size_t i;

	if (host.n && host.p[host.n - 1] == '.')
		host.n--;
	for (i = 0; i < policy->n_mx; i++) {
		struct hk_slice pattern = policy->mx[i];

		if (hk_slice_eq_nocase(pattern, host))
			return true;
		/* RFC 8461 4.1: one label, the leftmost, and never none */
		if (pattern.p[0] == '*' && hk_slice_find(host, '.') > 0 &&
		    hk_slice_eq_nocase(hk_slice_from(host, hk_slice_find(host, '.')), hk_slice_from(pattern, 1)))
			return true;
	}
	return false;
}
