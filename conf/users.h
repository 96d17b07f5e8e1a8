/* SPDX-License-Identifier: MIT
 *
 * users.h - the password file: one line for each user, fields separated by a space.
 *
 *	NAME HASH SCRAM [SENDER...]
 *	alice@example.org $y$j9T$... SCRAM-SHA-256$4096:SALT$STOREDKEY:SERVERKEY alice@example.org
 *
 * HASH is what crypt(3) makes, for PLAIN and LOGIN; SCRAM is the verifier of RFC 5803, for
 * SCRAM-SHA-256; "-" stands for none. No password can be read out of either. Lines that are empty
 *or begin with # say nothing. Names differ by more than the case of letters.
 */
#ifndef HIKYAKU_CONF_USERS_H
#define HIKYAKU_CONF_USERS_H

#include <hikyaku/base.h>
#include <hikyaku/crypto.h>

#define HK_USERS_TEXT_MAX (16 * 1024 * 1024) /* 50,000 users of 300 octets */
#define HK_USER_NAME_MAX  255
#define HK_USER_HASH_MAX  384 /* CRYPT_OUTPUT_SIZE of crypt(3) */
#define HK_SCRAM_SALT_MAX 64
/* RFC 7677 4: at least 4096; more than the other makes one guess slow for us as well */
#define HK_SCRAM_ITERATIONS_MIN 4096
#define HK_SCRAM_ITERATIONS_MAX 1000000

struct hk_user {
	struct hk_slice name;
	struct hk_slice hash; /* empty: none */
	bool has_scram;
	uint32_t iterations;
	uint8_t salt[HK_SCRAM_SALT_MAX];
	size_t salt_n;
	uint8_t stored_key[HK_SHA256_SIZE], server_key[HK_SHA256_SIZE];
	struct hk_slice senders; /* separated by spaces; empty: by the name */
};

/* Counted; never changed. Wiped when its last user lets it go. */
struct hk_users;
/* hk_users_parse(text, why, ret): copies. SYNTAX, with "line N: ..." in why. */
enum hk_status hk_users_parse(
    struct hk_slice text, struct hk_buf *why, struct hk_users **ret) HK_MUSTCHECK;
struct hk_users *hk_users_use(struct hk_users *);
void hk_users_free(struct hk_users *); /* lets go; NULL allowed */
/* hk_users_find(u, name): NULL when there is none. */
const struct hk_user *hk_users_find(const struct hk_users *, struct hk_slice name);
size_t hk_users_count(const struct hk_users *);
/* hk_users_at(u, i): in the order of their names. */
const struct hk_user *hk_users_at(const struct hk_users *, size_t i);
/* hk_user_format(user, out): its line, with LF. */
void hk_user_format(const struct hk_user *, struct hk_buf *out);
/* hk_user_name_check(name), hk_user_sender_check(sender): NULL, or what is wrong with it, to stand
 * behind it. */
const char *hk_user_name_check(struct hk_slice);
const char *hk_user_sender_check(struct hk_slice);

#endif
