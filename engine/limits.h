/* SPDX-License-Identifier: MIT
 *
 * limits.h - how often somebody did something lately, and how often he does it at once: by client,
 * user, device, whatever has a name. One table for all threads, of bounded size; time is handed in.
 *
 *	hk_limits_take(l, HK_LIMIT_USER_MESSAGES, user, 1, (struct hk_limit_rule){100, 3600}, now,
 *&wait)
 *
 * A window is cut into eight slots. What is counted stays for the whole window and at most one slot
 * more, so no window of that length, wherever it begins, ever holds more than the rule allows.
 * The table is full of others: who was not heard of for longest is forgotten first; who is counted
 * as present never is.
 */
#ifndef HIKYAKU_ENGINE_LIMITS_H
#define HIKYAKU_ENGINE_LIMITS_H

#include <hikyaku/base.h>

#define HK_LIMITS_SEED 16
/* Entries of a server: each has 96 octets, so 6 MiB at most; a hundred thousand names in a window
 * are an attack, and each of them pays for its own place. */
#define HK_LIMITS_MAX 65536

/* What is counted: each has its own place in the table, also for the same name. X(id, name) */
#define HK_LIMIT_TABLE(X)                                                                          \
	X(CLIENT_CONNECTIONS, "client-connections") /* at once */                                  \
	X(CLIENT_ARRIVALS, "client-arrivals")       /* connections in a time */                    \
	X(CLIENT_MESSAGES, "client-messages")                                                      \
	X(CLIENT_RECIPIENTS, "client-recipients")                                                  \
	X(CLIENT_ERRORS, "client-errors")                                                          \
	X(CLIENT_FAILURES, "client-failures") /* of authentication */                              \
	X(USER_CONNECTIONS, "user-connections")                                                    \
	X(USER_MESSAGES, "user-messages")                                                          \
	X(USER_RECIPIENTS, "user-recipients")                                                      \
	X(USER_FAILURES, "user-failures")                                                          \
	X(DEVICE_CONNECTIONS, "device-connections") /* of one CLIENTID */                          \
	X(DEVICE_MESSAGES, "device-messages")                                                      \
	X(DEVICE_RECIPIENTS, "device-recipients")                                                  \
	X(DEVICE_FAILURES, "device-failures")
enum hk_limit {
#define X(id, name) HK_LIMIT_##id,
	HK_LIMIT_TABLE(X)
#undef X
	    HK_LIMITS_COUNT
};
/* hk_limit_name(what): "client-connections"; for logs. */
const char *hk_limit_name(enum hk_limit);

/* At most `most` in any `seconds`; most 0: no limit. */
struct hk_limit_rule {
	uint32_t most, seconds;
};

struct hk_limits;
/* hk_limits_new(max, seed): at most max entries; the seed is secret, so that nobody outside chooses
 * what collides. NULL when out of memory. Safe from several threads. */
struct hk_limits *hk_limits_new(size_t max, const uint8_t seed[HK_LIMITS_SEED]);
void hk_limits_free(struct hk_limits *); /* NULL allowed */

/* hk_limits_take(l, what, name, n, rule, now_ms, wait): counts n, if with them the rule still
 * holds. Otherwise false, nothing is counted, and *wait (may be NULL) has the seconds after which
 * to ask again is of use. n over the rule's own figure is never taken: *wait is then the whole
 * window. */
bool hk_limits_take(struct hk_limits *, enum hk_limit, struct hk_slice name, uint32_t n,
    struct hk_limit_rule, uint64_t now_ms, uint32_t *wait);
/* hk_limits_add(l, what, name, n, seconds, now_ms): counts n whatever there is already; returns the
 * count of the window with them. */
uint32_t hk_limits_add(struct hk_limits *, enum hk_limit, struct hk_slice name, uint32_t n,
    uint32_t seconds, uint64_t now_ms);
/* hk_limits_seen(l, what, name, seconds, now_ms): the count of the window. */
uint32_t hk_limits_seen(
    struct hk_limits *, enum hk_limit, struct hk_slice name, uint32_t seconds, uint64_t now_ms);
/* hk_limits_forget(l, what, name, seconds): its count is zero again. */
void hk_limits_forget(struct hk_limits *, enum hk_limit, struct hk_slice name, uint32_t seconds);

/* hk_limits_enter(l, what, name, most): one more is present; false when `most` are already (0: any
 * number), or the table holds nobody but those who are present. Each that entered leaves. */
bool hk_limits_enter(struct hk_limits *, enum hk_limit, struct hk_slice name, uint32_t most);
void hk_limits_leave(struct hk_limits *, enum hk_limit, struct hk_slice name);
/* hk_limits_entries(l): how many places are taken. */
size_t hk_limits_entries(struct hk_limits *);

/* hk_limits_client(ip, ret): the name that a client goes by: an IPv4 address, or the /64 of an IPv6
 * one, all of which is usually one customer's. Empty for a client without an address. */
#define HK_LIMITS_CLIENT_MAX 9
struct hk_slice hk_limits_client(const struct hk_ip *, uint8_t ret[HK_LIMITS_CLIENT_MAX]);

#endif
