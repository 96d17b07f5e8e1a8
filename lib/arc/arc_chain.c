/* SPDX-License-Identifier: MIT
 *
 * The sets of a message (RFC 8617 5.2, steps 1 to 3). All of it is judged before any question is
 * asked and any octet hashed, so a forged chain costs its reading.
 */
#include "arc_internal.h"

#include "lib/message/message_internal.h"

static const struct {
	const char *name;
	size_t n;
} names[HK_ARC_KINDS] = {
    [HK_ARC_RESULTS] = {"ARC-Authentication-Results", sizeof "ARC-Authentication-Results" - 1},
    [HK_ARC_MESSAGE] = {"ARC-Message-Signature", sizeof "ARC-Message-Signature" - 1},
    [HK_ARC_SEAL] = {"ARC-Seal", sizeof "ARC-Seal" - 1},
};

static enum hk_arc_kind kind_of(struct hk_slice name)
{
	int kind;

	for (kind = 0; kind < HK_ARC_KINDS; kind++)
		if (hk_slice_eq_nocase(name, hk_slice_of(names[kind].name, names[kind].n)))
			break;
	return (enum hk_arc_kind)kind;
}

/* Only the first fault is told; all fields are read all the same, for the greatest instance. */
static void blame(struct hk_arc_chain *chain, const char *fault, unsigned instance)
{
	if (!chain->fault) {
		chain->fault = fault;
		chain->fault_instance = instance;
	}
}

static bool skip_cfws(struct hk_slice *s)
{
	bool any;

	return hk_message_skip_cfws(s, &any) == HK_OK;
}

static bool skip_byte(struct hk_slice *s, uint8_t byte)
{
	if (s->n == 0 || s->p[0] != byte)
		return false;
	*s = hk_slice_from(*s, 1);
	return skip_cfws(s);
}

/* arc-info = instance [CFWS] ";" authres-payload (4.1.1) */
static unsigned read_info(struct hk_slice value, struct hk_slice *ret_payload)
{
	struct hk_slice digits;
	uint64_t i;
	size_t n = 0;

	if (!skip_cfws(&value) || !skip_byte(&value, 'i') || !skip_byte(&value, '='))
		return 0;
	while (n < value.n && hk_is_digit(value.p[n]))
		n++;
	digits = hk_slice_sub(value, 0, n);
	value = hk_slice_from(value, n);
	if (n > 2 || hk_slice_u64(digits, HK_ARC_MAX_SETS, &i) != HK_OK)
		return 0;
	if (!skip_cfws(&value) || !skip_byte(&value, ';') || value.n == 0)
		return 0;
	*ret_payload = value;
	return (unsigned)i;
}

unsigned hk_arc_results_instance(struct hk_slice value)
{
	struct hk_slice payload;

	return read_info(value, &payload);
}

struct hk_slice hk_arc_results_payload(struct hk_slice value)
{
	struct hk_slice payload = {0};

	(void)read_info(value, &payload);
	return payload;
}

/* The instance of one field, and its tags into ret; 0 where it has none that can be read. */
static enum hk_status read_field(struct hk_arena *a, enum hk_arc_kind kind, struct hk_slice value,
    struct hk_dkim_signature *ret, unsigned *ret_instance)
{
	enum hk_status status;

	if (kind == HK_ARC_RESULTS) {
		*ret_instance = hk_arc_results_instance(value);
		return HK_OK;
	}
	status = hk_dkim_field_parse(
	    a, kind == HK_ARC_SEAL ? HK_DKIM_FIELD_SEAL : HK_DKIM_FIELD_ARC, value, ret);
	if (status == HK_OK)
		*ret_instance = ret->instance;
	return status;
}

/* Step 1: each field into the set of its instance. */
static enum hk_status collect(struct hk_arena *a, struct hk_arc_chain *chain)
{
	size_t i;

	for (i = 0; i < chain->header->n; i++) {
		enum hk_arc_kind kind = kind_of(chain->header->field[i].name);
		struct hk_dkim_signature sig = {0};
		struct hk_arc_fields *set;
		enum hk_status status;
		unsigned instance = 0;

		if (kind == HK_ARC_KINDS)
			continue;
		status = read_field(a, kind, chain->header->field[i].value, &sig, &instance);
		if (status != HK_OK)
			return status;
		if (instance == 0) {
			blame(chain, "bad instance in i=", 0);
			continue;
		}
		if (instance > chain->highest)
			chain->highest = instance;
		set = &chain->set[instance - 1];
		if (set->at[kind] != chain->header->n) {
			blame(chain, "a field of the set stands twice", instance);
			continue;
		}
		set->at[kind] = i;
		if (kind == HK_ARC_SEAL)
			set->seal = sig;
		else if (kind == HK_ARC_MESSAGE)
			set->message = sig;
	}
	return HK_OK;
}

static void check_set(struct hk_arc_chain *chain, unsigned instance)
{
	const struct hk_arc_fields *set = &chain->set[instance - 1];
	struct hk_slice expected = instance == 1 ? HK_S("none") : HK_S("pass");
	int kind;

	for (kind = 0; kind < HK_ARC_KINDS; kind++)
		if (set->at[kind] == chain->header->n)
			blame(chain, "a field of the set is missing", instance);
	if (set->seal.fault != HK_DKIM_R_OK)
		blame(chain, (const char *)hk_dkim_reason_text(set->seal.fault).p, instance);
	/* step 3.C; the first set began the chain, every other went on with one that passed */
	if (!hk_slice_eq_nocase(set->seal.cv, expected))
		blame(chain, "wrong chain status in cv=", instance);
}

/* More fields than the most sets can have, or than could be told apart: not even read. */
static bool are_too_many(struct hk_arc_chain *chain)
{
	size_t i, n = 0;

	for (i = 0; i < chain->header->n; i++)
		n += kind_of(chain->header->field[i].name) != HK_ARC_KINDS;
	chain->any = n > 0;
	return n > (size_t)HK_ARC_MAX_SETS * HK_ARC_KINDS;
}

enum hk_status hk_arc_chain_read(
    struct hk_arena *a, const struct hk_header *header, struct hk_arc_chain *ret)
{
	struct hk_arc_chain chain = {.header = header};
	const struct hk_arc_fields *newest;
	enum hk_status status;
	unsigned i;
	int kind;

	if (are_too_many(&chain)) {
		chain.highest = HK_ARC_MAX_SETS;
		blame(&chain, "too many sets", 0);
	}
	if (!chain.any || chain.fault) {
		*ret = chain;
		return HK_OK;
	}
	chain.set = hk_arena_array(a, HK_ARC_MAX_SETS, sizeof *chain.set);
	if (!chain.set)
		return a->failed;
	for (i = 0; i < HK_ARC_MAX_SETS; i++)
		for (kind = 0; kind < HK_ARC_KINDS; kind++)
			chain.set[i].at[kind] = header->n;
	status = collect(a, &chain);
	if (status != HK_OK)
		return status;
	newest = chain.highest ? &chain.set[chain.highest - 1] : NULL;
	chain.is_ended = newest && hk_slice_eq_nocase(newest->seal.cv, HK_S("fail"));
	if (chain.is_ended) /* step 2 */
		blame(&chain, "the newest seal says fail", chain.highest);
	for (i = 1; i <= chain.highest; i++)
		check_set(&chain, i);
	if (newest && newest->message.fault != HK_DKIM_R_OK)
		blame(&chain, (const char *)hk_dkim_reason_text(newest->message.fault).p,
		    chain.highest);
	chain.n = chain.fault ? 0 : chain.highest;
	*ret = chain;
	return HK_OK;
}
