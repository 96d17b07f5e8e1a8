/* SPDX-License-Identifier: MIT
 *
 * tls_counts.c - sessions counted by domain, kind of policy and host.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/tls_policy.h"

/* open addressing in twice the room: never more than half full */
enum { SLOTS = 2 * HK_TLS_COUNTS_MAX };

struct hk_tls_counts {
	struct hk_tls_count *row[HK_TLS_COUNTS_MAX];
	size_t n;
	uint16_t slot[SLOTS];       /* index of a row + 1; 0: free */
	struct hk_tls_count others; /* what has no row */
};

struct hk_tls_counts *hk_tls_counts_new(void)
{
	return calloc(1, sizeof(struct hk_tls_counts));
}

void hk_tls_counts_reset(struct hk_tls_counts *c)
{
	size_t i;

	for (i = 0; i < c->n; i++)
		free(c->row[i]);
	*c = (struct hk_tls_counts){0};
}

void hk_tls_counts_free(struct hk_tls_counts *c)
{
	if (!c)
		return;
	hk_tls_counts_reset(c);
	free(c);
}

static bool is_row(const struct hk_tls_count *row, const struct hk_tls_session *s)
{
	return row->type == s->type && hk_slice_eq_nocase(hk_slice_str(row->domain), s->domain) &&
	       hk_slice_eq_nocase(hk_slice_str(row->host), s->host);
}

static void copy_lower(char to[HK_DNS_NAME_MAX + 1], struct hk_slice from)
{
	size_t i;

	for (i = 0; i < from.n; i++)
		to[i] = (char)hk_to_lower(from.p[i]);
	to[i] = 0;
}

static size_t slot_of(const struct hk_tls_counts *c, const struct hk_tls_session *s)
{
	char text[HK_DNS_NAME_MAX + 1];
	uint64_t hash;
	size_t at;

	copy_lower(text, s->domain);
	hash = hk_hash(hk_slice_str(text)) + s->type;
	copy_lower(text, s->host);
	at = (size_t)((hash * UINT64_C(0x9e3779b97f4a7c15) ^ hk_hash(hk_slice_str(text))) % SLOTS);
	while (c->slot[at] && !is_row(c->row[c->slot[at] - 1], s))
		at = (at + 1) % SLOTS;
	return at;
}

static struct hk_tls_count *find(struct hk_tls_counts *c, const struct hk_tls_session *s)
{
	struct hk_tls_count *row;
	size_t at;

	if (s->domain.n > HK_DNS_NAME_MAX || s->host.n > HK_DNS_NAME_MAX)
		return &c->others;
	at = slot_of(c, s);
	if (c->slot[at])
		return c->row[c->slot[at] - 1];
	row = c->n < HK_TLS_COUNTS_MAX ? calloc(1, sizeof *row) : NULL;
	if (!row)
		return &c->others;
	row->type = s->type;
	copy_lower(row->domain, s->domain);
	copy_lower(row->host, s->host);
	c->row[c->n] = row;
	c->slot[at] = (uint16_t)++c->n;
	return row;
}

void hk_tls_counts_add(struct hk_tls_counts *c, const struct hk_tls_session *s)
{
	if (s->result < HK_TLS_RESULTS)
		find(c, s)->of[s->result]++;
}

const struct hk_tls_count *hk_tls_counts_at(const struct hk_tls_counts *c, size_t i)
{
	size_t r;

	if (i < c->n)
		return c->row[i];
	for (r = 0; i == c->n && r < HK_TLS_RESULTS; r++)
		if (c->others.of[r])
			return &c->others;
	return NULL;
}
