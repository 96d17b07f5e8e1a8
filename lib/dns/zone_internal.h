/* SPDX-License-Identifier: MIT */
#ifndef HIKYAKU_DNS_ZONE_INTERNAL_H
#define HIKYAKU_DNS_ZONE_INTERNAL_H

#include "dns_internal.h"

/* One record of the text, or a failure to play ($SERVFAIL, $TIMEOUT; type 0: for every type). */
struct hk_zone_record {
	struct hk_slice name;
	uint16_t type;
	enum hk_dns_rcode failure; /* NOERROR for a record */
	uint32_t ttl;
	size_t order; /* in the text */
	struct hk_dns_rr rr;
};

struct hk_zone {
	struct hk_zone_record *record;
	size_t n, cap;
};

/* Sorts by name, so that the records of a name stand together, those below it right behind, each in
 * the text's order. */
void hk_zone_sort(struct hk_zone *);

/* A field of a line: the bytes between blanks, or between quotes; escapes still in it. */
struct hk_zone_token {
	struct hk_slice raw;
	bool quoted;
};

#define HK_ZONE_TOKENS_MAX 320 /* HK_DNS_TXT_MAX / 255 strings and what stands before them */

/* A logical line: parentheses joined, comments gone. */
struct hk_zone_line {
	struct hk_zone_token token[HK_ZONE_TOKENS_MAX];
	size_t n;
	bool starts_blank; /* RFC 1035 5.1: the owner is the line before's */
	size_t number;     /* of its first line, from 1 */
};

struct hk_zone_lexer {
	struct hk_slice rest;
	size_t line;
	const char *what; /* after SYNTAX */
};

/* OK, END, or SYNTAX with lexer->what and lexer->line set. Lines without fields are skipped. */
enum hk_status hk_zone_next_line(struct hk_zone_lexer *, struct hk_zone_line *ret);

#endif
