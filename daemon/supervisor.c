/* SPDX-License-Identifier: MIT
 *
 * supervisor.c - binds, starts the roles, starts them again when they die, reloads, ends. It reads
 * no byte of the network.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/log_file.h"
#include "daemon/notify.h"
#include "daemon/reload.h"
#include "daemon/roles.h"
#include "daemon/signals.h"
#include "daemon/spool_dir.h"
#include "daemon/supervisor_internal.h"
#include "engine/log_value.h"
#include "io/clock.h"
#include "io/control.h"
#include "io/log.h"
#include "io/mta.h"

/* ---- start
 * ------------------------------------------------------------------------------------------ */

static enum hk_status prepare(struct supervisor *s, const struct bundle *b, struct hk_buf *why)
{
	enum hk_status status;

	s->workers = hk_mta_workers(b->conf);
	status = privileges_find(ROLE_MTA, b->conf, why, &s->mta.who);
	if (status == HK_OK)
		status = privileges_find(ROLE_KEYS, b->conf, why, &s->keys.who);
	if (status == HK_OK)
		status = privileges_find(ROLE_FETCH, b->conf, why, &s->fetch.who);
	if (status == HK_OK && geteuid() == 0 &&
	    (s->mta.who.uid == s->keys.who.uid || s->fetch.who.uid == s->keys.who.uid)) {
		hk_buf_add_str(why, "user and keys-user must be two users, and fetch-user another than keys-user: "
		                    "else a process that reads the network could read the keys from memory");
		status = HK_LIMIT;
	}
	if (status == HK_OK)
		status = spool_dir_make(b->conf, &s->mta.who, why);
	if (status == HK_OK)
		status = sockets_bind(&s->sockets, b->conf, s->workers, why);
	if (status == HK_OK)
		status = operator_socket_open(&s->operator, b->conf, &s->mta.who, why);
	if (status == HK_OK)
		status = log_file_use(b->conf, NULL, why);
	return status;
}

static enum hk_status start(struct supervisor *s, struct hk_buf *why)
{
	struct bundle *b;
	enum hk_status status;

	s->self = open("/proc/self/exe", O_PATH | O_CLOEXEC);
	if (s->self < 0) {
		hk_buf_addf(why, "/proc/self/exe: %s", strerror(errno));
		return HK_IO;
	}
	status = bundle_open(s->options->config, ++s->number, why, &b);
	if (status != HK_OK)
		return status;
	status = prepare(s, b, why);
	if (status == HK_OK)
		status = child_start(&s->keys, s->self);
	if (status == HK_OK)
		status = child_start(&s->mta, s->self);
	if (status == HK_OK)
		status = child_start(&s->fetch, s->self);
	if (status == HK_OK)
		offer_begin(s, b);
	else
		bundle_free(b);
	return status;
}

/* ---- pid file
 * ----------------------------------------------------------------------------------------- */

static bool pid_path(const struct supervisor *s, char *ret, size_t size)
{
	const struct hk_slice path = s->now ? s->now->conf->pid_file : (struct hk_slice){0};

	if (!path.n || path.n >= size)
		return false;
	snprintf(ret, size, "%.*s", HK_FMT(path));
	return true;
}

static void write_pid(const struct supervisor *s)
{
	char path[4096];
	int fd;

	if (!pid_path(s, path, sizeof path))
		return;
	/* CVE-2020-28014: never through a link, never over somebody's file */
	unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0 || dprintf(fd, "%ld\n", (long)getpid()) < 0)
		hk_logf(s->log, HK_LOG_WARNING, "ev=pid_file what=%s",
		    hk_log_value(hk_slice_str(strerror(errno))).text);
	if (fd >= 0)
		close(fd);
}

static void remove_pid(const struct supervisor *s)
{
	char path[4096];

	if (pid_path(s, path, sizeof path))
		unlink(path);
}

/* ---- reload
 * --------------------------------------------------------------------------------------------- */

static enum hk_status begin_reload(struct supervisor *s, struct hk_buf *why)
{
	struct bundle *b;
	enum hk_status status = bundle_open(s->options->config, ++s->number, why, &b);

	if (status != HK_OK)
		return status;
	status = reload_is_possible(s->now->conf, b->conf, why);
	if (status == HK_OK)
		status = sockets_bind(&s->sockets, b->conf, s->workers, why);
	if (status == HK_OK)
		offer_begin(s, b);
	else
		bundle_free(b);
	return status;
}

void supervisor_reload(struct supervisor *s)
{
	enum hk_status status;
	struct hk_buf why;

	if (!s->now || s->next) {
		s->wants_reload = true;
		return;
	}
	notify_reloading();
	hk_buf_init(&why, 65536);
	/* also when the rest is refused: a rotated log must not wait for a good configuration */
	if (log_file_again(s->now->conf, s->log))
		offer_log(s, s->now->conf);
	status = begin_reload(s, &why);
	if (status != HK_OK) {
		reload_log(s->log, status, hk_buf_slice(&why));
		notify_ready();
	}
	hk_buf_done(&why);
}

/* ---- the end
 * --------------------------------------------------------------------------------------------- */

static void begin_stop(struct supervisor *s)
{
	if (s->stopping)
		return;
	notify_stopping();
	hk_logf(s->log, HK_LOG_INFO, "ev=stop");
	s->stopping = true;
	sockets_close(&s->sockets);
	s->stop_until = hk_clock_mono_ms() + STOP_MS;
	if (s->mta.pid && (s->mta.control < 0 || hk_control_send(s->mta.control,
	                                             &(struct hk_control){.type = HK_CONTROL_STOP,
	                                                 .fd = -1}) != HK_OK))
		kill(s->mta.pid, SIGKILL);
	s->over = !s->mta.pid;
}

static void reap_now(struct child *c)
{
	if (c->pid && waitpid(c->pid, NULL, 0) == c->pid)
		c->pid = 0;
}

static void end_child(struct child *c)
{
	child_release(c);
	if (c->pid)
		kill(c->pid, SIGKILL);
	reap_now(c);
}

/* ---- deaths
 * ------------------------------------------------------------------------------------------------
 */

static void log_end(const struct supervisor *s, const struct child *c, int how)
{
	bool by_signal = WIFSIGNALED(how);

	hk_logf(s->log, s->stopping ? HK_LOG_INFO : HK_LOG_ERROR, "ev=ended role=%s pid=%ld %s=%d",
	    role_name(c->role), (long)c->pid, by_signal ? "signal" : "status",
	    by_signal ? WTERMSIG(how) : WEXITSTATUS(how));
}

static void bury(struct supervisor *s, struct child *c, int how)
{
	/* its last words first */
	offer_listen(s, c);
	log_end(s, c, how);
	child_ended(c, hk_clock_mono_ms());
	if (s->stopping) {
		s->over |= c == &s->mta;
		return;
	}
	if (s->next && !s->over && c != &s->fetch)
		offer_refuse(s, HK_S("a process ended before it served this configuration"));
}

static void reap(struct supervisor *s)
{
	struct child *all[] = {&s->mta, &s->keys, &s->fetch};
	size_t i;
	int how;

	for (i = 0; i < sizeof all / sizeof all[0]; i++)
		if (all[i]->pid && waitpid(all[i]->pid, &how, WNOHANG) == all[i]->pid)
			bury(s, all[i], how);
}

static void start_again(struct supervisor *s, struct child *c, uint64_t now)
{
	if (s->stopping || c->pid || c->start_at > now)
		return;
	if (child_start(c, s->self) == HK_OK)
		offer_again(s, c);
	else
		child_ended(c, now);
}

/* ---- the loop
 * ------------------------------------------------------------------------------------------------
 */

static void take_signals(struct supervisor *s)
{
	int number;

	while ((number = signals_next(s->signals))) {
		if (number == SIGCHLD)
			reap(s);
		else if (number == SIGHUP && !s->stopping)
			supervisor_reload(s);
		else if (number == SIGTERM || number == SIGINT)
			begin_stop(s);
	}
}

static uint64_t first_deadline(const struct supervisor *s)
{
	uint64_t at = s->stopping ? s->stop_until : s->next_until;

	if (!s->stopping && s->now && s->certificates.due < at)
		at = s->certificates.due;

	if (!s->stopping && s->mta.start_at < at)
		at = s->mta.start_at;
	if (!s->stopping && s->keys.start_at < at)
		at = s->keys.start_at;
	if (!s->stopping && s->fetch.start_at < at)
		at = s->fetch.start_at;
	return at;
}

static void take_time(struct supervisor *s)
{
	uint64_t now = hk_clock_mono_ms();

	if (s->stopping && now >= s->stop_until) {
		hk_logf(s->log, HK_LOG_WARNING,
		    "ev=stop what=\"the mail process did not end in time\"");
		s->over = true;
	}
	if (s->next && now >= s->next_until)
		offer_refuse(s, HK_S("the processes did not answer in time"));
	if (s->now && !s->stopping && certificates_changed(&s->certificates, s->now->conf, now))
		supervisor_reload(s);
	start_again(s, &s->keys, now);
	start_again(s, &s->mta, now);
	start_again(s, &s->fetch, now);
}

static int time_left(const struct supervisor *s)
{
	uint64_t at = first_deadline(s), now = hk_clock_mono_ms();

	if (at == UINT64_MAX)
		return -1;
	return at <= now ? 0 : at - now > 3600000 ? 3600000 : (int)(at - now);
}

static void run(struct supervisor *s)
{
	while (!s->over) {
		struct pollfd p[4] = {{.fd = s->signals, .events = POLLIN},
		    {.fd = s->mta.control, .events = POLLIN},
		    {.fd = s->keys.control, .events = POLLIN},
		    {.fd = s->fetch.control, .events = POLLIN}};

		poll(p, 4, time_left(s));
		if (p[1].revents)
			offer_listen(s, &s->mta);
		if (p[2].revents)
			offer_listen(s, &s->keys);
		if (p[3].revents)
			offer_listen(s, &s->fetch);
		take_signals(s);
		take_time(s);
	}
}

void supervisor_is_ready(struct supervisor *s)
{
	write_pid(s);
	s->ready();
}

int supervisor_run(const struct options *options, void (*ready)(void))
{
	struct supervisor s = {.options = options,
	    .next_until = UINT64_MAX,
	    .operator.fd = -1,
	    .ready = ready,
	    .signals = signals_open()};
	enum hk_status status;
	struct hk_buf why;

	if (s.signals < 0 || hk_log_sink_open(STDERR_FILENO, HK_LOG_DIRECT, &s.sink) != HK_OK)
		return 1;
	s.log = hk_log_sink_log(s.sink);
	child_init(&s.mta, ROLE_MTA);
	child_init(&s.keys, ROLE_KEYS);
	child_init(&s.fetch, ROLE_FETCH);
	hk_buf_init(&why, 65536);
	status = start(&s, &why);
	if (status != HK_OK) {
		fprintf(stderr, "hikyakud: %.*s\n",
		    HK_FMT(why.n ? hk_buf_slice(&why) : hk_slice_str(hk_status_text(status))));
		s.failed = true;
	} else {
		run(&s);
	}
	hk_buf_done(&why);
	end_child(&s.mta);
	end_child(&s.keys);
	end_child(&s.fetch);
	remove_pid(&s);
	operator_socket_close(&s.operator);
	sockets_close(&s.sockets);
	bundle_free(s.next);
	bundle_free(s.now);
	hk_logf(s.log, HK_LOG_INFO, "ev=stopped");
	hk_log_sink_close(s.sink);
	return s.failed ? 1 : 0;
}
