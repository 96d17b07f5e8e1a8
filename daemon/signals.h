/* SPDX-License-Identifier: MIT
 *
 * signals.h - signals as readable descriptors; no code of ours runs inside a handler.
 */
#ifndef HIKYAKU_DAEMON_SIGNALS_H
#define HIKYAKU_DAEMON_SIGNALS_H

/* signals_open(): blocks what we know of in this thread and those it starts later; SIGPIPE is
 * ignored. A signalfd, or -1. */
int signals_open(void);
/* signals_next(fd): the number of the next one, 0 when there is none. */
int signals_next(int fd);
/* signals_reset(): as a program expects them, in a child before exec. */
void signals_reset(void);

#endif
