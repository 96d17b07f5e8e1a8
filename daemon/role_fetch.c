/* SPDX-License-Identifier: MIT
 *
 * role_fetch.c - the process that fetches MTA-STS policies: channels from the supervisor, each with a thread.
 */
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "daemon/privileges.h"
#include "daemon/roles.h"
#include "daemon/signals.h"
#include "engine/log_value.h"
#include "io/control.h"
#include "io/fetch.h"
#include "io/log.h"

static void take_message(const struct hk_control *m)
{
	switch (m->type) {
	case HK_CONTROL_FETCH:
		(void)!hk_fetch_serve_apart(m->fd);
		break;
	case HK_CONTROL_LOG:
		dup2(m->fd, STDERR_FILENO);
		close(m->fd);
		break;
	default:
		break;
	}
}

/* Until the supervisor closes its end. */
static void run(int signals)
{
	struct pollfd p[2] = {
	    {.fd = ROLE_CONTROL_FD, .events = POLLIN}, {.fd = signals, .events = POLLIN}};
	uint8_t buffer[HK_CONTROL_MAX];
	enum hk_status status = HK_OK;
	struct hk_control m;

	while (status == HK_OK || status == HK_AGAIN) {
		poll(p, 2, -1);
		while (signals_next(signals))
			; /* the supervisor decides when this process ends */
		while ((status = hk_control_receive(ROLE_CONTROL_FD, buffer, &m)) == HK_OK)
			take_message(&m);
	}
}

int role_fetch(void)
{
	int signals = signals_open();
	struct hk_log_sink *sink;
	struct hk_buf why;

	hk_buf_init(&why, 1024);
	if (signals < 0 || hk_log_sink_open(STDERR_FILENO, HK_LOG_DIRECT, &sink) != HK_OK)
		return 1;
	if (!privileges_check(ROLE_FETCH, &why)) {
		hk_logf(hk_log_sink_log(sink), HK_LOG_ERROR, "ev=start what=%s",
		    hk_log_value(hk_buf_slice(&why)).text);
		return 1;
	}
	fcntl(ROLE_CONTROL_FD, F_SETFD, FD_CLOEXEC);
	run(signals);
	/* threads may still fetch: the process ends, and they with it */
	return 0;
}
