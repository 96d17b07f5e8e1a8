/* SPDX-License-Identifier: MIT
 *
 * authres.h - Authentication-Results (RFC 8601): write it, and find the forged ones.
 */
#ifndef HIKYAKU_AUTHRES_H
#define HIKYAKU_AUTHRES_H

#include <hikyaku/dkim.h>
#include <hikyaku/dmarc.h>
#include <hikyaku/message.h>
#include <hikyaku/spf.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

enum hk_authres_style {
	HK_AUTHRES_RFC,    /* header.from is the author domain, policy.dmarc as RFC 9989 says */
	HK_AUTHRES_RSPAMD, /* the words of rspamd, header.from is the policy domain: docs/authres.md */
};

/* What goes in; a NULL spf or dmarc, or print_dkim false, leaves that method out. */
struct hk_authres_input {
	struct hk_slice authserv_id;
	enum hk_authres_style style;
	struct hk_ip client;
	struct hk_slice helo;
	const struct hk_spf_verdict *spf;
	bool print_dkim;
	const struct hk_dkim_verdict *dkim;
	size_t n_dkim;
	const struct hk_dmarc_verdict *dmarc;
};
/* hk_authres_format(in, out): the whole field with CRLF, one result a line, folded with a tab.
 * Order: dkim, spf, dmarc; "; none" when there is nothing. Every value is quoted where RFC 8601 2.2 wants it,
 * and no byte from outside can end a value, a comment or a line. */
void hk_authres_format(const struct hk_authres_input *, struct hk_buf *out);

/* hk_authres_is_ours(field, authserv_id): true for an Authentication-Results field (any case, folding, comments, quoting)
 * whose authserv-id is ours, or whose authserv-id cannot be read: RFC 8601 5 wants both gone. */
bool hk_authres_is_ours(const struct hk_field *, struct hk_slice authserv_id);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
