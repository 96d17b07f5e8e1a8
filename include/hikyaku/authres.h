/* SPDX-License-Identifier: MIT
 *
 * authres.h - Authentication-Results (RFC 8601): write it, find the forged ones, read those of others.
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

/* ARC in words (RFC 8617 6), since its module stands above this one. */
struct hk_authres_arc {
	const char *result;     /* "none", "pass", "fail" */
	unsigned instance;      /* of the newest set */
	struct hk_slice d, s;   /* of its seal; empty when it could not be read */
	struct hk_slice reason;
};
/* What goes in; a NULL spf, dmarc or arc, or print_dkim false, leaves that method out. */
struct hk_authres_input {
	size_t size; /* of the struct: base.h */
	struct hk_slice authserv_id;
	enum hk_authres_style style;
	struct hk_ip client;
	struct hk_slice helo;
	const struct hk_spf_verdict *spf;
	bool print_dkim;
	const struct hk_dkim_verdict *const *dkim; /* as hk_verify_verdict has them */
	size_t n_dkim;
	const struct hk_dmarc_verdict *dmarc;
	const struct hk_authres_arc *arc;
};
/* hk_authres_format(in, out): the whole field with CRLF, one result a line, folded with a tab.
 * Order: dkim, spf, dmarc, arc; "; none" when there is nothing. Every value is quoted where RFC 8601 2.2 wants it,
 * and no byte from outside can end a value, a comment or a line. */
void hk_authres_format(const struct hk_authres_input *, struct hk_buf *out);

/* hk_authres_is_ours(field, authserv_id): true for an Authentication-Results field (any case, folding, comments, quoting)
 * whose authserv-id is ours, or whose authserv-id cannot be read: RFC 8601 5 wants both gone. */
bool hk_authres_is_ours(const struct hk_field *, struct hk_slice authserv_id);

/* ---- a field as a struct --------------------------------------------------------------------- */

#define HK_AUTHRES_RESULTS_MAX 1000 /* results of a field, properties of a result, comments of either */

/* ptype.property=value (RFC 8601 2.2): "smtp", "mailfrom", "u@a.test". ptype is empty where the field had none. */
struct hk_authres_property {
	struct hk_slice ptype, property;
	struct hk_slice value; /* without its quotes */
};
/* Comments are kept as they stood between their outer parentheses (nested ones and backslashes too), unfolded, in order. */
struct hk_authres_result {
	struct hk_slice method;
	struct hk_slice version; /* digits; empty: 1 */
	struct hk_slice result;
	struct hk_slice reason;  /* empty: none */
	struct hk_authres_property *property;
	size_t n_properties;
	struct hk_slice *comment;
	size_t n_comments;
};
struct hk_authres_parsed {
	struct hk_slice authserv_id; /* without its quotes */
	struct hk_slice version;     /* digits; empty: 1 */
	struct hk_authres_result *result;
	size_t n_results;            /* 0: "none" */
	struct hk_slice *comment;    /* before the first result */
	size_t n_comments;
	const char *deviation;       /* the first way in which it departs from RFC 8601, a sentence; NULL: it does not */
	size_t deviation_at;         /* offset in value */
};
/* hk_authres_parse(a, value, ret): value is what follows the colon (hk_field.value). Reads the grammar of RFC 8601 2.2 with
 * comments, folding and quoting anywhere it allows them, UTF-8 as RFC 6532; and, saying so in deviation, what is met in
 * the wild: no result at all, a semicolon at the end, values that want quotes, reason after properties, properties without
 * ptype, underscores. Methods and results are not checked against any registry: RFC 8601 2.7.7 wants unknown ones kept.
 * SYNTAX for anything else, an unreadable authserv-id first of all. Whether to trust the field is another question: see
 * hk_authres_is_ours. LIMIT, NOMEM. Copies. */
enum hk_status hk_authres_parse(struct hk_arena *, struct hk_slice value, struct hk_authres_parsed *ret) HK_MUSTCHECK;
/* hk_authres_write(field, out): as hk_authres_format writes; parsing it gives the same field again, with no other
 * deviation than a keyword or a missing type. Bytes of values and comments cannot end them. SYNTAX, and nothing written,
 * when a keyword is none or the id is empty. */
enum hk_status hk_authres_write(const struct hk_authres_parsed *, struct hk_buf *out) HK_MUSTCHECK;

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
