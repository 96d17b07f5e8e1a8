/* SPDX-License-Identifier: MIT
 *
 * cli_internal.h - the parts of the command `hikyaku`.
 *
 *	main.c      the table of commands
 *	options.c   the table of options, their parser and --help
 *	stored.c    what a stored message says about the way it came
 *	resolve.c   where DNS answers come from: zone text or the network
 *	message.c   the message that a command works on
 *	check.c     from options to a verdict about a message
 *	strict.c    the exit status, and what --strict makes of it
 *	check_*.c   the command check: an SPF identity, a DMARC policy, a DKIM key
 *	batch.c     --batch: requests and results as lines of JSON
 *	against*.c  verify --against-existing (against.h)
 *	arc.c       the command arc
 *	sign.c      the command sign
 *	explain.c   the commands explain and verify
 *	matrix.c    explain --matrix
 *	replies.c   explain --replies, and explain ID
 *	keys*.c     keys (keys.h)
 *	srs.c       the command srs
 *	authres.c   the command authres
 *	smtp*.c     smtp (smtp.h)
 *	users.c     users, the password file
 *	load*.c     load (load.h), and sink.c: to measure with
 *	spool.c     the command spool
 *	find.c      the command find
 *	queue*.c    the command queue (queue.h)
 *	drain*.c    its action drain (drain.h)
 *	flags.c     options of commands that share none
 */
#ifndef HIKYAKU_CLI_INTERNAL_H
#define HIKYAKU_CLI_INTERNAL_H

#include <hikyaku/authres.h>
#include <hikyaku/explain.h>
#include <hikyaku/json.h>
#include <hikyaku/resolve.h>
#include <hikyaku/srs.h>

#define CLI_MESSAGE_MAX (50 * 1024 * 1024) /* as the daemon's default */
#define CLI_OUTPUT_MAX  (64 * 1024 * 1024)
#define CLI_BODY_SHOWN  4096 /* of the body, by explain */
#define CLI_VALUE_SHOWN 300  /* of a value in a line for people */
/* A message's own copy, the zone and all answers, besides what the verifier may take. */
#define CLI_ARENA ((size_t)HK_VERIFY_ARENA + 64 * 1024 * 1024)
#define CLI_EVIDENCE_DIR "/var/spool/hikyaku/evidence"

enum cli_exit {
	CLI_OK = 0,    /* pass, or nothing to object to */
	CLI_FAIL = 1,  /* fail or permerror */
	CLI_USAGE = 2, /* the command cannot be carried out as it was given */
	CLI_LATER = 3, /* temperror: try again */
	CLI_OUTPUT = 4, /* the output could not be written */
};
#define CLI_EXITS "Exit status: 0 pass or nothing to object to, 1 fail, 2 usage, 3 temporary failure, 4 the output could not be written."

enum { CLI_WORDS_MAX = 4 };
enum cli_algs { CLI_ALG_BOTH, CLI_ALG_RSA, CLI_ALG_ED25519 };

struct cli_options {
	uint64_t given; /* a bit for each row of the table of options */
	const char *word[CLI_WORDS_MAX]; /* those before the file, such as "spf" of "check spf" */
	size_t n_words;
	struct hk_slice message; /* of a batch request, in place of file */
	const char *file; /* the message; "-" is the standard input; NULL: none */
	const char *zone, *resolver, *record, *save_record, *against;
	const char *queue_id, *evidence_dir;
	const char *rcpt, *from;
	const char *key[HK_DKIM_MAX_SIGNERS], *selector[HK_DKIM_MAX_SIGNERS]; /* to sign with: one of each belong together */
	size_t n_keys, n_selectors;
	const char *domain, *headers;
	const char *trusted_sealers;
	enum hk_dmarc_profile dmarc_profile;
	unsigned dmarc_sample; /* RFC 7489: 0 to 99 */
	const char *psl;       /* NULL: the system's list */
	enum hk_canon header_canon, body_canon;
	unsigned min_rsa_bits; /* 0: the RFC's */
	char **more;           /* all words after those, of a command that takes any number */
	size_t n_more;
	const char *dir, *selector_template, *server, *opendkim, *rspamd; /* keys */
	unsigned rsa_bits;                                                /* 0: 2048 */
	enum cli_algs algs;
	bool nsupdate;
	const char *secret_file, *fold_store; /* srs */
	unsigned max_age, hash_length;        /* 0: the library's */
	enum hk_srs_mac srs_mac;
	struct hk_ip client;
	const char *helo, *mail_from, *authserv_id; /* NULL: not given */
	bool has_now, has_checks, json, help, matrix, replies, allow_sha1, batch, strict;
	int64_t now;
	unsigned checks; /* enum hk_check */
	enum hk_language language;
	enum hk_authres_style style;
};

/* Whose --help an option stands in. */
enum cli_options_of {
	CLI_OPTIONS_EXPLAIN = 1,
	CLI_OPTIONS_VERIFY = 2,
	CLI_OPTIONS_CHECK = 4,
	CLI_OPTIONS_SIGN = 8,
	CLI_OPTIONS_KEYS = 16,
	CLI_OPTIONS_ARC = 32,
	CLI_OPTIONS_SRS = 64,
	CLI_OPTIONS_AUTHRES = 128,
};

struct cli_command {
	const char *name;
	const char *summary;
	const char *usage; /* what stands after the name */
	enum cli_exit (*run)(const struct cli_options *);
	size_t words;    /* how many words stand before the file, at most */
	bool takes_file; /* and needs one, unless an option stands for it */
	bool takes_more; /* any number of words after those */
	enum cli_options_of options;
	enum cli_exit (*run_words)(char **argv); /* in place of run: with options of its own */
};

/* cli_options_parse(command, argv, ret): argv ends with NULL. false: said on stderr what is wrong.
 */
bool cli_options_parse(const struct cli_command *, char **argv, struct cli_options *ret);
/* cli_option_set(options, "--name", value): NULL, or what is wrong; value NULL where none is taken. */
const char *cli_option_set(struct cli_options *, const char *name, const char *value);
/* cli_address(text): without the angle brackets that it may stand in; NULL: empty. */
struct hk_slice cli_address(const char *text);
/* cli_options_help(command): on stdout. */
void cli_options_help(const struct cli_command *);

/* cli_read_file(name, max, ret): the whole file into *ret, which the caller frees; false: said on
 * stderr why not. */
bool cli_read_file(const char *name, size_t max, struct hk_buf *ret);
/* cli_write_durably(fd, s): all of it, and synced; false: errno says why. */
bool cli_write_durably(int fd, struct hk_slice);
/* cli_write(out): all of it to stdout. */
void cli_write(const struct hk_buf *out);
/* cli_flush(): all that was printed is out; false: said on stderr why it is not. */
bool cli_flush(void);
/* cli_time(seconds, room): "2026-11-26T01:02:03Z"; returns room. */
#define CLI_TIME_ROOM 32
const char *cli_time(int64_t seconds, char room[CLI_TIME_ROOM]);
/* cli_complain(text, about): one line on stderr, about quoted; about may be NULL. */
void cli_complain(const char *text, const char *about);
/* cli_complain_disk(status, path): what the system said of a file that a call with hk_disk_kernel wanted, or what the status says of path. */
void cli_complain_disk(enum hk_status, const char *path);
/* cli_complain_into(out): complaints go there from now on; NULL: to stderr again. */
void cli_complain_into(struct hk_buf *out);
/* cli_line_add(out, name, value): "name value", quoted; nothing where value is empty. */
void cli_line_add(struct hk_buf *out, const char *name, struct hk_slice value);
/* cli_leniency_add(options, out): a line for each rule of RFC 8301 that was set aside, for people. */
void cli_leniency_add(const struct cli_options *, struct hk_buf *out);
/* cli_steps_add(out, trace, language): the numbered steps. */
void cli_steps_add(struct hk_buf *out, const struct hk_trace *, enum hk_language);

/* ---- the message ------------------------------------------------------------------------------ */

struct cli_message {
	struct hk_buf bytes; /* with CRLF */
	struct hk_splitter splitter;
	struct hk_slice header, body;
	bool was_lf; /* all its line ends were LF */
};
/* cli_message_read(options, ret): *ret zeroed before; cli_message_done in any case. false: said why. */
bool cli_message_read(const struct cli_options *, struct cli_message *ret);
void cli_message_done(struct cli_message *);
/* cli_signed_write(o, a, m, fields): to stdout the fields, then the message, with the line ends it came with; with --json
 * the fields alone. */
enum hk_status cli_signed_write(const struct cli_options *, struct hk_arena *, const struct cli_message *,
    struct hk_slice fields) HK_MUSTCHECK;
/* cli_read_key(name, ret): a private key in a PEM file; returns owned. false: said why. */
bool cli_read_key(const char *name, struct hk_private_key **ret);

/* ---- what a stored message tells ------------------------------------------------------------- */

struct cli_stored {
	bool has_return_path, has_received, has_time;
	struct hk_slice return_path; /* without brackets; empty for <> */
	struct hk_slice helo, by;    /* of the Received field that was chosen */
	struct hk_ip client;
	int64_t time;
	struct hk_slice authserv_id; /* of the topmost Authentication-Results, or by; empty when
	                                there is neither */
	bool is_believed; /* Received was chosen for a name that only the message gives, and others stand above it */
};
/* cli_stored_read(a, header, host, rcpt, ret): host is our name or empty. Chosen is the topmost Received
 * that host (or the host of the topmost Authentication-Results) wrote, else the topmost of all; where
 * some are "for" rcpt, among those only. rcpt may be empty. */
void cli_stored_read(struct hk_arena *, const struct hk_header *, struct hk_slice host,
    struct hk_slice rcpt, struct cli_stored *ret);

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
/* cli_resolve_all(r, evaluator): steps and answers until it has its result. As hk_resolve_all: AGAIN when
 * it waits for something that is no answer. */
enum hk_status cli_resolve_all(struct cli_resolver *, struct hk_evaluator);

/* ---- one verdict
 * ------------------------------------------------------------------------------------ */

struct cli_checked {
	struct hk_arena arena;
	struct hk_buf notes; /* lines for people, of what was taken from the message */
	struct cli_message message;
	struct hk_verify *verify; /* NULL: the server checked nothing, but it signed */
	struct hk_slice authserv_id;
	struct hk_evidence_signing *signing; /* of a queue id: with what it was signed */
	size_t n_signing;
};
struct hk_evidence_signing;
/* signed.c. cli_signed_find(dir, id, ret): fills signing. cli_signed_add(options, c, out): for people.
 * cli_signed_json(c, out): an array. */
enum hk_status cli_signed_find(const char *dir, uint64_t id, struct cli_checked *ret);
void cli_signed_add(const struct cli_options *, const struct cli_checked *, struct hk_buf *out);
void cli_signed_json(const struct cli_checked *, struct hk_buf *out);

/* cli_check(options, resolver, ret): CLI_OK and a verdict, else what to exit with, said by
 * cli_complain. resolver may be NULL for a replay. cli_checked_done in any case. */
enum cli_exit cli_check(const struct cli_options *, struct cli_resolver *, struct cli_checked *ret);
void cli_checked_done(struct cli_checked *);
/* cli_verdict_exit(options, verifier): the exit code that its verdict stands for. */
enum cli_exit cli_verdict_exit(const struct cli_options *, const struct hk_verify *);
enum cli_exit cli_spf_exit(const struct cli_options *, enum hk_spf_result);

/* ---- answers ---------------------------------------------------------------------------------- */

/* One request: what is to be printed goes to out, the exit code back. */
typedef enum cli_exit cli_answer(
    const struct cli_options *, struct cli_resolver *, struct hk_arena *, struct hk_buf *out);
cli_answer cli_answer_spf, cli_answer_dmarc, cli_answer_dkim_key;
/* cli_answer_once(options, run): prints run's answer, or those to a batch. */
enum cli_exit cli_answer_once(const struct cli_options *, cli_answer *);
/* cli_answer_failed(status): says that there is no verdict. */
enum cli_exit cli_answer_failed(enum hk_status);
enum cli_exit cli_batch(const struct cli_options *, struct cli_resolver *, cli_answer *);

enum cli_exit cli_explain(const struct cli_options *);
enum cli_exit cli_verify(const struct cli_options *);
enum cli_exit cli_matrix(const struct cli_options *);
/* cli_is_reply(o): what is to be explained is a reply of hikyakud, or the id at its end. cli_replies(o): does it. */
bool cli_is_reply(const struct cli_options *);
enum cli_exit cli_replies(const struct cli_options *);
enum cli_exit cli_check_command(const struct cli_options *);
enum cli_exit cli_arc(const struct cli_options *);
enum cli_exit cli_sign(const struct cli_options *);
enum cli_exit cli_keys(const struct cli_options *);

enum cli_exit cli_srs(const struct cli_options *);
enum cli_exit cli_authres(const struct cli_options *);
enum cli_exit cli_smtp(char **argv);
enum cli_exit cli_users(char **argv);
enum cli_exit cli_load(char **argv);
enum cli_exit cli_sink(char **argv);
enum cli_exit cli_spool(char **argv);
enum cli_exit cli_find(char **argv);
enum cli_exit cli_queue(char **argv);

#endif
