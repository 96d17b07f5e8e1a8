/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "conf/conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Whatever parses must dump to a text that parses to the same dump. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hk_conf *c = NULL, *again = NULL;
	struct hk_conf_error error;
	struct hk_buf first, second;

	if (hk_conf_parse("fuzz", hk_slice_of(data, size), &c, &error) != HK_OK) {
		hk_buf_done(&error.text);
		return 0;
	}
	hk_buf_init(&first, 16 * HK_CONF_TEXT_MAX);
	hk_buf_init(&second, 16 * HK_CONF_TEXT_MAX);
	hk_conf_dump(c, &first);
	if (hk_conf_parse("dump", hk_buf_slice(&first), &again, NULL) != HK_OK)
		abort();
	hk_conf_dump(again, &second);
	if (!hk_slice_eq(hk_buf_slice(&first), hk_buf_slice(&second)))
		abort();
	hk_conf_find_route(c, HK_S("a.test"));
	if (hk_conf_accepts(c, HK_S("")))
		abort();
	hk_buf_done(&first);
	hk_buf_done(&second);
	hk_conf_free(c);
	hk_conf_free(again);
	return 0;
}
