/* SPDX-License-Identifier: MIT
 *
 * Which header fields a signature covers, and their digest.
 */
#include <string.h>

#include <hikyaku/tags.h>

#include "dkim_internal.h"

/* A sum over the name in lower case. Only a filter in front of the comparison, so collisions cost
 * time, never truth. */
static uint32_t name_sum(struct hk_slice name)
{
	uint32_t sum = (uint32_t)name.n;
	size_t i;

	for (i = 0; i < name.n; i++)
		sum = sum * 33 + hk_to_lower(name.p[i]);
	return sum;
}

enum hk_status hk_dkim_fields_init(
    struct hk_dkim_fields *f, struct hk_arena *a, const struct hk_header *header)
{
	size_t i;

	f->header = header;
	f->sum = hk_arena_array(a, header->n, sizeof *f->sum);
	f->taken = hk_arena_alloc(a, header->n);
	if (!f->sum || !f->taken)
		return a->failed;
	for (i = 0; i < header->n; i++)
		f->sum[i] = name_sum(header->field[i].name);
	return HK_OK;
}

static void count_copies(
    const struct hk_dkim_fields *f, struct hk_slice name, size_t *ret_signed, size_t *ret_bare)
{
	uint32_t sum = name_sum(name);
	size_t i;

	for (i = 0; i < f->header->n; i++)
		if (f->sum[i] == sum && hk_slice_eq_nocase(f->header->field[i].name, name))
			++*(f->taken[i] ? ret_signed : ret_bare);
}

struct hk_slice hk_dkim_uncovered(const struct hk_dkim_fields *f, bool has_length)
{
	/* RFC 5322 3.6, RFC 2045 3 to 6: at most one of each */
	static const char *const names[] = {"Content-Type", "From", "Subject", "To", "Cc", "Date", "Sender",
	    "Reply-To", "Message-ID", "In-Reply-To", "References", "MIME-Version", "Content-Transfer-Encoding"};
	size_t i;

	for (i = 0; i < sizeof names / sizeof names[0]; i++) {
		size_t covered = 0, bare = 0;

		count_copies(f, hk_slice_str(names[i]), &covered, &bare);
		if (bare && (covered || (i == 0 && has_length)))
			return hk_slice_str(names[i]);
	}
	return (struct hk_slice){0};
}

bool hk_dkim_is_field_name(struct hk_slice s)
{
	size_t i;

	for (i = 0; i < s.n; i++)
		if (!hk_is_graph(s.p[i]) || s.p[i] == ':')
			return false;
	return s.n > 0;
}

/* RFC 6376 5.4.2: repeated fields are taken from the bottom of the header up; a name listed more
 * often than it occurs stands for nothing, which is what makes oversigning work (5.4). */
static size_t find_up(const struct hk_dkim_fields *f, struct hk_slice name, size_t own)
{
	uint32_t sum = name_sum(name);
	size_t i = f->header->n;

	while (i > 0) {
		i--;
		if (f->sum[i] == sum && !f->taken[i] && i != own &&
		    hk_slice_eq_nocase(f->header->field[i].name, name))
			return i;
	}
	return f->header->n;
}

static void add_canonical(
    struct hk_digest *digest, struct hk_buf *b, const struct hk_field *field, enum hk_canon canon)
{
	hk_buf_reset(b);
	hk_canon_field(b, canon, field);
	hk_digest_add(digest, hk_buf_slice(b));
}

/* RFC 6376 3.7: the signature's own field comes last, without a trailing CRLF. */
static void add_own(
    struct hk_digest *digest, struct hk_buf *b, const struct hk_field *field, enum hk_canon canon)
{
	hk_buf_reset(b);
	hk_canon_field(b, canon, field);
	if (b->n >= 2 && b->p[b->n - 2] == '\r' && b->p[b->n - 1] == '\n')
		b->n -= 2;
	hk_digest_add(digest, hk_buf_slice(b));
}

enum hk_status hk_dkim_digest_field(
    struct hk_digest *digest, const struct hk_field *field, enum hk_canon canon, bool is_own)
{
	enum hk_status status;
	struct hk_buf b;

	hk_buf_init(&b, field->raw.n + 4); /* as below */
	(is_own ? add_own : add_canonical)(digest, &b, field, canon);
	status = hk_buf_status(&b);
	hk_buf_done(&b);
	return status;
}

enum hk_status hk_dkim_header_digest(struct hk_dkim_fields *f,
    const struct hk_dkim_header_hash *what, uint8_t out[HK_SHA256_SIZE], size_t *ret_found)
{
	struct hk_digest *digest = hk_digest_new(what->alg);
	struct hk_slice names = what->names, name;
	enum hk_status status = HK_OK;
	struct hk_buf b;
	size_t found = 0;

	if (!digest)
		return HK_NOMEM;
	/* a canonical field is no longer than the field, but for a CRLF that it may have lacked */
	hk_buf_init(&b, f->header->raw.n + what->blanked.raw.n + 4);
	if (f->header->n)
		memset(f->taken, 0, f->header->n);
	while (status == HK_OK && hk_tags_item(&names, ':', &name)) {
		size_t i = find_up(f, name, what->own);

		if (i == f->header->n)
			continue;
		f->taken[i] = 1;
		found++;
		add_canonical(digest, &b, &f->header->field[i], what->canon);
		status = hk_buf_status(&b);
	}
	if (status == HK_OK) {
		add_own(digest, &b, &what->blanked, what->canon);
		status = hk_buf_status(&b);
	}
	if (status == HK_OK) {
		status = hk_digest_end(digest, out) ? HK_OK : HK_NOMEM;
		*ret_found = found;
	}
	hk_buf_done(&b);
	hk_digest_free(digest);
	return status;
}

enum hk_status hk_dkim_blank(
    struct hk_arena *a, const struct hk_field *field, struct hk_slice span, struct hk_field *ret)
{
	size_t before = (size_t)(span.p - field->raw.p),
	       value_at = (size_t)(field->value.p - field->raw.p);
	size_t n = field->raw.n - span.n;
	uint8_t *p = hk_arena_alloc(a, n);

	if (!p)
		return a->failed;
	memcpy(p, field->raw.p, before);
	memcpy(p + before, span.p + span.n, n - before);
	*ret = (struct hk_field){
	    .raw = {p, n}, .name = field->name, .value = {p + value_at, field->value.n - span.n}};
	return HK_OK;
}
