/* SPDX-License-Identifier: MIT
 *
 * keys.h - the holder of private keys: digests in, signatures out.
 *
 * In a process of its own (role keys) or, with --single, in a thread: the same code either way. A
 * channel is a SOCK_SEQPACKET pair; one message is one request or one reply, of fixed size. Whoever
 * asks is not trusted: it may be a captured mail process.
 */
#ifndef HIKYAKU_IO_KEYS_H
#define HIKYAKU_IO_KEYS_H

#include <hikyaku/crypto.h>

#define HK_KEYS_VERSION 1
#define HK_KEYS_REQUEST 64 /* octets of a request */
#define HK_KEYS_REPLY   (16 + HK_SIGNATURE_MAX)
#define HK_KEYS_PEM_MAX (64 * 1024)
#define HK_KEYS_MAX     4096 /* keys of one configuration */
#define HK_KEYS_GENERATIONS                                                                        \
	4 /* configurations whose keys are held at once: mail under way is signed under its own */

struct hk_keys_request {
	uint64_t seq;
	uint32_t generation; /* of the configuration */
	uint32_t key;        /* index in it */
	enum hk_sign_alg alg;
	uint8_t digest[HK_SHA256_SIZE];
};
struct hk_keys_reply {
	uint64_t seq;
	enum hk_status status;
	uint16_t n;
	uint8_t signature[HK_SIGNATURE_MAX];
};
void hk_keys_request_format(const struct hk_keys_request *, uint8_t ret[HK_KEYS_REQUEST]);
enum hk_status hk_keys_request_parse(struct hk_slice, struct hk_keys_request *ret) HK_MUSTCHECK;
void hk_keys_reply_format(const struct hk_keys_reply *, uint8_t ret[HK_KEYS_REPLY]);
enum hk_status hk_keys_reply_parse(struct hk_slice, struct hk_keys_reply *ret) HK_MUSTCHECK;

struct hk_keys;
/* returns owned; NULL when out of memory. Safe from several threads. */
struct hk_keys *hk_keys_new(void);
void hk_keys_free(struct hk_keys *); /* lets go; NULL allowed */
/* hk_keys_load(k, generation, key, pem, ret, record): a new generation drops the oldest one held.
 * record gets the key's DNS record (hk_dkim_record_add), by which others know the key. */
enum hk_status hk_keys_load(struct hk_keys *, uint32_t generation, uint32_t key,
    struct hk_slice pem, enum hk_sign_alg *ret, struct hk_buf *record) HK_MUSTCHECK;
/* hk_keys_forget(k, generation): it never came into force; else refused ones would push out the one
 * that is. */
void hk_keys_forget(struct hk_keys *, uint32_t generation);
/* hk_keys_answer(k, message, reply): always a reply; for bytes that are no request its status is
 * SYNTAX and its seq 0. */
void hk_keys_answer(struct hk_keys *, struct hk_slice message, uint8_t ret[HK_KEYS_REPLY]);
/* hk_keys_serve(k, fd): answers on this channel until its other end closes; fd stays the caller's.
 */
void hk_keys_serve(struct hk_keys *, int fd);
/* hk_keys_serve_apart(k, fd): the same in a thread of its own, which takes fd and a use of k. */
enum hk_status hk_keys_serve_apart(struct hk_keys *, int fd) HK_MUSTCHECK;

#endif
