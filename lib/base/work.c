/* SPDX-License-Identifier: MIT */
#include <hikyaku/work.h>

static const struct {
	uint64_t limit;
	const char *counted;
} kinds[HK_WORK_KINDS] = {
#define X(id, limit, counted, over) {limit, counted},
    HK_WORK_TABLE(X)
#undef X
};

/* Whether the caller's struct goes so far. */
static bool has(const struct hk_work *w, enum hk_work_kind kind)
{
	return kind < HK_WORK_KINDS && w->size >= (size_t)((const char *)&w->of[kind + 1] - (const char *)w);
}

void hk_work_init(struct hk_work *w)
{
	unsigned i;

	for (i = 0; has(w, i); i++) {
		w->of[i].limit = kinds[i].limit;
		w->of[i].spent = 0;
	}
}

uint64_t hk_work_left(const struct hk_work *w, enum hk_work_kind kind)
{
	if (!has(w, kind))
		return kind < HK_WORK_KINDS ? kinds[kind].limit : 0;
	if (w->of[kind].spent > w->of[kind].limit)
		return 0;
	return w->of[kind].limit - w->of[kind].spent;
}

bool hk_work_take(struct hk_work *w, enum hk_work_kind kind, uint64_t n)
{
	if (n > hk_work_left(w, kind))
		return false;
	if (has(w, kind))
		w->of[kind].spent += n;
	return true;
}

const char *hk_work_counted(enum hk_work_kind kind)
{
	return kind < HK_WORK_KINDS ? kinds[kind].counted : "";
}
