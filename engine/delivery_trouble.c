/* SPDX-License-Identifier: MIT
 *
 * delivery_trouble.c - a host, or one of its addresses, that will not do: what is kept of why.
 */
#include <stdarg.h>
#include <stdio.h>

#include "engine/delivery_internal.h"

/* A line for the sender, if it comes to that; the last of them stands as the result. */
static void note_tried(struct hk_delivery *d, const struct reason *why)
{
	struct hk_buf *tried = &d->env.job->tried;
	size_t before = tried->n;

	hk_buf_addf(tried, "%s%s%u %s %s\n", hk_log_quote(hk_slice_str(why->remote)).text, why->remote[0] ? ": " : "", why->code,
	    why->enhanced, hk_log_quote(hk_slice_str(why->text)).text);
	if (hk_buf_status(tried) != HK_OK) { /* more than anybody reads */
		tried->n = before;
		tried->failed = HK_OK;
	}
}

static void will_not_do(struct hk_delivery *d, bool is_temporary, const struct reason *now)
{
	hk_logf(d->env.log, HK_LOG_INFO, "qid=%s ev=trouble remote=%s code=%u status=%s text=%s",
	    d->id_text, hk_log_value(hk_slice_str(now->remote)).text, now->code, now->enhanced,
	    hk_log_value(hk_slice_str(now->text)).text);
	note_tried(d, now);
	/* one host that may do later outweighs all that never will */
	if (is_temporary || !d->may_try_again)
		d->last = *now;
	d->may_try_again |= is_temporary;
}

void delivery_trouble(struct hk_delivery *d, bool is_temporary, unsigned code, const char *enhanced,
    const char *format, ...)
{
	char text[HK_RESULT_TEXT_MAX];
	struct reason now;
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	reason_set(&now, code, enhanced, d->remote, hk_slice_str(text));
	now.is_ours = true;
	will_not_do(d, is_temporary, &now);
}

void delivery_refused(
    struct hk_delivery *d, bool is_temporary, unsigned code, const char *enhanced, const struct hk_smtp_reply *reply)
{
	struct reason now;

	reason_set(&now, code, enhanced, d->remote, reply->text);
	now.is_ours = reply->own;
	will_not_do(d, is_temporary, &now);
}
