/* SPDX-License-Identifier: MIT
 *
 * conf_parse.c - tokens to statements, statements through the schema into the struct. Blocks hold
 * no blocks, so nothing here recurses.
 */
#include <stdlib.h>
#include <string.h>

#include "conf/conf_internal.h"

/* One block while it is read: which items stood where. */
struct filling {
	enum conf_block block;
	void *base;
	const struct conf_token *opened; /* where its end is complained about */
	const struct conf_token *seen[CONF_ITEMS_MAX];
};
static const struct conf_token start_of_file = {.line = 1, .column = 1};

static void preset(struct conf_reader *r, enum conf_block block, void *base)
{
	struct conf_token word[16];
	size_t i;

	for (i = 0; i < conf_n_items; i++) {
		const struct conf_item *item = &conf_items[i];
		struct hk_slice rest = hk_slice_str(item->preset);
		size_t n = 0;

		if (item->block != block || !item->preset)
			continue;
		for (; rest.n && n < 16; n++) {
			size_t blank = hk_slice_find(rest, ' ');

			word[n] = (struct conf_token){
			    .line = 1, .column = 1, .text = hk_slice_sub(rest, 0, blank)};
			rest = hk_slice_from(rest, blank + 1);
		}
		conf_kinds[item->kind].parse(r, item, word, n, base);
	}
}

static void unknown_item(struct conf_reader *r, const struct conf_token *at, enum conf_block block)
{
	struct conf_hint hint = {0};
	const char *elsewhere = NULL;
	size_t i;

	for (i = 0; i < conf_n_items; i++) {
		if (conf_items[i].block == block)
			conf_hint_try(&hint, at->text, hk_slice_str(conf_items[i].name));
		else if (hk_slice_eq(at->text, hk_slice_str(conf_items[i].name)))
			elsewhere = conf_blocks[conf_items[i].block].name;
	}
	for (i = 0; block == CONF_GLOBAL && i < CONF_BLOCKS; i++)
		conf_hint_try(&hint, at->text, hk_slice_str(conf_blocks[i].name));
	if (block == CONF_GLOBAL)
		conf_hint_try(&hint, at->text, HK_S("sign"));
	if (elsewhere)
		conf_error(
		    r, at, "%s stands inside a %s block", conf_shown(at->text).text, elsewhere);
	else
		conf_error(r, at, "unknown item \"%s\"%s", conf_shown(at->text).text, hint.text);
}

static void fill_item(
    struct conf_reader *r, struct filling *f, const struct conf_token *at, size_t n)
{
	const struct conf_item *item = NULL;
	size_t i;

	for (i = 0; i < conf_n_items && !item; i++)
		if (conf_items[i].block == f->block &&
		    hk_slice_eq(at->text, hk_slice_str(conf_items[i].name)))
			item = &conf_items[i];
	if (!item) {
		unknown_item(r, at, f->block);
		return;
	}
	if (n == 1) {
		conf_error(r, at, "%s has no value", item->name);
		return;
	}
	i = (size_t)(item - conf_items);
	if (f->seen[i] && !conf_kinds[item->kind].repeats) {
		conf_error(r, at, "%s stands in line %u already", item->name, f->seen[i]->line);
		return;
	}
	f->seen[i] = at;
	conf_kinds[item->kind].parse(r, item, at + 1, n - 1, f->base);
}

static void check_required(struct conf_reader *r, const struct filling *f)
{
	size_t i;

	for (i = 0; i < conf_n_items; i++) {
		const struct conf_item *item = &conf_items[i];

		if (item->block != f->block || !item->required || f->seen[i])
			continue;
		if (f->block == CONF_GLOBAL)
			conf_error(r, f->opened, "%s is missing", item->name);
		else
			conf_error(r, f->opened, "this %s has no %s", conf_blocks[f->block].name,
			    item->name);
	}
}

/* The words of a statement: from t up to what is no word. */
static size_t count_words(const struct conf_token *t)
{
	size_t n = 0;

	while (t[n].type == CONF_WORD)
		n++;
	return n;
}

/* Behind a fault: to the end of the statement, blocks and all. */
static const struct conf_token *skip(const struct conf_token *t)
{
	size_t depth = 0;

	for (; t->type != CONF_END; t++) {
		if (t->type == CONF_OPEN)
			depth++;
		else if (t->type == CONF_CLOSE && depth <= 1)
			return depth ? t + 1 : t;
		else if (t->type == CONF_CLOSE)
			depth--;
		else if (t->type == CONF_SEMICOLON && !depth)
			return t + 1;
	}
	return t;
}

/* A block's items, from behind its brace; returns what follows its end. */
static const struct conf_token *fill_block(
    struct conf_reader *r, struct filling *f, const struct conf_token *t)
{
	while (t->type != CONF_CLOSE && t->type != CONF_END) {
		size_t n = count_words(t);

		if (n && t[n].type == CONF_SEMICOLON) {
			fill_item(r, f, t, n);
			t += n + 1;
			continue;
		}
		if (t[n].type == CONF_OPEN)
			conf_error(r, &t[n], "a block inside of a block");
		else if (!n)
			conf_error(r, t, "an empty statement");
		else
			conf_error(r, &t[n - 1], "no semicolon after \"%s\"",
			    conf_shown(t[n - 1].text).text);
		t = skip(t + n);
	}
	if (t->type == CONF_END) {
		conf_error(r, f->opened, "the block is not closed");
		return t;
	}
	check_required(r, f);
	return t + 1;
}

static void *next_place(struct hk_conf *c, enum conf_block block)
{
	switch (block) {
	case CONF_LISTEN:
		return &c->listener[c->n_listeners++];
	case CONF_ROUTE:
		return &c->route[c->n_routes++];
	case CONF_SHAPE:
		return &c->shape[c->n_shapes++];
	default:
		return &c->key[c->n_keys++];
	}
}

static void keep_name(struct conf_reader *r, struct hk_slice *ret, const struct conf_token *at)
{
	size_t i;

	for (i = 0; i < at->text.n; i++) {
		if (!hk_is_alnum(at->text.p[i]) && !strchr("-_.", at->text.p[i])) {
			conf_error(r, at,
			    "a name is made of letters, digits, hyphens, underscores and dots");
			return;
		}
	}
	if (at->text.n < 1 || at->text.n > 63)
		conf_error(r, at, "a name has 1 to 63 characters");
	else if (hk_arena_dup(&r->conf->arena, at->text, ret) != HK_OK)
		r->no_memory = true;
}

static const struct conf_token *read_block(
    struct conf_reader *r, struct conf_places *p, enum conf_block block, const struct conf_token *t)
{
	struct hk_conf *c = r->conf;
	struct filling f = {.block = block, .opened = t};
	const struct conf_token *end;
	size_t i;

	f.base = next_place(c, block);
	preset(r, block, f.base);
	if (block == CONF_LISTEN)
		keep_name(r, &((struct hk_conf_listener *)f.base)->name, &t[1]);
	else if (block == CONF_ROUTE)
		conf_pattern(r, &t[1], false, &((struct hk_conf_route *)f.base)->pattern);
	else if (block == CONF_SHAPE)
		keep_name(r, &((struct hk_conf_shape *)f.base)->name, &t[1]);
	else
		keep_name(r, &((struct hk_conf_key *)f.base)->name, &t[1]);
	end = fill_block(r, &f, t + 3);
	if (block == CONF_LISTEN)
		p->listener[c->n_listeners - 1] = t + 1;
	else if (block == CONF_ROUTE)
		p->route[c->n_routes - 1] = t + 1;
	else if (block == CONF_SHAPE)
		p->shape[c->n_shapes - 1] = t + 1;
	else
		p->key[c->n_keys - 1] = t + 1;
	for (i = 0; i < conf_n_items; i++) {
		if (f.seen[i] && !strcmp(conf_items[i].name, "reject-early-talkers"))
			p->talkers_set[c->n_listeners - 1] = true;
		if (f.seen[i] && !strcmp(conf_items[i].name, "return-path"))
			p->return_path_set[c->n_routes - 1] = true;
	}
	return end;
}

/* Which keys they are is known once all have been read (conf_check.c). */
static void read_sign(
    struct conf_reader *r, struct conf_places *p, const struct conf_token *t, size_t n)
{
	struct hk_conf_sign *sign = &r->conf->sign[r->conf->n_signs];

	if (n < 3) {
		conf_error(r, t, "it must be: sign PATTERN KEY...;");
		return;
	}
	if (n - 2 > HK_CONF_SIGN_KEYS) {
		conf_error(r, t, "a pattern takes at most %d keys", HK_CONF_SIGN_KEYS);
		return;
	}
	sign->n_keys = n - 2;
	sign->key = hk_arena_array(&r->conf->arena, sign->n_keys, sizeof *sign->key);
	if (!sign->key) {
		r->no_memory = true;
		return;
	}
	p->sign[r->conf->n_signs++] = t;
	conf_pattern(r, &t[1], true, &sign->pattern);
}

static const struct conf_token *read_statement(struct conf_reader *r, struct conf_places *p,
    struct filling *global, const struct conf_token *t)
{
	size_t n = count_words(t), i;
	enum conf_block block = CONF_GLOBAL;

	if (!n) {
		conf_error(r, t,
		    t->type == CONF_CLOSE ? "a closing brace without a block"
		                          : "a statement must begin with a word");
		return t->type == CONF_OPEN ? skip(t) : t + 1;
	}
	for (i = 1; i < CONF_BLOCKS; i++)
		if (hk_slice_eq(t->text, hk_slice_str(conf_blocks[i].name)))
			block = (enum conf_block)i;
	if (r->is_of_shapes && block != CONF_SHAPE) {
		conf_error(r, t, "only shape blocks stand in a shaping file");
		return skip(t + n);
	}
	if (block != CONF_GLOBAL && n == 2 && t[n].type == CONF_OPEN)
		return read_block(r, p, block, t);
	if (block != CONF_GLOBAL || t[n].type == CONF_OPEN) {
		if (block != CONF_GLOBAL)
			conf_error(r, t, "it must be: %s %s { ... }", conf_blocks[block].name,
			    conf_blocks[block].argument);
		else
			unknown_item(r, t, CONF_GLOBAL);
		return skip(t + n);
	}
	if (t[n].type != CONF_SEMICOLON) {
		conf_error(
		    r, &t[n - 1], "no semicolon after \"%s\"", conf_shown(t[n - 1].text).text);
		return skip(t + n);
	}
	if (!hk_slice_eq(t->text, HK_S("sign"))) {
		fill_item(r, global, t, n);
	} else {
		read_sign(r, p, t, n);
	}
	return t + n + 1;
}

/* How many statements begin with this word, braces not looked at: enough room for all of them. */
static size_t count_uses(const struct conf_reader *r, const char *word)
{
	size_t n = 0, i;

	for (i = 0; i < r->n_tokens; i++)
		n += r->token[i].type == CONF_WORD &&
		     hk_slice_eq(r->token[i].text, hk_slice_str(word));
	return n;
}

static bool make_room(struct conf_reader *r, struct conf_places *p)
{
	size_t listeners = count_uses(r, "listen"), routes = count_uses(r, "route"),
	       shapes = count_uses(r, "shape"), keys = count_uses(r, "key"), signs = count_uses(r, "sign");
	struct hk_conf *c = r->conf;

	c->listener = hk_arena_array(&c->arena, listeners, sizeof *c->listener);
	c->route = hk_arena_array(&c->arena, routes, sizeof *c->route);
	c->shape = hk_arena_array(&c->arena, shapes, sizeof *c->shape);
	c->key = hk_arena_array(&c->arena, keys, sizeof *c->key);
	c->sign = hk_arena_array(&c->arena, signs, sizeof *c->sign);
	p->listener = hk_arena_array(r->scratch, listeners, sizeof(void *));
	p->route = hk_arena_array(r->scratch, routes, sizeof(void *));
	p->shape = hk_arena_array(r->scratch, shapes, sizeof(void *));
	p->key = hk_arena_array(r->scratch, keys, sizeof(void *));
	p->sign = hk_arena_array(r->scratch, signs, sizeof(void *));
	p->talkers_set = hk_arena_array(r->scratch, listeners, sizeof(bool));
	p->return_path_set = hk_arena_array(r->scratch, routes, sizeof(bool));
	return c->listener && c->route && c->shape && p->shape && c->key && c->sign && p->listener && p->route && p->key &&
	       p->sign && p->talkers_set && p->return_path_set;
}

static void read_all(struct conf_reader *r)
{
	struct filling global = {.base = r->conf, .opened = &start_of_file};
	struct conf_places places = {0};
	const struct conf_token *t;

	if (!make_room(r, &places)) {
		r->no_memory = true;
		return;
	}
	preset(r, CONF_GLOBAL, r->conf);
	for (t = r->token; t->type != CONF_END;)
		t = read_statement(r, &places, &global, t);
	if (!r->is_of_shapes)
		check_required(r, &global);
	if (r->no_memory)
		return;
	conf_finish(r, &places);
	conf_check(r, &places);
}

static enum hk_status parse(
    const char *file, struct hk_slice text, bool is_of_shapes, struct hk_conf **ret, struct hk_conf_error *error)
{
	struct hk_conf_error ignored;
	struct hk_arena scratch;
	struct conf_reader r = {
	    .file = file, .scratch = &scratch, .error = error ? error : &ignored, .is_of_shapes = is_of_shapes};
	enum hk_status status = HK_OK;

	*r.error = (struct hk_conf_error){0};
	if (text.n > HK_CONF_TEXT_MAX)
		return HK_LIMIT;
	r.conf = calloc(1, sizeof *r.conf);
	if (!r.conf)
		return HK_NOMEM;
	r.conf->users = 1;
	hk_arena_init(&r.conf->arena, HK_CONF_ARENA);
	hk_arena_init(&scratch, CONF_SCRATCH);
	hk_buf_init(&r.error->text, 64 * 1024);
	conf_lex(&r, text);
	/* after a fault in the words themselves the statements would only be misread */
	if (!r.no_memory && !r.errors)
		read_all(&r);
	if (r.errors > CONF_ERRORS_MAX)
		hk_buf_addf(
		    &r.error->text, "%s: and %zu more errors\n", file, r.errors - CONF_ERRORS_MAX);
	hk_arena_done(&scratch);
	if (r.errors)
		status = HK_SYNTAX;
	else if (r.no_memory)
		status = r.conf->arena.failed == HK_NOMEM || scratch.failed == HK_NOMEM ? HK_NOMEM
		                                                                        : HK_LIMIT;
	if (status != HK_SYNTAX || !error)
		hk_buf_done(&r.error->text);
	if (status == HK_OK)
		*ret = r.conf;
	else
		hk_conf_free(r.conf);
	return status;
}

enum hk_status hk_conf_parse(
    const char *file, struct hk_slice text, struct hk_conf **ret, struct hk_conf_error *error)
{
	return parse(file, text, false, ret, error);
}

enum hk_status hk_conf_check_shapes(const char *file, struct hk_slice text, struct hk_conf_error *error)
{
	struct hk_conf *shapes;
	enum hk_status status = parse(file, text, true, &shapes, error);

	if (status == HK_OK)
		hk_conf_free(shapes);
	return status;
}

struct hk_conf *hk_conf_use(struct hk_conf *c)
{
	c->users++;
	return c;
}

void hk_conf_free(struct hk_conf *c)
{
	if (!c || --c->users)
		return;
	hk_arena_done(&c->arena);
	free(c);
}
