/* SPDX-License-Identifier: MIT
 *
 * conf_value.h - the readers and printers of values: conf_value.c has the plain ones,
 * conf_value_net.c those of the network; conf_kinds (conf_kind.c) lists them.
 */
#ifndef HIKYAKU_CONF_VALUE_H
#define HIKYAKU_CONF_VALUE_H

#include "conf/conf_internal.h"

void *conf_member(const struct conf_item *, void *base);
const void *conf_member_const(const struct conf_item *, const void *base);
/* conf_one(...): false, and told, when there is more than one value. */
bool conf_one(
    struct conf_reader *, const struct conf_item *, const struct conf_token *args, size_t n);
/* copies into the configuration */
void conf_keep(struct conf_reader *, struct hk_slice, struct hk_slice *ret);
void conf_keep_lower(struct conf_reader *, struct hk_slice, struct hk_slice *ret);
/* NULL when it is well, else what is wrong, to stand behind the text */
const char *conf_check_host(struct hk_slice);
const char *conf_check_path(struct hk_slice);
const char *conf_check_mailbox(struct hk_slice);
void conf_mailbox(struct conf_reader *, const struct conf_token *, struct hk_slice *ret);
/* conf_time(text, ret): "90", "15m", "1h": seconds; false: it is none. conf_time_print: its inverse. */
bool conf_time(struct hk_slice, uint64_t *ret);
void conf_time_print(struct hk_buf *, uint64_t seconds);
/* conf_net(r, item, token, ret): IP or IP/BITS. */
void conf_net(struct conf_reader *, const struct conf_item *, const struct conf_token *, struct hk_conf_net *ret);
bool conf_find_word(
    struct conf_reader *, const struct conf_item *, const struct conf_token *, unsigned *ret);

#define CONF_KIND_FUNCTIONS(X)                                                                     \
	X(text)                                                                                    \
	X(address) X(number) X(durations) X(word) X(words) X(nets) X(sockets) X(local) X(via)    \
	    X(source) X(quarantine) X(auth) X(mechanisms) X(rate)
#define X(name)                                                                                    \
	void conf_parse_##name(struct conf_reader *, const struct conf_item *,                     \
	    const struct conf_token *args, size_t n, void *base);                                  \
	void conf_print_##name(const struct conf_item *, const void *base, struct hk_buf *out);
CONF_KIND_FUNCTIONS(X)
#undef X
void conf_parse_domains(struct conf_reader *, const struct conf_item *, const struct conf_token *, size_t n, void *base);
void conf_parse_list(struct conf_reader *, const struct conf_item *, const struct conf_token *, size_t n, void *base);
void conf_print_list(const struct conf_item *, const void *base, struct hk_buf *out);
void conf_parse_mailboxes(struct conf_reader *, const struct conf_item *, const struct conf_token *, size_t n, void *base);
void conf_parse_paths(struct conf_reader *, const struct conf_item *, const struct conf_token *, size_t n, void *base);
void conf_print_texts(const struct conf_item *, const void *base, struct hk_buf *out);

#endif
