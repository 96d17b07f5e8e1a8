/* SPDX-License-Identifier: MIT
 *
 * role.c - a role that does what the supervisor tells it, until the supervisor closes its end.
 */
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "daemon/log_file.h"
#include "daemon/roles.h"
#include "daemon/signals.h"
#include "engine/log_value.h"
#include "io/log.h"

static void take(struct hk_log_sink *sink, const struct hk_control *m, role_taker *taker, void *with)
{
	if (m->type != HK_CONTROL_LOG) {
		taker(with, m);
		return;
	}
	log_take(sink, m);
}

static void serve(int signals, struct hk_log_sink *sink, role_taker *taker, void *with)
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
			take(sink, &m, taker, with);
	}
}

static bool may_serve(enum role role, struct hk_log_sink *sink)
{
	struct hk_buf why;
	bool may;

	hk_buf_init(&why, 1024);
	may = privileges_check(role, &why);
	if (!may)
		hk_logf(hk_log_sink_log(sink), HK_LOG_ERROR, "ev=start what=%s",
		    hk_log_value(hk_buf_slice(&why)).text);
	hk_buf_done(&why);
	return may;
}

int role_serve(enum role role, role_taker *taker, void *with)
{
	int signals = signals_open();
	struct hk_log_sink *sink;
	bool may;

	if (signals < 0 || hk_log_sink_open(STDERR_FILENO, HK_LOG_DIRECT, &sink) != HK_OK)
		return 1;
	may = may_serve(role, sink);
	if (may) {
		fcntl(ROLE_CONTROL_FD, F_SETFD, FD_CLOEXEC);
		serve(signals, sink, taker, with);
	}
	hk_log_sink_close(sink);
	return may ? 0 : 1;
}
