/*
 * dmarc_uri.c - the URIs of rua and ruf (RFC 3986, RFC 9989 section 4.8).
 */
#include "filter/inspect/dmarc_record.h"

#include "filter/inspect/span.h"

#include <string.h>

static bool is_hex(char c)
{
	return ascii_is_digit(c) || (c >= 'a' && c <= 'f') ||
	       (c >= 'A' && c <= 'F');
}

/* Length of a well-formed URI's scheme with its colon, or 0. */
static size_t scheme_len(const char *text, size_t len)
{
	size_t at = 0;

	while (at < len &&
	       (ascii_is_alpha(text[at]) ||
		(at > 0 && (ascii_is_digit(text[at]) || text[at] == '+' ||
			    text[at] == '-' || text[at] == '.'))))
		at++;
	return at > 0 && at < len && text[at] == ':' ? at + 1 : 0;
}

/*
 * How far a text goes that is made of unreserved characters, sub-delims (but
 * those that must be encoded here) and `more`; with '%' in it encoded ones too.
 */
static size_t part_len(const char *text, size_t len, const char *more)
{
	size_t at = 0;

	while (at < len && text[at] != '\0') {
		char c = text[at];

		if (c == '%') {
			if (!strchr(more, c) || len - at < 3 ||
			    !is_hex(text[at + 1]) || !is_hex(text[at + 2]))
				break;
			at += 3;
		} else if (ascii_is_alpha(c) || ascii_is_digit(c) ||
			   strchr("-._~$&'()*+=", c) || strchr(more, c)) {
			at++;
		} else {
			break;
		}
	}
	return at;
}

/*
 * [userinfo "@"] host [":" port], as far as it is one.  What is an address in
 * brackets is not looked at closely.
 */
static size_t authority_len(const char *text, size_t len)
{
	size_t at = part_len(text, len, "%:"), part;

	at = at < len && text[at] == '@' ? at + 1 : 0;
	if (at < len && text[at] == '[') {
		part = part_len(text + at + 1, len - at - 1, ":");
		if (part == 0 || at + 1 + part == len ||
		    text[at + 1 + part] != ']')
			return at;
		at += part + 2;
	} else {
		at += part_len(text + at, len - at, "%");
	}
	if (at < len && text[at] == ':')
		for (at++; at < len && ascii_is_digit(text[at]);)
			at++;
	return at;
}

static bool is_uri(const char *text, size_t len)
{
	size_t at = scheme_len(text, len);

	if (at == 0)
		return false;
	if (len - at >= 2 && memcmp(text + at, "//", 2) == 0) {
		at += 2;
		at += authority_len(text + at, len - at);
		if (at < len && text[at] != '/' && text[at] != '?' &&
		    text[at] != '#')
			return false;
	}
	at += part_len(text + at, len - at, "%:@/?");
	if (at < len && text[at] == '#') {
		at++;
		at += part_len(text + at, len - at, "%:@/?");
	}
	return at == len;
}

/* obs-dmarc-report-size: "!" 1*DIGIT [ k / m / g / t ], to be left out. */
static size_t without_size(const char *text, size_t len)
{
	size_t at = len;

	if (at > 0 && ascii_is_alpha(text[at - 1]) &&
	    strchr("kmgtKMGT", text[at - 1]))
		at--;
	if (at == 0 || !ascii_is_digit(text[at - 1]))
		return len;
	while (at > 0 && ascii_is_digit(text[at - 1]))
		at--;
	return at > 0 && text[at - 1] == '!' ? at - 1 : len;
}

bool dmarc_uri_next(const char *text, const struct dmarc_uris *uris, size_t *at,
		    struct dmarc_uri *ret_uri)
{
	const char *list = text + uris->at;
	const char *comma;
	struct span span;
	size_t end, len;

	/* behind a comma at the end there is one more, of nothing */
	if (uris->len == 0 || *at > uris->len)
		return false;
	comma = memchr(list + *at, ',', uris->len - *at);
	end = comma ? (size_t)(comma - list) : uris->len;
	span = span_trim(text, uris->at + *at, uris->at + end);
	*at = end + 1;
	len = without_size(text + span.at, span.len);
	*ret_uri = (struct dmarc_uri){
		.at = span.at,
		.len = len,
		.whole_len = span.len,
		.valid = is_uri(text + span.at, len),
	};
	return true;
}
