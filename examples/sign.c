/* SPDX-License-Identifier: MIT
 *
 * sign.c - sign a message with a key that this process never sees. Here it lives in a child process; it could as well
 * live in an HSM: all that crosses over is a digest of 32 octets, and a signature back.
 *
 *	cc sign.c $(pkg-config --cflags --libs hikyaku) -o sign
 *	./sign KEY.pem DOMAIN SELECTOR <message >signed
 */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <hikyaku/dkim.h>

enum { MESSAGE_MAX = 10 * 1024 * 1024, PEM_MAX = 65536 };

static bool read_all(FILE *from, struct hk_buf *to)
{
	char chunk[8192];
	size_t n;

	while ((n = fread(chunk, 1, sizeof chunk, from)) > 0)
		hk_buf_add(to, hk_slice_of(chunk, n));
	return !ferror(from) && hk_buf_status(to) == HK_OK;
}

/* ---- the process with the key ---- */

static struct hk_private_key *load_key(const char *name)
{
	struct hk_private_key *key = NULL;
	FILE *file = fopen(name, "r");
	struct hk_buf pem;

	hk_buf_init(&pem, PEM_MAX);
	if (!file || !read_all(file, &pem) || hk_private_key_pem(hk_buf_slice(&pem), &key) != HK_OK)
		fprintf(stderr, "%s: no usable key\n", name);
	if (file)
		fclose(file);
	hk_buf_done(&pem);
	return key;
}

/* First it says which algorithm its key has; then it answers digests. */
static int keep_key(const char *name, int asker)
{
	struct hk_private_key *key = load_key(name);
	uint8_t digest[HK_SHA256_SIZE], signature[HK_SIGNATURE_MAX], alg;

	if (!key)
		return 1;
	alg = (uint8_t)hk_private_key_alg(key);
	if (write(asker, &alg, 1) == 1)
		while (read(asker, digest, sizeof digest) == sizeof digest) {
			size_t n = sizeof signature;

			if (hk_sign_digest(key, hk_slice_of(digest, sizeof digest), signature, &n) != HK_OK ||
			    write(asker, signature, n) != (ssize_t)n)
				break;
		}
	hk_private_key_free(key);
	return 0;
}

/* ---- the process with the message ---- */

static enum hk_status sign(struct hk_arena *arena, struct hk_slice message, char **args, int keeper, struct hk_buf *out)
{
	struct hk_dkim_sign_options options = {
	    .size = sizeof options,
	    .d = hk_slice_str(args[2]),
	    .s = hk_slice_str(args[3]),
	    .header_canon = HK_CANON_RELAXED,
	    .body_canon = HK_CANON_RELAXED,
	    .now = time(NULL),
	};
	uint8_t alg, signature[HK_SIGNATURE_MAX];
	struct hk_splitter splitter;
	struct hk_header header;
	struct hk_slice body, digest;
	struct hk_dkim_sign *s = NULL;
	enum hk_status status;
	ssize_t n = 0;

	if (read(keeper, &alg, 1) != 1)
		return HK_CRYPTO;
	options.alg = (enum hk_sign_alg)alg;
	hk_splitter_init(&splitter, HK_HEADER_SECTION_MAX);
	status = hk_splitter_feed(&splitter, message, &body);
	if (status == HK_OK)
		status = hk_header_parse(arena, hk_splitter_header(&splitter), &header);
	if (status == HK_OK && !(s = hk_dkim_sign_new(arena, &options, &header)))
		status = HK_NOMEM;
	if (status == HK_OK) {
		hk_dkim_sign_body(s, body);
		status = hk_dkim_sign_end(s, &digest);
	}
	if (status == HK_OK) { /* the question, and its answer */
		if (write(keeper, digest.p, digest.n) == (ssize_t)digest.n)
			n = read(keeper, signature, sizeof signature);
		status = n > 0 ? hk_dkim_sign_finish(s, hk_slice_of(signature, (size_t)n), out) : HK_CRYPTO;
	}
	hk_dkim_sign_done(s);
	hk_splitter_done(&splitter);
	return status;
}

int main(int n, char **args)
{
	struct hk_arena arena;
	struct hk_buf message, field;
	enum hk_status status = HK_IO;
	int ends[2];

	if (n != 4) {
		fprintf(stderr, "usage: sign KEY.pem DOMAIN SELECTOR <message >signed\n");
		return 2;
	}
	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends) != 0)
		return 3;
	if (fork() == 0) {
		close(ends[0]);
		return keep_key(args[1], ends[1]);
	}
	close(ends[1]);
	hk_arena_init(&arena, 4 * 1024 * 1024);
	hk_buf_init(&message, MESSAGE_MAX);
	hk_buf_init(&field, 65536);
	if (read_all(stdin, &message))
		status = sign(&arena, hk_buf_slice(&message), args, ends[0], &field);
	if (status == HK_OK) {
		fwrite(field.p, 1, field.n, stdout);
		fwrite(message.p, 1, message.n, stdout);
	} else {
		fprintf(stderr, "not signed: %s\n", hk_status_text(status));
	}
	hk_buf_done(&field);
	hk_buf_done(&message);
	hk_arena_done(&arena);
	close(ends[0]);
	wait(NULL);
	return status == HK_OK ? 0 : 1;
}
