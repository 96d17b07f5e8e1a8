/* SPDX-License-Identifier: MIT
 *
 * Answers out of zone text: exact names, empty non-terminals, wildcards (RFC 4592), CNAME chains.
 */
#include <stdlib.h>
#include <string.h>

#include "zone_internal.h"

/* Names compare from their right end and a dot sorts before all else, so whatever is below a name
 * follows it. */
static unsigned weight(uint8_t c)
{
	return c == '.' ? 0 : 1u + c;
}

static int compare_names(struct hk_slice a, struct hk_slice b)
{
	size_t i;

	for (i = 0; i < a.n && i < b.n; i++) {
		unsigned x = weight(a.p[a.n - 1 - i]), y = weight(b.p[b.n - 1 - i]);

		if (x != y)
			return x < y ? -1 : 1;
	}
	return (a.n > b.n) - (a.n < b.n);
}

static int compare_records(const void *a, const void *b)
{
	const struct hk_zone_record *x = a, *y = b;
	int order = compare_names(x->name, y->name);

	return order ? order : (x->order > y->order) - (x->order < y->order);
}

void hk_zone_sort(struct hk_zone *zone)
{
	if (zone->n)
		qsort(zone->record, zone->n, sizeof *zone->record, compare_records);
}

/* Index of the first record that is not before name. */
static size_t lower_bound(const struct hk_zone *zone, struct hk_slice name)
{
	size_t low = 0, high = zone->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare_names(zone->record[middle].name, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* The records of one name. */
struct node {
	const struct hk_zone_record *record;
	size_t n;
	bool exists; /* also true for an empty non-terminal */
};

static struct node find_exact(const struct hk_zone *zone, struct hk_slice name)
{
	size_t first = lower_bound(zone, name), end = first;

	while (end < zone->n && hk_slice_eq(zone->record[end].name, name))
		end++;
	return (struct node){
	    .record = zone->record + first,
	    .n = end - first,
	    .exists = name.n == 0 ||
	              (first < zone->n && hk_dns_name_is_below(zone->record[first].name, name)),
	};
}

/* RFC 4592 3.3.1: only the asterisk label right below the closest encloser can stand in for a name. */
static struct node find_node(const struct hk_zone *zone, struct hk_slice name)
{
	struct node node = find_exact(zone, name);
	struct hk_slice encloser = name;
	uint8_t wildcard[2 + HK_DNS_NAME_TEXT] = {'*', '.'};

	if (node.exists)
		return node;
	do
		encloser = hk_dns_name_parent(encloser);
	while (!find_exact(zone, encloser).exists);
	if (encloser.n)
		memcpy(wildcard + 2, encloser.p, encloser.n);
	return find_exact(zone, hk_slice_of(wildcard, encloser.n ? 2 + encloser.n : 1));
}

static size_t count_type(const struct node *node, uint16_t type, uint32_t *ttl)
{
	size_t n = 0, i;

	for (i = 0; i < node->n && n < HK_DNS_RRS_MAX; i++) {
		if (node->record[i].failure != HK_DNS_NOERROR || node->record[i].type != type)
			continue;
		n++;
		if (node->record[i].ttl < *ttl)
			*ttl = node->record[i].ttl;
	}
	return n;
}

static enum hk_dns_rcode failure_of(const struct node *node, uint16_t type)
{
	size_t i;

	for (i = 0; i < node->n; i++)
		if (node->record[i].failure != HK_DNS_NOERROR &&
		    (node->record[i].type == 0 || node->record[i].type == type))
			return node->record[i].failure;
	return HK_DNS_NOERROR;
}

static const struct hk_zone_record *alias_of(const struct node *node)
{
	size_t i;

	for (i = 0; i < node->n; i++)
		if (node->record[i].type == HK_DNS_CNAME &&
		    node->record[i].failure == HK_DNS_NOERROR)
			return &node->record[i];
	return NULL;
}

static enum hk_status take_records(
    struct hk_arena *a, const struct node *node, size_t n, struct hk_dns_answer *answer)
{
	struct hk_dns_rr *rr = hk_arena_array(a, n, sizeof *rr);
	size_t i;

	if (!rr)
		return a->failed;
	for (i = 0; i < node->n && answer->n < n; i++)
		if (node->record[i].failure == HK_DNS_NOERROR &&
		    node->record[i].type == answer->question.type)
			rr[answer->n++] = node->record[i].rr;
	answer->rr = rr;
	return HK_OK;
}

/* Follows the chain from the question's name; the answer's rcode is that of its end (RFC 6604 3). */
static enum hk_status answer_question(
    const struct hk_zone *zone, struct hk_arena *a, struct hk_dns_answer *answer)
{
	struct hk_slice name = answer->question.name;
	uint16_t type = answer->question.type;
	uint32_t ttl = UINT32_MAX;
	unsigned links;

	for (links = 0; links <= HK_DNS_CHAIN_MAX; links++) {
		struct node node = find_node(zone, name);
		const struct hk_zone_record *alias = alias_of(&node);
		size_t n = count_type(&node, type, &ttl);

		answer->rcode = node.exists ? failure_of(&node, type) : HK_DNS_NXDOMAIN;
		if (answer->rcode != HK_DNS_NOERROR)
			return HK_OK;
		if (n) {
			answer->ttl = ttl;
			return take_records(a, &node, n, answer);
		}
		if (!alias)
			return HK_OK;
		ttl = alias->ttl < ttl ? alias->ttl : ttl;
		name = alias->rr.data;
	}
	answer->rcode = HK_DNS_SERVFAIL;
	return HK_OK;
}

enum hk_status hk_zone_answer(const struct hk_zone *zone, struct hk_arena *a,
    const struct hk_dns_question *q, struct hk_dns_answer *ret)
{
	struct hk_dns_answer answer = {.question.type = q->type};
	enum hk_status status = hk_dns_name_normalise(a, q->name, &answer.question.name);

	if (status == HK_SYNTAX) { /* what is no name cannot exist */
		answer.rcode = HK_DNS_NXDOMAIN;
		status = hk_arena_dup(a, q->name, &answer.question.name);
	} else if (status == HK_OK) {
		status = answer_question(zone, a, &answer);
	}
	if (status == HK_OK)
		*ret = answer;
	return status;
}
