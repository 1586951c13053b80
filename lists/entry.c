/*
 * entry.c - entries as people write them.
 */
#include "lists/entry.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define LABEL_MAX 63

__attribute__((format(printf, 3, 4))) static int wrong(struct list_error *error,
						       size_t offset,
						       const char *format, ...)
{
	va_list args;

	error->column = offset + 1;
	va_start(args, format);
	vsnprintf(error->text, sizeof(error->text), format, args);
	va_end(args);
	return -1;
}

static int unexpected(struct list_error *error, size_t offset, char c)
{
	if (c > ' ' && c < 0x7f)
		return wrong(error, offset, "unexpected character '%c'", c);
	if (c == ' ')
		return wrong(error, offset, "unexpected blank");
	return wrong(error, offset, "unexpected byte 0x%02x",
		     (unsigned)(unsigned char)c);
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static void copy_lower(char *to, const char *from, size_t len)
{
	for (size_t i = 0; i < len; i++)
		to[i] = lower(from[i]);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool is_alnum(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
	       (c >= 'A' && c <= 'Z');
}

static bool is_8bit(char c)
{
	return ((unsigned char)c & 0x80) != 0;
}

/* RFC 5322 section 3.2.3, and UTF-8 (RFC 6531 section 3.3). */
static bool is_atext(char c)
{
	return is_alnum(c) || is_8bit(c) ||
	       (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", c));
}

/*
 * Length of the UTF-8 sequence (RFC 3629) at text; 0 when it is none.  A name
 * in some other encoding would never match and nobody would notice.
 */
static size_t utf8_sequence(const char *text, size_t len)
{
	const unsigned char *at = (const unsigned char *)text;
	unsigned low = 0x80, high = 0xbf;
	size_t need;

	if (at[0] < 0x80)
		return 1;
	if (at[0] >= 0xc2 && at[0] <= 0xdf)
		need = 2;
	else if (at[0] >= 0xe0 && at[0] <= 0xef)
		need = 3;
	else if (at[0] >= 0xf0 && at[0] <= 0xf4)
		need = 4;
	else
		return 0;
	if (at[0] == 0xe0)
		low = 0xa0;
	else if (at[0] == 0xed)
		high = 0x9f;
	else if (at[0] == 0xf0)
		low = 0x90;
	else if (at[0] == 0xf4)
		high = 0x8f;
	if (len < need || at[1] < low || at[1] > high)
		return 0;
	for (size_t i = 2; i < need; i++)
		if (at[i] < 0x80 || at[i] > 0xbf)
			return 0;
	return need;
}

static int check_utf8(const char *text, size_t len, size_t offset,
		      struct list_error *error)
{
	size_t step;

	for (size_t i = 0; i < len; i += step) {
		step = utf8_sequence(text + i, len - i);
		if (step == 0)
			return wrong(error, offset + i, "this is not UTF-8");
	}
	return 0;
}

const char *entry_kind_name(enum list_kind kind)
{
	static const char *const names[] = {
		[LIST_IP] = "ip",
		[LIST_DOMAIN] = "domain",
		[LIST_ADDRESS] = "address",
		[LIST_REGEX] = "regex",
	};

	return names[kind];
}

static int parse_ip(const char *text, size_t len, struct entry *entry,
		    struct list_error *error)
{
	struct ip_error why;

	if (ip_prefix_parse(text, len, &entry->prefix, &why) == 0)
		return 0;
	if (len > 5 && strncasecmp(text, "ipv6:", 5) == 0)
		return wrong(error, 0, "an address here has no \"IPv6:\"");
	return wrong(error, why.offset, "%s", why.text);
}

/*
 * Checks a domain that stands `offset` bytes into the entry and takes a dot
 * off its end.  Single labels are fine: "localhost", or a whole "zip".
 */
static int check_domain(const char *name, size_t *len, size_t offset,
			struct list_error *error)
{
	size_t label = 0;
	bool ascii = true;
	struct ip ip;

	if (*len > 0 && name[*len - 1] == '.')
		--*len;
	if (*len == 0)
		return wrong(error, offset, "a domain is expected here");
	if (name[0] == '.')
		return wrong(error, offset,
			     "a domain does not begin with a dot");
	if (name[*len - 1] == '.')
		return wrong(error, offset + *len, "two dots in a row");
	if (ip_parse(name, *len, &ip) == 0)
		return wrong(error, offset, "an IP address is not a domain");
	for (size_t i = 0; i < *len; i++) {
		char c = name[i];

		if (c == '.') {
			if (i == label)
				return wrong(error, offset + i,
					     "two dots in a row");
			label = i + 1;
			ascii = true;
			continue;
		}
		if (!is_alnum(c) && c != '-' && c != '_' && !is_8bit(c))
			return unexpected(error, offset + i, c);
		ascii = ascii && !is_8bit(c);
		if (ascii && i - label == LABEL_MAX)
			return wrong(error, offset + i,
				     "more than %d bytes between two dots",
				     LABEL_MAX);
	}
	if (*len > ENTRY_DOMAIN_MAX)
		return wrong(error, offset + ENTRY_DOMAIN_MAX,
			     "a domain has at most %d bytes", ENTRY_DOMAIN_MAX);
	return check_utf8(name, *len, offset, error);
}

static int parse_domain(const char *text, size_t len, struct entry *entry,
			struct list_error *error)
{
	const char *at = memchr(text, '@', len);
	size_t skip;

	entry->exact = text[0] == '=';
	skip = entry->exact;
	if (at)
		return wrong(error, (size_t)(at - text),
			     "a list of domains has no addresses");
	if (len > skip && text[skip] == '*')
		return wrong(error, skip,
			     "no '*': a domain stands for all below it, too");
	if (len > skip + 1 && text[skip] == '.')
		return wrong(error, skip,
			     "no dot here: a domain stands for all below it, "
			     "too");
	len -= skip;
	if (check_domain(text + skip, &len, skip, error) < 0)
		return -1;
	copy_lower(entry->key, text + skip, len);
	entry->len = len;
	return 0;
}

/* Just the bounds of it: such an entry is compared as it is written. */
static int check_literal(const char *text, size_t len, size_t offset,
			 struct list_error *error)
{
	if (text[len - 1] != ']')
		return wrong(error, offset + len, "']' is missing");
	if (len == 2)
		return wrong(error, offset, "an address is expected in it");
	if (len > ENTRY_DOMAIN_MAX)
		return wrong(error, offset, "too long for an address literal");
	for (size_t i = 1; i < len - 1; i++)
		if (!is_alnum(text[i]) && !memchr(".:-", text[i], 3))
			return unexpected(error, offset + i, text[i]);
	return 0;
}

/* The length of a quoted local part with its quotes, or -1. */
static int quoted_length(const char *text, size_t len, size_t *ret_len,
			 struct list_error *error)
{
	for (size_t i = 1; i < len; i++) {
		if (text[i] == '"') {
			*ret_len = i + 1;
			return 0;
		}
		if (text[i] == '\\' && ++i == len)
			break;
		if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
			return unexpected(error, i, text[i]);
	}
	return wrong(error, len, "the quote is not closed");
}

static int local_length(const char *text, size_t len, size_t *ret_len,
			struct list_error *error)
{
	size_t local = 0;

	if (text[0] == '"') {
		if (quoted_length(text, len, &local, error) < 0)
			return -1;
		if (local == 2)
			return wrong(error, 0, "nothing between the quotes");
	}
	if (text[0] == '<')
		return wrong(error, 0, "an address here has no '<' and '>'");
	if (text[0] != '"')
		while (local < len &&
		       (is_atext(text[local]) || text[local] == '.'))
			local++;
	if (local < len && text[local] != '@')
		return unexpected(error, local, text[local]);
	if (local == len)
		return wrong(error, 0,
			     "no '@': an address is a@b, all of a domain's "
			     "are @b");
	*ret_len = local;
	return check_utf8(text, local, 0, error);
}

static int parse_address(const char *text, size_t len, struct entry *entry,
			 struct list_error *error)
{
	size_t local = 0, domain;

	if (local_length(text, len, &local, error) < 0)
		return -1;
	domain = len - local - 1;
	text += local + 1;
	if (domain > 0 && text[0] == '[') {
		if (check_literal(text, domain, local + 1, error) < 0)
			return -1;
	} else if (check_domain(text, &domain, local + 1, error) < 0) {
		return -1;
	}
	entry->len = entry_address_key(text - local - 1, local + 1 + domain,
				       entry->key);
	if (entry->len == 0)
		return wrong(error, ENTRY_LOCAL_MAX,
			     "more than %d bytes before the '@'",
			     ENTRY_LOCAL_MAX);
	return 0;
}

static int parse_regex(const char *text, size_t len, struct entry *entry,
		       struct list_error *error)
{
	for (size_t i = 0; i < len; i++)
		if (text[i] == '\n' || text[i] == '\r' || text[i] == '\0')
			return unexpected(error, i, text[i]);
	memcpy(entry->key, text, len);
	entry->len = len;
	return 0;
}

int entry_parse(enum list_kind kind, const char *text, size_t len,
		struct entry *ret_entry, struct list_error *ret_error)
{
	ret_entry->kind = kind;
	ret_entry->exact = false;
	ret_entry->len = 0;
	if (len == 0)
		return wrong(ret_error, 0, "the entry is empty");
	if (len > ENTRY_MAX)
		return wrong(ret_error, 0,
			     "an entry of %zu bytes; at most %d are allowed",
			     len, ENTRY_MAX);
	switch (kind) {
	case LIST_IP: return parse_ip(text, len, ret_entry, ret_error);
	case LIST_DOMAIN: return parse_domain(text, len, ret_entry, ret_error);
	case LIST_ADDRESS:
		return parse_address(text, len, ret_entry, ret_error);
	case LIST_REGEX: break;
	}
	return parse_regex(text, len, ret_entry, ret_error);
}

bool entry_equal(const struct entry *a, const struct entry *b)
{
	if (a->kind != b->kind)
		return false;
	if (a->kind == LIST_IP)
		return a->prefix.bits == b->prefix.bits &&
		       ip_equal(&a->prefix.ip, &b->prefix.ip);
	return a->exact == b->exact && a->len == b->len &&
	       memcmp(a->key, b->key, a->len) == 0;
}

size_t entry_domain_key(const char *name, size_t len, char key[ENTRY_KEY_MAX])
{
	if (len > 0 && name[len - 1] == '.')
		len--;
	if (len > ENTRY_DOMAIN_MAX)
		return 0;
	copy_lower(key, name, len);
	return len;
}

/* The last "@" parts the two, since only a local part can be quoted. */
static const char *last_at(const char *text, size_t len)
{
	return len > 0 ? memrchr(text, '@', len) : NULL;
}

size_t entry_address_key(const char *address, size_t len,
			 char key[ENTRY_KEY_MAX])
{
	const char *at = last_at(address, len);
	size_t local, domain, n = 0;
	bool quoted;

	if (!at)
		return 0;
	local = (size_t)(at - address);
	domain = len - local - 1;
	if (domain > 0 && at[domain] == '.')
		domain--;
	if (domain > ENTRY_DOMAIN_MAX)
		return 0;
	quoted = local >= 2 && address[0] == '"' && at[-1] == '"';
	for (size_t i = quoted; i < local - quoted; i++) {
		if (quoted && address[i] == '\\' && i + 1 < local - 1)
			i++;
		if (n == ENTRY_LOCAL_MAX)
			return 0;
		key[n++] = lower(address[i]);
	}
	key[n++] = '@';
	copy_lower(key + n, at + 1, domain);
	return n + domain;
}

/* Must this local part be quoted to be read as one? */
static bool wants_quotes(const char *local, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!is_atext(local[i]) && local[i] != '.')
			return true;
	return len > 0 && local[0] == '#';
}

size_t entry_format_name(enum list_kind kind, bool exact, const char *key,
			 size_t len, char buf[ENTRY_TEXT_SIZE])
{
	const char *at = kind == LIST_ADDRESS ? last_at(key, len) : NULL;
	size_t local = at ? (size_t)(at - key) : 0;
	size_t n = 0, i = 0;

	if (exact)
		buf[n++] = '=';
	if (wants_quotes(key, local)) {
		buf[n++] = '"';
		for (; i < local; i++) {
			if (key[i] == '"' || key[i] == '\\')
				buf[n++] = '\\';
			buf[n++] = key[i];
		}
		buf[n++] = '"';
	}
	memcpy(buf + n, key + i, len - i);
	n += len - i;
	buf[n] = '\0';
	return n;
}

/* Where a regex ends: "/" to "/" and its flags, or the whole line. */
static size_t regex_end(const char *line, size_t at, size_t len)
{
	size_t i = at + 1;

	if (line[at] != '/')
		return len;
	while (i < len && line[i] != '/')
		i += line[i] == '\\' && i + 1 < len ? 2 : 1;
	if (i >= len)
		return len;
	for (i++; i < len && is_alnum(line[i]);)
		i++;
	return i;
}

static size_t entry_end(enum list_kind kind, const char *line, size_t at,
			size_t len)
{
	bool quoted = false;
	size_t i;

	if (kind == LIST_REGEX)
		return regex_end(line, at, len);
	for (i = at; i < len && (quoted || !is_blank(line[i])); i++) {
		if (kind != LIST_ADDRESS || line[at] != '"')
			continue;
		if (line[i] == '"')
			quoted = i == at;
		else if (quoted && line[i] == '\\' && i + 1 < len)
			i++;
	}
	return i;
}

enum entry_line entry_in_line(enum list_kind kind, const char *line, size_t len,
			      size_t *ret_at, size_t *ret_len,
			      struct list_error *ret_error)
{
	const char *bad;
	size_t at = 0, end, rest;

	bad = memchr(line, '\0', len);
	if (bad) {
		wrong(ret_error, (size_t)(bad - line),
		      "a NUL byte: this is no text file");
		return ENTRY_LINE_BAD;
	}
	bad = memchr(line, '\r', len);
	if (bad) {
		wrong(ret_error, (size_t)(bad - line),
		      "a CR that does not end the line");
		return ENTRY_LINE_BAD;
	}
	while (at < len && is_blank(line[at]))
		at++;
	if (at == len || line[at] == '#')
		return ENTRY_LINE_EMPTY;
	end = entry_end(kind, line, at, len);
	for (rest = end; rest < len && is_blank(line[rest]);)
		rest++;
	if (rest < len && (line[rest] != '#' || rest == end)) {
		if (rest == end)
			unexpected(ret_error, rest, line[rest]);
		else
			wrong(ret_error, rest,
			      "one entry a line; a comment begins with '#'");
		return ENTRY_LINE_BAD;
	}
	while (end > at && is_blank(line[end - 1]))
		end--;
	*ret_at = at;
	*ret_len = end - at;
	return ENTRY_LINE_ENTRY;
}

bool entry_next_line(const char *text, size_t len, size_t *at,
		     const char **ret_line, size_t *ret_len)
{
	const char *line = text + *at, *end;
	size_t n;

	if (*at >= len)
		return false;
	end = memchr(line, '\n', len - *at);
	n = end ? (size_t)(end - line) : len - *at;
	*at += end ? n + 1 : n;
	if (end && n > 0 && line[n - 1] == '\r')
		n--;
	*ret_line = line;
	*ret_len = n;
	return true;
}
