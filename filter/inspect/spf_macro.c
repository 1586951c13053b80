/* spf_macro.c - what the macros of SPF records stand for. */
#include "filter/inspect/spf_macro.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "lists/dns_name.h"

/* Room for what one letter stands for: a path and a HELO name at most. */
#define VALUE_SIZE 3072

#define DELIMITERS ".-+,/_="

/* --- syntax ------------------------------------------------------------- */

struct macro {
	size_t len; /* of all of it, in the text */
	char form; /* '%', '_', '-', or '{' with all that follows */
	char letter; /* small */
	bool escape; /* it was a capital */
	bool reverse;
	size_t keep; /* how many parts from the right; 0 is all */
	const char *delimiters;
	size_t delimiters_len;
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_alpha(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static int fault(struct spf_fault *ret_fault, size_t at, const char *why)
{
	if (ret_fault)
		*ret_fault = (struct spf_fault){ at, why };
	return -1;
}

static int read_letter(char c, enum spf_where where, struct macro *macro,
		       const char **ret_why)
{
	macro->escape = c >= 'A' && c <= 'Z';
	macro->letter = (char)(macro->escape ? c - 'A' + 'a' : c);
	if (c == '\0' || !strchr("slodiphcrtv", macro->letter)) {
		*ret_why = "no macro has this letter";
		return -1;
	}
	if (where == SPF_IN_DOMAIN && strchr("crt", macro->letter)) {
		*ret_why = "this macro may stand in an explanation's text only";
		return -1;
	}
	return 0;
}

/* "*DIGIT"; a number larger than any value has parts may be any such. */
static int read_digits(const char *text, size_t len, size_t *at,
		       struct macro *macro)
{
	size_t start = *at;

	for (; *at < len && is_digit(text[*at]); ++*at)
		if (macro->keep <= VALUE_SIZE)
			macro->keep =
				macro->keep * 10 + (size_t)(text[*at] - '0');
	return *at > start && macro->keep == 0 ? -1 : 0;
}

/* Reads the macro at text[at], which is a '%'. */
static int read_macro(const char *text, size_t len, size_t at,
		      enum spf_where where, struct macro *ret_macro,
		      struct spf_fault *ret_fault)
{
	struct macro macro = { 0 };
	size_t i = at + 1;
	const char *why;

	if (i == len || text[i] == '\0' || !strchr("%_-{", text[i]))
		return fault(ret_fault, at,
			     "'%' must be followed by '{', '%', '_' or '-'");
	macro.form = text[i++];
	if (macro.form != '{')
		goto done;
	if (i == len)
		return fault(ret_fault, at, "this macro has no end");
	if (read_letter(text[i], where, &macro, &why) < 0)
		return fault(ret_fault, i, why);
	i++;
	if (read_digits(text, len, &i, &macro) < 0)
		return fault(ret_fault, i - 1, "zero parts of a macro");
	if (i < len && (text[i] == 'r' || text[i] == 'R')) {
		macro.reverse = true;
		i++;
	}
	macro.delimiters = text + i;
	while (i < len && text[i] != '\0' && strchr(DELIMITERS, text[i]))
		i++;
	macro.delimiters_len = (size_t)(text + i - macro.delimiters);
	if (i == len)
		return fault(ret_fault, at, "this macro has no end");
	if (text[i] != '}')
		return fault(ret_fault, i,
			     "unexpected character in a macro; a letter, "
			     "digits, 'r' and delimiters may stand there");
	i++;
done:
	macro.len = i - at;
	*ret_macro = macro;
	return 0;
}

static const char *wrong_character(char c, enum spf_where where)
{
	if ((c > ' ' && c <= '~') || (c == ' ' && where == SPF_IN_EXPLANATION))
		return NULL;
	if (c == ' ')
		return "a blank";
	if ((unsigned char)c >= 0x80)
		return "a byte that is not ASCII";
	return "a control character";
}

/* As spf_macro_check(); *ret_end is where the last macro ends. */
static int check(const char *text, size_t len, enum spf_where where,
		 uint32_t *ret_letters, size_t *ret_end,
		 struct spf_fault *ret_fault)
{
	uint32_t letters = 0;
	size_t end = 0, i = 0;
	struct macro macro;
	const char *why;

	while (i < len) {
		if (text[i] != '%') {
			why = wrong_character(text[i], where);
			if (why)
				return fault(ret_fault, i, why);
			i++;
			continue;
		}
		if (read_macro(text, len, i, where, &macro, ret_fault) < 0)
			return -1;
		if (macro.form == '{')
			letters |= SPF_LETTER(macro.letter);
		i += macro.len;
		end = i;
	}
	if (ret_letters)
		*ret_letters = letters;
	*ret_end = end;
	return 0;
}

int spf_macro_check(const char *text, size_t len, enum spf_where where,
		    uint32_t *ret_letters, struct spf_fault *ret_fault)
{
	size_t end;

	return check(text, len, where, ret_letters, &end, ret_fault);
}

/*
 * toplabel, section 7.1: letters, digits and hyphens, none of these at an end,
 * and not of digits alone.
 */
static int check_toplabel(const char *text, size_t from, size_t to,
			  struct spf_fault *ret_fault)
{
	bool digits = true;

	if (from == to)
		return fault(ret_fault, from, "an empty label ends the domain");
	if (text[from] == '-' || text[to - 1] == '-')
		return fault(ret_fault, from,
			     "the domain's last label begins or ends with a "
			     "hyphen");
	for (size_t i = from; i < to; i++) {
		if (!is_alpha(text[i]) && !is_digit(text[i]) && text[i] != '-')
			return fault(ret_fault, i,
				     "the domain's last label is of letters, "
				     "digits and hyphens only");
		digits = digits && is_digit(text[i]);
	}
	if (digits)
		return fault(ret_fault, from,
			     "the domain's last label is a number");
	return 0;
}

int spf_domain_check(const char *text, size_t len, uint32_t *ret_letters,
		     struct spf_fault *ret_fault)
{
	size_t end, to = len, label = len;
	uint32_t letters;

	if (len == 0)
		return fault(ret_fault, 0, "a domain is missing here");
	if (check(text, len, SPF_IN_DOMAIN, &letters, &end, ret_fault) < 0)
		return -1;
	/* domain-end: a macro, or a label with a dot before it */
	if (end < len) {
		if (to - end > 1 && text[to - 1] == '.')
			to--;
		for (label = to; label > end && text[label - 1] != '.';)
			label--;
		if (label == end)
			return fault(ret_fault, end,
				     "a domain ends in a dot and a last label, "
				     "or in a macro");
		if (check_toplabel(text, label, to, ret_fault) < 0)
			return -1;
	}
	if (ret_letters)
		*ret_letters = letters;
	return 0;
}

/* --- values ------------------------------------------------------------- */

/* s, l and o; section 4.3 has the word for an empty local part. */
static int sender_value(const struct spf_context *context, char letter,
			char *value)
{
	const char *at = strrchr(context->sender, '@');
	const char *domain = at ? at + 1 : context->sender;
	size_t local_len = at ? (size_t)(at - context->sender) : 0;
	const char *local = local_len > 0 ? context->sender : "postmaster";
	int n;

	if (local_len == 0)
		local_len = strlen(local);
	if (local_len >= VALUE_SIZE)
		return -1;
	if (domain[0] == '\0')
		domain = context->helo;
	if (letter == 'o')
		n = snprintf(value, VALUE_SIZE, "%s", domain);
	else
		n = snprintf(value, VALUE_SIZE, "%.*s%s%s", (int)local_len,
			     local, letter == 's' ? "@" : "",
			     letter == 's' ? domain : "");
	return n < 0 || n >= VALUE_SIZE ? -1 : 0;
}

/*
 * i: IPv6 as 32 nibbles with dots between.  Their letters are capital, as in
 * the test suite of the RFC; to DNS it is all the same.
 */
static int address_value(const struct ip *ip, char *value)
{
	static const char hex[] = "0123456789ABCDEF";

	if (ip->family == 4)
		return *ip_format(ip, value, VALUE_SIZE) == '\0' ? -1 : 0;
	if (ip->family != 6)
		return -1;
	for (int i = 0; i < 16; i++) {
		*value++ = hex[ip->bytes[i] >> 4];
		*value++ = '.';
		*value++ = hex[ip->bytes[i] & 15];
		*value++ = i < 15 ? '.' : '\0';
	}
	return 0;
}

static int text_value(const char *text, char *value)
{
	size_t len = strlen(text);

	if (len >= VALUE_SIZE)
		return -1;
	memcpy(value, text, len + 1);
	return 0;
}

/* What a letter stands for, into VALUE_SIZE bytes; -1 if that is too long. */
static int letter_value(const struct spf_context *context, char letter,
			char *value)
{
	switch (letter) {
	case 's':
	case 'l':
	case 'o': return sender_value(context, letter, value);
	case 'd': return text_value(context->domain, value);
	case 'h': return text_value(context->helo, value);
	case 'i': return address_value(&context->ip, value);
	case 'c': return *ip_format(&context->ip, value, VALUE_SIZE) ? 0 : -1;
	case 'v':
		return text_value(context->ip.family == 4 ? "in-addr" : "ip6",
				  value);
	case 'p':
		return text_value(context->validated ? context->validated
						     : "unknown",
				  value);
	case 'r':
		return text_value(context->receiver ? context->receiver
						    : "unknown",
				  value);
	default:
		snprintf(value, VALUE_SIZE, "%" PRId64, context->now);
		return 0;
	}
}

/* --- expansion ---------------------------------------------------------- */

/*
 * Where an expansion goes.  Of a name only the end counts, as section 7.3
 * shortens it from the left: when the buffer is full, what is surely too far
 * left goes.
 */
struct sink {
	char *buf;
	size_t size, len;
	bool tail; /* only the end counts */
	bool full;
};

/* The name, one more to see whether it begins a label, and a final dot. */
#define TAIL (SPF_NAME_MAX + 2)

static void put(struct sink *sink, char c)
{
	if (sink->len == sink->size && sink->tail) {
		memmove(sink->buf, sink->buf + sink->len - TAIL, TAIL);
		sink->len = TAIL;
	}
	if (sink->len == sink->size)
		sink->full = true;
	else
		sink->buf[sink->len++] = c;
}

static void put_escaped(struct sink *sink, char c, bool escape)
{
	static const char hex[] = "0123456789ABCDEF";

	/* RFC 3986 section 2.3: unreserved */
	if (!escape || is_alpha(c) || is_digit(c) ||
	    (c != '\0' && strchr("-._~", c))) {
		put(sink, c);
		return;
	}
	put(sink, '%');
	put(sink, hex[(unsigned char)c >> 4]);
	put(sink, hex[(unsigned char)c & 15]);
}

/* The value's parts become strings with a NUL each; returns how many. */
static size_t split(const struct macro *macro, char *value, size_t len)
{
	const char *delimiters = macro->delimiters;
	size_t delimiters_len = macro->delimiters_len, parts = 1;

	if (delimiters_len == 0) {
		delimiters = ".";
		delimiters_len = 1;
	}
	for (size_t i = 0; i < len; i++) {
		if (memchr(delimiters, value[i], delimiters_len)) {
			value[i] = '\0';
			parts++;
		}
	}
	return parts;
}

/* Section 7.3: split, reverse, keep so many from the right, join with dots. */
static void put_value(struct sink *sink, const struct macro *macro, char *value)
{
	size_t len = strlen(value);
	size_t parts = split(macro, value, len);
	size_t keep =
		macro->keep > 0 && macro->keep < parts ? macro->keep : parts;
	const char *part = value;

	if (!macro->reverse) {
		for (size_t drop = parts - keep; drop > 0; drop--)
			part += strlen(part) + 1;
	} else {
		/* after reversing, the right-hand parts are the first ones */
		for (size_t skip = keep - 1; skip > 0; skip--)
			part += strlen(part) + 1;
	}
	for (size_t n = 0; n < keep; n++) {
		if (n > 0)
			put(sink, '.');
		for (const char *c = part; *c != '\0'; c++)
			put_escaped(sink, *c, macro->escape);
		if (n + 1 == keep)
			break;
		if (!macro->reverse) {
			part += strlen(part) + 1;
		} else {
			part--; /* the NUL of the part before */
			while (part > value && part[-1] != '\0')
				part--;
		}
	}
}

static enum spf_expansion expand(const struct spf_context *context,
				 const char *text, size_t len,
				 enum spf_where where, struct sink *sink)
{
	char value[VALUE_SIZE];
	struct macro macro;

	for (size_t i = 0; i < len; i += macro.len) {
		macro.len = 1;
		if (text[i] != '%') {
			put(sink, text[i]);
			continue;
		}
		if (read_macro(text, len, i, where, &macro, NULL) < 0)
			return SPF_BAD_MACRO;
		switch (macro.form) {
		case '%': put(sink, '%'); break;
		case '_': put(sink, ' '); break;
		case '-':
			put(sink, '%');
			put(sink, '2');
			put(sink, '0');
			break;
		default:
			if (letter_value(context, macro.letter, value) < 0)
				return where == SPF_IN_EXPLANATION
					       ? SPF_NO_TEXT
					       : SPF_NOT_A_NAME;
			put_value(sink, &macro, value);
		}
	}
	return SPF_EXPANDED;
}

/*
 * Drops labels from the left.  If one label alone is too long, nothing is left,
 * which is no name.
 */
static size_t shorten(const char *name, size_t len)
{
	size_t start = len > SPF_NAME_MAX ? len - SPF_NAME_MAX : 0;

	while (start > 0 && start < len && name[start - 1] != '.')
		start++;
	return start;
}

int spf_name_wire(const char *name, size_t len, struct dns_name *ret_name)
{
	struct dns_name wire = { 0 };
	size_t label = 0, out = 0;

	if (len == 0 || len > SPF_NAME_MAX)
		return -1;
	for (size_t i = 0; i <= len; i++) {
		if (i < len && name[i] != '.')
			continue;
		if (i == label || i - label > DNS_LABEL_MAX)
			return -1;
		wire.wire[out++] = (uint8_t)(i - label);
		memcpy(wire.wire + out, name + label, i - label);
		out += i - label;
		label = i + 1;
	}
	wire.wire[out++] = 0;
	wire.len = (uint8_t)out;
	*ret_name = wire;
	return 0;
}

static bool is_printable(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (text[i] < ' ' || text[i] > '~')
			return false;
	return true;
}

enum spf_expansion spf_expand_domain(const struct spf_context *context,
				     const char *spec, size_t len,
				     char ret_name[SPF_NAME_SIZE])
{
	char buf[4 * TAIL];
	struct sink sink = { .buf = buf, .size = sizeof(buf), .tail = true };
	enum spf_expansion expansion;
	struct dns_name wire;
	size_t start;

	if (spf_domain_check(spec, len, NULL, NULL) < 0)
		return SPF_BAD_MACRO;
	expansion = expand(context, spec, len, SPF_IN_DOMAIN, &sink);
	if (expansion != SPF_EXPANDED)
		return expansion;
	if (sink.len > 0 && buf[sink.len - 1] == '.')
		sink.len--;
	start = shorten(buf, sink.len);
	if (!is_printable(buf + start, sink.len - start) ||
	    spf_name_wire(buf + start, sink.len - start, &wire) < 0)
		return SPF_NOT_A_NAME;
	memcpy(ret_name, buf + start, sink.len - start);
	ret_name[sink.len - start] = '\0';
	return SPF_EXPANDED;
}

enum spf_expansion spf_expand_explanation(const struct spf_context *context,
					  const char *text, size_t len,
					  char *ret_text, size_t size)
{
	struct sink sink = { .buf = ret_text, .size = size - 1 };
	enum spf_expansion expansion;

	ret_text[0] = '\0';
	if (spf_macro_check(text, len, SPF_IN_EXPLANATION, NULL, NULL) < 0)
		return SPF_BAD_MACRO;
	expansion = expand(context, text, len, SPF_IN_EXPLANATION, &sink);
	if (expansion == SPF_EXPANDED &&
	    (sink.full || !is_printable(ret_text, sink.len)))
		expansion = SPF_NO_TEXT;
	ret_text[expansion == SPF_EXPANDED ? sink.len : 0] = '\0';
	return expansion;
}
