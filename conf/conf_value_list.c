/* SPDX-License-Identifier: MIT
 *
 * conf_value_list.c - lists in the DNS.
 */
#include <hikyaku/dns.h>

#include "conf/conf_value.h"

static const struct conf_word actions[] = {
    {"reject", HK_LIST_REJECT}, {"tag", HK_LIST_TAG}, {"allow", HK_LIST_ALLOW}, {0}};
static const struct conf_item action_words = {.name = "dns-list", .words = actions};

void conf_parse_list(struct conf_reader *r, const struct conf_item *item, const struct conf_token *args, size_t n,
    void *base)
{
	struct hk_conf_listener *l = base;
	struct hk_conf_list list = {0};
	unsigned action;

	if (n < 2 || n > 3) {
		conf_error(r, &args[n > 3 ? 3 : 0], "%s takes a zone, what to do, and IP/BITS or nothing", item->name);
		return;
	}
	if (l->n_lists == HK_CONF_LISTS_MAX) {
		conf_error(r, args, "more than %d of %s", HK_CONF_LISTS_MAX, item->name);
		return;
	}
	if (!hk_is_hostname(args[0].text, true))
		conf_error(r, args, "\"%s\" is no name of a zone", conf_shown(args[0].text).text);
	if (!conf_find_word(r, &action_words, &args[1], &action))
		return;
	list.action = (enum hk_list_action)action;
	if (n == 3)
		conf_net(r, item, &args[2], &list.net);
	conf_keep_lower(r, args[0].text, &list.zone);
	l->lists[l->n_lists++] = list;
}

void conf_print_list(const struct conf_item *item, const void *base, struct hk_buf *out)
{
	const struct hk_conf_listener *l = base;
	char ip[HK_IP_TEXT_MAX];
	const char *word = "";
	size_t i, j;

	for (i = 0; i < l->n_lists; i++) {
		const struct hk_conf_list *list = &l->lists[i];

		for (j = 0; actions[j].word; j++)
			if (actions[j].value == list->action)
				word = actions[j].word;
		/* the first stands behind the item's name already */
		hk_buf_addf(out, "%s%s%s%.*s %s", i ? ";\n\t" : "", i ? item->name : "", i ? " " : "",
		    HK_FMT(list->zone), word);
		if (!list->net.bits)
			continue;
		hk_ip_format(&list->net.ip, ip);
		hk_buf_addf(out, " %s/%u", ip, list->net.bits);
	}
}
