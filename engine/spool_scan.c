/* SPDX-License-Identifier: MIT */
#include "engine/spool_internal.h"

/* A batch counts whole or not at all: every record with its checksum, this generation, the batch's
 * own place, the next sequence, and a count that runs down to zero. */
bool hk_scan_batch(struct hk_scan *scan, struct hk_slice *ret)
{
	uint64_t sequence = scan->sequence;
	size_t at = scan->at;
	uint32_t left = 0;
	bool is_first = true;
	struct hk_record r;

	do {
		if (hk_record_read(hk_slice_from(scan->bytes, at), &r) != HK_OK)
			return false;
		if (r.generation != scan->generation || r.batch != scan->at ||
		    r.sequence != sequence)
			return false;
		if (!is_first && r.left != left - 1)
			return false;
		left = r.left;
		is_first = false;
		sequence++;
		at += r.whole;
	} while (left);
	*ret = hk_slice_sub(scan->bytes, scan->at, at - scan->at);
	scan->at = at + hk_pad(at, HK_SPOOL_BLOCK);
	scan->sequence = sequence;
	return true;
}

bool hk_scan_record(struct hk_slice *batch, struct hk_record *ret)
{
	if (!batch->n || hk_record_read(*batch, ret) != HK_OK)
		return false;
	*batch = hk_slice_from(*batch, ret->whole);
	return true;
}

/* A batch is written only after the sync of the one before it. So a first record of a later batch,
 * of this generation, proves that what should stand here was durable once. A torn batch leaves no
 * first record but its own. */
bool hk_scan_resume(struct hk_scan *scan)
{
	struct hk_record r;
	size_t at;

	for (at = scan->at + HK_SPOOL_BLOCK; at < scan->bytes.n; at += HK_SPOOL_BLOCK) {
		if (hk_record_read(hk_slice_from(scan->bytes, at), &r) != HK_OK)
			continue;
		if (r.generation == scan->generation && r.batch == at && r.sequence > scan->sequence) {
			scan->at = at;
			scan->sequence = r.sequence;
			return true;
		}
	}
	return false;
}

bool hk_scan_is_damaged(const struct hk_scan *scan)
{
	struct hk_scan on = *scan;

	return hk_scan_resume(&on);
}

bool hk_scan_is_clean(const struct hk_scan *scan)
{
	size_t i;

	for (i = scan->at; i < scan->bytes.n; i++)
		if (scan->bytes.p[i])
			return false;
	return true;
}
