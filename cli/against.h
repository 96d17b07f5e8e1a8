/* SPDX-License-Identifier: MIT
 *
 * against.h - `hikyaku verify --against-existing`: our verdicts beside what another stack wrote.
 *
 *	against.c          the messages of a Maildir, one after another; the sums
 *	against_theirs.c   Authentication-Results and Received-SPF, as others write them
 *	against_compare.c  result by result, ours beside theirs
 *	against_why.c      a sentence for each difference
 *	against_print.c    text and JSON
 */
#ifndef HIKYAKU_CLI_AGAINST_H
#define HIKYAKU_CLI_AGAINST_H

#include "cli_internal.h"

/* One message has a handful of each; more is a flood that nobody reads. */
enum { AGAINST_RESULTS_MAX = 64, AGAINST_ROWS_MAX = 96, AGAINST_REASONS_MAX = 4 };

enum against_method { AGAINST_SPF, AGAINST_DKIM, AGAINST_DMARC, AGAINST_ARC, AGAINST_METHODS };
const char *against_method_name(enum against_method);

/* One result of theirs. */
struct against_result {
	enum against_method method;
	struct hk_slice result;  /* lower case */
	struct hk_slice d, s, b; /* dkim: header.d, or the domain of header.i; header.s; header.b */
	struct hk_slice domain;  /* spf: of the identity; dmarc: header.from */
	struct hk_slice mail_from; /* spf: as they write it, an address or only a domain; empty: none */
	struct hk_ip client;     /* spf: the address they speak of; family 0: none */
	bool is_helo;            /* spf: the identity is that of HELO */
	bool is_matched;
};

struct against_theirs {
	struct hk_slice authserv_id; /* empty: they write none */
	const char *style;           /* whose way of writing it is, for people; NULL: nobody's */
	struct against_result result[AGAINST_RESULTS_MAX];
	size_t n, fields, unreadable;
	/* what they tell of the envelope, where they do */
	struct hk_ip client;
	struct hk_slice helo, mail_from;
	bool has_mail_from;
};
/* against_theirs_read(a, header, ids, ret): ids: the names to trust, separated by ","; empty: that of
 * the topmost field. Only fields above the Received field of the hop before theirs are read, so that
 * what the sender made up stays out. NOMEM, LIMIT. */
enum hk_status against_theirs_read(struct hk_arena *, const struct hk_header *, struct hk_slice ids,
    struct against_theirs *ret) HK_MUSTCHECK;

enum against_outcome {
	AGAINST_SAME,
	AGAINST_WORDS,       /* another word for the same kind of result */
	AGAINST_DIFFERENT,
	AGAINST_ONLY_OURS,   /* they say nothing of it */
	AGAINST_ONLY_THEIRS, /* it is in their results, but not in the message */
	AGAINST_OUTCOMES
};
const char *against_outcome_name(enum against_outcome);

struct against_row {
	enum against_method method;
	enum against_outcome outcome;
	const struct against_result *theirs; /* NULL: none */
	const struct hk_dkim_verdict *dkim;  /* ours, of this row */
	const char *ours;                    /* NULL: none */
	struct hk_slice about;               /* d/s, identity or author domain */
	struct hk_slice reason[AGAINST_REASONS_MAX];
	size_t n_reasons;
};

struct against_message {
	const char *file;
	const char *error; /* NULL: it was judged */
	struct against_theirs theirs;
	struct cli_checked checked;
	struct against_row row[AGAINST_ROWS_MAX];
	size_t n;
	bool is_strict;  /* another word is a difference as well */
	bool is_without; /* it was read, and has no results of theirs */
	bool is_different, is_temporary;
};
/* against_compare(m): rows with their outcome and reasons. NOMEM, LIMIT. */
enum hk_status against_compare(struct against_message *) HK_MUSTCHECK;
/* against_explain(m, row): its reasons, of a row that is not the same. */
enum hk_status against_explain(struct against_message *, struct against_row *) HK_MUSTCHECK;

struct against_sums {
	size_t messages, compared, without, unreadable, different, temporary;
	size_t outcome[AGAINST_METHODS][AGAINST_OUTCOMES];
};
struct against_printer {
	const struct cli_options *options;
	struct hk_json_writer json;
	struct hk_buf out;
};
void against_print_begin(struct against_printer *);
void against_print_message(struct against_printer *, const struct against_message *);
void against_print_end(struct against_printer *, const struct against_sums *);

enum cli_exit cli_against(const struct cli_options *);

#endif
