/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "engine/mail.h"

/* What parses is formatted to something that parses, and is formatted to the same bytes again. (Not the input's: older
 * formats are read too, and what a reserved byte says is not kept.) */
static void there_and_back(struct hk_slice in)
{
	struct hk_mail mail = {0}, again = {0};
	struct hk_buf first, second;

	hk_arena_init(&mail.arena, 1024 * 1024);
	hk_arena_init(&again.arena, 1024 * 1024);
	hk_buf_init(&first, 1024 * 1024);
	hk_buf_init(&second, 1024 * 1024);
	if (hk_mail_parse(in, &mail) == HK_OK) {
		hk_mail_format(&mail, &first);
		if (hk_mail_parse(hk_buf_slice(&first), &again) != HK_OK)
			abort();
		hk_mail_format(&again, &second);
		if (!hk_slice_eq(hk_buf_slice(&first), hk_buf_slice(&second)))
			abort();
	}
	hk_buf_done(&first);
	hk_buf_done(&second);
	hk_arena_done(&mail.arena);
	hk_arena_done(&again.arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hk_slice in = hk_slice_of(data, size);
	uint64_t id;

	there_and_back(in);
	if (hk_mail_id_parse(in, &id) == HK_OK) {
		char text[HK_MAIL_ID_TEXT];

		hk_mail_id_format(id, text);
		if (!hk_slice_eq(in, hk_slice_str(text)))
			abort();
	}
	return 0;
}
