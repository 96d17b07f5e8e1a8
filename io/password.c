/* SPDX-License-Identifier: MIT */
#include <crypt.h>
#include <gsasl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "io/password.h"

enum { SALT = 16 };

/* Of a password that nobody has; what a name that is not known is compared with. */
static const char nobody[] =
    "$y$j9T$Jk3WzQ4oBQvEpZ0nqWpnB/$0000000000000000000000000000000000000000000";

enum hk_status hk_password_prepare(struct hk_slice password, char **ret)
{
	char *text, *prepared;
	int result;

	if (!password.n || password.n > HK_PASSWORD_MAX || memchr(password.p, 0, password.n))
		return HK_SYNTAX;
	text = strndup((const char *)password.p, password.n);
	if (!text)
		return HK_NOMEM;
	result = gsasl_saslprep(text, GSASL_ALLOW_UNASSIGNED, &prepared, NULL);
	if (result != GSASL_OK) {
		/* Deliberate: what is no UTF-8 is taken as it is; somebody may have set it in
		 * another place (RFC 4616 2 leaves it to the server) */
		*ret = text;
		return HK_OK;
	}
	hk_password_wipe(text);
	if (!*prepared) {
		hk_password_wipe(prepared);
		return HK_SYNTAX;
	}
	*ret = prepared;
	return HK_OK;
}

void hk_password_wipe(char *text)
{
	if (text)
		explicit_bzero(text, strlen(text));
	free(text);
}

static bool hash_with(const char *password, const char *setting, char ret[CRYPT_OUTPUT_SIZE])
{
	struct crypt_data *room = calloc(1, sizeof *room);
	const char *hash = room ? crypt_rn(password, setting, room, (int)sizeof *room) : NULL;
	bool ok = hash && hash[0] != '*' && strlen(hash) < CRYPT_OUTPUT_SIZE;

	if (ok)
		memcpy(ret, hash, strlen(hash) + 1);
	if (room)
		explicit_bzero(room, sizeof *room);
	free(room);
	return ok;
}

static bool hmac(const uint8_t key[HK_SHA256_SIZE], const char *text, uint8_t ret[HK_SHA256_SIZE])
{
	return hk_hmac_sha256(hk_slice_of(key, HK_SHA256_SIZE), hk_slice_str(text), ret) == HK_OK;
}

/* RFC 5802 3 */
static bool make_scram(const char *password, struct hk_user *u)
{
	uint8_t salted[HK_SHA256_SIZE], client[HK_SHA256_SIZE];
	bool ok;

	u->iterations = HK_SCRAM_ITERATIONS;
	u->salt_n = SALT;
	ok = hk_random(u->salt, SALT) == HK_OK &&
	     PKCS5_PBKDF2_HMAC(password, (int)strlen(password), u->salt, SALT, (int)u->iterations,
	         EVP_sha256(), sizeof salted, salted) == 1 &&
	     hmac(salted, "Client Key", client) &&
	     hk_sha256(hk_slice_of(client, sizeof client), u->stored_key) == HK_OK &&
	     hmac(salted, "Server Key", u->server_key);
	u->has_scram = ok;
	explicit_bzero(salted, sizeof salted);
	explicit_bzero(client, sizeof client);
	return ok;
}

enum hk_status hk_password_set(const char *password, struct hk_buf *hash, struct hk_user *user)
{
	char setting[CRYPT_GENSALT_OUTPUT_SIZE], text[CRYPT_OUTPUT_SIZE];

	if (!crypt_gensalt_rn("$y$", 0, NULL, 0, setting, sizeof setting) ||
	    !hash_with(password, setting, text) || !make_scram(password, user))
		return HK_CRYPTO;
	hk_buf_reset(hash);
	hk_buf_add_str(hash, text);
	user->hash = hk_buf_slice(hash);
	return hk_buf_status(hash);
}

bool hk_password_fits(struct hk_slice hash, struct hk_slice password)
{
	char setting[HK_USER_HASH_MAX] = "", made[CRYPT_OUTPUT_SIZE] = "";
	char *prepared = NULL;
	bool fits = false, is_known = hash.n > 0 && hash.n < sizeof setting;

	memcpy(setting, is_known ? (const char *)hash.p : nobody,
	    is_known ? hash.n : sizeof nobody - 1);
	if (hk_password_prepare(password, &prepared) == HK_OK && hash_with(prepared, setting, made))
		fits = strlen(made) == strlen(setting) &&
		       CRYPTO_memcmp(made, setting, strlen(made)) == 0;
	hk_password_wipe(prepared);
	explicit_bzero(made, sizeof made);
	explicit_bzero(setting, sizeof setting);
	return fits && is_known;
}
