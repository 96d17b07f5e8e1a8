/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "io/tlsa.h"

static size_t ports_of(const struct hk_conf *conf, const struct hk_conf_listener *l, uint16_t ret[HK_TLSA_PORTS_MAX])
{
	size_t i, j, n = 0;

	for (i = 0; i < l->n_sockets && n < HK_TLSA_PORTS_MAX; i++) {
		uint16_t port = l->socket[i].port;

		if (port && port == conf->port_map_25)
			port = 25;
		for (j = 0; j < n && ret[j] != port; j++)
			;
		if (port && j == n) /* a unix socket has none */
			ret[n++] = port;
	}
	return n;
}

static size_t add_host(const char *host, struct hk_tls_names *names)
{
	size_t i;

	for (i = 0; i < names->n; i++)
		if (strcmp(names->at[i], host) == 0)
			return names->n;
	if (names->n < HK_TLS_NAMES_MAX)
		snprintf(names->at[names->n++], sizeof names->at[0], "%s", host);
	return names->n;
}

size_t hk_tlsa_places(const struct hk_conf *conf, size_t listener, const struct hk_tls_context *context, struct hk_tlsa_place *ret, size_t room)
{
	const struct hk_conf_listener *l = &conf->listener[listener];
	char host[HK_DNS_NAME_MAX + 1];
	uint16_t port[HK_TLSA_PORTS_MAX];
	struct hk_tls_names names;
	size_t n_ports, i, j, n = 0;

	if (!conf->trust_anchor.n || !context || l->hostname.n > HK_DNS_NAME_MAX)
		return 0;
	n_ports = ports_of(conf, l, port);
	hk_tls_context_names(context, &names);
	snprintf(host, sizeof host, "%.*s", HK_FMT(l->hostname));
	add_host(host, &names);
	for (i = 0; i < names.n; i++)
		for (j = 0; j < n_ports && n < room; j++) {
			ret[n] = (struct hk_tlsa_place){.listener = listener, .port = port[j]};
			snprintf(ret[n++].host, sizeof ret[0].host, "%s", names.at[i]);
		}
	return n;
}

struct hk_dns_post *hk_tlsa_question(const struct hk_tlsa_place *place, struct hk_mailbox *back, uint64_t token)
{
	struct hk_dns_question q = {.type = HK_DNS_TLSA};
	struct hk_dns_post *post = NULL;
	struct hk_arena a;

	hk_arena_init(&a, 4096);
	if (hk_dane_name(&a, place->port, hk_slice_str(place->host), &q.name) == HK_OK)
		post = hk_dns_post_new(&q, back, token);
	hk_arena_done(&a);
	return post;
}

enum hk_tlsa_fit hk_tlsa_judge(const struct hk_tls_context *context, const struct hk_tlsa_place *place, const struct hk_dns_answer *answer)
{
	struct hk_tlsa tlsa[HK_TLSA_MAX];
	struct hk_tls_check check = {.verify = HK_VERIFY_DANE, .name = hk_slice_str(place->host), .tlsa = tlsa};

	switch (hk_dane_judge(answer, tlsa, &check.n_tlsa)) {
	case HK_DANE_FAILED:
		return HK_TLSA_UNKNOWN;
	case HK_DANE_USABLE:
		return hk_tls_context_fits(context, &check) ? HK_TLSA_FITS : HK_TLSA_MISFITS;
	default:
		return HK_TLSA_FITS; /* RFC 7672 2.2: no certificate is checked */
	}
}
