/* SPDX-License-Identifier: MIT
 *
 * names.c - the public suffix list, and answers to questions about names.
 */
#include <libpsl.h>
#include <stdlib.h>
#include <string.h>

#include <hikyaku/names.h>

/* The text of a name, each octet as \DDD at worst, and its end. */
enum { NAME_TEXT_MAX = HK_DNS_NAME_MAX * 4 + 1 };

struct hk_names {
	psl_ctx_t *psl;
};

enum hk_status hk_names_open(const char *list, struct hk_names **ret)
{
	struct hk_names *n = calloc(1, sizeof *n);

	if (!n)
		return HK_NOMEM;
	n->psl = list ? psl_load_file(list) : psl_latest(NULL);
	if (!n->psl) {
		free(n);
		return HK_IO;
	}
	*ret = n;
	return HK_OK;
}

void hk_names_close(struct hk_names *n)
{
	if (!n)
		return;
	psl_free(n->psl);
	free(n);
}

struct hk_slice hk_names_suffix(const struct hk_names *n, struct hk_slice name)
{
	char text[NAME_TEXT_MAX];
	const char *suffix;

	if (name.n == 0 || name.n >= sizeof text)
		return (struct hk_slice){0};
	memcpy(text, name.p, name.n);
	text[name.n] = '\0';
	/* "If no rules match, the prevailing rule is *": libpsl has that too */
	suffix = psl_unregistrable_domain(n->psl, text);
	return suffix ? hk_slice_from(name, (size_t)(suffix - text)) : (struct hk_slice){0};
}

/* The name's octets, \DDD undone (dns.h); they are UTF-8, or the conversion says that they are not. */
static void add_octets(struct hk_slice name, struct hk_buf *out)
{
	uint64_t value;

	while (name.n) {
		if (name.p[0] == '\\' && name.n >= 4 &&
		    hk_slice_u64(hk_slice_sub(name, 1, 3), UINT8_MAX, &value) == HK_OK) {
			hk_buf_add_byte(out, (uint8_t)value);
			name = hk_slice_from(name, 4);
		} else {
			hk_buf_add_byte(out, name.p[0]);
			name = hk_slice_from(name, 1);
		}
	}
}

static enum hk_status to_alabel(struct hk_slice name, struct hk_arena *a, struct hk_slice *ret)
{
	enum hk_status status = HK_SYNTAX;
	struct hk_buf octets;

	/* an escaped dot is part of a label, and no host name has one */
	if (hk_slice_find(name, '\\') < name.n && memmem(name.p, name.n, "\\046", 4))
		return HK_SYNTAX;
	hk_buf_init(&octets, NAME_TEXT_MAX);
	add_octets(name, &octets);
	if (hk_buf_status(&octets) == HK_OK)
		status = hk_names_alabel(a, hk_buf_slice(&octets), ret);
	hk_buf_done(&octets);
	return status;
}

enum hk_status hk_names_answer(const struct hk_names *n, const struct hk_dns_question *q,
    struct hk_arena *a, struct hk_dns_answer *ret)
{
	struct hk_dns_answer answer = {.question = *q, .rcode = HK_DNS_TIMEOUT};
	struct hk_dns_rr *rr = hk_arena_alloc(a, sizeof *rr);
	enum hk_status status = HK_OK;

	if (!rr)
		return a->failed;
	rr->type = q->type;
	if (q->type == HK_DNS_ALABEL) {
		status = to_alabel(q->name, a, &rr->data);
		answer.rcode = status == HK_OK ? HK_DNS_NOERROR : HK_DNS_NXDOMAIN;
	} else if (q->type == HK_DNS_SUFFIX && n) {
		rr->data = hk_names_suffix(n, q->name);
		answer.rcode = rr->data.n ? HK_DNS_NOERROR : HK_DNS_NXDOMAIN;
	}
	if (status != HK_OK && status != HK_SYNTAX)
		return status;
	if (answer.rcode == HK_DNS_NOERROR) {
		answer.rr = rr;
		answer.n = 1;
	}
	*ret = answer;
	return HK_OK;
}
