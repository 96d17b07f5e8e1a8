/* SPDX-License-Identifier: MIT
 *
 * main.c - hikyakud, the mail server: one program that is supervisor, mail process and keys
 * process, as it is asked to be.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

#include "daemon/privileges.h"
#include "daemon/roles.h"
#include "daemon/version.h"

static int waiting_parent = -1; /* the pipe to whoever started us and waits; -1: nobody */

static void nothing(void)
{
}

/* In the background: whoever started us ends when we serve. */
static void let_parent_go(void)
{
	if (waiting_parent >= 0) {
		(void)!write(waiting_parent, "", 1);
		close(waiting_parent);
	}
	waiting_parent = -1;
}

/* The parent does not come back from here. */
static void go_to_background(void)
{
	int ends[2], null = open("/dev/null", O_RDWR | O_CLOEXEC);
	char byte;
	pid_t pid;

	if (null < 0 || pipe2(ends, O_CLOEXEC) != 0 || (pid = fork()) < 0) {
		perror("hikyakud");
		exit(1);
	}
	if (pid > 0) {
		close(ends[1]);
		/* the end of the pipe without a byte: it failed, and has said why */
		_exit(read(ends[0], &byte, 1) == 1 ? 0 : 1);
	}
	setsid();
	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	close(null);
	close(ends[0]);
	waiting_parent = ends[1];
}

static int run_role(const char *name)
{
	enum role role;

	if (role_find(name, &role) != HK_OK) {
		fprintf(stderr, "hikyakud: no such role\n");
		return 2;
	}
	switch (role) {
	case ROLE_KEYS:
		return role_keys();
	case ROLE_FETCH:
		return role_fetch();
	default:
		return role_mta();
	}
}

static void print_manual(void)
{
	struct hk_buf text;

	hk_buf_init(&text, 1024 * 1024);
	hk_conf_manual(&text);
	fwrite(text.p, 1, text.n, stdout);
	hk_buf_done(&text);
}

static int flushed(int status)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	fprintf(stderr, "hikyakud: the output could not be written\n");
	return 1;
}

static int run(const struct options *o)
{
	if (o->role)
		return run_role(o->role);
	if (o->check)
		return flushed(check_run(o));
	umask(022); /* what is made from here on has the mode that is asked for, whoever started us; roles have their own */
	/* whoever debugs or tests wants the process that was started */
	if (o->single)
		return single_run(o);
	if (!o->foreground)
		go_to_background();
	return supervisor_run(o, o->foreground ? nothing : let_parent_go);
}

int main(int argc, char **argv)
{
	struct options o;
	int status;

	if (!options_parse(argc, argv, &o))
		return 2;
	if (o.help)
		options_help();
	else if (o.version)
		printf("hikyakud " HIKYAKU_VERSION "\n");
	else if (o.manual)
		print_manual();
	if (o.help || o.version || o.manual)
		return flushed(0);
	status = run(&o);
	/* the threads of the pool end while libcrypto can still give back what it keeps for each thread */
	uv_library_shutdown();
	return status;
}
