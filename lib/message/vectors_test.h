/* SPDX-License-Identifier: MIT
 *
 * For the tests of this folder: test data from outside the tree, and cutting input into chunks.
 */
#ifndef HIKYAKU_VECTORS_TEST_H
#define HIKYAKU_VECTORS_TEST_H

#include <stdio.h>
#include <stdlib.h>

#include <hikyaku/base.h>

/* Every test cuts its input in these ways: whole, octet by octet, and at random. */
enum cut { CUT_WHOLE, CUT_OCTETS, CUT_RANDOM, CUTS = CUT_RANDOM + 16 };

static inline size_t cut_length(unsigned cut, size_t left, uint32_t *seed)
{
	size_t n = left;

	if (cut == CUT_OCTETS)
		n = 1;
	if (cut >= CUT_RANDOM) {
		*seed = *seed * 1664525u + 1013904223u;
		n = (*seed >> 16) % 9 + 1;
	}
	return n < left ? n : left;
}

static inline void vector_path(char out[512], const char *name)
{
	const char *root = getenv("HIKYAKU_VECTORS");

	snprintf(out, 512, "%s/%s", root ? root : "../shared/vectors", name);
}

/* Adds what the file holds, with every LF made CRLF when as_crlf; false when it cannot be read. */
static inline bool read_file(const char *path, bool as_crlf, struct hk_buf *out)
{
	FILE *file = fopen(path, "rb");
	int c, last = 0;

	if (!file)
		return false;
	while ((c = getc(file)) != EOF) {
		if (as_crlf && c == '\n' && last != '\r')
			hk_buf_add_byte(out, '\r');
		hk_buf_add_byte(out, (uint8_t)c);
		last = c;
	}
	fclose(file);
	return hk_buf_status(out) == HK_OK;
}

static inline bool read_vector(const char *name, bool as_crlf, struct hk_buf *out)
{
	char path[512];

	vector_path(path, name);
	return read_file(path, as_crlf, out);
}

#endif
