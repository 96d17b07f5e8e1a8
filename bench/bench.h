/* SPDX-License-Identifier: MIT
 *
 * bench.h - what the measured programs share. Each is called as "program OPERATION FOLDER" and prints the processor time of one
 * operation in microseconds; bench/auth.py calls them in turns. The folder has unsigned.eml, signed.eml, key.pem, record.txt
 * and spf.txt (lines of a name and its TXT record).
 */
#ifndef HIKYAKU_BENCH_H
#define HIKYAKU_BENCH_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct bench_file {
	char *p; /* with a NUL behind it */
	size_t n;
};

static inline void bench_check(int good, const char *what)
{
	if (!good) {
		fprintf(stderr, "bench: %s failed\n", what);
		exit(1);
	}
}

static inline struct bench_file bench_read(const char *folder, const char *name)
{
	struct bench_file f = {0};
	char path[4096];
	FILE *file;

	snprintf(path, sizeof path, "%s/%s", folder, name);
	file = fopen(path, "rb");
	bench_check(file != NULL, path);
	f.p = calloc(1, 1 << 20);
	bench_check(f.p != NULL, "memory");
	f.n = fread(f.p, 1, (1 << 20) - 1, file);
	fclose(file);
	return f;
}

/* The next line of *rest, ended in place; NULL at the end. */
static inline char *bench_line(char **rest)
{
	char *line = *rest, *end = strchr(line, '\n');

	if (!end)
		return NULL;
	*end = 0;
	*rest = end + 1;
	return line;
}

static inline double bench_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* The best of several stretches of 40 ms: what others do on the machine meanwhile only ever adds. */
static inline double bench_measure(void (*run)(void *), void *with)
{
	double start, took, best = 1e9;
	unsigned n = 1, i, k;

	run(with); /* what is made once is made now */
	do {
		n *= 2;
		start = bench_seconds();
		for (k = 0; k < n; k++)
			run(with);
	} while (bench_seconds() - start < 0.01);
	for (i = 0; i < 5; i++) {
		start = bench_seconds();
		for (k = 0; k < n * 4; k++)
			run(with);
		took = (bench_seconds() - start) / (n * 4);
		best = took < best ? took : best;
	}
	return best * 1e6;
}

#endif
