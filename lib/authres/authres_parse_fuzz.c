/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include <hikyaku/authres.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool good)
{
	if (!good)
		abort();
}

static bool same(const struct hk_slice *a, const struct hk_slice *b, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (!hk_slice_eq(a[i], b[i]))
			return false;
	return true;
}

static void same_result(const struct hk_authres_result *a, const struct hk_authres_result *b)
{
	size_t i;

	must(hk_slice_eq(a->method, b->method) && hk_slice_eq(a->version, b->version));
	must(hk_slice_eq(a->result, b->result) && hk_slice_eq(a->reason, b->reason));
	must(a->n_comments == b->n_comments && same(a->comment, b->comment, a->n_comments));
	must(a->n_properties == b->n_properties);
	for (i = 0; i < a->n_properties; i++) {
		must(hk_slice_eq(a->property[i].ptype, b->property[i].ptype));
		must(hk_slice_eq(a->property[i].property, b->property[i].property));
		must(hk_slice_eq(a->property[i].value, b->property[i].value));
	}
}

/* A blank is a blank inside an id. */
static bool is_ours(const struct hk_field *field, struct hk_slice id)
{
	uint8_t text[HK_DOMAIN_MAX];
	size_t i;

	for (i = 0; i < id.n; i++)
		text[i] = id.p[i] == '\t' ? ' ' : id.p[i];
	return hk_authres_is_ours(field, hk_slice_of(text, id.n));
}

/* What is parsed, written and parsed again is the same field; and its id is the one that is_ours sees. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hk_authres_parsed once, twice;
	struct hk_field field = {.name = HK_S("Authentication-Results"), .value = hk_slice_of(data, size)};
	struct hk_slice id, text;
	struct hk_arena a;
	struct hk_buf b;
	size_t i;

	if (size > 65536)
		return 0;
	hk_arena_init(&a, 64 << 20);
	if (hk_authres_parse(&a, field.value, &once) == HK_OK) {
		id = hk_slice_trim(once.authserv_id);
		if (id.n && id.p[id.n - 1] == '.')
			id.n--;
		must(id.n > HK_DOMAIN_MAX || is_ours(&field, id));
		hk_buf_init(&b, 4 << 20);
		must(hk_authres_write(&once, &b) == HK_OK && b.n > 2);
		text = hk_slice_from(hk_buf_slice(&b), sizeof "Authentication-Results:" - 1);
		must(hk_authres_parse(&a, hk_slice_sub(text, 0, text.n - 2), &twice) == HK_OK);
		must(once.deviation || !twice.deviation);
		must(hk_slice_eq(once.authserv_id, twice.authserv_id) && hk_slice_eq(once.version, twice.version));
		must(once.n_comments == twice.n_comments && same(once.comment, twice.comment, once.n_comments));
		must(once.n_results == twice.n_results);
		for (i = 0; i < once.n_results; i++)
			same_result(&once.result[i], &twice.result[i]);
		hk_buf_done(&b);
	}
	hk_arena_done(&a);
	return 0;
}
