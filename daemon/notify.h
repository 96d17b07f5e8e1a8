/* SPDX-License-Identifier: MIT
 *
 * notify.h - the service manager's protocol (sd_notify(3)): one datagram to $NOTIFY_SOCKET; nothing
 * when it is not set.
 */
#ifndef HIKYAKU_DAEMON_NOTIFY_H
#define HIKYAKU_DAEMON_NOTIFY_H

void notify_ready(void);
void notify_reloading(void);
void notify_stopping(void);

#endif
