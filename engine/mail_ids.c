/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>

#include "engine/mail.h"

/* id = milliseconds << 15 | worker << 11 | count. 41 bits of milliseconds last until September
 * 2039; then an id has a fifteenth digit, for which there is room. */
enum {
	COUNT_BITS = 11,
	WORKER_BITS = 4,
	TIME_SHIFT = COUNT_BITS + WORKER_BITS,
	DIGITS_LEAST = 14,
	DIGITS_MOST = 16
};
#define COUNT_MASK ((UINT64_C(1) << COUNT_BITS) - 1)
#define MS_MOST    (UINT64_MAX >> (TIME_SHIFT + 1))

uint64_t hk_ids_next(struct hk_ids *ids, uint64_t unix_ms)
{
	uint64_t last_ms = ids->last >> TIME_SHIFT,
	         worker = ids->worker & ((1u << WORKER_BITS) - 1);
	uint64_t ms = unix_ms > MS_MOST ? MS_MOST : unix_ms, count = 0;

	if (ms <= last_ms) {
		/* the same millisecond, or a clock that went back: go on from the last id */
		ms = last_ms;
		count = (ids->last & COUNT_MASK) + 1;
		if (count > COUNT_MASK ||
		    (ids->last >> COUNT_BITS & ((1u << WORKER_BITS) - 1)) != worker) {
			ms++;
			count = 0;
		}
	}
	ids->last = ms << TIME_SHIFT | worker << COUNT_BITS | count;
	return ids->last;
}

void hk_mail_id_format(uint64_t id, char ret[HK_MAIL_ID_TEXT])
{
	snprintf(ret, HK_MAIL_ID_TEXT, "%0*" PRIX64, DIGITS_LEAST, id);
}

enum hk_status hk_mail_id_parse(struct hk_slice text, uint64_t *ret)
{
	uint64_t id = 0;
	size_t i;

	if (text.n < DIGITS_LEAST || text.n > DIGITS_MOST)
		return HK_SYNTAX;
	for (i = 0; i < text.n; i++) {
		uint8_t c = text.p[i];

		if (hk_is_digit(c))
			id = id << 4 | (uint64_t)(c - '0');
		else if (c >= 'A' && c <= 'F')
			id = id << 4 | (uint64_t)(c - 'A' + 10);
		else
			return HK_SYNTAX;
	}
	/* one text for each id, so that a file's name and a queue id compare as bytes */
	if (text.n > DIGITS_LEAST && text.p[0] == '0')
		return HK_SYNTAX;
	*ret = id;
	return HK_OK;
}
