/* SPDX-License-Identifier: MIT */
#include "engine/spool_internal.h"
#include "lib/base/bug.h"

enum {
	AT_CRC = 4,
	AT_LENGTH = 8,
	AT_TYPE = 12,
	AT_GENERATION = 16,
	AT_BATCH = 20,
	AT_SEQUENCE = 24
};

uint32_t hk_load32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

void hk_store32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 24);
	p[1] = (uint8_t)(v >> 16);
	p[2] = (uint8_t)(v >> 8);
	p[3] = (uint8_t)v;
}

void hk_store64(uint8_t *p, uint64_t v)
{
	hk_store32(p, (uint32_t)(v >> 32));
	hk_store32(p + 4, (uint32_t)v);
}

/* How many zeros bring n to a multiple of `to`. */
uint32_t hk_pad(size_t n, uint32_t to)
{
	uint32_t over = (uint32_t)(n % to);

	return over ? to - over : 0;
}

enum hk_status hk_record_read(struct hk_slice at, struct hk_record *ret)
{
	struct hk_record r;
	uint32_t length, type;

	if (at.n < HK_RECORD_HEAD || hk_load32(at.p) != HK_RECORD_MAGIC)
		return HK_CORRUPT;
	length = hk_load32(at.p + AT_LENGTH);
	type = hk_load32(at.p + AT_TYPE) >> 24;
	if (length > at.n - HK_RECORD_HEAD || !type || type >= HK_RECORD_TYPES)
		return HK_CORRUPT;
	if (!HK_BUG(NO_CHECKSUM) &&
	    hk_crc32c(0, hk_slice_sub(at, AT_LENGTH, HK_RECORD_HEAD - AT_LENGTH + length)) !=
	        hk_load32(at.p + AT_CRC))
		return HK_CORRUPT;
	r = (struct hk_record){
	    .type = (enum hk_record_type)type,
	    .left = hk_load32(at.p + AT_TYPE) & HK_BATCH_RECORDS,
	    .generation = hk_load32(at.p + AT_GENERATION),
	    .batch = hk_load32(at.p + AT_BATCH),
	    .sequence =
	        (uint64_t)hk_load32(at.p + AT_SEQUENCE) << 32 | hk_load32(at.p + AT_SEQUENCE + 4),
	    .payload = hk_slice_sub(at, HK_RECORD_HEAD, length),
	    .whole = HK_RECORD_HEAD + (size_t)length,
	};
	r.whole += hk_pad(r.whole, 8);
	*ret = r;
	return HK_OK;
}

size_t hk_batch_begin(struct hk_batch *b, enum hk_record_type type)
{
	static const uint8_t empty[HK_RECORD_HEAD];
	size_t mark = b->bytes.n;

	hk_buf_add(&b->bytes, hk_slice_of(empty, sizeof empty));
	if (hk_buf_status(&b->bytes) == HK_OK) {
		hk_store32(b->bytes.p + mark, HK_RECORD_MAGIC);
		hk_store32(b->bytes.p + mark + AT_TYPE, (uint32_t)type << 24);
	}
	return mark;
}

static void add_zeros(struct hk_buf *b, uint32_t n)
{
	static const uint8_t zeros[HK_SPOOL_BLOCK];

	hk_buf_add(b, hk_slice_of(zeros, n));
}

enum hk_status hk_batch_end(struct hk_batch *b, size_t mark)
{
	size_t length = b->bytes.n - mark - HK_RECORD_HEAD;
	enum hk_status status;

	if (hk_buf_status(&b->bytes) == HK_OK && length <= UINT32_MAX && b->n < HK_BATCH_RECORDS) {
		hk_store32(b->bytes.p + mark + AT_LENGTH, (uint32_t)length);
		add_zeros(&b->bytes, hk_pad(b->bytes.n, 8));
		if (hk_buf_status(&b->bytes) == HK_OK) {
			b->n++;
			return HK_OK;
		}
	}
	status = hk_buf_status(&b->bytes) == HK_NOMEM ? HK_NOMEM : HK_FULL;
	b->bytes.n = mark;
	b->bytes.failed = HK_OK;
	return status;
}

enum hk_status hk_batch_seal(
    struct hk_batch *b, uint32_t generation, uint32_t offset, uint64_t sequence)
{
	uint32_t left = b->n;
	size_t at = 0;

	while (left--) {
		uint8_t *p = b->bytes.p + at;
		size_t whole = HK_RECORD_HEAD + (size_t)hk_load32(p + AT_LENGTH);
		uint32_t type = hk_load32(p + AT_TYPE) & ~HK_BATCH_RECORDS;

		hk_store32(p + AT_TYPE, type | left);
		hk_store32(p + AT_GENERATION, generation);
		hk_store32(p + AT_BATCH, offset);
		hk_store64(p + AT_SEQUENCE, sequence++);
		hk_store32(p + AT_CRC, hk_crc32c(0, hk_slice_of(p + AT_LENGTH, whole - AT_LENGTH)));
		at += whole + hk_pad(whole, 8);
	}
	add_zeros(&b->bytes, hk_pad(b->bytes.n, HK_SPOOL_BLOCK));
	return hk_buf_status(&b->bytes);
}

void hk_batch_reset(struct hk_batch *b)
{
	hk_buf_reset(&b->bytes);
	b->n = 0;
}
