/* SPDX-License-Identifier: MIT
 *
 * The loop between an evaluator and whoever answers.
 */
#include <hikyaku/resolve.h>

#include "adapters/adapters_internal.h"
#include "lib/base/base_internal.h"

enum { ARENA_MAX = 4 * 1024 * 1024 }; /* the answers of one batch: 32 of 64 KiB, and their records */

/* ---- evaluators ------------------------------------------------------------------------------ */

#define EVALUATOR(name, prefix, type)                                                              \
	static enum hk_status name##_step(void *object)                                            \
	{                                                                                          \
		return prefix##_step(object);                                                      \
	}                                                                                          \
	static bool name##_question(void *object, struct hk_dns_question *ret)                     \
	{                                                                                          \
		return prefix##_question(object, ret);                                             \
	}                                                                                          \
	static enum hk_status name##_answer(void *object, const struct hk_dns_answer *answer)      \
	{                                                                                          \
		return prefix##_answer(object, answer);                                            \
	}                                                                                          \
	struct hk_evaluator hk_evaluator_##name(struct type *object)                               \
	{                                                                                          \
		return (struct hk_evaluator){object, name##_step, name##_question, name##_answer}; \
	}

EVALUATOR(spf, hk_spf, hk_spf)
EVALUATOR(spf_extent, hk_spf_extent, hk_spf_extent)
EVALUATOR(dkim, hk_dkim_verify, hk_dkim_verify)
EVALUATOR(dmarc, hk_dmarc, hk_dmarc)
EVALUATOR(arc, hk_arc_validate, hk_arc_validate)
EVALUATOR(verify, hk_verify, hk_verify)

/* ---- the loop -------------------------------------------------------------------------------- */

struct run {
	struct hk_evaluator e;
	hk_answer_fn *answerer;
	void *resolver;
	int64_t until;
	size_t left; /* questions that may be asked */
};

/* Everything that is asked now, answered. */
static enum hk_status one_batch(struct run *r, const struct hk_dns_question *q, size_t n)
{
	struct hk_dns_answer answer[HK_RESOLVE_BATCH];
	size_t asked = n < r->left ? n : r->left, i;
	unsigned left_ms = adapter_left_ms(r->until);
	enum hk_status status = HK_OK;
	struct hk_arena a;

	hk_arena_init(&a, ARENA_MAX);
	adapter_none(q, n, answer);
	if (asked && left_ms)
		status = r->answerer(r->resolver, q, asked, left_ms, &a, answer);
	r->left -= asked;
	for (i = 0; i < n && status == HK_OK; i++) {
		status = r->e.answer(r->e.object, &answer[i]);
		if (status == HK_NOTFOUND) /* it has got past that question */
			status = HK_OK;
	}
	hk_arena_done(&a);
	return status;
}

enum hk_status hk_resolve_all(struct hk_evaluator e, hk_answer_fn *answerer, void *resolver,
    const struct hk_resolve_options *given)
{
	struct hk_resolve_options o = {.size = sizeof o};
	struct hk_dns_question q[HK_RESOLVE_BATCH];
	struct run r = {.e = e, .answerer = answerer, .resolver = resolver};
	enum hk_status status;
	size_t n;

	if (given && hk_sized_take(NULL, &o, sizeof o, given) != HK_OK)
		return HK_BUG;
	r.until = adapter_now_ms() + (o.timeout_ms ? o.timeout_ms : HK_RESOLVE_TIMEOUT_MS);
	r.left = o.max_questions ? o.max_questions : HK_RESOLVE_QUESTIONS;
	for (;;) {
		status = e.step(e.object);
		if (status != HK_AGAIN)
			return status;
		for (n = 0; n < HK_RESOLVE_BATCH && e.question(e.object, &q[n]);)
			n++;
		if (n == 0)
			return HK_AGAIN;
		status = one_batch(&r, q, n);
		if (status != HK_OK)
			return status;
	}
}
