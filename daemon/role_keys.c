/* SPDX-License-Identifier: MIT
 *
 * role_keys.c - the process that holds private keys. Its main thread takes keys and channels from
 * the supervisor; each channel has a thread that signs.
 */
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "daemon/bundle.h"
#include "daemon/privileges.h"
#include "daemon/roles.h"
#include "daemon/signals.h"
#include "engine/log_value.h"
#include "io/control.h"
#include "io/keys.h"
#include "io/log.h"

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

static void take_message(struct hk_keys *keys, const struct hk_control *m)
{
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
	case HK_CONTROL_LOG:
		dup2(m->fd, STDERR_FILENO);
		close(m->fd);
		break;
	default:
		break;
	}
}

/* Until the supervisor closes its end. */
static void run(struct hk_keys *keys, int signals)
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
			take_message(keys, &m);
	}
}

int role_keys(void)
{
	struct hk_keys *keys = hk_keys_new();
	int signals = signals_open();
	struct hk_log_sink *sink;
	struct hk_buf why;

	hk_buf_init(&why, 1024);
	if (!keys || signals < 0 || hk_log_sink_open(STDERR_FILENO, HK_LOG_DIRECT, &sink) != HK_OK)
		return 1;
	if (!privileges_check(ROLE_KEYS, &why)) {
		hk_logf(hk_log_sink_log(sink), HK_LOG_ERROR, "ev=start what=%s",
		    hk_log_value(hk_buf_slice(&why)).text);
		return 1;
	}
	fcntl(ROLE_CONTROL_FD, F_SETFD, FD_CLOEXEC);
	run(keys, signals);
	/* Deliberate: channel threads may still sign, so the keys are not freed under them: the
	 * process ends, and its memory with it, without a core file. */
	return 0;
}
