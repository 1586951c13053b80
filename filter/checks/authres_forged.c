/*
 * authres_forged.c - whom does a field say that it is from?
 *
 * RFC 8601 section 2.2 knows one answer; readers give several.  Some take
 * comments apart as RFC 5322 has them, others end them at the first ")", with
 * or without regard to backslashes; quotes are understood or just dropped;
 * bytes beyond ASCII are skipped, or mapped as IDNA does; encoded words (RFC
 * 2047) are decoded, or not.  So the field is read in each of these ways, and
 * is ours if any of them finds our id.  In all of them, signs that no host name
 * has are skipped before the id, and end it; and a blank, a fold or a comment
 * may end it or vanish, as some take folds and comments out without leaving
 * anything in their place.
 *
 * A value that ends before it could be told from ours is ours as well: Postfix
 * shows a filter what stands before a NUL, and the first 60,000 bytes.
 */
#include "filter/checks/authres.h"

#include <stdlib.h>
#include <string.h>

#include "rules/mail/address.h"
#include "rules/mail/ascii.h"
#include "rules/mail/unicode.h"

enum {
	TOKEN_MAX = 1024, /* bytes of an id with U-labels */
	PARTS_MAX = 16, /* of one, between blanks or comments */
};

struct bytes {
	const char *at, *end;
};

/* One way of reading. */
struct manner {
	bool nests; /* comments in comments */
	bool escapes; /* a backslash takes the next byte's meaning away */
	bool quotes; /* quoted strings; else a quote is skipped */
};

enum found {
	FOUND_OTHERS,
	FOUND_OURS,
	FOUND_END, /* the value ended before it could be told */
};

static bool is_space(char c)
{
	return c == ' ' || ascii_is_control(c);
}

static bool is_gap(char c)
{
	return c == '(' || is_space(c);
}

/* May it stand in a host name, or next to one without ending it? */
static bool is_word(char c)
{
	return ascii_is_alnum(c) || c == '-' || c == '_';
}

/* Behind the comment that begins here; its end may be missing. */
static bool skip_comment(struct bytes *text, const struct manner *how)
{
	unsigned depth = 0;

	for (; text->at < text->end; text->at++) {
		char c = *text->at;

		if (c == '\\' && how->escapes) {
			text->at++;
		} else if (c == '(' && (depth == 0 || how->nests)) {
			depth++;
		} else if (c == ')' && --depth == 0) {
			text->at++;
			return true;
		}
	}
	text->at = text->end;
	return false;
}

static void skip_gaps(struct bytes *text, const struct manner *how)
{
	while (text->at < text->end) {
		if (*text->at == '(')
			skip_comment(text, how);
		else if (is_space(*text->at))
			text->at++;
		else
			return;
	}
}

/* Does a version stand here, "1;"?  It belongs to no name. */
static bool is_version(struct bytes text, const struct manner *how)
{
	skip_gaps(&text, how);
	if (text.at == text.end || !ascii_is_digit(*text.at))
		return false;
	while (text.at < text.end && ascii_is_digit(*text.at))
		text.at++;
	skip_gaps(&text, how);
	return text.at < text.end && *text.at == ';';
}

/* What a reading has come to. */
struct reading {
	const struct authres_id *id;
	const struct manner *how;
	struct bytes text;
	size_t matched; /* bytes of the id */
	bool quoted; /* inside a quoted string */
	bool odd; /* something was met that other manners see otherwise */
};

/*
 * The word goes on with this byte, or ends.  False: it has come to a decision,
 * which is in *ret.
 */
static bool take(struct reading *r, char c, enum found *ret)
{
	const struct authres_id *id = r->id;

	if (r->matched < id->len) {
		if (ascii_lower(c) == id->name[r->matched]) {
			r->matched++;
			return true;
		}
		*ret = FOUND_OTHERS;
		return r->matched == 0 && !r->quoted && !is_word(c);
	}
	*ret = is_word(c) ? FOUND_OTHERS : FOUND_OURS;
	return c == '.';
}

/* As take(): here a word may end, and need not. */
static bool gap(struct reading *r, enum found *ret)
{
	bool closed = true;

	while (closed && r->text.at < r->text.end && is_gap(*r->text.at)) {
		r->odd |= *r->text.at == '(';
		if (*r->text.at == '(')
			closed = skip_comment(&r->text, r->how);
		else
			r->text.at++;
	}
	if (r->matched == r->id->len) {
		*ret = FOUND_OURS;
		return false;
	}
	*ret = closed ? FOUND_OTHERS : FOUND_END;
	return closed && (r->matched == 0 || !is_version(r->text, r->how));
}

/* As take(). */
static bool quote(struct reading *r, enum found *ret)
{
	r->text.at++;
	if (!r->how->quotes)
		return true;
	*ret = r->matched == r->id->len ? FOUND_OURS : FOUND_OTHERS;
	if (r->quoted || r->matched > 0)
		return false;
	r->quoted = true;
	return true;
}

static enum found read_as(struct reading *r)
{
	struct bytes *text = &r->text;
	enum found found = FOUND_OTHERS;

	while (text->at < text->end) {
		char c = *text->at;
		bool goes_on = true;

		r->odd |= c == '"' || c == '\\';
		if (ascii_is_8bit(c)) {
			text->at++;
		} else if (c == '\\') {
			text->at++;
			if (r->how->escapes && text->at < text->end)
				goes_on = take(r, *text->at++, &found);
		} else if (c == '"') {
			goes_on = quote(r, &found);
		} else if (!r->quoted && is_gap(c)) {
			goes_on = gap(r, &found);
		} else {
			goes_on = take(r, c, &found);
			text->at++;
		}
		if (!goes_on)
			return found;
	}
	return r->matched == r->id->len ? FOUND_OURS : FOUND_END;
}

/* In all manners; the strict one, which comes first, mostly decides. */
static bool read_in_all(const struct authres_id *id, struct bytes text)
{
	for (unsigned bits = 0; bits < 8; bits++) {
		const struct manner how = {
			.nests = (bits & 1) == 0,
			.escapes = (bits & 2) == 0,
			.quotes = (bits & 4) == 0,
		};
		struct reading r = { .id = id, .how = &how, .text = text };
		enum found found = read_as(&r);

		if (found == FOUND_OURS || (found == FOUND_END && bits == 0))
			return true;
		if (bits == 0 && !r.odd)
			return false;
	}
	return false;
}

/* --- beyond ASCII -------------------------------------------------------- */

struct word {
	char at[TOKEN_MAX];
	size_t len; /* TOKEN_MAX: it is too long */
	bool beyond; /* with bytes beyond ASCII */
};

/* Up to a gap.  True: behind that it may go on. */
static bool add_part(struct word *word, struct bytes *text,
		     const struct manner *how)
{
	for (; text->at < text->end && word->len < TOKEN_MAX; text->at++) {
		char c = *text->at;

		if (is_gap(c)) {
			if (word->len > 0 && is_version(*text, how))
				return false;
			skip_gaps(text, how);
			return true;
		}
		word->beyond |= ascii_is_8bit(c);
		if (is_word(c) || ascii_is_8bit(c) ||
		    (c == '.' && word->len > 0))
			word->at[word->len++] = c;
		else if (word->len > 0 && c != '\\' && c != '"')
			return false;
	}
	return false;
}

/* Bytes beyond ASCII stand for anything, nothing among it. */
static bool matches_wild(const char *word, size_t len,
			 const struct authres_id *id)
{
	size_t w = 0, i = 0, back_w = 0, back_i = 0;
	bool wild = false;

	while (i < id->len) {
		if (w < len && ascii_is_8bit(word[w])) {
			while (w < len && ascii_is_8bit(word[w]))
				w++;
			back_w = w;
			back_i = i;
			wild = true;
		} else if (w < len && ascii_lower(word[w]) == id->name[i]) {
			w++;
			i++;
		} else if (wild) {
			w = back_w;
			i = ++back_i;
		} else {
			return false;
		}
	}
	while (w < len && (ascii_is_8bit(word[w]) || word[w] == '.'))
		w++;
	return w == len;
}

/* As if each byte were a character of ISO 8859-1. */
static size_t from_latin1(const char *word, size_t len, char *out)
{
	size_t used = 0;

	for (size_t i = 0; i < len; i++)
		used += unicode_put(out + used, (unsigned char)word[i]);
	return used;
}

static bool maps_to(const char *word, size_t len, const struct authres_id *id,
		    enum address_fault *ret_fault)
{
	struct domain domain;

	*ret_fault = domain_normalise(word, len, &domain);
	return *ret_fault == ADDRESS_FINE &&
	       ascii_equal(domain.name, domain.len, id->name, id->len);
}

/*
 * Is the word our id with U-labels for A-labels, or with letters that a mapping
 * makes ours?  What is no name under IDNA may be mapped in ways that we do not
 * know.
 */
static bool is_mapped_word(const struct authres_id *id, const struct word *word)
{
	char utf8[2 * TOKEN_MAX];
	enum address_fault fault;
	size_t len = word->len;

	if (!word->beyond)
		return false;
	if (len == TOKEN_MAX)
		return true; /* no honest name is that long */
	while (len > 0 && word->at[len - 1] == '.')
		len--;
	if (maps_to(word->at, len, id, &fault))
		return true;
	if (fault == ADDRESS_FINE)
		return false;
	if (!unicode_valid(word->at, len) &&
	    maps_to(utf8, from_latin1(word->at, len, utf8), id, &fault))
		return true;
	return matches_wild(word->at, len, id);
}

/* At each gap the word may end, or go on as if there were none. */
static bool is_mapped(const struct authres_id *id, struct bytes text)
{
	size_t len = (size_t)(text.end - text.at);
	unsigned manners = memchr(text.at, '(', len) != NULL ? 4 : 1;

	for (unsigned bits = 0; bits < manners; bits++) {
		const struct manner how = {
			.nests = (bits & 1) == 0,
			.escapes = (bits & 2) == 0,
		};
		struct bytes rest = text;
		struct word word = { .len = 0 };
		unsigned parts = 0;

		while (add_part(&word, &rest, &how)) {
			if (is_mapped_word(id, &word))
				return true;
			if (word.beyond && ++parts > PARTS_MAX)
				return true; /* no honest name is like that */
		}
		if (is_mapped_word(id, &word))
			return true;
	}
	return false;
}

static bool is_ours(const struct authres_id *id, struct bytes text)
{
	bool beyond = false;

	if (read_in_all(id, text))
		return true;
	for (const char *c = text.at; c < text.end && !beyond; c++)
		beyond = ascii_is_8bit(*c);
	return beyond && is_mapped(id, text);
}

/* --- encoded words ------------------------------------------------------- */

/* Both write no more than they read; what is malformed is skipped. */
static size_t from_base64(struct bytes text, char *out)
{
	unsigned bits = 0, held = 0;
	size_t used = 0;

	for (; text.at < text.end; text.at++) {
		int digit = ascii_base64(*text.at);

		if (digit < 0)
			continue;
		held = (held << 6 | (unsigned)digit) & 0xffff;
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			out[used++] = (char)(held >> bits & 0xff);
		}
	}
	return used;
}

static size_t from_q(struct bytes text, char *out)
{
	size_t used = 0;

	for (; text.at < text.end; text.at++) {
		char c = *text.at;

		if (c == '=' && text.end - text.at > 2 &&
		    ascii_hex(text.at[1]) >= 0 && ascii_hex(text.at[2]) >= 0) {
			c = (char)(ascii_hex(text.at[1]) << 4 |
				   ascii_hex(text.at[2]));
			text.at += 2;
		} else if (c == '_') {
			c = ' ';
		}
		out[used++] = c;
	}
	return used;
}

/*
 * "=?charset?Q?text?=" in any charset: those that matter hold ASCII.  Returns
 * behind the word, or NULL if there is none here.
 */
static const char *decode_word(struct bytes text, char *out, size_t *used)
{
	const char *charset = text.at + 2, *mark, *end;
	struct bytes inner;
	bool base64;

	if (text.end - text.at < 6 || memcmp(text.at, "=?", 2) != 0)
		return NULL;
	mark = memchr(charset, '?', (size_t)(text.end - charset));
	if (mark == NULL || text.end - mark < 3 || mark[2] != '?')
		return NULL;
	base64 = ascii_lower(mark[1]) == 'b';
	if (!base64 && ascii_lower(mark[1]) != 'q')
		return NULL;
	inner.at = mark + 3;
	for (end = inner.at; end < text.end; end++)
		if (*end == '?' && end + 1 < text.end && end[1] == '=')
			break;
	inner.end = end;
	*used += base64 ? from_base64(inner, out + *used)
			: from_q(inner, out + *used);
	return end + 2 < text.end ? end + 2 : text.end;
}

/* Blanks between two words vanish (section 6.2). */
static size_t decode(struct bytes text, char *out)
{
	size_t used = 0, kept = 0;
	bool behind_word = false;

	while (text.at < text.end) {
		const char *next = NULL;

		if (*text.at == '=') {
			size_t from = used;

			used = behind_word ? kept : used;
			next = decode_word(text, out, &used);
			if (next == NULL)
				used = from;
		}
		if (next != NULL) {
			text.at = next;
			kept = used;
			behind_word = true;
		} else {
			behind_word = behind_word && is_space(*text.at);
			out[used++] = *text.at++;
		}
	}
	return used;
}

static bool is_ours_decoded(const struct authres_id *id, struct bytes text)
{
	size_t len = (size_t)(text.end - text.at);
	struct bytes decoded;
	bool ours;
	char *out;

	if (memmem(text.at, len, "=?", 2) == NULL)
		return false;
	out = malloc(len);
	if (out == NULL)
		return false; /* no fault of ours removes a field */
	decoded = (struct bytes){ out, out + decode(text, out) };
	ours = is_ours(id, decoded);
	free(out);
	return ours;
}

bool authres_is_ours(const struct authres_id *id, const char *value, size_t len)
{
	struct bytes text = { value, value + len };

	return is_ours(id, text) || is_ours_decoded(id, text);
}
