/* SPDX-License-Identifier: MIT
 *
 * Responses of a client that nobody trusts: the first byte is the mechanism, then each is a length
 * and its bytes. Nobody has a password, so nobody may pass.
 */
#include <stdlib.h>

#include "io/sasl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = {
	    "SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "LOGIN", "EXTERNAL", "PLAIN"};
	static struct hk_users *users;
	struct hk_cursor c = hk_cursor_of(hk_slice_of(data, size));
	struct hk_sasl_peer peer = {.is_tls = true, .exporter_n = 32, .unique_n = 12};
	struct hk_sasl_result r;
	struct hk_sasl *x;
	struct hk_buf why;
	bool goes_on = true;

	hk_buf_init(&why, 1024);
	if (!users && hk_users_parse(HK_S("alice - -\n"), &why, &users) != HK_OK)
		abort();
	hk_buf_done(&why);
	/* PLAIN costs a hash: rarely */
	x = hk_sasl_file(users, hk_slice_str(names[hk_cursor_u8(&c) % 5]), &peer);
	while (x && goes_on && c.rest.n && !c.failed) {
		uint16_t n = hk_cursor_u16(&c);

		hk_sasl_result_init(&r);
		hk_sasl_step(x, hk_cursor_take(&c, n < c.rest.n ? n : c.rest.n), n % 7 != 0, &r);
		if (r.outcome == HK_AUTH_PASSED)
			abort();
		goes_on = r.outcome == HK_AUTH_CONTINUE;
		hk_sasl_result_done(&r);
	}
	hk_sasl_free(x);
	return 0;
}
