/* SPDX-License-Identifier: MIT
 *
 * U-labels as A-labels: Punycode (RFC 3492) and nothing of IDNA's tables. Who writes characters that IDNA2008 would have mapped
 * or refused gets a name that nobody can have registered.
 */
#include <string.h>

#include "dns_internal.h"
#include "lib/base/base_internal.h"

/* RFC 3492 5 */
enum { BASE = 36, TMIN = 1, TMAX = 26, SKEW = 38, DAMP = 700, FIRST_BIAS = 72, FIRST_N = 0x80 };

struct label {
	uint32_t point[HK_DNS_LABEL_MAX];
	size_t n;
	uint8_t out[HK_DNS_LABEL_MAX];
	size_t out_n;
};

static bool put(struct label *l, uint8_t c)
{
	if (l->out_n == sizeof l->out)
		return false;
	l->out[l->out_n++] = c;
	return true;
}

/* The code points of one label; false for what is no UTF-8, or cannot fit in any case. */
static bool read_points(struct hk_slice s, struct label *l)
{
	while (s.n) {
		size_t n = hk_utf8_length(s);
		uint32_t c;

		if (n == 0 || l->n == HK_DNS_LABEL_MAX)
			return false;
		c = hk_utf8_point(s, n);
		l->point[l->n++] = c < 0x80 ? hk_to_lower((uint8_t)c) : c;
		s = hk_slice_from(s, n);
	}
	return true;
}

/* RFC 3492 6.1 */
static uint32_t adapt(uint32_t delta, uint32_t points, bool is_first)
{
	uint32_t k = 0;

	delta = is_first ? delta / DAMP : delta / 2;
	delta += delta / points;
	for (; delta > (BASE - TMIN) * TMAX / 2; k += BASE)
		delta /= BASE - TMIN;
	return k + (BASE - TMIN + 1) * delta / (delta + SKEW);
}

static bool put_number(struct label *l, uint32_t q, uint32_t bias)
{
	uint32_t k, t, digit;

	for (k = BASE;; k += BASE) {
		t = k <= bias ? TMIN : k >= bias + TMAX ? TMAX : k - bias;
		if (q < t)
			break;
		digit = t + (q - t) % (BASE - t);
		if (!put(l, (uint8_t)(digit < 26 ? 'a' + digit : '0' + digit - 26)))
			return false;
		q = (q - t) / (BASE - t);
	}
	return put(l, (uint8_t)(q < 26 ? 'a' + q : '0' + q - 26));
}

/* The least code point that is not under n. */
static uint32_t next_point(const struct label *l, uint32_t n)
{
	uint32_t least = UINT32_MAX;
	size_t i;

	for (i = 0; i < l->n; i++)
		if (l->point[i] >= n && l->point[i] < least)
			least = l->point[i];
	return least;
}

/* RFC 3492 6.3; a label of 63 points of 21 bits cannot overflow 32. */
static bool encode(struct label *l)
{
	uint32_t n = FIRST_N, delta = 0, bias = FIRST_BIAS, basic, done, next;
	size_t i;

	memcpy(l->out, "xn--", 4);
	l->out_n = 4;
	for (i = 0; i < l->n; i++)
		if (l->point[i] < 0x80 && !put(l, (uint8_t)l->point[i]))
			return false;
	basic = done = (uint32_t)l->out_n - 4;
	if (basic && !put(l, '-'))
		return false;
	while (done < l->n) {
		next = next_point(l, n);
		delta += (next - n) * (done + 1);
		n = next;
		for (i = 0; i < l->n; i++) {
			delta += l->point[i] < n;
			if (l->point[i] != n)
				continue;
			if (!put_number(l, delta, bias))
				return false;
			bias = adapt(delta, done + 1, done == basic);
			delta = 0;
			done++;
		}
		delta++;
		n++;
	}
	return true;
}

/* RFC 5891 4.2.3.1: what looks like an A-label, or another thing with a prefix, is no U-label. Characters count, not octets. */
static bool has_hyphens(const struct label *l)
{
	return l->n > 3 && l->point[2] == '-' && l->point[3] == '-';
}

enum hk_status hk_dns_name_to_ascii(struct hk_arena *a, struct hk_slice text, struct hk_slice *ret)
{
	struct hk_buf out;
	enum hk_status status;

	if (hk_slice_is_ascii(text)) {
		*ret = text;
		return HK_OK;
	}
	hk_buf_init(&out, HK_DNS_NAME_MAX + 1);
	for (;;) {
		struct hk_slice part = hk_slice_sub(text, 0, hk_slice_find(text, '.'));
		struct label l = {.n = 0};

		if (hk_slice_is_ascii(part)) {
			hk_buf_add(&out, part);
		} else if (read_points(part, &l) && !has_hyphens(&l) && encode(&l)) {
			hk_buf_add(&out, hk_slice_of(l.out, l.out_n));
		} else {
			hk_buf_done(&out);
			return HK_SYNTAX;
		}
		if (part.n == text.n)
			break;
		hk_buf_add_byte(&out, '.');
		text = hk_slice_from(text, part.n + 1);
	}
	status = hk_buf_status(&out);
	if (status == HK_OK)
		status = hk_arena_dup(a, hk_buf_slice(&out), ret);
	hk_buf_done(&out);
	return status == HK_LIMIT && a->failed == HK_OK ? HK_SYNTAX : status;
}
