/* SPDX-License-Identifier: MIT
 *
 * A date that is read, written and read again is the same; so is any number written as a date.
 */
#include <stdlib.h>
#include <string.h>

#include <hikyaku/message.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
	if (!ok)
		abort();
}

static void format_and_parse(int64_t utc, int offset, int64_t *ret_utc, int *ret_offset)
{
	struct hk_buf b;
	bool weekday_ok;

	hk_buf_init(&b, 100);
	hk_date_format(&b, utc, offset, HK_S("ZONE"));
	check(hk_buf_status(&b) == HK_OK);
	check(hk_date_parse(hk_buf_slice(&b), ret_utc, ret_offset, &weekday_ok) == HK_OK && weekday_ok);
	hk_buf_done(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int64_t utc, again, third;
	int offset, offset_again, offset_third;
	bool weekday_ok;

	if (hk_date_parse(hk_slice_of(data, size), &utc, &offset, &weekday_ok) == HK_OK) {
		format_and_parse(utc, offset, &again, &offset_again);
		/* an offset may carry the first and the last days over the edge of the years that are written */
		if (utc >= -2208988800 + 400000 && utc <= 253402300799 - 400000)
			check(utc == again);
		check(offset == offset_again);
	}
	if (size == sizeof utc + sizeof offset) {
		memcpy(&utc, data, sizeof utc);
		memcpy(&offset, data + sizeof utc, sizeof offset);
		format_and_parse(utc, offset, &again, &offset_again);
		format_and_parse(again, offset_again, &third, &offset_third);
		check(again == third && offset_again == offset_third);
	}
	return 0;
}
