/* SPDX-License-Identifier: MIT
 *
 * What other projects feed their SMTP servers with when they fuzz them: chasquid's FuzzConnection and ProFuzzBench's requests. Each
 * runs whole, byte by byte and randomly cut (T5), with its LF as they are and as CRLF: replies and events are the same, every
 * command has a reply, and the session stays within its bounds.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "smtpd_harness.h"
#include "tests/unit.h"

enum { PATH_MOST = 512, SEED_MOST = 1 << 20 };

static const char *vectors(void)
{
	const char *dir = getenv("HIKYAKU_VECTORS");

	return dir ? dir : "../shared/vectors";
}

static struct hk_slice read_all(const char *path, struct hk_buf *to)
{
	FILE *f = fopen(path, "rb");
	char bytes[4096];
	size_t n;

	assert_non_null(f);
	hk_buf_init(to, SEED_MOST);
	while ((n = fread(bytes, 1, sizeof bytes, f)) > 0)
		hk_buf_add(to, hk_slice_of(bytes, n));
	fclose(f);
	assert_int_equal(hk_buf_status(to), HK_OK);
	return hk_buf_slice(to);
}

/* Go's []byte("..."): what stands between the quotes, with its escapes undone as far as these files have them. */
static void go_bytes(struct hk_slice text, struct hk_buf *to)
{
	size_t i = hk_slice_find(text, '"') + 1, end = hk_slice_rfind(text, '"');
	const struct hk_slice digits = HK_S("0123456789abcdef");

	hk_buf_init(to, SEED_MOST);
	for (; i < end; i++) {
		size_t high, low;

		if (text.p[i] != '\\') {
			hk_buf_add_byte(to, text.p[i]);
			continue;
		}
		i++;
		high = i + 2 < text.n ? hk_slice_find(digits, hk_to_lower(text.p[i + 1])) : 16;
		low = high < 16 ? hk_slice_find(digits, hk_to_lower(text.p[i + 2])) : 16;
		if (text.p[i] == 'x' && low < 16) {
			hk_buf_add_byte(to, (uint8_t)(high * 16 + low));
			i += 2;
		} else {
			hk_buf_add_byte(to, text.p[i] == 'n' ? '\n' : text.p[i] == 'r' ? '\r' : text.p[i] == 't' ? '\t' : text.p[i]);
		}
	}
}

static void to_crlf(struct hk_slice s, struct hk_buf *to)
{
	size_t i;

	hk_buf_init(to, SEED_MOST);
	for (i = 0; i < s.n; i++) {
		if (s.p[i] == '\n' && (i == 0 || s.p[i - 1] != '\r'))
			hk_buf_add_byte(to, '\r');
		hk_buf_add_byte(to, s.p[i]);
	}
}

static void run(struct harness *h, struct hk_slice input, enum cut cut)
{
	const struct hk_smtpd_options options = {.size = sizeof options, .hostname = HK_S("mx.test"), .offer_starttls = true,
	    .extensions = ~0u, .mechanisms = HK_S("PLAIN LOGIN")};

	harness_init(h, &options);
	harness_run(h, input, cut);
	assert_true(h->last == HK_AGAIN || h->last == HK_END);
	assert_true(h->out.n > 0);
}

static void same_however_cut(const char *name, struct hk_slice input)
{
	static struct harness whole, other;
	int cut;

	run(&whole, input, CUT_WHOLE);
	for (cut = CUT_BYTES; cut <= CUT_RANDOM; cut++) {
		run(&other, input, (enum cut)cut);
		if (!hk_slice_eq(hk_buf_slice(&whole.out), hk_buf_slice(&other.out)) || !hk_slice_eq(hk_buf_slice(&whole.log), hk_buf_slice(&other.log)))
			fail_msg("%s (cut %d): <%.*s> is not <%.*s>", name, cut, HK_FMT(hk_buf_slice(&other.out)), HK_FMT(hk_buf_slice(&whole.out)));
		harness_done(&other);
	}
	harness_done(&whole);
}

static void both_ways(const char *name, struct hk_slice input)
{
	struct hk_buf crlf;

	same_however_cut(name, input);
	to_crlf(input, &crlf);
	same_however_cut(name, hk_buf_slice(&crlf));
	hk_buf_done(&crlf);
	print_message("# vector %s\n", name);
}

static size_t all_in(const char *set, const char *sub, bool is_go)
{
	char path[PATH_MOST], dir[PATH_MOST / 2];
	struct hk_buf file, bytes;
	struct dirent *entry;
	size_t files = 0;
	DIR *d;

	snprintf(dir, sizeof dir, "%s/%s/%s", vectors(), set, sub);
	d = opendir(dir);
	if (!d)
		skip();
	while ((entry = readdir(d))) {
		if (entry->d_name[0] == '.' || strncmp(entry->d_name, "ftp", 3) == 0)
			continue;
		snprintf(path, sizeof path, "%s/%s", dir, entry->d_name);
		read_all(path, &file);
		if (is_go) {
			go_bytes(hk_buf_slice(&file), &bytes);
			both_ways(path + strlen(vectors()) + 1, hk_buf_slice(&bytes));
			hk_buf_done(&bytes);
		} else {
			both_ways(path + strlen(vectors()) + 1, hk_buf_slice(&file));
		}
		hk_buf_done(&file);
		files++;
	}
	closedir(d);
	return files;
}

static void chasquid_seeds_get_the_same_however_they_are_cut(void **state)
{
	(void)state;
	assert_true(all_in("smtp-chasquid", "internal/smtpsrv/testdata/fuzz/FuzzConnection", true) >= 11);
}

static void profuzzbench_seeds_get_the_same_however_they_are_cut(void **state)
{
	(void)state;
	assert_true(all_in("smtp-profuzzbench", "in-smtp", false) >= 2);
	assert_true(all_in("smtp-profuzzbench", "in-smtp-replay", false) >= 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(chasquid_seeds_get_the_same_however_they_are_cut),
		cmocka_unit_test(profuzzbench_seeds_get_the_same_however_they_are_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
