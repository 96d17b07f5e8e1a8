/* SPDX-License-Identifier: MIT
 *
 * tls_policy.h - whether mail may go to a host, and how its connection is protected: one table in order of precedence.
 *
 *	facts (the operator's level, the sender's wish, DNSSEC, TLSA, MTA-STS, SRV) -> the first row that fits -> decision
 *
 * What came of each is counted in the words of RFC 8460 4.3, for the reports that are made of it (struct hk_tls_counts).
 */
#ifndef HIKYAKU_ENGINE_TLS_POLICY_H
#define HIKYAKU_ENGINE_TLS_POLICY_H

#include <hikyaku/sts.h>

#include "conf/conf.h"
#include "engine/dane.h"

/* X(id, word of RFC 8460 4.3). NONE: nothing went wrong. */
#define HK_TLS_RESULT_TABLE(X)                                                                                   \
	X(NONE, "success")                                                                                       \
	X(NO_STARTTLS, "starttls-not-supported")                                                                 \
	X(HOST_MISMATCH, "certificate-host-mismatch")                                                            \
	X(EXPIRED, "certificate-expired")                                                                        \
	X(NOT_TRUSTED, "certificate-not-trusted")                                                                \
	X(VALIDATION, "validation-failure")                                                                      \
	X(TLSA_INVALID, "tlsa-invalid")                                                                          \
	X(DNSSEC_INVALID, "dnssec-invalid")                                                                      \
	X(DANE_REQUIRED, "dane-required")                                                                        \
	X(STS_FETCH, "sts-policy-fetch-error")                                                                   \
	X(STS_POLICY, "sts-policy-invalid")                                                                      \
	X(STS_WEBPKI, "sts-webpki-invalid")
enum hk_tls_result {
#define X(id, word) HK_TLS_RESULT_##id,
	HK_TLS_RESULT_TABLE(X)
#undef X
	HK_TLS_RESULTS
};
const char *hk_tls_result_word(enum hk_tls_result);

/* What is known of a host before it is connected to. */
struct hk_tls_facts {
	enum hk_tls_level level;     /* of the route */
	bool require_tls;            /* REQUIRETLS (RFC 8689), for a message with a sender */
	bool is_tls_optional;        /* TLS-Required: No */
	bool is_srv;                 /* the host is from an SRV record, port its own */
	bool is_implicit;            /* TLS from the first byte */
	bool is_name_secure;         /* the host's name: from a validated answer, or the configuration */
	enum hk_dane_state dane;     /* TLSA of the host */
	enum hk_sts_mode sts;        /* of the recipients' domain; NONE: none is known */
	bool does_sts_permit;        /* the host's name fits it */
};

enum hk_tls_need { HK_TLS_NEVER, HK_TLS_TRY, HK_TLS_MUST };
enum hk_tls_verify {
	HK_VERIFY_NONE,
	HK_VERIFY_NOTED, /* as PKIX, and only counted */
	HK_VERIFY_PKIX,  /* trusted authority, valid now, the host's name (RFC 8461 4.2, RFC 9525) */
	HK_VERIFY_DANE,  /* TLSA (RFC 7672 3) */
};
enum hk_tls_failure {
	HK_TLS_TO_CLEAR,  /* the same host without TLS */
	HK_TLS_TO_NEXT,   /* the next host; without one, later */
	HK_TLS_TO_BOUNCE, /* the next host; without one, never: RFC 8689 4.2.1 */
};
/* What a report files it under (RFC 8460 4.2, policy-type). */
enum hk_tls_policy_type { HK_TLS_NO_POLICY, HK_TLS_POLICY_TLSA, HK_TLS_POLICY_STS };
const char *hk_tls_policy_word(enum hk_tls_policy_type); /* "no-policy-found", "tlsa", "sts" */

struct hk_tls_decision {
	const char *rule;   /* the row's name, for the log */
	const char *source; /* where it is written */
	bool may_use;
	enum hk_tls_need need;
	enum hk_tls_verify verify;
	enum hk_tls_failure failure;
	enum hk_tls_policy_type type;
	enum hk_tls_result result; /* counted at once: why it may not be used, or what is wrong with the policy */
	bool is_implicit;
	bool needs_requiretls;     /* the host must offer REQUIRETLS after TLS */
};
/* hk_tls_decide(facts): the table's first row that fits; there is always one. */
struct hk_tls_decision hk_tls_decide(const struct hk_tls_facts *);
/* words for the log */
const char *hk_tls_need_word(enum hk_tls_need);     /* "never", "try", "must" */
const char *hk_tls_verify_word(enum hk_tls_verify); /* "none", "noted", "pkix", "dane" */

/* How the certificate of one connection is checked. */
struct hk_tls_check {
	struct hk_slice name;       /* SNI, where it is a host name; what the certificate must be for */
	struct hk_slice other_name; /* or this (DANE with usage 2); empty: none */
	enum hk_tls_verify verify;
	const struct hk_tlsa *tlsa;
	size_t n_tlsa;
};

/* ---- counts: what RFC 8460 reports are made of ------------------------------------------------ */

#define HK_TLS_COUNTS_MAX 4096 /* domain, kind of policy and host; more in a day are counted together as "" */

/* One session that came to an end of its policy: success (NONE), or a failure. */
struct hk_tls_session {
	enum hk_tls_policy_type type;
	struct hk_slice domain; /* the recipients' domain; for TLSA too, since reports are by recipient domain */
	struct hk_slice host;   /* MX; empty where none was reached (a policy that could not be fetched) */
	enum hk_tls_result result;
};
struct hk_tls_count {
	enum hk_tls_policy_type type;
	char domain[HK_DNS_NAME_MAX + 1], host[HK_DNS_NAME_MAX + 1];
	uint64_t of[HK_TLS_RESULTS]; /* of[HK_TLS_RESULT_NONE]: successful sessions */
};
struct hk_tls_counts;
struct hk_tls_counts *hk_tls_counts_new(void); /* returns owned; NULL when out of memory */
void hk_tls_counts_free(struct hk_tls_counts *);
/* hk_tls_counts_add(c, session): copies. Out of memory it goes to the row "". */
void hk_tls_counts_add(struct hk_tls_counts *, const struct hk_tls_session *);
/* hk_tls_counts_at(c, i): in the order of their first session; NULL past the last. hk_tls_counts_reset(c): a new day. */
const struct hk_tls_count *hk_tls_counts_at(const struct hk_tls_counts *, size_t i);
void hk_tls_counts_reset(struct hk_tls_counts *);

#endif
