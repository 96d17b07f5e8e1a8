/* SPDX-License-Identifier: MIT
 *
 * verify.c - is this message what it says it is? One message on standard input, its Authentication-Results on standard output.
 * It is C and C++ alike.
 *
 *	cc verify.c $(pkg-config --cflags --libs hikyaku-resolve) -o verify
 *	./verify CLIENT-ADDRESS HELO MAIL-FROM [DNS-SERVER] <message
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <hikyaku/resolve.h>

static const char *run(struct hk_arena *arena, char **args, struct hk_buf *out)
{
	struct hk_verify_input in;
	struct hk_splitter message;
	struct hk_slice body;
	struct hk_verify *v;
	enum hk_status status = HK_OK;
	char chunk[8192];
	size_t n;

	memset(&in, 0, sizeof in);
	in.size = sizeof in;
	in.checks = HK_CHECK_SPF | HK_CHECK_DKIM | HK_CHECK_DMARC;
	in.helo = hk_slice_str(args[2]);
	in.mail_from = hk_slice_str(args[3]);
	in.has_mail_from = true;
	in.authserv_id = HK_S("example.test");
	in.now = time(NULL);
	if (hk_ip_parse(hk_slice_str(args[1]), &in.client) != HK_OK)
		return "this is no address";
	v = hk_verify_new(arena, &in);
	if (!v)
		return hk_status_text(arena->failed);

	/* The body goes by in pieces; only the header is kept. */
	hk_splitter_init(&message, HK_HEADER_SECTION_MAX);
	bool header_done = false;
	while (status == HK_OK && (n = fread(chunk, 1, sizeof chunk, stdin)) > 0) {
		status = hk_splitter_feed(&message, hk_slice_of(chunk, n), &body);
		if (status == HK_OK && !header_done && hk_splitter_in_body(&message)) {
			header_done = true;
			status = hk_verify_header(v, hk_splitter_header(&message));
		}
		if (status == HK_OK && header_done)
			hk_verify_body(v, body);
	}
	if (status == HK_OK && !header_done)
		status = hk_verify_header(v, hk_splitter_header(&message));
	hk_verify_end(v);

	if (status == HK_OK)
		status = hk_resolve_all(hk_evaluator_verify(v), hk_system_answer, args[4], NULL);
	if (status == HK_OK)
		hk_verify_authres(v, in.checks, HK_AUTHRES_RFC, in.authserv_id, out);
	hk_verify_done(v);
	hk_splitter_done(&message);
	return status == HK_OK ? NULL : hk_status_text(status);
}

int main(int n, char **args)
{
	struct hk_arena arena;
	struct hk_buf out;
	const char *trouble = "usage: verify CLIENT-ADDRESS HELO MAIL-FROM [DNS-SERVER] <message";

	hk_arena_init(&arena, HK_VERIFY_ARENA); /* the message cannot cost more memory than this */
	hk_buf_init(&out, 65536);
	if (n == 4 || n == 5)
		trouble = run(&arena, args, &out);
	if (trouble)
		fprintf(stderr, "%s\n", trouble);
	fwrite(out.p, 1, out.n, stdout);
	hk_buf_done(&out);
	hk_arena_done(&arena);
	return trouble ? 2 : 0;
}
