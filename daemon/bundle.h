/* SPDX-License-Identifier: MIT
 *
 * bundle.h - a configuration and an open descriptor of every file that it names, taken while we may
 * still open them. A role that is started again gets the same bundle, whatever became of the files.
 */
#ifndef HIKYAKU_DAEMON_BUNDLE_H
#define HIKYAKU_DAEMON_BUNDLE_H

#include "conf/conf.h"

struct bundle {
	uint32_t number; /* of the generation, from 1 */
	struct hk_conf *conf;
	int text_fd;      /* the configuration's text, in memory */
	int *certificate; /* of each pair, listener by listener (bundle_pair) */
	int *certificate_key;
	int *users;            /* for each listener; -1: it has no password file */
	int device_key;        /* -1: none */
	int *key;              /* for each key */
	enum hk_sign_alg *alg; /* for each key, once the keys process said so */
	bool *has_alg;
	size_t keys_sent; /* to the keys process that runs now */
	struct hk_slice *record; /* for each key, with alg: its DNS record; in arena */
	struct hk_arena arena;
};

/* bundle_open(path, number, why, ret): why gets one line or more: what is wrong with the text
 * (FILE:LINE:COLUMN: ...) or which file cannot be opened. */
enum hk_status bundle_open(
    const char *path, uint32_t number, struct hk_buf *why, struct bundle **ret) HK_MUSTCHECK;
/* bundle_pair(conf, listener): the place of its first certificate; of n_listeners: how many there are. */
size_t bundle_pair(const struct hk_conf *, size_t listener);
/* bundle_read_conf(path, why, ret): the configuration alone. */
enum hk_status bundle_read_conf(
    const char *path, struct hk_buf *why, struct hk_conf **ret) HK_MUSTCHECK;
/* bundle_open_file(path, why, ret): a file that a configuration names. */
enum hk_status bundle_open_file(struct hk_slice path, struct hk_buf *why, int *ret) HK_MUSTCHECK;
/* bundle_read(fd, a, max, ret): the whole of a file from its beginning, wherever others have read
 * it to. */
enum hk_status bundle_read(
    int fd, struct hk_arena *, size_t max, struct hk_slice *ret) HK_MUSTCHECK;
/* bundle_set_alg(b, key, alg, record): copies record. Only the first time counts. */
enum hk_status bundle_set_alg(
    struct bundle *, size_t key, enum hk_sign_alg, struct hk_slice record) HK_MUSTCHECK;
bool bundle_has_all_algs(const struct bundle *);
void bundle_free(struct bundle *); /* NULL allowed */

#endif
