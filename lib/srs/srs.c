/* SPDX-License-Identifier: MIT */
#include <hikyaku/message.h>

#include "lib/base/base_internal.h"
#include "lib/srs/srs_internal.h"

enum {
	TAG_SIZE = 4, /* SRS0, SRS1 */
	MAX_AGE_LIMIT = 1000,
};

#define FOLD_MARK "1" /* the host of a folded address */

static const char separators[] = "=+-";

const char *hk_srs_result_text(enum hk_srs_result result)
{
	static const char *const texts[] = {
#define X(name, sentence) [HK_SRS_##name] = (sentence),
	    HK_SRS_RESULT_TABLE(X)
#undef X
	};

	return (size_t)result < sizeof texts / sizeof texts[0] ? texts[result] : "?";
}

static bool is_separator(uint8_t c)
{
	return hk_slice_find(hk_slice_str(separators), c) < sizeof separators - 1;
}

/* Fills in the defaults; false: out of bounds. */
static bool configure(const struct hk_srs_config *given, struct hk_srs_config *ret)
{
	struct hk_srs_config c;
	size_t i;

	if (hk_sized_take(NULL, &c, sizeof c, given) != HK_OK)
		return false;
	if (c.hash_length == 0)
		c.hash_length = HK_SRS_HASH_LENGTH;
	if (c.hash_min == 0)
		c.hash_min = c.hash_length;
	if (c.max_age_days == 0)
		c.max_age_days = HK_SRS_MAX_AGE_DAYS;
	if (c.separator == 0)
		c.separator = '=';
	for (i = 0; i < c.n_secrets; i++)
		if (c.secret[i].n == 0)
			return false;
	*ret = c;
	return c.n_secrets > 0 && c.n_secrets <= HK_SRS_SECRETS_MAX && c.domain.n > 0 &&
	    c.hash_length >= HK_SRS_HASH_LENGTH && c.hash_length <= HK_SRS_HASH_MAX &&
	    c.hash_min >= HK_SRS_HASH_LENGTH && c.hash_min <= c.hash_length && c.max_age_days <= MAX_AGE_LIMIT &&
	    is_separator((uint8_t)c.separator);
}

static bool is_local(const struct hk_srs_config *c, struct hk_slice domain)
{
	size_t i;

	if (hk_slice_eq_nocase(domain, c->domain))
		return true;
	for (i = 0; i < c->n_local_domains; i++) {
		struct hk_slice local = c->local_domain[i];

		if (local.n == 0)
			continue;
		if (local.p[0] == '.' ? hk_slice_ends_nocase(domain, local) : hk_slice_eq_nocase(domain, local))
			return true;
	}
	return false;
}

/* 0 or 1 for SRS0 or SRS1 and a separator, else -1; *body is what follows them. */
static int tag_of(struct hk_slice local, struct hk_slice *body)
{
	if (local.n <= TAG_SIZE || !is_separator(local.p[TAG_SIZE]))
		return -1;
	*body = hk_slice_from(local, TAG_SIZE + 1);
	if (hk_slice_starts_nocase(local, HK_S("SRS0")))
		return 0;
	return hk_slice_starts_nocase(local, HK_S("SRS1")) ? 1 : -1;
}

/* Takes the part up to the next "=" (or all there is) off *s. */
static struct hk_slice take(struct hk_slice *s)
{
	size_t n = hk_slice_find(*s, '=');
	struct hk_slice part = hk_slice_sub(*s, 0, n);

	*s = hk_slice_from(*s, n + 1);
	return part;
}

static bool is_fold_mark(struct hk_slice host)
{
	return hk_slice_eq(host, HK_S(FOLD_MARK));
}

static enum hk_srs_result read_srs0(struct hk_slice body, struct hk_slice *hash, struct srs_parts *ret)
{
	*hash = take(&body);
	ret->stamp = take(&body);
	ret->host = take(&body);
	ret->user = body;
	if (hash->n == 0)
		return HK_SRS_NO_HASH;
	if (ret->stamp.n == 0)
		return HK_SRS_NO_STAMP;
	if (ret->host.n == 0)
		return HK_SRS_NO_HOST;
	return ret->user.n ? HK_SRS_OK : HK_SRS_NO_USER;
}

/* user is all that followed SRS0 at the first forwarder, its separator first. */
static enum hk_srs_result read_srs1(struct hk_slice body, struct hk_slice *hash, struct srs_parts *ret)
{
	*hash = take(&body);
	ret->stamp = hk_slice_of(NULL, 0);
	ret->host = take(&body);
	ret->user = body;
	if (hash->n == 0)
		return HK_SRS_NO_HASH;
	if (ret->host.n == 0)
		return HK_SRS_NO_HOST;
	return body.n > 1 && is_separator(body.p[0]) ? HK_SRS_OK : HK_SRS_NO_USER;
}

/* The signed address of these parts: SRS0 when they have a stamp, SRS1 otherwise. */
static enum hk_status sign(struct srs_job *job, const struct srs_parts *parts)
{
	const struct hk_srs_config *c = &job->config;
	uint8_t hash[HK_SRS_HASH_MAX];
	struct hk_slice local;
	enum hk_status status = hk_srs_hash(job, parts, c->secret[0], hash);

	if (status == HK_OK)
		status = hk_arena_fmt(job->arena, &local, "SRS%c%c%.*s=%.*s%s%.*s=%.*s", parts->stamp.n ? '0' : '1',
		    c->separator, (int)c->hash_length, (const char *)hash, HK_FMT(parts->stamp),
		    parts->stamp.n ? "=" : "", HK_FMT(parts->host), HK_FMT(parts->user));
	if (status == HK_OK)
		status = hk_srs_address_write(
		    job->arena, local, c->domain, &job->verdict.address, &job->verdict.result);
	return status;
}

static enum hk_status fold(struct srs_job *job, const struct srs_address *from, struct hk_slice stamp)
{
	uint8_t key[HK_SRS_FOLD_KEY_SIZE] = {0};
	struct srs_parts parts = {.stamp = stamp, .host = HK_S(FOLD_MARK), .user = hk_slice_of(key, sizeof key)};
	enum hk_status status = hk_srs_fold_key(job, from->text, key);

	if (status == HK_OK)
		status = sign(job, &parts);
	if (status != HK_OK || job->verdict.result != HK_SRS_OK)
		return status;
	job->verdict.result = HK_SRS_FOLDED;
	status = hk_arena_dup(job->arena, parts.user, &job->verdict.fold_key);
	if (status == HK_OK)
		status = hk_arena_dup(job->arena, from->text, &job->verdict.fold_address);
	return status;
}

/* The address that reverse would make of an SRS1 address. */
static enum hk_status inner_address(
    struct srs_job *job, const struct srs_parts *parts, struct hk_slice *ret, enum hk_srs_result *why)
{
	struct hk_slice local;
	enum hk_status status = hk_arena_fmt(job->arena, &local, "SRS0%.*s", HK_FMT(parts->user));

	return status == HK_OK ? hk_srs_address_write(job->arena, local, parts->host, ret, why) : status;
}

/* What is signed for this sender. An address of another forwarder is not wrapped once more: SRS1 names the first
 * forwarder, however many come after it, so the address does not grow on the way. One that only looks like it, from
 * which no bounce could find back, is wrapped as any other. */
static enum hk_status choose(
    struct srs_job *job, const struct srs_address *from, struct hk_slice stamp, struct srs_parts *ret)
{
	struct hk_slice body, hash, address;
	enum hk_srs_result why = HK_SRS_ADDRESS;
	enum hk_status status = HK_OK;
	struct srs_parts inner;
	int tag = tag_of(from->local, &body);

	if (tag == 1 && read_srs1(body, &hash, &inner) == HK_SRS_OK && !is_fold_mark(inner.host))
		status = inner_address(job, &inner, &address, &why);
	if (tag == 0 && body.n)
		*ret = (struct srs_parts){.host = from->domain, .user = hk_slice_from(from->local, TAG_SIZE)};
	else if (why == HK_SRS_OK)
		*ret = inner;
	else
		*ret = (struct srs_parts){.stamp = stamp, .host = from->domain, .user = from->local};
	return status;
}

static enum hk_status forward(struct srs_job *job, struct hk_slice address)
{
	struct hk_srs_verdict *v = &job->verdict;
	uint8_t stamp[SRS_STAMP_SIZE];
	struct srs_address from;
	struct srs_parts parts;
	enum hk_status status = hk_srs_address_read(job->arena, address, &from, &v->result);

	if (status != HK_OK || v->result != HK_SRS_OK)
		return status;
	if (is_local(&job->config, from.domain)) {
		v->result = HK_SRS_LOCAL;
		return HK_OK;
	}
	if (is_fold_mark(from.domain)) {
		v->result = HK_SRS_ADDRESS;
		return HK_OK;
	}
	if (from.local.n == 0) { /* ""@a.test: reverse could not tell it from a missing part */
		v->result = HK_SRS_NO_USER;
		return HK_OK;
	}
	hk_srs_stamp_make(job->now, stamp);
	status = choose(job, &from, hk_slice_of(stamp, sizeof stamp), &parts);
	if (status != HK_OK)
		return status;
	if (job->config.fold == HK_SRS_FOLD_ALL && parts.stamp.n)
		return fold(job, &from, hk_slice_of(stamp, sizeof stamp));
	status = sign(job, &parts);
	if (status == HK_OK && v->result == HK_SRS_TOO_LONG && job->config.fold != HK_SRS_FOLD_NEVER)
		status = fold(job, &from, hk_slice_of(stamp, sizeof stamp));
	return status;
}

static enum hk_status unfold(struct srs_job *job, struct hk_slice text)
{
	uint8_t key[HK_SRS_FOLD_KEY_SIZE];

	job->verdict.result = HK_SRS_NO_STORE;
	if (job->config.fold == HK_SRS_FOLD_NEVER)
		return HK_OK;
	job->verdict.result = HK_SRS_NO_USER;
	if (!hk_srs_fold_key_read(text, key))
		return HK_OK;
	job->verdict.result = HK_SRS_FOLDED;
	return hk_arena_dup(job->arena, hk_slice_of(key, sizeof key), &job->verdict.fold_key);
}

static enum hk_status reverse_srs0(struct srs_job *job, struct hk_slice body)
{
	struct hk_srs_verdict *v = &job->verdict;
	struct srs_parts parts;
	struct hk_slice hash;
	enum hk_status status = HK_OK;

	v->result = read_srs0(body, &hash, &parts);
	if (v->result == HK_SRS_OK)
		status = hk_srs_check(job, &parts, hash, &v->result);
	if (status != HK_OK || v->result != HK_SRS_OK)
		return status;
	if (!hk_srs_stamp_is_fresh(job, parts.stamp)) {
		v->result = HK_SRS_EXPIRED;
		return HK_OK;
	}
	if (is_fold_mark(parts.host))
		return unfold(job, parts.user);
	return hk_srs_address_write(job->arena, parts.user, parts.host, &v->address, &v->result);
}

static enum hk_status reverse_srs1(struct srs_job *job, struct hk_slice body)
{
	struct hk_srs_verdict *v = &job->verdict;
	struct srs_parts parts;
	struct hk_slice hash;
	enum hk_status status = HK_OK;

	v->result = read_srs1(body, &hash, &parts);
	if (v->result == HK_SRS_OK)
		status = hk_srs_check(job, &parts, hash, &v->result);
	if (status != HK_OK || v->result != HK_SRS_OK)
		return status;
	/* The message passed us, then others, then us again: what we would send to ourselves is undone at once. */
	if (hk_slice_eq_nocase(parts.host, job->config.domain))
		return reverse_srs0(job, hk_slice_from(parts.user, 1));
	return inner_address(job, &parts, &v->address, &v->result);
}

static enum hk_status reverse(struct srs_job *job, struct hk_slice address)
{
	struct hk_srs_verdict *v = &job->verdict;
	struct srs_address from;
	struct hk_slice body;
	enum hk_status status = hk_srs_address_read(job->arena, address, &from, &v->result);
	int tag;

	if (status != HK_OK || v->result != HK_SRS_OK)
		return status;
	tag = tag_of(from.local, &body);
	if (tag < 0) {
		v->result = HK_SRS_NOT_SRS;
		return HK_OK;
	}
	return tag == 0 ? reverse_srs0(job, body) : reverse_srs1(job, body);
}

static enum hk_status run(const struct hk_srs_config *config, struct srs_job *job, struct hk_slice address,
    enum hk_status (*direction)(struct srs_job *, struct hk_slice))
{
	if (!configure(config, &job->config) || job->now < 0)
		return HK_BUG;
	return direction(job, address);
}

enum hk_status hk_srs_forward(const struct hk_srs_config *config, struct hk_slice address, int64_t now,
    struct hk_arena *a, struct hk_srs_verdict *ret)
{
	struct srs_job job = {.now = now, .arena = a};
	enum hk_status status = run(config, &job, address, forward);

	if (status == HK_OK)
		*ret = job.verdict;
	return status;
}

enum hk_status hk_srs_reverse(const struct hk_srs_config *config, struct hk_slice address, int64_t now,
    struct hk_arena *a, struct hk_srs_verdict *ret)
{
	struct srs_job job = {.now = now, .arena = a};
	enum hk_status status = run(config, &job, address, reverse);

	if (status == HK_OK)
		*ret = job.verdict;
	return status;
}
