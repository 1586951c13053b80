/* spf_record.c - one published SPF record, read strictly. */
#include "filter/inspect/spf_record.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "rules/arena.h"

#define VERSION "v=spf1"
#define VERSION_LEN (sizeof(VERSION) - 1)

/* --- what may stand behind a name --------------------------------------- */

enum argument {
	ARGUMENT_NONE,
	ARGUMENT_DOMAIN, /* ":" domain-spec */
	ARGUMENT_DOMAIN_IF_ANY, /* the same, or nothing */
	ARGUMENT_HOSTS, /* [ ":" domain-spec ] [ dual-cidr-length ] */
	ARGUMENT_NETWORK, /* ":" network [ "/" length ] */
};

struct word {
	const char *name;
	enum argument argument;
};

static const struct word words[] = {
	[SPF_ALL] = { "all", ARGUMENT_NONE },
	[SPF_INCLUDE] = { "include", ARGUMENT_DOMAIN },
	[SPF_A] = { "a", ARGUMENT_HOSTS },
	[SPF_MX] = { "mx", ARGUMENT_HOSTS },
	[SPF_PTR] = { "ptr", ARGUMENT_DOMAIN_IF_ANY },
	[SPF_IP4] = { "ip4", ARGUMENT_NETWORK },
	[SPF_IP6] = { "ip6", ARGUMENT_NETWORK },
	[SPF_EXISTS] = { "exists", ARGUMENT_DOMAIN },
	[SPF_REDIRECT] = { "redirect", ARGUMENT_DOMAIN },
	[SPF_EXP] = { "exp", ARGUMENT_DOMAIN },
	[SPF_UNKNOWN] = { "unknown", ARGUMENT_NONE },
};

/* The kinds of [from, to) that have this name, or `to`. */
static enum spf_kind find_kind(const char *name, size_t len, enum spf_kind from,
			       enum spf_kind to)
{
	enum spf_kind kind;

	for (kind = from; kind < to; kind++)
		if (strlen(words[kind].name) == len &&
		    strncasecmp(words[kind].name, name, len) == 0)
			break;
	return kind;
}

const char *spf_kind_name(enum spf_kind kind)
{
	return words[kind].name;
}

/* --- reading ------------------------------------------------------------ */

/* Offsets are into the record, so every fault knows its place. */
struct parser {
	const char *text;
	struct spf_fault fault;
	struct spf_term *terms;
	struct spf_record *record;
};

static int wrong(struct parser *p, size_t at, const char *why)
{
	p->fault = (struct spf_fault){ at, why };
	return -1;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_alpha(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* The domain-spec [from, to) of a term. */
static int read_domain(struct parser *p, size_t from, size_t to,
		       struct spf_term *term)
{
	struct spf_fault fault;

	if (spf_domain_check(p->text + from, to - from, &term->letters,
			     &fault) < 0)
		return wrong(p, from + fault.at, fault.why);
	term->spec = p->text + from;
	term->spec_len = to - from;
	return 0;
}

/* A prefix length, behind its slash. */
static int read_bits(struct parser *p, size_t from, size_t to, unsigned int max,
		     uint8_t *ret_bits)
{
	unsigned int bits = 0;

	for (size_t i = from; i < to; i++) {
		if (!is_digit(p->text[i]))
			return wrong(p, i, "a prefix length is digits only");
		bits = bits * 10 + (unsigned int)(p->text[i] - '0');
		if (bits > max)
			return wrong(p, from,
				     max == 32
					     ? "an IPv4 prefix is 0 to 32 bits"
					     : "an IPv6 prefix is 0 to 128 "
					       "bits");
	}
	if (from == to)
		return wrong(p, from, "a prefix length is missing here");
	if (to - from > 1 && p->text[from] == '0')
		return wrong(p, from, "a prefix length begins with a zero");
	*ret_bits = (uint8_t)bits;
	return 0;
}

/* Where the digits begin that end [from, to), if there is a slash before. */
static size_t trailing_bits(const char *text, size_t from, size_t to)
{
	size_t i = to;

	while (i > from && is_digit(text[i - 1]))
		i--;
	return i < to && i > from && text[i - 1] == '/' ? i : to;
}

/*
 * Takes a dual-cidr-length off the end of [from, *to).  It cannot be mistaken:
 * a domain-spec may have slashes in it, but ends in a macro or in a label,
 * which have none at their ends.
 */
static int take_lengths(struct parser *p, size_t from, size_t *to,
			struct spf_term *term)
{
	size_t digits = trailing_bits(p->text, from, *to);

	term->bits4 = 32;
	term->bits6 = 128;
	if (digits < *to && digits - from > 1 && p->text[digits - 2] == '/') {
		if (read_bits(p, digits, *to, 128, &term->bits6) < 0)
			return -1;
		*to = digits - 2;
		digits = trailing_bits(p->text, from, *to);
		if (digits < *to && digits - from > 1 &&
		    p->text[digits - 2] == '/')
			return wrong(p, digits,
				     "two prefix lengths for IPv6 ('//')");
	}
	if (digits == *to)
		return 0;
	if (read_bits(p, digits, *to, 32, &term->bits4) < 0)
		return -1;
	*to = digits - 1;
	return 0;
}

/* An address as ip6 has it: ip_parse() would make IPv4 of a mapped one. */
static struct ip as_written(const struct ip *ip, enum spf_kind kind)
{
	struct ip mapped = { .family = 6, .bytes = { [10] = 0xff, 0xff } };

	if (kind == SPF_IP4 || ip->family == 6)
		return *ip;
	memcpy(mapped.bytes + 12, ip->bytes, 4);
	return mapped;
}

static int read_network(struct parser *p, size_t from, size_t to,
			struct spf_term *term)
{
	const char *slash = memchr(p->text + from, '/', to - from);
	size_t end = slash ? (size_t)(slash - p->text) : to;
	bool four = term->kind == SPF_IP4;
	uint8_t bits = four ? 32 : 128;
	struct ip ip;

	if (four == !!memchr(p->text + from, ':', end - from) ||
	    ip_parse(p->text + from, end - from, &ip) < 0)
		return wrong(p, from,
			     four ? "an IPv4 address of four numbers is "
				    "expected here"
				  : "an IPv6 address is expected here");
	if (slash && read_bits(p, end + 1, to, bits, &bits) < 0)
		return -1;
	ip = as_written(&ip, term->kind);
	term->network.ip = ip_mask(&ip, bits);
	term->network.bits = bits;
	return 0;
}

/* What stands behind a mechanism's name, [from, to). */
static int read_argument(struct parser *p, size_t from, size_t to,
			 struct spf_term *term)
{
	enum argument argument = words[term->kind].argument;

	if (argument == ARGUMENT_NONE)
		return from == to ? 0
				  : wrong(p, from,
					  "nothing may stand behind \"all\"");
	if (argument == ARGUMENT_HOSTS && take_lengths(p, from, &to, term) < 0)
		return -1;
	if (from == to) {
		if (argument == ARGUMENT_HOSTS ||
		    argument == ARGUMENT_DOMAIN_IF_ANY)
			return 0;
		return wrong(p, from,
			     argument == ARGUMENT_NETWORK
				     ? "':' and a network are missing here"
				     : "':' and a domain are missing here");
	}
	if (p->text[from] == '/')
		return wrong(p, from,
			     argument == ARGUMENT_HOSTS
				     ? "prefix lengths are written /24, //64 "
				       "or /24//64"
				     : "no prefix length may stand here");
	if (p->text[from] != ':')
		return wrong(p, from, "':' is expected behind a mechanism");
	if (argument == ARGUMENT_NETWORK)
		return read_network(p, from + 1, to, term);
	return read_domain(p, from + 1, to, term);
}

static int read_mechanism(struct parser *p, size_t from, size_t name_end,
			  size_t to, struct spf_term *term)
{
	term->kind = find_kind(p->text + from, name_end - from, SPF_ALL,
			       SPF_REDIRECT);
	if (term->kind == SPF_REDIRECT) {
		if (find_kind(p->text + from, name_end - from, SPF_REDIRECT,
			      SPF_UNKNOWN) != SPF_UNKNOWN)
			return wrong(p, name_end,
				     "'=' is expected behind a modifier");
		return wrong(p, from, "there is no such mechanism");
	}
	return read_argument(p, name_end, to, term);
}

static int read_modifier(struct parser *p, size_t from, size_t name_end,
			 size_t to, struct spf_term *term)
{
	size_t value = name_end + 1;
	struct spf_fault fault;

	term->kind = find_kind(p->text + from, name_end - from, SPF_REDIRECT,
			       SPF_UNKNOWN);
	if (term->kind != SPF_UNKNOWN) {
		const struct spf_term **only = term->kind == SPF_REDIRECT
						       ? &p->record->redirect
						       : &p->record->exp;

		if (*only)
			return wrong(p, from,
				     "this modifier may stand only once");
		*only = term;
		return read_domain(p, value, to, term);
	}
	if (spf_macro_check(p->text + value, to - value, SPF_IN_MODIFIER,
			    &term->letters, &fault) < 0)
		return wrong(p, value + fault.at, fault.why);
	term->name = p->text + from;
	term->name_len = name_end - from;
	term->spec = p->text + value;
	term->spec_len = to - value;
	return 0;
}

static size_t name_end(const char *text, size_t from, size_t to)
{
	size_t i = from;

	while (i < to && (is_alpha(text[i]) || is_digit(text[i]) ||
			  (text[i] != '\0' && strchr("-_.", text[i]))))
		i++;
	return i;
}

/* The term [from, to), in which there is no blank. */
static int read_term(struct parser *p, size_t from, size_t to,
		     struct spf_term *term)
{
	size_t name = from, end;

	term->at = (uint16_t)from;
	term->len = (uint16_t)(to - from);
	if (strchr("+-?~", p->text[name]))
		term->qualifier = p->text[name++];
	if (name == to || !is_alpha(p->text[name]))
		return wrong(p, name,
			     "the name of a mechanism or modifier is expected "
			     "here");
	end = name_end(p->text, name, to);
	if (end < to && p->text[end] == '=') {
		if (term->qualifier)
			return wrong(p, from, "a modifier has no qualifier");
		return read_modifier(p, name, end, to, term);
	}
	if (!term->qualifier)
		term->qualifier = '+';
	return read_mechanism(p, name, end, to, term);
}

/* What may stand nowhere; from here on a record is visible ASCII and blanks. */
static int check_bytes(struct parser *p, size_t len)
{
	if (len > SPF_RECORD_MAX)
		return wrong(p, SPF_RECORD_MAX, "this record is too long");
	if (!spf_record_is_one(p->text, len))
		return wrong(p, 0,
			     "an SPF record begins with \"v=spf1\" and a "
			     "blank");
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)p->text[i] >= 0x80)
			return wrong(p, i, "a byte that is not ASCII");
		else if (p->text[i] < ' ' || p->text[i] > '~')
			return wrong(p, i, "a control character");
	return 0;
}

/* Finds the next term at or behind *at; false if there is none. */
static bool next_term(const char *text, size_t len, size_t *at, size_t *ret_end)
{
	size_t end;

	while (*at < len && text[*at] == ' ')
		++*at;
	for (end = *at; end < len && text[end] != ' ';)
		end++;
	*ret_end = end;
	return *at < len;
}

static int read_terms(struct parser *p, size_t len)
{
	struct spf_record *record = p->record;
	struct spf_term *term = p->terms;
	size_t end;

	for (size_t at = VERSION_LEN; next_term(p->text, len, &at, &end);
	     at = end, term++) {
		if (read_term(p, at, end, term) < 0)
			return -1;
		if (term->kind == SPF_ALL && !record->all)
			record->all = term;
		if (term->kind != SPF_UNKNOWN)
			record->letters |= term->letters;
	}
	if (record->all)
		record->redirect = NULL;
	return 0;
}

enum spf_parse spf_record_parse(struct arena *arena, const char *text,
				size_t len, struct spf_record *ret_record,
				struct spf_fault *ret_fault)
{
	struct spf_record record = { .len = len };
	struct parser p = { .text = text, .record = &record };
	size_t end;

	if (check_bytes(&p, len) < 0)
		goto broken;
	for (size_t at = VERSION_LEN; next_term(text, len, &at, &end); at = end)
		if (++record.count > SPF_TERMS_MAX) {
			wrong(&p, at, "this record has too many terms");
			goto broken;
		}
	record.text = p.text = arena_strndup(arena, text, len);
	/* one more, as none at all is no array */
	p.terms = arena_array(arena, record.count + 1, sizeof(*p.terms));
	if (!record.text || !p.terms)
		return SPF_NO_MEMORY;
	record.terms = p.terms;
	if (read_terms(&p, len) < 0)
		goto broken;
	*ret_record = record;
	return SPF_PARSED;
broken:
	if (ret_fault)
		*ret_fault = p.fault;
	return SPF_BROKEN;
}

/* --- choosing ----------------------------------------------------------- */

bool spf_record_is_one(const char *text, size_t len)
{
	return len >= VERSION_LEN &&
	       strncasecmp(text, VERSION, VERSION_LEN) == 0 &&
	       (len == VERSION_LEN || text[VERSION_LEN] == ' ');
}

enum spf_choice spf_record_choose(const struct spf_text *texts, size_t count,
				  size_t *ret_index)
{
	size_t found = 0, which = 0;

	for (size_t i = 0; i < count; i++) {
		if (spf_record_is_one(texts[i].bytes, texts[i].len)) {
			which = i;
			found++;
		}
	}
	if (found == 0)
		return SPF_CHOICE_NONE;
	if (found > 1)
		return SPF_CHOICE_SEVERAL;
	*ret_index = which;
	return SPF_CHOICE_ONE;
}

/* --- what follows from it ----------------------------------------------- */

size_t spf_record_lookups(const struct spf_record *record)
{
	size_t lookups = record->redirect ? 1 : 0;

	for (size_t i = 0; i < record->count; i++) {
		switch (record->terms[i].kind) {
		case SPF_ALL: return lookups; /* none behind is come to */
		case SPF_INCLUDE:
		case SPF_A:
		case SPF_MX:
		case SPF_PTR:
		case SPF_EXISTS: lookups++; break;
		default: break;
		}
	}
	return lookups;
}

bool spf_term_is_open(const struct spf_term *term)
{
	switch (words[term->kind].argument) {
	case ARGUMENT_NETWORK:
		return term->network.bits < (term->kind == SPF_IP4
						     ? SPF_OWNED_BITS4
						     : SPF_OWNED_BITS6);
	case ARGUMENT_HOSTS:
		return term->bits4 < SPF_OWNED_BITS4 ||
		       term->bits6 < SPF_OWNED_BITS6;
	default: return term->kind == SPF_ALL;
	}
}

/* --- writing ------------------------------------------------------------ */

struct writer {
	char *buf;
	size_t size, len;
};

static void put(struct writer *w, const char *text, size_t len)
{
	if (w->len < w->size) {
		size_t room = w->size - 1 - w->len;
		size_t n = len < room ? len : room;

		memcpy(w->buf + w->len, text, n);
		w->buf[w->len + n] = '\0';
	}
	w->len += len;
}

static void put_number(struct writer *w, const char *before, uint8_t bits)
{
	char number[8];

	snprintf(number, sizeof(number), "%s%u", before, bits);
	put(w, number, strlen(number));
}

static void put_term(struct writer *w, const struct spf_term *term)
{
	const char *name = words[term->kind].name;
	char address[IP_TEXT_SIZE];
	uint8_t full = term->kind == SPF_IP4 ? 32 : 128;

	if (term->qualifier && term->qualifier != '+')
		put(w, &term->qualifier, 1);
	if (term->kind == SPF_UNKNOWN)
		put(w, term->name, term->name_len);
	else
		put(w, name, strlen(name));
	if (term->spec) {
		put(w, term->qualifier ? ":" : "=", 1);
		put(w, term->spec, term->spec_len);
	}
	if (words[term->kind].argument == ARGUMENT_NETWORK) {
		ip_format(&term->network.ip, address, sizeof(address));
		put(w, ":", 1);
		put(w, address, strlen(address));
		if (term->network.bits != full)
			put_number(w, "/", term->network.bits);
	}
	if (words[term->kind].argument == ARGUMENT_HOSTS) {
		if (term->bits4 != 32)
			put_number(w, "/", term->bits4);
		if (term->bits6 != 128)
			put_number(w, "//", term->bits6);
	}
}

size_t spf_term_format(const struct spf_term *term, char *buf, size_t size)
{
	struct writer w = { .buf = buf, .size = size };

	put_term(&w, term);
	return w.len;
}

size_t spf_record_format(const struct spf_record *record, char *buf,
			 size_t size)
{
	struct writer w = { .buf = buf, .size = size };

	put(&w, VERSION, VERSION_LEN);
	for (size_t i = 0; i < record->count; i++) {
		put(&w, " ", 1);
		put_term(&w, &record->terms[i]);
	}
	return w.len;
}
