/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "io/answers.h"

static size_t set_of(struct hk_slice name, uint16_t type)
{
	return (size_t)((hk_hash(name) ^ type * UINT64_C(0x9e3779b97f4a7c15)) >> 20) %
	       HK_ANSWERS_SETS;
}

void hk_answers_done(struct hk_answers *c)
{
	size_t i, j;

	for (i = 0; i < HK_ANSWERS_SETS; i++)
		for (j = 0; j < HK_ANSWERS_WAYS; j++)
			hk_dns_post_free(c->set[i][j]);
	memset(c, 0, sizeof *c);
}

static bool is_same(const struct hk_dns_post *p, struct hk_slice name, uint16_t type)
{
	return p && p->type == type && hk_slice_eq(hk_slice_str(p->name), name);
}

void hk_answers_put(struct hk_answers *c, struct hk_dns_post *p, uint64_t now_ms)
{
	struct hk_slice name = hk_slice_str(p->name);
	size_t set = set_of(name, p->type), way = 0;
	uint32_t ttl = p->answer.ttl < HK_ANSWERS_TTL ? p->answer.ttl : HK_ANSWERS_TTL;

	if (hk_dns_is_failure(&p->answer) || !ttl || p->arena.used > HK_ANSWERS_BYTES) {
		hk_dns_post_free(p);
		return;
	}
	/* the place of the same question, else the oldest */
	while (way < HK_ANSWERS_WAYS - 1 && !is_same(c->set[set][way], name, p->type))
		way++;
	hk_dns_post_free(c->set[set][way]);
	memmove(&c->set[set][1], &c->set[set][0], way * sizeof c->set[set][0]);
	memmove(&c->until[set][1], &c->until[set][0], way * sizeof c->until[set][0]);
	c->set[set][0] = p;
	c->until[set][0] = now_ms + (uint64_t)ttl * 1000;
}

bool hk_answers_find(const struct hk_answers *c, const struct hk_dns_question *q, uint64_t now_ms,
    struct hk_dns_answer *ret)
{
	size_t set = set_of(q->name, q->type), way;

	for (way = 0; way < HK_ANSWERS_WAYS; way++) {
		if (!is_same(c->set[set][way], q->name, q->type) || c->until[set][way] <= now_ms)
			continue;
		*ret = c->set[set][way]->answer;
		ret->ttl = (uint32_t)((c->until[set][way] - now_ms) / 1000);
		return true;
	}
	return false;
}
