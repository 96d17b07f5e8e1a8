/* SPDX-License-Identifier: MIT
 *
 * dns.h - questions, answers, evidence, and a zone-text reader. No network here.
 *
 *	evaluator --question--> whoever can answer (resolver, zone text, evidence) --answer--> evaluator
 *
 * Names are text in lower case without the final dot ("" is the root), at most 253 octets, labels at most 63;
 * a byte that is not a graphic ASCII character, a dot inside a label and a backslash are written \DDD
 * (which counts as one octet), so every plain dot ends a label.
 */
#ifndef HIKYAKU_DNS_H
#define HIKYAKU_DNS_H

#include <hikyaku/base.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

#define HK_DNS_NAME_MAX  253   /* text, without the final dot */
#define HK_DNS_TXT_MAX   65535 /* one TXT record, its strings joined */
#define HK_DNS_RRS_MAX   256   /* records kept of one answer */
#define HK_DNS_CHAIN_MAX 8     /* CNAME links followed */

enum hk_dns_type {
	HK_DNS_A = 1, HK_DNS_NS = 2, HK_DNS_CNAME = 5, HK_DNS_SOA = 6, HK_DNS_PTR = 12, HK_DNS_MX = 15,
	HK_DNS_TXT = 16, HK_DNS_AAAA = 28, HK_DNS_SRV = 33, HK_DNS_TLSA = 52,
	/* Questions about a name that no name server answers, in the numbers for private use (RFC 6895 3.1):
	 * whoever drives an evaluator answers them from a list or from tables. The answer has one record, its
	 * data the name that was asked for; any failure or an empty answer: it is not known.
	 * SUFFIX: the public suffix that ends the name (RFC 7489 3.2); the name itself when it is one.
	 * ALABEL: the name with its U-labels as A-labels (RFC 5890 2.3.2.1); NXDOMAIN: it has no such form. */
	HK_DNS_SUFFIX = 65281, HK_DNS_ALABEL = 65282,
};
/* true for the last two: never to be sent to a name server. */
bool hk_dns_type_is_local(uint16_t type);

/* What came back. TIMEOUT stands for every failure to get an answer at all. */
enum hk_dns_rcode {
	HK_DNS_NOERROR = 0, /* with no records: NODATA */
	HK_DNS_SERVFAIL = 2,
	HK_DNS_NXDOMAIN = 3,
	HK_DNS_REFUSED = 5,
	HK_DNS_TIMEOUT = 256,
};

struct hk_dns_question {
	struct hk_slice name;
	uint16_t type;
};

struct hk_dns_rr {
	uint16_t type;
	uint16_t preference;   /* MX; SRV priority; TLSA usage<<8 | selector */
	uint16_t weight, port; /* SRV; TLSA: weight = matching type */
	struct hk_ip ip;       /* A, AAAA */
	struct hk_slice data;  /* TXT: the strings joined without separator (RFC 7208 3.3, RFC 6376 3.6.2.2);
	                        * MX, PTR, NS, CNAME, SRV: the target name; TLSA: the association data */
};

/* The records are those of the question's type at the end of the CNAME chain.
 * Borrowed by whoever is answered, unless it says that it copies. */
struct hk_dns_answer {
	struct hk_dns_question question;
	enum hk_dns_rcode rcode;
	uint32_t ttl;  /* seconds, the least of the chain */
	bool secure;   /* validated by DNSSEC */
	bool bogus;    /* failed validation; rcode is then SERVFAIL */
	const struct hk_dns_rr *rr;
	size_t n;
};

/* false where records are counted and none are there: whoever is answered so says BUG. */
bool hk_dns_answer_is_sound(const struct hk_dns_answer *);
/* true for SERVFAIL, REFUSED, TIMEOUT and any rcode but NOERROR and NXDOMAIN: "try again", the RFCs' temperror. */
bool hk_dns_is_failure(const struct hk_dns_answer *);
/* NXDOMAIN, or NOERROR without records: RFC 7208's void lookup. */
bool hk_dns_is_void(const struct hk_dns_answer *);
/* "A", "TXT", ...; "TYPE64" style for the rest, in a static table of the known ones or "?" . */
const char *hk_dns_type_name(uint16_t type);
/* "NOERROR", "NXDOMAIN", "SERVFAIL", "TIMEOUT", ... */
const char *hk_dns_rcode_name(enum hk_dns_rcode);
/* hk_dns_type_parse(text, ret): the inverse, case-insensitive. */
enum hk_status hk_dns_type_parse(struct hk_slice, uint16_t *ret) HK_MUSTCHECK;

/* hk_dns_name_normalise(a, text, ret): lower case, one final dot removed, lengths checked, \X and \DDD brought into the
 * form above; SYNTAX for an empty label, a malformed escape or a length over the limits. */
enum hk_status hk_dns_name_normalise(struct hk_arena *, struct hk_slice text, struct hk_slice *ret) HK_MUSTCHECK;
/* hk_dns_name_to_ascii(a, text, ret): each label with octets over 127 as "xn--" and Punycode (RFC 3492), ASCII letters of it in lower
 * case; nothing is mapped (that is what HK_DNS_ALABEL asks for), so only what is a U-label already (RFC 5890 2.3.2.1)
 * gives the A-label of somebody. Text in ASCII is borrowed as it is. SYNTAX for what is no UTF-8 or gets too long. */
enum hk_status hk_dns_name_to_ascii(struct hk_arena *, struct hk_slice text, struct hk_slice *ret) HK_MUSTCHECK;
/* hk_dns_name_labels(name): how many labels; 0 for the root. */
size_t hk_dns_name_labels(struct hk_slice name);
/* hk_dns_name_parent(name): without the leftmost label; "" at the end. */
struct hk_slice hk_dns_name_parent(struct hk_slice name);
/* hk_dns_name_is_below(name, top): equal to top or under it. */
bool hk_dns_name_is_below(struct hk_slice name, struct hk_slice top);
/* hk_is_hostname(name): LDH labels (underscore allowed when asked), at least one label. */
bool hk_is_hostname(struct hk_slice name, bool underscore);

/* hk_dns_answer_parse(a, q, wire, ret): decodes a DNS message (RFC 1035 4) that answers q. Follows CNAMEs inside it
 * (HK_DNS_CHAIN_MAX; past it SERVFAIL). Everything in *ret is copied into a; secure and bogus are for the caller to set.
 * SYNTAX for a message that is malformed, truncated, or answers something else. */
enum hk_status hk_dns_answer_parse(struct hk_arena *, const struct hk_dns_question *, struct hk_slice wire,
    struct hk_dns_answer *ret) HK_MUSTCHECK;
/* hk_dns_question_format(q, id, out): the message that asks it of a resolver (RFC 1035 4.1): recursion desired, one question,
 * class IN. SYNTAX for a name that is none; out->failed beside that. */
enum hk_status hk_dns_question_format(const struct hk_dns_question *, uint16_t id, struct hk_buf *out) HK_MUSTCHECK;
/* hk_dns_answer_copy(a, from, ret): deep copy. BUG for one that is not sound. */
enum hk_status hk_dns_answer_copy(struct hk_arena *, const struct hk_dns_answer *from, struct hk_dns_answer *ret) HK_MUSTCHECK;

/* ---- evidence: the answers that a verdict used, as a value ---------------------- */

struct hk_evidence;
/* lives in the arena; NULL when it is full. */
struct hk_evidence *hk_evidence_new(struct hk_arena *);
/* copies; the same question again replaces nothing and returns OK (the first answer is what was used). */
enum hk_status hk_evidence_add(struct hk_evidence *, const struct hk_dns_answer *) HK_MUSTCHECK;
/* borrowed; NULL when the question was never asked. */
const struct hk_dns_answer *hk_evidence_find(const struct hk_evidence *, const struct hk_dns_question *);
size_t hk_evidence_count(const struct hk_evidence *);
const struct hk_dns_answer *hk_evidence_at(const struct hk_evidence *, size_t i);
/* hk_evidence_format(e, out): a versioned binary form. hk_evidence_parse reads every version up to today's;
 * VERSION for a later one, CORRUPT or LIMIT for damage. */
void hk_evidence_format(const struct hk_evidence *, struct hk_buf *out);
enum hk_status hk_evidence_parse(struct hk_arena *, struct hk_slice, struct hk_evidence **ret) HK_MUSTCHECK;
/* hk_dns_answer_format(answer, out) / _read(a, cursor, ret): one answer in that same form, for stores of their own. */
void hk_dns_answer_format(const struct hk_dns_answer *, struct hk_buf *out);
enum hk_status hk_dns_answer_read(struct hk_arena *, struct hk_cursor *, struct hk_dns_answer *ret) HK_MUSTCHECK;

/* ---- zone text --------------------------------------------------------------------- */

/* Master-file text (RFC 1035 5.1: $ORIGIN, $TTL, @, parentheses, quotes, comments, class and TTL optional),
 * plus "$SERVFAIL name [type]" and "$TIMEOUT name [type]". Records of several zones may stand in one text.
 * A name that is neither in the text nor above a name in it is NXDOMAIN; an empty non-terminal is NODATA.
 * Wildcards as RFC 4592. Types: A AAAA MX TXT PTR NS CNAME SOA SRV TLSA. Of those that other programs read (CAA, DNSKEY,
 * RRSIG, ...; any TYPEnn with data in the form of RFC 3597) only the name is kept; DNAME and what is no type are an error. */
struct hk_zone;
struct hk_zone_error {
	size_t line;      /* from 1 */
	const char *what; /* static text */
};
/* copies what it keeps into a. On SYNTAX *ret_error is filled (it may be NULL). */
enum hk_status hk_zone_parse(struct hk_arena *, struct hk_slice text, struct hk_zone **ret, struct hk_zone_error *ret_error) HK_MUSTCHECK;
/* hk_zone_answer(z, a, q, ret): always an answer; records borrowed from z, lists copied into a. */
enum hk_status hk_zone_answer(const struct hk_zone *, struct hk_arena *, const struct hk_dns_question *, struct hk_dns_answer *ret) HK_MUSTCHECK;

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
