/* SPDX-License-Identifier: MIT
 *
 * idna.c - names between U-labels and A-labels. libidn2 maps (UTS #46), checks code points (RFC 5892) and encodes; here
 * stands what it leaves out: the bidi rule across labels, the length and the letters of the outcome.
 */
#include <idn2.h>
#include <string.h>
#include <unictype.h>
#include <unistr.h>

#include <hikyaku/names.h>

/* A name of 253 octets in the longest UTF-8 form that can shrink to it; far below what libidn2 is slow with. */
enum { UTF8_MAX = 4 * HK_DNS_NAME_MAX, CODE_POINTS_MAX = UTF8_MAX };

/* ---- the bidi rule (RFC 5893 2) -------------------------------------------------------------- */

enum {
	R_OR_AL = 1 << UC_BIDI_R | 1 << UC_BIDI_AL,
	EITHER = 1 << UC_BIDI_EN | 1 << UC_BIDI_ES | 1 << UC_BIDI_CS | 1 << UC_BIDI_ET | 1 << UC_BIDI_ON |
	    1 << UC_BIDI_BN | 1 << UC_BIDI_NSM,
};

static unsigned class_of(uint32_t c)
{
	int n = uc_bidi_category(c);

	return n >= 0 && n < 31 ? 1u << n : 0;
}

/* The class of the last code point that is no NSM; 0 when there is none. */
static unsigned last_class(const uint32_t *label, size_t n)
{
	while (n && class_of(label[n - 1]) == 1u << UC_BIDI_NSM)
		n--;
	return n ? class_of(label[n - 1]) : 0;
}

static bool obeys(const uint32_t *label, size_t n)
{
	unsigned first, last, allowed, seen = 0;
	size_t i;

	if (n == 0)
		return true;
	first = class_of(label[0]);
	last = last_class(label, n);
	for (i = 0; i < n; i++)
		seen |= class_of(label[i]);
	if (first & R_OR_AL) {
		allowed = R_OR_AL | 1u << UC_BIDI_AN | EITHER;                             /* 2 */
		if (!(last & (R_OR_AL | 1u << UC_BIDI_EN | 1u << UC_BIDI_AN)))             /* 3 */
			return false;
		if (seen & 1u << UC_BIDI_EN && seen & 1u << UC_BIDI_AN)                    /* 4 */
			return false;
	} else if (first == 1u << UC_BIDI_L) {
		allowed = 1u << UC_BIDI_L | EITHER;                                        /* 5 */
		if (!(last & (1u << UC_BIDI_L | 1u << UC_BIDI_EN)))                        /* 6 */
			return false;
	} else {
		return false;                                                              /* 1 */
	}
	return (seen & ~allowed) == 0;
}

/* A name with one right-to-left label is a bidi name, and then the rule is for all its labels (1.4). */
static bool obeys_bidi(const uint32_t *name, size_t n)
{
	size_t from, to, i;

	for (i = 0; i < n; i++)
		if (class_of(name[i]) & (R_OR_AL | 1u << UC_BIDI_AN))
			break;
	if (i == n)
		return true;
	for (from = 0; from <= n; from = to + 1) {
		for (to = from; to < n && name[to] != '.'; to++)
			;
		if (!obeys(name + from, to - from))
			return false;
	}
	return true;
}

/* ---- libidn2 ----------------------------------------------------------------------------------- */

/* U+1E9E was "ss" in UTS #46 until Unicode 15.1, which made it U+00DF; libidn2 2.3 has the older mapping. */
static void map_sharp_s(uint8_t *s, size_t *n)
{
	size_t i, k = 0;

	for (i = 0; i < *n; i++) {
		if (*n - i >= 3 && memcmp(s + i, "\xe1\xba\x9e", 3) == 0) {
			s[k++] = 0xc3;
			s[k++] = 0x9f;
			i += 2;
		} else {
			s[k++] = s[i];
		}
	}
	*n = k;
	s[k] = 0;
}

static enum hk_status keep(struct hk_arena *a, int failed, uint8_t *text, struct hk_slice *ret)
{
	enum hk_status status = failed == IDN2_MALLOC ? HK_NOMEM : HK_SYNTAX;

	if (failed == IDN2_OK)
		status = hk_arena_dup(a, hk_slice_str((const char *)text), ret);
	idn2_free(text);
	return status;
}

static enum hk_status check_bidi(const uint8_t *alabels)
{
	uint32_t name[CODE_POINTS_MAX], *decoded = NULL;
	size_t n = 0;
	int failed = idn2_to_unicode_8z4z((const char *)alabels, &decoded, 0);

	if (failed == IDN2_MALLOC)
		return HK_NOMEM;
	for (; failed == IDN2_OK && decoded[n] && n < CODE_POINTS_MAX; n++)
		name[n] = decoded[n];
	idn2_free(decoded);
	return failed == IDN2_OK && obeys_bidi(name, n) ? HK_OK : HK_SYNTAX;
}

enum hk_status hk_names_alabel(struct hk_arena *a, struct hk_slice name, struct hk_slice *ret)
{
	uint8_t text[UTF8_MAX + 1], *out = NULL;
	struct hk_slice found;
	enum hk_status status;
	size_t n = name.n;
	int failed;

	if (n == 0 || n > UTF8_MAX || memchr(name.p, 0, n) || u8_check(name.p, n))
		return HK_SYNTAX;
	memcpy(text, name.p, n);
	map_sharp_s(text, &n);
	failed = idn2_lookup_u8(text, &out, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
	if (failed == IDN2_OK) {
		status = check_bidi(out);
		if (status != HK_OK) {
			idn2_free(out);
			return status;
		}
	}
	status = keep(a, failed, out, &found);
	/* what is left may have letters that no host name has (UseSTD3ASCIIRules), or an empty label */
	if (status == HK_OK && (found.n > HK_DNS_NAME_MAX || !hk_is_hostname(found, false)))
		return HK_SYNTAX;
	if (status == HK_OK)
		*ret = found;
	return status;
}

enum hk_status hk_names_ulabel(struct hk_arena *a, struct hk_slice name, struct hk_slice *ret)
{
	char text[HK_DNS_NAME_MAX + 1], *out = NULL;
	int failed;

	if (!hk_is_hostname(name, true))
		return HK_SYNTAX;
	memcpy(text, name.p, name.n);
	text[name.n] = '\0';
	failed = idn2_to_unicode_8z8z(text, &out, 0);
	return keep(a, failed, (uint8_t *)out, ret);
}
