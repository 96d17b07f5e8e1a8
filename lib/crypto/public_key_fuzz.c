/* SPDX-License-Identifier: MIT
 *
 * Any octets as an RSA key: a key that is taken has the promised size, and verifying with it neither crashes nor
 * succeeds on a signature of zeros.
 */
#include <stdlib.h>

#include <hikyaku/crypto.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t zeros[HK_SIGNATURE_MAX];
	struct hk_public_key *key;
	unsigned bits;

	if (hk_public_key_rsa(hk_slice_of(data, size), &key) != HK_OK)
		return 0;
	bits = hk_public_key_bits(key);
	if (bits < 512 || bits > 4096)
		abort();
	if (hk_verify_digest(key, HK_SIGN_RSA_SHA256, hk_slice_of(zeros, HK_SHA256_SIZE),
		hk_slice_of(zeros, (bits + 7) / 8)) == HK_OK)
		abort();
	hk_public_key_free(key);
	return 0;
}
