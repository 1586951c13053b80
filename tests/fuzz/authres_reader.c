/*
 * authres_reader.c - readers of Authentication-Results, strict, slow and lax.
 */
#include "tests/fuzz/authres_reader.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* A fuzzer is to find its way through what is tested, not through this. */
#ifdef __clang__
#pragma clang attribute push(__attribute__((no_sanitize("coverage"))), \
			     apply_to = function)
#endif

/* --- to the letter -------------------------------------------------------- */

static const char specials[] = "()<>@,;:\\\"/[]?=";

static bool is_token_char(char c)
{
	return c > ' ' && c <= '~' && strchr(specials, c) == NULL;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Folding white space; comments we write none. */
static void skip_fws(const char **at)
{
	for (;;) {
		if (is_blank(**at))
			++*at;
		else if (**at == '\n' && is_blank((*at)[1]))
			*at += 2;
		else
			return;
	}
}

static bool read_token(const char **at, char *out)
{
	size_t len = 0;

	while (is_token_char(**at) && len < READ_VALUE_MAX - 1)
		out[len++] = *(*at)++;
	out[len] = '\0';
	return len > 0;
}

/* RFC 5321's Keyword is Ldh-str: letters, digits, hyphens, none last. */
static bool read_keyword(const char **at, char *out)
{
	size_t len = 0;

	while ((**at >= 'a' && **at <= 'z') || (**at >= '0' && **at <= '9') ||
	       (**at == '-' && len > 0)) {
		if (len == 62)
			return false;
		out[len++] = *(*at)++;
	}
	out[len] = '\0';
	return len > 0 && out[len - 1] != '-';
}

/* With its quotes taken off, but `raw` as it stands. */
static bool read_quoted(const char **at, char *out, char *raw)
{
	size_t len = 0, raw_len = 0;

	raw[raw_len++] = *(*at)++;
	while (**at != '"') {
		if (len >= READ_VALUE_MAX / 2 - 4)
			return false;
		if (**at == '\\')
			raw[raw_len++] = *(*at)++;
		if (**at < ' ' || **at > '~')
			return false;
		raw[raw_len++] = **at;
		out[len++] = *(*at)++;
	}
	raw[raw_len++] = *(*at)++;
	out[len] = raw[raw_len] = '\0';
	return true;
}

static bool is_host(const char *name)
{
	bool fresh = true; /* a label begins */

	for (; *name != '\0'; name++) {
		bool letter = (*name >= 'a' && *name <= 'z') ||
			      (*name >= 'A' && *name <= 'Z') ||
			      (*name >= '0' && *name <= '9');

		if (!letter && (fresh || (*name != '-' && *name != '.')))
			return false;
		if (*name == '.' && name[-1] == '-')
			return false;
		fresh = *name == '.';
	}
	return !fresh && name[-1] != '-';
}

/* Dot-string of RFC 5321 section 4.1.2, up to the "@". */
static bool read_dot_string(const char **at, char *out)
{
	static const char others[] = "!#$%&'*+-/=?^_`{|}~";
	size_t len = 0;

	for (; **at != '@'; out[len++] = *(*at)++) {
		char c = **at;
		bool atext = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			     (c >= '0' && c <= '9') ||
			     (c != '\0' && strchr(others, c) != NULL);

		if (len >= READ_VALUE_MAX / 2 ||
		    (!atext && (c != '.' || len == 0 || out[len - 1] == '.')))
			return false;
	}
	out[len] = '\0';
	return len > 0 && out[len - 1] != '.';
}

/* value / [[local-part] "@"] domain-name */
static bool read_pvalue(const char **at, char *out)
{
	const char *begin = *at;
	char domain[READ_VALUE_MAX], raw[READ_VALUE_MAX];

	if (**at == '"') {
		if (!read_quoted(at, out, raw))
			return false;
		if (**at != '@')
			return true;
		strcpy(out, raw);
	} else if (!read_dot_string(at, out)) {
		*at = begin;
		return read_token(at, out);
	}
	++*at;
	if (!read_token(at, domain) || !is_host(domain) ||
	    strlen(out) + strlen(domain) + 2 > READ_VALUE_MAX)
		return false;
	strcat(out, "@");
	strcat(out, domain);
	return true;
}

static bool ends(const char *at)
{
	return *at == ';' || *at == '\0';
}

static bool read_property(struct read_result *result, const char **at)
{
	struct read_property *property = &result->properties[result->count];
	char ptype[64], name[64];

	if (result->count == READ_PROPERTIES_MAX || !read_keyword(at, ptype) ||
	    *(*at)++ != '.' || !read_keyword(at, name) || *(*at)++ != '=')
		return false;
	if (strlen(ptype) + strlen(name) + 2 > sizeof(property->name))
		return false;
	strcpy(property->name, ptype);
	strcat(property->name, ".");
	strcat(property->name, name);
	result->count++;
	return read_pvalue(at, property->value);
}

static bool read_result(struct read_result *result, const char **at)
{
	memset(result, 0, sizeof(*result));
	skip_fws(at);
	if (!read_keyword(at, result->method) || *(*at)++ != '=' ||
	    !read_keyword(at, result->result))
		return false;
	while (!ends(*at)) {
		const char *before = *at;

		skip_fws(at);
		if (*at == before)
			return false;
		if (strncmp(*at, "reason=", 7) == 0) {
			char raw[READ_VALUE_MAX];

			if (result->count > 0 || result->reason[0] != '\0')
				return false;
			*at += 7;
			if (**at == '"' ? !read_quoted(at, result->reason, raw)
					: !read_token(at, result->reason))
				return false;
		} else if (!read_property(result, at)) {
			return false;
		}
	}
	return true;
}

bool authres_read(struct read_field *field, const char *value)
{
	const char *at = value;

	field->count = 0;
	if (!read_token(&at, field->id) || *at != ';')
		return false;
	if (strcmp(at, "; none") == 0)
		return true;
	while (*at == ';') {
		at++;
		if (field->count == READ_RESULTS_MAX ||
		    !read_result(&field->results[field->count++], &at))
			return false;
	}
	return *at == '\0';
}

/* --- by rewriting --------------------------------------------------------- */

/* A value is taken apart into bytes, gaps, quotes, and comments without end. */
struct item {
	enum { BYTE, GAP, QUOTE, UNENDED } kind;
	char c;
	bool is_bare; /* nothing was dropped in front of it */
};

enum { NESTS = 1, ESCAPES = 2, QUOTES = 4, MANNERS = 8 };

/* The length of the comment that begins here; 0: it has no end. */
static size_t comment(const char *value, size_t len, unsigned manner)
{
	unsigned depth = 1;

	for (size_t i = 1; i < len; i++) {
		if ((manner & ESCAPES) && value[i] == '\\')
			i++;
		else if ((manner & NESTS) && value[i] == '(')
			depth++;
		else if (value[i] == ')' && --depth == 0)
			return i + 1;
	}
	return 0;
}

static bool is_space(char c)
{
	return (unsigned char)c <= ' ' || c == 0x7f;
}

static size_t take_apart(struct item *items, const char *value, size_t len,
			 unsigned manner)
{
	unsigned quotes = 0;
	bool is_bare = true;
	size_t count = 0;

	for (size_t i = 0; i < len; i++) {
		struct item item = { BYTE, value[i], is_bare };
		size_t skipped;

		is_bare = (unsigned char)item.c < 0x80 && item.c != '\\' &&
			  (item.c != '"' || (manner & QUOTES));
		if (item.c == '\\' && (manner & ESCAPES) && i + 1 < len) {
			item.c = value[++i];
			item.is_bare = false;
			is_bare = true;
		} else if (!is_bare) {
			continue;
		} else if (item.c == '"') {
			item.kind = QUOTE;
			quotes++;
		} else if (quotes == 1 ||
			   (item.c != '(' && !is_space(item.c))) {
			item.kind = BYTE;
		} else if (item.c != '(') {
			item.kind = GAP;
		} else if ((skipped = comment(value + i, len - i, manner)) >
			   0) {
			item.kind = GAP;
			i += skipped - 1;
		} else {
			item.kind = UNENDED;
		}
		items[count++] = item;
		if (item.kind == UNENDED)
			break;
	}
	return count;
}

static bool is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || c == '-' || c == '_';
}

static bool is_digit(struct item item)
{
	return item.kind == BYTE && item.is_bare && item.c >= '0' &&
	       item.c <= '9';
}

static bool is_bare_gap(struct item item)
{
	return item.kind == GAP && item.is_bare;
}

/* As it stands: what a quote is dropped from may be part of the name. */
static bool version_at(const struct item *items, size_t count)
{
	size_t i = 0;

	while (i < count && is_bare_gap(items[i]))
		i++;
	if (i == count || !is_digit(items[i]))
		return false;
	while (i < count && is_digit(items[i]))
		i++;
	while (i < count && is_bare_gap(items[i]))
		i++;
	return i < count && items[i].kind == BYTE && items[i].is_bare &&
	       items[i].c == ';';
}

/* Our id, and dots? */
static bool is_id(const char *word, size_t len, const char *id)
{
	while (len > strlen(id) && word[len - 1] == '.')
		len--;
	return len == strlen(id) && strncasecmp(word, id, len) == 0;
}

/* 1: it is; 0: it is not; -1: it has ended too early. */
static int decide(const struct item *items, size_t count, const char *id)
{
	static char word[1 << 16];
	size_t i = 0, len = 0, id_len = strlen(id);
	bool quoted = false, ended = false;

	for (; i < count && items[i].kind != UNENDED; i++) {
		if (items[i].kind == BYTE && (quoted || is_word(items[i].c) ||
					      (items[i].c | 32) == id[0]))
			break;
		if (items[i].kind == QUOTE && quoted)
			return 0; /* an empty one */
		quoted |= items[i].kind == QUOTE;
	}
	for (; i < count; i++) {
		if (items[i].kind == GAP && is_id(word, len, id))
			break;
		if (items[i].kind == GAP && len > 0 &&
		    version_at(items + i + 1, count - i - 1))
			break;
		if (items[i].kind == QUOTE || items[i].kind == UNENDED)
			break;
		if (items[i].kind == BYTE)
			word[len++] = items[i].c;
	}
	ended = i == count || items[i].kind == UNENDED;
	if (len < id_len)
		return ended && strncasecmp(word, id, len) == 0 ? -1 : 0;
	if (strncasecmp(word, id, id_len) != 0)
		return 0;
	for (i = id_len; i < len && word[i] == '.'; i++)
		;
	return i == len || !is_word(word[i]);
}

bool authres_slowly(const char *id, const char *value, size_t len)
{
	static struct item items[1 << 16];

	for (unsigned manner = 0; manner < MANNERS; manner++) {
		size_t count = take_apart(items, value, len, manner);
		int is = decide(items, count, id);

		if (is > 0 || (is < 0 && manner == MANNERS - 1))
			return true;
	}
	return false;
}

/* --- as it comes
 * ---------------------------------------------------------------- */

enum { DROPS_8BIT = 1, DROPS_CONTROLS = 2, UNFOLDS = 4, READERS = 8 };
enum { KEEPS_COMMENTS, FLAT, NESTED, COMMENTS };

/* "\([^)]*\)" or "\([^()]*\)" -> "", once. */
static bool cut_comment(char *text, size_t *len, bool nested)
{
	size_t open = *len;

	for (size_t i = 0; i < *len; i++) {
		if (text[i] == '(' && (nested || open == *len))
			open = i;
		if (text[i] != ')' || open == *len)
			continue;
		memmove(text + open, text + i + 1, *len - i - 1);
		*len -= i + 1 - open;
		return true;
	}
	return false;
}

static void cut_comments(char *text, size_t *len, unsigned comments)
{
	if (comments != KEEPS_COMMENTS)
		while (cut_comment(text, len, comments == NESTED))
			;
}

static size_t simplify(char *out, const char *value, size_t len, unsigned how)
{
	size_t used = 0;

	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)value[i];

		if ((how & UNFOLDS) && (c == '\r' || c == '\n')) {
			while (i + 1 < len && is_space(value[i + 1]))
				i++;
			continue;
		}
		if ((how & DROPS_8BIT) && c >= 0x80)
			continue;
		if ((how & DROPS_CONTROLS) && (c < ' ' || c == 0x7f) &&
		    strchr("\t\r\n", c) == NULL)
			continue;
		out[used++] = (char)c;
	}
	return used;
}

/* strip(), and strip('"') where both are there */
static bool equals(const char *text, size_t len, const char *id)
{
	while (len > 0 && is_space(text[0]))
		text++, len--;
	while (len > 0 && is_space(text[len - 1]))
		len--;
	if (len > 1 && text[0] == '"' && text[len - 1] == '"')
		text++, len -= 2;
	while (len > 0 && text[len - 1] == '.')
		len--;
	return len == strlen(id) && strncasecmp(text, id, len) == 0;
}

/* split(";")[0], or the first word of that */
static bool sees(const char *text, size_t len, const char *id)
{
	const char *end = memchr(text, ';', len);
	size_t word = 0;

	len = end != NULL ? (size_t)(end - text) : len;
	if (equals(text, len, id))
		return true;
	while (len > 0 && is_space(text[0]))
		text++, len--;
	while (word < len && !is_space(text[word]))
		word++;
	return equals(text, word, id);
}

bool authres_leniently(const char *id, const char *value, size_t len)
{
	static char copy[1 << 16];
	size_t digits = strcspn(id, "0123456789");

	if (id[digits] != '\0' || memchr(value, '\0', len) != NULL)
		return false; /* a version might be part of it */
	for (unsigned how = 0; how < READERS; how++)
		for (unsigned c = 0; c < COMMENTS; c++) {
			size_t used = simplify(copy, value, len, how);

			cut_comments(copy, &used, c);
			if (sees(copy, used, id))
				return true;
		}
	return false;
}

bool authres_names_another(const char *id, const char *value, size_t len)
{
	size_t i = 0, begin, end;

	while (i < len && strchr(" \t\r\n", value[i]) != NULL && value[i])
		i++;
	begin = i;
	while (i < len && (is_word(value[i]) || (value[i] == '.' && i > begin)))
		i++;
	end = i;
	while (i < len && strchr(" \t\r\n", value[i]) != NULL && value[i])
		i++;
	if (i > end)
		while (i < len && value[i] >= '0' && value[i] <= '9')
			i++;
	while (i < len && strchr(" \t\r\n", value[i]) != NULL && value[i])
		i++;
	if (end == begin || i == len || value[i] != ';')
		return false;
	while (value[end - 1] == '.')
		end--;
	return end - begin != strlen(id) ||
	       strncasecmp(value + begin, id, end - begin) != 0;
}

#ifdef __clang__
#pragma clang attribute pop
#endif
