/* SPDX-License-Identifier: MIT
 *
 * Recovery over arbitrary bytes. An even first byte: a segment as it is. An odd one: records with
 * right checksums and any payload, so that what lies behind the checksum is reached; each is type,
 * u16 length, payload; type 0 ends a batch.
 */
#include <stdlib.h>

#include "engine/spool_testing.h"

static void add_batch(struct hk_batch *batch, struct hk_buf *file, uint64_t *sequence)
{
	uint32_t n = batch->n;

	if (!n || hk_batch_seal(batch, 1, (uint32_t)file->n, *sequence) != HK_OK)
		return;
	hk_buf_add(file, hk_buf_slice(&batch->bytes));
	*sequence += n;
	hk_batch_reset(batch);
}

static void add_record(struct hk_batch *batch, uint8_t type, struct hk_slice payload)
{
	size_t mark =
	    hk_batch_begin(batch, (enum hk_record_type)(1 + type % (HK_RECORD_TYPES - 1)));

	hk_buf_add(&batch->bytes, payload);
	if (hk_batch_end(batch, mark) != HK_OK)
		hk_batch_reset(batch);
}

static void make_records(struct hk_slice in, struct hk_buf *file)
{
	struct hk_cursor c = hk_cursor_of(in);
	struct hk_batch batch = {0};
	uint64_t sequence = 1;
	struct hk_buf head;

	hk_buf_init(&batch.bytes, 1024 * 1024);
	hk_buf_init(&head, 64);
	hk_buf_add_u32(&head, HK_SEGMENT_VERSION);
	hk_buf_add_u32(&head, 1);
	hk_buf_add_u32(&head, 0);
	add_record(&batch, HK_RECORD_SEGMENT - 1, hk_buf_slice(&head));
	add_batch(&batch, file, &sequence);
	while (c.rest.n && !c.failed) {
		uint8_t type = hk_cursor_u8(&c);
		uint16_t n = hk_cursor_u16(&c);

		if (!type)
			add_batch(&batch, file, &sequence);
		else
			add_record(&batch, type, hk_cursor_take(&c, n < c.rest.n ? n : c.rest.n));
	}
	add_batch(&batch, file, &sequence);
	hk_buf_done(&batch.bytes);
	hk_buf_done(&head);
}

/* What recovery accepts must be readable, and must be accepted again. */
static void go_on(struct hk_sim_disk *d, struct hk_spool *s)
{
	size_t n = test_recovered(s, NULL, 0);

	if (n == SIZE_MAX || test_put(s, UINT64_MAX, 1, 10) != HK_OK ||
	    hk_spool_commit(s) != HK_OK) {
		hk_spool_close(s);
		return;
	}
	hk_spool_close(s);
	if (test_open(d, &s) != HK_OK || test_recovered(s, NULL, 0) != n + 1)
		abort();
	if (hk_spool_tidy(s, 65536) != HK_OK)
		abort();
	hk_spool_close(s);
}

static void see(void *context, const struct hk_spool_sight *sight)
{
	*(size_t *)context += sight->kind == HK_SIGHT_MESSAGE;
}

/* What is seen without a change is what recovery takes. */
static void look_and_open(struct hk_sim_disk *d)
{
	size_t seen = 0;
	enum hk_status status = hk_spool_look(&d->disk, "spool", NULL, see, &seen);
	struct hk_spool *s;

	if (test_open(d, &s) != HK_OK) {
		if (status == HK_OK)
			abort();
		return;
	}
	if (status == HK_OK && seen != s->live.n)
		abort();
	go_on(d, s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hk_slice in = hk_slice_of(data, size);
	struct hk_sim_disk d;
	struct hk_buf file;

	if (!size || size > 65536)
		return 0;
	hk_buf_init(&file, 16 * 1024 * 1024);
	if (data[0] & 1)
		make_records(hk_slice_from(in, 1), &file);
	else
		hk_buf_add(&file, hk_slice_from(in, 1));
	hk_sim_disk_init(&d, HK_SIM_POSIX, 1);
	hk_sim_disk_place(&d, "spool/VERSION", HK_S("hikyaku-spool 1\n"));
	hk_sim_disk_place(&d, "spool/journal/00000001.seg", hk_buf_slice(&file));
	look_and_open(&d);
	hk_sim_disk_done(&d);
	hk_buf_done(&file);
	return 0;
}
