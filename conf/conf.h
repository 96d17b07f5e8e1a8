/* SPDX-License-Identifier: MIT
 *
 * conf.h - the configuration: text in, one immutable value out.
 *
 *	hostname mx.b.test;
 *	listen mx { address 10.255.2.33:25; role mx; checks spf dkim dmarc; }
 *	route b.test { via lmtp 10.255.2.40:24; }
 *
 * Every item stands in one table (conf_schema.c): name, type, range, default, whether a reload may
 *change it, and the sentence of the manual. The parser, --check-config, the man page and this
 *struct come from it. A configuration is a generation: built whole in its arena, never changed,
 *freed when its last user lets it go.
 */
#ifndef HIKYAKU_CONF_CONF_H
#define HIKYAKU_CONF_CONF_H

#include <hikyaku/authres.h>
#include <hikyaku/base.h>
#include <hikyaku/crypto.h>
#include <hikyaku/smtp.h>

#include "log/target.h"
#include <hikyaku/verify.h>

#define HK_CONF_CERTIFICATES_MAX 64 /* of a listener: a handshake looks at each */
#define HK_CONF_TEXT_MAX (2 * 1024 * 1024) /* with 4096 keys of tables at 300 octets and their patterns */
#define HK_CONF_ARENA    (16 * 1024 * 1024)
#define HK_CONF_PATH_MAX 4096 /* of a Maildir, filled in: what Linux takes */

enum hk_role { HK_ROLE_MX, HK_ROLE_RELAY, HK_ROLE_SUBMISSION };
enum hk_via { HK_VIA_MX, HK_VIA_SMTP, HK_VIA_LMTP, HK_VIA_MAILDIR };
/* How a route knows its recipients: it does not (any), by the mailboxes of the configuration, by their Maildirs. */
enum hk_recipients { HK_RECIPIENTS_ANY, HK_RECIPIENTS_LISTED, HK_RECIPIENTS_MAILDIR };
/* How far a connection has to be protected; from OPPORTUNISTIC on what the recipients' domain says counts too (tls_policy.h). */
enum hk_tls_level { HK_TLS_OFF, HK_TLS_OPPORTUNISTIC, HK_TLS_REQUIRED, HK_TLS_VERIFIED, HK_TLS_DANE };
enum hk_quarantine { HK_QUARANTINE_HEADER, HK_QUARANTINE_JUNK, HK_QUARANTINE_HOLD };
/* What is done about a message that fails DMARC.
 * OFF: its verdict is written, never acted upon.
 * QUARANTINE ("on"): quarantine and reject both quarantine; 550 only where SPF is a hard fail too
 * and no DKIM signature passed: p=reject alone never rejects, since a mailing list would lose its
 * subscribers by it (RFC 9989 7.4). REJECT: p=reject is 550. */
enum hk_enforce { HK_ENFORCE_OFF, HK_ENFORCE_QUARANTINE, HK_ENFORCE_REJECT };

/* What becomes of mail when none of the keys that would sign it is published. */
enum hk_unpublished { HK_UNPUBLISHED_SIGN, HK_UNPUBLISHED_DEFER };

/* Who knows the users of a listener. */
enum hk_auth_back { HK_AUTH_OFF, HK_AUTH_FILE, HK_AUTH_DOVECOT };
/* Where a user's addresses are looked for that he may not use. */
enum hk_sender_login { HK_SENDER_ANY, HK_SENDER_ENVELOPE, HK_SENDER_HEADER };
enum hk_clientid { HK_CLIENTID_OFF, HK_CLIENTID_OFFERED, HK_CLIENTID_REQUIRED };

/* At most `most` in `seconds`; most 0: any number. */
struct hk_conf_rate {
	uint32_t most, seconds;
};

#define HK_CONF_TIMES_MAX 31 /* of one list: a message counts the notices that its sender got in five bits */
struct hk_conf_times {
	uint32_t *at; /* seconds */
	size_t n;
};
struct hk_conf_net {
	struct hk_ip ip;
	unsigned bits;
};
/* sun_path of Linux has 108 octets with its NUL; ten of them are for the name that a socket has before it replaces a stale one */
#define HK_CONF_UNIX_MAX 97
struct hk_conf_socket {
	struct hk_ip ip; /* 0.0.0.0 and :: mean any */
	uint16_t port;
	char path[HK_CONF_UNIX_MAX + 1]; /* of a unix socket, which has no IP; "": it is none */
};
#define HK_CONF_LISTS_MAX 8 /* of a listener: each is a question for each client */
enum hk_list_action { HK_LIST_ALLOW, HK_LIST_REJECT, HK_LIST_TAG };
/* A DNS list (RFC 5782). */
struct hk_conf_list {
	struct hk_slice zone;
	enum hk_list_action action;
	struct hk_conf_net net; /* what answers count; bits 0: any that is one */
};
struct hk_conf_texts {
	struct hk_slice *at;
	size_t n;
};
struct hk_conf_nets {
	struct hk_conf_net *at;
	size_t n;
};

/* listen NAME { ... } */
struct hk_conf_listener {
	struct hk_slice name;
	struct hk_conf_socket *socket; /* "address 10.0.0.1:25 [::1]:25 unix:/run/hikyaku/lmtp;" */
	size_t n_sockets;
	unsigned socket_mode;         /* of the unix ones */
	struct hk_slice socket_owner; /* USER, USER:GROUP or :GROUP; empty: user */
	enum hk_role role;
	struct hk_slice hostname;    /* default: the global one */
	struct hk_slice authserv_id; /* default: hostname */
	struct hk_slice trusted_sealers; /* of ARC: domains, separated by "," */
	unsigned checks;             /* "checks spf dkim dmarc;" enum hk_check */
	enum hk_enforce enforce;     /* default off */
	enum hk_authres_style authres_style;
	struct hk_conf_nets relay_from;     /* clients that may send anywhere */
	struct hk_conf_nets trusted_relays; /* inner hops: no SPF for them (RFC 7208 2.2), their own
	                                       Authentication-Results stay */
	bool starttls, implicit_tls;
	/* PEM files in pairs; the first is for who names no host, or one that none is for */
	struct hk_conf_texts certificate, certificate_key;
	struct hk_slice client_authorities; /* PEM file; empty: clients are asked for no certificate */
	bool strict_envelopes, strict_dots, refuse_source_routes, reject_early_talkers;
	struct hk_conf_list lists[HK_CONF_LISTS_MAX];
	size_t n_lists;
	uint32_t client_connections; /* at once; 0: any number */
	struct hk_conf_rate client_arrivals, client_messages, client_recipients, client_errors;
	uint32_t unknown_recipients; /* of a session; 0: any number */
	uint32_t greylist; /* seconds; 0: off */
	bool check_sender_domain;
	struct hk_conf_nets proxy_from; /* balancers that put a PROXY header in front */
	uint32_t greet_delay;           /* seconds */
	uint32_t minimum_rate;          /* octets in a second of a message; 0: any */
	uint64_t max_message; /* bytes */
	size_t max_recipients, max_transactions, max_domains; /* LIMITS; 0: any number */
	uint32_t min_by;               /* DELIVERBY: the least seconds with mode R; 0: any */
	bool lmtp;                     /* "protocol lmtp;" */
	unsigned extensions;           /* HK_EXT(..), or-ed */
	enum hk_smtpd_profile profile; /* "ehlo-profile gmail;" */
	bool echo_addresses;
	enum hk_auth_back auth;
	struct hk_slice auth_path;       /* the password file, or the socket of Dovecot */
	struct hk_slice auth_mechanisms; /* "PLAIN LOGIN"; empty: as the back end has them */
	bool auth_in_clear;              /* also without TLS */
	enum hk_sender_login sender_login;
	enum hk_clientid clientid;
	struct hk_conf_rate auth_failures; /* of one client; then 421 */
	struct hk_conf_rate user_messages, user_recipients, device_messages, device_recipients;
	uint32_t user_connections, device_connections; /* at once; 0: any number */
	struct hk_conf_nets legacy_clients; /* old TLS and bare line feeds are let pass for them */
};

#define HK_CONF_SOURCES_MAX 64 /* of a route */
struct hk_conf_source {
	struct hk_ip ip;
	struct hk_slice helo; /* the name of this address in EHLO; empty: the route's */
};
/* Which of several it is: each in turn, or always the same for one domain of senders. */
enum hk_source_choice { HK_SOURCE_TURN, HK_SOURCE_SENDER };

/* route PATTERN { ... }: PATTERN is a domain, ".domain" for everything below it, or "*"; the first
 * that fits wins */
enum hk_unconvertible { HK_UNCONVERTIBLE_AS_IS, HK_UNCONVERTIBLE_BOUNCE };
struct hk_conf_route {
	struct hk_slice pattern;
	enum hk_via via;
	struct hk_slice host; /* SMTP, LMTP: a name or an address; empty for MX and Maildir */
	uint16_t port;
	struct hk_slice unix_path;     /* "via lmtp unix:/run/dovecot/lmtp;" */
	struct hk_slice maildir;       /* "via maildir /var/mail/%u;" %u local part checked against
	                                  [A-Za-z0-9._+-], %d domain */
	struct hk_conf_source *source; /* of connections; none of a family: the system's choice */
	size_t n_sources;
	enum hk_source_choice source_choice;
	bool prefers_ipv6;             /* of a host with both kinds of address, these come first */
	struct hk_slice helo;          /* default: the global hostname */
	enum hk_tls_level tls;
	bool implicit_tls;             /* SMTP: from the first byte */
	enum hk_quarantine quarantine;
	struct hk_slice junk_address; /* HK_QUARANTINE_JUNK */
	enum hk_recipients recipients;
	bool sub_addresses;           /* user+detail is user's */
	bool add_return_path;         /* Maildir: on; LMTP: off, since Dovecot writes it */
	struct hk_conf_times retry;   /* as the global items; theirs where the route has none */
	uint32_t lifetime;
	struct hk_conf_times delay_notice;
	unsigned concurrency;         /* deliveries to this route's hop at once */
	unsigned connection_messages; /* that one connection serves, one after the other */
	unsigned message_rcpts;       /* recipients of one transaction */
	struct hk_conf_rate rate;     /* deliveries begun in a time, to one hop */
	bool chunking;                /* BDAT where it is offered */
	bool pipelining;
	bool checkpoint;              /* TRANSID where CHECKPOINT is offered (RFC 1845) */
	enum hk_unconvertible unconvertible; /* 8-bit mail, to a hop without 8BITMIME */
};

/* shape NAME { mx .google.com; concurrency 5; }: what the hosts of a provider take, whatever the domain; the lower number counts, this
 * or the route's. For domains whose MX all fit; the first shape that does. */
struct hk_conf_shape {
	struct hk_slice name;
	struct hk_conf_texts mx;      /* host names; with a leading dot all below it */
	unsigned concurrency, connection_messages, message_rcpts; /* 0: the route's */
	struct hk_conf_rate rate;
	bool is_together;             /* all that fits is one hop */
};

/* key NAME { domain y.test; selector smtpbook; file /etc/...; } */
struct hk_conf_key {
	struct hk_slice name, domain, selector, file;
};
/* sign *@x.test new old; the header From decides, first match wins: "*@domain", "user@domain",
 * "domain", "*" */
#define HK_CONF_SIGN_KEYS 16 /* of one pattern: two algorithms, and rotations that nobody tidied up */
struct hk_conf_sign {
	struct hk_slice pattern;
	size_t *key; /* indexes into keys; of one domain and algorithm the preferred one first */
	size_t n_keys;
};

struct hk_conf {
	struct hk_arena arena;
	_Atomic unsigned users;
	struct hk_slice hostname,
	    product;           /* product: the word in banner and Received, default Hikyaku */
	struct hk_slice spool;           /* directory */
	uint64_t spool_segment;          /* bytes of a file of its journal, at most */
	struct hk_slice user, keys_user; /* whom to become; default hikyaku, hikyaku-keys */
	struct hk_slice resolver;        /* "IP" or "IP@PORT"; empty: the system's */
	struct hk_slice trust_anchor;    /* file; empty: nothing is validated */
	uint32_t resolver_timeout;       /* seconds */
	struct hk_slice authorities;     /* file of those who sign certificates; empty: the system's */
	uint32_t certificate_check;      /* seconds; 0: never */
	bool mta_sts, smtp_tls_srv;      /* whether they are looked for */
	struct hk_slice fetch_user;      /* whom the process becomes that fetches policies; empty: user */
	struct hk_slice sts_server;      /* "IP@PORT" of all policies, for tests; empty: their own */
	struct hk_slice timezone;        /* a zone name such as Asia/Tokyo; empty: the system's */
	unsigned workers;                /* 0: one for each processor */
	uint32_t sessions; /* at once; 0: as many as there are descriptors for */
	uint32_t overload_wait; /* ms, before those who come are told to come back later; 0: never */
	struct hk_conf_texts accept;     /* domains that mail is taken for from anyone */
	struct hk_conf_texts mailboxes;  /* "user" or "user@domain", sorted, whatever the case */
	struct hk_slice mailboxes_file;
	struct hk_slice postmaster; /* where <postmaster> goes; default postmaster@<first accept> */
	struct hk_conf_times retry; /* seconds after each attempt; the last one repeats */
	uint32_t lifetime;          /* seconds until a message is given up */
	struct hk_conf_times delay_notice; /* ages at which the sender is told of a delay; a 0: never */
	uint64_t evidence_size; /* bytes kept at most */
	uint32_t evidence_days;
	size_t checkpoint_messages; /* partial ones, kept at most (engine/checkpoint.h) */
	uint64_t checkpoint_size;   /* bytes of them */
	uint32_t checkpoint_age;    /* seconds */
	uint64_t history_size; /* bytes kept at most; 0: none */
	uint32_t history_days;
	struct hk_slice log; /* hk_log_target_parse: "stderr", a file, or a socket */
	enum hk_log_format log_format;
	struct hk_conf_socket metrics; /* port 0: not served */
	struct hk_slice pid_file;
	struct hk_slice operator_socket, operator_group; /* empty: none */
	unsigned port_map_25; /* connect to this port where 25 is meant; 0: 25 (for the lab and
	                         tests without root) */
	struct hk_slice clientid_key; /* a file; empty: a new key at each start */
	struct hk_conf_listener *listener;
	size_t n_listeners;
	struct hk_conf_route *route;
	size_t n_routes;
	struct hk_slice shaping; /* a file of shapes */
	struct hk_conf_shape *shape;
	size_t n_shapes;
	struct hk_conf_key *key;
	size_t n_keys;
	struct hk_conf_sign *sign;
	size_t n_signs;
	struct hk_slice keys_folder;              /* of `hikyaku keys` */
	struct hk_slice key_table, signing_table; /* of OpenDKIM, "refile:PATH" or "file:PATH" too */
	struct hk_slice rspamd_keys;              /* a folder of DOMAIN.SELECTOR.key */
	uint32_t key_check; /* seconds that what was found of a record counts at most; 0: records
	                       are not looked up */
	enum hk_unpublished unpublished_key;
};

struct hk_conf_error {
	unsigned line, column;
	struct hk_buf text; /* one or more lines "FILE:LINE:COLUMN: message", with the near name
	                       where there is one */
};
#define HK_CONF_ERRORS_MAX 50 /* told of one text; after them it says how many more */

/* hk_conf_parse(file, text, ret, error): file is the name for messages. All errors are gathered,
 * not only the first. The value is returned owned with one user. Text is bounded by
 * HK_CONF_TEXT_MAX. No file is opened here. SYNTAX: *error is filled, and its text is the caller's
 * to free (hk_buf_done); error may be NULL. Else *error is empty. */
enum hk_status hk_conf_parse(const char *file, struct hk_slice text, struct hk_conf **ret,
    struct hk_conf_error *error) HK_MUSTCHECK;
/* hk_conf_check_shapes(file, text, error): whether a text is of shape blocks alone, and these are sound. Errors as hk_conf_parse's. */
enum hk_status hk_conf_check_shapes(const char *file, struct hk_slice text, struct hk_conf_error *error) HK_MUSTCHECK;
/* hk_conf_names_tables(conf): keys, mailboxes or shapes stand elsewhere; what they are as items is to be parsed
 * with the text (key_tables.h, mailboxes.h). */
bool hk_conf_names_tables(const struct hk_conf *);
struct hk_conf *hk_conf_use(struct hk_conf *);
void hk_conf_free(struct hk_conf *); /* lets go; NULL allowed */
/* hk_conf_dump(conf, out): the whole configuration as text that parses to the same value. */
void hk_conf_dump(const struct hk_conf *, struct hk_buf *out);
/* hk_conf_manual(out): the items as the man page's section (mdoc). */
void hk_conf_manual(struct hk_buf *out);
/* hk_conf_needs_restart(old, new, out): true when an item differs that a reload cannot change;
 * their names go to out, one a line. */
bool hk_conf_needs_restart(
    const struct hk_conf *old, const struct hk_conf *new_conf, struct hk_buf *out);

bool hk_conf_socket_eq(const struct hk_conf_socket *, const struct hk_conf_socket *);
bool hk_conf_nets_have(const struct hk_conf_nets *, const struct hk_ip *);
/* hk_conf_has_tls(listener): it needs certificates. */
bool hk_conf_has_tls(const struct hk_conf_listener *);
/* hk_conf_accepts(conf, domain): mail for this domain is ours. Address literals of a listener's own
 * address count. */
bool hk_conf_accepts(const struct hk_conf *, struct hk_slice domain);
/* hk_conf_has_mailbox(conf, user, domain): the list has the user, alone or at this domain; case is none. */
bool hk_conf_has_mailbox(const struct hk_conf *, struct hk_slice user, struct hk_slice domain);
/* hk_conf_find_route(conf, domain): NULL when none fits. */
const struct hk_conf_route *hk_conf_find_route(const struct hk_conf *, struct hk_slice domain);
/* hk_conf_find_shape(conf, host, n): the first that all these hosts fit, or NULL. */
const struct hk_conf_shape *hk_conf_find_shape(const struct hk_conf *, const struct hk_slice *host, size_t n);
/* hk_conf_find_sign(conf, from): what signs for a header From address, or NULL. */
const struct hk_conf_sign *hk_conf_find_sign(
    const struct hk_conf *, struct hk_slice local, struct hk_slice domain);

#endif
