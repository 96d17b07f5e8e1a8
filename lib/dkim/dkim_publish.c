/* SPDX-License-Identifier: MIT
 *
 * From a private key to its key record (RFC 6376 3.6.1), and whether a record is that of a key.
 */
#include "dkim_internal.h"

/* SubjectPublicKeyInfo of RSA-4096 has 550 octets. */
enum { PUBLIC_MAX = 1024 };

enum hk_status hk_dkim_record_add(
    const struct hk_private_key *key, enum hk_sign_alg alg, struct hk_buf *out)
{
	enum hk_status status = HK_OK;
	struct hk_buf public;

	hk_buf_add_str(out, "v=DKIM1; k=");
	hk_buf_add_str(out, alg == HK_SIGN_ED25519_SHA256 ? "ed25519" : "rsa");
	hk_buf_add_str(out, "; p=");
	if (key) {
		hk_buf_init(&public, PUBLIC_MAX);
		status = hk_private_key_public_add(key, &public);
		if (status == HK_OK)
			hk_base64_add(out, hk_buf_slice(&public));
		hk_buf_done(&public);
	}
	return status == HK_OK ? hk_buf_status(out) : status;
}

/* p= of RSA is SubjectPublicKeyInfo or, as RFC 6376's own text had it, the RSAPublicKey that is
 * the last part of it. A proper end that is a whole key by itself can only be that part. */
static bool is_same(struct hk_slice published, struct hk_slice ours)
{
	return published.n <= ours.n &&
	       hk_slice_eq(hk_slice_from(ours, ours.n - published.n), published);
}

static enum hk_status fits(struct hk_arena *a, struct hk_slice record, enum hk_sign_alg alg,
    struct hk_slice ours, struct hk_slice *ret_reason)
{
	struct hk_dkim_key published;
	enum hk_dkim_reason reason;
	enum hk_status status = hk_dkim_key_parse(a, record, &published);

	if (status != HK_OK)
		return status;
	reason = hk_dkim_key_fits(&published, alg);
	if (reason == HK_DKIM_R_OK)
		reason = hk_dkim_key_load(&published);
	hk_public_key_free(published.public);
	if (reason == HK_DKIM_R_CRYPTO)
		return HK_CRYPTO;
	if (reason != HK_DKIM_R_OK) {
		*ret_reason = hk_dkim_reason_text(reason);
		return HK_NOTFOUND;
	}
	if (is_same(published.p, ours))
		return HK_OK;
	*ret_reason = HK_S(HK_DKIM_ANOTHER_KEY);
	return HK_NOTFOUND;
}

enum hk_status hk_dkim_record_fits(struct hk_arena *a, struct hk_slice record,
    const struct hk_private_key *key, struct hk_slice *ret_reason)
{
	enum hk_status status;
	struct hk_buf ours;

	hk_buf_init(&ours, PUBLIC_MAX);
	status = hk_private_key_public_add(key, &ours);
	if (status == HK_OK)
		status = fits(a, record, hk_private_key_alg(key), hk_buf_slice(&ours), ret_reason);
	hk_buf_done(&ours);
	return status;
}

enum hk_status hk_dkim_record_fits_record(
    struct hk_arena *a, struct hk_slice record, struct hk_slice own, struct hk_slice *ret_reason)
{
	struct hk_dkim_key key;
	enum hk_status status = hk_dkim_key_parse(a, own, &key);

	if (status != HK_OK)
		return status;
	if (key.p.n == 0)
		return HK_SYNTAX;
	return fits(a, record, key.is_ed25519 ? HK_SIGN_ED25519_SHA256 : HK_SIGN_RSA_SHA256, key.p,
	    ret_reason);
}
