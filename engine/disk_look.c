/* SPDX-License-Identifier: MIT */
#include <limits.h>

#include "engine/disk_look.h"

enum { NOWHERE = INT_MIN }; /* the handle of a file that was made here */

static struct hk_disk *inner_of(struct hk_disk *d)
{
	return ((struct hk_disk_look *)(void *)d)->inner;
}

static enum hk_status look_open(struct hk_disk *d, const char *path, unsigned flags, int *ret)
{
	struct hk_disk *inner = inner_of(d);
	enum hk_status status = inner->ops->open(inner, path, HK_OPEN_READ | (flags & HK_OPEN_DIRECT), ret);

	if (flags & HK_OPEN_CREATE && status == HK_OK) {
		inner->ops->close(inner, *ret);
		return HK_BUSY;
	}
	if (status != HK_NOTFOUND || !(flags & (HK_OPEN_CREATE | HK_OPEN_MAKE)))
		return status;
	*ret = NOWHERE;
	return HK_OK;
}

static void look_close(struct hk_disk *d, int file)
{
	if (file != NOWHERE)
		inner_of(d)->ops->close(inner_of(d), file);
}

static enum hk_status look_read(struct hk_disk *d, int file, uint64_t offset, void *to, size_t n, size_t *ret)
{
	if (file != NOWHERE)
		return inner_of(d)->ops->read(inner_of(d), file, offset, to, n, ret);
	*ret = 0;
	return HK_OK;
}

static enum hk_status look_size(struct hk_disk *d, int file, uint64_t *ret)
{
	if (file != NOWHERE)
		return inner_of(d)->ops->size(inner_of(d), file, ret);
	*ret = 0;
	return HK_OK;
}

static enum hk_status look_write(struct hk_disk *d, int file, uint64_t offset, struct hk_slice bytes)
{
	(void)d, (void)file, (void)offset, (void)bytes;
	return HK_OK;
}

static enum hk_status no_resize(struct hk_disk *d, int file, uint64_t size)
{
	(void)d, (void)file, (void)size;
	return HK_OK;
}

static enum hk_status no_file(struct hk_disk *d, int file)
{
	(void)d, (void)file;
	return HK_OK;
}

static enum hk_status no_name(struct hk_disk *d, const char *path)
{
	(void)d, (void)path;
	return HK_OK;
}

static enum hk_status no_names(struct hk_disk *d, const char *from, const char *to)
{
	(void)d, (void)from, (void)to;
	return HK_OK;
}

static enum hk_status look_find_dir(struct hk_disk *d, const char *path)
{
	return inner_of(d)->ops->find_dir(inner_of(d), path);
}

static enum hk_status look_list(
    struct hk_disk *d, const char *dir, struct hk_arena *a, struct hk_slice **ret, size_t *ret_n)
{
	return inner_of(d)->ops->list(inner_of(d), dir, a, ret, ret_n);
}

static enum hk_status look_space(struct hk_disk *d, const char *dir, uint64_t *ret_free)
{
	return inner_of(d)->ops->space(inner_of(d), dir, ret_free);
}

static struct hk_disk_reason look_why(struct hk_disk *d, enum hk_status status)
{
	return hk_disk_why(inner_of(d), status);
}

void hk_disk_look_init(struct hk_disk_look *l, struct hk_disk *inner)
{
	static const struct hk_disk_ops ops = {
	    .open = look_open,
	    .close = look_close,
	    .read = look_read,
	    .write = look_write,
	    .size = look_size,
	    .allocate = no_resize,
	    .truncate = no_resize,
	    .sync = no_file,
	    .sync_dir = no_name,
	    .make_dir = no_name,
	    .find_dir = look_find_dir,
	    .link = no_names,
	    .rename = no_names,
	    .unlink = no_name,
	    .list = look_list,
	    .lock = no_file,
	    .space = look_space,
	    .why = look_why,
	};

	*l = (struct hk_disk_look){.disk.ops = &ops, .inner = inner};
}
