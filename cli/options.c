/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/mail.h"

#include "cli_internal.h"

/* A setter gives NULL, or what is wrong with the value. */
typedef const char *cli_setter(struct cli_options *, const char *value);

static const char *set_ip(struct cli_options *o, const char *value)
{
	return hk_ip_parse(hk_slice_str(value), &o->client) == HK_OK ? NULL : "not an IP address";
}

struct hk_slice cli_address(const char *text)
{
	struct hk_slice s = hk_slice_str(text);

	return s.n >= 2 && s.p[0] == '<' && s.p[s.n - 1] == '>' ? hk_slice_sub(s, 1, s.n - 2) : s;
}

static const char *set_queue_id(struct cli_options *o, const char *value)
{
	uint64_t id;

	o->queue_id = value;
	return hk_mail_id_parse(hk_slice_str(value), &id) == HK_OK ? NULL : "not a queue id";
}

static const char *set_now(struct cli_options *o, const char *value)
{
	uint64_t now;

	if (hk_slice_u64(hk_slice_str(value), INT64_MAX, &now) != HK_OK)
		return "not a number of seconds since 1970";
	o->now = (int64_t)now;
	o->has_now = true;
	return NULL;
}

static const char *set_language(struct cli_options *o, const char *value)
{
	if (strcmp(value, "en") != 0 && strcmp(value, "ja") != 0)
		return "neither en nor ja";
	o->language = strcmp(value, "ja") == 0 ? HK_JAPANESE : HK_ENGLISH;
	return NULL;
}

static const char *set_checks(struct cli_options *o, const char *value)
{
	static const struct {
		const char *name;
		unsigned check;
	} names[] = {{"spf", HK_CHECK_SPF}, {"dkim", HK_CHECK_DKIM}, {"dmarc", HK_CHECK_DMARC},
	    {"arc", HK_CHECK_ARC}};
	struct hk_slice list = hk_slice_str(value), item;
	size_t i;

	o->checks = 0;
	o->has_checks = true;
	while (hk_tags_item(&list, ',', &item)) {
		for (i = 0; i < sizeof names / sizeof names[0]; i++) {
			if (hk_slice_eq(item, hk_slice_str(names[i].name))) {
				o->checks |= names[i].check;
				break;
			}
		}
		if (i == sizeof names / sizeof names[0])
			return "not a list of spf, dkim, dmarc, arc";
	}
	return o->checks ? NULL : "not a list of spf, dkim, dmarc, arc";
}

static const char *set_dmarc_profile(struct cli_options *o, const char *value)
{
	enum hk_dmarc_profile p;

	for (p = HK_DMARC_RFC9989; p <= HK_DMARC_RFC7489; p++) {
		if (strcmp(value, hk_dmarc_profile_name(p)) == 0) {
			o->dmarc_profile = p;
			return NULL;
		}
	}
	return "neither rfc9989 nor rfc7489";
}

static const char *set_dmarc_sample(struct cli_options *o, const char *value)
{
	uint64_t n;

	if (hk_slice_u64(hk_slice_str(value), 99, &n) != HK_OK)
		return "not a number from 0 to 99";
	o->dmarc_sample = (unsigned)n;
	return NULL;
}

static const char *set_style(struct cli_options *o, const char *value)
{
	if (strcmp(value, "rfc") != 0 && strcmp(value, "rspamd") != 0)
		return "neither rfc nor rspamd";
	o->style = strcmp(value, "rspamd") == 0 ? HK_AUTHRES_RSPAMD : HK_AUTHRES_RFC;
	return NULL;
}

static const char *set_min_rsa_bits(struct cli_options *o, const char *value)
{
	uint64_t bits;

	if (hk_slice_u64(hk_slice_str(value), 4096, &bits) != HK_OK || bits < 512)
		return "not a number of bits from 512 to 4096";
	o->min_rsa_bits = (unsigned)bits;
	return NULL;
}

static const char *set_canon(struct cli_options *o, const char *value)
{
	struct hk_slice list = hk_slice_str(value), item;
	bool relaxed[2] = {true, false}; /* RFC 6376 3.5: a body's that is not named is simple */
	size_t n;

	for (n = 0; hk_tags_item(&list, '/', &item); n++) {
		if (n == 2 || (!hk_slice_eq(item, HK_S("relaxed")) && !hk_slice_eq(item, HK_S("simple"))))
			return "not two of relaxed and simple with a slash between";
		relaxed[n] = hk_slice_eq(item, HK_S("relaxed"));
	}
	o->header_canon = relaxed[0] ? HK_CANON_RELAXED : HK_CANON_SIMPLE;
	o->body_canon = relaxed[1] ? HK_CANON_RELAXED : HK_CANON_SIMPLE;
	return NULL;
}

static const char *set_key(struct cli_options *o, const char *value)
{
	if (o->n_keys == HK_DKIM_MAX_SIGNERS)
		return "one key too many";
	o->key[o->n_keys++] = value;
	return NULL;
}

static const char *set_selector(struct cli_options *o, const char *value)
{
	if (o->n_selectors == HK_DKIM_MAX_SIGNERS)
		return "one selector too many";
	o->selector[o->n_selectors++] = value;
	return NULL;
}

static const char *set_rsa_bits(struct cli_options *o, const char *value)
{
	uint64_t bits;

	if (hk_slice_u64(hk_slice_str(value), 4096, &bits) != HK_OK || bits < HK_DKIM_MIN_RSA_BITS)
		return "not a number of bits from 1024 to 4096";
	o->rsa_bits = (unsigned)bits;
	return NULL;
}

static const char *set_algs(struct cli_options *o, const char *value)
{
	static const char *const names[] = {"both", "rsa", "ed25519"}; /* as enum cli_algs */
	unsigned i;

	for (i = 0; i < sizeof names / sizeof names[0]; i++) {
		if (strcmp(names[i], value) == 0) {
			o->algs = (enum cli_algs)i;
			return NULL;
		}
	}
	return "none of both, rsa and ed25519";
}

static const char *set_max_age(struct cli_options *o, const char *value)
{
	uint64_t days;

	if (hk_slice_u64(hk_slice_str(value), 1000, &days) != HK_OK || days == 0)
		return "not a number of days from 1 to 1000";
	o->max_age = (unsigned)days;
	return NULL;
}

static const char *set_hash_length(struct cli_options *o, const char *value)
{
	uint64_t n;

	if (hk_slice_u64(hk_slice_str(value), HK_SRS_HASH_MAX, &n) != HK_OK || n < HK_SRS_HASH_LENGTH)
		return "not a number from 4 to 27";
	o->hash_length = (unsigned)n;
	return NULL;
}

static const char *set_srs_mac(struct cli_options *o, const char *value)
{
	if (strcmp(value, "sha1") != 0 && strcmp(value, "sha256") != 0)
		return "neither sha1 nor sha256";
	o->srs_mac = strcmp(value, "sha256") == 0 ? HK_SRS_HMAC_SHA256 : HK_SRS_HMAC_SHA1;
	return NULL;
}

/* Which commands an option is for: to the others it means nothing. */
enum {
	EXPLAIN = CLI_OPTIONS_EXPLAIN,
	VERIFY = CLI_OPTIONS_VERIFY,
	CHECK = CLI_OPTIONS_CHECK,
	SIGN = CLI_OPTIONS_SIGN,
	KEYS = CLI_OPTIONS_KEYS,
	ARC = CLI_OPTIONS_ARC,
	SRS = CLI_OPTIONS_SRS,
	AUTHRES = CLI_OPTIONS_AUTHRES,
	JUDGES = EXPLAIN | VERIFY,
	ALL = ~0u >> 1,
};

#define AT(member) NULL, offsetof(struct cli_options, member)

/* What --help prints, and what the parser knows. value NULL: the option has none. Without a setter
 * the value, or true for an option that has none, goes to the member at this offset. words: of commands that do several things,
 * those that it is for; NULL: all. */
static const struct {
	const char *name, *value;
	unsigned of;
	const char *help;
	cli_setter *set;
	size_t member;
	const char *words;
} table[] = {
    {"--ip", "ADDRESS", JUDGES | CHECK, "the client's address (default: the Received field of the stored message)",
        set_ip, 0, .words = "spf"},
    {"--helo", "NAME", JUDGES | CHECK, "what the client said with HELO (default: that Received field)", AT(helo), .words = "spf"},
    {"--mail-from", "ADDRESS", JUDGES | CHECK, "the envelope sender, empty for <> (default: Return-Path)",
        AT(mail_from), .words = "spf"},
    {"--rcpt", "ADDRESS", JUDGES | CHECK,
        "the envelope recipient: the Received field that is for it is that of our hop (SPF ignores it)",
        AT(rcpt), .words = "spf"},
    {"--from", "ADDRESS", CHECK, "check dmarc: the author's address", AT(from), .words = "dmarc"},
    {"--dns", "ZONEFILE", JUDGES | CHECK | ARC | KEYS, "answer DNS questions from master-file text, never from the network",
        AT(zone)},
    {"--resolver", "IP[@PORT]", JUDGES | CHECK | ARC | KEYS, "ask this resolver (default: those of /etc/resolv.conf)",
        AT(resolver)},
    {"--evidence", "FILE", JUDGES, "replay a record: no message and no DNS are needed", AT(record)},
    {"--queue-id", "ID", JUDGES, "replay what a server of ours kept about the message of this queue id",
        set_queue_id, 0},
    {"--evidence-dir", "FOLDER", JUDGES, "where it kept that (default: " CLI_EVIDENCE_DIR ")",
        AT(evidence_dir)},
    {"--against-existing", "MAILDIR", VERIFY,
        "verify: our verdicts beside the Authentication-Results that the messages there have",
        AT(against)},
    {"--save-evidence", "FILE", JUDGES, "write such a record", AT(save_record)},
    {"--now", "SECONDS", JUDGES | CHECK | SIGN | ARC | KEYS | SRS,
        "as of this time since 1970 (default: now; of a stored message that of its Received)", set_now, 0},
    {"--checks", "LIST", JUDGES, "of spf, dkim, dmarc, arc (default: all; arc is historic)", set_checks, 0},
    {"--dmarc-profile", "rfc9989|rfc7489", JUDGES | CHECK, "whose rules of DMARC (default: rfc9989); where the other's differ is told",
        set_dmarc_profile, 0, .words = "dmarc"},
    {"--dmarc-sample", "N", JUDGES | CHECK, "the number drawn for pct of RFC 7489, 0 to 99 (default: 0, so pct holds)", set_dmarc_sample, 0, .words = "dmarc"},
    {"--psl", "FILE", JUDGES | CHECK, "RFC 7489: this public suffix list (default: the newest of the system)", AT(psl), .words = "dmarc"},
    {"--min-rsa-bits", "N", JUDGES | ARC, "accept RSA keys from this size (archived messages only)",
        set_min_rsa_bits, 0},
    {"--allow-sha1", NULL, JUDGES, "accept rsa-sha1 (archived messages only)", AT(allow_sha1)},
    {"--key", "PEM", SIGN | ARC, "the file of the private key to sign with; sign: several, each with its selector", set_key, 0, .words = "seal"},
    {"--domain", "NAME", SIGN | ARC | SRS, "sign for this domain; srs: the domain of rewritten addresses", AT(domain), .words = "seal forward reverse"},
    {"--selector", "NAME", SIGN | ARC, "the selector of the key", set_selector, 0, .words = "seal"},
    {"--headers", "LIST", SIGN | ARC, "the fields to sign (default: " HK_DKIM_DEFAULT_HEADERS ")",
        AT(headers), .words = "seal"},
    {"--trusted-sealers", "LIST", JUDGES | ARC, "domains whose seals of ARC are believed (default: none)",
        AT(trusted_sealers)},
    {"--canon", "HEADER/BODY", SIGN, "of relaxed and simple (default: relaxed/relaxed)", set_canon, 0},
    {"--dir", "FOLDER", KEYS, "keys: where they are kept, as DOMAIN/SELECTOR.pem", AT(dir)},
    {"--selector-template", "TEXT", KEYS,
        "keys: selectors of new keys, with %Y %m %d %a (default: %Y%m)", AT(selector_template)},
    {"--alg", "rsa|ed25519|both", KEYS, "keys: which keys to make (default: both)", set_algs, 0},
    {"--rsa-bits", "N", KEYS, "keys: the size of new RSA keys (default: 2048)", set_rsa_bits, 0},
    {"--nsupdate", NULL, KEYS, "keys dns: a script for nsupdate, not zone text", AT(nsupdate), .words = "dns"},
    {"--server", "IP[@PORT],...", KEYS,
        "keys: the name servers to ask (default: those of each domain's NS records)", AT(server)},
    {"--opendkim", "KEYTABLE", KEYS, "keys import: read this and the signing table that follows",
        AT(opendkim), .words = "import"},
    {"--rspamd", "FOLDER", KEYS, "keys import: read keys named DOMAIN.SELECTOR.key", AT(rspamd), .words = "import"},
    {"--secret-file", "FILE", SRS, "srs: the secrets, one a line; the first signs, all verify", AT(secret_file)},
    {"--max-age", "DAYS", SRS, "srs: how old an address may be (default: 21)", set_max_age, 0},
    {"--hash-length", "N", SRS, "srs: characters of the hash, 4 to 27 (default: 4)", set_hash_length, 0},
    {"--srs-mac", "sha1|sha256", SRS, "srs: the HMAC (default: sha1, as all others)", set_srs_mac, 0},
    {"--fold-store", "FILE", SRS, "srs: fold what is too long, and keep it here", AT(fold_store)},
    {"--authserv-id", "NAME", JUDGES | CHECK | ARC | AUTHRES,
        "the name of our host (default: that of the topmost Authentication-Results, which may be a forger's)",
        AT(authserv_id), .words = "spf seal verify"},
    {"--authres-style", "rfc|rspamd", JUDGES, "the wording of Authentication-Results (default: rfc)",
        set_style, 0},
    {"--lang", "en|ja", JUDGES | CHECK, "the language of explain (default: by LC_ALL, LC_MESSAGES, LANG)",
        set_language, 0},
    {"--strict", NULL, JUDGES | CHECK,
        "verify, explain, check: a warning is a failure, and so is whatever is not a pass; see the manual",
        AT(strict)},
    {"--json", NULL, ALL, "print JSON; sign and arc seal: the new fields, not the message", AT(json)},
    {"--batch", NULL, VERIFY | CHECK, "one JSON request a line on the standard input, one result a line out",
        AT(batch)},
    {"--matrix", NULL, EXPLAIN, "explain: print the table of all combinations for DMARC and exit",
        AT(matrix)},
    {"--replies", NULL, EXPLAIN, "explain: print all 4xx and 5xx that hikyakud says, with what can be done, and exit",
        AT(replies)},
    {"--help", NULL, ALL, "print this", AT(help)},
};

enum { OPTIONS = sizeof table / sizeof table[0] };
_Static_assert(OPTIONS <= 64, "one bit of cli_options.given for each");

void cli_options_help(const struct cli_command *command)
{
	size_t i;

	printf("usage: hikyaku %s %s\n\n%s\n\noptions:\n", command->name, command->usage,
	    command->summary);
	for (i = 0; i < OPTIONS; i++) {
		char left[64];

		if (!(table[i].of & command->options))
			continue;
		snprintf(left, sizeof left, "%s %s", table[i].name,
		    table[i].value ? table[i].value : "");
		printf("  %-28s %s\n", left, table[i].help);
	}
	putchar('\n');
	if (command->takes_file)
		puts("FILE is a message as stored or as sent; \"-\" reads it from the standard input.");
	puts(CLI_EXITS);
}

static enum hk_language language_of_environment(void)
{
	static const char *const names[] = {"LC_ALL", "LC_MESSAGES", "LANG"};
	size_t i;

	for (i = 0; i < sizeof names / sizeof names[0]; i++) {
		const char *value = getenv(names[i]);

		if (value && *value)
			return strncmp(value, "ja", 2) == 0 ? HK_JAPANESE : HK_ENGLISH;
	}
	return HK_ENGLISH;
}

static void put(struct cli_options *o, size_t row, const char *value)
{
	static const bool yes = true;
	void *member = (char *)o + table[row].member;

	if (table[row].value)
		memcpy(member, &value, sizeof value);
	else
		memcpy(member, &yes, sizeof yes);
}

static size_t find_row(struct hk_slice name)
{
	size_t i;

	for (i = 0; i < OPTIONS; i++)
		if (hk_slice_eq(hk_slice_str(table[i].name), name))
			break;
	return i;
}

static const char *set_row(struct cli_options *o, size_t row, const char *value)
{
	if (table[row].set)
		return table[row].set(o, value);
	put(o, row, value);
	return NULL;
}

const char *cli_option_set(struct cli_options *o, const char *name, const char *value)
{
	size_t row = find_row(hk_slice_str(name));

	return row == OPTIONS ? "no such option" : set_row(o, row, value);
}

/* Takes one option and its value off argv; false after saying what is wrong. */
static bool take_option(char ***argv, struct cli_options *o)
{
	const char *given = **argv, *equals = strchr(given, '='), *value = NULL, *wrong;
	size_t length = equals ? (size_t)(equals - given) : strlen(given),
	       row = find_row(hk_slice_of(given, length));

	if (row == OPTIONS) {
		cli_complain("no such option", given);
		return false;
	}
	(*argv)++;
	o->given |= UINT64_C(1) << row;
	if (table[row].value) {
		value = equals ? equals + 1 : **argv;
		if (!value) {
			cli_complain("the option needs a value", given);
			return false;
		}
		if (!equals)
			(*argv)++;
	} else if (equals) {
		cli_complain("the option has no value", given);
		return false;
	}
	wrong = set_row(o, row, value);
	if (wrong)
		cli_complain(wrong, value);
	return !wrong;
}

/* The words that are no options: those that say what to do first, then the file. */
static bool take_word(const struct cli_command *command, char *word, struct cli_options *o)
{
	if (o->n_words < command->words) {
		o->word[o->n_words++] = word;
		return true;
	}
	if (command->takes_more) {
		o->more[o->n_more++] = word;
		return true;
	}
	if (!command->takes_file || o->file) {
		cli_complain(command->takes_file ? "one message at a time; this is too many"
		                                 : "this is one word too many",
		    word);
		return false;
	}
	o->file = word;
	return true;
}

static bool is_for(size_t row, const struct cli_command *command, const struct cli_options *o)
{
	struct hk_slice words = hk_slice_str(table[row].words ? table[row].words : ""), word;

	if (!(table[row].of & command->options))
		return false;
	if (!words.n || !o->n_words)
		return true;
	while (hk_tags_item(&words, ' ', &word))
		if (hk_slice_eq(word, hk_slice_str(o->word[0])))
			return true;
	return false;
}

/* What would be looked at by nobody is a mistake that its user wants to know of. */
static bool are_all_for(const struct cli_command *command, const struct cli_options *o)
{
	char text[160];
	size_t i;

	for (i = 0; i < OPTIONS; i++) {
		if (!(o->given >> i & 1) || is_for(i, command, o))
			continue;
		snprintf(text, sizeof text, "%s has no meaning here; see hikyaku %s --help", table[i].name, command->name);
		cli_complain(text, NULL);
		return false;
	}
	return true;
}

bool cli_options_parse(const struct cli_command *command, char **argv, struct cli_options *ret)
{
	struct cli_options o = {.checks = HK_CHECK_SPF | HK_CHECK_DKIM | HK_CHECK_DMARC | HK_CHECK_ARC,
	    .header_canon = HK_CANON_RELAXED,
	    .body_canon = HK_CANON_RELAXED,
	    .language = language_of_environment(),
	    .more = argv}; /* words are kept where words and options were */

	while (*argv) {
		bool is_option = strncmp(*argv, "--", 2) == 0 && (*argv)[2];

		if (is_option ? !take_option(&argv, &o) : !take_word(command, *argv++, &o))
			return false;
	}
	if (!are_all_for(command, &o))
		return false;
	if (command->takes_file && !o.file && !o.record && !o.queue_id && !o.help && !o.matrix && !o.replies &&
	    !o.batch && !o.against) {
		cli_complain(
		    "a message is needed: a file, or - for the standard input; see --help of",
		    command->name);
		return false;
	}
	*ret = o;
	return true;
}
