/* SPDX-License-Identifier: MIT
 *
 * A password file of any bytes: what is accepted can be written and read again, and says the same.
 */
#include <stdlib.h>

#include "conf/users.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hk_users *u, *again;
	struct hk_buf why, text[2];
	size_t i;

	hk_buf_init(&why, 65536);
	hk_buf_init(&text[0], HK_USERS_TEXT_MAX);
	hk_buf_init(&text[1], HK_USERS_TEXT_MAX);
	if (hk_users_parse(hk_slice_of(data, size), &why, &u) == HK_OK) {
		for (i = 0; i < hk_users_count(u); i++) {
			hk_user_format(hk_users_at(u, i), &text[0]);
			if (hk_users_find(u, hk_users_at(u, i)->name) != hk_users_at(u, i))
				abort();
		}
		if (hk_users_parse(hk_buf_slice(&text[0]), &why, &again) != HK_OK ||
		    hk_users_count(again) != hk_users_count(u))
			abort();
		for (i = 0; i < hk_users_count(again); i++)
			hk_user_format(hk_users_at(again, i), &text[1]);
		if (!hk_slice_eq(hk_buf_slice(&text[0]), hk_buf_slice(&text[1])))
			abort();
		hk_users_free(again);
		hk_users_free(u);
	}
	hk_buf_done(&why);
	hk_buf_done(&text[0]);
	hk_buf_done(&text[1]);
	return 0;
}
