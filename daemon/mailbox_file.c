/* SPDX-License-Identifier: MIT */
#include <unistd.h>

#include "conf/mailboxes.h"
#include "daemon/bundle.h"
#include "daemon/mailbox_file.h"

enum hk_status mailbox_file_read(const struct hk_conf *c, struct hk_buf *out, struct hk_buf *why)
{
	enum hk_status status;
	struct hk_slice text;
	struct hk_arena a;
	unsigned line;
	int fd;

	if (!c->mailboxes_file.n)
		return HK_OK;
	status = bundle_open_file(c->mailboxes_file, why, &fd);
	if (status != HK_OK)
		return status;
	hk_arena_init(&a, HK_CONF_TEXT_MAX + 4096);
	status = bundle_read(fd, &a, HK_CONF_TEXT_MAX, &text);
	close(fd);
	if (status == HK_OK)
		status = hk_mailboxes_item(text, out, &line);
	if (status == HK_SYNTAX)
		hk_buf_addf(why, "%.*s:%u: not a mailbox: user or user@domain", HK_FMT(c->mailboxes_file), line);
	else if (status != HK_OK)
		hk_buf_addf(why, "%.*s: %s", HK_FMT(c->mailboxes_file), hk_status_text(status));
	hk_arena_done(&a);
	return status;
}
