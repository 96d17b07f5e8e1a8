/* SPDX-License-Identifier: MIT */
#include <string.h>

#include <hikyaku/mime.h>

#include "tests/unit.h"

#define BAD "\xef\xbf\xbd"

/* S3-009 */
static void encoded_words_are_read_as_people_read_them(void **state)
{
	static const struct {
		const char *in, *out;
		bool any;
	} rows[] = {
	    /* of the source text: its octets are no UTF-8 in three places */
	    {" =?utf-8?B?R01P44GC44GK44Ge44KJ440N440D440I6YqA6KGM?= <no-reply@shanghaidazhongbc.com>",
	        " GMO\xe3\x81\x82\xe3\x81\x8a\xe3\x81\x9e\xe3\x82\x89" BAD BAD BAD BAD BAD BAD BAD BAD BAD
	        "\xe9\x8a\x80\xe8\xa1\x8c <no-reply@shanghaidazhongbc.com>", true},
	    {"=?UTF-8?q?a_b=3Dc=C3=A9?= d", "a b=c\xc3\xa9 d", true},
	    {"=?iso-8859-1?Q?Keld_J=F8rn?= <k@d>", "Keld J\xc3\xb8rn <k@d>", true},
	    {"=?US-ASCII*EN?Q?Keith?=", "Keith", true},
	    /* RFC 2047 8 */
	    {"(=?ISO-8859-1?Q?a?= b)", "(a b)", true},
	    {"(=?ISO-8859-1?Q?a?=  =?ISO-8859-1?Q?b?=)", "(ab)", true},
	    {"=?utf-8?B?44E=?=\r\n =?utf-8?B?gg==?=", "\xe3\x81\x82", true},
	    /* not words */
	    {"=?utf-8?X?a?=", "=?utf-8?X?a?=", false},
	    {"=?utf-8?Q?a", "=?utf-8?Q?a", false},
	    {"=?iso-2022-jp?B?GyRCJCIbKEI=?=", "=?iso-2022-jp?B?GyRCJCIbKEI=?=", false},
	    {"a = b ?=", "a = b ?=", false},
	    {"", "", false},
	    /* hostile */
	    {"=?utf-8?Q?a=1B[31m=0D=0A?=", "a" BAD "[31m" BAD BAD, true},
	    {"=?utf-8?Q?x=E2=80=AEy?= \xe2\x80\xae \xff\x01", "x" BAD "y " BAD " " BAD BAD, true},
	    {"a\r\n\tb", "a b", false},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct hk_buf b;
		bool any;

		hk_buf_init(&b, 4096);
		any = hk_words_add(&b, hk_slice_str(rows[i].in));
		if (any != rows[i].any || !hk_slice_eq(hk_buf_slice(&b), hk_slice_str(rows[i].out)))
			fail_msg("%s: %.*s", rows[i].in, (int)b.n, (const char *)b.p);
		hk_buf_done(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(encoded_words_are_read_as_people_read_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
