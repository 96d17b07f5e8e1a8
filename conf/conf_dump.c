/* SPDX-License-Identifier: MIT
 *
 * conf_dump.c - the configuration as text again, and the schema as a page of the manual.
 */
#include "conf/conf_internal.h"

static void dump_item(const struct conf_item *item, const void *base, struct hk_buf *out)
{
	struct hk_buf value;

	hk_buf_init(&value, HK_CONF_TEXT_MAX);
	conf_kinds[item->kind].print(item, base, &value);
	if (value.n)
		hk_buf_addf(out, "%s%s %.*s;\n", item->block == CONF_GLOBAL ? "" : "\t", item->name,
		    HK_FMT(hk_buf_slice(&value)));
	if (hk_buf_status(&value) != HK_OK)
		out->failed = hk_buf_status(&value);
	hk_buf_done(&value);
}

static void dump_block(
    enum conf_block block, const void *base, struct hk_slice name, struct hk_buf *out)
{
	size_t i;

	if (block != CONF_GLOBAL) {
		hk_buf_addf(out, "%s ", conf_blocks[block].name);
		conf_word_print(out, name);
		hk_buf_add_str(out, " {\n");
	}
	for (i = 0; i < conf_n_items; i++)
		if (conf_items[i].block == block)
			dump_item(&conf_items[i], base, out);
	if (block != CONF_GLOBAL)
		hk_buf_add_str(out, "}\n");
}

void hk_conf_dump(const struct hk_conf *c, struct hk_buf *out)
{
	size_t i, j;

	dump_block(CONF_GLOBAL, c, (struct hk_slice){0}, out);
	for (i = 0; i < c->n_listeners; i++)
		dump_block(CONF_LISTEN, &c->listener[i], c->listener[i].name, out);
	for (i = 0; i < c->n_routes; i++)
		dump_block(CONF_ROUTE, &c->route[i], c->route[i].pattern, out);
	for (i = 0; i < c->n_shapes; i++)
		dump_block(CONF_SHAPE, &c->shape[i], c->shape[i].name, out);
	for (i = 0; i < c->n_keys; i++)
		dump_block(CONF_KEY, &c->key[i], c->key[i].name, out);
	for (i = 0; i < c->n_signs; i++) {
		hk_buf_add_str(out, "sign ");
		conf_word_print(out, c->sign[i].pattern);
		for (j = 0; j < c->sign[i].n_keys; j++)
			hk_buf_addf(out, " %.*s", HK_FMT(c->key[c->sign[i].key[j]].name));
		hk_buf_add_str(out, ";\n");
	}
}

static bool item_differs(const struct conf_item *item, const void *a, const void *b)
{
	struct hk_buf one, two;
	bool differs;

	hk_buf_init(&one, HK_CONF_TEXT_MAX);
	hk_buf_init(&two, HK_CONF_TEXT_MAX);
	conf_kinds[item->kind].print(item, a, &one);
	conf_kinds[item->kind].print(item, b, &two);
	differs = !hk_slice_eq(hk_buf_slice(&one), hk_buf_slice(&two));
	hk_buf_done(&one);
	hk_buf_done(&two);
	return differs;
}

bool hk_conf_needs_restart(
    const struct hk_conf *old, const struct hk_conf *new_conf, struct hk_buf *out)
{
	bool any = false, same = old->n_listeners == new_conf->n_listeners;
	size_t i, j;

	for (i = 0; i < conf_n_items; i++) {
		bool differs = false;

		if (!conf_items[i].restart)
			continue;
		if (conf_items[i].block == CONF_GLOBAL)
			differs = item_differs(&conf_items[i], old, new_conf);
		else
			differs = !same;
		for (j = 0; conf_items[i].block == CONF_LISTEN && same && j < old->n_listeners; j++)
			differs |=
			    item_differs(&conf_items[i], &old->listener[j], &new_conf->listener[j]);
		if (!differs)
			continue;
		hk_buf_addf(out, "%s\n", conf_items[i].name);
		any = true;
	}
	return any;
}

/* ---- the manual ---- */

/* mdoc takes a word for a macro only if it has up to three letters and begins upper-case; none of
 * ours does. */
static void manual_item(const struct conf_item *item, struct hk_buf *out)
{
	const struct conf_word *w;

	hk_buf_addf(out, ".It Ic %s ", item->name);
	if (item->words) {
		for (w = item->words; w->word; w++)
			hk_buf_addf(out, "%s%s",
			    w == item->words                ? ""
			    : item->kind == CONF_KIND_WORDS ? " "
			                                    : " | ",
			    w->word);
		hk_buf_add_byte(out, '\n');
	} else {
		hk_buf_addf(out, "%s\n", conf_kinds[item->kind].form);
	}
	hk_buf_addf(out, "%s\n", item->manual);
	if (item->preset)
		hk_buf_addf(out, "The default is %s.\n", item->preset);
	else if (item->preset_words)
		hk_buf_addf(out, "The default is %s.\n", item->preset_words);
	else if (item->required)
		hk_buf_add_str(out, "It must be given.\n");
	if (item->restart)
		hk_buf_add_str(out, "A change needs a restart.\n");
}

void hk_conf_manual(struct hk_buf *out)
{
	size_t block, i;

	for (block = 0; block < CONF_BLOCKS; block++) {
		if (conf_blocks[block].name)
			hk_buf_addf(out, ".Ss %s %s { ... }\n", conf_blocks[block].name,
			    conf_blocks[block].argument);
		else
			hk_buf_add_str(out, ".Ss Global items\n");
		hk_buf_addf(out, "%s\n.Bl -tag -width Ds\n", conf_blocks[block].manual);
		for (i = 0; i < conf_n_items; i++)
			if (conf_items[i].block == (enum conf_block)block)
				manual_item(&conf_items[i], out);
		hk_buf_add_str(out, ".El\n");
	}
	hk_buf_addf(out, ".Ss sign PATTERN NAME...;\n%s\n", conf_sign_manual);
}
