/* SPDX-License-Identifier: MIT */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unbound.h>
#include <unistd.h>

#include "io/resolver.h"

struct hk_resolver {
	_Atomic unsigned users;
	struct ub_ctx *ub;
	struct hk_mailbox box;
	struct hk_dns_post *open;
	unsigned n_open;
	pthread_t thread;
};

/* ---- posts ----------------------------------------------------------------------------------- */

struct hk_dns_post *hk_dns_post_new(
    const struct hk_dns_question *q, struct hk_mailbox *back, uint64_t token)
{
	struct hk_dns_post *p;

	if (q->name.n > HK_DNS_NAME_MAX)
		return NULL;
	p = calloc(1, sizeof *p);
	if (!p)
		return NULL;
	p->post.type = HK_POST_DNS;
	p->back = back;
	p->token = token;
	p->type = q->type;
	memcpy(p->name, q->name.p, q->name.n);
	hk_arena_init(&p->arena, HK_RESOLVER_ARENA);
	return p;
}

void hk_dns_post_free(struct hk_dns_post *p)
{
	if (!p)
		return;
	hk_arena_done(&p->arena);
	free(p);
}

static struct hk_dns_question question_of(const struct hk_dns_post *p)
{
	return (struct hk_dns_question){hk_slice_str(p->name), p->type};
}

static void give_back(struct hk_dns_post *p)
{
	hk_mailbox_post(p->back, &p->post);
}

static void give_back_failed(struct hk_dns_post *p, enum hk_dns_rcode rcode)
{
	p->answer = (struct hk_dns_answer){.question = question_of(p), .rcode = rcode};
	give_back(p);
}

static void open_post(struct hk_resolver *r, struct hk_dns_post *p)
{
	p->resolver = r;
	p->next_open = r->open;
	p->prev_open = &r->open;
	if (p->next_open)
		p->next_open->prev_open = &p->next_open;
	r->open = p;
	r->n_open++;
}

static void close_post(struct hk_dns_post *p)
{
	*p->prev_open = p->next_open;
	if (p->next_open)
		p->next_open->prev_open = p->prev_open;
	p->resolver->n_open--;
}

/* ---- answers ------------------------------------------------------------------------------------
 */

static void answered(void *user, int error, struct ub_result *result)
{
	struct hk_dns_post *p = user;
	struct hk_dns_question q = question_of(p);
	struct hk_slice wire;

	close_post(p);
	if (error || !result) {
		give_back_failed(p, HK_DNS_TIMEOUT);
		return;
	}
	wire = hk_slice_of(
	    result->answer_packet, result->answer_len > 0 ? (size_t)result->answer_len : 0);
	if (result->rcode != HK_DNS_NOERROR && result->rcode != HK_DNS_NXDOMAIN) {
		give_back_failed(p, (enum hk_dns_rcode)result->rcode);
	} else if (!wire.p || hk_dns_answer_parse(&p->arena, &q, wire, &p->answer) != HK_OK) {
		give_back_failed(p, HK_DNS_SERVFAIL);
	} else {
		p->answer.secure = result->secure != 0;
		give_back(p);
	}
	ub_resolve_free(result);
}

static void ask(struct hk_resolver *r, struct hk_dns_post *p)
{
	enum { CLASS_IN = 1 };
	const char *name = p->name[0] ? p->name : ".";

	if (r->n_open >= HK_RESOLVER_OPEN_MAX || hk_dns_type_is_local(p->type)) {
		give_back_failed(p, HK_DNS_TIMEOUT);
		return;
	}
	open_post(r, p);
	if (ub_resolve_async(r->ub, name, p->type, CLASS_IN, p, answered, &p->async_id) != 0) {
		close_post(p);
		give_back_failed(p, HK_DNS_SERVFAIL);
	}
}

/* false when it is time to end. */
static bool take_posts(struct hk_resolver *r)
{
	struct hk_post *p, *next;
	bool go_on = true;

	for (p = hk_mailbox_take(&r->box); p; p = next) {
		next = p->next;
		if (p->type == HK_POST_QUIT)
			go_on = false;
		else if (go_on)
			ask(r, (struct hk_dns_post *)p);
		else
			hk_dns_post_free((struct hk_dns_post *)p);
	}
	return go_on;
}

static void *run(void *argument)
{
	struct hk_resolver *r = argument;
	struct pollfd p[2] = {
	    {.fd = r->box.fd, .events = POLLIN}, {.fd = ub_fd(r->ub), .events = POLLIN}};

	do {
		poll(p, 2, -1);
		if (p[1].revents)
			ub_process(r->ub);
	} while (take_posts(r));
	return NULL;
}

/* ---- set-up
 * --------------------------------------------------------------------------------------- */

/* No trust anchor yet, so nothing is validated and no answer is `secure`: that comes with DANE.
 * unblock-lan-zones: else 10.in-addr.arpa and its like are NXDOMAIN (RFC 6303); so would test. be
 * (RFC 6761). infra-keep-probing: a server that was away is asked again soon. */
static const char usual[] = "server:\n"
                            " module-config: \"iterator\"\n"
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

static struct ub_ctx *context_new(struct hk_slice where)
{
	struct ub_ctx *ub = ub_ctx_create();
	struct hk_buf text;
	bool ok;

	if (!ub)
		return NULL;
	hk_buf_init(&text, 4096);
	hk_buf_add_str(&text, usual);
	ok = !where.n || add_server(&text, where);
	ok = ok && hk_buf_status(&text) == HK_OK && configure(ub, hk_buf_slice(&text)) &&
	     ub_ctx_async(ub, 1) == 0;
	hk_buf_done(&text);
	/* without such a file libunbound asks the root servers itself */
	if (ok && !where.n)
		(void)!ub_ctx_resolvconf(ub, NULL);
	if (ok)
		return ub;
	ub_ctx_delete(ub);
	return NULL;
}

enum hk_status hk_resolver_start(struct hk_slice where, struct hk_resolver **ret)
{
	struct hk_resolver *r = calloc(1, sizeof *r);

	if (!r)
		return HK_NOMEM;
	r->users = 1;
	r->ub = context_new(where);
	if (!r->ub) {
		free(r);
		return HK_SYNTAX;
	}
	if (hk_mailbox_init(&r->box) != HK_OK) {
		ub_ctx_delete(r->ub);
		free(r);
		return HK_IO;
	}
	if (pthread_create(&r->thread, NULL, run, r) != 0) {
		hk_mailbox_done(&r->box);
		ub_ctx_delete(r->ub);
		free(r);
		return HK_NOMEM;
	}
	*ret = r;
	return HK_OK;
}

void hk_resolver_ask(struct hk_resolver *r, struct hk_dns_post *p)
{
	hk_mailbox_post(&r->box, &p->post);
}

void hk_resolver_use(struct hk_resolver *r)
{
	r->users++;
}

void hk_resolver_free(struct hk_resolver *r)
{
	struct hk_post quit = {.type = HK_POST_QUIT};
	struct hk_dns_post *p, *next;

	if (!r || --r->users)
		return;
	hk_mailbox_post(&r->box, &quit);
	pthread_join(r->thread, NULL);
	ub_ctx_delete(r->ub);
	/* libunbound forgets its questions without a word */
	for (p = r->open; p; p = next) {
		next = p->next_open;
		hk_dns_post_free(p);
	}
	hk_mailbox_done(&r->box);
	free(r);
}
