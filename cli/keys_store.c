/* SPDX-License-Identifier: MIT
 *
 * Files are never written twice; the state file (conf/key_state.h) is made anew and renamed.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "keys.h"

#define STATE     HK_KEY_STATE_FILE
#define STATE_NEW STATE ".new"

static bool said(const char *what)
{
	cli_complain(strerror(errno), what);
	return false;
}

/* ---- the state file -------------------------------------------------------------------------- */

static bool read_state(struct keys_store *s, struct hk_slice text)
{
	struct hk_key_entry *entry = NULL;
	size_t line = 0;
	char where[40];
	enum hk_status status = hk_key_entries_parse(&s->arena, text, &entry, &s->n, &line);

	if (status == HK_OK && s->n)
		memcpy(s->key, entry, s->n * sizeof *entry);
	if (status == HK_OK)
		return true;
	snprintf(where, sizeof where, STATE " line %zu", line);
	if (status == HK_SYNTAX)
		cli_complain("not a line of a key", where);
	else if (status == HK_VERSION)
		cli_complain("its state file is not one of this version", s->dir);
	else
		cli_complain("too many keys", where);
	return false;
}

/* The whole of a file below the folder; NOTFOUND when it is not there. */
static enum hk_status read_at(int dir, const char *name, struct hk_buf *ret)
{
	uint8_t chunk[4096];
	enum hk_status status;
	ssize_t n;
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return errno == ENOENT ? HK_NOTFOUND : HK_IO;
	while ((n = read(fd, chunk, sizeof chunk)) > 0)
		hk_buf_add(ret, hk_slice_of(chunk, (size_t)n));
	explicit_bzero(chunk, sizeof chunk);
	status = n < 0 ? HK_IO : hk_buf_status(ret);
	close(fd);
	return status;
}

bool keys_store_open(const struct cli_options *o, bool make, struct keys_store *s)
{
	struct hk_buf text;
	enum hk_status status;
	bool good;

	*s = (struct keys_store){.dir = o->dir, .fd = -1};
	hk_arena_init(&s->arena, KEYS_ARENA);
	if (!o->dir) {
		cli_complain("the folder of the keys is needed: --dir", NULL);
		return false;
	}
	if (make && mkdir(o->dir, 0700) != 0 && errno != EEXIST)
		return said(o->dir);
	s->fd = open(o->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->fd < 0 || flock(s->fd, LOCK_EX) != 0)
		return said(o->dir);
	s->key = hk_arena_array(&s->arena, HK_KEY_ENTRIES, sizeof *s->key);
	if (!s->key)
		return keys_failed(s->arena.failed, o->dir) == CLI_OK;
	hk_buf_init(&text, HK_KEY_STATE_MAX);
	status = read_at(s->fd, STATE, &text);
	if (status == HK_OK)
		good = read_state(s, hk_buf_slice(&text));
	else
		good = status == HK_NOTFOUND || keys_failed(status, STATE) == CLI_OK;
	hk_buf_done(&text);
	return good;
}

void keys_store_close(struct keys_store *s)
{
	if (s->fd >= 0)
		close(s->fd);
	hk_arena_done(&s->arena);
}

bool keys_store_save(const struct keys_store *s)
{
	struct hk_buf text;
	bool good;
	int fd;

	hk_buf_init(&text, HK_KEY_STATE_MAX);
	hk_key_entries_format(s->key, s->n, &text);
	fd = openat(s->fd, STATE_NEW, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	good = fd >= 0 && hk_buf_status(&text) == HK_OK && cli_write_durably(fd, hk_buf_slice(&text)) &&
	       renameat(s->fd, STATE_NEW, s->fd, STATE) == 0 && fsync(s->fd) == 0;
	if (!good)
		said(STATE);
	if (fd >= 0)
		close(fd);
	hk_buf_done(&text);
	return good;
}

/* ---- the keys -------------------------------------------------------------------------------- */

#define PEM_NEW "_new" /* no selector begins with an underscore here */

/* Whole under its name or not there, whenever the power goes; never over what is there. */
static enum hk_status write_new(int dir, const char *name, struct hk_slice pem)
{
	enum hk_status status = HK_IO;
	int fd;

	(void)unlinkat(dir, PEM_NEW, 0); /* of a run that was cut off */
	fd = openat(dir, PEM_NEW, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return HK_IO;
	if (cli_write_durably(fd, pem)) {
		if (linkat(dir, PEM_NEW, dir, name, 0) == 0)
			status = HK_OK;
		else if (errno == EEXIST)
			status = HK_BUSY;
	}
	close(fd);
	(void)unlinkat(dir, PEM_NEW, 0);
	if (status == HK_OK && fsync(dir) != 0)
		status = HK_IO;
	return status;
}

static enum hk_status write_pem(
    const struct keys_store *s, const struct hk_key_entry *key, struct hk_slice pem)
{
	char file[HK_DNS_NAME_MAX + 8];
	enum hk_status status;
	int dir;

	if (mkdirat(s->fd, (const char *)key->domain.p, 0700) != 0 && errno != EEXIST)
		return HK_IO;
	dir = openat(s->fd, (const char *)key->domain.p,
	    O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (dir < 0 || fsync(s->fd) != 0) {
		if (dir >= 0)
			close(dir);
		return HK_IO;
	}
	snprintf(file, sizeof file, "%.*s.pem", HK_FMT(key->selector));
	status = write_new(dir, file, pem);
	close(dir);
	return status;
}

/* A key of ours that the state file does not know, since a run was cut off between the two. */
static bool is_left_over(
    struct keys_store *s, const struct hk_key_entry *key, const struct hk_private_key *private)
{
	struct hk_private_key *found = NULL;
	char file[2 * HK_DNS_NAME_MAX + 8];
	struct hk_buf pem;
	bool good;

	snprintf(file, sizeof file, "%.*s/%.*s.pem", HK_FMT(key->domain), HK_FMT(key->selector));
	hk_buf_init(&pem, KEYS_PEM_MAX);
	good = read_at(s->fd, file, &pem) == HK_OK &&
	       hk_private_key_pem(hk_buf_slice(&pem), &found) == HK_OK &&
	       hk_private_key_alg(found) == hk_private_key_alg(private);
	hk_private_key_free(found);
	if (pem.p)
		explicit_bzero(pem.p, pem.n);
	hk_buf_done(&pem);
	return good;
}

enum hk_status keys_store_add(
    struct keys_store *s, const struct hk_key_entry *key, const struct hk_private_key *private)
{
	struct hk_key_entry copy = *key;
	enum hk_status status;
	struct hk_buf pem;
	size_t i;

	for (i = 0; i < s->n; i++)
		if (hk_slice_eq(s->key[i].domain, key->domain) &&
		    hk_slice_eq(s->key[i].selector, key->selector))
			return HK_BUSY;
	if (s->n == HK_KEY_ENTRIES)
		return HK_LIMIT;
	status = hk_arena_dup(&s->arena, key->domain, &copy.domain);
	if (status == HK_OK)
		status = hk_arena_dup(&s->arena, key->selector, &copy.selector);
	if (status != HK_OK)
		return status;
	hk_buf_init(&pem, KEYS_PEM_MAX);
	status = hk_private_key_pem_add(private, &pem);
	if (status == HK_OK)
		status = write_pem(s, &copy, hk_buf_slice(&pem));
	if (pem.p)
		explicit_bzero(pem.p, pem.n);
	hk_buf_done(&pem);
	if (status == HK_BUSY && is_left_over(s, &copy, private))
		status = HK_OK;
	if (status == HK_OK)
		s->key[s->n++] = copy;
	return status;
}

bool keys_store_private(
    struct keys_store *s, const struct hk_key_entry *key, struct hk_private_key **ret)
{
	char file[2 * HK_DNS_NAME_MAX + 8];
	enum hk_status status;
	struct hk_buf pem;

	snprintf(file, sizeof file, "%.*s/%.*s.pem", HK_FMT(key->domain), HK_FMT(key->selector));
	hk_buf_init(&pem, KEYS_PEM_MAX);
	status = read_at(s->fd, file, &pem);
	if (status == HK_OK)
		status = hk_private_key_pem(hk_buf_slice(&pem), ret);
	if (pem.p)
		explicit_bzero(pem.p, pem.n);
	hk_buf_done(&pem);
	if (status != HK_OK)
		cli_complain(status == HK_NOTFOUND ? "the file of a key is gone"
		                                   : hk_status_text(status),
		    file);
	return status == HK_OK;
}
