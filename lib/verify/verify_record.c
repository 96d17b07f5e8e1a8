/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "verify_internal.h"

/*	magic "HKVR"  u16 version
 *	u32 checks  u8 family  16 octets address  u8 flags  u64 now  u32 least RSA bits
 *	blocks: helo, mail from, authserv-id, trusted sealers (from version 2 on), the number drawn for DMARC
 *	(one octet, from version 3 on), limits (u64 each, in their order, from version 4 on), header section, body hashes (of DKIM, and from version 2 on of ARC), evidence
 *	u32 CRC-32C of all before it
 */
enum { RECORD_MAGIC = 0x484b5652, RECORD_VERSION = 4, VERSION_ARC = 2, VERSION_PROFILE = 3, VERSION_WORK = 4, CRC_SIZE = 4 };
enum { FLAG_MAIL_FROM = 1, FLAG_SHA1 = 2, FLAG_RFC7489 = 4, FLAG_COMPARE = 8 };

static bool has_usual_limits(const struct hk_verify *v)
{
	struct hk_work usual = {.size = sizeof usual};
	unsigned i;

	hk_work_init(&usual);
	for (i = 0; i < HK_WORK_KINDS; i++)
		if (v->work.of[i].limit != usual.of[i].limit)
			return false;
	return true;
}

/* A profile is news of version 3, other limits than the usual ones of version 4; what needs neither is written as before. */
static uint16_t version_of(const struct hk_verify *v)
{
	const struct hk_verify_input *in = &v->input;

	if (!has_usual_limits(v))
		return VERSION_WORK;
	return in->dmarc_profile != HK_DMARC_RFC9989 || in->compare_profiles ? VERSION_PROFILE : VERSION_ARC;
}

static uint8_t flags_of(const struct hk_verify_input *in)
{
	return (uint8_t)((in->has_mail_from ? FLAG_MAIL_FROM : 0) | (in->allow_sha1 ? FLAG_SHA1 : 0) |
	                 (in->dmarc_profile == HK_DMARC_RFC7489 ? FLAG_RFC7489 : 0) |
	                 (in->compare_profiles ? FLAG_COMPARE : 0));
}

static void add_nested(struct hk_buf *out, struct hk_buf *inner)
{
	if (hk_buf_status(inner) != HK_OK && out->failed == HK_OK)
		out->failed = inner->failed;
	hk_buf_add_block(out, hk_buf_slice(inner));
	hk_buf_reset(inner);
}

void hk_verify_record_format(const struct hk_verify *v, struct hk_buf *out)
{
	const struct hk_verify_input *in = &v->input;
	size_t from = out->n;
	const uint8_t sample = in->dmarc_sample < UINT8_MAX ? (uint8_t)in->dmarc_sample : UINT8_MAX;
	struct hk_buf inner;
	unsigned i;

	hk_buf_init(&inner, HK_VERIFY_RECORD_MAX);
	hk_buf_add_u32(out, RECORD_MAGIC);
	hk_buf_add_u16(out, version_of(v));
	hk_buf_add_u32(out, v->verdict.checks);
	hk_buf_add_u8(out, in->client.family);
	hk_buf_add(out, hk_slice_of(in->client.bytes, sizeof in->client.bytes));
	hk_buf_add_u8(out, flags_of(in));
	hk_buf_add_u64(out, (uint64_t)in->now);
	hk_buf_add_u32(out, in->min_rsa_bits);
	hk_buf_add_block(out, in->helo);
	hk_buf_add_block(out, in->mail_from);
	hk_buf_add_block(out, in->authserv_id);
	hk_buf_add_block(out, in->trusted_sealers);
	if (version_of(v) >= VERSION_PROFILE)
		hk_buf_add_block(out, hk_slice_of(&sample, 1));
	if (version_of(v) >= VERSION_WORK) {
		for (i = 0; i < HK_WORK_KINDS; i++)
			hk_buf_add_u64(&inner, v->work.of[i].limit);
		add_nested(out, &inner);
	}
	hk_buf_add_block(out, v->header.raw);
	if (v->body)
		hk_dkim_body_format(v->body, &inner);
	add_nested(out, &inner);
	hk_evidence_format(v->evidence, &inner);
	add_nested(out, &inner);
	hk_buf_done(&inner);
	hk_buf_add_u32(out, hk_crc32c(0, hk_slice_from(hk_buf_slice(out), from)));
}

struct record {
	struct hk_verify_input input;
	struct hk_work work;
	struct hk_slice header, hashes, evidence;
};

/* Kinds that a later version has and this one does not cannot be heeded; fewer: the rest is usual. */
static bool read_work(struct hk_slice block, struct hk_work *ret)
{
	struct hk_cursor c = hk_cursor_of(block);
	unsigned i;

	hk_work_init(ret);
	for (i = 0; i < HK_WORK_KINDS && c.rest.n; i++)
		ret->of[i].limit = hk_cursor_u64(&c);
	return !c.failed && c.rest.n == 0;
}

static enum hk_status read_record(struct hk_slice bytes, struct record *ret)
{
	struct hk_cursor c = hk_cursor_of(bytes), tail;
	struct hk_slice address, sample = {0}, limits = {0};
	struct record r = {.input.size = sizeof r.input, .work.size = sizeof r.work};
	uint8_t flags;
	uint16_t version;

	if (bytes.n > HK_VERIFY_RECORD_MAX)
		return HK_LIMIT;
	if (hk_cursor_u32(&c) != RECORD_MAGIC || bytes.n < CRC_SIZE)
		return HK_CORRUPT;
	version = hk_cursor_u16(&c);
	if (version > RECORD_VERSION)
		return HK_VERSION;
	tail = hk_cursor_of(hk_slice_from(bytes, bytes.n - CRC_SIZE));
	if (version == 0 ||
	    hk_crc32c(0, hk_slice_sub(bytes, 0, bytes.n - CRC_SIZE)) != hk_cursor_u32(&tail))
		return HK_CORRUPT;
	r.input.checks = hk_cursor_u32(&c);
	r.input.client.family = hk_cursor_u8(&c);
	address = hk_cursor_take(&c, sizeof r.input.client.bytes);
	flags = hk_cursor_u8(&c);
	r.input.has_mail_from = flags & FLAG_MAIL_FROM;
	r.input.allow_sha1 = flags & FLAG_SHA1;
	r.input.now = (int64_t)hk_cursor_u64(&c);
	r.input.min_rsa_bits = hk_cursor_u32(&c);
	r.input.helo = hk_cursor_block(&c);
	r.input.mail_from = hk_cursor_block(&c);
	r.input.authserv_id = hk_cursor_block(&c);
	if (version >= VERSION_ARC)
		r.input.trusted_sealers = hk_cursor_block(&c);
	if (version >= VERSION_PROFILE)
		sample = hk_cursor_block(&c);
	if (version >= VERSION_WORK)
		limits = hk_cursor_block(&c);
	r.header = hk_cursor_block(&c);
	r.hashes = hk_cursor_block(&c);
	r.evidence = hk_cursor_block(&c);
	if (c.failed || c.rest.n != CRC_SIZE || r.header.n > HK_HEADER_SECTION_MAX)
		return HK_CORRUPT;
	if (r.input.client.family != 0 && r.input.client.family != 4 && r.input.client.family != 6)
		return HK_CORRUPT;
	if (version >= VERSION_PROFILE) {
		if (sample.n != 1)
			return HK_CORRUPT;
		r.input.dmarc_sample = sample.p[0];
		r.input.dmarc_profile = flags & FLAG_RFC7489 ? HK_DMARC_RFC7489 : HK_DMARC_RFC9989;
		r.input.compare_profiles = flags & FLAG_COMPARE;
	}
	if (!read_work(limits, &r.work))
		return HK_CORRUPT;
	memcpy(r.input.client.bytes, address.p, sizeof r.input.client.bytes);
	*ret = r;
	return HK_OK;
}

static enum hk_status run(struct hk_verify *v, struct hk_arena *a, const struct record *r)
{
	struct hk_slice header;
	enum hk_status status = hk_arena_dup(a, r->header, &header);

	if (status == HK_OK)
		status = hk_evidence_parse(a, r->evidence, &v->evidence);
	if (status == HK_OK)
		status = hk_verify_header(v, header);
	if (status == HK_OK && v->body)
		status = hk_dkim_body_replay(v->body, r->hashes);
	if (status != HK_OK)
		return status == HK_SYNTAX ? HK_CORRUPT : status;
	verify_end(v);
	status = hk_verify_step(v);
	return status == HK_AGAIN ? HK_CORRUPT : status; /* an answer it would need is not there */
}

enum hk_status hk_verify_replay(struct hk_arena *a, struct hk_slice record, struct hk_verify **ret)
{
	struct record r;
	struct hk_verify *v;
	enum hk_status status = read_record(record, &r);

	if (status != HK_OK)
		return status;
	r.input.work = &r.work;
	v = hk_verify_new(a, &r.input);
	if (!v)
		return a->failed != HK_OK ? a->failed : HK_NOMEM;
	v->input.work = NULL; /* nobody waits for the account */
	v->replaying = true;
	status = run(v, a, &r);
	if (status != HK_OK) {
		hk_verify_done(v);
		return status;
	}
	*ret = v;
	return HK_OK;
}

/* How far into a record its last block, the evidence, begins; 0 when it is no record. */
static size_t evidence_offset(struct hk_slice record)
{
	struct hk_cursor c = hk_cursor_of(record);
	enum { BEFORE_BLOCKS = 4 + 1 + 16 + 1 + 8 + 4, BLOCKS = 5 };
	unsigned i, version, blocks;

	if (hk_cursor_u32(&c) != RECORD_MAGIC)
		return 0;
	version = hk_cursor_u16(&c);
	blocks = BLOCKS + (version >= VERSION_ARC ? 1u : 0) + (version >= VERSION_PROFILE ? 1u : 0) +
	         (version >= VERSION_WORK ? 1u : 0);
	(void)hk_cursor_take(&c, BEFORE_BLOCKS);
	for (i = 0; i < blocks; i++)
		(void)hk_cursor_block(&c);
	return c.failed ? 0 : record.n - c.rest.n;
}

enum hk_status hk_verify_record_cut(
    struct hk_slice record, struct hk_slice *ret_head, struct hk_slice *ret_evidence)
{
	size_t offset = evidence_offset(record);
	struct hk_cursor c = hk_cursor_of(hk_slice_from(record, offset));
	struct hk_slice evidence = hk_cursor_block(&c);

	if (offset == 0 || c.failed || c.rest.n != CRC_SIZE)
		return HK_CORRUPT;
	*ret_head = hk_slice_sub(record, 0, offset);
	*ret_evidence = evidence;
	return HK_OK;
}

void hk_verify_record_join(struct hk_slice head, struct hk_slice evidence, struct hk_buf *out)
{
	size_t from = out->n;

	hk_buf_add(out, head);
	hk_buf_add_block(out, evidence);
	hk_buf_add_u32(out, hk_crc32c(0, hk_slice_from(hk_buf_slice(out), from)));
}
