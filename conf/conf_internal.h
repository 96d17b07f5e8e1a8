/* SPDX-License-Identifier: MIT
 *
 * conf_internal.h - how a configuration is read.
 *
 *	text --conf_lex--> tokens --conf_parse--> statements --conf_schema's table, conf_value's
 *kinds--> struct
 *	     --conf_check--> the rules that no single item can know
 */
#ifndef HIKYAKU_CONF_INTERNAL_H
#define HIKYAKU_CONF_INTERNAL_H

#include "conf/conf.h"

#define CONF_SCRATCH    ((size_t)64 * 1024 * 1024) /* 1 Mi tokens of 40 octets, and what is quoted */
#define CONF_ERRORS_MAX HK_CONF_ERRORS_MAX
#define CONF_ITEMS_MAX  256 /* rows of the table: a block notes where each stood */
#define CONF_TEXT_SHOWN 60 /* octets of a value that an error shows */

enum conf_token_type { CONF_WORD, CONF_OPEN, CONF_CLOSE, CONF_SEMICOLON, CONF_END };
struct conf_token {
	enum conf_token_type type;
	unsigned line, column;
	struct hk_slice text; /* WORD: unquoted */
};

/* One reading. Errors go through conf_error, so that one place counts and places them. */
struct conf_reader {
	const char *file;
	struct hk_arena *scratch; /* dies after the reading */
	struct hk_conf *conf;
	struct hk_conf_error *error;
	size_t errors;
	bool no_memory;
	bool is_of_shapes; /* the text of a shaping file: nothing else stands there */
	const struct conf_token *token; /* ends with CONF_END */
	size_t n_tokens;
};
void conf_error(struct conf_reader *, const struct conf_token *at, const char *format, ...)
    HK_PRINTF(3, 4);
/* conf_shown(text): quoted and cut, for "%s" in an error. */
struct conf_shown {
	char text[4 * CONF_TEXT_SHOWN + 8];
};
struct conf_shown conf_shown(struct hk_slice);

/* conf_lex(r, text): fills token and n_tokens; faults are told through conf_error. */
void conf_lex(struct conf_reader *, struct hk_slice text);

/* ---- the schema ---- */

enum conf_block { CONF_GLOBAL, CONF_LISTEN, CONF_ROUTE, CONF_SHAPE, CONF_KEY, CONF_BLOCKS };

/* How a value is written: conf_value.c has the reader and the printer of each. */
enum conf_kind {
	CONF_KIND_TEXT,     /* printable ASCII */
	CONF_KIND_DOMAIN,   /* host name, lower case */
	CONF_KIND_DOMAINS,  /* a list, may be repeated */
	CONF_KIND_PATH,     /* absolute */
	CONF_KIND_PATHS,    /* absolute ones, may be repeated */
	CONF_KIND_TABLE,    /* [refile:]PATH */
	CONF_KIND_SELECTOR, /* DKIM selector: labels, underscore allowed */
	CONF_KIND_MAILBOXES, /* user or user@domain..., may be repeated */
	CONF_KIND_ADDRESS,  /* local@domain */
	CONF_KIND_RESOLVER, /* IP[@PORT] */
	CONF_KIND_LOG,      /* stderr, a path, a socket of the host */
	CONF_KIND_NUMBER,
	CONF_KIND_SIZE,
	CONF_KIND_DURATION,
	CONF_KIND_DURATIONS,
	CONF_KIND_WORD,    /* one of item->words */
	CONF_KIND_WORDS,   /* several of item->words, or-ed */
	CONF_KIND_NETS,    /* IP[/BITS]..., may be repeated */
	CONF_KIND_LIST,    /* a zone of RFC 5782, what to do, the answers that count */
	CONF_KIND_SOCKETS, /* IP:PORT... */
	CONF_KIND_LOCAL,   /* one IP:PORT of loopback */
	CONF_KIND_VIA,
	CONF_KIND_SOURCE,
	CONF_KIND_QUARANTINE,
	CONF_KIND_AUTH,
	CONF_KIND_MECHANISMS,
	CONF_KIND_RATE, /* NUMBER/TIME */
	CONF_KINDS,
};

struct conf_word {
	const char *word; /* NULL ends the list; where two mean the same, the first is printed */
	unsigned value;
};
struct conf_item {
	const char *name;
	enum conf_block block;
	enum conf_kind kind;
	size_t offset,
	    width; /* of the member; kinds with several members know the block's struct */
	uint64_t least, most; /* NUMBER, SIZE, DURATION(S) */
	const struct conf_word *words;
	const char *preset;       /* the default as it would be written; NULL: none */
	const char *preset_words; /* the default in words, when it hangs on other items */
	bool required, restart;   /* restart: a reload does not change it */
	const char *manual;
};
extern const struct conf_item conf_items[];
extern const size_t conf_n_items;
struct conf_block_info {
	const char *name;     /* NULL: global */
	const char *argument; /* what its name is */
	const char *manual;
};
extern const struct conf_block_info conf_blocks[CONF_BLOCKS];
extern const char conf_sign_manual[];

struct conf_kind_ops {
	const char *form; /* the argument in the manual */
	bool repeats;     /* may stand several times: the values add up */
	/* args: at least one. base: the block's struct. Faults are told at their token. */
	void (*parse)(struct conf_reader *, const struct conf_item *, const struct conf_token *args,
	    size_t n, void *base);
	/* appends the value; nothing when it is unset */
	void (*print)(const struct conf_item *, const void *base, struct hk_buf *out);
};
extern const struct conf_kind_ops conf_kinds[CONF_KINDS];

/* conf_word_print(b, text): quoted where it must be. */
void conf_word_print(struct hk_buf *, struct hk_slice);
/* conf_pattern(r, token, with_local, ret): "*", "domain", ".domain", and with_local "*@domain",
 * "user@domain"; lower-case domain. */
void conf_pattern(
    struct conf_reader *, const struct conf_token *, bool with_local, struct hk_slice *ret);

/* The near name for a misspelt one: a zeroed hint is tried against every candidate; its text is
 * then
 * "; did you mean \"X\"?" for the nearest within two edits, or "". */
struct conf_hint {
	unsigned distance;
	char text[96];
};
void conf_hint_try(struct conf_hint *, struct hk_slice text, struct hk_slice candidate);

/* Where each thing was written, for the rules that look at all of it: parallel to the arrays of
 * struct hk_conf. */
struct conf_places {
	const struct conf_token **listener, **route, **shape, **key, **sign;
	bool *talkers_set, *return_path_set; /* of each listener, route: it was written */
};
/* conf_finish(r, places): defaults that hang on other items. conf_check(r, places): the rules that
 * no single item can know. */
void conf_finish(struct conf_reader *, const struct conf_places *);
void conf_check(struct conf_reader *, const struct conf_places *);

#endif
