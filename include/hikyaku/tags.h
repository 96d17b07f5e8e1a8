/* SPDX-License-Identifier: MIT
 *
 * tags.h - "k=v; k=v" lists (RFC 6376 3.2), shared by DKIM signatures and keys, DMARC records and others.
 */
#ifndef HIKYAKU_TAGS_H
#define HIKYAKU_TAGS_H

#include <hikyaku/base.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

#define HK_TAGS_MAX 64

struct hk_tag {
	struct hk_slice name;  /* as written */
	struct hk_slice value; /* without FWS at both ends; inner folding is left */
};
struct hk_tags {
	struct hk_tag tag[HK_TAGS_MAX];
	size_t n;
};
enum hk_tags_flags {
	HK_TAGS_STRICT = 0,
	HK_TAGS_NOCASE = 1,     /* names compare without case (DMARC); duplicates are judged so too */
	HK_TAGS_DUPLICATES = 2, /* keep the first of a name instead of SYNTAX */
	HK_TAGS_SKIP_BAD = 4,   /* leave out a malformed tag instead of SYNTAX (DMARC) */
};
/* hk_tags_parse(text, flags, ret): borrows text. SYNTAX (RFC 6376 3.2: a name twice makes the whole list invalid) or LIMIT. */
enum hk_status hk_tags_parse(struct hk_slice text, unsigned flags, struct hk_tags *ret) HK_MUSTCHECK;
/* hk_tags_get(t, name, ret): false when absent. The name is compared exactly; hk_tags_get_nocase without case. */
bool hk_tags_get(const struct hk_tags *, const char *name, struct hk_slice *ret);
bool hk_tags_get_nocase(const struct hk_tags *, const char *name, struct hk_slice *ret);
/* hk_tags_item(list, separator, ret): takes the next element of a separated list off *list, trimmed of FWS; false at the end.
 * An empty element is given too: "a:" has two, an empty value has one. A slice without a pointer has none. */
bool hk_tags_item(struct hk_slice *list, uint8_t separator, struct hk_slice *ret);
/* hk_tags_strip_fws(a, value, ret): every SP, HTAB, CR, LF removed (for b=, bh=, p=). */
enum hk_status hk_tags_strip_fws(struct hk_arena *, struct hk_slice value, struct hk_slice *ret) HK_MUSTCHECK;

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
