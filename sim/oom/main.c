/* SPDX-License-Identifier: MIT
 *
 * hikyaku-sim-oom: each scene of scenes.c with each of its allocations failing once.
 *
 *	hikyaku-sim-oom [--runs N | --runs all] [--scene NAME] [--span N]	TAP; N: of each scene, spread over it (default: all)
 *	hikyaku-sim-oom --scene NAME --at K					the K-th alone, and all that happens
 *
 * --span N: not one fails, but N in a row.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/err.h>

#include "sim/oom/house.h"
#include "sim/oom/pieces.h"

enum { SPAN_MOST = 1000 };
enum { PATIENCE = 60 /* seconds for one run: a loop that waits for memory that never comes is a finding too */ };

struct options {
	uint64_t runs, at, span; /* runs: 0: all */
	const char *scene;
};

bool pieces_fail(void)
{
	return hk_sim_memory_is_short();
}

/* One run; *ret_asked: how many allocations it made. false: something was wrong. */
static bool play(const struct house_scene *scene, uint64_t at, uint64_t span, bool is_traced, uint64_t *ret_asked)
{
	struct house *h = malloc(sizeof *h);
	uint64_t before;
	bool ok;

	if (!h)
		abort();
	ERR_clear_error(); /* kept for each thread, by OpenSSL */
	before = hk_sim_memory_blocks();
	hk_sim_memory_fail_at(0, 0);
	house_begin(h, 2 + (unsigned)span, is_traced);
	hk_sim_memory_fail_at(at, span);
	house_boot(h);
	scene->play(h);
	house_end(h);
	*ret_asked = hk_sim_memory_asked();
	hk_sim_memory_fail_at(0, 0);
	house_done(h);
	ok = !h->wrong[0];
	if (!ok)
		printf("# %s, allocation %llu: %s\n", scene->name, (unsigned long long)at, h->wrong);
	free(h);
	if (hk_sim_memory_blocks() == before)
		return ok;
	printf("# %s, allocation %llu: %lld blocks of memory are left\n", scene->name, (unsigned long long)at, (long long)(hk_sim_memory_blocks() - before));
	return false;
}

/* All runs of a child of its own, which says on a pipe how far it came: where it ends oddly, the next one goes on behind that. */
struct part {
	uint64_t runs, wrong, at;
	bool is_over;
};

static void play_some(const struct house_scene *scene, const struct options *o, uint64_t total, struct part *p, int out)
{
	uint64_t runs = o->runs && o->runs < total ? o->runs : total, asked;

	while (p->runs < runs) {
		p->at = 1 + p->runs++ * total / runs;
		if (write(out, p, sizeof *p) != sizeof *p)
			_exit(1);
		alarm(PATIENCE);
		p->wrong += !play(scene, p->at, o->span, false, &asked);
		fflush(stdout);
	}
	p->is_over = true;
	_exit(write(out, p, sizeof *p) == sizeof *p ? 0 : 1);
}

static void go_on(const struct house_scene *scene, const struct options *o, uint64_t total, struct part *p)
{
	int ends[2], status;
	pid_t child;

	if (pipe(ends) != 0)
		abort();
	fflush(stdout);
	child = fork();
	if (child < 0)
		abort();
	if (child == 0)
		play_some(scene, o, total, p, ends[1]);
	close(ends[1]);
	while (read(ends[0], p, sizeof *p) == sizeof *p)
		;
	close(ends[0]);
	if (waitpid(child, &status, 0) != child || p->is_over)
		return;
	printf("# %s, allocation %llu: %s (status %d)\n", scene->name, (unsigned long long)p->at,
	    WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM ? "it hangs" : "it crashes", status);
	p->wrong++;
}

static bool play_all(const struct house_scene *scene, const struct options *o, size_t number)
{
	struct part p = {0};
	uint64_t total = 0;
	unsigned i;

	/* twice: what OpenSSL fetches once and keeps is no leak of the second run */
	for (i = 0; i < 2; i++)
		p.wrong = !play(scene, 0, 0, false, &total);
	while (!p.is_over && total)
		go_on(scene, o, total, &p);
	printf("%s %zu - %s: %llu of %llu allocations fail, each alone\n", p.wrong ? "not ok" : "ok", number, scene->name,
	    (unsigned long long)p.runs, (unsigned long long)total);
	return !p.wrong;
}

static bool take_number(const char *text, uint64_t *ret)
{
	return hk_slice_u64(hk_slice_str(text), UINT64_MAX, ret) == HK_OK;
}

static bool parse_options(int argc, char **argv, struct options *o)
{
	const char *runs = getenv("HIKYAKU_OOM_RUNS");
	int i;

	if (runs && !take_number(runs, &o->runs))
		o->runs = 0;
	for (i = 1; i + 1 < argc; i += 2) {
		if (strcmp(argv[i], "--scene") == 0)
			o->scene = argv[i + 1];
		else if (strcmp(argv[i], "--runs") == 0 && strcmp(argv[i + 1], "all") == 0)
			o->runs = 0;
		else if (!(strcmp(argv[i], "--runs") == 0 && take_number(argv[i + 1], &o->runs)) &&
		         !(strcmp(argv[i], "--at") == 0 && take_number(argv[i + 1], &o->at)) &&
		         !(strcmp(argv[i], "--span") == 0 && take_number(argv[i + 1], &o->span)))
			return false;
	}
	return i == argc && (o->scene || !o->at) && o->span <= SPAN_MOST;
}

int main(int argc, char **argv)
{
	struct options o = {.span = 1};
	uint64_t asked;
	bool ok = true;
	size_t i;

	if (!pieces_openssl() || !parse_options(argc, argv, &o)) {
		fprintf(stderr, "usage: hikyaku-sim-oom [--runs N] [--scene NAME [--at K]] [--span N]\n");
		return 2;
	}
	if (!o.at)
		printf("1..%zu\n", o.scene ? 1 : house_n_scenes);
	for (i = 0; i < house_n_scenes; i++) {
		if (o.scene && strcmp(o.scene, house_scenes[i].name) != 0)
			continue;
		if (o.at) {
			play(&house_scenes[i], 0, 0, false, &asked);
			ok = play(&house_scenes[i], o.at, o.span, true, &asked);
		} else {
			ok = play_all(&house_scenes[i], &o, o.scene ? 1 : i + 1) && ok;
		}
		fflush(stdout);
	}
	return ok ? 0 : 1;
}
