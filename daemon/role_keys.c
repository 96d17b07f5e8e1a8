/* SPDX-License-Identifier: MIT
 *
 * role_keys.c - the process that holds private keys. Its main thread takes keys and channels from
 * the supervisor; each channel has a thread that signs.
 */
#include <string.h>
#include <unistd.h>

#include "daemon/bundle.h"
#include "daemon/roles.h"
#include "io/keys.h"

static enum hk_status load(
    struct hk_keys *keys, const struct hk_control *m, enum hk_sign_alg *ret, struct hk_buf *record)
{
	struct hk_slice pem = {0};
	enum hk_status status;
	struct hk_arena a;

	hk_arena_init(&a, HK_KEYS_PEM_MAX + 4096);
	status = bundle_read(m->fd, &a, HK_KEYS_PEM_MAX, &pem);
	if (status == HK_OK) {
		status = hk_keys_load(keys, m->generation, m->index, pem, ret, record);
		explicit_bzero((void *)(uintptr_t)pem.p, pem.n);
	}
	hk_arena_done(&a);
	return status;
}

static void take_key(struct hk_keys *keys, const struct hk_control *m)
{
	struct hk_control answer = {
	    .type = HK_CONTROL_ALG, .generation = m->generation, .index = m->index, .fd = -1};
	enum hk_status status;
	struct hk_buf record;

	hk_buf_init(&record, HK_CONTROL_TEXT_MAX);
	status = load(keys, m, &answer.alg, &record);
	answer.text = hk_buf_slice(&record);
	if (status != HK_OK) {
		answer.type = HK_CONTROL_REFUSED;
		answer.text =
		    status == HK_SYNTAX || status == HK_CRYPTO
		        ? HK_S("it holds no unencrypted RSA or Ed25519 private key in PEM")
		        : hk_slice_str(hk_status_text(status));
	}
	/* a supervisor that is gone shows as END on the next receive */
	(void)!hk_control_send(ROLE_CONTROL_FD, &answer);
	hk_buf_done(&record);
	close(m->fd);
}

static void take_message(void *with, const struct hk_control *m)
{
	struct hk_keys *keys = with;

	switch (m->type) {
	case HK_CONTROL_KEY:
		take_key(keys, m);
		break;
	case HK_CONTROL_CHANNEL:
		(void)!hk_keys_serve_apart(keys, m->fd);
		break;
	case HK_CONTROL_FORGET:
		hk_keys_forget(keys, m->generation);
		break;
	default:
		break;
	}
}

int role_keys(void)
{
	struct hk_keys *keys = hk_keys_new();

	/* Deliberate: channel threads may still sign when it returns, so the keys are not freed under them: the
	 * process ends, and its memory with it, without a core file. */
	return keys ? role_serve(ROLE_KEYS, take_message, keys) : 1;
}
