/* SPDX-License-Identifier: MIT */
#include <string.h>

#include <hikyaku/crypto.h>

#include "lib/srs/srs_internal.h"

enum {
	SECONDS_A_DAY = 86400,
	STAMP_DAYS = 1024, /* two characters of five bits */
	TEXT_MAX = 1024,   /* a stamp, a host and a user of an address of 256 octets */
};

/* RFC 4648 6 and 7 */
static const char base32[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
static const char base32hex[] = "0123456789ABCDEFGHIJKLMNOPQRSTUV";

static void add_lower(struct hk_buf *b, struct hk_slice s)
{
	size_t i;

	for (i = 0; i < s.n; i++)
		hk_buf_add_byte(b, hk_to_lower(s.p[i]));
}

static enum hk_status mac(enum hk_srs_mac which, struct hk_slice secret, struct hk_slice text, struct hk_buf *out)
{
	uint8_t bytes[HK_SHA256_SIZE];
	bool is_sha1 = which == HK_SRS_HMAC_SHA1;
	enum hk_status status =
	    is_sha1 ? hk_hmac_sha1(secret, text, bytes) : hk_hmac_sha256(secret, text, bytes);

	if (status == HK_OK)
		hk_base64_add(out, hk_slice_of(bytes, is_sha1 ? HK_SHA1_SIZE : HK_SHA256_SIZE));
	return status == HK_OK ? hk_buf_status(out) : status;
}

/* "/" and "+" would be quoted by some, so postsrsd writes the alphabet of RFC 4648 5; all others write that of 4. */
static uint8_t url_byte(uint8_t c)
{
	return c == '+' ? '-' : c == '/' ? '_' : c;
}

enum hk_status hk_srs_hash(
    const struct srs_job *job, const struct srs_parts *parts, struct hk_slice secret, uint8_t ret[HK_SRS_HASH_MAX])
{
	struct hk_buf text, hash;
	enum hk_status status;
	size_t i;

	hk_buf_init(&text, TEXT_MAX);
	hk_buf_init(&hash, TEXT_MAX);
	add_lower(&text, parts->stamp);
	add_lower(&text, parts->host);
	add_lower(&text, parts->user);
	status = hk_buf_status(&text);
	if (status == HK_OK)
		status = mac(job->config.mac, secret, hk_buf_slice(&text), &hash);
	if (status == HK_OK)
		for (i = 0; i < HK_SRS_HASH_MAX; i++)
			ret[i] = url_byte(hash.p[i]);
	hk_buf_done(&text);
	hk_buf_done(&hash);
	return status;
}

enum hk_status hk_srs_check(
    const struct srs_job *job, const struct srs_parts *parts, struct hk_slice hash, enum hk_srs_result *ret)
{
	uint8_t given[HK_SRS_HASH_MAX], ours[HK_SRS_HASH_MAX];
	bool good = false;
	size_t i, k;

	if (hash.n < job->config.hash_min) {
		*ret = HK_SRS_HASH_SHORT;
		return HK_OK;
	}
	if (hash.n > HK_SRS_HASH_MAX) {
		*ret = HK_SRS_HASH_INVALID;
		return HK_OK;
	}
	for (k = 0; k < hash.n; k++)
		given[k] = hk_to_lower(url_byte(hash.p[k]));
	for (i = 0; i < job->config.n_secrets; i++) {
		enum hk_status status = hk_srs_hash(job, parts, job->config.secret[i], ours);

		if (status != HK_OK)
			return status;
		for (k = 0; k < hash.n; k++)
			ours[k] = hk_to_lower(ours[k]);
		good |= hk_equal_constant_time(hk_slice_of(given, hash.n), hk_slice_of(ours, hash.n));
	}
	*ret = good ? HK_SRS_OK : HK_SRS_HASH_INVALID;
	return HK_OK;
}

static unsigned day_of(int64_t now)
{
	return (unsigned)(now / SECONDS_A_DAY % STAMP_DAYS);
}

void hk_srs_stamp_make(int64_t now, uint8_t ret[SRS_STAMP_SIZE])
{
	unsigned day = day_of(now);

	ret[0] = (uint8_t)base32[day / 32];
	ret[1] = (uint8_t)base32[day % 32];
}

/* The place of c in an alphabet of 32, in any case; 32: it has none. */
static unsigned digit_of(const char *alphabet, uint8_t c)
{
	const char *at = c ? strchr(alphabet, hk_to_upper(c)) : NULL;

	return at ? (unsigned)(at - alphabet) : 32;
}

bool hk_srs_stamp_is_fresh(const struct srs_job *job, struct hk_slice stamp)
{
	unsigned high, low, age;

	if (stamp.n != SRS_STAMP_SIZE)
		return false;
	high = digit_of(base32, stamp.p[0]);
	low = digit_of(base32, stamp.p[1]);
	if (high > 31 || low > 31)
		return false;
	age = (day_of(job->now) + STAMP_DAYS - (high * 32 + low)) % STAMP_DAYS;
	return age <= job->config.max_age_days || age == STAMP_DAYS - 1;
}

enum hk_status hk_srs_fold_key(const struct srs_job *job, struct hk_slice address, uint8_t ret[HK_SRS_FOLD_KEY_SIZE])
{
	struct hk_digest *d =
	    hk_digest_new(job->config.mac == HK_SRS_HMAC_SHA1 ? HK_DIGEST_SHA1 : HK_DIGEST_SHA256);
	uint8_t bytes[HK_SHA256_SIZE];
	size_t n, i;

	if (!d)
		return HK_NOMEM;
	hk_digest_add(d, address);
	n = hk_digest_end(d, bytes);
	hk_digest_free(d);
	if (n < SRS_FOLD_BYTES)
		return HK_CRYPTO;
	for (i = 0; i < HK_SRS_FOLD_KEY_SIZE; i++) {
		size_t bit = i * 5, at = bit / 8;
		unsigned pair = (unsigned)bytes[at] << 8 | (at + 1 < SRS_FOLD_BYTES ? bytes[at + 1] : 0u);

		ret[i] = (uint8_t)base32hex[pair >> (11 - bit % 8) & 31];
	}
	return HK_OK;
}

bool hk_srs_fold_key_read(struct hk_slice text, uint8_t ret[HK_SRS_FOLD_KEY_SIZE])
{
	size_t i;

	if (text.n != HK_SRS_FOLD_KEY_SIZE)
		return false;
	for (i = 0; i < text.n; i++)
		if (digit_of(base32hex, text.p[i]) > 31)
			return false;
	for (i = 0; i < text.n; i++)
		ret[i] = hk_to_upper(text.p[i]);
	return true;
}
