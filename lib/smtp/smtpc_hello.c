/* SPDX-License-Identifier: MIT
 *
 * What the reply to EHLO lists, and what of it a transaction can have.
 */
#include <stdlib.h>
#include <string.h>

#include "smtpc_internal.h"

void smtpc_forget(struct hk_smtpc *c)
{
	/* RFC 3207 4.2, RFC 5321 4.1.4, RFC 9422 3 */
	c->extensions = 0;
	c->size_limit = 0;
	c->min_by = 0;
	c->limits = (struct hk_smtpc_limits){0};
	c->mechanisms_n = 0;
	c->hello_lines = 0;
}

/* ---- LIMITS (RFC 9422) ---- */

/* RFC 9422 3: limit-name. */
static bool is_limit_name(struct hk_slice name)
{
	size_t i;

	for (i = 0; i < name.n; i++)
		if (!hk_is_alnum(name.p[i]) && name.p[i] != '-' && name.p[i] != '_')
			return false;
	return name.n > 0;
}

static bool is_limit_value(struct hk_slice value)
{
	size_t i;

	for (i = 0; i < value.n; i++)
		if (!hk_is_graph(value.p[i]) || value.p[i] == ';')
			return false;
	return value.n > 0;
}

/* %x31-39 0*5DIGIT; anything else is a limit that is ignored (RFC 9422 3). */
static void take_limit(struct hk_slice value, size_t *ret)
{
	uint64_t n;

	if (value.n && value.p[0] != '0' && value.n <= 6 && hk_slice_u64(value, 999999, &n) == HK_OK)
		*ret = (size_t)n;
}

static void read_limits(struct hk_smtpc *c, struct hk_slice rest)
{
	struct hk_smtpc_limits limits = {0};

	while (rest.n) {
		struct hk_slice word = hk_slice_sub(rest, 0, hk_slice_find(rest, ' '));
		struct hk_slice name = hk_slice_sub(word, 0, hk_slice_find(word, '='));
		struct hk_slice value = hk_slice_from(word, name.n + 1);

		/* broken syntax: the keyword as a whole is ignored (RFC 9422 3) */
		if (!is_limit_name(name) || (name.n < word.n && !is_limit_value(value)))
			return;
		if (hk_slice_eq_nocase(name, HK_S("RCPTMAX")))
			take_limit(value, &limits.rcptmax);
		else if (hk_slice_eq_nocase(name, HK_S("MAILMAX")))
			take_limit(value, &limits.mailmax);
		else if (hk_slice_eq_nocase(name, HK_S("RCPTDOMAINMAX")))
			take_limit(value, &limits.rcptdomainmax);
		rest = hk_slice_from(rest, word.n + 1);
	}
	c->limits = limits;
}

/* ---- the lines ---- */

void smtpc_hello_line(struct hk_smtpc *c, struct hk_slice line)
{
	/* "AUTH=LOGIN" is an old spelling that stands beside the right one: it is no keyword */
	struct hk_slice keyword = hk_slice_sub(line, 0, hk_slice_find(line, ' '));
	struct hk_slice rest = hk_slice_from(line, keyword.n + 1);
	enum hk_smtp_extension extension;

	if (hk_smtp_extension_parse(keyword, &extension) != HK_OK)
		return;
	c->extensions |= 1u << extension;
	if (extension == HK_EXT_NR_SIZE) {
		/* RFC 1870 4: no fixed maximum, or none that can be read */
		if (hk_slice_u64(rest, UINT64_MAX, &c->size_limit) != HK_OK)
			c->size_limit = 0;
	} else if (extension == HK_EXT_NR_DELIVERBY) {
		/* RFC 2852 2: [1*9DIGIT], then more behind commas; what cannot be read names no least time */
		struct hk_slice least = hk_slice_sub(rest, 0, hk_slice_find(rest, ','));

		if (least.n > 9 || hk_slice_u64(least, 999999999, &c->min_by) != HK_OK)
			c->min_by = 0;
	} else if (extension == HK_EXT_NR_LIMITS) {
		read_limits(c, rest);
	} else if (extension == HK_EXT_NR_AUTH && rest.n && rest.n <= sizeof c->mechanisms) {
		memcpy(c->mechanisms, rest.p, rest.n);
		c->mechanisms_n = rest.n;
	}
}

/* ---- what is known ---- */

unsigned smtpc_usable(const struct hk_smtpc *c)
{
	/* nobody asks for SIZE= by itself */
	return c->options.unoffered ? c->extensions | ~HK_EXT(SIZE) : c->extensions;
}

bool smtpc_pipelines(const struct hk_smtpc *c)
{
	return (c->extensions & HK_EXT(PIPELINING)) && !c->options.no_pipelining;
}

unsigned hk_smtpc_offered(const struct hk_smtpc *c)
{
	return c->extensions;
}

struct hk_slice hk_smtpc_mechanisms(const struct hk_smtpc *c)
{
	return hk_slice_of(c->mechanisms, c->mechanisms_n);
}

uint64_t hk_smtpc_size_limit(const struct hk_smtpc *c)
{
	return c->size_limit;
}

struct hk_smtpc_limits hk_smtpc_limits(const struct hk_smtpc *c)
{
	return c->limits;
}

bool hk_smtpc_is_spent(const struct hk_smtpc *c)
{
	return c->limits.mailmax && c->transactions >= c->limits.mailmax;
}
