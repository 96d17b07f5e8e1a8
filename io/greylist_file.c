/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <sys/random.h>

#include "io/disk.h"
#include "io/greylist_file.h"

enum { PATH_ROOM = HK_CONF_PATH_MAX + 32 };

static void path_of(const struct hk_conf *conf, const char *name, char ret[PATH_ROOM])
{
	snprintf(ret, PATH_ROOM, "%.*s/%s", HK_FMT(conf->spool), name);
}

static enum hk_status new_one(struct hk_greylist **ret)
{
	uint8_t seed[HK_GREYLIST_SEED];

	if (getrandom(seed, sizeof seed, 0) != (ssize_t)sizeof seed)
		return HK_IO;
	*ret = hk_greylist_new(HK_GREYLIST_MAX, seed);
	return *ret ? HK_OK : HK_NOMEM;
}

enum hk_status hk_greylist_load(const struct hk_conf *conf, struct hk_log *log, struct hk_greylist **ret)
{
	char path[PATH_ROOM];
	enum hk_status status;
	struct hk_slice text;
	struct hk_arena a;

	path_of(conf, "greylist", path);
	hk_arena_init(&a, HK_GREYLIST_TEXT_MAX + 4096);
	status = hk_disk_read_all(path, &a, HK_GREYLIST_TEXT_MAX, &text);
	if (status == HK_OK)
		status = hk_greylist_parse(text, HK_GREYLIST_MAX, ret);
	hk_arena_done(&a);
	if (status == HK_OK || status == HK_NOMEM)
		return status;
	if (status != HK_NOTFOUND)
		hk_logf(log, HK_LOG_WARNING, "ev=greylist what=\"it begins anew\" status=%s", hk_status_name(status));
	return new_one(ret);
}

static enum hk_status write_file(const char *path, struct hk_slice text)
{
	struct hk_disk *disk = hk_disk_kernel();
	enum hk_status status;
	int file;

	status = disk->ops->open(disk, path, HK_OPEN_WRITE | HK_OPEN_MAKE, &file);
	if (status != HK_OK)
		return status;
	status = disk->ops->truncate(disk, file, 0);
	if (status == HK_OK)
		status = disk->ops->write(disk, file, 0, text);
	if (status == HK_OK)
		status = disk->ops->sync(disk, file);
	disk->ops->close(disk, file);
	return status;
}

void hk_greylist_save(struct hk_greylist *g, const struct hk_conf *conf, struct hk_log *log)
{
	struct hk_disk *disk = hk_disk_kernel();
	char path[PATH_ROOM], fresh[PATH_ROOM];
	enum hk_status status;
	struct hk_buf text;

	if (!g)
		return;
	path_of(conf, "greylist", path);
	path_of(conf, "greylist.new", fresh);
	hk_buf_init(&text, HK_GREYLIST_TEXT_MAX);
	hk_greylist_format(g, &text);
	status = hk_buf_status(&text);
	if (status == HK_OK)
		status = write_file(fresh, hk_buf_slice(&text));
	if (status == HK_OK)
		status = disk->ops->rename(disk, fresh, path);
	if (status != HK_OK)
		hk_logf(log, HK_LOG_WARNING, "ev=greylist what=\"it cannot be kept\" status=%s", hk_status_name(status));
	hk_buf_done(&text);
}
