/* SPDX-License-Identifier: MIT
 *
 * libunbound as mail wants it: the one set-up for daemon, command and callers; and one who answers with it.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unbound.h>
#include <unistd.h>

#include <hikyaku/resolve.h>
#include <hikyaku/unbound.h>

#include "adapters/adapters_internal.h"

/* ---- set-up ------------------------------------------------------------------------------------ */

/* Without a trust anchor nothing is validated and no answer is `secure`.
 * unblock-lan-zones: else 10.in-addr.arpa and its like are NXDOMAIN (RFC 6303); so would test. be
 * (RFC 6761). infra-keep-probing: a server that was away is asked again soon. */
static const char usual[] = "server:\n"
                            " module-config: \"validator iterator\"\n"
                            " do-not-query-localhost: no\n"
                            " unblock-lan-zones: yes\n"
                            " insecure-lan-zones: yes\n"
                            " local-zone: \"test.\" transparent\n"
                            " local-zone: \"127.in-addr.arpa.\" transparent\n"
                            " num-queries-per-thread: 2048\n"
                            " outgoing-range: 4096\n"
                            " msg-cache-size: 16m\n"
                            " rrset-cache-size: 32m\n"
                            " infra-keep-probing: yes\n";

/* A laboratory's server, authoritative for test. and the reverse zones: it is asked just the
 * questions that were asked here, and nothing else exists. Not as a forwarder: it refuses what is
 * outside its zones, and a refusal is "try again". */
static const char for_stub[] = " qname-minimisation: no\n"
                               " target-fetch-policy: \"0 0 0 0 0\"\n"
                               " local-zone: \".\" static\n"
                               " local-zone: \"arpa.\" transparent\n";

static const struct {
	const char *prefix; /* of the configured text */
	const char *lines;
	const char *keyword;
	const char *zones[3];
} forms[] = {
    {"stub:", for_stub, "stub", {"test.", "arpa."}},
    {"", "", "forward", {"."}},
};

/* false when where is not an address, with a port or without. */
static bool is_server(struct hk_slice where)
{
	size_t at = hk_slice_find(where, '@');
	struct hk_ip ip;
	uint64_t port;

	return hk_ip_parse(hk_slice_sub(where, 0, at), &ip) == HK_OK &&
	       (at == where.n || hk_slice_u64(hk_slice_from(where, at + 1), 65535, &port) == HK_OK);
}

static bool add_server(struct hk_buf *b, struct hk_slice where)
{
	size_t form = hk_slice_starts_nocase(where, HK_S("stub:")) ? 0 : 1, i;

	where = hk_slice_from(where, strlen(forms[form].prefix));
	if (!is_server(where))
		return false;
	hk_buf_add_str(b, forms[form].lines);
	for (i = 0; forms[form].zones[i]; i++)
		hk_buf_addf(b, "%s-zone:\n name: \"%s\"\n %s-addr: %.*s\n", forms[form].keyword,
		    forms[form].zones[i], forms[form].keyword, HK_FMT(where));
	return true;
}

/* libunbound takes some of this as text in a file only: a file without a name. */
static bool configure(struct ub_ctx *ub, struct hk_slice text)
{
	char path[sizeof "/proc/self/fd/" + 10];
	int fd = memfd_create("unbound", MFD_CLOEXEC);
	bool ok;

	if (fd < 0)
		return false;
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	ok = write(fd, text.p, text.n) == (ssize_t)text.n && ub_ctx_config(ub, path) == 0;
	close(fd);
	return ok;
}

enum hk_status hk_unbound_context(struct hk_slice where, struct ub_ctx **ret)
{
	struct ub_ctx *ub;
	struct hk_buf text;
	enum hk_status status;

	hk_buf_init(&text, 4096);
	hk_buf_add_str(&text, usual);
	if (where.n && !add_server(&text, where)) {
		hk_buf_done(&text);
		return HK_SYNTAX;
	}
	status = hk_buf_status(&text);
	ub = ub_ctx_create();
	if (status == HK_OK && (!ub || !configure(ub, hk_buf_slice(&text))))
		status = HK_NOMEM;
	hk_buf_done(&text);
	if (status != HK_OK) {
		ub_ctx_delete(ub);
		return status;
	}
	/* without such a file libunbound asks the root servers itself */
	if (!where.n)
		(void)!ub_ctx_resolvconf(ub, NULL);
	*ret = ub;
	return HK_OK;
}

enum hk_status hk_unbound_trust(struct ub_ctx *ub, struct hk_slice anchors)
{
	char line[1024];
	bool any = false;

	while (anchors.n) {
		size_t end = hk_slice_find(anchors, '\n');
		struct hk_slice record = hk_slice_sub(anchors, 0, end);

		anchors = hk_slice_from(anchors, end + 1);
		record = hk_slice_trim(hk_slice_sub(record, 0, hk_slice_find(record, ';')));
		if (!record.n)
			continue;
		if (record.n >= sizeof line)
			return HK_LIMIT;
		snprintf(line, sizeof line, "%.*s", HK_FMT(record));
		if (ub_ctx_add_ta(ub, line) != 0)
			return HK_SYNTAX;
		any = true;
	}
	return any ? HK_OK : HK_SYNTAX;
}

/* ---- answers ------------------------------------------------------------------------------------ */

struct hk_unbound {
	struct ub_ctx *ub;
};

enum hk_status hk_unbound_open(struct hk_slice where, struct hk_unbound **ret)
{
	struct hk_unbound *u = calloc(1, sizeof *u);
	enum hk_status status = u ? hk_unbound_context(where, &u->ub) : HK_NOMEM;

	if (status == HK_OK && ub_ctx_async(u->ub, 1) != 0) {
		ub_ctx_delete(u->ub);
		status = HK_NOMEM;
	}
	if (status == HK_OK)
		*ret = u;
	else
		free(u);
	return status;
}

void hk_unbound_close(struct hk_unbound *u)
{
	if (!u)
		return;
	ub_ctx_delete(u->ub);
	free(u);
}

struct batch {
	struct hk_arena *arena;
	size_t left;
	enum hk_status status;
};

struct place {
	struct batch *batch;
	struct hk_dns_answer *answer;
	bool is_open;
	int id;
	char name[HK_DNS_NAME_MAX * 4 + 2]; /* each octet as \DDD, a dot, NUL */
};

static void answered(void *user, int error, struct ub_result *result)
{
	struct place *p = user;
	struct batch *b = p->batch;
	struct hk_dns_question q = p->answer->question;

	p->is_open = false;
	b->left--;
	if (!error && result && result->bogus) {
		p->answer->rcode = HK_DNS_SERVFAIL;
		p->answer->bogus = true;
	} else if (!error && result && result->answer_packet && result->answer_len > 0 && b->status == HK_OK) {
		b->status = adapter_read(b->arena, &q,
		    hk_slice_of(result->answer_packet, (size_t)result->answer_len), p->answer);
		p->answer->secure = result->secure != 0;
	}
	ub_resolve_free(result);
}

static void ask(struct hk_unbound *u, const struct hk_dns_question *q, struct place *p)
{
	enum { CLASS_IN = 1 };

	if (q->name.n > sizeof p->name - 2 || hk_dns_type_is_local(q->type))
		return;
	memcpy(p->name, q->name.p ? q->name.p : (const uint8_t *)"", q->name.n);
	memcpy(p->name + q->name.n, ".", 2); /* absolute, also for the root */
	p->is_open = true;
	p->batch->left++;
	if (ub_resolve_async(u->ub, p->name, q->type, CLASS_IN, p, answered, &p->id) != 0) {
		p->is_open = false;
		p->batch->left--;
	}
}

enum hk_status hk_unbound_answer(void *unbound, const struct hk_dns_question *q, size_t n,
    unsigned timeout_ms, struct hk_arena *a, struct hk_dns_answer *ret)
{
	int64_t until = adapter_now_ms() + timeout_ms;
	struct hk_unbound *u = unbound;
	struct batch b = {.arena = a};
	struct place place[HK_RESOLVE_BATCH];
	struct pollfd p = {.fd = ub_fd(u->ub), .events = POLLIN};
	size_t i;

	if (n > HK_RESOLVE_BATCH)
		return HK_BUG;
	adapter_none(q, n, ret);
	for (i = 0; i < n; i++) {
		place[i] = (struct place){.batch = &b, .answer = &ret[i]};
		ask(u, &q[i], &place[i]);
	}
	while (b.left && adapter_left_ms(until))
		if (poll(&p, 1, (int)adapter_left_ms(until)) > 0)
			ub_process(u->ub);
	for (i = 0; i < n; i++)
		if (place[i].is_open)
			ub_cancel(u->ub, place[i].id);
	return b.status;
}
