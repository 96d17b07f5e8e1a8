/* SPDX-License-Identifier: MIT
 *
 * Helper of tests/spf_vectors.py: evaluates a list of cases against zone text.
 *	spf-cases ZONEFILE CASEFILE
 * A case is a line "id TAB ip TAB helo TAB mail-from"; out goes "id TAB result TAB explanation".
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hikyaku/spf.h>

enum { FILE_MAX = 16 << 20, ARENA = 64 << 20, FIELDS = 4 };

static struct hk_slice read_file(struct hk_arena *a, const char *path)
{
	FILE *file = fopen(path, "rb");
	char *bytes = hk_arena_alloc(a, FILE_MAX);
	size_t n;

	if (!file || !bytes) {
		fprintf(stderr, "cannot read %s\n", path);
		exit(1);
	}
	n = fread(bytes, 1, FILE_MAX, file);
	fclose(file);
	return hk_slice_of(bytes, n);
}

static enum hk_status evaluate(struct hk_spf *q, const struct hk_zone *zone, struct hk_arena *a)
{
	struct hk_dns_question question;
	struct hk_dns_answer answer;
	enum hk_status status;

	while ((status = hk_spf_step(q)) == HK_AGAIN) {
		while (hk_spf_question(q, &question)) {
			status = hk_zone_answer(zone, a, &question, &answer);
			if (status == HK_OK)
				status = hk_spf_answer(q, &answer);
			if (status != HK_OK)
				return status;
		}
	}
	return status;
}

static void run_case(const struct hk_zone *zone, struct hk_slice field[FIELDS])
{
	struct hk_spf_input in = {.size = sizeof in, .helo = field[2],
	    .mail_from = field[3],
	    .receiver = HK_S("receiver.example"),
	    .now = 1400000000};
	const struct hk_spf_verdict *verdict;
	struct hk_arena a;
	struct hk_buf text;
	struct hk_spf *q;

	hk_arena_init(&a, 4 << 20);
	hk_buf_init(&text, 1 << 16);
	if (hk_ip_parse(field[1], &in.client) != HK_OK ||
	    !(q = hk_spf_new(&a, &in, hk_trace_new(&a))) || evaluate(q, zone, &a) != HK_OK) {
		printf("%.*s\tbroken\t\n", HK_FMT(field[0]));
	} else {
		verdict = hk_spf_result(q);
		hk_quote_add(&text, verdict->explanation, verdict->explanation.n);
		printf("%.*s\t%s\t%.*s\n", HK_FMT(field[0]), hk_spf_result_name(verdict->result),
		    HK_FMT(hk_buf_slice(&text)));
	}
	hk_buf_done(&text);
	hk_arena_done(&a);
}

int main(int argc, char **argv)
{
	struct hk_arena a;
	struct hk_slice cases;
	struct hk_zone *zone;
	struct hk_zone_error error = {0};

	hk_arena_init(&a, ARENA);
	if (argc < 3) {
		fprintf(stderr, "usage: spf-cases ZONEFILE CASEFILE\n");
		return 1;
	}
	if (hk_zone_parse(&a, read_file(&a, argv[1]), &zone, &error) != HK_OK) {
		fprintf(stderr, "%s:%zu: %s\n", argv[1], error.line,
		    error.what ? error.what : "too large");
		return 1;
	}
	cases = read_file(&a, argv[2]);
	while (cases.n) {
		struct hk_slice line = hk_slice_sub(cases, 0, hk_slice_find(cases, '\n')),
		                field[FIELDS];
		size_t i;

		cases = hk_slice_from(cases, line.n + 1);
		for (i = 0; i < FIELDS; i++) {
			field[i] = hk_slice_sub(line, 0, hk_slice_find(line, '\t'));
			line = hk_slice_from(line, field[i].n + 1);
		}
		run_case(zone, field);
	}
	hk_arena_done(&a);
	return 0;
}
