/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "engine/mail.h"

/* What parses is formatted to the same bytes again. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hk_slice in = hk_slice_of(data, size);
	struct hk_mail mail = {0};
	struct hk_buf out;
	uint64_t id;

	hk_arena_init(&mail.arena, 1024 * 1024);
	hk_buf_init(&out, 1024 * 1024);
	if (hk_mail_parse(in, &mail) == HK_OK) {
		hk_mail_format(&mail, &out);
		if (!hk_slice_eq(in, hk_buf_slice(&out)))
			abort();
	}
	if (hk_mail_id_parse(in, &id) == HK_OK) {
		char text[HK_MAIL_ID_TEXT];

		hk_mail_id_format(id, text);
		if (!hk_slice_eq(in, hk_slice_str(text)))
			abort();
	}
	hk_buf_done(&out);
	hk_arena_done(&mail.arena);
	return 0;
}
