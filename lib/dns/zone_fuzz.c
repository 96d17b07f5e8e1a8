/* SPDX-License-Identifier: MIT
 *
 * Any text as a zone; then questions for names that are in it, above them and below them.
 */
#include <stdlib.h>

#include "zone_internal.h"

static void ask(const struct hk_zone *zone, struct hk_arena *a, struct hk_slice name)
{
	static const uint16_t types[] = {HK_DNS_A, HK_DNS_CNAME, HK_DNS_MX, HK_DNS_TXT};
	struct hk_dns_answer answer;
	size_t i;

	for (i = 0; i < sizeof types / sizeof types[0]; i++) {
		struct hk_dns_question q = {name, types[i]};
		enum hk_status status = hk_zone_answer(zone, a, &q, &answer);

		if (status != HK_OK && status != HK_LIMIT)
			abort();
		if (status == HK_OK &&
		    (answer.n > HK_DNS_RRS_MAX || (answer.n && answer.rcode != HK_DNS_NOERROR)))
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct hk_zone *zone = NULL;
	struct hk_zone_error error = {0};
	struct hk_slice below;
	struct hk_arena a;
	enum hk_status status;
	size_t i;

	hk_arena_init(&a, 4 << 20);
	status = hk_zone_parse(&a, hk_slice_of(bytes, n), &zone, &error);
	if (status == HK_SYNTAX && (!error.what || error.line == 0))
		abort();
	for (i = 0; status == HK_OK && i < zone->n && i < 16; i++) {
		ask(zone, &a, zone->record[i].name);
		ask(zone, &a, hk_dns_name_parent(zone->record[i].name));
		if (hk_arena_fmt(&a, &below, "x.%.*s", HK_FMT(zone->record[i].name)) == HK_OK)
			ask(zone, &a, below);
	}
	hk_arena_done(&a);
	return 0;
}
