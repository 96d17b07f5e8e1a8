/* SPDX-License-Identifier: MIT
 *
 * dkim_test_letter.h - keys made for the tests, and messages signed with them.
 */
#ifndef HIKYAKU_DKIM_TEST_LETTER_H
#define HIKYAKU_DKIM_TEST_LETTER_H

#include "lib/dkim/dkim_test_support.h"

/* The clock of the tests: when the first message of the seed was signed. */
enum { NOW = 1731333570 };

struct test_keys {
	struct hk_private_key *rsa, *rsa_short, *ed25519; /* 2048 and 1024 bits */
};
extern struct test_keys keys;
/* For cmocka_run_group_tests. */
int make_keys(void **state);
int free_keys(void **state);
/* key_record(a, key, tags): "<tags> k=...; p=...". */
struct hk_slice key_record(struct hk_arena *, const struct hk_private_key *, const char *tags);
void publish(struct world *, const char *name, const struct hk_private_key *);

struct letter {
	struct hk_slice header, body;
};
struct letter a_letter(const char *body);
struct letter with_field(struct hk_arena *, struct hk_slice field, const struct letter *);
struct hk_slice message_of(struct hk_arena *, const struct letter *);
struct hk_slice joined(struct hk_arena *, struct hk_slice, struct hk_slice);
/* sign_letter: the field that our signer makes. */
struct hk_slice sign_letter(struct hk_arena *, const struct letter *,
    const struct hk_dkim_sign_options *, const struct hk_private_key *, enum cut);
/* forge(a, letter, tags, key): a field with any tags ("v=1; ...; h=from", without bh= and b=),
 * signed by hand: what our signer would never write. */
struct hk_slice forge(
    struct hk_arena *, const struct letter *, const char *tags, const struct hk_private_key *);

#endif
