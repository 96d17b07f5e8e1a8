/* SPDX-License-Identifier: MIT
 *
 * base.h - the few types that every other header speaks in.
 *
 *	slice	borrowed bytes, never NUL-terminated
 *	buf	owned, growing bytes with a hard maximum and a sticky failure
 *	arena	everything that dies together, with a byte limit that is the policy
 *	ip	an IPv4 or IPv6 address
 *
 * The words of ownership used in all headers: a function *borrows* what it
 * only reads, *copies* what it keeps a copy of, *takes* what it frees later,
 * and *returns owned* what the caller must free.
 * Out-parameters come last, are named ret_*, and are untouched on failure.
 *
 * How structs may grow while the library's number stays (docs/decisions/0007):
 *
 *	- One that a caller fills in, or has filled in, and that may grow begins with its size:
 *		struct hk_spf_input in = {.size = sizeof in, .helo = ...};
 *	  What a caller's shorter form has not is zero, the default. Without a size it is refused:
 *	  BUG, in the arena's or the buffer's failed where the function gives no status.
 *	- One that the library hands out by const pointer grows at its end. Never copy it by value
 *	  into what outlives a recompilation, and hand back only what the library has made.
 *	- All others never change.
 *	- Enumerations grow at their end: expect values that you do not know.
 */
#ifndef HIKYAKU_BASE_H
#define HIKYAKU_BASE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

#define HK_MUSTCHECK   __attribute__((warn_unused_result))
#define HK_PRINTF(f,a) __attribute__((format(printf, f, a)))

/* Every status of the library: name, number, sentence. A verdict (spf=fail) is a result, never a status. */
#define HK_STATUS_TABLE(X)                                                                  \
	X(OK, 0, "done")                                                                    \
	X(AGAIN, 1, "more input, an answer or a drain of the output is needed first")       \
	X(END, 2, "nothing more to come")                                                   \
	X(NOMEM, -1, "out of memory")                                                       \
	X(LIMIT, -2, "a limit was reached")                                                 \
	X(SYNTAX, -3, "the text does not follow its grammar")                               \
	X(NOTFOUND, -4, "no such thing")                                                    \
	X(IO, -5, "the operating system reported an error")                                 \
	X(FULL, -6, "no space left")                                                        \
	X(CORRUPT, -7, "stored data are damaged")                                           \
	X(VERSION, -8, "stored data are of a version not understood")                       \
	X(CRYPTO, -9, "a cryptographic operation failed")                                   \
	X(BUSY, -10, "another process holds it")                                            \
	X(BUG, -11, "the caller broke the contract of the function")

enum hk_status {
#define X(name, number, sentence) HK_##name = (number),
	HK_STATUS_TABLE(X)
#undef X
};

/* hk_status_name(status): "OK", "NOMEM", ...; "?" for a number not in the table. */
const char *hk_status_name(enum hk_status);
/* hk_status_text(status): the sentence of the table. */
const char *hk_status_text(enum hk_status);

/* ---- slice ------------------------------------------------------------- */

struct hk_slice {
	const uint8_t *p;
	size_t n;
};

/* HK_S("literal"): a slice of a string literal, without its NUL. */
#ifdef __cplusplus
#define HK_S(literal) hk_slice_of("" literal, sizeof(literal) - 1)
#else
#define HK_S(literal) ((struct hk_slice){(const uint8_t *)("" literal), sizeof(literal) - 1})
#endif
/* For printf("%.*s", HK_FMT(s)): only for text that is known to be printable. */
#define HK_FMT(s) (int)(s).n, (const char *)(s).p

/* hk_slice_of(p, n): borrows n bytes. */
struct hk_slice hk_slice_of(const void *p, size_t n);
/* hk_slice_str(text): borrows a NUL-terminated string; NULL gives an empty slice. */
struct hk_slice hk_slice_str(const char *text);
/* the same bytes. */
bool hk_slice_eq(struct hk_slice, struct hk_slice);
/* ASCII only, independent of the locale; so is every function with "nocase". */
bool hk_slice_eq_nocase(struct hk_slice, struct hk_slice);
int hk_slice_cmp_nocase(struct hk_slice, struct hk_slice);
bool hk_slice_starts_nocase(struct hk_slice, struct hk_slice prefix);
bool hk_slice_ends_nocase(struct hk_slice, struct hk_slice suffix);
/* hk_slice_find(s, byte): index of the first such byte, or s.n. */
size_t hk_slice_find(struct hk_slice, uint8_t byte);
/* hk_slice_rfind(s, byte): index of the last such byte, or s.n. */
size_t hk_slice_rfind(struct hk_slice, uint8_t byte);
/* hk_slice_sub(s, from, n): clipped to s, so never out of bounds. */
struct hk_slice hk_slice_sub(struct hk_slice, size_t from, size_t n);
/* hk_slice_from(s, from): the rest of s. */
struct hk_slice hk_slice_from(struct hk_slice, size_t from);
/* hk_slice_trim(s): without SP, HTAB, CR, LF at both ends. */
struct hk_slice hk_slice_trim(struct hk_slice);
/* hk_slice_u64(s, max, ret): 1*DIGIT and nothing else; SYNTAX, or LIMIT above max. */
enum hk_status hk_slice_u64(struct hk_slice, uint64_t max, uint64_t *ret) HK_MUSTCHECK;

/* ---- ASCII, locale-free ------------------------------------------------ */

/* A-Z a-z; 0-9; both; 0-9 A-F a-f. */
bool hk_is_alpha(uint8_t), hk_is_digit(uint8_t), hk_is_alnum(uint8_t), hk_is_xdigit(uint8_t);
/* SP or HTAB (the RFC's WSP). */
bool hk_is_wsp(uint8_t);
/* 0x21 to 0x7e. */
bool hk_is_graph(uint8_t);
/* A-Z and a-z to the other case; every other byte stays. */
uint8_t hk_to_lower(uint8_t), hk_to_upper(uint8_t);

/* ---- checked arithmetic ------------------------------------------------ */

/* true when a+b (a*b) fits; *ret is written only then. */
bool hk_add_size(size_t a, size_t b, size_t *ret) HK_MUSTCHECK;
bool hk_mul_size(size_t a, size_t b, size_t *ret) HK_MUSTCHECK;

/* ---- buf: owned bytes ---------------------------------------------------- */

/* A zeroed hk_buf is empty and may hold nothing; hk_buf_init gives it its maximum.
 * Every append is a no-op after the first failure: check once, with hk_buf_status(). */
struct hk_buf {
	uint8_t *p;
	size_t n, cap, max;
	enum hk_status failed;
};

/* hk_buf_init(b, max): empty, and never more than max bytes. Overwrites *b; hk_buf_done frees what it comes to hold. */
void hk_buf_init(struct hk_buf *, size_t max);
/* frees and zeroes; a zeroed buf is allowed. */
void hk_buf_done(struct hk_buf *);
/* hk_buf_reset(b): empties, keeps the storage and the maximum, clears the failure. */
void hk_buf_reset(struct hk_buf *);
/* appends: bytes, a string without its NUL, one byte, printf. */
void hk_buf_add(struct hk_buf *, struct hk_slice);
void hk_buf_add_str(struct hk_buf *, const char *);
void hk_buf_add_byte(struct hk_buf *, uint8_t);
void hk_buf_addf(struct hk_buf *, const char *format, ...) HK_PRINTF(2, 3);
/* big-endian integers, for records and wire formats */
void hk_buf_add_u8(struct hk_buf *, uint8_t), hk_buf_add_u16(struct hk_buf *, uint16_t);
void hk_buf_add_u32(struct hk_buf *, uint32_t), hk_buf_add_u64(struct hk_buf *, uint64_t);
/* hk_buf_drop(b, n): removes n bytes from the front. */
void hk_buf_drop(struct hk_buf *, size_t n);
/* what stands in it, borrowed until the next append. */
struct hk_slice hk_buf_slice(const struct hk_buf *);
/* OK, NOMEM or LIMIT. */
enum hk_status hk_buf_status(const struct hk_buf *) HK_MUSTCHECK;

/* ---- cursor: reading records and wire formats --------------------------- */

/* Every get after the first failure returns 0 or an empty slice: check once, at the end. */
struct hk_cursor {
	struct hk_slice rest;
	bool failed;
};

/* hk_cursor_of(s): at the start of s, which is borrowed. */
struct hk_cursor hk_cursor_of(struct hk_slice);
/* the next integer, big-endian. */
uint8_t hk_cursor_u8(struct hk_cursor *);
uint16_t hk_cursor_u16(struct hk_cursor *);
uint32_t hk_cursor_u32(struct hk_cursor *);
uint64_t hk_cursor_u64(struct hk_cursor *);
/* hk_cursor_take(c, n): the next n bytes, borrowed. */
struct hk_slice hk_cursor_take(struct hk_cursor *, size_t n);
/* hk_buf_add_block / hk_cursor_block: a u32 length and that many bytes. */
void hk_buf_add_block(struct hk_buf *, struct hk_slice);
struct hk_slice hk_cursor_block(struct hk_cursor *);

/* ---- arena ---------------------------------------------------------------- */

/* Memory that dies together: one for a message, a session, a configuration.
 * The limit counts every byte handed out; past it (or out of memory) every
 * allocation gives NULL and arena->failed says LIMIT or NOMEM (BUG: a struct without its size). Zeroed memory, aligned to 16. */
struct hk_arena_block;
struct hk_arena {
	struct hk_arena_block *block;
	size_t used, limit;
	enum hk_status failed;
};

/* hk_arena_init(a, limit): allocates nothing yet. hk_arena_done frees all; the arena may then be used again. */
void hk_arena_init(struct hk_arena *, size_t limit);
void hk_arena_done(struct hk_arena *);
/* hk_arena_alloc(a, n): zeroed; NULL past the limit. */
void *hk_arena_alloc(struct hk_arena *, size_t n) HK_MUSTCHECK;
/* hk_arena_array(a, count, size): as alloc, the product checked. */
void *hk_arena_array(struct hk_arena *, size_t count, size_t size) HK_MUSTCHECK;
/* hk_arena_dup(a, s, ret): copies s, and adds a NUL that is not counted in ret->n. */
enum hk_status hk_arena_dup(struct hk_arena *, struct hk_slice, struct hk_slice *ret) HK_MUSTCHECK;
/* hk_arena_dup_lower(a, s, ret): the same in lower case (ASCII). */
enum hk_status hk_arena_dup_lower(struct hk_arena *, struct hk_slice, struct hk_slice *ret) HK_MUSTCHECK;
/* hk_arena_fmt(a, ret, format, ...): formatted text. */
enum hk_status hk_arena_fmt(struct hk_arena *, struct hk_slice *ret, const char *format, ...)
    HK_PRINTF(3, 4) HK_MUSTCHECK;

/* ---- base64, hex ------------------------------------------------------------ */

/* RFC 4648 section 4, padded, no line breaks. */
void hk_base64_add(struct hk_buf *, struct hk_slice);
/* hk_base64_parse(a, text, ret): ignores SP, HTAB, CR, LF (RFC 6376 FWS); else SYNTAX.
 * Padding must be right and pad bits zero. */
enum hk_status hk_base64_parse(struct hk_arena *, struct hk_slice text, struct hk_slice *ret) HK_MUSTCHECK;
/* two digits a byte, in lower case. */
void hk_hex_add(struct hk_buf *, struct hk_slice);

/* ---- hostile text ----------------------------------------------------------- */

/* hk_quote_add(b, s, max): the one function that prints bytes from outside for people, logs
 * and replies: 0x20..0x7e as they are, except '\\' as "\\\\"; all else as \xHH; at most max bytes of s, then "...". */
void hk_quote_add(struct hk_buf *, struct hk_slice, size_t max);

/* ---- IP addresses ------------------------------------------------------------ */

/* family 4: bytes[0..3]; family 6: bytes[0..15]; family 0: none. */
struct hk_ip {
	uint8_t family;
	uint8_t bytes[16];
};
#define HK_IP_TEXT_MAX 46

/* hk_ip_parse(text, ret): dotted quad, or RFC 4291 text without a zone. An IPv4-mapped IPv6
 * address becomes IPv4. SYNTAX otherwise. */
enum hk_status hk_ip_parse(struct hk_slice text, struct hk_ip *ret) HK_MUSTCHECK;
/* hk_ip_format(ip, ret): NUL-terminated; RFC 5952 for IPv6; "" for family 0. */
void hk_ip_format(const struct hk_ip *, char ret[HK_IP_TEXT_MAX]);
/* the same family and address. */
bool hk_ip_eq(const struct hk_ip *, const struct hk_ip *);
/* hk_ip_in(ip, net, bits): false when the families differ. */
bool hk_ip_in(const struct hk_ip *, const struct hk_ip *net, unsigned bits);
/* hk_ip_reverse_add(b, ip): "1.2.0.192.in-addr.arpa" or the ip6.arpa name (RFC 1035 3.5, RFC 3596 2.5). */
void hk_ip_reverse_add(struct hk_buf *, const struct hk_ip *);

/* ---- checksums and hashes ------------------------------------------------------ */

/* hk_crc32c(seed, s): Castagnoli; seed 0 to begin, or the last value to go on. */
uint32_t hk_crc32c(uint32_t seed, struct hk_slice);
/* hk_hash(s): 64-bit FNV-1a, for tables of our own names only (never keyed by hostile input without a bound). */
uint64_t hk_hash(struct hk_slice);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
