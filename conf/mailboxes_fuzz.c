/* SPDX-License-Identifier: MIT
 *
 * Whatever a file of mailboxes holds, the item made of it is a configuration that can be read.
 */
#include <stdlib.h>

#include "conf/mailboxes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hk_conf *conf = NULL;
	struct hk_buf out;
	unsigned line;

	hk_buf_init(&out, HK_CONF_TEXT_MAX);
	hk_buf_add_str(&out, "hostname h.test;\n");
	if (hk_mailboxes_item(hk_slice_of(data, size), &out, &line) == HK_OK &&
	    hk_conf_parse("fuzz", hk_buf_slice(&out), &conf, NULL) != HK_OK)
		abort();
	hk_conf_free(conf);
	hk_buf_done(&out);
	return 0;
}
