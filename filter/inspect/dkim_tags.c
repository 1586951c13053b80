/*
 * dkim_tags.c - the tag=value lists of DKIM, read strictly.
 */
#include "filter/inspect/dkim_tags.h"

#include <string.h>

#include "rules/mail/ascii.h"
#include "rules/mail/limits.h"

bool dkim_is_fold(char c)
{
	return ascii_is_blank(c) || c == '\r' || c == '\n';
}

/* Without the blanks and folds around it. */
static struct span trim(const char *text, size_t from, size_t to)
{
	while (from < to && dkim_is_fold(text[from]))
		from++;
	while (to > from && dkim_is_fold(text[to - 1]))
		to--;
	return (struct span){ .at = from, .len = to - from };
}

/* ALPHA *ALNUMPUNC */
static bool is_name(const char *text, struct span name)
{
	if (name.len == 0 || !ascii_is_alpha(text[name.at]))
		return false;
	for (size_t i = 1; i < name.len; i++)
		if (!ascii_is_alnum(text[name.at + i]) &&
		    text[name.at + i] != '_')
			return false;
	return true;
}

/*
 * The bytes of a value are printable; a line end stands before a blank, and is
 * CRLF or LF.  `end` is where all of the text ends: nothing folds there.
 */
static bool is_value(const char *text, struct span value, size_t end)
{
	for (size_t i = value.at; i < value.at + value.len; i++) {
		char c = text[i];

		if (c == '\r' && i + 1 < end && text[i + 1] == '\n')
			continue;
		if (c == '\n' && i + 1 < end && ascii_is_blank(text[i + 1]))
			continue;
		if (!ascii_is_blank(c) && (c < '!' || c > '~'))
			return false;
	}
	return true;
}

static const char *read_tag(struct dkim_tags *tags, size_t from, size_t to,
			    size_t end)
{
	const char *text = tags->text;
	struct span all = { .at = from, .len = to - from };
	const char *sign = memchr(text + from, '=', to - from);
	size_t at = sign ? (size_t)(sign - text) : to;
	struct dkim_tag tag;

	if (!is_value(text, all, end))
		return "a tag holds a byte that none may hold";
	if (trim(text, from, to).len == 0)
		return "there is an empty tag";
	if (!sign)
		return "a tag has no value";
	tag.name = trim(text, from, at);
	tag.value = trim(text, at + 1, to);
	tag.blank = tag.name.at + tag.name.len != at;
	if (!is_name(text, tag.name))
		return "a tag's name is none";
	for (size_t i = 0; i < tags->count; i++) {
		struct span other = tags->list[i].name;

		if (other.len == tag.name.len &&
		    memcmp(text + other.at, text + tag.name.at, other.len) == 0)
			return "a tag stands twice";
	}
	if (tags->count == DKIM_TAGS_MAX)
		return "there are more tags than are read";
	tags->list[tags->count++] = tag;
	return NULL;
}

const char *dkim_tags_read(const char *text, size_t len,
			   struct dkim_tags *ret_tags)
{
	size_t at = 0;

	ret_tags->text = text;
	ret_tags->count = 0;
	if (trim(text, 0, len).len == 0)
		return "there is no tag";
	while (at < len) {
		const char *sign = memchr(text + at, ';', len - at);
		size_t to = sign ? (size_t)(sign - text) : len;
		const char *why;

		/* one semicolon may stand behind the last tag */
		if (!sign && at > 0 && trim(text, at, to).len == 0)
			break;
		why = read_tag(ret_tags, at, to, len);
		if (why)
			return why;
		at = to + 1;
	}
	return NULL;
}

const struct dkim_tag *dkim_tags_find(const struct dkim_tags *tags,
				      const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < tags->count; i++) {
		struct span span = tags->list[i].name;

		if (span.len == len &&
		    memcmp(tags->text + span.at, name, len) == 0)
			return &tags->list[i];
	}
	return NULL;
}

bool dkim_word_is(const char *text, struct span span, const char *word)
{
	return ascii_equal(text + span.at, span.len, word, strlen(word));
}

bool dkim_word_next(const char *text, struct span list, size_t *at,
		    struct span *ret_word)
{
	const char *sign;
	size_t to;

	if (*at > list.len)
		return false;
	sign = memchr(text + list.at + *at, ':', list.len - *at);
	to = sign ? (size_t)(sign - text) : list.at + list.len;
	*ret_word = trim(text, list.at + *at, to);
	*at = to - list.at + 1;
	return true;
}

int dkim_base64_read(const char *text, struct span span, unsigned char *bytes,
		     size_t size)
{
	size_t digits = 0, signs = 0, count = 0;
	unsigned bits = 0;

	for (size_t i = span.at; i < span.at + span.len; i++) {
		int digit = ascii_base64(text[i]);

		if (digit < 0) {
			if (text[i] == '=')
				signs++;
			else if (!dkim_is_fold(text[i]))
				return -1;
			continue;
		}
		if (signs > 0)
			return -1;
		bits = (bits << 6 | (unsigned)digit) & 0xffffff;
		digits++;
		if (digits % 4 == 1)
			continue;
		/* 2 digits make 12 bits, 3 make 18, 4 make 24 */
		if (count < size)
			bytes[count] =
				(unsigned char)(digits % 4 == 2	  ? bits >> 4
						: digits % 4 == 3 ? bits >> 2
								  : bits);
		count++;
	}
	if (digits % 4 == 1 || signs > 2 ||
	    (signs > 0 && (digits + signs) % 4 != 0))
		return -1;
	return (int)count;
}

bool dkim_is_host(const char *text, struct span span, unsigned labels,
		  bool underscore)
{
	size_t label = 0;
	unsigned count = 1;
	char before = '.';

	if (span.len == 0 || span.len > MAIL_DOMAIN_MAX)
		return false;
	for (size_t i = span.at; i < span.at + span.len; i++) {
		char c = text[i];

		if (c == '.') {
			if (label == 0 || before == '-')
				return false;
			label = 0;
			count++;
		} else if (ascii_is_alnum(c) || (underscore && c == '_') ||
			   (c == '-' && label > 0)) {
			if (++label > MAIL_LABEL_MAX)
				return false;
		} else {
			return false;
		}
		before = c;
	}
	return label > 0 && before != '-' && count >= labels;
}
