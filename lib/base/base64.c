/* SPDX-License-Identifier: MIT */
#include <hikyaku/base.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void hk_base64_add(struct hk_buf *b, struct hk_slice s)
{
	size_t i;

	for (i = 0; i < s.n; i += 3) {
		size_t left = s.n - i;
		uint32_t word = (uint32_t)s.p[i] << 16 | (left > 1 ? (uint32_t)s.p[i + 1] << 8 : 0) |
		    (left > 2 ? s.p[i + 2] : 0);
		char four[4] = {alphabet[word >> 18], alphabet[word >> 12 & 63],
		    left > 1 ? alphabet[word >> 6 & 63] : '=',
		    left > 2 ? alphabet[word & 63] : '='};

		hk_buf_add(b, hk_slice_of(four, sizeof four));
	}
}

/* The value of each base64 digit and one more, so that 0 is none; white space and "=" have values
 * of their own. */
enum { PAD = 65, SPACE = 66 };
static const uint8_t digits_of[256] = {['A'] = 1,
    2,
    3,
    4,
    5,
    6,
    7,
    8,
    9,
    10,
    11,
    12,
    13,
    14,
    15,
    16,
    17,
    18,
    19,
    20,
    21,
    22,
    23,
    24,
    25,
    26,
    ['a'] = 27,
    28,
    29,
    30,
    31,
    32,
    33,
    34,
    35,
    36,
    37,
    38,
    39,
    40,
    41,
    42,
    43,
    44,
    45,
    46,
    47,
    48,
    49,
    50,
    51,
    52,
    ['0'] = 53,
    54,
    55,
    56,
    57,
    58,
    59,
    60,
    61,
    62,
    ['+'] = 63,
    ['/'] = 64,
    ['='] = PAD,
    [' '] = SPACE,
    ['\t'] = SPACE,
    ['\r'] = SPACE,
    ['\n'] = SPACE};

/* The usual way through: fours of digits with nothing between them. Returns how many octets of text are done. */
static size_t take_fours(struct hk_slice text, uint8_t *out)
{
	size_t i;

	for (i = 0; text.n - i >= 4; i += 4, out += 3) {
		const uint8_t *p = text.p + i;
		/* what is no digit is over 63 */
		uint32_t d0 = digits_of[p[0]] - 1u, d1 = digits_of[p[1]] - 1u;
		uint32_t d2 = digits_of[p[2]] - 1u, d3 = digits_of[p[3]] - 1u, word;

		if ((d0 | d1 | d2 | d3) > 63)
			break;
		word = d0 << 18 | d1 << 12 | d2 << 6 | d3;
		out[0] = (uint8_t)(word >> 16);
		out[1] = (uint8_t)(word >> 8);
		out[2] = (uint8_t)word;
	}
	return i;
}

enum hk_status hk_base64_parse(struct hk_arena *a, struct hk_slice text, struct hk_slice *ret)
{
	/* four digits give three octets, so text.n octets are always enough */
	uint8_t *out = hk_arena_alloc(a, text.n / 4 * 3 + 3);
	uint32_t word = 0;
	size_t n = 0, digits = 0, pads = 0, i;

	if (!out)
		return a->failed;
	for (i = 0; i < text.n; i++) {
		uint8_t value;

		if (digits % 4 == 0 && !pads) {
			size_t done = take_fours(hk_slice_from(text, i), out + n);

			n += done / 4 * 3;
			digits += done;
			i += done;
			if (i == text.n)
				break;
		}
		value = digits_of[text.p[i]];
		if (value == SPACE)
			continue;
		if (value == PAD) {
			pads++;
			continue;
		}
		if (pads || value == 0)
			return HK_SYNTAX;
		word = word << 6 | (value - 1u);
		if (++digits % 4 == 0) {
			out[n++] = (uint8_t)(word >> 16);
			out[n++] = (uint8_t)(word >> 8);
			out[n++] = (uint8_t)word;
			word = 0;
		}
	}
	if ((digits + pads) % 4 != 0 || pads > 2 || digits % 4 == 1)
		return HK_SYNTAX;
	if (digits % 4 == 2) {
		if (word & 15)
			return HK_SYNTAX;
		out[n++] = (uint8_t)(word >> 4);
	} else if (digits % 4 == 3) {
		if (word & 3)
			return HK_SYNTAX;
		out[n++] = (uint8_t)(word >> 10);
		out[n++] = (uint8_t)(word >> 2);
	}
	*ret = hk_slice_of(out, n);
	return HK_OK;
}

void hk_hex_add(struct hk_buf *b, struct hk_slice s)
{
	static const char hex[] = "0123456789abcdef";
	size_t i;

	for (i = 0; i < s.n; i++) {
		hk_buf_add_byte(b, (uint8_t)hex[s.p[i] >> 4]);
		hk_buf_add_byte(b, (uint8_t)hex[s.p[i] & 15]);
	}
}
