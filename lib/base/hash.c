/* SPDX-License-Identifier: MIT */
#include <hikyaku/base.h>

/* Castagnoli polynomial, reflected; the table is made once at compile time by the macros below. */
#define STEP(c)  ((c) & 1 ? (c) >> 1 ^ 0x82f63b78u : (c) >> 1)
#define STEP4(c) STEP(STEP(STEP(STEP(c))))
static const uint32_t nibble[16] = {
    STEP4(0u), STEP4(1u), STEP4(2u), STEP4(3u), STEP4(4u), STEP4(5u), STEP4(6u), STEP4(7u),
    STEP4(8u), STEP4(9u), STEP4(10u), STEP4(11u), STEP4(12u), STEP4(13u), STEP4(14u), STEP4(15u),
};

static uint32_t crc_portable(uint32_t crc, struct hk_slice s)
{
	size_t i;

	for (i = 0; i < s.n; i++) {
		crc ^= s.p[i];
		crc = crc >> 4 ^ nibble[crc & 15];
		crc = crc >> 4 ^ nibble[crc & 15];
	}
	return crc;
}

#if defined(__x86_64__)
#include <string.h>

__attribute__((target("sse4.2"))) static uint32_t crc_sse42(uint32_t crc, struct hk_slice s)
{
	uint64_t wide = crc, word;
	size_t i = 0;

	for (; s.n - i >= sizeof word; i += sizeof word) {
		memcpy(&word, s.p + i, sizeof word);
		wide = __builtin_ia32_crc32di(wide, word);
	}
	crc = (uint32_t)wide;
	for (; i < s.n; i++)
		crc = __builtin_ia32_crc32qi(crc, s.p[i]);
	return crc;
}
#endif

uint32_t hk_crc32c(uint32_t seed, struct hk_slice s)
{
#if defined(__x86_64__)
	if (__builtin_cpu_supports("sse4.2"))
		return ~crc_sse42(~seed, s);
#endif
	return ~crc_portable(~seed, s);
}

uint64_t hk_hash(struct hk_slice s)
{
	uint64_t h = 0xcbf29ce484222325u;
	size_t i;

	for (i = 0; i < s.n; i++)
		h = (h ^ s.p[i]) * 0x100000001b3u;
	return h;
}
