/* SPDX-License-Identifier: MIT
 *
 * check_tlsa.h - whether certificates would be held back, for --check-config.
 */
#ifndef HIKYAKU_DAEMON_CHECK_TLSA_H
#define HIKYAKU_DAEMON_CHECK_TLSA_H

#include "conf/conf.h"
#include "io/tls.h"

/* check_tlsa(conf, listener, context, why): asks the DNS where trust-anchor says what is to be believed; a line in why for each
 * record that the certificates do not fit, or that cannot be known. */
void check_tlsa(const struct hk_conf *, size_t listener, const struct hk_tls_context *, struct hk_buf *why);

#endif
