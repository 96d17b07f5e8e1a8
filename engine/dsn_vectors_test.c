/* SPDX-License-Identifier: MIT
 *
 * Notifications beside Postfix's own (vectors/dsn-postfix): whatever field its references have in the part for programs, ours has
 * too, in the same group and with the same value where the case says what it is.
 */
#include <dirent.h>

#include "engine/dsn_testing.h"

/* Postfix's name for a field, and ours. */
static struct hk_slice our_name(struct hk_slice name)
{
	if (hk_slice_eq_nocase(name, HK_S("X-Postfix-Queue-ID")))
		return HK_S("X-Hikyaku-Queue-ID");
	return hk_slice_eq_nocase(name, HK_S("X-Postfix-Sender")) ? HK_S("X-Hikyaku-Sender") : name;
}

/* The reference, with CRLF. */
static struct hk_slice read_reference(const char *path, struct hk_buf *out)
{
	FILE *f = must(fopen(path, "rb"));
	int c;

	hk_buf_init(out, 1 << 20);
	while ((c = fgetc(f)) != EOF) {
		if (c == '\n')
			hk_buf_add_byte(out, '\r');
		hk_buf_add_byte(out, (uint8_t)c);
	}
	fclose(f);
	return hk_buf_slice(out);
}

/* What stands behind the head of the part with that content type, up to the next delimiter. */
static struct hk_slice part_of(struct hk_slice text, const char *type)
{
	size_t at = find(text, type, 0), begin = find(text, "\r\n\r\n", at) + 4;

	return hk_slice_sub(text, begin, find(text, "\r\n--", begin) + 2 - begin);
}

/* Each field of theirs is one of ours; Original-Recipient's type and address too, and what else does not depend on the host. */
static void same_fields(struct hk_arena *a, struct hk_slice theirs, struct hk_slice ours, const char *file)
{
	static const char *const same[] = {"Original-Envelope-Id", "Final-Recipient", "Original-Recipient", "Action"};
	struct hk_header t, o;
	size_t i, k;

	assert_int_equal(hk_header_parse(a, theirs, &t), HK_OK);
	assert_int_equal(hk_header_parse(a, ours, &o), HK_OK);
	assert_int_equal(t.malformed + o.malformed, 0);
	for (i = 0; i < t.n; i++) {
		struct hk_slice name = our_name(t.field[i].name);

		if (hk_header_count(&o, name) != 1)
			fail_msg("%s: no %.*s in:\n%.*s", file, HK_FMT(name), HK_FMT(ours));
		for (k = 0; k < COUNT(same); k++)
			if (hk_slice_eq_nocase(name, hk_slice_str(same[k])))
				assert_slice(value_of(&o, same[k], 0), value_of(&t, same[k], 0));
	}
}

/* The groups before and behind the first empty line (RFC 3464 2.1). */
static void split(struct hk_slice status, struct hk_slice *message, struct hk_slice *recipient)
{
	size_t n = find(status, "\r\n\r\n", 0) + 2;

	*message = hk_slice_sub(status, 0, n);
	*recipient = hk_slice_from(status, n + 2);
	if (recipient->n > 2 && find(*recipient, "\r\n\r\n", 0) < recipient->n)
		recipient->n = find(*recipient, "\r\n\r\n", 0) + 2;
}

static void one(const char *dir, const char *file)
{
	struct hk_mail_rcpt rcpt[] = {{HK_S("rcpt-address"), 0, {HK_NOTIFY_FAILURE, HK_S("rfc822;rcpt-orig_addr")}}};
	struct hk_rcpt_result result = {.outcome = HK_RCPT_FAILED, .code = 550, .enhanced = "5.1.1", .text = "no", .remote = "mx.c.test[10.0.0.9]"};
	struct hk_mail mail = failed_mail(rcpt, 1), *m = NULL;
	struct hk_slice text, theirs[2], ours[2];
	struct hk_conf *c = conf();
	struct hk_header head;
	char path[512];
	struct hk_buf b;
	struct parts p;

	snprintf(path, sizeof path, "%s/%s", dir, file);
	text = read_reference(path, &b);
	mail.params.envid = HK_S("TEST-ENVID");
	mail.params.ret = HK_RET_FULL;
	assert_int_equal(hk_dsn_make(c, &mail, &result, 1, &now, 0x3EE173C0ADCAB2, &m), HK_OK);
	parse(m, &p);
	split(part_of(text, "Content-Type: message/delivery-status"), &theirs[0], &theirs[1]);
	split(content(p.part[1]), &ours[0], &ours[1]);
	same_fields(&p.arena, theirs[0], ours[0], file);
	same_fields(&p.arena, theirs[1], ours[1], file);
	/* the message around it */
	assert_int_equal(hk_header_parse(&p.arena, hk_slice_sub(text, 0, find(text, "\r\n\r\n", 0) + 2), &head), HK_OK);
	assert_slice(value_of(&p.header, "Auto-Submitted", 0), value_of(&head, "Auto-Submitted", 0));
	assert_slice(value_of(&p.header, "MIME-Version", 0), value_of(&head, "MIME-Version", 0));
	assert_says(p.part[2], "Content-Type: message/rfc822\r\n");
	print_message("# vector dsn-postfix/bounce/%s\n", file);
	hk_arena_done(&p.arena);
	hk_mail_free(m);
	hk_conf_free(c);
	hk_buf_done(&b);
}

/* S3-038 */
static void ours_says_all_that_postfix_says(void **state)
{
	const char *vectors = getenv("HIKYAKU_VECTORS");
	struct dirent *entry;
	size_t n = 0;
	char dir[256];
	DIR *d;

	(void)state;
	snprintf(dir, sizeof dir, "%s/dsn-postfix/bounce", vectors ? vectors : "../shared/vectors");
	d = opendir(dir);
	if (!d)
		skip();
	while ((entry = readdir(d))) {
		if (strstr(entry->d_name, "-thread.ref")) {
			one(dir, entry->d_name);
			n++;
		}
	}
	closedir(d);
	assert_int_equal(n, 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(ours_says_all_that_postfix_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
