/* SPDX-License-Identifier: MIT
 *
 * The first octet says what the rest is: two tables of OpenDKIM (cut at a NUL), names of files, a
 * state file.
 */
#include <stdlib.h>

#include "conf/conf.h"
#include "conf/key_tables.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { NAMES_MAX = 100 };

static enum hk_status read_tables(struct hk_key_items *items, struct hk_slice in, bool is_refile)
{
	size_t cut = hk_slice_find(in, 0);
	struct hk_key_table keys = {HK_S("k"), hk_slice_sub(in, 0, cut)},
	                    signing = {HK_S("s"), hk_slice_from(in, cut + 1)};

	return hk_key_items_opendkim(items, &keys, &signing, is_refile);
}

static enum hk_status read_names(struct hk_key_items *items, struct hk_slice in)
{
	struct hk_slice name[NAMES_MAX];
	size_t n;

	for (n = 0; n < NAMES_MAX && in.n; n++) {
		name[n] = hk_slice_sub(in, 0, hk_slice_find(in, 0));
		in = hk_slice_from(in, name[n].n + 1);
	}
	return hk_key_items_rspamd(items, HK_S("/keys"), name, n);
}

/* Whatever stands in an operator's tables: what is made of it is a configuration. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hk_slice in = hk_slice_of(data, size);
	struct hk_key_items items;
	struct hk_conf *conf;
	enum hk_status status;
	struct hk_buf text;

	if (size == 0)
		return 0;
	hk_key_items_init(&items, "table");
	hk_buf_init(&text, HK_KEY_ITEMS_MAX);
	in = hk_slice_from(in, 1);
	switch (data[0] & 3) {
	case 0:
	case 1:
		status = read_tables(&items, in, data[0] & 1);
		break;
	case 2:
		status = read_names(&items, in);
		break;
	default:
		status = hk_key_items_folder(&items, HK_S("/keys"), in);
		break;
	}
	if (status == HK_OK) {
		hk_buf_add_str(&text, "hostname h.test;\n");
		hk_buf_add(&text, hk_buf_slice(&items.text));
		status = hk_conf_parse("t", hk_buf_slice(&text), &conf, NULL);
		if (status == HK_SYNTAX)
			abort();
		if (status == HK_OK)
			hk_conf_free(conf);
	}
	hk_buf_done(&text);
	hk_key_items_done(&items);
	return 0;
}
