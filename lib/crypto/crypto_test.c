/* SPDX-License-Identifier: MIT
 *
 * The keys here were made for this test alone and open nothing.
 */
#include <stdlib.h>
#include <string.h>

#include <hikyaku/crypto.h>

#include "tests/unit_arena.h"

static const char rsa_pem[] = /* PKCS#1, 1024 bits */
    "-----BEGIN RSA PRIVATE KEY-----\n"
    "MIICXAIBAAKBgQCfCopq7l4zaYiaclkt6OTUkn4izNe5yB/EemS+rrzeb4lW/h3s\n"
    "AnOIlEqAJFZO1Vt3pHyFem0wo+Yg7DImEJ2ZlWqrFYcwKn802MRuwauXqLHSdtQr\n"
    "Bp91JHwW+tXMFFCpFYiQ/QAQ1mbFNzY5f69ojTxiN897UNvaBjimPhn9vQIDAQAB\n"
    "AoGAbigt4YzDAJc7P8auEEd8n+PrrAz36r07i6o+t3huZx8YIIIYlYzJGzOjOohw\n"
    "o1/SX9c1THqUwJj1X55ZydW+YjfNIMC0xH+mfFilzFXTax5bL+v7XIGlt07+TyIv\n"
    "1SFOoX2+ZZr8dpH6iFeqvJMUmzFRPWzOetuCHeC742zimB0CQQDRfzlY6DdFd2cC\n"
    "e///o0lc3cFJf3yAHP0ZhnvoMLXc1CYtv5vAV7OLHBPQpCyf7jqS/TMrqIvzJy9V\n"
    "qcjRT9gLAkEAwlgjtp+EpHlBsmzht+kiyaWeE6hWXGciQ/1TYQTir8UWxklDasRW\n"
    "6zhRNbyIRTMJY1Pk25hpeyxIAKXZ6Df2VwJBAJm/dfXizpWDsKypFlKlonSuJmlr\n"
    "T5KyM6nlAdCA1ydO5woSIhtCAflozL4Fjt58tq4jdsdmtfboXhvPNBsxLssCQEiQ\n"
    "TFVl3krjE4qhaO4YWGreMdW5JvW9dGfacIVrI5DpkAVdWZTF1oZhMsFTsbXUxo6V\n"
    "xn/PuqLI9+F2C5TPQGUCQGS1b8JcuFa+r5U4QkW6VMHjI1etyF6erSR2behVJSkC\n"
    "MpYXQsMlMqsUgHIDchK+0vGLO/xuolKl3DgRC7agZA4=\n"
    "-----END RSA PRIVATE KEY-----\n";

/* what the openssl command makes of "flying feet" with that key */
static const char rsa_sha256_signature[] =
    "RfidT0lVtO0yxv9b9x+/w/0Xmrxqo2ecKY6XeZa1at4u6WgbaVFu1autHvMbbW8muh1u4wO0D5YEH6560iT850R316dY7PHh"
    "v7bi9NRbxreRl0F4Gus0fb02k12LxUUPWX5Wt+kJoKU6+uOAIpkUT7bNVn/3Drz0uMolN9DJfLU=";
static const char rsa_sha1_signature[] =
    "RhZJvp4hRqg4dH0mWdI7MHFpqLC3HD8Fs3vKiDN5SYMHG7WRNlPW453XXVQ6384mXWSUktxv4rXIa07348WghBD1ea7fC2FC"
    "Gme755SoCVaEKgvu09ksBmvfFWatHHh2tSUsgBEj9wtbTv+Z3j4Pp5mtwABt68ZJLGmYDb16Q44=";
static const char rsa_spki[] =
    "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQCfCopq7l4zaYiaclkt6OTUkn4izNe5yB/EemS+rrzeb4lW/h3sAnOIlEqA"
    "JFZO1Vt3pHyFem0wo+Yg7DImEJ2ZlWqrFYcwKn802MRuwauXqLHSdtQrBp91JHwW+tXMFFCpFYiQ/QAQ1mbFNzY5f69ojTxi"
    "N897UNvaBjimPhn9vQIDAQAB";

/* RFC 8463 appendix A.2, wrapped into PKCS#8 */
static const char ed25519_pem[] = "-----BEGIN PRIVATE KEY-----\n"
				  "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
				  "-----END PRIVATE KEY-----\n";
static const char ed25519_public[] = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";

static const char encrypted_pem[] =
    "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
    "MIIC3TBXBgkqhkiG9w0BBQ0wSjApBgkqhkiG9w0BBQwwHAQIYWj5NEEqqB8CAggA\n"
    "MAwGCCqGSIb3DQIJBQAwHQYJYIZIAWUDBAECBBBwKv1NgBw1dlhwBos4tC2IBIIC\n"
    "gB8r3Wf984asC6J4kHAPFMtWIrvUwqYdj5V0veDAw3uVUqJZrZ83rSGGfxDPmoTG\n"
    "sGsFPYnT1jRAZByz5wW2BCXdGW1oejQvlZJr266lAIc0iGKZEFszYMJnDzU/O34t\n"
    "QESkE5b8yaIQhiw/JlXiB0jTiftPZ61c7Uwt0mo72RF/AF8AxwN9Sv6sJdoooRdO\n"
    "mvzbswqzOAC55r28LJi/gEbOLpKIEQkCDMDCDGDaWd5lAqMBRuNdCPUOlacxqMw/\n"
    "sBkUs6q2HxbD/b63W3D/mbP0JH94BLwZnfn67qg7ca4E8xEjzKgaDzVBHghMdOp1\n"
    "Ifjq8/V2WQaZWMqmRiQEj0OM8hzwrcRWFvR+zbRYdPkDG7ywuQpgpwxJ+NUJnAzY\n"
    "Z3SKICBzxG1xcei/98xoqZZXrkLBEMSXKh/GPlVAEeI7yUo+/8OhleA1R8gGpsFV\n"
    "yg6EMkj2d9m6R3aFdaS4Rac6eUmT174ozTSMuacib5dGN1JbAEWyh2EBMTFb/4IG\n"
    "pEx4Dc0AjTBrSc74hqdVDdGpgr+LvISxCQI6Jplawmpf3hBqi4orkTHyrQhCCazw\n"
    "Nd2EBYHpsDzZU87Sz+80nn7Ur4Zdp3XhdHjP/W5ywtoqg9PZJY/nuLQJdgZbWIuH\n"
    "8B1FaMsj0oo7z1oheyp/lOwbC8NgIAerlMccTXZ4OF+ld3nBNkya6+iopLs5brQg\n"
    "j6PwBG2dcMKiA2KeLvnXLkbcTc9enugnyxSm6+LWt6nQQ+UypJPti1qYHreM0fkA\n"
    "KcFgckMliOCva8M7OIZb/rOmjmqoUj+C9RGJKd89SokE09FeeRVq4Jo75EIU5uZR\n"
    "/9PkLegcas7vDVccF/qZuoU=\n"
    "-----END ENCRYPTED PRIVATE KEY-----\n";
static const char p256_pem[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgpVPTuTWcc4lJy/Tt\n"
    "f1l3c4Mn7ic5zjYigR4BwXukrSKhRANCAATbn5wCTdq4Z7JRCdEsSq0rihJWHtDE\n"
    "K1PH8J968x+yEPHl10xffZ6eXGlgtLiV9s201KFvX6iVRn4W61cQWdkx\n"
    "-----END PRIVATE KEY-----\n";
static const char small_pem[] = /* 1023 bits */
    "-----BEGIN PRIVATE KEY-----\n"
    "MIICdAIBADANBgkqhkiG9w0BAQEFAASCAl4wggJaAgEAAoGAZAFq0uC6TLSwH8sI\n"
    "UR4J8/FyyBgKBf2FDIogmIAd2s1yoLgrZ5YreFNVmbdEyWY68pndPIr61Sb04xq4\n"
    "1AHVgi4x2RixD9cnkN5JIddPCQzrkfH6dfEmpzDyAgVAll9W97tyt4iRpsJDka3G\n"
    "IZ9ctDdKcez98+k4blP1971fR2MCAwEAAQKBgBmmq2nPrrmCFzLwdv+nftINem2M\n"
    "jPWgY4Il49p58i5vSBmlY6y8PgYtCeXVtlUaXcBgavjehRwrU+D0t7fZiJP4e8ag\n"
    "t4WVlvSFrLs7uXCm7i9l/Tt7bmubxgplS8s7TurS9y96JCVvaAtC4oq/ECzwIDHK\n"
    "bxpXn+cUH3TJhjThAkEA0dDN2mj7nc6hS9GhQXRa9NftN8fk2JKRCwOMPzw+5BGQ\n"
    "kYAUKY6pPTZ5HrdqHgyTZn/KncUiZc46TsSlvCu/OQJAegTE/97nGURQY4MINUq6\n"
    "wktJC8Et8eXxI4AMCIEHa8QD31NOKOS4sPrHzOPtyZNww28Jd1ogsXa19Dgo10af\n"
    "ewJAP7WjjDpsjNJ9b8RLrtBh/g7C3Tk5Z/m5SRreryTgA+jBeSzm8md7RDcSOB2B\n"
    "f3ZaG7maEKYXd8pTMi/ME4NFIQJAaaVNiBjP0MGkNLTT24hrcSRMB4BoLmQfx9Pr\n"
    "F0XYTgc2Lxtqtd9qxdksOwsx6/DblmrCMHN5kQ2udthVDCdalwJBAMiVljQhLn0O\n"
    "ux6XuRmVeWDzB+tNZifqAQ6ufEFlDjLmUowWViFHXcRncTTF4PSjmHZbN29XLibh\n"
    "BW4+E0g+05k=\n"
    "-----END PRIVATE KEY-----\n";

static struct hk_slice unbase64(const char *text)
{
	struct hk_slice out;

	assert_int_equal(hk_base64_parse(&arena, hk_slice_str(text), &out), HK_OK);
	return out;
}

static void assert_hex(struct hk_slice octets, const char *hex)
{
	struct hk_buf b;

	hk_buf_init(&b, 1024);
	hk_hex_add(&b, octets);
	assert_int_equal(b.n, strlen(hex));
	assert_memory_equal(b.p, hex, b.n);
	hk_buf_done(&b);
}

static void digests_of_every_split_equal_the_published_ones(void **state)
{
	static const struct {
		enum hk_digest_alg alg;
		const char *hex;
	} cases[] = {
	    {HK_DIGEST_SHA256, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"}, /* FIPS 180-4 */
	    {HK_DIGEST_SHA1, "84983e441c3bd26ebaae4aa1f95129e5e54670f1"},
	};
	struct hk_slice text = HK_S("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq");
	uint8_t out[HK_SHA256_SIZE];
	size_t i, cut;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		for (cut = 0; cut <= text.n; cut++) {
			struct hk_digest *d = must(hk_digest_new(cases[i].alg));
			size_t n;

			hk_digest_add(d, hk_slice_sub(text, 0, cut));
			hk_digest_add(d, hk_slice_from(text, cut));
			n = hk_digest_end(d, out);
			assert_hex(hk_slice_of(out, n), cases[i].hex);
			hk_digest_free(d);
		}
	}
	assert_int_equal(hk_sha256(text, out), HK_OK);
	assert_hex(hk_slice_of(out, sizeof out), cases[0].hex);
	assert_int_equal(hk_sha256((struct hk_slice){0}, out), HK_OK);
	assert_hex(hk_slice_of(out, sizeof out), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

static void hmac_gives_the_values_of_rfc_4231_and_takes_an_empty_key(void **state)
{
	uint8_t out[HK_SHA256_SIZE];

	(void)state;
	assert_int_equal(hk_hmac_sha256(HK_S("Jefe"), HK_S("what do ya want for nothing?"), out), HK_OK);
	assert_hex(hk_slice_of(out, sizeof out), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
	assert_int_equal(hk_hmac_sha256((struct hk_slice){0}, (struct hk_slice){0}, out), HK_OK);
	assert_hex(hk_slice_of(out, sizeof out), "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
	assert_int_equal(hk_hmac_sha1(HK_S("Jefe"), HK_S("what do ya want for nothing?"), out), HK_OK);
	assert_hex(hk_slice_of(out, HK_SHA1_SIZE), "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"); /* RFC 2202 3 */
}

/* One bit of octets turned over. */
static struct hk_slice flip(struct hk_slice octets, size_t bit)
{
	struct hk_slice copy;

	assert_int_equal(hk_arena_dup(&arena, octets, &copy), HK_OK);

	((uint8_t *)(uintptr_t)copy.p)[bit / 8] ^= (uint8_t)(1 << bit % 8);
	return copy;
}

static void an_rsa_signature_made_elsewhere_verifies_and_no_changed_one_does(void **state)
{
	struct hk_slice digest, signature = unbase64(rsa_sha256_signature);
	struct hk_public_key *key;
	uint8_t hash[HK_SHA256_SIZE];
	size_t bit;

	(void)state;
	assert_int_equal(hk_sha256(HK_S("flying feet"), hash), HK_OK);
	digest = hk_slice_of(hash, sizeof hash);
	assert_int_equal(hk_public_key_rsa(unbase64(rsa_spki), &key), HK_OK);
	assert_int_equal(hk_public_key_bits(key), 1024);
	assert_int_equal(hk_verify_digest(key, HK_SIGN_RSA_SHA256, digest, signature), HK_OK);
	for (bit = 0; bit < signature.n * 8; bit += 7)
		assert_int_equal(
		    hk_verify_digest(key, HK_SIGN_RSA_SHA256, digest, flip(signature, bit)), HK_NOTFOUND);
	for (bit = 0; bit < sizeof hash * 8; bit++)
		assert_int_equal(
		    hk_verify_digest(key, HK_SIGN_RSA_SHA256, flip(digest, bit), signature), HK_NOTFOUND);
	for (bit = 0; bit < signature.n; bit++)
		assert_int_equal(hk_verify_digest(key, HK_SIGN_RSA_SHA256, digest, hk_slice_sub(signature, 0, bit)),
		    HK_NOTFOUND);
	assert_int_equal(hk_verify_digest(key, HK_SIGN_ED25519_SHA256, digest, signature), HK_BUG);
	assert_int_equal(hk_verify_digest(key, HK_SIGN_RSA_SHA256, hk_slice_sub(digest, 0, 31), signature), HK_BUG);
	hk_public_key_free(key);
}

static void rsa_sha1_verifies_only_as_rsa_sha1(void **state)
{
	struct hk_digest *d = must(hk_digest_new(HK_DIGEST_SHA1));
	struct hk_public_key *key;
	uint8_t hash[HK_SHA256_SIZE];
	size_t n;

	(void)state;
	hk_digest_add(d, HK_S("flying feet"));
	n = hk_digest_end(d, hash);
	hk_digest_free(d);
	assert_int_equal(n, 20);
	assert_int_equal(hk_public_key_rsa(unbase64(rsa_spki), &key), HK_OK);
	assert_int_equal(
	    hk_verify_digest(key, HK_SIGN_RSA_SHA1, hk_slice_of(hash, n), unbase64(rsa_sha1_signature)), HK_OK);
	assert_int_equal(
	    hk_verify_digest(key, HK_SIGN_RSA_SHA1, hk_slice_of(hash, n), unbase64(rsa_sha256_signature)), HK_NOTFOUND);
	hk_public_key_free(key);
}

/* ---- keys as DER ---- */

static void add_integer(struct hk_buf *b, size_t lead_zeros, struct hk_slice value)
{
	hk_buf_add_u8(b, 0x02);
	hk_buf_add_u8(b, 0x82);
	hk_buf_add_u16(b, (uint16_t)(value.n + lead_zeros));
	while (lead_zeros--)
		hk_buf_add_u8(b, 0);
	hk_buf_add(b, value);
}

/* RSAPublicKey of an odd modulus with so many bits (at least 2048, for the lengths to be in their shortest form). */
static enum hk_status key_status(unsigned bits, struct hk_slice exponent, uint8_t last_octet)
{
	uint8_t modulus[513] = {0};
	size_t n = (bits + 7) / 8;
	struct hk_buf inside, whole;
	struct hk_public_key *key;
	enum hk_status status;

	modulus[0] = (uint8_t)(1u << (bits - 1) % 8);
	modulus[n - 1] |= last_octet;
	hk_buf_init(&inside, 2048);
	hk_buf_init(&whole, 2048);
	if (n < 256) {
		hk_buf_add(&inside, HK_S("\x02"));
		if (n >= 128)
			hk_buf_add_u8(&inside, 0x81);
		hk_buf_add_u8(&inside, (uint8_t)(n + (bits % 8 == 0)));
		if (bits % 8 == 0)
			hk_buf_add_u8(&inside, 0);
		hk_buf_add(&inside, hk_slice_of(modulus, n));
	} else {
		add_integer(&inside, bits % 8 == 0, hk_slice_of(modulus, n));
	}
	hk_buf_add_u8(&inside, 0x02);
	hk_buf_add_u8(&inside, (uint8_t)exponent.n);
	hk_buf_add(&inside, exponent);
	hk_buf_add_u8(&whole, 0x30);
	if (inside.n >= 256) {
		hk_buf_add_u8(&whole, 0x82);
		hk_buf_add_u16(&whole, (uint16_t)inside.n);
	} else {
		if (inside.n >= 128)
			hk_buf_add_u8(&whole, 0x81);
		hk_buf_add_u8(&whole, (uint8_t)inside.n);
	}
	hk_buf_add(&whole, hk_buf_slice(&inside));
	status = hk_public_key_rsa(hk_buf_slice(&whole), &key);
	if (status == HK_OK) {
		assert_int_equal(hk_public_key_bits(key), bits);
		hk_public_key_free(key);
	}
	hk_buf_done(&inside);
	hk_buf_done(&whole);
	return status;
}

/* AP-18 SEC-73 */
static void an_rsa_key_has_512_to_4096_bits_and_an_odd_exponent_of_at_most_32(void **state)
{
	static const struct {
		unsigned bits;
		struct hk_slice exponent;
		uint8_t last_octet;
		enum hk_status want;
	} cases[] = {
	    {511, S("\x03"), 1, HK_LIMIT},
	    {512, S("\x03"), 1, HK_OK},
	    {513, S("\x03"), 1, HK_OK},
	    {4095, S("\x03"), 1, HK_OK},
	    {4096, S("\x03"), 1, HK_OK},
	    {4097, S("\x03"), 1, HK_LIMIT},
	    {2048, S("\x03"), 0, HK_SYNTAX}, /* even */
	    {2048, S("\x01"), 1, HK_SYNTAX},
	    {2048, S("\x02"), 1, HK_SYNTAX},
	    {2048, S("\x00"), 1, HK_SYNTAX},
	    {2048, S("\x83"), 1, HK_SYNTAX},     /* negative */
	    {2048, S("\x00\x03"), 1, HK_SYNTAX}, /* not the shortest form */
	    {2048, S(""), 1, HK_SYNTAX},
	    {2048, S("\x01\x00\x01"), 1, HK_OK},
	    {2048, S("\x7f\xff\xff\xff"), 1, HK_OK},
	    {2048, S("\x00\xff\xff\xff\xff"), 1, HK_OK}, /* 32 bits */
	    {2048, S("\x01\x00\x00\x00\x01"), 1, HK_SYNTAX}, /* 33 bits */
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++)
		assert_int_equal(key_status(cases[i].bits, cases[i].exponent, cases[i].last_octet), cases[i].want);
}

/* AP-19 SEC-41 */
static void a_key_cut_short_lengthened_or_of_another_kind_is_refused(void **state)
{
	struct hk_slice der = unbase64(rsa_spki), longer;
	struct hk_public_key *key = NULL;
	size_t n;

	(void)state;
	for (n = 0; n < der.n; n++) {
		/* a copy of exactly that length, so that a sanitizer sees one octet read too far */
		uint8_t *copy = malloc(n ? n : 1);

		assert_non_null(copy);
		memcpy(copy, der.p, n);
		assert_int_equal(hk_public_key_rsa(hk_slice_of(copy, n), &key), HK_SYNTAX);
		assert_int_equal(hk_public_key_rsa_stated(hk_slice_of(copy, n)), n < 3 ? 0 : der.n);
		free(copy);
	}
	assert_int_equal(hk_arena_dup(&arena, der, &longer), HK_OK);
	longer.n++; /* the NUL behind the copy */
	assert_int_equal(hk_public_key_rsa(longer, &key), HK_SYNTAX);
	/* every other octet in front of the modulus: tags, lengths, the object identifier, the unused bits */
	for (n = 0; n < 28; n++)
		assert_int_not_equal(hk_public_key_rsa(flip(der, n * 8), &key), HK_OK);
	assert_null(key);
}

static void a_pkcs1_key_equals_the_same_key_in_a_subject_public_key_info(void **state)
{
	struct hk_slice spki = unbase64(rsa_spki);
	struct hk_public_key *key;
	uint8_t hash[HK_SHA256_SIZE];

	(void)state;
	assert_int_equal(hk_public_key_rsa(hk_slice_from(spki, 22), &key), HK_OK);
	assert_int_equal(hk_sha256(HK_S("flying feet"), hash), HK_OK);
	assert_int_equal(hk_verify_digest(key, HK_SIGN_RSA_SHA256, hk_slice_of(hash, sizeof hash),
			     unbase64(rsa_sha256_signature)),
	    HK_OK);
	hk_public_key_free(key);
}

static void an_ed25519_key_has_exactly_32_octets(void **state)
{
	uint8_t raw[33] = {0x58, 0x66, 0x66}; /* any 32 octets but those below */
	struct hk_public_key *key;

	(void)state;
	assert_int_equal(hk_public_key_ed25519(hk_slice_of(raw, 31), &key), HK_SYNTAX);
	assert_int_equal(hk_public_key_ed25519(hk_slice_of(raw, 33), &key), HK_SYNTAX);
	assert_int_equal(hk_public_key_ed25519(hk_slice_of(raw, 32), &key), HK_OK);
	assert_int_equal(hk_public_key_bits(key), 256);
	hk_public_key_free(key);
}

/* AP-32: under such a key a signature of the group's neutral point fits every message (RFC
 * 8032 5.1.7). */
static void an_ed25519_key_of_small_order_is_none(void **state)
{
	/* y = 0, 1, -1, the two of order 8, and the unreduced forms of 0 and 1 */
	static const char *const y[] = {"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
	    "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
	    "7P///////////////////////////////////////38=",
	    "JuiVj8KyJ7BFw/SJ8u+Y8NXfrAXTxjM5sTgCiG1T/AU=",
	    "xxdqcD1N2E+6PAt2DRBnDyogU/osOczGTsf9d5KsA3o=",
	    "7f///////////////////////////////////////38=",
	    "7v///////////////////////////////////////38="};
	struct hk_public_key *key = NULL;
	size_t i;
	int sign;

	(void)state;
	for (i = 0; i < sizeof y / sizeof y[0]; i++) {
		for (sign = 0; sign < 2; sign++) {
			uint8_t raw[32];

			memcpy(raw, unbase64(y[i]).p, sizeof raw);
			raw[31] |= sign ? 0x80 : 0;
			assert_int_equal(
			    hk_public_key_ed25519(hk_slice_of(raw, sizeof raw), &key), HK_SYNTAX);
		}
	}
	assert_null(key);
}

/* ---- private keys ---- */

static void rsa_signing_gives_the_signature_of_pkcs1_v1_5(void **state)
{
	struct hk_private_key *key;
	uint8_t hash[HK_SHA256_SIZE] = {0}, out[HK_SIGNATURE_MAX];
	struct hk_slice digest = hk_slice_of(hash, sizeof hash);
	size_t n = sizeof out;
	struct hk_buf b;

	(void)state;
	assert_int_equal(hk_sha256(HK_S("flying feet"), hash), HK_OK);
	assert_int_equal(hk_private_key_pem(hk_slice_str(rsa_pem), &key), HK_OK);
	assert_int_equal(hk_private_key_alg(key), HK_SIGN_RSA_SHA256);
	assert_int_equal(hk_sign_digest(key, digest, out, &n), HK_OK);
	assert_true(hk_slice_eq(hk_slice_of(out, n), unbase64(rsa_sha256_signature)));
	n = 127;
	assert_int_equal(hk_sign_digest(key, digest, out, &n), HK_LIMIT);
	n = 128;
	assert_int_equal(hk_sign_digest(key, digest, out, &n), HK_OK);
	assert_int_equal(hk_sign_digest(key, hk_slice_sub(digest, 0, 31), out, &n), HK_BUG);
	hk_buf_init(&b, 4096);
	assert_int_equal(hk_private_key_public_add(key, &b), HK_OK);
	assert_true(hk_slice_eq(hk_buf_slice(&b), unbase64(rsa_spki)));
	hk_buf_done(&b);
	hk_private_key_free(key);
}

static void the_ed25519_key_of_rfc_8463_a_2_has_its_published_public_half(void **state)
{
	struct hk_private_key *key;
	struct hk_buf b;

	(void)state;
	assert_int_equal(hk_private_key_pem(hk_slice_str(ed25519_pem), &key), HK_OK);
	hk_buf_init(&b, 64);
	assert_int_equal(hk_private_key_public_add(key, &b), HK_OK);
	assert_true(hk_slice_eq(hk_buf_slice(&b), unbase64(ed25519_public)));
	hk_buf_done(&b);
	hk_private_key_free(key);
}

static void a_pem_that_is_no_usable_key_is_refused(void **state)
{
	static const struct {
		const char *pem;
		enum hk_status want;
	} cases[] = {
	    {"", HK_SYNTAX}, {"no key here\n", HK_SYNTAX}, {encrypted_pem, HK_SYNTAX}, {p256_pem, HK_SYNTAX},
	    {small_pem, HK_LIMIT}, {"-----BEGIN PRIVATE KEY-----\nMC4=\n-----END PRIVATE KEY-----\n", HK_SYNTAX},
	};
	struct hk_private_key *key = NULL;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++)
		assert_int_equal(hk_private_key_pem(hk_slice_str(cases[i].pem), &key), cases[i].want);
	assert_null(key);
}

static void a_fresh_key_survives_pem_and_signs_what_its_public_half_verifies(void **state)
{
	static const struct {
		enum hk_sign_alg alg;
		unsigned bits;
	} cases[] = {{HK_SIGN_RSA_SHA256, 1024}, {HK_SIGN_ED25519_SHA256, 0}};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		struct hk_private_key *first, *key;
		struct hk_public_key *public;
		uint8_t hash[HK_SHA256_SIZE] = {42}, out[HK_SIGNATURE_MAX];
		size_t n = sizeof out;
		struct hk_buf b;

		hk_buf_init(&b, 65536);
		assert_int_equal(hk_private_key_new(cases[i].alg, cases[i].bits, &first), HK_OK);
		assert_int_equal(hk_private_key_pem_add(first, &b), HK_OK);
		hk_private_key_free(first);
		assert_int_equal(hk_private_key_pem(hk_buf_slice(&b), &key), HK_OK);
		assert_int_equal(hk_private_key_alg(key), cases[i].alg);
		assert_int_equal(hk_sign_digest(key, hk_slice_of(hash, sizeof hash), out, &n), HK_OK);
		hk_buf_reset(&b);
		assert_int_equal(hk_private_key_public_add(key, &b), HK_OK);
		assert_int_equal(i ? hk_public_key_ed25519(hk_buf_slice(&b), &public)
				   : hk_public_key_rsa(hk_buf_slice(&b), &public),
		    HK_OK);
		assert_int_equal(hk_verify_digest(public, cases[i].alg, hk_slice_of(hash, sizeof hash),
				     hk_slice_of(out, n)),
		    HK_OK);
		hash[31] ^= 1;
		assert_int_equal(hk_verify_digest(public, cases[i].alg, hk_slice_of(hash, sizeof hash),
				     hk_slice_of(out, n)),
		    HK_NOTFOUND);
		hk_public_key_free(public);
		hk_private_key_free(key);
		hk_buf_done(&b);
	}
}

static void key_making_keeps_to_its_sizes_and_never_to_sha_1_rfc_8301_3_1(void **state)
{
	struct hk_private_key *key = NULL;

	(void)state;
	assert_int_equal(hk_private_key_new(HK_SIGN_RSA_SHA256, 1023, &key), HK_LIMIT);
	assert_int_equal(hk_private_key_new(HK_SIGN_RSA_SHA256, 4097, &key), HK_LIMIT);
	assert_int_equal(hk_private_key_new(HK_SIGN_RSA_SHA1, 2048, &key), HK_BUG);
	assert_int_equal(hk_private_key_new((enum hk_sign_alg)(HK_SIGN_RSA_SHA1 + 1), 2048, &key), HK_BUG);
	assert_null(hk_digest_new((enum hk_digest_alg)(HK_DIGEST_SHA1 + 1)));
	assert_null(key);
}

static void equality_and_randomness_behave(void **state)
{
	uint8_t a[32], b[32];

	(void)state;
	assert_int_equal(hk_random(a, sizeof a), HK_OK);
	assert_int_equal(hk_random(b, sizeof b), HK_OK);
	assert_false(hk_equal_constant_time(hk_slice_of(a, 32), hk_slice_of(b, 32)));
	memcpy(b, a, 32);
	assert_true(hk_equal_constant_time(hk_slice_of(a, 32), hk_slice_of(b, 32)));
	assert_false(hk_equal_constant_time(hk_slice_of(a, 32), hk_slice_of(b, 31)));
	assert_true(hk_equal_constant_time((struct hk_slice){0}, (struct hk_slice){0}));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(digests_of_every_split_equal_the_published_ones),
	    TEST(hmac_gives_the_values_of_rfc_4231_and_takes_an_empty_key),
	    TEST(an_rsa_signature_made_elsewhere_verifies_and_no_changed_one_does),
	    TEST(rsa_sha1_verifies_only_as_rsa_sha1),
	    TEST(an_rsa_key_has_512_to_4096_bits_and_an_odd_exponent_of_at_most_32),
	    TEST(a_key_cut_short_lengthened_or_of_another_kind_is_refused),
	    TEST(a_pkcs1_key_equals_the_same_key_in_a_subject_public_key_info),
	    TEST(an_ed25519_key_has_exactly_32_octets),
	    TEST(an_ed25519_key_of_small_order_is_none),
	    TEST(rsa_signing_gives_the_signature_of_pkcs1_v1_5),
	    TEST(the_ed25519_key_of_rfc_8463_a_2_has_its_published_public_half),
	    TEST(a_pem_that_is_no_usable_key_is_refused),
	    TEST(a_fresh_key_survives_pem_and_signs_what_its_public_half_verifies),
	    TEST(key_making_keeps_to_its_sizes_and_never_to_sha_1_rfc_8301_3_1),
	    TEST(equality_and_randomness_behave),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
