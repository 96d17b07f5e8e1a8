/* SPDX-License-Identifier: MIT
 *
 * conf_testing.h - what the tests of items begin and end with.
 */
#ifndef HIKYAKU_CONF_TESTING_H
#define HIKYAKU_CONF_TESTING_H

#include "conf/conf.h"
#include "tests/unit.h"

/* A configuration as it was written, and as its dump is read. */
struct conf_twice {
	struct hk_conf *of[2];
};

static inline void conf_twice_begin(struct conf_twice *t, const char *text)
{
	struct hk_buf dump;

	assert_int_equal(hk_conf_parse("t", hk_slice_str(text), &t->of[0], NULL), HK_OK);
	hk_buf_init(&dump, 65536);
	hk_conf_dump(t->of[0], &dump);
	assert_int_equal(hk_conf_parse("t", hk_buf_slice(&dump), &t->of[1], NULL), HK_OK);
	hk_buf_done(&dump);
}

static inline void conf_twice_end(struct conf_twice *t)
{
	hk_conf_free(t->of[0]);
	hk_conf_free(t->of[1]);
}

#endif
