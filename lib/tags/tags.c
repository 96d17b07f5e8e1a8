/* SPDX-License-Identifier: MIT */
#include <string.h>

#include <hikyaku/tags.h>

#include "lib/base/base_internal.h"

static bool is_fws_byte(uint8_t c)
{
	return hk_is_wsp(c) || c == '\r' || c == '\n';
}

/* tag-name = ALPHA *(ALPHA / DIGIT / "_") (RFC 6376 3.2). */
static bool is_name(struct hk_slice s)
{
	size_t i;

	if (s.n == 0 || !hk_is_alpha(s.p[0]))
		return false;
	for (i = 1; i < s.n; i++)
		if (!hk_is_alnum(s.p[i]) && s.p[i] != '_')
			return false;
	return true;
}

/* Every CR or LF of one tag-spec is part of FWS = [*WSP CRLF] 1*WSP: CRLF, and white space behind
 * it. A separator never stands inside such a triple, so a tag-spec can be judged alone. */
static bool is_folding_ok(struct hk_slice s)
{
	size_t i = 0;

	while ((i += hk_slice_graph_run(hk_slice_from(s, i))) < s.n) {
		if (s.p[i] != '\r' && s.p[i] != '\n') {
			i++;
			continue;
		}
		if (s.n - i < 3 || s.p[i] != '\r' || s.p[i + 1] != '\n' || !hk_is_wsp(s.p[i + 2]))
			return false;
		i += 3;
	}
	return true;
}

/* tval characters and FWS. Bytes over 0x7f pass: UTF-8 may stand in d=, i= and s= (RFC 8616 5). */
static bool is_value(struct hk_slice s)
{
	size_t i = 0;

	while ((i += hk_slice_graph_run(hk_slice_from(s, i))) < s.n) {
		if (s.p[i] <= 0x7f && !is_fws_byte(s.p[i]))
			return false;
		i++;
	}
	return true;
}

/* tag-spec = [FWS] tag-name [FWS] "=" [FWS] tag-value [FWS] */
static bool parse_tag(struct hk_slice spec, struct hk_tag *ret)
{
	size_t equals = hk_slice_find(spec, '=');
	struct hk_tag tag;

	if (equals == spec.n || !is_folding_ok(spec))
		return false;
	tag.name = hk_slice_trim(hk_slice_sub(spec, 0, equals));
	tag.value = hk_slice_trim(hk_slice_from(spec, equals + 1));
	if (!is_name(tag.name) || !is_value(tag.value))
		return false;
	*ret = tag;
	return true;
}

static bool is_duplicate(const struct hk_tags *tags, struct hk_slice name, unsigned flags)
{
	size_t i;

	for (i = 0; i < tags->n; i++)
		if (flags & HK_TAGS_NOCASE ? hk_slice_eq_nocase(tags->tag[i].name, name)
		                           : hk_slice_eq(tags->tag[i].name, name))
			return true;
	return false;
}

static enum hk_status add_spec(struct hk_slice spec, unsigned flags, struct hk_tags *tags)
{
	struct hk_tag tag;

	if (!parse_tag(spec, &tag))
		return flags & HK_TAGS_SKIP_BAD ? HK_OK : HK_SYNTAX;
	/* RFC 6376 3.2: a name that occurs more than once makes the entire list invalid */
	if (is_duplicate(tags, tag.name, flags))
		return flags & HK_TAGS_DUPLICATES ? HK_OK : HK_SYNTAX;
	if (tags->n == HK_TAGS_MAX)
		return HK_LIMIT;
	tags->tag[tags->n++] = tag;
	return HK_OK;
}

enum hk_status hk_tags_parse(struct hk_slice text, unsigned flags, struct hk_tags *ret)
{
	struct hk_tags tags;
	enum hk_status status;

	tags.n = 0;
	if (text.n == 0 && !(flags & HK_TAGS_SKIP_BAD))
		return HK_SYNTAX;
	while (text.n) {
		size_t end = hk_slice_find(text, ';');
		struct hk_slice spec = hk_slice_sub(text, 0, end);
		bool is_last = end == text.n;

		/* One ";" may end the list. Deliberate: white space behind it is allowed too, as
		 * signers fold there. */
		if (is_last && tags.n && hk_slice_trim(spec).n == 0)
			break;
		status = add_spec(spec, flags, &tags);
		if (status != HK_OK)
			return status;
		text = hk_slice_from(text, end + 1);
	}
	ret->n = tags.n;
	memcpy(ret->tag, tags.tag, tags.n * sizeof tags.tag[0]);
	return HK_OK;
}

bool hk_tags_get(const struct hk_tags *tags, const char *name, struct hk_slice *ret)
{
	struct hk_slice wanted = hk_slice_str(name);
	size_t i;

	for (i = 0; i < tags->n; i++) {
		if (hk_slice_eq(tags->tag[i].name, wanted)) {
			*ret = tags->tag[i].value;
			return true;
		}
	}
	return false;
}

bool hk_tags_get_nocase(const struct hk_tags *tags, const char *name, struct hk_slice *ret)
{
	struct hk_slice wanted = hk_slice_str(name);
	size_t i;

	for (i = 0; i < tags->n; i++) {
		if (hk_slice_eq_nocase(tags->tag[i].name, wanted)) {
			*ret = tags->tag[i].value;
			return true;
		}
	}
	return false;
}

bool hk_tags_item(struct hk_slice *list, uint8_t separator, struct hk_slice *ret)
{
	size_t end;

	if (!list->p)
		return false;
	end = hk_slice_find(*list, separator);
	*ret = hk_slice_trim(hk_slice_sub(*list, 0, end));
	/* a null pointer is the mark of the end: an empty slice still has one empty element */
	*list = end < list->n ? hk_slice_from(*list, end + 1) : (struct hk_slice){0};
	return true;
}

enum hk_status hk_tags_strip_fws(struct hk_arena *a, struct hk_slice value, struct hk_slice *ret)
{
	uint8_t *p = hk_arena_alloc(a, value.n);
	size_t n = 0;

	if (!p)
		return a->failed;
	while (value.n) {
		size_t run = hk_slice_graph_run(value);

		if (run == 0 && !is_fws_byte(value.p[0]))
			run = 1;
		memcpy(p + n, value.p, run);
		n += run;
		value = hk_slice_from(value, run ? run : 1);
	}
	*ret = hk_slice_of(p, n);
	return HK_OK;
}
