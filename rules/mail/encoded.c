/*
 * encoded.c - see encoded.h.
 *
 * The value is read once, from left to right.  Decoded bytes wait in `raw` as
 * long as words of the same charset follow each other; whatever else comes
 * flushes them through the charset into `out`.
 */
#include "rules/mail/encoded.h"

#include <stdbool.h>
#include <string.h>

#include "rules/arena.h"
#include "rules/mail/ascii.h"
#include "rules/mail/charset.h"
#include "rules/mail/limits.h"
#include "rules/mail/unicode.h"

/* "=?charset*language?encoding?text?=", as places in the value. */
struct word {
	const char *charset;
	size_t charset_len;
	char encoding; /* 'b' or 'q' */
	const char *text;
	size_t text_len;
	size_t len; /* of the whole word */
};

struct decode {
	struct charsets *sets;
	unsigned int flags;
	bool in_quotes;
	char *out; /* CHARSET_ROOM(len) bytes */
	size_t used;
	char *raw; /* len bytes: what the waiting words decoded to */
	size_t raw_len;
	struct word waiting; /* the first of them */
	const char *waiting_end; /* behind the last of them */
};

static bool is_charset_char(char c)
{
	return c > ' ' && c < 0x7f && !strchr("()<>@,;:\"/[]?=", c);
}

/* Text between the question marks: printable, no blank, no question mark. */
static bool is_text_char(char c)
{
	return c != '?' && !ascii_is_control(c) && c != ' ';
}

/*
 * Is there a word at text, which begins with "=?"?  Every scan ends at the next
 * question mark at the latest but one, so that all of them are linear together.
 */
static bool find_word(const char *text, size_t len, struct word *word)
{
	size_t i = 2, star = 0;

	while (i < len && i - 2 <= MAIL_CHARSET_MAX &&
	       is_charset_char(text[i])) {
		if (text[i] == '*' && star == 0)
			star = i; /* RFC 2231 section 5: a language follows */
		i++;
	}
	word->charset = text + 2;
	word->charset_len = (star ? star : i) - 2;
	if (word->charset_len == 0 || i + 3 >= len || text[i] != '?' ||
	    text[i + 2] != '?')
		return false;
	word->encoding = ascii_lower(text[i + 1]);
	if (word->encoding != 'b' && word->encoding != 'q')
		return false;
	i += 3;
	word->text = text + i;
	while (i < len && is_text_char(text[i]))
		i++;
	word->text_len = (size_t)(text + i - word->text);
	if (i + 1 >= len || text[i] != '?' || text[i + 1] != '=')
		return false;
	word->len = i + 2;
	return true;
}

/* Returns false when it is no base64; padding may be missing. */
static bool decode_b(const char *text, size_t len, char *out, size_t *ret_len)
{
	unsigned int bits = 0, have = 0;
	size_t used = 0, pad = 0;

	while (len > 0 && text[len - 1] == '=' && pad < 2) {
		len--;
		pad++;
	}
	if (len % 4 == 1)
		return false;
	for (size_t i = 0; i < len; i++) {
		int value = ascii_base64(text[i]);

		if (value < 0)
			return false;
		bits = (bits << 6 | (unsigned int)value) & 0xffff;
		have += 6;
		if (have >= 8) {
			have -= 8;
			out[used++] = (char)(bits >> have & 0xff);
		}
	}
	*ret_len = used;
	return true;
}

static bool decode_q(const char *text, size_t len, char *out, size_t *ret_len)
{
	size_t used = 0;

	for (size_t i = 0; i < len; i++) {
		if (text[i] == '_') {
			out[used++] = ' ';
		} else if (text[i] == '=') {
			if (i + 2 >= len || ascii_hex(text[i + 1]) < 0 ||
			    ascii_hex(text[i + 2]) < 0)
				return false;
			out[used++] = (char)(ascii_hex(text[i + 1]) << 4 |
					     ascii_hex(text[i + 2]));
			i += 2;
		} else {
			out[used++] = text[i];
		}
	}
	*ret_len = used;
	return true;
}

/* Copies what is no word; line breaks of folds go. */
static void put_plain(struct decode *d, const char *text, size_t len)
{
	bool mended = false, raw = false;
	size_t from = d->used;

	for (size_t i = 0; i < len; i++)
		if (ascii_is_8bit(text[i]))
			raw = true;
	if (raw) {
		d->flags |= ENCODED_RAW;
		d->used += unicode_mend(d->out + d->used, text, len, &mended);
	} else if (len > 0) {
		memcpy(d->out + d->used, text, len);
		d->used += len;
	}
	if (mended)
		d->flags |= ENCODED_MENDED;

	len = d->used;
	d->used = from;
	for (size_t i = from; i < len; i++) {
		if (d->out[i] == '\n' ||
		    (d->out[i] == '\r' && i + 1 < len && d->out[i + 1] == '\n'))
			continue;
		d->out[d->used++] = d->out[i];
	}
}

/* The waiting words are complete. */
static void flush(struct decode *d)
{
	enum charset_answer answer;
	size_t written = 0;

	if (!d->waiting_end)
		return;
	answer = charset_to_utf8(d->sets, d->waiting.charset,
				 d->waiting.charset_len, d->raw, d->raw_len,
				 d->out + d->used, &written);
	d->used += written;
	d->flags |= ENCODED_WORDS;
	if (answer == CHARSET_MENDED)
		d->flags |= ENCODED_MENDED;
	if (d->in_quotes)
		d->flags |= ENCODED_IN_QUOTES;
	d->waiting_end = NULL;
	d->raw_len = 0;
}

/*
 * A word was found; `blanks` bytes of white space stand before it.  Returns
 * false if it does not decode.
 */
static bool take_word(struct decode *d, const struct word *word, size_t blanks)
{
	const char *start = word->charset - 2;
	bool follows = d->waiting_end == start - blanks;
	size_t len;
	bool ok;

	if (word->encoding == 'b')
		ok = decode_b(word->text, word->text_len, d->raw + d->raw_len,
			      &len);
	else
		ok = decode_q(word->text, word->text_len, d->raw + d->raw_len,
			      &len);
	if (!ok)
		return false;
	if (d->waiting_end &&
	    !(follows &&
	      ascii_equal(word->charset, word->charset_len, d->waiting.charset,
			  d->waiting.charset_len))) {
		char *fresh = d->raw + d->raw_len;

		flush(d);
		memmove(d->raw, fresh, len);
	}
	if (!follows)
		put_plain(d, start - blanks, blanks);
	if (!d->waiting_end)
		d->waiting = *word;
	d->waiting_end = start + word->len;
	d->raw_len += len;
	return true;
}

static bool is_space(char c)
{
	return ascii_is_blank(c) || c == '\r' || c == '\n';
}

/* Quotes and backslashes of a display name; returns the bytes dealt with. */
static size_t take_quoting(struct decode *d, const char *text, size_t len)
{
	if (text[0] == '"') {
		flush(d);
		d->in_quotes = !d->in_quotes;
		return 1;
	}
	if (text[0] != '\\' || !d->in_quotes || len < 2)
		return 0;
	flush(d);
	if (ascii_is_8bit(text[1]))
		return 1; /* the character is copied whole, with its rest */
	put_plain(d, text + 1, 1);
	return 2;
}

/* Bytes from text on that no word, blank or quoting begins in. */
static size_t plain_run(const char *text, size_t len, bool phrase)
{
	size_t i = 0;

	while (i < len && !is_space(text[i]) &&
	       !(text[i] == '=' && i + 1 < len && text[i + 1] == '?') &&
	       !(phrase && (text[i] == '"' || text[i] == '\\')))
		i++;
	return i;
}

/* One step from text on; returns the bytes dealt with. */
static size_t step(struct decode *d, const char *text, size_t len, bool phrase)
{
	size_t blanks = 0, n;
	struct word word;

	while (blanks < len && is_space(text[blanks]))
		blanks++;
	if (len - blanks >= 2 && text[blanks] == '=' &&
	    text[blanks + 1] == '?') {
		n = 2; /* what is left as it is: no more than the "=?" */
		if (!find_word(text + blanks, len - blanks, &word)) {
			d->flags |= ENCODED_BROKEN;
		} else if (!charset_known(d->sets, word.charset,
					  word.charset_len)) {
			d->flags |= ENCODED_UNKNOWN;
			n = word.len;
		} else if (take_word(d, &word, blanks)) {
			return blanks + word.len;
		} else {
			d->flags |= ENCODED_BROKEN;
		}
		flush(d);
		put_plain(d, text, blanks + n);
		return blanks + n;
	}
	flush(d);
	put_plain(d, text, blanks);
	text += blanks;
	len -= blanks;
	if (phrase && len > 0) {
		n = take_quoting(d, text, len);
		if (n > 0)
			return blanks + n;
	}
	n = plain_run(text, len, phrase);
	if (n == 0 && len > 0)
		n = 1; /* a backslash outside of quotes */
	put_plain(d, text, n);
	return blanks + n;
}

static bool is_plain(const char *value, size_t len, enum encoded_where where)
{
	for (size_t i = 0; i < len; i++) {
		char c = value[i];

		if (ascii_is_8bit(c) || c == '\n' ||
		    (c == '=' && i + 1 < len && value[i + 1] == '?') ||
		    (where == ENCODED_PHRASE && (c == '"' || c == '\\')))
			return false;
	}
	return true;
}

int encoded_decode(struct arena *arena, struct charsets *sets,
		   const char *value, size_t len, enum encoded_where where,
		   struct encoded_text *ret_text)
{
	struct decode d = { .sets = sets };
	size_t i = 0;

	while (len > 0 && is_space(value[0])) {
		value++;
		len--;
	}
	while (len > 0 && is_space(value[len - 1]))
		len--;
	if (is_plain(value, len, where)) {
		*ret_text = (struct encoded_text){ .text = value, .len = len };
		return 0;
	}

	d.out = arena_alloc(arena, CHARSET_ROOM(len));
	d.raw = arena_alloc(arena, len + 1);
	if (!d.out || !d.raw)
		return -1;
	while (i < len)
		i += step(&d, value + i, len - i, where == ENCODED_PHRASE);
	flush(&d);
	*ret_text = (struct encoded_text){ .text = d.out,
					   .len = d.used,
					   .flags = d.flags };
	return 0;
}
