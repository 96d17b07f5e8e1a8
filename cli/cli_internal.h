/* SPDX-License-Identifier: MIT
 *
 * cli_internal.h - the parts of the command `hikyaku`.
 *
 *	main.c      the table of commands
 *	options.c   the table of options, their parser and --help
 *	stored.c    what a stored message says about the way it came
 *	resolve.c   where DNS answers come from: zone text or the network
 *	check.c     from options to a verdict
 *	explain.c   the commands explain and verify
 *	matrix.c    explain --matrix
 *	keys*.c     keys (keys.h)
 */
#ifndef HIKYAKU_CLI_INTERNAL_H
#define HIKYAKU_CLI_INTERNAL_H

#include <hikyaku/authres.h>
#include <hikyaku/explain.h>

#define CLI_MESSAGE_MAX (50 * 1024 * 1024) /* as the daemon's default */
#define CLI_OUTPUT_MAX  (64 * 1024 * 1024)
#define CLI_BODY_SHOWN  4096 /* of the body, by explain */
#define CLI_EVIDENCE_DIR "/var/spool/hikyaku/evidence"

enum cli_exit {
	CLI_OK = 0,    /* pass, or nothing to object to */
	CLI_FAIL = 1,  /* fail or permerror */
	CLI_USAGE = 2, /* the command cannot be carried out as it was given */
	CLI_LATER = 3, /* temperror: try again */
};

enum { CLI_WORDS_MAX = 4 };
enum cli_algs { CLI_ALG_BOTH, CLI_ALG_RSA, CLI_ALG_ED25519 };

struct cli_options {
	const char *word[CLI_WORDS_MAX]; /* those before the file, such as "spf" of "check spf" */
	size_t n_words;
	const char *file; /* the message; "-" is the standard input; NULL: none */
	const char *zone, *resolver, *record, *save_record;
	const char *queue_id, *evidence_dir;
	const char *rcpt, *from;
	const char *key, *domain, *selector, *headers; /* to sign with */
	enum hk_canon header_canon, body_canon;
	unsigned min_rsa_bits; /* 0: the RFC's */
	char **more;           /* all words after those, of a command that takes any number */
	size_t n_more;
	const char *dir, *selector_template, *server, *opendkim, *rspamd; /* keys */
	unsigned rsa_bits;                                                /* 0: 2048 */
	enum cli_algs algs;
	bool nsupdate;
	struct hk_ip client;
	const char *helo, *mail_from, *authserv_id; /* NULL: not given */
	bool has_now, json, help, matrix, allow_sha1;
	int64_t now;
	unsigned checks; /* enum hk_check */
	enum hk_language language;
	enum hk_authres_style style;
};

struct cli_command {
	const char *name;
	const char *summary;
	const char *usage; /* what stands after the name */
	enum cli_exit (*run)(const struct cli_options *);
	size_t words;    /* how many words stand before the file, at most */
	bool takes_file; /* and needs one, unless an option stands for it */
	bool takes_more; /* any number of words after those */
};

/* cli_options_parse(command, argv, ret): argv ends with NULL. false: said on stderr what is wrong.
 */
bool cli_options_parse(const struct cli_command *, char **argv, struct cli_options *ret);
/* cli_options_help(command): on stdout. */
void cli_options_help(const struct cli_command *);

/* cli_read_file(name, max, ret): the whole file into *ret, which the caller frees; false: said on
 * stderr why not. */
bool cli_read_file(const char *name, size_t max, struct hk_buf *ret);
/* cli_write(out): all of it to stdout. */
void cli_write(const struct hk_buf *out);
/* cli_complain(text, about): one line on stderr, about quoted; about may be NULL. */
void cli_complain(const char *text, const char *about);

/* ---- what a stored message tells ------------------------------------------------------------- */

struct cli_stored {
	bool has_return_path, has_received, has_time;
	struct hk_slice return_path; /* without brackets; empty for <> */
	struct hk_slice helo, by;    /* of the Received field that was chosen */
	struct hk_ip client;
	int64_t time;
	struct hk_slice authserv_id; /* of the topmost Authentication-Results, or by; empty when
	                                there is neither */
};
/* cli_stored_read(a, header, host, ret): host is our name or empty. Chosen is the topmost Received
 * that host (or the host of the topmost Authentication-Results) wrote, else the topmost of all. */
void cli_stored_read(
    struct hk_arena *, const struct hk_header *, struct hk_slice host, struct cli_stored *ret);

/* ---- DNS
 * ------------------------------------------------------------------------------------------ */

struct cli_resolver;
/* cli_resolver_new(a, options, ret): opens the zone file or prepares the network; false: said on
 * stderr why not. */
bool cli_resolver_new(struct hk_arena *, const struct cli_options *, struct cli_resolver **ret);
void cli_resolver_free(struct cli_resolver *); /* NULL allowed */
/* cli_resolve(r, question, a, ret): always an answer, of HK_DNS_TIMEOUT when none can be had.
 * NOMEM, LIMIT. */
enum hk_status cli_resolve(struct cli_resolver *, const struct hk_dns_question *, struct hk_arena *,
    struct hk_dns_answer *ret);

/* ---- one verdict
 * ------------------------------------------------------------------------------------ */

struct cli_checked {
	struct hk_arena arena;
	struct hk_buf message,
	    notes; /* notes: lines for people, of what was taken from the message */
	struct hk_splitter splitter;
	struct hk_slice body;
	struct hk_verify *verify;
	struct hk_slice authserv_id;
};
/* cli_check(options, ret): CLI_OK and a verdict, else what to exit with, said on stderr.
 * cli_checked_done in any case. */
enum cli_exit cli_check(const struct cli_options *, struct cli_checked *ret);
void cli_checked_done(struct cli_checked *);
/* cli_verdict_exit(verdict): the exit code that it stands for. */
enum cli_exit cli_verdict_exit(const struct hk_verify_verdict *);

enum cli_exit cli_explain(const struct cli_options *);
enum cli_exit cli_verify(const struct cli_options *);
enum cli_exit cli_matrix(const struct cli_options *);
enum cli_exit cli_keys(const struct cli_options *);

#endif
