/* SPDX-License-Identifier: MIT
 *
 * session_testing.h - the configuration, the zone and the envelope that the tests of a session begin
 * with.
 */
#ifndef HIKYAKU_ENGINE_SESSION_TESTING_H
#define HIKYAKU_ENGINE_SESSION_TESTING_H

#include <string.h>

#include "engine/session_rig.h"
#include "tests/unit.h"

#define CONF                                                                                       \
	"hostname imap.b.test; spool /spool; accept b.test dmarc.b.test;\n"                        \
	"listen mx { address 10.255.2.40:25; reject-early-talkers off; relay-from 10.7.0.0/16; "   \
	"max-recipients 100; }\n"                                                                  \
	"listen out { address 10.255.2.40:26; role relay; relay-from 10.7.0.0/16; }\n"             \
	"listen mua { address 10.255.2.40:587; role submission; relay-from 10.7.0.0/16; }\n"       \
	"listen early { address 10.255.2.40:27; }\n"                                               \
	"listen tls { address 10.255.2.40:28; starttls on; certificate /c; certificate-key /k; "   \
	"reject-early-talkers off; }\n"                                                                                      \
	"listen lmtp { address 10.255.2.40:24; protocol lmtp; reject-early-talkers off; }\n"
#define ZONE "9.0.0.10.in-addr.arpa. PTR client.a.test.\nclient.a.test. A 10.0.0.9\n"
#define HEAD "HELO a.test\r\nMAIL FROM: user1@a.test\r\nRCPT TO:   user1@b.test\r\nDATA\r\n"

static inline void assert_codes(struct srig *r, const char *want)
{
	if (strcmp(srig_codes(r), want) != 0)
		fail_msg("\"%s\" is not \"%s\":\n%s", srig_codes(r), want, srig_replies(r));
}

/* A session with limits, of a listener; srig_limits_end frees them with it. */
static inline void srig_limits_begin(struct srig *r, const char *conf, const char *zone, const char *listener, const char *mechanisms)
{
	static const uint8_t seed[HK_LIMITS_SEED] = {9};

	srig_init(r, conf, zone);
	r->listener = listener;
	r->mechanisms = mechanisms;
	r->limits = must(hk_limits_new(1000, seed));
}

static inline void srig_limits_end(struct srig *r)
{
	hk_limits_free(r->limits);
	srig_done(r);
}

/* say(r, text, codes): one session, and what it is answered. */
static inline void say(struct srig *r, const char *text, const char *codes)
{
	srig_say(r, text);
	assert_codes(r, codes);
}

/* repeated(r, head, line, n, tail): head, n lines, tail, in the arena of the rig. */
static inline struct hk_slice repeated(
    struct srig *r, const char *head, const char *line, size_t n, const char *tail)
{
	struct hk_buf b;
	struct hk_slice s;
	size_t i;

	hk_buf_init(&b, 64 * 1024 * 1024);
	hk_buf_add_str(&b, head);
	for (i = 0; i < n; i++)
		hk_buf_add_str(&b, line);
	hk_buf_add_str(&b, tail);
	assert_int_equal(hk_arena_dup(&r->arena, hk_buf_slice(&b), &s), HK_OK);
	hk_buf_done(&b);
	return s;
}

#endif
