/* SPDX-License-Identifier: MIT
 *
 * What a seal covers: all sets in order, each as results, message signature, seal; always in the
 * relaxed form, the last seal without its signature (RFC 8617 5.1.1).
 */
#include "arc_internal.h"

enum hk_status hk_arc_digest_sets(
    struct hk_digest *digest, const struct hk_arc_chain *chain, size_t n)
{
	enum hk_status status = HK_OK;
	size_t i;
	int kind;

	for (i = 0; i < n; i++)
		for (kind = 0; kind < HK_ARC_KINDS && status == HK_OK; kind++)
			status = hk_dkim_digest_field(digest,
			    &chain->header->field[chain->set[i].at[kind]], HK_CANON_RELAXED, false);
	return status;
}

enum hk_status hk_arc_digest_last(struct hk_digest *digest, const struct hk_field *results,
    const struct hk_field *message, const struct hk_field *seal, uint8_t out[HK_SHA256_SIZE])
{
	enum hk_status status = hk_dkim_digest_field(digest, results, HK_CANON_RELAXED, false);

	if (status == HK_OK)
		status = hk_dkim_digest_field(digest, message, HK_CANON_RELAXED, false);
	if (status == HK_OK)
		status = hk_dkim_digest_field(digest, seal, HK_CANON_RELAXED, true);
	if (status == HK_OK)
		status = hk_digest_end(digest, out) ? HK_OK : HK_NOMEM;
	return status;
}
