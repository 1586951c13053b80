/*
 * spf_record_reference.c - see spf_record_reference.h.
 *
 * No term has a blank in it, so a record is cut at these first, and each term
 * is short enough for abnf.c.
 */
#include "tests/fuzz/spf_record_reference.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/*
 * Changes of form: what section 7.2 says in words about letters is here as two
 * kinds of macros, and that no digit is a zero alone (section 7.1) is in
 * transformers; the numbers in lengths have names.  IPv6 as in RFC 3986.
 */
static const char *const rules[] = {
	"version = \"v=spf1\"",
	"defined-term = [qualifier] mechanism / redirect / exp",
	"qualifier = \"+\" / \"-\" / \"?\" / \"~\"",
	"mechanism = all / include / a / mx / ptr / ip4 / ip6 / exists",
	"all = \"all\"",
	"include = \"include\" \":\" domain-spec",
	"a = \"a\" [\":\" domain-spec] [dual-cidr-length]",
	"mx = \"mx\" [\":\" domain-spec] [dual-cidr-length]",
	"ptr = \"ptr\" [\":\" domain-spec]",
	"ip4 = \"ip4\" \":\" ip4-network [ip4-cidr-length]",
	"ip6 = \"ip6\" \":\" ip6-network [ip6-cidr-length]",
	"exists = \"exists\" \":\" domain-spec",
	"redirect = \"redirect\" \"=\" domain-spec",
	"exp = \"exp\" \"=\" domain-spec",
	"unknown-modifier = name \"=\" any-macro-string",
	"name = ALPHA *(ALPHA / DIGIT / \"-\" / \"_\" / \".\")",
	"dual-cidr-length = [ip4-cidr-length] [\"/\" ip6-cidr-length]",
	"ip4-cidr-length = \"/\" ip4-bits",
	"ip6-cidr-length = \"/\" ip6-bits",
	"ip4-bits = \"0\" / %x31-39 *1DIGIT",
	"ip6-bits = \"0\" / %x31-39 *2DIGIT",
	"ip4-network = qnum \".\" qnum \".\" qnum \".\" qnum",
	"qnum = DIGIT / %x31-39 DIGIT / \"1\" 2DIGIT / \"2\" %x30-34 DIGIT"
	" / \"25\" %x30-35",
	"domain-spec = macro-string domain-end",
	"domain-end = \".\" toplabel [\".\"] / macro-expand",
	"toplabel = *alphanum ALPHA *alphanum"
	" / 1*alphanum \"-\" *(alphanum / \"-\") alphanum",
	"alphanum = ALPHA / DIGIT",
	"explain-string = *(any-macro-expand / macro-literal / \" \")",
	"macro-string = *(macro-expand / macro-literal)",
	"any-macro-string = *(any-macro-expand / macro-literal)",
	"macro-expand = \"%{\" macro-letter transformers *delimiter \"}\""
	" / \"%%\" / \"%_\" / \"%-\"",
	"any-macro-expand = macro-expand"
	" / \"%{\" exp-letter transformers *delimiter \"}\"",
	"macro-literal = %x21-24 / %x26-7E",
	"macro-letter = \"s\" / \"l\" / \"o\" / \"d\" / \"i\" / \"p\" / \"h\""
	" / \"v\"",
	"exp-letter = \"c\" / \"r\" / \"t\"",
	"transformers = [*\"0\" %x31-39 *DIGIT] [\"r\"]",
	"delimiter = \".\" / \"-\" / \"+\" / \",\" / \"/\" / \"_\" / \"=\"",
	"ip6-network = 6(h16 \":\") ls32 / \"::\" 5(h16 \":\") ls32"
	" / [h16] \"::\" 4(h16 \":\") ls32"
	" / [*1(h16 \":\") h16] \"::\" 3(h16 \":\") ls32"
	" / [*2(h16 \":\") h16] \"::\" 2(h16 \":\") ls32"
	" / [*3(h16 \":\") h16] \"::\" h16 \":\" ls32"
	" / [*4(h16 \":\") h16] \"::\" ls32"
	" / [*5(h16 \":\") h16] \"::\" h16"
	" / [*6(h16 \":\") h16] \"::\"",
	"h16 = 1*4HEXDIG",
	"ls32 = h16 \":\" h16 / ip4-network",
	"ALPHA = %x41-5A / %x61-7A",
	"DIGIT = %x30-39",
	"HEXDIG = DIGIT / \"a\" / \"b\" / \"c\" / \"d\" / \"e\" / \"f\"",
};

static const char *const kinds[] = {
	[SPF_ALL] = "all",
	[SPF_INCLUDE] = "include",
	[SPF_A] = "a",
	[SPF_MX] = "mx",
	[SPF_PTR] = "ptr",
	[SPF_IP4] = "ip4",
	[SPF_IP6] = "ip6",
	[SPF_EXISTS] = "exists",
	[SPF_REDIRECT] = "redirect",
	[SPF_EXP] = "exp",
};

static struct abnf *abnf;

static bool matches(const char *rule, const char *text, size_t len)
{
	if (!abnf)
		abnf = abnf_compile(rules, sizeof(rules) / sizeof(rules[0]));
	return abnf_matches(abnf, rule, text, len);
}

bool spf_reference_is_domain(const char *text, size_t len)
{
	return matches("domain-spec", text, len);
}

bool spf_reference_is_explanation(const char *text, size_t len)
{
	return matches("explain-string", text, len);
}

/* The only place where a rule stands in the term. */
static struct spf_read_part find(const struct spf_read_term *term,
				 const char *rule)
{
	struct spf_read_part part = { .there = false };
	size_t end;

	part.there = abnf_find(abnf, rule, &part.at, &end);
	if (part.there) {
		part.len = end - part.at;
		part.at += term->whole.at;
	}
	return part;
}

static unsigned read_bits(const char *text, const struct spf_read_term *term,
			  const char *rule, unsigned otherwise)
{
	struct spf_read_part part = find(term, rule);
	unsigned bits = 0;

	for (size_t i = 0; i < part.len; i++)
		bits = 10 * bits + (unsigned)(text[part.at + i] - '0');
	return part.there ? bits : otherwise;
}

static uint32_t read_letters(const char *text, const struct spf_read_term *term)
{
	uint32_t letters = 0;

	for (size_t i = 0; i < term->whole.len; i++)
		if (abnf_found(abnf, "macro-letter", i) != 0 ||
		    abnf_found(abnf, "exp-letter", i) != 0)
			letters |= SPF_LETTER(text[term->whole.at + i] | 0x20);
	return letters;
}

static void read_network(const char *text, struct spf_read_term *term)
{
	bool four = term->kind == SPF_IP4;
	struct spf_read_part part =
		find(term, four ? "ip4-network" : "ip6-network");
	char address[ABNF_TEXT_MAX + 1];
	unsigned bits = four ? term->bits4 : term->bits6;

	memcpy(address, text + part.at, part.len);
	address[part.len] = '\0';
	if (inet_pton(four ? AF_INET : AF_INET6, address, term->network) != 1)
		abort();
	for (unsigned bit = bits; bit < 128; bit++)
		term->network[bit / 8] &= (unsigned char)~(0x80U >> (bit % 8));
}

/* A term that matches by the rule of its kind. */
static bool read_defined(const char *text, struct spf_read_term *term)
{
	struct spf_read_part qualifier = find(term, "qualifier");
	bool hosts;

	while (!find(term, kinds[term->kind]).there)
		term->kind++;
	if (term->kind < SPF_REDIRECT)
		term->qualifier = qualifier.there ? text[qualifier.at] : '+';
	term->spec = find(term, "domain-spec");
	term->letters = read_letters(text, term);
	hosts = term->kind == SPF_A || term->kind == SPF_MX;
	if (hosts || term->kind == SPF_IP4)
		term->bits4 = read_bits(text, term, "ip4-bits", 32);
	if (hosts || term->kind == SPF_IP6)
		term->bits6 = read_bits(text, term, "ip6-bits", 128);
	if (term->bits4 > 32 || term->bits6 > 128)
		return false;
	if (term->kind == SPF_IP4 || term->kind == SPF_IP6)
		read_network(text, term);
	return true;
}

static bool is_text(const char *text, const struct spf_read_part *part,
		    const char *word)
{
	return part->len == strlen(word) &&
	       strncasecmp(text + part->at, word, part->len) == 0;
}

static bool read_term(const char *text, struct spf_read_term *term)
{
	const char *start = text + term->whole.at;

	if (matches("defined-term", start, term->whole.len))
		return read_defined(text, term);
	if (!matches("unknown-modifier", start, term->whole.len))
		return false;
	term->kind = SPF_UNKNOWN;
	term->name = find(term, "name");
	term->spec = find(term, "any-macro-string");
	term->letters = read_letters(text, term);
	return !is_text(text, &term->name, "redirect") &&
	       !is_text(text, &term->name, "exp");
}

/* redirect and exp stand once. */
static bool stands_twice(const struct spf_read_record *record)
{
	size_t redirects = 0, exps = 0;

	for (size_t i = 0; i < record->count; i++) {
		redirects += record->terms[i].kind == SPF_REDIRECT;
		exps += record->terms[i].kind == SPF_EXP;
	}
	return redirects > 1 || exps > 1;
}

enum spf_reading spf_record_read_slowly(const char *text, size_t len,
					struct spf_read_record *ret_record)
{
	bool broken = len > SPF_RECORD_MAX;
	size_t at, end = 0;

	while (end < len && text[end] != ' ')
		end++;
	ret_record->count = 0;
	if (end > ABNF_TEXT_MAX)
		return SPF_READ_TOO_LONG;
	if (!matches("version", text, end))
		return SPF_READ_BROKEN;
	for (at = end; at < len; at = end) {
		struct spf_read_term *term;

		for (end = at; end < len && text[end] != ' ';)
			end++;
		if (end == at) {
			end++;
			continue;
		}
		if (end - at > ABNF_TEXT_MAX)
			return SPF_READ_TOO_LONG;
		if (ret_record->count == SPF_TERMS_MAX)
			return SPF_READ_BROKEN;
		term = &ret_record->terms[ret_record->count++];
		*term = (struct spf_read_term){ .whole = { true, at,
							   end - at } };
		broken |= !read_term(text, term);
	}
	return broken || stands_twice(ret_record) ? SPF_READ_BROKEN
						  : SPF_READ_RECORD;
}
