/* SPDX-License-Identifier: MIT */
#include <endian.h>
#include <string.h>

#include <hikyaku/base.h>

struct hk_cursor hk_cursor_of(struct hk_slice s)
{
	return (struct hk_cursor){.rest = s};
}

struct hk_slice hk_cursor_take(struct hk_cursor *c, size_t n)
{
	struct hk_slice taken = {.p = c->rest.p, .n = n};

	if (c->failed || n > c->rest.n) {
		c->failed = true;
		return (struct hk_slice){0};
	}
	if (n) { /* nothing is added to a null pointer */
		c->rest.p += n;
		c->rest.n -= n;
	}
	return taken;
}

uint8_t hk_cursor_u8(struct hk_cursor *c)
{
	struct hk_slice s = hk_cursor_take(c, 1);

	return s.n ? s.p[0] : 0;
}

/* Big-endian numbers, each by one load: the start of a server with a long queue reads millions of them. */
#define TAKE(bits)                                            \
	struct hk_slice s = hk_cursor_take(c, bits / 8);      \
	uint##bits##_t value = 0;                             \
                                                              \
	if (s.n)                                              \
		memcpy(&value, s.p, sizeof value);            \
	return be##bits##toh(value)

uint16_t hk_cursor_u16(struct hk_cursor *c)
{
	TAKE(16);
}

uint32_t hk_cursor_u32(struct hk_cursor *c)
{
	TAKE(32);
}

uint64_t hk_cursor_u64(struct hk_cursor *c)
{
	TAKE(64);
}

struct hk_slice hk_cursor_block(struct hk_cursor *c)
{
	uint32_t n = hk_cursor_u32(c);

	return hk_cursor_take(c, n);
}
