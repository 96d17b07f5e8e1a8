/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "lib/base/base_internal.h"

/* What both sides know, behind the size itself; 0 when the struct does not say its size. */
static size_t shared(size_t ours, const void *theirs)
{
	size_t size;

	memcpy(&size, theirs, sizeof size);
	if (size <= sizeof size)
		return 0;
	return (size < ours ? size : ours) - sizeof size;
}

enum hk_status hk_sized_take(struct hk_arena *a, void *own, size_t n, const void *given)
{
	size_t known = shared(n, given);

	if (known == 0) {
		if (a)
			a->failed = HK_BUG;
		return HK_BUG;
	}
	memset(own, 0, n);
	memcpy(own, &n, sizeof n);
	memcpy((uint8_t *)own + sizeof n, (const uint8_t *)given + sizeof n, known);
	return HK_OK;
}

enum hk_status hk_sized_give(void *ret, size_t n, const void *own)
{
	size_t known = shared(n, ret), size;

	if (known == 0)
		return HK_BUG;
	memcpy(&size, ret, sizeof size);
	memset((uint8_t *)ret + sizeof size, 0, size - sizeof size);
	memcpy((uint8_t *)ret + sizeof size, (const uint8_t *)own + sizeof size, known);
	return HK_OK;
}
