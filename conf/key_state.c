/* SPDX-License-Identifier: MIT */
#include "conf/key_state.h"

const char *hk_key_alg_name(enum hk_sign_alg alg)
{
	return alg == HK_SIGN_ED25519_SHA256 ? "ed25519" : "rsa";
}
