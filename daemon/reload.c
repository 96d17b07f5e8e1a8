/* SPDX-License-Identifier: MIT */
#include "daemon/reload.h"
#include "engine/log_value.h"

enum hk_status reload_is_possible(
    const struct hk_conf *old, const struct hk_conf *new_conf, struct hk_buf *why)
{
	struct hk_buf items;
	struct hk_slice rest;
	size_t before = why->n;

	hk_buf_init(&items, 4096);
	(void)hk_conf_needs_restart(old, new_conf, &items);
	for (rest = hk_buf_slice(&items); rest.n;) {
		size_t end = hk_slice_find(rest, '\n');

		hk_buf_addf(why, "%.*s changed, which needs a restart\n", HK_FMT(hk_slice_sub(rest, 0, end)));
		rest = hk_slice_from(rest, end + 1);
	}
	hk_buf_done(&items);
	return why->n == before ? HK_OK : HK_LIMIT;
}

void reload_log(struct hk_log *log, enum hk_status status, struct hk_slice why)
{
	if (status == HK_OK) {
		hk_logf(log, HK_LOG_INFO, "ev=reload ok=1");
		return;
	}
	if (!why.n)
		why = hk_slice_str(hk_status_text(status));
	while (why.n) {
		size_t end = hk_slice_find(why, '\n');

		if (end)
			hk_logf(log, HK_LOG_ERROR, "ev=reload ok=0 what=%s",
			    hk_log_value(hk_slice_sub(why, 0, end)).text);
		why = hk_slice_from(why, end + 1);
	}
	hk_logf(
	    log, HK_LOG_WARNING, "ev=reload ok=0 what=\"the configuration before stays in force\"");
}
