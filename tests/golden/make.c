/* SPDX-License-Identifier: MIT
 *
 * make.c - the spool of one version, for tests/golden: the same calls for each, so that what stands in them differs by the
 * version alone. usage: golden-spool DIR
 */
#include <stdio.h>
#include <string.h>

#include "engine/spool_internal.h"
#include "io/disk.h"

enum { SEGMENT = 64 * 1024, FILLER = 15 * 1024, FILLERS = 16, FILE_SIZE = 300 };

#define FIRST_ID 0xd9000000000001u
#define RECEIVED 1790000000

static uint8_t filler[FILLER];

struct made {
	struct hk_mail mail;
	struct hk_mail_rcpt rcpt[2];
	char file[HK_MAIL_ID_TEXT];
};

static void make(struct made *m, uint64_t id, size_t n_rcpt, struct hk_slice body)
{
	*m = (struct made){.rcpt = {{.address = HK_S("one@b.test")}, {.address = HK_S("\"two \"@c.test")}}};
	m->mail = (struct hk_mail){.id = id,
	    .received = RECEIVED + (int64_t)(id - FIRST_ID),
	    .listener = HK_S("mx"),
	    .mail_from = HK_S("u@a.test"),
	    .rcpt = m->rcpt,
	    .n_rcpt = n_rcpt,
	    .header = HK_S("From: u@a.test\r\nSubject: golden\r\n"),
	    .trace = HK_S("Received: from a.test by mx.b.test\r\n"),
	    .body = body,
	    .body_size = body.n,
	    .summary = HK_S("client=192.0.2.1")};
#if HK_SPOOL_VERSION >= 2
	m->mail.params = (struct hk_smtp_mail_params){.ret = HK_RET_HDRS, .envid = HK_S("QQ314159")};
	m->mail.user = HK_S("u");
	m->rcpt[0].params = (struct hk_smtp_rcpt_params){.notify = HK_NOTIFY_FAILURE, .orcpt = HK_S("rfc822;first@a.test")};
#endif
}

static enum hk_status attempt(struct hk_spool *s, uint64_t id, int64_t next, struct hk_slice why)
{
#if HK_SPOOL_VERSION >= 2
	return hk_spool_attempt(s, id, next, 0, why);
#else
	return hk_spool_attempt(s, id, next, why);
#endif
}

static enum hk_status put_with_file(struct hk_spool *s, struct hk_disk *disk, const char *dir, uint64_t id)
{
	struct hk_spool_path path, folder = hk_spool_path(dir, "body");
	enum hk_status status;
	struct made m;
	int file;

	make(&m, id, 1, HK_S(""));
	hk_mail_id_format(id, m.file);
	m.mail.body_file = hk_slice_str(m.file);
	m.mail.body_size = FILE_SIZE;
	path = hk_spool_path(folder.text, m.file);
	status = disk->ops->open(disk, path.text, HK_OPEN_WRITE | HK_OPEN_CREATE, &file);
	if (status != HK_OK)
		return status;
	status = disk->ops->write(disk, file, 0, hk_slice_of(filler, FILE_SIZE));
	disk->ops->close(disk, file);
	return status == HK_OK ? hk_spool_put(s, &m.mail) : status;
}

/* Comes and goes, so that segments fill, and what lives in the oldest is moved. */
static enum hk_status pass(struct hk_spool *s, uint64_t id)
{
	struct made m;
	enum hk_status status;

	make(&m, id, 1, hk_slice_of(filler, sizeof filler));
	status = hk_spool_put(s, &m.mail);
	if (status == HK_OK)
		status = hk_spool_commit(s);
	if (status == HK_OK)
		status = hk_spool_complete(s, id, 0, HK_RCPT_DELIVERED, HK_S("250 ok"));
	if (status == HK_OK)
		status = hk_spool_commit(s);
	return status == HK_OK ? hk_spool_tidy(s, SEGMENT) : status;
}

static enum hk_status fill(struct hk_spool *s, struct hk_disk *disk, const char *dir)
{
	uint64_t id = FIRST_ID;
	enum hk_status status;
	struct made m;
	size_t i;

	make(&m, id++, 2, HK_S("first\r\n"));
	status = hk_spool_put(s, &m.mail);
	if (status == HK_OK)
		status = hk_spool_commit(s);
	if (status == HK_OK)
		status = hk_spool_complete(s, FIRST_ID, 1, HK_RCPT_DELIVERED, HK_S("250 ok"));
	if (status == HK_OK)
		status = attempt(s, FIRST_ID, RECEIVED + 3600, HK_S("451 later"));
	for (i = 0; status == HK_OK && i < FILLERS; i++)
		status = pass(s, id++);
	if (status == HK_OK)
		status = put_with_file(s, disk, dir, id++);
	make(&m, id++, 1, HK_S("last\r\n"));
	m.mail.mail_from = m.mail.listener = HK_S("");
	if (status == HK_OK)
		status = hk_spool_put(s, &m.mail);
	if (status == HK_OK)
		status = hk_spool_commit(s);
	if (status == HK_OK)
		status = attempt(s, id - 2, RECEIVED + 7200, HK_S("no route to host"));
	return status == HK_OK ? hk_spool_commit(s) : status;
}

int main(int argc, char **argv)
{
	struct hk_spool_options options = {.dir = argv[1], .segment_size = SEGMENT};
	struct hk_disk *disk = hk_disk_kernel();
	enum hk_status status;
	struct hk_spool *s;

	if (argc != 2)
		return 2;
	memset(filler, 'x', sizeof filler);
	status = hk_spool_open(disk, &options, NULL, &s);
	if (status == HK_OK) {
		status = fill(s, disk, argv[1]);
		hk_spool_close(s);
	}
	if (status != HK_OK)
		fprintf(stderr, "%s\n", hk_status_text(status));
	return status != HK_OK;
}
