/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "daemon/check_tlsa.h"
#include "daemon/server.h"
#include "io/clock.h"
#include "io/tlsa.h"

enum { PLACES_MAX = HK_TLSA_HOSTS_MAX * HK_TLSA_PORTS_MAX, WAIT_MS = 20000 };

struct look {
	const struct hk_conf *conf;
	const struct hk_tls_context *context;
	struct hk_tlsa_place place[PLACES_MAX];
	bool answered[PLACES_MAX];
	size_t n, n_open;
	struct hk_mailbox box;
	struct hk_buf *why;
};

static void say(struct look *k, size_t i, const char *what)
{
	const struct hk_tlsa_place *p = &k->place[i];

	hk_buf_addf(k->why, "%slisten %.*s: _%u._tcp.%s: %s", k->why->n ? "\n" : "",
	    HK_FMT(k->conf->listener[p->listener].name), p->port, p->host, what);
}

static void take(struct look *k, struct hk_dns_post *post)
{
	size_t i = (size_t)post->token;

	k->answered[i] = true;
	k->n_open--;
	switch (hk_tlsa_judge(k->context, &k->place[i], &post->answer)) {
	case HK_TLSA_MISFITS:
		say(k, i, "the certificate does not fit the published TLSA record: a server that has another one holds it back");
		break;
	case HK_TLSA_UNKNOWN:
		say(k, i, "whether the certificate fits a TLSA record cannot be found out");
		break;
	case HK_TLSA_FITS:
		break;
	}
	hk_dns_post_free(post);
}

static void take_all(struct look *k)
{
	struct hk_post *post, *next;

	for (post = hk_mailbox_take(&k->box); post; post = next) {
		next = post->next;
		take(k, (struct hk_dns_post *)post);
	}
}

static void look_up(struct look *k, struct hk_resolver *resolver)
{
	uint64_t now, until = hk_clock_mono_ms() + WAIT_MS;
	size_t i;

	for (i = 0; i < k->n; i++) {
		struct hk_dns_post *post = hk_tlsa_question(&k->place[i], &k->box, i);

		if (!post)
			continue;
		hk_resolver_ask(resolver, post);
		k->n_open++;
	}
	while (k->n_open && (now = hk_clock_mono_ms()) < until) {
		hk_mailbox_wait(&k->box, (int)(until - now));
		take_all(k);
	}
	for (i = 0; k->n_open && i < k->n; i++)
		if (!k->answered[i])
			say(k, i, "whether the certificate fits a TLSA record cannot be found out");
}

void check_tlsa(const struct hk_conf *conf, size_t listener, const struct hk_tls_context *context, struct hk_buf *why)
{
	struct look *k = calloc(1, sizeof *k);
	struct hk_resolver *resolver = NULL;

	if (!k)
		return;
	k->conf = conf;
	k->context = context;
	k->why = why;
	k->n = hk_tlsa_places(conf, listener, context, k->place, PLACES_MAX);
	if (k->n && hk_mailbox_init(&k->box) == HK_OK) {
		if (server_start_resolver(conf, why, &resolver) == HK_OK) {
			look_up(k, resolver);
			hk_resolver_free(resolver);
		}
		take_all(k); /* what came while its thread ended */
		hk_mailbox_done(&k->box);
	}
	free(k);
}
