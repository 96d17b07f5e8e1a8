/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <unistd.h>

#include "daemon/bundle.h"
#include "daemon/shaping_file.h"

static enum hk_status check(const char *path, struct hk_slice text, struct hk_buf *why)
{
	struct hk_conf_error error = {0};
	enum hk_status status = hk_conf_check_shapes(path, text, &error);

	hk_buf_add(why, hk_buf_slice(&error.text));
	hk_buf_done(&error.text);
	return status;
}

enum hk_status shaping_file_read(const struct hk_conf *c, struct hk_buf *out, struct hk_buf *why)
{
	char path[HK_CONF_PATH_MAX];
	enum hk_status status;
	struct hk_slice text;
	struct hk_arena a;
	int fd;

	if (!c->shaping.n)
		return HK_OK;
	status = bundle_open_file(c->shaping, why, &fd);
	if (status != HK_OK)
		return status;
	snprintf(path, sizeof path, "%.*s", HK_FMT(c->shaping));
	hk_arena_init(&a, HK_CONF_TEXT_MAX + 4096);
	status = bundle_read(fd, &a, HK_CONF_TEXT_MAX, &text);
	close(fd);
	if (status == HK_OK)
		status = check(path, text, why);
	if (status == HK_OK) {
		hk_buf_add(out, text);
		hk_buf_add_byte(out, '\n');
	} else if (!why->n) {
		hk_buf_addf(why, "%s: %s", path, hk_status_text(status));
	}
	hk_arena_done(&a);
	return status;
}
