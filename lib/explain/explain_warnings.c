/* SPDX-License-Identifier: MIT
 *
 * What a careful reader minds in a message that passes. No result depends on any of it.
 */
#include <hikyaku/explain.h>
#include <hikyaku/tags.h>

/* What is shown to people and must stand once (RFC 5322 3.6): whoever can add another one, or change
 * it, decides what they see. */
static const struct {
	const char *name;
	bool is_always_there; /* by RFC 5322, or as people expect it */
} shown[] = {
    {"From", true}, {"Subject", true}, {"Date", true}, {"To", true}, {"Cc", false}, {"Reply-To", false}};

enum { SHOWN = sizeof shown / sizeof shown[0] };

/* How often h= of the signature lists the name. */
static size_t count_listed(
    const struct hk_verify *v, const struct hk_dkim_verdict *d, struct hk_slice name)
{
	const struct hk_header *h = hk_verify_fields(v);
	struct hk_slice list, item;
	struct hk_tags tags;
	size_t n = 0;

	if (d->field >= h->n || hk_tags_parse(h->field[d->field].value, HK_TAGS_STRICT, &tags) != HK_OK ||
	    !hk_tags_get(&tags, "h", &list))
		return 0;
	while (hk_tags_item(&list, ':', &item))
		n += hk_slice_eq_nocase(item, name);
	return n;
}

static struct hk_slice find_unsigned(const struct hk_verify *v, const struct hk_dkim_verdict *d)
{
	size_t i;

	if (d->uncovered.n)
		return d->uncovered;
	for (i = 0; i < SHOWN; i++) {
		struct hk_slice name = hk_slice_str(shown[i].name);

		if (hk_header_count(hk_verify_fields(v), name) > count_listed(v, d, name))
			return name;
	}
	return (struct hk_slice){0};
}

static struct hk_slice find_open(const struct hk_verify *v, const struct hk_dkim_verdict *d)
{
	size_t i;

	for (i = 0; i < SHOWN; i++) {
		struct hk_slice name = hk_slice_str(shown[i].name);

		if (shown[i].is_always_there &&
		    hk_header_count(hk_verify_fields(v), name) == count_listed(v, d, name))
			return name;
	}
	return (struct hk_slice){0};
}

/* Each gives what it is about, not empty, when it is so. */
static struct hk_slice has_length(const struct hk_verify *v, const struct hk_dkim_verdict *d)
{
	(void)v;
	return d->has_length ? HK_S("l=") : (struct hk_slice){0};
}

static struct hk_slice is_weak(const struct hk_verify *v, const struct hk_dkim_verdict *d)
{
	(void)v;
	return hk_slice_starts_nocase(d->a, HK_S("rsa")) && d->key_bits < HK_EXPLAIN_GOOD_RSA_BITS
	           ? d->s
	           : (struct hk_slice){0};
}

static struct hk_slice is_test(const struct hk_verify *v, const struct hk_dkim_verdict *d)
{
	(void)v;
	return d->testing ? HK_S("t=y") : (struct hk_slice){0};
}

static const struct {
	struct hk_slice (*find)(const struct hk_verify *, const struct hk_dkim_verdict *);
	const char *text, *rfc;
} rules[] = {
    {has_length, "text may be added to the body without breaking the signature", "RFC 6376 8.2"},
    {is_weak, "the RSA key of this selector has fewer than 2048 bits", "RFC 8301 3.2"},
    {is_test, "the key says that the domain only tests DKIM", "RFC 6376 3.6.1"},
    {find_unsigned, "this field is not signed, or not each copy of it", "RFC 6376 5.4.1"},
    {find_open, "another of this field could be added: h= does not list it once more than it is there",
        "RFC 6376 8.15"},
};

enum { RULES = sizeof rules / sizeof rules[0] };

static bool is_everybody(const struct hk_spf_verdict *spf)
{
	struct hk_slice m = spf->mechanism;

	return spf->result == HK_SPF_PASS &&
	       (hk_slice_eq_nocase(m, HK_S("all")) || hk_slice_eq_nocase(m, HK_S("+all")));
}

/* true when this was the one asked for. */
static bool is_it(size_t *left)
{
	return (*left)-- == 0;
}

bool hk_explain_warning(const struct hk_verify *v, size_t i, struct hk_explain_warning *ret)
{
	const struct hk_verify_verdict *r = hk_verify_result(v);
	size_t k, rule;

	if (!r)
		return false;
	if (r->checks & HK_CHECK_SPF && is_everybody(r->spf) && is_it(&i)) {
		*ret = (struct hk_explain_warning){.method = "spf", .domain = r->spf->domain,
		    .about = r->spf->mechanism, .text = "every address of the world passes", .rfc = "RFC 7208 5.1"};
		return true;
	}
	for (k = 0; r->checks & HK_CHECK_DKIM && k < r->n_dkim; k++) {
		const struct hk_dkim_verdict *d = r->dkim[k];

		for (rule = 0; d->result == HK_DKIM_PASS && rule < RULES; rule++) {
			struct hk_slice about = rules[rule].find(v, d);

			if (about.n == 0 || !is_it(&i))
				continue;
			*ret = (struct hk_explain_warning){.method = "dkim", .domain = d->d, .about = about,
			    .text = rules[rule].text, .rfc = rules[rule].rfc};
			return true;
		}
	}
	return false;
}
