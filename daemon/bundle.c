/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/bundle.h"
#include "daemon/key_sources.h"
#include "daemon/mailbox_file.h"
#include "daemon/shaping_file.h"
#include "io/control.h"
#include "io/disk.h"
#include "io/keys.h"
#include "io/net.h"

/* The records of all keys that the keys process takes. */
#define BUNDLE_ARENA ((size_t)HK_KEYS_MAX * (HK_CONTROL_TEXT_MAX + 64))

/* A text, and it again with its tables. */
#define TEXTS_ARENA ((size_t)2 * HK_CONF_TEXT_MAX + 8192)

/* ---- files
 * ----------------------------------------------------------------------------------------- */

enum hk_status bundle_read(int fd, struct hk_arena *a, size_t max, struct hk_slice *ret)
{
	struct hk_disk *disk = hk_disk_kernel();
	enum hk_status status;
	uint64_t size;
	uint8_t *bytes;
	size_t n;

	status = disk->ops->size(disk, fd, &size);
	if (status != HK_OK)
		return status;
	if (size > max)
		return HK_LIMIT;
	bytes = hk_arena_alloc(a, (size_t)size + 1);
	if (!bytes)
		return a->failed;
	status = disk->ops->read(disk, fd, 0, bytes, (size_t)size, &n);
	if (status == HK_OK)
		*ret = hk_slice_of(bytes, n);
	return status;
}

/* Deliberate: symbolic links are followed here, where certificates are usually reached through
 * them; the path is the operator's. */
enum hk_status bundle_open_file(struct hk_slice path, struct hk_buf *why, int *ret)
{
	char text[4096];
	struct stat st;
	int fd = -1;

	errno = ENAMETOOLONG;
	if (path.n < sizeof text) {
		snprintf(text, sizeof text, "%.*s", HK_FMT(path));
		fd = open(text, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	}
	if (fd < 0) {
		hk_buf_addf(why, "%.*s: %s", HK_FMT(path), strerror(errno));
		return HK_NOTFOUND;
	}
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
		hk_buf_addf(why, "%.*s: not a file", HK_FMT(path));
		close(fd);
		return HK_IO;
	}
	*ret = fd;
	return HK_OK;
}

/* ---- the text
 * ---------------------------------------------------------------------------------------- */

static enum hk_status read_text(
    const char *path, struct hk_arena *a, struct hk_buf *why, struct hk_slice *ret)
{
	enum hk_status status;
	int fd;

	status = bundle_open_file(hk_slice_str(path), why, &fd);
	if (status != HK_OK)
		return status;
	status = bundle_read(fd, a, HK_CONF_TEXT_MAX, ret);
	close(fd);
	if (status != HK_OK)
		hk_buf_addf(why, "%s: %s", path, hk_status_text(status));
	return status;
}

static enum hk_status parse_text(
    const char *path, struct hk_slice text, struct hk_buf *why, struct hk_conf **ret)
{
	struct hk_conf_error error = {0};
	enum hk_status status = hk_conf_parse(path, text, ret, &error);

	if (status != HK_OK) {
		if (error.text.n)
			hk_buf_add(why, hk_buf_slice(&error.text));
		else
			hk_buf_addf(why, "%s: %s", path, hk_status_text(status));
		hk_buf_done(&error.text);
	}
	return status;
}

/* The text with what its tables say behind it, so that the mail process, which reads no file, gets
 * all of it. */
static enum hk_status add_tables(const struct hk_conf *conf, struct hk_arena *a, struct hk_buf *why,
    struct hk_slice *text)
{
	enum hk_status status;
	struct hk_buf whole;

	hk_buf_init(&whole, HK_CONF_TEXT_MAX);
	hk_buf_add(&whole, *text);
	hk_buf_add_byte(&whole, '\n');
	status = mailbox_file_read(conf, &whole, why);
	if (status == HK_OK)
		status = shaping_file_read(conf, &whole, why);
	if (status == HK_OK)
		status = key_sources_read(conf, &whole, why);
	if (status == HK_LIMIT && !why->n)
		hk_buf_add_str(why, "its tables hold more keys than a configuration may have");
	if (status == HK_OK)
		status = hk_arena_dup(a, hk_buf_slice(&whole), text);
	hk_buf_done(&whole);
	return status;
}

static enum hk_status read_whole(const char *path, struct hk_arena *a, struct hk_buf *why,
    struct hk_slice *ret_text, struct hk_conf **ret)
{
	struct hk_slice text;
	struct hk_conf *conf;
	enum hk_status status = read_text(path, a, why, &text);

	if (status == HK_OK)
		status = parse_text(path, text, why, &conf);
	if (status == HK_OK && hk_conf_names_tables(conf)) {
		status = add_tables(conf, a, why, &text);
		hk_conf_free(conf);
		if (status == HK_OK)
			status = parse_text(path, text, why, &conf);
	}
	if (status == HK_OK) {
		*ret_text = text;
		*ret = conf;
	}
	return status;
}

enum hk_status bundle_read_conf(const char *path, struct hk_buf *why, struct hk_conf **ret)
{
	enum hk_status status;
	struct hk_slice text;
	struct hk_arena a;

	hk_arena_init(&a, TEXTS_ARENA);
	status = read_whole(path, &a, why, &text, ret);
	hk_arena_done(&a);
	return status;
}

static enum hk_status keep_text(struct bundle *b, struct hk_slice text)
{
	struct hk_disk *disk = hk_disk_kernel();

	b->text_fd = memfd_create("hikyakud.conf", MFD_CLOEXEC);
	return b->text_fd < 0 ? HK_IO : disk->ops->write(disk, b->text_fd, 0, text);
}

/* ---- the whole
 * --------------------------------------------------------------------------------------- */

size_t bundle_pair(const struct hk_conf *conf, size_t listener)
{
	size_t i, n = 0;

	for (i = 0; i < listener; i++)
		if (hk_conf_has_tls(&conf->listener[i]))
			n += conf->listener[i].certificate.n;
	return n;
}

/* n descriptors, none of them open yet */
static int *new_files(size_t n)
{
	int *files = calloc(n + 1, sizeof *files);
	size_t i;

	for (i = 0; files && i < n; i++)
		files[i] = -1;
	return files;
}

static bool make_room(struct bundle *b)
{
	b->certificate = new_files(bundle_pair(b->conf, b->conf->n_listeners));
	b->certificate_key = new_files(bundle_pair(b->conf, b->conf->n_listeners));
	b->users = new_files(b->conf->n_listeners);
	b->key = new_files(b->conf->n_keys);
	b->alg = calloc(b->conf->n_keys + 1, sizeof *b->alg);
	b->has_alg = calloc(b->conf->n_keys + 1, sizeof *b->has_alg);
	b->record = calloc(b->conf->n_keys + 1, sizeof *b->record);
	return b->users && b->certificate && b->certificate_key && b->key && b->alg && b->has_alg && b->record;
}

static enum hk_status open_pairs(struct bundle *b, size_t listener, struct hk_buf *why)
{
	const struct hk_conf_listener *l = &b->conf->listener[listener];
	size_t first = bundle_pair(b->conf, listener), i;
	enum hk_status status = HK_OK;

	for (i = 0; status == HK_OK && i < l->certificate.n; i++) {
		status = bundle_open_file(l->certificate.at[i], why, &b->certificate[first + i]);
		if (status == HK_OK)
			status = bundle_open_file(
			    l->certificate_key.at[i], why, &b->certificate_key[first + i]);
	}
	return status;
}

static enum hk_status open_files(struct bundle *b, struct hk_buf *why)
{
	enum hk_status status = HK_OK;
	size_t i;

	hk_net_raise_files(); /* one for each key of two configurations may be more than a shell's usual 1024 */
	for (i = 0; status == HK_OK && i < b->conf->n_listeners; i++) {
		const struct hk_conf_listener *l = &b->conf->listener[i];

		if (l->auth == HK_AUTH_FILE)
			status = bundle_open_file(l->auth_path, why, &b->users[i]);
		if (status == HK_OK && hk_conf_has_tls(l))
			status = open_pairs(b, i, why);
	}
	for (i = 0; status == HK_OK && i < b->conf->n_keys; i++)
		status = bundle_open_file(b->conf->key[i].file, why, &b->key[i]);
	if (status == HK_OK && b->conf->clientid_key.n)
		status = bundle_open_file(b->conf->clientid_key, why, &b->device_key);
	return status;
}

static enum hk_status fill(
    struct bundle *b, const char *path, struct hk_arena *a, struct hk_buf *why)
{
	enum hk_status status;
	struct hk_slice text;

	status = read_whole(path, a, why, &text, &b->conf);
	if (status != HK_OK)
		return status;
	status = make_room(b) ? keep_text(b, text) : HK_NOMEM;
	if (status != HK_OK) {
		hk_buf_add_str(why, hk_status_text(status));
		return status;
	}
	return open_files(b, why);
}

enum hk_status bundle_open(
    const char *path, uint32_t number, struct hk_buf *why, struct bundle **ret)
{
	struct bundle *b = calloc(1, sizeof *b);
	enum hk_status status;
	struct hk_arena a;

	if (!b)
		return HK_NOMEM;
	*b = (struct bundle){.number = number, .text_fd = -1, .device_key = -1};
	hk_arena_init(&b->arena, BUNDLE_ARENA);
	hk_arena_init(&a, TEXTS_ARENA);
	status = fill(b, path, &a, why);
	hk_arena_done(&a);
	if (status == HK_OK)
		*ret = b;
	else
		bundle_free(b);
	return status;
}

enum hk_status bundle_set_alg(
    struct bundle *b, size_t key, enum hk_sign_alg alg, struct hk_slice record)
{
	enum hk_status status;

	if (key >= b->conf->n_keys || b->has_alg[key])
		return HK_BUG;
	status = hk_arena_dup(&b->arena, record, &b->record[key]);
	if (status != HK_OK)
		return status;
	b->alg[key] = alg;
	b->has_alg[key] = true;
	return HK_OK;
}

bool bundle_has_all_algs(const struct bundle *b)
{
	size_t i;

	for (i = 0; i < b->conf->n_keys; i++)
		if (!b->has_alg[i])
			return false;
	return true;
}

static void close_files(int *files, size_t n)
{
	size_t i;

	for (i = 0; files && i < n; i++)
		if (files[i] >= 0)
			close(files[i]);
	free(files);
}

void bundle_free(struct bundle *b)
{
	if (!b)
		return;
	if (b->conf) {
		close_files(b->certificate, bundle_pair(b->conf, b->conf->n_listeners));
		close_files(b->certificate_key, bundle_pair(b->conf, b->conf->n_listeners));
		close_files(b->users, b->conf->n_listeners);
		close_files(b->key, b->conf->n_keys);
	}
	if (b->text_fd >= 0)
		close(b->text_fd);
	if (b->device_key >= 0)
		close(b->device_key);
	free(b->alg);
	free(b->has_alg);
	free(b->record);
	hk_arena_done(&b->arena);
	hk_conf_free(b->conf);
	free(b);
}
