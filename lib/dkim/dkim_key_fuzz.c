/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "lib/dkim/dkim_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* Any record; and any text, base64 encoded, as the key inside a good record. */
static void try_record(struct hk_slice text)
{
	struct hk_dkim_lookup lookup = {0};
	struct hk_dns_rr rr = {.type = HK_DNS_TXT, .data = text};
	struct hk_dns_answer answer = {.rr = &rr, .n = 1};
	struct hk_dkim_key *key;
	struct hk_arena a;
	int alg;

	hk_arena_init(&a, 1 << 20);
	if (hk_dkim_lookup_answer(&a, &lookup, &answer) == HK_OK)
		for (alg = HK_SIGN_RSA_SHA256; alg <= HK_SIGN_RSA_SHA1; alg++)
			if (hk_dkim_lookup_choose(&lookup, (enum hk_sign_alg)alg, &key) ==
			    HK_DKIM_R_OK) {
				if (key->fault != HK_DKIM_R_OK ||
				    key->is_ed25519 != (alg == HK_SIGN_ED25519_SHA256))
					abort();
				if ((hk_dkim_key_load(key) == HK_DKIM_R_OK) !=
				    (key->public != NULL))
					abort();
			}
	hk_dkim_lookup_done(&lookup);
	hk_arena_done(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const char *const types[] = {"v=DKIM1; p=", "v=DKIM1; k=ed25519; p="};
	struct hk_buf b;
	size_t i;

	try_record(hk_slice_of(data, n));
	for (i = 0; i < 2; i++) {
		hk_buf_init(&b, 1 << 20);
		hk_buf_add_str(&b, types[i]);
		hk_base64_add(&b, hk_slice_of(data, n));
		if (hk_buf_status(&b) == HK_OK)
			try_record(hk_buf_slice(&b));
		hk_buf_done(&b);
	}
	return 0;
}
