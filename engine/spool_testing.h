/* SPDX-License-Identifier: MIT
 *
 * spool_testing.h - a spool on the simulated disk, for tests and fuzz targets.
 */
#ifndef HIKYAKU_ENGINE_SPOOL_TESTING_H
#define HIKYAKU_ENGINE_SPOOL_TESTING_H

#include <stdio.h>
#include <string.h>

#include "engine/spool_internal.h"
#include "sim/disk.h"

#define TEST_SEGMENT (64u * 1024)

struct test_mail {
	struct hk_mail mail;
	struct hk_mail_rcpt rcpt[4];
	char file[HK_MAIL_ID_TEXT];
	uint8_t body[2048];
};

/* A mail whose every byte follows from its id. */
static inline void test_mail_make(struct test_mail *t, uint64_t id, size_t n_rcpt, size_t body)
{
	static const char *const to[4] = {
	    "one@b.test", "two@b.test", "three@c.test", "\"four\\ \"@d.test"};
	size_t i;

	*t = (struct test_mail){0};
	for (i = 0; i < n_rcpt; i++)
		t->rcpt[i].address = hk_slice_str(to[i]);
	for (i = 0; i < body; i++)
		t->body[i] = (uint8_t)(id * 31 + i);
	t->mail = (struct hk_mail){
	    .id = id,
	    .received = (int64_t)id + 5,
	    .flags = HK_MAIL_8BIT,
	    .listener = HK_S("mx"),
	    .mail_from = HK_S("a@a.test"),
	    .rcpt = t->rcpt,
	    .n_rcpt = n_rcpt,
	    .header = HK_S("Subject: x\r\n"),
	    .trace = HK_S("Received: y\r\n"),
	    .body = hk_slice_of(t->body, body),
	    .body_size = body,
	    .summary = HK_S("summary"),
	};
}

static inline enum hk_status test_open(struct hk_sim_disk *d, struct hk_spool **ret)
{
	struct hk_spool_options options = {.dir = "spool", .segment_size = TEST_SEGMENT};

	return hk_spool_open(&d->disk, &options, NULL, ret);
}

static inline enum hk_status test_put(struct hk_spool *s, uint64_t id, size_t n_rcpt, size_t body)
{
	struct test_mail t;

	test_mail_make(&t, id, n_rcpt, body);
	return hk_spool_put(s, &t.mail);
}

/* A body file, as a session makes it: created in place, synced, its directory synced. */
static inline enum hk_status test_put_with_file(
    struct hk_spool *s, struct hk_disk *disk, uint64_t id)
{
	struct test_mail t;
	struct hk_spool_path path;
	enum hk_status status;
	int file;

	test_mail_make(&t, id, 1, 0);
	hk_mail_id_format(id, t.file);
	t.mail.body_file = hk_slice_str(t.file);
	t.mail.body_size = 4;
	path = hk_spool_path("spool/body", t.file);
	status = disk->ops->open(disk, path.text, HK_OPEN_WRITE | HK_OPEN_CREATE, &file);
	if (status != HK_OK)
		return status;
	status = disk->ops->write(disk, file, 0, HK_S("body"));
	if (status == HK_OK)
		status = disk->ops->sync(disk, file);
	disk->ops->close(disk, file);
	if (status == HK_OK)
		status = disk->ops->sync_dir(disk, "spool/body");
	return status == HK_OK ? hk_spool_put(s, &t.mail) : status;
}

/* How many live messages recovery tells of; ids into ret when it has room. SIZE_MAX on an error. */
static inline size_t test_recovered(struct hk_spool *s, uint64_t *ret, size_t room)
{
	struct hk_spool_entry e;
	enum hk_status status;
	size_t n = 0;

	while ((status = hk_spool_recovered(s, &e)) == HK_OK) {
		if (n < room)
			ret[n] = e.id;
		n++;
	}
	return status == HK_END ? n : SIZE_MAX;
}

#endif
