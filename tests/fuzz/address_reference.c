/*
 * address_reference.c - see address_reference.h.
 *
 * The ABNF is compiled into nodes once.  match(node, i) is the set of places
 * where the node can end if it begins at i, as bits of a word, kept for the
 * next asker.  When the whole text matches, reach() walks all derivations from
 * the top and notes where a domain stands in any of them.
 */
#include "tests/fuzz/address_reference.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/*
 * RFC 5322 sections 3.2, 3.4 and 4, with RFC 6532 section 3.2.  Changes of
 * form: "domain" names its two kinds, so that the blanks around are not part of
 * them; domains of a route have a rule of their own; LF folds like CRLF;
 * obs-FWS is as in erratum 1908; address-list where From has mailbox-list (RFC
 * 6854).
 */
static const char *const abnf[] = {
	"address-list = address *(\",\" address) / obs-addr-list",
	"address = mailbox / group",
	"mailbox = name-addr / addr-spec",
	"name-addr = [display-name] angle-addr",
	"angle-addr = [CFWS] \"<\" addr-spec \">\" [CFWS] / obs-angle-addr",
	"group = display-name \":\" [group-list] \";\" [CFWS]",
	"display-name = phrase",
	"mailbox-list = mailbox *(\",\" mailbox) / obs-mbox-list",
	"group-list = mailbox-list / CFWS / obs-group-list",
	"addr-spec = local-part \"@\" domain",
	"local-part = dot-atom / quoted-string / obs-local-part",
	"domain = [CFWS] domain-name [CFWS] / [CFWS] domain-literal [CFWS]"
	" / obs-domain",
	"domain-name = 1*atext *(\".\" 1*atext)",
	"domain-literal = \"[\" *([FWS] dtext) [FWS] \"]\"",
	"dtext = %d33-90 / %d94-126 / UTF8-non-ascii / obs-dtext",
	"word = atom / quoted-string",
	"phrase = 1*word / obs-phrase",
	"atext = %d65-90 / %d97-122 / %d48-57 / \"!\" / \"#\" / \"$\" / \"%\""
	" / \"&\" / \"'\" / \"*\" / \"+\" / \"-\" / \"/\" / \"=\" / \"?\""
	" / \"^\" / \"_\" / \"`\" / \"{\" / \"|\" / \"}\" / \"~\""
	" / UTF8-non-ascii",
	"atom = [CFWS] 1*atext [CFWS]",
	"dot-atom = [CFWS] 1*atext *(\".\" 1*atext) [CFWS]",
	"qtext = %d33 / %d35-91 / %d93-126 / UTF8-non-ascii / obs-qtext",
	"qcontent = qtext / quoted-pair",
	"quoted-string = [CFWS] %d34 *([FWS] qcontent) [FWS] %d34 [CFWS]",
	"quoted-pair = \"\\\" VCHAR / \"\\\" WSP / obs-qp",
	"FWS = [*WSP CRLF] 1*WSP / obs-FWS",
	"ctext = %d33-39 / %d42-91 / %d93-126 / UTF8-non-ascii / obs-ctext",
	"ccontent = ctext / quoted-pair / comment",
	"comment = \"(\" *([FWS] ccontent) [FWS] \")\"",
	"CFWS = 1*([FWS] comment) [FWS] / FWS",
	"VCHAR = %d33-126 / UTF8-non-ascii",
	"WSP = %d32 / %d9",
	"CRLF = %d13 %d10 / %d10",
	/* section 4 */
	"obs-NO-WS-CTL = %d1-8 / %d11 / %d12 / %d14-31 / %d127",
	"obs-ctext = obs-NO-WS-CTL",
	"obs-qtext = obs-NO-WS-CTL",
	"obs-qp = \"\\\" %d0 / \"\\\" obs-NO-WS-CTL / \"\\\" %d10"
	" / \"\\\" %d13",
	"obs-FWS = 1*([CRLF] WSP)",
	"obs-phrase = word *(word / \".\" / CFWS)",
	"obs-angle-addr = [CFWS] \"<\" obs-route addr-spec \">\" [CFWS]",
	"obs-route = obs-domain-list \":\"",
	"obs-domain-list = *(CFWS / \",\") \"@\" route-domain"
	" *(\",\" [CFWS] [\"@\" route-domain])",
	"route-domain = dot-atom / [CFWS] domain-literal-2 [CFWS]"
	" / atom *(\".\" atom)",
	"domain-literal-2 = \"[\" *([FWS] dtext) [FWS] \"]\"",
	"obs-mbox-list = *([CFWS] \",\") mailbox"
	" *(\",\" [mailbox / CFWS])",
	"obs-addr-list = *([CFWS] \",\") address"
	" *(\",\" [address / CFWS])",
	"obs-group-list = 1*([CFWS] \",\") [CFWS]",
	"obs-local-part = word *(\".\" word)",
	"obs-domain = atom *(\".\" atom)",
	"obs-dtext = obs-NO-WS-CTL / quoted-pair",
	/* RFC 3629 section 4 */
	"UTF8-non-ascii = UTF8-2 / UTF8-3 / UTF8-4",
	"UTF8-2 = %d194-223 tail",
	"UTF8-3 = %d224 %d160-191 tail / %d225-236 tail tail"
	" / %d237 %d128-159 tail / %d238-239 tail tail",
	"UTF8-4 = %d240 %d144-191 tail tail / %d241-243 tail tail tail"
	" / %d244 %d128-143 tail tail",
	"tail = %d128-191",
};

#define RULES (sizeof(abnf) / sizeof(abnf[0]))
#define NODES 600
#define PLACES (REFERENCE_MAX + 1)

enum kind {
	EMPTY,
	RANGE, /* one byte from a to b */
	REF, /* rule a */
	ALT, /* node a or node b */
	SEQ, /* node a, then node b */
	STAR, /* node a any number of times */
};

static struct node {
	enum kind kind;
	int a, b;
} nodes[NODES];

static int node_count;
static int bodies[RULES]; /* the node of each rule */

/* --- compiling ----------------------------------------------------------- */

static int node(enum kind kind, int a, int b)
{
	if (node_count == NODES)
		abort();
	nodes[node_count] = (struct node){ kind, a, b };
	return node_count++;
}

static size_t name_length(const char *text)
{
	return strcspn(text, " =/()[]*\"%");
}

static bool is_rule(size_t rule, const char *name, size_t len)
{
	return name_length(abnf[rule]) == len &&
	       memcmp(abnf[rule], name, len) == 0;
}

static int find_rule(const char *name, size_t len)
{
	for (size_t i = 0; i < RULES; i++)
		if (is_rule(i, name, len))
			return (int)i;
	abort();
}

static int compile_alternation(const char **text);

static int compile_element(const char **text)
{
	const char *at = *text;
	int result, low;
	size_t len;
	char *end;

	switch (*at) {
	case '(':
	case '[':
		*text = at + 1;
		result = compile_alternation(text);
		++*text; /* the bracket that closes */
		return *at == '[' ? node(ALT, result, node(EMPTY, 0, 0))
				  : result;
	case '"': *text = at + 3; return node(RANGE, at[1], at[1]);
	case '%':
		low = (int)strtol(at + 2, &end, 10);
		result = *end == '-' ? (int)strtol(end + 1, &end, 10) : low;
		*text = end;
		return node(RANGE, low, result);
	default:
		len = name_length(at);
		*text = at + len;
		return node(REF, find_rule(at, len), 0);
	}
}

static int compile_repetition(const char **text)
{
	bool once = **text == '1';
	int result;

	if (once)
		++*text;
	if (**text != '*')
		return compile_element(text);
	++*text;
	result = compile_element(text);
	return once ? node(SEQ, result, node(STAR, result, 0))
		    : node(STAR, result, 0);
}

static int compile_concatenation(const char **text)
{
	int result = compile_repetition(text);
	const char *at = *text;

	while (*at == ' ')
		at++;
	if (*at == '\0' || strchr("/)]", *at)) {
		*text = at;
		return result;
	}
	*text = at;
	return node(SEQ, result, compile_concatenation(text));
}

static int compile_alternation(const char **text)
{
	int result = compile_concatenation(text);

	if (**text != '/')
		return result;
	*text += 2;
	return node(ALT, result, compile_alternation(text));
}

static void compile(void)
{
	for (size_t i = 0; i < RULES; i++) {
		const char *text = strstr(abnf[i], " = ") + 3;

		bodies[i] = compile_alternation(&text);
		if (*text != '\0')
			abort();
	}
}

/* --- reading ------------------------------------------------------------- */

static struct {
	const unsigned char *text;
	size_t len;
	bool obsolete;
	uint64_t ends[PLACES][NODES];
	uint64_t reached[PLACES][NODES];
	unsigned int known[PLACES][NODES]; /* since this reading */
	unsigned int reading;
	uint64_t found[RULES][PLACES]; /* where a rule stands: start, ends */
} run;

#define BIT(i) (UINT64_C(1) << (i))

static size_t first_bit(uint64_t bits)
{
	return (size_t)__builtin_ctzll(bits);
}

static uint64_t match(int n, size_t i);

static uint64_t match_star(int child, size_t i)
{
	uint64_t ends = BIT(i), done = 0;

	while (ends != done) {
		size_t k = first_bit(ends & ~done);

		done |= BIT(k);
		ends |= match(child, k);
	}
	return ends;
}

static uint64_t match_afresh(const struct node *n, size_t i)
{
	uint64_t first, ends = 0;

	switch (n->kind) {
	case EMPTY: return BIT(i);
	case RANGE:
		if (i < run.len && run.text[i] >= n->a && run.text[i] <= n->b)
			return BIT(i + 1);
		return 0;
	case REF:
		if (!run.obsolete && strncmp(abnf[n->a], "obs-", 4) == 0)
			return 0;
		return match(bodies[n->a], i);
	case ALT: return match(n->a, i) | match(n->b, i);
	case SEQ:
		first = match(n->a, i);
		for (; first; first &= first - 1)
			ends |= match(n->b, first_bit(first));
		return ends;
	case STAR: return match_star(n->a, i);
	}
	abort();
}

static uint64_t match(int n, size_t i)
{
	if (run.known[i][n] != run.reading) {
		run.ends[i][n] = match_afresh(&nodes[n], i);
		run.reached[i][n] = 0;
		run.known[i][n] = run.reading;
	}
	return run.ends[i][n];
}

/* The node stands at [i, j) in a derivation of the whole: so do its parts. */
static void reach(int at, size_t i, size_t j)
{
	const struct node *n = &nodes[at];
	int rest = n->kind == STAR ? at : n->b;

	if (run.reached[i][at] & BIT(j))
		return;
	run.reached[i][at] |= BIT(j);
	switch (n->kind) {
	case EMPTY:
	case RANGE: return;
	case REF:
		run.found[n->a][i] |= BIT(j);
		reach(bodies[n->a], i, j);
		return;
	case ALT:
		if (match(n->a, i) & BIT(j))
			reach(n->a, i, j);
		if (match(n->b, i) & BIT(j))
			reach(n->b, i, j);
		return;
	case SEQ:
	case STAR:
		if (n->kind == STAR && i == j)
			return;
		for (size_t k = n->kind == STAR ? i + 1 : i; k <= j; k++) {
			if ((match(n->a, i) & BIT(k)) &&
			    (match(rest, k) & BIT(j))) {
				reach(n->a, i, k);
				reach(rest, k, j);
			}
		}
		return;
	}
}

/* Notes a domain without its blanks and comments, each only once. */
static void note(size_t i, size_t j, struct reference *ref)
{
	char out[REFERENCE_MAX + 1];
	size_t used = 0, start = j, at, depth = 0;

	for (size_t k = i; k < j; k++) {
		char c = (char)run.text[k];

		if (c == '\\' && depth > 0)
			k++;
		else if (c == '(')
			depth++;
		else if (c == ')')
			depth--;
		else if (depth == 0 && !strchr(" \t\r\n", c)) {
			if (used == 0)
				start = k;
			out[used++] = c;
		}
	}
	out[used] = '\0';
	for (size_t k = 0; k < ref->count; k++)
		if (ref->domains[k].start == start &&
		    strcmp(ref->domains[k].text, out) == 0)
			return;
	for (at = ref->count; at > 0 && ref->domains[at - 1].start > start;
	     at--)
		ref->domains[at] = ref->domains[at - 1];
	if (++ref->count > REFERENCE_MAX)
		abort();
	ref->domains[at].start = start;
	memcpy(ref->domains[at].text, out, used + 1);
}

static void note_all(const char *rule, struct reference *ref)
{
	int r = find_rule(rule, strlen(rule));

	for (size_t i = 0; i <= run.len; i++)
		for (size_t j = i; j <= run.len; j++)
			if (run.found[r][i] & BIT(j))
				note(i, j, ref);
}

void reference_read(const char *text, size_t len, bool obsolete,
		    struct reference *ret_reference)
{
	int top;

	if (node_count == 0)
		compile();
	if (len > REFERENCE_MAX)
		abort();
	*ret_reference = (struct reference){ .matches = false };
	run.text = (const unsigned char *)text;
	run.len = len;
	run.obsolete = obsolete;
	if (++run.reading == 0)
		abort();
	top = bodies[find_rule("address-list", 12)];
	if (!(match(top, 0) & BIT(len)))
		return;

	ret_reference->matches = true;
	memset(run.found, 0, sizeof(run.found));
	reach(top, 0, len);
	note_all("domain-name", ret_reference);
	note_all("domain-literal", ret_reference);
	note_all("obs-domain", ret_reference);
}
