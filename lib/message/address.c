/* SPDX-License-Identifier: MIT
 *
 * Address lists of header fields: RFC 5322 3.4 with the obsolete forms of 4.4 and the UTF-8 of RFC 6532.
 *
 * A lexer skips comments and folding and gives atoms, quoted strings, literals and single marks. A run of words and
 * dots is read ahead up to the mark that says what it was: "@" a local part, "<" a display name, ":" a group's.
 */
#include "lib/base/base_internal.h"
#include "lib/message/message_internal.h"

/* Marks stand for themselves; these are below all of them. */
enum token { END, ATOM, QUOTED, LITERAL, FAILED };

struct lexer {
	struct hk_slice rest; /* after the current token */
	struct hk_slice text; /* the current token, quotes and brackets included */
	unsigned token;
	bool space;            /* CFWS stood before it */
	enum hk_status failed; /* why the token is FAILED */
};

/* The length of the quoted string or the literal at the start of s, up to the octet that ends it; 0: it is broken. */
static size_t enclosed_length(struct hk_slice s, uint8_t end)
{
	size_t i = 1, fold;

	while (i < s.n && s.p[i] != end) {
		fold = hk_message_fold_length(hk_slice_from(s, i));
		if (fold) {
			i += fold;
			continue;
		}
		if (s.p[i] == '\\' && i + 1 < s.n)
			i++;
		if (!hk_message_is_text(s.p[i]) || (end == ']' && s.p[i] == '['))
			return 0;
		i++;
	}
	return i < s.n ? i + 1 : 0;
}

static bool is_atom_octet(uint8_t c)
{
	return c >= 0x80 || hk_message_is_atext(c);
}

static void next(struct lexer *l)
{
	struct hk_slice s = l->rest;
	size_t n = 0;

	l->failed = hk_message_skip_cfws(&s, &l->space);
	l->token = FAILED;
	if (l->failed != HK_OK)
		return;
	if (s.n == 0) {
		l->token = END;
	} else if (s.p[0] == '"' || s.p[0] == '[') {
		n = enclosed_length(s, s.p[0] == '"' ? '"' : ']');
		if (n)
			l->token = s.p[0] == '"' ? QUOTED : LITERAL;
	} else if (is_atom_octet(s.p[0])) {
		while (n < s.n && is_atom_octet(s.p[n]))
			n++;
		l->token = ATOM;
	} else if (hk_slice_find(HK_S("<>@,;:."), s.p[0]) < 7) {
		l->token = s.p[0];
		n = 1;
	}
	if (l->token == FAILED)
		l->failed = HK_SYNTAX;
	l->text = hk_slice_sub(s, 0, n);
	l->rest = hk_slice_from(s, n);
}

static bool is_word(const struct lexer *l)
{
	return l->token == ATOM || l->token == QUOTED;
}

static enum hk_status unexpected(const struct lexer *l)
{
	return l->token == FAILED ? l->failed : HK_SYNTAX;
}

/* ---- gathering text ------------------------------------------------------------- */

struct gather {
	uint8_t *p;
	size_t n, room;
	enum hk_status status;
};

/* Room for whatever is gathered from one lexer's token up to another's: never longer than what was read. */
static struct gather gather_from(struct hk_arena *a, const struct lexer *from, const struct lexer *to)
{
	struct gather g = {.room = from->text.n + from->rest.n - to->rest.n + 1};

	g.p = hk_arena_alloc(a, g.room);
	g.status = g.p ? HK_OK : a->failed;
	return g;
}

static void gather_byte(struct gather *g, uint8_t byte)
{
	if (g->n < g->room)
		g->p[g->n++] = byte;
	else
		g->status = HK_BUG;
}

static struct hk_slice gathered(const struct gather *g)
{
	return hk_slice_of(g->p, g->n);
}

/* The token as written, but with folding undone, and a literal without its white space; for local parts and domains,
 * so without control characters. */
static void gather_token(struct gather *g, struct hk_slice text)
{
	size_t i, fold;

	for (i = 0; i < text.n; i++) {
		fold = hk_message_fold_length(hk_slice_from(text, i));
		if (fold) {
			i += fold - 1;
			continue;
		}
		if (text.p[0] == '[' && hk_is_wsp(text.p[i]))
			continue;
		/* Deliberate: RFC 5322 4.1 would let control characters stand here; nobody's mailbox has one, and
		 * whoever prints the address would pay. */
		if (text.p[i] < ' ' || text.p[i] == 0x7f) {
			g->status = HK_SYNTAX;
			return;
		}
		gather_byte(g, text.p[i]);
	}
}

/* The token as it is meant: without quotes, backslashes and folding; for display names. */
static void gather_meaning(struct gather *g, const struct lexer *l)
{
	struct hk_slice text = l->text;
	size_t i, fold;

	if (l->token == QUOTED)
		text = hk_slice_sub(text, 1, text.n - 2);
	for (i = 0; i < text.n; i++) {
		fold = hk_message_fold_length(hk_slice_from(text, i));
		if (fold) {
			i += fold - 1;
			continue;
		}
		if (l->token == QUOTED && text.p[i] == '\\' && i + 1 < text.n)
			i++;
		gather_byte(g, text.p[i]);
	}
}

/* ---- the grammar -------------------------------------------------------------------- */

struct parser {
	struct lexer l;
	struct hk_arena *arena;
	struct hk_address_list list;
	size_t room;
	bool in_group;
};

/* Steps over words and dots. */
static void skip_words(struct lexer *l)
{
	while (is_word(l) || l->token == '.')
		next(l);
}

/* local-part = dot-atom / quoted-string / obs-local-part; the parser stands at its first token, then at "@". */
static enum hk_status parse_local(struct parser *p, struct hk_slice *ret)
{
	struct lexer l = p->l;
	struct gather g;
	bool after_word = false;

	skip_words(&p->l);
	if (p->l.token != '@' || !is_word(&l))
		return unexpected(&p->l);
	g = gather_from(p->arena, &l, &p->l);
	/* Deliberate: doubled dots and a dot at the end are let pass, as in envelope paths (see path.c). */
	for (; g.status == HK_OK && l.token != '@'; next(&l)) {
		if (is_word(&l) && after_word)
			return HK_SYNTAX;
		after_word = is_word(&l);
		gather_token(&g, l.text);
	}
	*ret = gathered(&g);
	return g.status;
}

/* l stands at a token in front of that of end. */
static bool is_before(const struct lexer *l, const struct lexer *end)
{
	return l->rest.n + l->text.n > end->rest.n + end->text.n;
}

/* domain = dot-atom / domain-literal / obs-domain; the parser stands at its first token, then behind its last. */
static enum hk_status parse_domain(struct parser *p, struct hk_slice *ret)
{
	struct lexer l = p->l, end = p->l;
	struct gather g;
	struct hk_slice text;

	if (l.token == LITERAL) {
		next(&end);
	} else {
		for (;;) {
			if (end.token != ATOM)
				return unexpected(&end);
			next(&end);
			if (end.token != '.')
				break;
			next(&end);
		}
	}
	g = gather_from(p->arena, &l, &end);
	/* up to `end` and no further: what comes after it was not measured */
	for (; g.status == HK_OK && is_before(&l, &end); next(&l))
		gather_token(&g, l.text);
	if (g.status != HK_OK)
		return g.status;
	p->l = end;
	text = gathered(&g);
	return hk_arena_dup_lower(p->arena, text, ret);
}

static enum hk_status parse_addr_spec(struct parser *p, struct hk_address *address)
{
	enum hk_status status = parse_local(p, &address->local);

	if (status != HK_OK)
		return status;
	next(&p->l);
	status = parse_domain(p, &address->domain);
	if (status != HK_OK)
		return status;
	address->is_utf8 = !hk_slice_is_ascii(address->local) || !hk_slice_is_ascii(address->domain);
	return hk_utf8_is_valid(address->local) && hk_utf8_is_valid(address->domain) ? HK_OK : HK_SYNTAX;
}

/* obs-route = *(CFWS / ",") "@" domain *("," [CFWS] ["@" domain]) ":" (RFC 5322 4.4); read and forgotten. */
static enum hk_status skip_route(struct parser *p)
{
	struct hk_slice forgotten;
	enum hk_status status;
	bool any = false;

	for (;;) {
		while (p->l.token == ',')
			next(&p->l);
		if (p->l.token == ':' && any)
			break;
		if (p->l.token != '@')
			return unexpected(&p->l);
		next(&p->l);
		status = parse_domain(p, &forgotten);
		if (status != HK_OK)
			return status;
		if (p->l.token != ',' && p->l.token != ':')
			return unexpected(&p->l);
		any = true;
	}
	next(&p->l);
	return HK_OK;
}

static enum hk_status parse_angle(struct parser *p, struct hk_address *address)
{
	enum hk_status status = HK_OK;

	next(&p->l);
	if (p->l.token == '@' || p->l.token == ',')
		status = skip_route(p);
	if (status == HK_OK)
		status = parse_addr_spec(p, address);
	if (status != HK_OK)
		return status;
	if (p->l.token != '>')
		return unexpected(&p->l);
	next(&p->l);
	return HK_OK;
}

/* display-name = phrase, with the dots of obs-phrase; from the saved token up to where the parser stands. */
static enum hk_status parse_display(struct parser *p, struct lexer l, struct hk_slice *ret)
{
	struct gather g;

	if (l.token == p->l.token)
		return HK_OK;
	if (!is_word(&l))
		return HK_SYNTAX;
	g = gather_from(p->arena, &l, &p->l);
	if (g.status != HK_OK)
		return g.status;
	for (l.space = false; is_word(&l) || l.token == '.'; next(&l)) {
		if (l.space)
			g.p[g.n++] = ' ';
		gather_meaning(&g, &l);
	}
	*ret = gathered(&g);
	return HK_OK;
}

static enum hk_status keep(struct parser *p, const struct hk_address *address)
{
	struct hk_address *more;

	if (p->list.n >= HK_ADDRESSES_MAX)
		return HK_LIMIT;
	if (p->list.n == p->room) {
		more = hk_arena_double(p->arena, p->list.at, &p->room, 8, sizeof *more);
		if (!more)
			return p->arena->failed;
		p->list.at = more;
	}
	p->list.at[p->list.n++] = *address;
	return HK_OK;
}

/* A mailbox, or a group up to its colon. */
static enum hk_status parse_element(struct parser *p)
{
	struct lexer start = p->l;
	struct hk_address address = {0};
	enum hk_status status;

	skip_words(&p->l);
	if (p->l.token == ':' && !p->in_group && is_word(&start)) {
		p->in_group = true;
		p->list.groups++;
		next(&p->l);
		return HK_OK;
	}
	if (p->l.token == '@') {
		p->l = start;
		status = parse_addr_spec(p, &address);
	} else if (p->l.token == '<') {
		status = parse_display(p, start, &address.display);
		if (status == HK_OK)
			status = parse_angle(p, &address);
	} else {
		return unexpected(&p->l);
	}
	if (status != HK_OK)
		return status;
	if (p->l.token != ',' && p->l.token != END && !(p->l.token == ';' && p->in_group))
		return unexpected(&p->l);
	return keep(p, &address);
}

static enum hk_status end_group(struct parser *p)
{
	if (!p->in_group)
		return HK_SYNTAX;
	p->in_group = false;
	next(&p->l);
	return p->l.token == ',' || p->l.token == END ? HK_OK : unexpected(&p->l);
}

enum hk_status hk_address_list_parse(struct hk_arena *a, struct hk_slice value, struct hk_address_list *ret)
{
	struct parser p = {.l = {.rest = value}, .arena = a};
	enum hk_status status = HK_OK;

	for (next(&p.l); p.l.token != END && status == HK_OK;) {
		if (p.l.token == ',')
			next(&p.l);
		else if (p.l.token == ';')
			status = end_group(&p);
		else
			status = parse_element(&p);
	}
	if (status != HK_OK)
		return status;
	if (p.in_group || p.list.n + p.list.groups == 0)
		return HK_SYNTAX;
	*ret = p.list;
	return HK_OK;
}
