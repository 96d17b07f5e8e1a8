/* SPDX-License-Identifier: MIT
 *
 * Arbitrary bytes as a file of the evidence store: the reader neither crashes nor reads beyond them.
 */
#include "engine/evidence_file.h"
#include "sim/disk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static bool see(void *with, const struct hk_evidence_event *e)
{
	*(size_t *)with += e->line.n + e->level;
	return true;
}

static bool is_odd(void *with, uint64_t id, struct hk_slice text)
{
	(void)with;
	return (id + text.n) % 2;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct hk_evidence_entry entry;
	struct hk_evidence_signing *signing;
	struct hk_sim_disk disk;
	size_t found;
	struct hk_arena a;

	hk_sim_disk_init(&disk, HK_SIM_EXT4, 1);
	hk_arena_init(&a, 16 * 1024 * 1024);
	if (disk.disk.ops->make_dir(&disk.disk, "e") == HK_OK) {
		hk_sim_disk_place(&disk, "e/00000001.log", hk_slice_of(data, n));
		found = 0;
		(void)!hk_evidence_store_find(&disk.disk, "e", 1, &a, &entry);
		(void)!hk_evidence_store_signings(&disk.disk, "e", 1, &a, &signing, &found);
		(void)!hk_evidence_store_events(&disk.disk, "e", see, &found);
		(void)!hk_evidence_store_erase(&disk.disk, "e", is_odd, NULL, &found);
		(void)!hk_evidence_store_events(&disk.disk, "e", see, &found);
	}
	hk_arena_done(&a);
	hk_sim_disk_done(&disk);
	return 0;
}
