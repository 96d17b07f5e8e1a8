/* SPDX-License-Identifier: MIT
 *
 * dsn_testing.h - for tests of delivery status notifications: a message that one is about, and its three parts.
 */
#ifndef HIKYAKU_ENGINE_DSN_TESTING_H
#define HIKYAKU_ENGINE_DSN_TESTING_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hikyaku/message.h>

#include "engine/owner.h"
#include "tests/unit.h"

static const struct hk_now now = {.utc = 1731243549, .zone_minutes = 540, .zone_name = "JST"};

/* The three parts of a DSN, parsed with the boundary that its own header names. */
struct parts {
	struct hk_arena arena;
	struct hk_header header;
	struct hk_slice part[4];
	size_t n;
};

static inline struct hk_slice value_of(const struct hk_header *h, const char *name, size_t from)
{
	size_t i = hk_header_find(h, hk_slice_str(name), from);

	return i < h->n ? hk_slice_trim(h->field[i].value) : (struct hk_slice){0};
}

static inline size_t find(struct hk_slice s, const char *text, size_t from)
{
	size_t n = strlen(text), i;

	for (i = from; i + n <= s.n; i++)
		if (memcmp(s.p + i, text, n) == 0)
			return i;
	return s.n;
}

static inline void parse(const struct hk_mail *m, struct parts *p)
{
	char delimiter[128];
	struct hk_slice type, boundary;
	size_t at, next;

	*p = (struct parts){0};
	hk_arena_init(&p->arena, 1 << 24);
	assert_int_equal(hk_header_parse(&p->arena, m->header, &p->header), HK_OK);
	assert_int_equal(p->header.malformed, 0);
	type = value_of(&p->header, "Content-Type", 0);
	assert_true(
	    hk_slice_starts_nocase(type, HK_S("multipart/report; report-type=delivery-status;")));
	boundary = hk_slice_from(type, find(type, "boundary=\"", 0) + 10);
	boundary = hk_slice_sub(boundary, 0, hk_slice_find(boundary, '"'));
	snprintf(delimiter, sizeof delimiter, "\r\n--%.*s", HK_FMT(boundary));
	at = find(m->body, delimiter, 0);
	while (at < m->body.n) {
		size_t begin = at + strlen(delimiter);

		next = find(m->body, delimiter, begin);
		if (next == m->body.n)
			break;
		assert_true(p->n < COUNT(p->part));
		p->part[p->n++] = hk_slice_sub(m->body, begin + 2, next - begin - 2);
		at = next;
	}
	assert_true(hk_slice_eq(
	    hk_slice_sub(hk_slice_from(m->body, at + strlen(delimiter)), 0, 4), HK_S("--\r\n")));
	assert_int_equal(p->n, 3);
}

/* The content of a part, behind its own header. */
static inline struct hk_slice content(struct hk_slice part)
{
	return hk_slice_from(part, find(part, "\r\n\r\n", 0) + 4);
}

static inline void assert_says(struct hk_slice s, const char *text)
{
	if (find(s, text, 0) == s.n)
		fail_msg("no \"%s\" in:\n%.*s", text, HK_FMT(s));
}

static inline struct hk_conf *conf(void)
{
	struct hk_conf *c = NULL;

	assert_int_equal(
	    hk_conf_parse("t", HK_S("hostname mx.b.test; product \"A (B) \\\\C\";"), &c, NULL),
	    HK_OK);
	return c;
}

static inline struct hk_mail failed_mail(struct hk_mail_rcpt *rcpt, size_t n)
{
	return (struct hk_mail){.id = 0x3EE173C0ADCAB1,
	    .received = 1731200000,
	    .listener = HK_S("mx"),
	    .mail_from = HK_S("sender@a.test"),
	    .rcpt = rcpt,
	    .n_rcpt = n,
	    .header = HK_S("Subject: hi\r\nFrom: sender@a.test\r\n"),
	    .body = HK_S("secret\r\n"),
	    .body_size = 8};
}

#endif
