/* SPDX-License-Identifier: MIT
 *
 * Answers as values: copied, written, read back.
 */
#include "dns_internal.h"

enum { SECURE = 1, BOGUS = 2 };

static enum hk_status copy_rrs(
    struct hk_arena *a, const struct hk_dns_answer *from, const struct hk_dns_rr **ret)
{
	struct hk_dns_rr *rr = hk_arena_array(a, from->n, sizeof *rr);
	enum hk_status status;
	size_t i;

	if (!rr)
		return a->failed;
	for (i = 0; i < from->n; i++) {
		rr[i] = from->rr[i];
		rr[i].data = (struct hk_slice){0};
		if (from->rr[i].data.n == 0)
			continue;
		status = hk_arena_dup(a, from->rr[i].data, &rr[i].data);
		if (status != HK_OK)
			return status;
	}
	*ret = rr;
	return HK_OK;
}

enum hk_status hk_dns_answer_copy(
    struct hk_arena *a, const struct hk_dns_answer *from, struct hk_dns_answer *ret)
{
	struct hk_dns_answer copy = *from;
	enum hk_status status;

	if (!hk_dns_answer_is_sound(from))
		return HK_BUG;
	copy.rr = NULL;
	status = hk_arena_dup(a, from->question.name, &copy.question.name);
	if (status == HK_OK && from->n)
		status = copy_rrs(a, from, &copy.rr);
	if (status != HK_OK)
		return status;
	*ret = copy;
	return HK_OK;
}

static size_t address_length(uint8_t family)
{
	return family == 4 ? 4 : family == 6 ? 16 : 0;
}

static void format_rr(const struct hk_dns_rr *rr, struct hk_buf *out)
{
	hk_buf_add_u16(out, rr->type);
	hk_buf_add_u16(out, rr->preference);
	hk_buf_add_u16(out, rr->weight);
	hk_buf_add_u16(out, rr->port);
	hk_buf_add_u8(out, rr->ip.family);
	hk_buf_add(out, hk_slice_of(rr->ip.bytes, address_length(rr->ip.family)));
	hk_buf_add_block(out, rr->data);
}

void hk_dns_answer_format(const struct hk_dns_answer *answer, struct hk_buf *out)
{
	size_t i;

	hk_buf_add_block(out, answer->question.name);
	hk_buf_add_u16(out, answer->question.type);
	hk_buf_add_u16(out, (uint16_t)answer->rcode);
	hk_buf_add_u32(out, answer->ttl);
	hk_buf_add_u8(out, (uint8_t)((answer->secure ? SECURE : 0) | (answer->bogus ? BOGUS : 0)));
	hk_buf_add_u16(out, (uint16_t)answer->n);
	for (i = 0; i < answer->n; i++)
		format_rr(&answer->rr[i], out);
}

/* A name in a store is hostile until it proves to be in the one form that we write. */
static enum hk_status check_name(struct hk_arena *a, struct hk_slice stored, struct hk_slice *ret)
{
	struct hk_slice name;
	enum hk_status status = hk_dns_name_normalise(a, stored, &name);

	if (status == HK_SYNTAX || (status == HK_OK && !hk_slice_eq(name, stored)))
		return HK_CORRUPT;
	if (status == HK_OK)
		*ret = name;
	return status;
}

static enum hk_status read_rr(
    struct hk_arena *a, struct hk_cursor *c, uint16_t type, struct hk_dns_rr *rr)
{
	struct hk_slice address, stored;
	size_t i;

	/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): a list of none is not read */
	rr->type = hk_cursor_u16(c);
	rr->preference = hk_cursor_u16(c);
	rr->weight = hk_cursor_u16(c);
	rr->port = hk_cursor_u16(c);
	rr->ip.family = hk_cursor_u8(c);
	if (rr->type != type || (rr->ip.family != 0 && rr->ip.family != 4 && rr->ip.family != 6))
		return HK_CORRUPT;
	address = hk_cursor_take(c, address_length(rr->ip.family));
	stored = hk_cursor_block(c);
	if (c->failed || stored.n > HK_DNS_TXT_MAX)
		return HK_CORRUPT;
	for (i = 0; i < address.n; i++)
		rr->ip.bytes[i] = address.p[i];
	if (hk_dns_type_has_name(rr->type))
		return check_name(a, stored, &rr->data);
	return stored.n ? hk_arena_dup(a, stored, &rr->data) : HK_OK;
}

enum hk_status hk_dns_answer_read(
    struct hk_arena *a, struct hk_cursor *c, struct hk_dns_answer *ret)
{
	struct hk_dns_answer answer = {0};
	struct hk_slice name = hk_cursor_block(c);
	struct hk_dns_rr *rr = NULL;
	enum hk_status status;
	uint8_t bits;
	size_t i;

	answer.question.type = hk_cursor_u16(c);
	answer.rcode = (enum hk_dns_rcode)hk_cursor_u16(c);
	answer.ttl = hk_cursor_u32(c);
	bits = hk_cursor_u8(c);
	answer.n = hk_cursor_u16(c);
	if (c->failed || bits > (SECURE | BOGUS) || answer.n > HK_DNS_RRS_MAX)
		return HK_CORRUPT;
	answer.secure = bits & SECURE;
	answer.bogus = bits & BOGUS;
	status = check_name(a, name, &answer.question.name);
	if (status == HK_OK && answer.n) {
		rr = hk_arena_array(a, answer.n, sizeof *rr);
		status = rr ? HK_OK : a->failed;
	}
	for (i = 0; i < answer.n && status == HK_OK; i++)
		status = read_rr(a, c, answer.question.type, &rr[i]);
	if (status != HK_OK)
		return status;
	answer.rr = rr;
	*ret = answer;
	return HK_OK;
}
