/* SPDX-License-Identifier: MIT
 *
 * The message that a command works on.
 */
#include "cli_internal.h"

static bool has_crlf(struct hk_slice s)
{
	size_t i;

	for (i = 1; i < s.n; i++)
		if (s.p[i] == '\n' && s.p[i - 1] == '\r')
			return true;
	return false;
}

/* A message kept by a mailbox on disk has LF line ends; on the wire, where it was signed, they were
 * CRLF. Only a file without any CRLF is read so: where both stand, a lone LF is content. */
static void take(struct hk_slice file, struct cli_message *m)
{
	size_t i;

	hk_buf_init(&m->bytes, CLI_MESSAGE_MAX * 2);
	m->was_lf = !has_crlf(file) && hk_slice_find(file, '\n') < file.n;
	if (!m->was_lf) {
		hk_buf_add(&m->bytes, file);
		return;
	}
	for (i = 0; i < file.n; i++) {
		if (file.p[i] == '\n')
			hk_buf_add_byte(&m->bytes, '\r');
		hk_buf_add_byte(&m->bytes, file.p[i]);
	}
}

bool cli_message_read(const struct cli_options *o, struct cli_message *m)
{
	struct hk_buf file = {0};
	enum hk_status status;

	if (!o->message.p && !cli_read_file(o->file, CLI_MESSAGE_MAX, &file))
		return false;
	take(o->message.p ? o->message : hk_buf_slice(&file), m);
	hk_buf_done(&file);
	hk_splitter_init(&m->splitter, HK_HEADER_SECTION_MAX);
	status = hk_buf_status(&m->bytes);
	if (status == HK_OK)
		status = hk_splitter_feed(&m->splitter, hk_buf_slice(&m->bytes), &m->body);
	if (status != HK_OK) {
		cli_complain("the message cannot be read", hk_status_text(status));
		return false;
	}
	m->header = hk_splitter_header(&m->splitter);
	return true;
}

void cli_message_done(struct cli_message *m)
{
	hk_splitter_done(&m->splitter);
	hk_buf_done(&m->bytes);
}
