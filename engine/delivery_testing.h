/* SPDX-License-Identifier: MIT
 *
 * delivery_testing.h - the configuration, the zone, the mail and the server that the tests of a
 * delivery begin with.
 */
#ifndef HIKYAKU_ENGINE_DELIVERY_TESTING_H
#define HIKYAKU_ENGINE_DELIVERY_TESTING_H

#include "engine/delivery_rig.h"

#define CONF                                                                                       \
	"hostname h.test; spool /spool; accept ours.test;\n"                                       \
	"listen out { address 10.9.9.9:25; role relay; relay-from 10.0.0.0/8; hostname "           \
	"out.h.test; }\n"                                                                          \
	"listen mx { address 10.9.9.8:25; role mx; }\n"
#define ZONE                                                                                       \
	"a.test. MX 10 one.a.test.\n"                                                              \
	"a.test. MX 20 two.a.test.\n"                                                              \
	"one.a.test. A 10.0.0.1\n"                                                                 \
	"two.a.test. A 10.0.0.2\n"                                                                 \
	"six.test. MX 1 host.six.test.\nhost.six.test. A 10.0.0.6\nhost.six.test. AAAA "           \
	"2001:db8::6\n"                                                                            \
	"plain.test. A 10.0.0.3\n"                                                                 \
	"nothing.test. TXT x\n"                                                                    \
	"null.test. MX 0 .\n"                                                                      \
	"fail.test. MX 1 gone.test.\n$SERVFAIL broken.test. MX\n$TIMEOUT slow.test. MX\n"          \
	"us.test. MX 5 best.test.\nus.test. MX 10 h.test.\nus.test. MX 20 "                        \
	"two.a.test.\nbest.test. A 10.0.0.5\n"                                                     \
	"loop.test. MX 10 OUT.h.test.\n"                                                           \
	"address.test. A 10.9.9.9\n"                                                               \
	"softmx.test. MX 1 soft.test.\n$SERVFAIL soft.test. A\n$SERVFAIL soft.test. AAAA\n"

static const struct rig_mail simple = {
    .listener = "out",
    .from = "s@x.test",
    .rcpt = "r@a.test",
    .header = "Subject: hi\r\nFrom: s@x.test\r\n",
    .trace = "Received: from z\r\n",
    .body = "Hello\r\n.dot\r\n",
    .summary = "client=1.2.3.4",
};
#define OK_SCRIPT "220 hi|250 h|250 2.1.0 ok|250 2.1.5 ok|354 go|250 2.0.0 queued|221 bye"

/* rig_begin(r, conf, peer): the zone above, and this server whatever the address. */
static inline void rig_begin(struct rig *r, const char *conf, struct rig_peer *peer)
{
	rig_init(r, conf, ZONE);
	r->peer = peer;
	r->n_peers = 1;
}

#endif
