/*
 * dns_zonewords.c - a master file as entries of words.
 */
#include "lists/dns_zonewords.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static int fail(struct dns_words *w, const struct dns_word *word,
		const char *why)
{
	w->bad = *word;
	w->why = why;
	return -1;
}

static struct dns_word here(const struct dns_words *w)
{
	return (struct dns_word){
		.at = w->at,
		.line = w->line,
		.column = (unsigned)(w->at - w->line_start) + 1,
	};
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static bool ends_word(char c)
{
	return is_blank(c) || c == '\n' || c == ';' || c == '(' || c == ')' ||
	       c == '"';
}

static int add_word(struct dns_words *w, const struct dns_word *word)
{
	if (w->count == w->room) {
		size_t room = w->room > 0 ? 2 * w->room : 64;
		struct dns_word *words =
			realloc(w->words, room * sizeof(*words));

		if (!words)
			return fail(w, word, "out of memory");
		w->words = words;
		w->room = room;
	}
	w->words[w->count++] = *word;
	return 0;
}

static bool goes_on(const struct dns_words *w, bool quoted)
{
	if (w->at == w->end)
		return false;
	return quoted ? *w->at != '"' && *w->at != '\n' : !ends_word(*w->at);
}

/* A word, in quotes or not; what is escaped stays so. */
static int read_word(struct dns_words *w)
{
	struct dns_word word = here(w);

	word.quoted = *w->at == '"';
	if (word.quoted)
		word.at = ++w->at;
	while (goes_on(w, word.quoted)) {
		if (*w->at == '\\' && w->at + 1 < w->end && w->at[1] != '\n')
			w->at++;
		w->at++;
	}
	word.len = (size_t)(w->at - word.at);
	if (word.quoted) {
		if (w->at == w->end || *w->at != '"')
			return fail(w, &word, "this string has no end");
		w->at++;
	}
	return add_word(w, &word);
}

static void end_line(struct dns_words *w)
{
	w->at++;
	w->line++;
	w->line_start = w->at;
}

int dns_words_next(struct dns_words *w)
{
	struct dns_word open = { 0 };

	w->count = 0;
	w->indented = w->at < w->end && is_blank(*w->at);
	while (w->at < w->end) {
		struct dns_word word = here(w);

		switch (*w->at) {
		case ' ':
		case '\t':
		case '\r': w->at++; break;
		case ';':
			while (w->at < w->end && *w->at != '\n')
				w->at++;
			break;
		case '(':
			if (open.at)
				return fail(w, &word,
					    "one parenthesis inside another");
			open = word;
			w->at++;
			break;
		case ')':
			if (!open.at)
				return fail(w, &word,
					    "no parenthesis is open here");
			open.at = NULL;
			w->at++;
			break;
		case '\n':
			w->stop = word;
			end_line(w);
			if (open.at)
				break;
			if (w->count > 0)
				return 1;
			w->indented = w->at < w->end && is_blank(*w->at);
			break;
		default:
			if (read_word(w) < 0)
				return -1;
		}
	}
	w->stop = here(w);
	if (open.at)
		return fail(w, &open, "this parenthesis is never closed");
	return w->count > 0;
}

bool dns_word_is(const struct dns_word *word, const char *text)
{
	return !word->quoted && word->len == strlen(text) &&
	       strncasecmp(word->at, text, word->len) == 0;
}
