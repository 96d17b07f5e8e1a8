/* SPDX-License-Identifier: MIT */
#ifndef HIKYAKU_CONF_KEY_STATE_H
#define HIKYAKU_CONF_KEY_STATE_H

#include <hikyaku/crypto.h>

/* hk_key_alg_name(alg): as in k= (RFC 6376 3.6.1, RFC 8463 4). */
const char *hk_key_alg_name(enum hk_sign_alg);

#endif
