/* SPDX-License-Identifier: MIT
 *
 * policies_disk.c - SPOOL/sts/DOMAIN: "hikyaku-sts 1", the id, when it was fetched, an empty line, the policy as it came. A file
 * is made whole under another name first; one that cannot be read is as if it was not there.
 */
#include <stdio.h>
#include <string.h>

#include "engine/log_value.h"
#include "io/clock.h"
#include "io/policies_internal.h"

#define HEAD     "hikyaku-sts 1\n"
#define FILE_MAX (HK_STS_POLICY_MAX + 256)

static void path_of(const struct hk_policies *p, const char *prefix, const char *domain, char ret[1400])
{
	snprintf(ret, 1400, "%s/%s%s", p->dir, prefix, domain);
}

static void take_line(struct hk_slice *rest, struct hk_slice *ret)
{
	size_t end = hk_slice_find(*rest, '\n');

	*ret = hk_slice_sub(*rest, 0, end);
	*rest = hk_slice_from(*rest, end + 1);
}

/* false: it is no such file, or its policy is none. */
static bool read_text(struct policy *e, struct hk_slice text)
{
	struct hk_slice id, when, empty;
	struct hk_sts_policy policy;
	struct hk_arena a;
	uint64_t fetched;
	bool ok;

	if (!hk_slice_starts_nocase(text, HK_S(HEAD)))
		return false;
	text = hk_slice_from(text, sizeof HEAD - 1);
	take_line(&text, &id);
	take_line(&text, &when);
	take_line(&text, &empty);
	if (!id.n || id.n > HK_STS_ID_MAX || empty.n || hk_slice_u64(when, INT64_MAX / 2, &fetched) != HK_OK)
		return false;
	hk_arena_init(&a, 1024 * 1024);
	ok = hk_sts_policy_parse(&a, text, &policy) == HK_OK;
	if (ok) {
		hk_buf_reset(&e->text);
		hk_buf_add(&e->text, text);
		snprintf(e->id, sizeof e->id, "%.*s", HK_FMT(id));
		e->fetched = (int64_t)fetched;
		e->expires = e->fetched + policy.max_age;
		ok = hk_buf_status(&e->text) == HK_OK;
	}
	hk_arena_done(&a);
	return ok;
}

void policies_load(struct hk_policies *p, struct policy *e)
{
	struct hk_arena a;
	char path[1400];
	uint64_t size;
	uint8_t *bytes;
	size_t n;
	int file;

	path_of(p, "", e->domain, path);
	if (p->disk->ops->open(p->disk, path, HK_OPEN_READ, &file) != HK_OK)
		return;
	hk_arena_init(&a, FILE_MAX + 64);
	if (p->disk->ops->size(p->disk, file, &size) == HK_OK && size <= FILE_MAX &&
	    (bytes = hk_arena_alloc(&a, (size_t)size)) != NULL &&
	    p->disk->ops->read(p->disk, file, 0, bytes, (size_t)size, &n) == HK_OK &&
	    !read_text(e, hk_slice_of(bytes, n)))
		hk_buf_reset(&e->text);
	p->disk->ops->close(p->disk, file);
	hk_arena_done(&a);
}

static enum hk_status write_file(struct hk_policies *p, const char *path, struct hk_slice text)
{
	enum hk_status status;
	int file;

	status = p->disk->ops->open(p->disk, path, HK_OPEN_WRITE | HK_OPEN_MAKE, &file);
	if (status != HK_OK)
		return status;
	status = p->disk->ops->truncate(p->disk, file, 0);
	if (status == HK_OK)
		status = p->disk->ops->write(p->disk, file, 0, text);
	if (status == HK_OK)
		status = p->disk->ops->sync(p->disk, file);
	p->disk->ops->close(p->disk, file);
	return status;
}

void policies_save(struct hk_policies *p, const struct policy *e)
{
	char path[1400], next[1400];
	enum hk_status status;
	struct hk_buf b;

	path_of(p, "", e->domain, path);
	path_of(p, "+", e->domain, next); /* no host name begins so */
	hk_buf_init(&b, FILE_MAX);
	hk_buf_addf(&b, HEAD "%s\n%lld\n\n", e->id, (long long)e->fetched);
	hk_buf_add(&b, hk_buf_slice(&e->text));
	status = hk_buf_status(&b);
	if (status == HK_OK)
		status = write_file(p, next, hk_buf_slice(&b));
	if (status == HK_OK)
		status = p->disk->ops->rename(p->disk, next, path);
	if (status == HK_OK)
		status = p->disk->ops->sync_dir(p->disk, p->dir);
	if (status != HK_OK)
		hk_logf(p->log, HK_LOG_WARNING, "ev=sts domain=%s what=\"the policy cannot be kept\" status=%s", e->domain,
		    hk_status_name(status));
	hk_buf_done(&b);
}

void policies_tidy(struct hk_policies *p)
{
	enum { NAMES = 64 * 1024 * 1024 };
	struct hk_slice *name;
	struct hk_arena a;
	struct hk_now now;
	char path[1400];
	size_t n, i;

	hk_clock_now(&now);
	hk_arena_init(&a, NAMES);
	if (p->disk->ops->list(p->disk, p->dir, &a, &name, &n) != HK_OK)
		n = 0;
	for (i = 0; i < n; i++) {
		struct policy e = {0};

		if (name[i].n >= sizeof e.domain)
			continue;
		snprintf(e.domain, sizeof e.domain, "%.*s", HK_FMT(name[i]));
		hk_buf_init(&e.text, HK_STS_POLICY_MAX);
		policies_load(p, &e);
		if (!e.text.n || e.expires <= now.utc) {
			path_of(p, "", e.domain, path);
			(void)!p->disk->ops->unlink(p->disk, path);
		}
		hk_buf_done(&e.text);
	}
	hk_arena_done(&a);
}
