/* SPDX-License-Identifier: MIT */
#ifndef HIKYAKU_SPF_INTERNAL_H
#define HIKYAKU_SPF_INTERNAL_H

#include <hikyaku/spf.h>

/* ---- macros (RFC 7208 7), spf_macro.c -------------------------------------------- */

/* Of the expanded exp= text; it fits one reply line of SMTP (RFC 5321 4.5.3.1.5). */
#define HK_SPF_EXPLANATION_MAX 500
/* Octets of macro values for one verdict. Eleven records, each of a thousand macros with the longest sender
 * that SMTP has (320 octets), need 3.5 million; a caller with longer ones gets a permerror, not a slow one. */
#define HK_SPF_EXPANDED_MAX (4 * 1024 * 1024)

/* One value for each letter, by its place in the alphabet; letters without meaning are never asked
 * for. */
struct hk_spf_macros {
	struct hk_slice value[26];
};

/* Where a macro-string stands. c, r, t and spaces belong to explanations alone (7.2, 6.2). */
enum hk_spf_where { HK_SPF_IN_TERM, HK_SPF_IN_EXPLANATION };

/* The grammar of a macro-string; *ret_has_p (may be NULL) says whether %{p} is in it. */
bool hk_spf_macro_is_valid(struct hk_slice text, enum hk_spf_where, bool *ret_has_p);
/* The grammar of a domain-spec (7.1), which also rules its end. */
bool hk_spf_domain_spec_is_valid(struct hk_slice spec);
/* RFC 8616 4: a term whose %{s} or %{l} stands for a local part that is not ASCII matches nothing. */
bool hk_spf_has_foreign_local(const struct hk_spf_macros *, struct hk_slice spec);
/* Expands a valid domain-spec into a name in the form of dns.h. NOTFOUND when the outcome is no
 * name, or one that matches nothing. */
enum hk_status hk_spf_expand_name(
    struct hk_arena *, const struct hk_spf_macros *, struct hk_slice spec, struct hk_slice *ret);
/* The octets of values that an expansion of spec goes through. */
size_t hk_spf_expand_cost(const struct hk_spf_macros *, struct hk_slice spec);
/* Expands a valid explanation, sanitised: printable ASCII only, HK_SPF_EXPLANATION_MAX. */
enum hk_status hk_spf_expand_text(
    struct hk_arena *, const struct hk_spf_macros *, struct hk_slice text, struct hk_slice *ret);

/* ---- records (RFC 7208 4.6, 12), spf_record.c --------------------------------------- */

enum hk_spf_kind { HK_SPF_DIRECTIVE, HK_SPF_REDIRECT, HK_SPF_EXP, HK_SPF_UNKNOWN };
enum hk_spf_mechanism {
	HK_SPF_ALL,
	HK_SPF_INCLUDE,
	HK_SPF_A,
	HK_SPF_MX,
	HK_SPF_PTR,
	HK_SPF_IP4,
	HK_SPF_IP6,
	HK_SPF_EXISTS
};

struct hk_spf_term {
	struct hk_slice text; /* as written */
	enum hk_spf_kind kind;
	enum hk_spf_mechanism mechanism;
	enum hk_spf_result result; /* of the qualifier */
	struct hk_slice domain;    /* the domain-spec; empty when there is none */
	struct hk_ip net;          /* ip4, ip6 */
	unsigned bits[2];          /* prefix lengths for IPv4 and IPv6 */
};

struct hk_spf_record {
	struct hk_slice terms;         /* all behind the version */
	struct hk_slice redirect, exp; /* their domain-specs */
	struct hk_slice redirect_term; /* as written */
};

/* true for "v=spf1", alone or followed by a space (4.5). */
bool hk_spf_is_record(struct hk_slice text);
/* Takes the next term off *rest. OK, END, or SYNTAX: then *ret->text is the term and *ret_what says
 * why. */
enum hk_status hk_spf_take_term(
    struct hk_slice *rest, struct hk_spf_term *ret, const char **ret_what);
/* The first directives of a record as they were read, and what stands behind them. Twenty-four are
 * more than nearly all records have, and 1.7 KiB. */
#define HK_SPF_KEPT_MAX 24
struct hk_spf_kept {
	size_t n;
	struct hk_slice rest;
	struct hk_spf_term term[HK_SPF_KEPT_MAX];
};
/* Reads a whole record, so that an error anywhere in it is found first (4.6). *ret_kept may be NULL;
 * its terms behind the first n are left as they are. On SYNTAX *ret_bad is the term. */
enum hk_status hk_spf_read_record(struct hk_slice text, struct hk_spf_record *ret,
    struct hk_spf_kept *ret_kept, struct hk_slice *ret_bad, const char **ret_what);

/* ---- the evaluator, spf.c ------------------------------------------------------------- */

/* One check_host() (4): the identity's own, or an include's. redirect= goes on in the same one. */
struct hk_spf_frame {
	struct hk_spf_frame *up; /* the record whose include this is; NULL at the top */
	struct hk_slice domain;
	struct hk_spf_record record;
	const struct hk_spf_term *kept; /* the directives not yet evaluated that were kept; n_kept */
	size_t n_kept;
	struct hk_slice rest;    /* the terms behind those */
	struct hk_spf_term term; /* the one that is evaluated */
	bool redirected;
};

typedef enum hk_status hk_spf_stage(struct hk_spf *);

/* The names of the client address, asked for once (5.5). */
struct hk_spf_ptr {
	bool asked;
	struct {
		struct hk_slice name;
		enum { HK_SPF_UNTESTED, HK_SPF_VALIDATED, HK_SPF_REFUTED } state;
	} name[HK_SPF_MAX_MX];
	size_t n, at;
	hk_spf_stage *resume;
};

struct hk_spf {
	struct hk_arena *a;
	struct hk_trace *trace;
	struct hk_ip client;
	unsigned max_lookups, max_voids;
	struct hk_spf_macros macros;
	struct hk_spf_verdict verdict;
	struct hk_spf_frame *frame;
	struct hk_spf_kept kept; /* of the record that is being read; too much to clear for each */
	unsigned depth;
	hk_spf_stage *next; /* what to do when nothing is awaited; NULL when all is done */
	enum hk_status failed;
	enum { HK_SPF_IDLE, HK_SPF_ASKED, HK_SPF_HANDED_OUT } waiting;
	struct hk_dns_question question;
	struct hk_dns_answer answer; /* to the last question */
	struct hk_spf_ptr ptr;
	struct hk_slice host[HK_SPF_MAX_MX]; /* of the "mx" that is evaluated */
	size_t hosts, host_at;
	struct hk_work own_work, *work; /* the caller's, or own */
	bool explaining; /* exp= neither counts nor decides any more (4.6.4, 6.2) */
};

/* Stages end with one of these. Each returns what the stage has to return. */
enum hk_status hk_spf_ask(struct hk_spf *, struct hk_slice name, uint16_t type, hk_spf_stage *then);
enum hk_status hk_spf_enter(struct hk_spf *, const char *how, struct hk_slice domain);
enum hk_status hk_spf_term_done(struct hk_spf *, bool match);
enum hk_status hk_spf_term_error(struct hk_spf *, enum hk_spf_result, const char *reason);
/* The answer to the term's question is a failure: temperror (5). */
enum hk_status hk_spf_term_dns_error(struct hk_spf *);
/* Counters; false when the limit is passed: then return hk_spf_term_over(). */
bool hk_spf_count_lookup(struct hk_spf *);
bool hk_spf_count_void(struct hk_spf *);
enum hk_status hk_spf_term_over(struct hk_spf *, const char *limit, unsigned value);
/* The target-name of a domain-spec (4.8), or the current domain when spec is empty.
 * AGAIN: %{p} needs answers, and the running stage will be called again. NOTFOUND: not a name.
 * END: a limit was passed and the verdict is there. */
enum hk_status hk_spf_target(struct hk_spf *, struct hk_slice spec, struct hk_slice *ret);

/* ---- mechanisms, spf_mechanism.c --------------------------------------------------------- */

struct hk_spf_mechanism_rule {
	hk_spf_stage *run;
	bool lookup; /* counts for the limit of 4.6.4 */
};
const struct hk_spf_mechanism_rule *hk_spf_rule(enum hk_spf_mechanism);

/* ---- names of the client, spf_ptr.c ---------------------------------------------------------- */

hk_spf_stage hk_spf_run_ptr;
/* Puts the value of %{p} for the current domain into the macros (7.3). Returns as hk_spf_target(). */
enum hk_status hk_spf_resolve_p(struct hk_spf *);

#endif
