/* SPDX-License-Identifier: MIT
 *
 * The spool with what others' spools broke on: any octet, at the end of any field (T8; CVE-2019-15846 was a backslash).
 */
#include <string.h>

#include "engine/spool_testing.h"
#include "tests/unit.h"

enum { TAIL = 3, FIELDS = 12 };

/* One field after the other holds the text; the others are as usual. */
static struct hk_slice *field_of(struct test_mail *t, size_t i)
{
	struct hk_slice *const fields[FIELDS] = {&t->mail.listener, &t->mail.mail_from, &t->rcpt[0].address, &t->rcpt[1].address,
	    &t->rcpt[1].params.orcpt, &t->mail.params.envid, &t->mail.params.auth, &t->mail.user, &t->mail.device, &t->mail.header,
	    &t->mail.trace, &t->mail.summary};

	return fields[i];
}

static void make(struct test_mail *t, uint64_t id, size_t field, struct hk_slice text)
{
	test_mail_make(t, id, 2, 16);
	*field_of(t, field) = text;
}

static void check(struct hk_sim_disk *d, struct hk_spool *s, uint64_t id, size_t field, struct hk_slice text)
{
	struct hk_mail back = {0};
	struct test_mail want;
	struct hk_place place;

	make(&want, id, field, text);
	hk_arena_init(&back.arena, 1 << 20);
	assert_int_equal(hk_spool_find(s, id, &place), HK_OK);
	assert_int_equal(hk_spool_read(&d->disk, "spool", &place, &back), HK_OK);
	assert_int_equal(back.n_rcpt, 2);
	assert_slice(back.listener, want.mail.listener);
	assert_slice(back.mail_from, want.mail.mail_from);
	assert_slice(back.rcpt[0].address, want.rcpt[0].address);
	assert_slice(back.rcpt[1].address, want.rcpt[1].address);
	assert_slice(back.rcpt[1].params.orcpt, want.rcpt[1].params.orcpt);
	assert_slice(back.params.envid, want.mail.params.envid);
	assert_slice(back.params.auth, want.mail.params.auth);
	assert_slice(back.user, want.mail.user);
	assert_slice(back.device, want.mail.device);
	assert_slice(back.header, want.mail.header);
	assert_slice(back.trace, want.mail.trace);
	assert_slice(back.summary, want.mail.summary);
	assert_slice(back.body, want.mail.body);
	hk_arena_done(&back.arena);
}

/* How many live messages recovery tells of. */
static size_t recovered(struct hk_spool *s)
{
	struct hk_spool_entry e;
	size_t n = 0;

	while (hk_spool_recovered(s, &e) == HK_OK)
		n++;
	return n;
}

/* T8 SEC-27: a text that ends with this octet, one to three times, comes back as it was, at once and after a restart, from every
 * field; and nothing of it has become a part of another field, or a message. */
static void any_octet_may_end_any_field(void **state)
{
	uint8_t text[256][1 + TAIL];
	struct hk_sim_disk d;
	struct hk_spool *s;
	size_t field, n, c, opened;

	(void)state;
	for (c = 0; c < 256; c++) {
		text[c][0] = 'a';
		memset(text[c] + 1, (int)c, TAIL);
	}
	for (field = 0; field < FIELDS; field++) {
		hk_sim_disk_init(&d, HK_SIM_POSIX, 1);
		assert_int_equal(test_open(&d, &s), HK_OK);
		assert_int_equal(recovered(s), 0);
		for (n = 1; n <= TAIL; n++) {
			for (c = 0; c < 256; c++) {
				struct test_mail t;

				make(&t, 1 + (n - 1) * 256 + c, field, hk_slice_of(text[c], 1 + n));
				assert_int_equal(hk_spool_put(s, &t.mail), HK_OK);
				if (c % 16 == 15)
					assert_int_equal(hk_spool_commit(s), HK_OK);
			}
		}
		for (opened = 0; opened < 2; opened++) {
			for (n = 1; n <= TAIL; n++)
				for (c = 0; c < 256; c++)
					check(&d, s, 1 + (n - 1) * 256 + c, field, hk_slice_of(text[c], 1 + n));
			hk_spool_close(s);
			assert_int_equal(test_open(&d, &s), HK_OK);
			assert_int_equal(recovered(s), TAIL * 256);
		}
		hk_spool_close(s);
		hk_sim_disk_done(&d);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(any_octet_may_end_any_field),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
