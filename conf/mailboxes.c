/* SPDX-License-Identifier: MIT */
#include "conf/mailboxes.h"

#include "conf/conf_value.h"

static size_t name_length(struct hk_slice line)
{
	size_t i = 0;

	while (i < line.n && line.p[i] != ':' && !hk_is_wsp(line.p[i]) && line.p[i] != '\r')
		i++;
	return i;
}

enum hk_status hk_mailboxes_item(struct hk_slice text, struct hk_buf *out, unsigned *ret_line)
{
	bool any = false;
	unsigned line_nr;

	for (line_nr = 1; text.n; line_nr++) {
		struct hk_slice line = hk_slice_sub(text, 0, hk_slice_find(text, '\n'));
		struct hk_slice name = hk_slice_sub(line, 0, name_length(line));

		text = hk_slice_from(text, line.n + 1);
		if (!name.n && hk_slice_eq(hk_slice_trim(line), HK_S("")))
			continue;
		if (line.p[0] == '#')
			continue;
		if (conf_check_mailbox(name)) {
			*ret_line = line_nr;
			return HK_SYNTAX;
		}
		hk_buf_add_str(out, any ? " " : "mailboxes ");
		conf_word_print(out, name);
		any = true;
	}
	if (any)
		hk_buf_add_str(out, ";\n");
	return hk_buf_status(out);
}
