/* SPDX-License-Identifier: MIT
 *
 * key_state.h - what `hikyaku keys` knows of the keys in its folder:
 *
 *	DIR/DOMAIN/SELECTOR.pem   PKCS#8
 *	DIR/_keys                 a line for each key: DOMAIN SELECTOR ALGORITHM STATE SINCE
 *
 * An underscore is in no domain's name, so the state file and a domain's folder cannot collide.
 */
#ifndef HIKYAKU_CONF_KEY_STATE_H
#define HIKYAKU_CONF_KEY_STATE_H

#include <hikyaku/crypto.h>

#define HK_KEY_STATE_FILE "_keys"
#define HK_KEY_STATE_MAX  ((size_t)32 * 1024 * 1024) /* octets of it */
#define HK_KEY_ENTRIES    50000                      /* keys in one folder */

#define HK_KEY_STATE_TABLE(X)                                                                      \
	X(STAGED, "staged") X(ACTIVE, "active") X(RETIRING, "retiring") X(REVOKED, "revoked")
enum hk_key_state {
#define X(id, text) HK_KEY_STATE_##id,
	HK_KEY_STATE_TABLE(X)
#undef X
	HK_KEY_STATES
};
const char *hk_key_state_name(enum hk_key_state);
/* hk_key_alg_name(alg): as in k= (RFC 6376 3.6.1, RFC 8463 4). */
const char *hk_key_alg_name(enum hk_sign_alg);

struct hk_key_entry {
	struct hk_slice domain, selector; /* lower case; each ends with a NUL that is not counted */
	enum hk_sign_alg alg;
	enum hk_key_state state;
	int64_t since; /* of the state */
};
/* hk_key_entries_parse(a, text, ret, ret_n, ret_line): in the order in which they were made.
 * SYNTAX, LIMIT for too many: *ret_line is where. VERSION: another version's file. */
enum hk_status hk_key_entries_parse(struct hk_arena *, struct hk_slice text,
    struct hk_key_entry **ret, size_t *ret_n, size_t *ret_line) HK_MUSTCHECK;
void hk_key_entries_format(const struct hk_key_entry *, size_t n, struct hk_buf *out);

#endif
