/* SPDX-License-Identifier: MIT
 *
 * How many recipients wait for each domain, by the age of their messages: the table that qshape of Postfix prints. And what the
 * next hops take: by the configuration and its shapes, and by what was learnt of them.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "queue.h"

enum { AGES = 10, DOMAINS_MAX = 100000, DOMAIN_ROOM = 256, SHOWN = 40 };

static const int64_t minutes[AGES - 1] = {5, 10, 20, 40, 80, 160, 320, 640, 1280};

struct row {
	char domain[DOMAIN_ROOM];
	uint64_t total, age[AGES];
};
struct hop {
	struct hk_operator_hop told;
	char name[DOMAIN_ROOM], shape[64], reason[256];
};
struct queue_shape {
	int64_t now;
	struct hop *hop;
	size_t n_hops, room_hops;
	struct row *row;   /* sorted by name while it grows */
	size_t n, room;
	struct row all;    /* and those that found no row */
};

struct queue_shape *queue_shape_new(int64_t now)
{
	struct queue_shape *s = calloc(1, sizeof *s);

	if (s) {
		s->now = now;
		memcpy(s->all.domain, "TOTAL", sizeof "TOTAL");
	}
	return s;
}

void queue_shape_free(struct queue_shape *s)
{
	if (s) {
		free(s->row);
		free(s->hop);
	}
	free(s);
}

/* The row of a domain, made where there is none; NULL: no room. */
static struct row *row_of(struct queue_shape *s, const char *domain)
{
	size_t low = 0, high = s->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int order = strcmp(s->row[mid].domain, domain);

		if (order == 0)
			return &s->row[mid];
		if (order < 0)
			low = mid + 1;
		else
			high = mid;
	}
	if (s->n == DOMAINS_MAX)
		return NULL;
	if (s->n == s->room) {
		size_t room = s->room ? s->room * 2 : 64;
		struct row *more = realloc(s->row, room * sizeof *more);

		if (!more)
			return NULL;
		s->row = more;
		s->room = room;
	}
	memmove(s->row + low + 1, s->row + low, (s->n - low) * sizeof *s->row);
	s->n++;
	s->row[low] = (struct row){0};
	memcpy(s->row[low].domain, domain, strlen(domain) + 1);
	return &s->row[low];
}

static void count(struct row *r, size_t age)
{
	if (!r)
		return;
	r->total++;
	r->age[age]++;
}

/* As the queue has it: by its A-labels, in lower case. */
static void domain_of(struct hk_slice address, char ret[DOMAIN_ROOM])
{
	struct hk_slice name = hk_slice_from(address, hk_slice_rfind(address, '@') + 1);
	struct hk_arena a;
	size_t i;

	hk_arena_init(&a, 4 * HK_DNS_NAME_MAX);
	(void)!hk_dns_name_to_ascii(&a, name, &name); /* what has no such form stays */
	for (i = 0; i < name.n && i < DOMAIN_ROOM - 1; i++)
		ret[i] = hk_is_graph(name.p[i]) ? (char)hk_to_lower(name.p[i]) : '?';
	ret[i] = '\0';
	hk_arena_done(&a);
}

void queue_shape_add(struct queue_shape *s, const struct hk_operator_entry *e)
{
	int64_t old = (s->now - e->arrival_time) / 60;
	char domain[DOMAIN_ROOM];
	size_t age = 0, i;

	while (age < AGES - 1 && old >= minutes[age])
		age++;
	for (i = 0; i < e->n_rcpt; i++) {
		domain_of(e->rcpt[i].address, domain);
		count(row_of(s, domain), age);
		count(&s->all, age);
	}
}

static void keep(char *to, size_t room, struct hk_slice from)
{
	snprintf(to, room, "%.*s", HK_FMT(hk_slice_sub(from, 0, room - 1)));
}

void queue_shape_add_hop(struct queue_shape *s, const struct hk_operator_hop *hop)
{
	struct hop *h;

	if (s->n_hops == s->room_hops) {
		size_t room = s->room_hops ? s->room_hops * 2 : 64;
		struct hop *more = s->n_hops < DOMAINS_MAX ? realloc(s->hop, room * sizeof *more) : NULL;

		if (!more)
			return;
		s->hop = more;
		s->room_hops = room;
	}
	h = &s->hop[s->n_hops++];
	h->told = *hop;
	keep(h->name, sizeof h->name, hk_slice_str(hk_log_quote(hop->name).text));
	keep(h->shape, sizeof h->shape, hk_slice_str(hk_log_quote(hop->shape).text));
	keep(h->reason, sizeof h->reason, hk_slice_str(hk_log_quote(hop->reason).text));
}

static int busy_first(const void *a, const void *b)
{
	const struct hop *x = a, *y = b;
	uint64_t n = x->told.waiting + x->told.out, m = y->told.waiting + y->told.out;

	if (n != m)
		return n < m ? 1 : -1;
	return strcmp(x->name, y->name);
}

static int most_first(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	if (x->total != y->total)
		return x->total < y->total ? 1 : -1;
	return strcmp(x->domain, y->domain);
}

static void text_row(const struct row *r, struct hk_buf *out)
{
	size_t i;

	hk_buf_addf(out, "%-32s %7" PRIu64, r->domain, r->total);
	for (i = 0; i < AGES; i++)
		hk_buf_addf(out, " %6" PRIu64, r->age[i]);
	hk_buf_add_byte(out, '\n');
}

static void text_hop(const struct hop *h, struct hk_buf *out)
{
	char rate[48] = "-";

	if (h->told.rate_most)
		snprintf(rate, sizeof rate, "%" PRIu64 "/%" PRIu64 "s", h->told.rate_most, h->told.rate_seconds);
	hk_buf_addf(out, "%-40s %7" PRIu64 " %7" PRIu64 " %5" PRIu64 " %3" PRIu64 "/%-4" PRIu64 " %10s %s\n", h->name, h->told.domains,
	    h->told.waiting, h->told.out, h->told.limit, h->told.most, rate, h->shape[0] ? h->shape : "-");
	if (h->told.rests)
		hk_buf_addf(out, "    rests for %" PRIu64 " s: %s\n", h->told.rests, h->reason);
}

static void print_text(const struct queue_shape *s, struct hk_buf *out)
{
	size_t i;

	hk_buf_addf(out, "%-32s %7s", "domain", "T");
	for (i = 0; i < AGES - 1; i++)
		hk_buf_addf(out, " %6" PRId64, minutes[i]);
	hk_buf_addf(out, "  %" PRId64 "+\n", minutes[AGES - 2]);
	text_row(&s->all, out);
	for (i = 0; i < s->n && i < SHOWN; i++)
		text_row(&s->row[i], out);
	if (s->n > SHOWN)
		hk_buf_addf(out, "and %zu more domains; --json has them\n", s->n - SHOWN);
	hk_buf_addf(out, "\n%-40s %7s %7s %5s %8s %10s %s\n", "next hop", "domains", "waiting", "out", "at once", "rate", "shape");
	for (i = 0; i < s->n_hops && i < SHOWN; i++)
		text_hop(&s->hop[i], out);
	if (s->n_hops > SHOWN)
		hk_buf_addf(out, "and %zu more next hops; --json has them\n", s->n_hops - SHOWN);
}

static void json_row(struct hk_json_writer *w, const struct row *r)
{
	size_t i;

	hk_json_object(w, NULL);
	hk_json_text(w, "domain", r->domain);
	hk_json_int(w, "total", (int64_t)r->total);
	hk_json_array(w, "by_age");
	for (i = 0; i < AGES; i++)
		hk_json_int(w, NULL, (int64_t)r->age[i]);
	hk_json_close_array(w);
	hk_json_close_object(w);
}

static void json_hop(struct hk_json_writer *w, const struct hop *h)
{
	hk_json_object(w, NULL);
	hk_json_text(w, "hop", h->name);
	hk_json_text(w, "shape", h->shape);
	hk_json_int(w, "domains", (int64_t)h->told.domains);
	hk_json_int(w, "waiting", (int64_t)h->told.waiting);
	hk_json_int(w, "out", (int64_t)h->told.out);
	hk_json_int(w, "limit", (int64_t)h->told.limit);
	hk_json_int(w, "most", (int64_t)h->told.most);
	hk_json_int(w, "rate_most", (int64_t)h->told.rate_most);
	hk_json_int(w, "rate_seconds", (int64_t)h->told.rate_seconds);
	hk_json_int(w, "rests", (int64_t)h->told.rests);
	hk_json_int(w, "failures", (int64_t)h->told.failures);
	hk_json_text(w, "reason", h->reason);
	hk_json_close_object(w);
}

static void print_json(const struct queue_shape *s, struct hk_buf *out)
{
	struct hk_json_writer w;
	size_t i;

	hk_json_begin(&w, out);
	hk_json_object(&w, NULL);
	hk_json_int(&w, "total", (int64_t)s->all.total);
	hk_json_array(&w, "minutes");
	for (i = 0; i < AGES - 1; i++)
		hk_json_int(&w, NULL, minutes[i]);
	hk_json_close_array(&w);
	hk_json_array(&w, "domains");
	for (i = 0; i < s->n; i++)
		json_row(&w, &s->row[i]);
	hk_json_close_array(&w);
	hk_json_array(&w, "hops");
	for (i = 0; i < s->n_hops; i++)
		json_hop(&w, &s->hop[i]);
	hk_json_close_array(&w);
	hk_json_close_object(&w);
	hk_buf_add_byte(out, '\n');
}

void queue_shape_print(struct queue_shape *s, bool json, struct hk_buf *out)
{
	if (s->n)
		qsort(s->row, s->n, sizeof *s->row, most_first);
	if (s->n_hops)
		qsort(s->hop, s->n_hops, sizeof *s->hop, busy_first);
	(json ? print_json : print_text)(s, out);
}
