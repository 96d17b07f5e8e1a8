/* SPDX-License-Identifier: MIT
 *
 * The vectors of postsrsd's tests. Here every row holds, those with its database of aliases too: the test is the store.
 */
#include <hikyaku/srs.h>

#include "lib/message/vectors_test.h"
#include "tests/unit.h"

enum { NOW = 1577836860, ROWS = 34, ALIASES_FROM = 24, ALIASES_TO = 32 };

static const struct {
	const char *text;
	enum hk_srs_result result;
} refusals[] = {
    {"NOTFOUND Need not rewrite local domain.", HK_SRS_LOCAL},
    {"NOTFOUND No domain.", HK_SRS_NO_DOMAIN},
    {"NOTFOUND Not an SRS address.", HK_SRS_NOT_SRS},
    {"NOTFOUND Time stamp out of date.", HK_SRS_EXPIRED},
    {"NOTFOUND Hash invalid in SRS address.", HK_SRS_HASH_INVALID},
    {"NOTFOUND No hash in SRS0 address.", HK_SRS_NO_HASH},
    {"NOTFOUND No timestamp in SRS0 address.", HK_SRS_NO_STAMP},
    {"NOTFOUND No host in SRS0 address.", HK_SRS_NO_HOST},
    {"NOTFOUND No user in SRS0 address.", HK_SRS_NO_USER},
    {"PERM No database for alias.", HK_SRS_NO_STORE},
    {"NOTFOUND Unknown alias.", HK_SRS_FOLDED}, /* the store's answer */
};

struct store {
	uint8_t key[HK_SRS_FOLD_KEY_SIZE];
	char address[256];
};

static struct hk_slice answer_of(struct store *store, const struct hk_srs_verdict *v, bool is_forward)
{
	if (v->result != HK_SRS_FOLDED)
		return v->address;
	assert_int_equal(v->fold_key.n, sizeof store->key);
	if (is_forward) {
		memcpy(store->key, v->fold_key.p, sizeof store->key);
		snprintf(store->address, sizeof store->address, "%.*s", HK_FMT(v->fold_address));
		return v->address;
	}
	return memcmp(store->key, v->fold_key.p, sizeof store->key) == 0 ? hk_slice_str(store->address)
									 : hk_slice_of(NULL, 0);
}

static void check_row(size_t row, char *column[5], struct store *store)
{
	struct hk_slice secret = HK_S("tops3cr3t"), answer;
	struct hk_srs_config config = {.size = sizeof config, .secret = &secret,
	    .n_secrets = 1,
	    .domain = HK_S("example.com"),
	    .fold = row >= ALIASES_FROM && row <= ALIASES_TO ? HK_SRS_FOLD_ALL : HK_SRS_FOLD_NEVER};
	bool is_forward = strcmp(column[2], "forward") == 0;
	const char *wanted = column[4];
	struct hk_srs_verdict v;
	struct hk_arena a;
	size_t i;

	hk_arena_init(&a, 1 << 16);
	assert_int_equal((is_forward ? hk_srs_forward : hk_srs_reverse)(
			     &config, hk_slice_str(column[3]), NOW, &a, &v),
	    HK_OK);
	answer = answer_of(store, &v, is_forward);
	if (strncmp(wanted, "OK ", 3) == 0)
		wanted += 3;
	for (i = 0; i < COUNT(refusals); i++)
		if (strcmp(refusals[i].text, wanted) == 0)
			break;
	if (i < COUNT(refusals) ? v.result != refusals[i].result || answer.n
				: !hk_slice_eq(answer, hk_slice_str(wanted)))
		fail_msg("row %zu: %s %s: wanted %s, got %.*s (%s)", row, column[2], column[3], wanted,
		    HK_FMT(answer), hk_srs_result_text(v.result));
	hk_arena_done(&a);
}

static void every_vector_of_postsrsd_holds(void **state)
{
	struct store store = {.address = ""};
	struct hk_buf text;
	char *line, *rest;
	size_t row = 0;

	(void)state;
	hk_buf_init(&text, 65536);
	if (!read_vector("srs/vectors.tsv", false, &text)) {
		hk_buf_done(&text);
		skip();
	}
	hk_buf_add_byte(&text, 0);
	rest = (char *)text.p;
	(void)strsep(&rest, "\n"); /* the names of the columns */
	while ((line = strsep(&rest, "\n")) && *line) {
		char *column[5];
		size_t i;

		for (i = 0; i < 5; i++) {
			column[i] = strsep(&line, "\t");
			assert_non_null(column[i]);
		}
		check_row(++row, column, &store);
	}
	assert_int_equal(row, ROWS);
	print_message("# vectors srs %zu\n", row);
	hk_buf_done(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_vector_of_postsrsd_holds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
