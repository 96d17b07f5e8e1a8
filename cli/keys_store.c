/* SPDX-License-Identifier: MIT
 *
 *	DIR/DOMAIN/SELECTOR.pem   PKCS#8, mode 0600; never written twice
 *	DIR/_keys                 a line for each key: DOMAIN SELECTOR ALGORITHM STATE SINCE
 *
 * An underscore is in no domain's name, so the state file and a domain's folder cannot collide.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "keys.h"

#define STATE     "_keys"
#define STATE_NEW "_keys.new"
#define FIRST     "# hikyaku keys, version 1: domain selector algorithm state since"

static bool said(const char *what)
{
	cli_complain(strerror(errno), what);
	return false;
}

/* ---- the state file -------------------------------------------------------------------------- */

static bool read_word(struct hk_slice *line, struct hk_slice *ret)
{
	size_t end = hk_slice_find(*line, ' ');

	*ret = hk_slice_sub(*line, 0, end);
	*line = hk_slice_from(*line, end + 1);
	return ret->n > 0;
}

static bool read_line(struct hk_arena *a, struct hk_slice line, struct keys_key *ret)
{
	struct hk_slice domain, selector, alg, state;
	uint64_t since;
	unsigned i;

	if (!read_word(&line, &domain) || !read_word(&line, &selector) || !read_word(&line, &alg) ||
	    !read_word(&line, &state) || hk_slice_u64(line, INT64_MAX, &since) != HK_OK)
		return false;
	if (!hk_is_hostname(domain, false) || !hk_is_hostname(selector, false))
		return false;
	if (!hk_slice_eq(alg, HK_S("rsa")) && !hk_slice_eq(alg, HK_S("ed25519")))
		return false;
	for (i = 0; i < KEYS_STATES; i++)
		if (hk_slice_eq(state, hk_slice_str(keys_state_name((enum keys_state)i))))
			break;
	if (i == KEYS_STATES)
		return false;
	*ret = (struct keys_key){.alg = hk_slice_eq(alg, HK_S("rsa")) ? HK_SIGN_RSA_SHA256
	                                                              : HK_SIGN_ED25519_SHA256,
	    .state = (enum keys_state)i,
	    .since = (int64_t)since};
	return hk_arena_dup(a, domain, &ret->domain) == HK_OK &&
	       hk_arena_dup(a, selector, &ret->selector) == HK_OK;
}

static bool read_state(struct keys_store *s, struct hk_slice text)
{
	char where[40];
	size_t line = 0;

	if (!hk_slice_eq(hk_slice_sub(text, 0, hk_slice_find(text, '\n')), HK_S(FIRST))) {
		cli_complain("its state file is not one of this version", s->dir);
		return false;
	}
	while (text.n) {
		size_t end = hk_slice_find(text, '\n');
		struct hk_slice here = hk_slice_sub(text, 0, end);

		text = hk_slice_from(text, end + 1);
		line++;
		if (here.n == 0 || here.p[0] == '#')
			continue;
		if (s->n == KEYS_MAX || !read_line(&s->arena, here, &s->key[s->n])) {
			snprintf(where, sizeof where, STATE " line %zu", line);
			cli_complain(
			    s->n == KEYS_MAX ? "too many keys" : "not a line of a key", where);
			return false;
		}
		s->n++;
	}
	return true;
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
	s->key = hk_arena_array(&s->arena, KEYS_MAX, sizeof *s->key);
	if (!s->key)
		return keys_failed(s->arena.failed, o->dir) == CLI_OK;
	hk_buf_init(&text, KEYS_STATE_MAX);
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

static bool write_all(int fd, struct hk_slice s)
{
	while (s.n) {
		ssize_t n = write(fd, s.p, s.n);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		s = hk_slice_from(s, (size_t)n);
	}
	return fsync(fd) == 0;
}

bool keys_store_save(const struct keys_store *s)
{
	struct hk_buf text;
	size_t i;
	bool good;
	int fd;

	hk_buf_init(&text, KEYS_STATE_MAX);
	hk_buf_add_str(&text, FIRST "\n");
	for (i = 0; i < s->n; i++)
		hk_buf_addf(&text, "%.*s %.*s %s %s %lld\n", HK_FMT(s->key[i].domain),
		    HK_FMT(s->key[i].selector), keys_alg_name(s->key[i].alg),
		    keys_state_name(s->key[i].state), (long long)s->key[i].since);
	fd = openat(s->fd, STATE_NEW, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	good = fd >= 0 && hk_buf_status(&text) == HK_OK && write_all(fd, hk_buf_slice(&text)) &&
	       renameat(s->fd, STATE_NEW, s->fd, STATE) == 0 && fsync(s->fd) == 0;
	if (!good)
		said(STATE);
	if (fd >= 0)
		close(fd);
	hk_buf_done(&text);
	return good;
}

/* ---- the keys -------------------------------------------------------------------------------- */

static enum hk_status write_new(int dir, const char *name, struct hk_slice pem)
{
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	enum hk_status status = HK_OK;

	if (fd < 0)
		return errno == EEXIST ? HK_BUSY : HK_IO;
	if (!write_all(fd, pem) || fsync(dir) != 0)
		status = HK_IO;
	if (close(fd) != 0)
		status = HK_IO;
	if (status != HK_OK)
		(void)unlinkat(dir, name, 0);
	return status;
}

static enum hk_status write_pem(
    const struct keys_store *s, const struct keys_key *key, struct hk_slice pem)
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

enum hk_status keys_store_add(
    struct keys_store *s, const struct keys_key *key, const struct hk_private_key *private)
{
	struct keys_key copy = *key;
	enum hk_status status;
	struct hk_buf pem;
	size_t i;

	for (i = 0; i < s->n; i++)
		if (hk_slice_eq(s->key[i].domain, key->domain) &&
		    hk_slice_eq(s->key[i].selector, key->selector))
			return HK_BUSY;
	if (s->n == KEYS_MAX)
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
	if (status == HK_OK)
		s->key[s->n++] = copy;
	return status;
}

bool keys_store_private(
    struct keys_store *s, const struct keys_key *key, struct hk_private_key **ret)
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
