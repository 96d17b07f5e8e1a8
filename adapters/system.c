/* SPDX-License-Identifier: MIT
 *
 * The resolver of libc. Its state is on our stack, so threads share nothing.
 */
#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <netinet/in.h>
#include <resolv.h>
#include <stdlib.h>
#include <string.h>

#include <hikyaku/resolve.h>

#include "adapters/adapters_internal.h"

/* TCP has a length of 16 bits */
enum { MESSAGE_MAX = 65536, QUERY_MAX = 512, TRIES = 2 };

/* "IP" or "IP@PORT": that server alone. */
static bool set_server(res_state state, const char *server)
{
	struct hk_slice text = hk_slice_str(server);
	size_t at = hk_slice_find(text, '@');
	struct sockaddr_in *to = &state->nsaddr_list[0];
	uint64_t port = NAMESERVER_PORT;
	struct hk_ip ip;

	if (hk_ip_parse(hk_slice_sub(text, 0, at), &ip) != HK_OK || ip.family != 4)
		return false;
	if (at < text.n && hk_slice_u64(hk_slice_from(text, at + 1), UINT16_MAX, &port) != HK_OK)
		return false;
	memset(to, 0, sizeof *to);
	to->sin_family = AF_INET;
	to->sin_port = htons((uint16_t)port);
	memcpy(&to->sin_addr, ip.bytes, sizeof to->sin_addr);
	state->nscount = 1;
	return true;
}

/* libc counts in seconds, for each try at each server. */
static void set_patience(res_state state, unsigned timeout_ms)
{
	unsigned servers = state->nscount > 0 ? (unsigned)state->nscount : 1;
	unsigned seconds = timeout_ms / 1000 / TRIES / servers;

	state->retry = TRIES;
	state->retrans = seconds > 5 ? 5 : seconds ? (int)seconds : 1;
}

static enum hk_status ask(res_state state, const struct hk_dns_question *q, uint8_t *message,
    struct hk_arena *a, struct hk_dns_answer *ret)
{
	struct hk_buf query;
	enum hk_status status;
	uint16_t id;
	int n = -1;

	if (hk_dns_type_is_local(q->type))
		return HK_OK;
	hk_buf_init(&query, QUERY_MAX);
	status = hk_random(&id, sizeof id);
	if (status == HK_OK)
		status = hk_dns_question_format(q, id, &query);
	if (status == HK_OK && hk_buf_status(&query) == HK_OK)
		n = res_nsend(state, query.p, (int)query.n, message, MESSAGE_MAX);
	hk_buf_done(&query);
	return n > 0 ? adapter_read(a, q, hk_slice_of(message, (size_t)n), ret) : HK_OK;
}

enum hk_status hk_system_answer(void *server, const struct hk_dns_question *q, size_t n,
    unsigned timeout_ms, struct hk_arena *a, struct hk_dns_answer *ret)
{
	int64_t until = adapter_now_ms() + timeout_ms;
	uint8_t *message = malloc(MESSAGE_MAX);
	struct __res_state state = {0};
	enum hk_status status = HK_OK;
	size_t i;

	adapter_none(q, n, ret);
	if (!message)
		return HK_NOMEM;
	if (res_ninit(&state) == 0) {
		if (!server || set_server(&state, server))
			for (i = 0; i < n && status == HK_OK && adapter_left_ms(until); i++) {
				set_patience(&state, adapter_left_ms(until));
				status = ask(&state, &q[i], message, a, &ret[i]);
			}
		res_nclose(&state);
	}
	free(message);
	return status;
}
