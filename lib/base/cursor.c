/* SPDX-License-Identifier: MIT */
#include <hikyaku/base.h>

struct hk_cursor hk_cursor_of(struct hk_slice s)
{
	return (struct hk_cursor){.rest = s};
}

struct hk_slice hk_cursor_take(struct hk_cursor *c, size_t n)
{
	struct hk_slice taken;

	if (c->failed || n > c->rest.n) {
		c->failed = true;
		return (struct hk_slice){0};
	}
	taken = hk_slice_sub(c->rest, 0, n);
	c->rest = hk_slice_from(c->rest, n);
	return taken;
}

static uint64_t take_be(struct hk_cursor *c, size_t bytes)
{
	struct hk_slice s = hk_cursor_take(c, bytes);
	uint64_t value = 0;
	size_t i;

	for (i = 0; i < s.n; i++)
		value = value << 8 | s.p[i];
	return value;
}

uint8_t hk_cursor_u8(struct hk_cursor *c)
{
	return (uint8_t)take_be(c, 1);
}

uint16_t hk_cursor_u16(struct hk_cursor *c)
{
	return (uint16_t)take_be(c, 2);
}

uint32_t hk_cursor_u32(struct hk_cursor *c)
{
	return (uint32_t)take_be(c, 4);
}

uint64_t hk_cursor_u64(struct hk_cursor *c)
{
	return take_be(c, 8);
}

struct hk_slice hk_cursor_block(struct hk_cursor *c)
{
	uint32_t n = hk_cursor_u32(c);

	return hk_cursor_take(c, n);
}
