/* SPDX-License-Identifier: MIT
 *
 * certificates.h - whether files of certificates have changed since they were looked at.
 */
#ifndef HIKYAKU_DAEMON_CERTIFICATES_H
#define HIKYAKU_DAEMON_CERTIFICATES_H

#include "conf/conf.h"

struct certificates {
	uint64_t mark; /* of all files, as they were */
	uint64_t due;  /* mono_ms; UINT64_MAX: never */
};
/* certificates_begin(c, conf, now): what is there now is what is in force. */
void certificates_begin(struct certificates *, const struct hk_conf *, uint64_t now);
/* certificates_changed(c, conf, now): true once for each change, when it is due to look. */
bool certificates_changed(struct certificates *, const struct hk_conf *, uint64_t now);

#endif
