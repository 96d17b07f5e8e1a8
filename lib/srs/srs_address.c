/* SPDX-License-Identifier: MIT
 *
 * Addresses in and out. The parts are put together from text without quotes, and quotes are put on where the grammar
 * wants them (RFC 5321 4.1.2 says that the two forms are one mailbox).
 */
#include <hikyaku/message.h>

#include "lib/srs/srs_internal.h"

enum { LOCAL_TEXT_MAX = 2 * HK_PATH_MAX + 2 };

/* Is text a path and nothing else? *why tells; a status only for what is wrong with the arena. */
static enum hk_status is_path(struct hk_arena *a, struct hk_slice text, enum hk_srs_result *why)
{
	struct hk_slice rest;
	struct hk_path path;
	enum hk_status status = hk_path_parse(a, text, HK_PATH_LENIENT | HK_PATH_UTF8, &path, &rest);

	*why = HK_SRS_ADDRESS;
	if (a->failed != HK_OK)
		return a->failed;
	if (status == HK_NOMEM)
		return status;
	if (status == HK_LIMIT)
		*why = HK_SRS_TOO_LONG;
	/* brackets, a route or spaces were taken off: it is not what we asked about */
	if (status == HK_OK && rest.n == 0 && path.domain.n && hk_slice_eq(path.text, text))
		*why = HK_SRS_OK;
	return HK_OK;
}

static enum hk_status unquote(struct hk_arena *a, struct hk_slice local, struct hk_slice *ret)
{
	uint8_t *out;
	size_t i, n = 0;

	if (local.n == 0 || local.p[0] != '"') {
		*ret = local;
		return HK_OK;
	}
	out = hk_arena_alloc(a, local.n);
	if (!out)
		return a->failed;
	for (i = 1; i + 1 < local.n; i++) {
		if (local.p[i] == '\\')
			i++;
		out[n++] = local.p[i];
	}
	*ret = hk_slice_of(out, n);
	return HK_OK;
}

enum hk_status hk_srs_address_read(
    struct hk_arena *a, struct hk_slice text, struct srs_address *ret, enum hk_srs_result *why)
{
	size_t at = hk_slice_rfind(text, '@');
	struct srs_address found = {.text = text, .domain = hk_slice_from(text, at + 1)};
	enum hk_status status;

	*why = HK_SRS_NO_DOMAIN;
	if (at == text.n || found.domain.n == 0)
		return HK_OK;
	status = is_path(a, text, why);
	if (*why == HK_SRS_TOO_LONG) /* what came in, not what we made of it */
		*why = HK_SRS_ADDRESS;
	if (status == HK_OK && *why == HK_SRS_OK)
		status = unquote(a, hk_slice_sub(text, 0, at), &found.local);
	if (status == HK_OK && *why == HK_SRS_OK)
		*ret = found;
	return status;
}

enum hk_status hk_srs_address_write(struct hk_arena *a, struct hk_slice local, struct hk_slice domain,
    struct hk_slice *ret, enum hk_srs_result *why)
{
	struct hk_slice plain, quoted = {0};
	struct hk_buf b;
	enum hk_status status;
	size_t i;

	status = hk_arena_fmt(a, &plain, "%.*s@%.*s", HK_FMT(local), HK_FMT(domain));
	if (status == HK_OK && local.n && local.p[0] == '"')
		*why = HK_SRS_ADDRESS; /* a mark that is meant, not one that opens a quoted string */
	else if (status == HK_OK)
		status = is_path(a, plain, why);
	if (status != HK_OK)
		return status;
	if (*why != HK_SRS_ADDRESS) {
		if (*why == HK_SRS_OK)
			*ret = plain;
		return HK_OK;
	}
	hk_buf_init(&b, LOCAL_TEXT_MAX + HK_DOMAIN_MAX);
	hk_buf_add_byte(&b, '"');
	for (i = 0; i < local.n; i++) {
		if (local.p[i] == '"' || local.p[i] == '\\')
			hk_buf_add_byte(&b, '\\');
		hk_buf_add_byte(&b, local.p[i]);
	}
	hk_buf_add_str(&b, "\"@");
	hk_buf_add(&b, domain);
	status = hk_buf_status(&b);
	if (status == HK_LIMIT) {
		*why = HK_SRS_TOO_LONG;
		status = HK_OK;
	} else if (status == HK_OK) {
		status = hk_arena_dup(a, hk_buf_slice(&b), &quoted);
		if (status == HK_OK)
			status = is_path(a, quoted, why);
	}
	hk_buf_done(&b);
	if (status == HK_OK && *why == HK_SRS_OK)
		*ret = quoted;
	return status;
}
