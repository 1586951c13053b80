/*
 * abnf.c - see abnf.h.
 *
 * The ABNF is compiled into nodes once.  match(node, i) is the set of places
 * where the node can end if it begins at i, as bits of a word, kept for the
 * next asker.  When the whole text matches, reach() walks all derivations from
 * the top and notes where each rule stands in any of them.
 */
#include "tests/fuzz/abnf.h"

#include <stdlib.h>
#include <string.h>

#define RULES_MAX 100
#define NODES_MAX 1600
#define PLACES (ABNF_TEXT_MAX + 1)

enum kind {
	EMPTY,
	RANGE, /* one byte from a to b */
	REF, /* rule a */
	ALT, /* node a or node b */
	SEQ, /* node a, then node b */
	STAR, /* node a any number of times */
};

struct node {
	enum kind kind;
	int a, b;
};

struct abnf {
	const char *const *rules;
	size_t rule_count;
	const char *without; /* or NULL */
	int bodies[RULES_MAX]; /* the node of each rule */
	struct node nodes[NODES_MAX];
	int node_count;

	/* one reading */
	const unsigned char *text;
	size_t len;
	uint64_t ends[PLACES][NODES_MAX];
	uint64_t reached[PLACES][NODES_MAX];
	unsigned int known[PLACES][NODES_MAX]; /* since this reading */
	unsigned int reading;
	int top; /* the node that matched; -1 when all of it was walked */
	uint64_t found[RULES_MAX][PLACES]; /* where a rule stands */
};

/* --- compiling ----------------------------------------------------------- */

static int node(struct abnf *abnf, enum kind kind, int a, int b)
{
	if (abnf->node_count == NODES_MAX)
		abort();
	abnf->nodes[abnf->node_count] = (struct node){ kind, a, b };
	return abnf->node_count++;
}

static size_t name_length(const char *text)
{
	return strcspn(text, " =/()[]*\"%");
}

static int find_rule(const struct abnf *abnf, const char *name, size_t len)
{
	for (size_t i = 0; i < abnf->rule_count; i++)
		if (name_length(abnf->rules[i]) == len &&
		    memcmp(abnf->rules[i], name, len) == 0)
			return (int)i;
	abort();
}

static int compile_alternation(struct abnf *abnf, const char **text);

/* Up to the quote, each letter in both cases or as it is. */
static int compile_text(struct abnf *abnf, const char **text, bool exact)
{
	char c = **text;
	int result;

	if (c == '"') {
		++*text;
		return node(abnf, EMPTY, 0, 0);
	}
	if (c == '\0')
		abort();
	++*text;
	result = node(abnf, RANGE, c, c);
	if (!exact && ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')))
		result = node(abnf, ALT, result,
			      node(abnf, RANGE, c ^ 0x20, c ^ 0x20));
	if (**text == '"') {
		++*text;
		return result;
	}
	return node(abnf, SEQ, result, compile_text(abnf, text, exact));
}

static int compile_value(struct abnf *abnf, const char **text)
{
	int base = (*text)[1] == 'x' ? 16 : 10, low, high;
	char *end;

	low = high = (int)strtol(*text + 2, &end, base);
	if (*end == '-')
		high = (int)strtol(end + 1, &end, base);
	*text = end;
	return node(abnf, RANGE, low, high);
}

static int compile_element(struct abnf *abnf, const char **text)
{
	const char *at = *text;
	int result;
	size_t len;

	switch (*at) {
	case '(':
	case '[':
		*text = at + 1;
		while (**text == ' ')
			++*text;
		result = compile_alternation(abnf, text);
		if (**text != (*at == '[' ? ']' : ')'))
			abort();
		++*text;
		return *at == '[' ? node(abnf, ALT, result,
					 node(abnf, EMPTY, 0, 0))
				  : result;
	case '"': *text = at + 1; return compile_text(abnf, text, false);
	case '%':
		if (at[1] != 's')
			return compile_value(abnf, text);
		*text = at + 3;
		return compile_text(abnf, text, true);
	default:
		len = name_length(at);
		*text = at + len;
		return node(abnf, REF, find_rule(abnf, at, len), 0);
	}
}

/* From `least` to `most` times; -1: any number. */
static int repeat(struct abnf *abnf, int element, long least, long most)
{
	int rest;

	if (most == 0)
		return node(abnf, EMPTY, 0, 0);
	if (least == 0 && most < 0)
		return node(abnf, STAR, element, 0);
	rest = repeat(abnf, element, least > 0 ? least - 1 : 0,
		      most < 0 ? most : most - 1);
	rest = node(abnf, SEQ, element, rest);
	return least > 0 ? rest
			 : node(abnf, ALT, rest, node(abnf, EMPTY, 0, 0));
}

static int compile_repetition(struct abnf *abnf, const char **text)
{
	const char *at = *text;
	char *end;
	long least = strtol(at, &end, 10), most = least;

	if (*end == '*') {
		const char *number = end + 1;

		most = strtol(number, &end, 10);
		if (end == number)
			most = -1;
	} else if (end == at) {
		least = most = 1;
	}
	*text = end;
	return repeat(abnf, compile_element(abnf, text), least, most);
}

static int compile_concatenation(struct abnf *abnf, const char **text)
{
	int result = compile_repetition(abnf, text);

	while (**text == ' ')
		++*text;
	if (**text == '\0' || strchr("/)]", **text))
		return result;
	return node(abnf, SEQ, result, compile_concatenation(abnf, text));
}

static int compile_alternation(struct abnf *abnf, const char **text)
{
	int result = compile_concatenation(abnf, text);

	if (**text != '/')
		return result;
	*text += 2;
	return node(abnf, ALT, result, compile_alternation(abnf, text));
}

struct abnf *abnf_compile(const char *const *rules, size_t count)
{
	struct abnf *abnf = calloc(1, sizeof(*abnf));

	if (!abnf || count > RULES_MAX)
		abort();
	abnf->rules = rules;
	abnf->rule_count = count;
	abnf->top = -1;
	for (size_t i = 0; i < count; i++) {
		const char *text = strstr(rules[i], " = ") + 3;

		abnf->bodies[i] = compile_alternation(abnf, &text);
		if (*text != '\0')
			abort();
	}
	return abnf;
}

void abnf_without(struct abnf *abnf, const char *prefix)
{
	abnf->without = prefix;
}

/* --- reading ------------------------------------------------------------- */

#define BIT(i) (UINT64_C(1) << (i))

static size_t first_bit(uint64_t bits)
{
	return (size_t)__builtin_ctzll(bits);
}

static uint64_t match(struct abnf *abnf, int n, size_t i);

static uint64_t match_star(struct abnf *abnf, int child, size_t i)
{
	uint64_t ends = BIT(i), done = 0;

	while (ends != done) {
		size_t k = first_bit(ends & ~done);

		done |= BIT(k);
		ends |= match(abnf, child, k);
	}
	return ends;
}

static uint64_t match_afresh(struct abnf *abnf, const struct node *n, size_t i)
{
	uint64_t first, ends = 0;

	switch (n->kind) {
	case EMPTY: return BIT(i);
	case RANGE:
		if (i < abnf->len && abnf->text[i] >= n->a &&
		    abnf->text[i] <= n->b)
			return BIT(i + 1);
		return 0;
	case REF:
		if (abnf->without && strncmp(abnf->rules[n->a], abnf->without,
					     strlen(abnf->without)) == 0)
			return 0;
		return match(abnf, abnf->bodies[n->a], i);
	case ALT: return match(abnf, n->a, i) | match(abnf, n->b, i);
	case SEQ:
		first = match(abnf, n->a, i);
		for (; first; first &= first - 1)
			ends |= match(abnf, n->b, first_bit(first));
		return ends;
	case STAR: return match_star(abnf, n->a, i);
	}
	abort();
}

static uint64_t match(struct abnf *abnf, int n, size_t i)
{
	if (abnf->known[i][n] != abnf->reading) {
		abnf->ends[i][n] = match_afresh(abnf, &abnf->nodes[n], i);
		abnf->reached[i][n] = 0;
		abnf->known[i][n] = abnf->reading;
	}
	return abnf->ends[i][n];
}

/* The node stands at [i, j) in a derivation of the whole: so do its parts. */
static void reach(struct abnf *abnf, int at, size_t i, size_t j)
{
	const struct node *n = &abnf->nodes[at];
	int rest = n->kind == STAR ? at : n->b;

	if (abnf->reached[i][at] & BIT(j))
		return;
	abnf->reached[i][at] |= BIT(j);
	switch (n->kind) {
	case EMPTY:
	case RANGE: return;
	case REF:
		abnf->found[n->a][i] |= BIT(j);
		reach(abnf, abnf->bodies[n->a], i, j);
		return;
	case ALT:
		if (match(abnf, n->a, i) & BIT(j))
			reach(abnf, n->a, i, j);
		if (match(abnf, n->b, i) & BIT(j))
			reach(abnf, n->b, i, j);
		return;
	case SEQ:
	case STAR:
		if (n->kind == STAR && i == j)
			return;
		for (size_t k = n->kind == STAR ? i + 1 : i; k <= j; k++) {
			if ((match(abnf, n->a, i) & BIT(k)) &&
			    (match(abnf, rest, k) & BIT(j))) {
				reach(abnf, n->a, i, k);
				reach(abnf, rest, k, j);
			}
		}
		return;
	}
}

bool abnf_matches(struct abnf *abnf, const char *rule, const char *text,
		  size_t len)
{
	int top = abnf->bodies[find_rule(abnf, rule, strlen(rule))];

	if (len > ABNF_TEXT_MAX)
		abort();
	abnf->text = (const unsigned char *)text;
	abnf->len = len;
	if (++abnf->reading == 0)
		abort();
	abnf->top = top;
	return match(abnf, top, 0) & BIT(len);
}

/* Where the part stands, for each place at which it may begin. */
static const uint64_t *find_all(struct abnf *abnf, const char *part)
{
	if (abnf->top >= 0) {
		memset(abnf->found, 0,
		       abnf->rule_count * sizeof(abnf->found[0]));
		reach(abnf, abnf->top, 0, abnf->len);
		abnf->top = -1;
	}
	return abnf->found[find_rule(abnf, part, strlen(part))];
}

uint64_t abnf_found(struct abnf *abnf, const char *part, size_t start)
{
	return find_all(abnf, part)[start];
}

bool abnf_find(struct abnf *abnf, const char *part, size_t *ret_start,
	       size_t *ret_end)
{
	const uint64_t *found = find_all(abnf, part);

	for (size_t i = 0; i <= abnf->len; i++) {
		if (found[i] == 0)
			continue;
		*ret_start = i;
		*ret_end = 63 - (size_t)__builtin_clzll(found[i]);
		return true;
	}
	return false;
}
