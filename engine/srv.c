/* SPDX-License-Identifier: MIT */
#include "engine/srv.h"

/* splitmix64: good enough to share load, and the same everywhere. */
static uint64_t next_random(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static void move_to_front(size_t *place, size_t from)
{
	size_t chosen = place[from];

	for (; from; from--)
		place[from] = place[from - 1];
	place[0] = chosen;
}

/* One of n of the same priority (RFC 2782, Weight): those of weight 0 stand first, a number between
 * 0 and the sum is drawn, and the first whose running sum reaches it is taken. */
static size_t draw(const struct hk_dns_answer *a, const size_t *place, size_t n, uint64_t *state)
{
	uint64_t sum = 0, running = 0, number;
	size_t i;

	for (i = 0; i < n; i++)
		sum += a->rr[place[i]].weight;
	number = next_random(state) % (sum + 1);
	for (i = 0; i < n - 1; i++) {
		running += a->rr[place[i]].weight;
		if (running >= number)
			break;
	}
	return i;
}

static bool comes_before(const struct hk_dns_rr *a, const struct hk_dns_rr *b)
{
	return a->preference != b->preference ? a->preference < b->preference : !a->weight && b->weight;
}

size_t hk_srv_order(const struct hk_dns_answer *a, uint64_t seed, size_t *place)
{
	size_t n = a->n < HK_DNS_RRS_MAX ? a->n : HK_DNS_RRS_MAX, i, j, end;
	uint64_t state = seed;

	for (i = 0; i < n; i++) {
		for (j = i; j > 0 && comes_before(&a->rr[i], &a->rr[place[j - 1]]); j--)
			place[j] = place[j - 1];
		place[j] = i;
	}
	for (i = 0; i < n; i++) {
		for (end = i + 1; end < n && a->rr[place[end]].preference == a->rr[place[i]].preference;)
			end++;
		move_to_front(place + i, draw(a, place + i, end - i, &state));
	}
	return n;
}

bool hk_srv_is_none(const struct hk_dns_answer *a)
{
	return a->n == 1 && !a->rr[0].data.n;
}
