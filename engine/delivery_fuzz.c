/* SPDX-License-Identifier: MIT
 *
 * A server's bytes: every recipient gets a result, and none is delivered without a whole message.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/delivery_rig.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct rig_mail mail = {
    .listener = "out",
    .from = "s@x.test",
    .rcpt = "a@a.test b@a.test c@a.test",
    .header = "Subject: hi\r\n",
    .trace = "Received: from z\r\n",
    .body = "Hello\r\n.dot\r\n",
};

/* The input is the server's script, its replies apart by '|' as in the tests. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const routes[] = {"via smtp 10.0.0.7;", "via lmtp 10.0.0.7:24;",
	    "via smtp 10.0.0.7; tls required;", "via mx;"};
	char conf[256], script[8192];
	struct rig_peer peer = {.script = script};
	struct hk_slice got;
	size_t i, dots = 0, delivered = 0;
	struct rig r;

	if (size < 1 || size > sizeof script)
		return 0;
	for (i = 1; i < size; i++)
		script[i - 1] = data[i] ? (char)data[i] : ' ';
	script[size - 1] = 0;
	snprintf(conf, sizeof conf, "hostname h.test; spool /spool; route * { %s }",
	    routes[data[0] % 4]);
	rig_init(&r, conf,
	    "a.test. MX 1 one.test.\na.test. MX 2 two.test.\none.test. A 10.0.0.1\ntwo.test. A "
	    "10.0.0.2\n");
	r.peer = &peer;
	r.n_peers = 1;
	r.cut = (enum rig_cut)(data[0] / 4 % RIG_CUTS);
	peer.tls_fails = (data[0] & 64) != 0;
	rig_put(&r, &mail);
	rig_run(&r);
	got = hk_buf_slice(&peer.got);
	for (i = 0; i < got.n; i++) {
		dots += i + 5 <= got.n && memcmp(got.p + i, "\r\n.\r\n", 5) == 0;
		if (got.p[i] == '\n' && (i == 0 || got.p[i - 1] != '\r'))
			abort();
	}
	for (i = 0; i < r.job.n_rcpt; i++) {
		if (r.result[i].code < 200 || r.result[i].code > 599)
			abort();
		delivered += r.result[i].outcome == HK_RCPT_DELIVERED;
	}
	if (delivered && !dots)
		abort();
	rig_done(&r);
	return 0;
}
