/* SPDX-License-Identifier: MIT
 *
 * users.c - the password file, read and written.
 */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "conf/users.h"

#define SCHEME "SCRAM-SHA-256$"

struct hk_users {
	_Atomic unsigned users;
	uint8_t *text; /* all slices borrow from it */
	size_t text_n;
	struct hk_user *at;
	size_t n, room;
};

/* ---- what a field may hold ---- */

const char *hk_user_name_check(struct hk_slice name)
{
	size_t i;

	if (!name.n || name.n > HK_USER_NAME_MAX)
		return "must have 1 to 255 octets";
	if (name.p[0] == '#' || hk_slice_eq(name, HK_S("-")))
		return "is no name in a password file";
	for (i = 0; i < name.n; i++)
		if (name.p[i] <= ' ' || name.p[i] == 0x7f)
			return "holds a space or a control character";
	return NULL;
}

const char *hk_user_sender_check(struct hk_slice sender)
{
	size_t at = hk_slice_rfind(sender, '@');

	if (hk_slice_eq(sender, HK_S("*")))
		return NULL;
	if (hk_user_name_check(sender) || at + 1 >= sender.n)
		return "must be user@domain, @domain or *";
	return NULL;
}

static bool is_hash(struct hk_slice hash)
{
	size_t i;

	for (i = 0; i < hash.n; i++)
		if (!hk_is_graph(hash.p[i]) || strchr(":;*!\\", hash.p[i]))
			return false;
	return hash.n > 0 && hash.n < HK_USER_HASH_MAX;
}

static bool take_base64(struct hk_slice text, uint8_t *to, size_t min, size_t max, size_t *ret)
{
	struct hk_slice bytes;
	struct hk_arena a;
	bool ok;

	hk_arena_init(&a, 4096);
	ok = text.n < 256 && hk_base64_parse(&a, text, &bytes) == HK_OK && bytes.n >= min &&
	     bytes.n <= max;
	if (ok) {
		memcpy(to, bytes.p, bytes.n);
		*ret = bytes.n;
		explicit_bzero((void *)(uintptr_t)bytes.p, bytes.n);
	}
	hk_arena_done(&a);
	return ok;
}

/* Up to the mark, which goes too. */
static struct hk_slice take_to(struct hk_slice *rest, uint8_t mark)
{
	struct hk_slice part = hk_slice_sub(*rest, 0, hk_slice_find(*rest, mark));

	*rest = hk_slice_from(*rest, part.n + 1);
	return part;
}

static bool parse_scram(struct hk_slice text, struct hk_user *u)
{
	struct hk_slice rest, iterations, salt, stored;
	uint64_t n;
	size_t size;

	if (!hk_slice_starts_nocase(text, HK_S(SCHEME)))
		return false;
	rest = hk_slice_from(text, sizeof SCHEME - 1);
	iterations = take_to(&rest, ':');
	salt = take_to(&rest, '$');
	stored = take_to(&rest, ':');
	if (hk_slice_u64(iterations, HK_SCRAM_ITERATIONS_MAX, &n) != HK_OK ||
	    n < HK_SCRAM_ITERATIONS_MIN ||
	    !take_base64(salt, u->salt, 8, sizeof u->salt, &u->salt_n) ||
	    !take_base64(stored, u->stored_key, HK_SHA256_SIZE, HK_SHA256_SIZE, &size) ||
	    !take_base64(rest, u->server_key, HK_SHA256_SIZE, HK_SHA256_SIZE, &size))
		return false;
	u->iterations = (uint32_t)n;
	u->has_scram = true;
	return true;
}

static const char *check_senders(struct hk_slice senders)
{
	while (senders.n) {
		struct hk_slice word = take_to(&senders, ' ');

		if (word.n && hk_user_sender_check(word))
			return "a sender must be user@domain, @domain or *";
	}
	return NULL;
}

/* NULL, or what is wrong with the line. */
static const char *parse_line(struct hk_slice line, struct hk_user *u)
{
	struct hk_slice rest = line, hash, scram;

	*u = (struct hk_user){.name = take_to(&rest, ' ')};
	hash = take_to(&rest, ' ');
	scram = take_to(&rest, ' ');
	u->senders = hk_slice_trim(rest);
	if (hk_user_name_check(u->name))
		return "the name is none";
	if (!hk_slice_eq(hash, HK_S("-"))) {
		if (!is_hash(hash))
			return "the second field is no hash of crypt(3), nor \"-\"";
		u->hash = hash;
	}
	if (!hk_slice_eq(scram, HK_S("-")) && !parse_scram(scram, u))
		return "the third field is no verifier of SCRAM-SHA-256 (RFC 5803), nor \"-\"";
	return check_senders(u->senders);
}

/* ---- the whole ---- */

static int compare_names(struct hk_slice a, struct hk_slice b)
{
	size_t i;

	for (i = 0; i < a.n && i < b.n; i++) {
		int d = hk_to_lower(a.p[i]) - hk_to_lower(b.p[i]);

		if (d)
			return d;
	}
	return a.n < b.n ? -1 : a.n > b.n;
}

static int compare(const void *a, const void *b)
{
	return compare_names(((const struct hk_user *)a)->name, ((const struct hk_user *)b)->name);
}

static enum hk_status add(struct hk_users *u, const struct hk_user *user)
{
	size_t room = u->room ? u->room * 2 : 16;
	struct hk_user *more;

	if (u->n == u->room) {
		/* no realloc: what it leaves behind would not be wiped */
		more = calloc(room, sizeof *more);
		if (!more)
			return HK_NOMEM;
		if (u->n)
			memcpy(more, u->at, u->n * sizeof *more);
		if (u->at)
			explicit_bzero(u->at, u->n * sizeof *u->at);
		free(u->at);
		u->at = more;
		u->room = room;
	}
	u->at[u->n++] = *user;
	return HK_OK;
}

static enum hk_status parse_all(struct hk_users *u, struct hk_buf *why)
{
	struct hk_slice rest = hk_slice_of(u->text, u->text_n);
	enum hk_status status = HK_OK;
	unsigned line_number = 0;
	struct hk_user user;
	size_t i;

	while (rest.n && status == HK_OK) {
		struct hk_slice line = take_to(&rest, '\n');
		const char *wrong;

		line_number++;
		if (line.n && line.p[line.n - 1] == '\r')
			line.n--;
		if (!line.n || line.p[0] == '#')
			continue;
		wrong = parse_line(line, &user);
		if (wrong) {
			hk_buf_addf(why, "line %u: %s", line_number, wrong);
			status = HK_SYNTAX;
		} else {
			status = add(u, &user);
		}
	}
	explicit_bzero(&user, sizeof user);
	if (status != HK_OK || !u->n)
		return status;
	qsort(u->at, u->n, sizeof *u->at, compare);
	for (i = 1; i < u->n; i++)
		if (compare(&u->at[i - 1], &u->at[i]) == 0) {
			hk_buf_addf(
			    why, "there are two users of the name \"%.*s\"", HK_FMT(u->at[i].name));
			return HK_SYNTAX;
		}
	return HK_OK;
}

enum hk_status hk_users_parse(struct hk_slice text, struct hk_buf *why, struct hk_users **ret)
{
	struct hk_users *u = calloc(1, sizeof *u);
	enum hk_status status = HK_NOMEM;

	if (!u)
		return HK_NOMEM;
	u->users = 1;
	if (text.n > HK_USERS_TEXT_MAX)
		status = HK_LIMIT;
	else if ((u->text = malloc(text.n + 1))) {
		if (text.n)
			memcpy(u->text, text.p, text.n);
		u->text_n = text.n;
		status = parse_all(u, why);
	}
	if (status == HK_OK)
		*ret = u;
	else
		hk_users_free(u);
	return status;
}

struct hk_users *hk_users_use(struct hk_users *u)
{
	u->users++;
	return u;
}

void hk_users_free(struct hk_users *u)
{
	if (!u || --u->users)
		return;
	if (u->at)
		explicit_bzero(u->at, u->n * sizeof *u->at);
	if (u->text)
		explicit_bzero(u->text, u->text_n);
	free(u->at);
	free(u->text);
	free(u);
}

const struct hk_user *hk_users_find(const struct hk_users *u, struct hk_slice name)
{
	size_t low = 0, high = u->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int d = compare_names(name, u->at[middle].name);

		if (d == 0)
			return &u->at[middle];
		if (d < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

size_t hk_users_count(const struct hk_users *u)
{
	return u->n;
}

const struct hk_user *hk_users_at(const struct hk_users *u, size_t i)
{
	return &u->at[i];
}

void hk_user_format(const struct hk_user *u, struct hk_buf *out)
{
	hk_buf_add(out, u->name);
	hk_buf_add_byte(out, ' ');
	hk_buf_add(out, u->hash.n ? u->hash : HK_S("-"));
	hk_buf_add_byte(out, ' ');
	if (u->has_scram) {
		hk_buf_addf(out, SCHEME "%lu:", (unsigned long)u->iterations);
		hk_base64_add(out, hk_slice_of(u->salt, u->salt_n));
		hk_buf_add_byte(out, '$');
		hk_base64_add(out, hk_slice_of(u->stored_key, sizeof u->stored_key));
		hk_buf_add_byte(out, ':');
		hk_base64_add(out, hk_slice_of(u->server_key, sizeof u->server_key));
	} else {
		hk_buf_add_byte(out, '-');
	}
	if (u->senders.n)
		hk_buf_addf(out, " %.*s", HK_FMT(u->senders));
	hk_buf_add_byte(out, '\n');
}
