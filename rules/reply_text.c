/*
 * reply_text.c - "550 5.7.1 Refused: %{hits}" -> the lines of a reply.
 *
 * A reply line is at most 512 bytes with CRLF (RFC 5321 section 4.5.3.1.5).
 * What a template is filled with may come from a stranger, so the printable
 * bytes of ASCII alone get through.
 */
#include "rules/reply_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lists/digits.h"
#include "rules/arena.h"
#include "rules/verdict.h"

enum {
	LINE_MAX_BYTES = 510, /* without CRLF */
	/*
	 * In a line for libmilter each '%' is doubled, and of more than 980
	 * bytes (MAXREPLYLEN) it refuses the whole reply.
	 */
	PERCENTS_MAX = 390,
	ENHANCED_MAX = 11, /* 5.999.999 and a bit */
};

enum piece_kind { LITERAL, NEWLINE, HITS, SCORE, CLIENT_IP, WAIT, REF };

struct piece {
	enum piece_kind kind;
	const char *at; /* of a literal */
	size_t len;
};

struct reply_template {
	char code[4];
	char enhanced[ENHANCED_MAX + 1];
	const char *text;
	const struct piece *pieces;
	size_t count;
};

static const struct {
	const char *name;
	enum piece_kind kind;
} names[] = {
	{ "hits", HITS }, { "score", SCORE }, { "client.ip", CLIENT_IP },
	{ "wait", WAIT }, { "ref", REF },
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* "5.7.1" (RFC 3463): class, subject, detail; its length, or 0. */
static size_t enhanced_len(const char *at, size_t len)
{
	size_t i = 0;

	for (unsigned part = 0; part < 3; part++) {
		size_t digits = 0;

		if (part > 0) {
			if (i >= len || at[i] != '.')
				return 0;
			i++;
		}
		while (i < len && digits < 4 && is_digit(at[i])) {
			i++;
			digits++;
		}
		if (digits == 0 || digits > 3 || (part == 0 && digits > 1))
			return 0;
	}
	if (i < len && at[i] != ' ')
		return 0;
	return i;
}

/* Reads the codes; returns how many bytes they take, or 0 with a reason. */
static size_t codes_read(struct reply_template *template, const char *text,
			 size_t len, char *why, size_t why_size)
{
	size_t at = 3, enhanced;

	if (len < 3 || (text[0] != '4' && text[0] != '5') || text[1] < '0' ||
	    text[1] > '5' || !is_digit(text[2]) ||
	    (len > 3 && text[3] != ' ')) {
		snprintf(why, why_size,
			 "a reply begins with a code 4xx or 5xx, as in "
			 "\"550 5.7.1 text\"");
		return 0;
	}
	memcpy(template->code, text, 3);
	while (at < len && text[at] == ' ')
		at++;
	enhanced = enhanced_len(text + at, len - at);
	if (enhanced == 0) {
		snprintf(template->enhanced, sizeof(template->enhanced),
			 "%c.7.1", text[0]);
		return at;
	}
	if (text[at] != text[0]) {
		snprintf(why, why_size,
			 "the enhanced code %.*s does not agree with the code "
			 "%s",
			 (int)enhanced, text + at, template->code);
		return 0;
	}
	memcpy(template->enhanced, text + at, enhanced);
	at += enhanced;
	while (at < len && text[at] == ' ')
		at++;
	return at;
}

static bool piece_name(const char *at, size_t len, enum piece_kind *ret_kind)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strlen(names[i].name) != len ||
		    memcmp(names[i].name, at, len) != 0)
			continue;
		*ret_kind = names[i].kind;
		return true;
	}
	return false;
}

/* The next piece of the text at *at; -1 with a reason. */
static int piece_read(const char *text, size_t len, size_t *at,
		      struct piece *ret_piece, char *why, size_t why_size)
{
	size_t i = *at;
	const char *end;

	ret_piece->kind = LITERAL;
	ret_piece->at = text + i;
	if (text[i] == '\n') {
		ret_piece->kind = NEWLINE;
		*at = i + 1;
		return 0;
	}
	if (text[i] == '%' && i + 1 < len && text[i + 1] == '{') {
		end = memchr(text + i, '}', len - i);
		if (end == NULL) {
			snprintf(why, why_size, "\"%%{\" without a \"}\"");
			return -1;
		}
		*at = (size_t)(end - text) + 1;
		if (piece_name(text + i + 2, *at - i - 3, &ret_piece->kind))
			return 0;
		snprintf(why, why_size,
			 "unknown name \"%%{%.*s}\" in a reply; there are "
			 "%%{hits} %%{score} %%{client.ip} %%{wait} %%{ref}",
			 *at - i - 3 < 40 ? (int)(*at - i - 3) : 40,
			 text + i + 2);
		return -1;
	}
	do {
		unsigned char c = (unsigned char)text[i];

		if (c < 0x20 || c > 0x7e) {
			snprintf(why, why_size,
				 "a reply is printable ASCII; byte %zu is "
				 "0x%02x",
				 i + 1, c);
			return -1;
		}
		i++;
	} while (i < len && text[i] != '\n' &&
		 !(text[i] == '%' && i + 1 < len && text[i + 1] == '{'));
	ret_piece->len = (size_t)(text + i - ret_piece->at);
	*at = i;
	return 0;
}

struct reply_template *reply_template_new(struct arena *arena, const char *text,
					  size_t len, char *why,
					  size_t why_size)
{
	struct reply_template *template = arena_alloc(arena, sizeof(*template));
	const char *copy = arena_strndup(arena, text, len);
	struct piece *pieces;
	unsigned lines = 1;
	size_t at;

	if (template == NULL || copy == NULL) {
		snprintf(why, why_size, "out of memory");
		return NULL;
	}
	template->text = copy;
	at = codes_read(template, copy, len, why, why_size);
	if (at == 0)
		return NULL;
	/* A piece is at least a byte. */
	pieces = arena_array(arena, len - at + 1, sizeof(*pieces));
	if (pieces == NULL) {
		snprintf(why, why_size, "out of memory");
		return NULL;
	}
	template->pieces = pieces;
	while (at < len) {
		struct piece *piece = &pieces[template->count];

		if (piece_read(copy, len, &at, piece, why, why_size) < 0)
			return NULL;
		lines += piece->kind == NEWLINE;
		template->count++;
	}
	if (lines > REPLY_LINES_MAX) {
		snprintf(why, why_size, "a reply has at most %d lines",
			 REPLY_LINES_MAX);
		return NULL;
	}
	return template;
}

const char *reply_template_text(const struct reply_template *template)
{
	return template->text;
}

int reply_template_class(const struct reply_template *template)
{
	return template->code[0] - '0';
}

const char *score_text(int32_t hundredths, char buffer[SCORE_TEXT])
{
	uint32_t value = hundredths < 0 ? 0u - (uint32_t)hundredths
					: (uint32_t)hundredths;
	char *at = buffer;

	if (hundredths < 0)
		*at++ = '-';
	at = digits_put(at, value / 100, 10, 1);
	*at++ = '.';
	*digits_put(at, value % 100, 10, 2) = '\0';
	return buffer;
}

/* "4m58s", "2d3h": the two largest units tell enough. */
static void wait_text(int64_t seconds, char *buffer, size_t size)
{
	if (seconds < 0)
		seconds = 0;
	if (seconds < 60)
		snprintf(buffer, size, "%" PRId64 "s", seconds);
	else if (seconds < 3600)
		snprintf(buffer, size, "%" PRId64 "m%" PRId64 "s", seconds / 60,
			 seconds % 60);
	else if (seconds < 86400)
		snprintf(buffer, size, "%" PRId64 "h%" PRId64 "m",
			 seconds / 3600, seconds / 60 % 60);
	else
		snprintf(buffer, size, "%" PRId64 "d%" PRId64 "h",
			 seconds / 86400, seconds / 3600 % 24);
}

/* A line under construction: what does not fit is left out. */
struct line {
	char at[LINE_MAX_BYTES + 1];
	size_t len, room, percents;
};

static void line_add(struct line *line, const char *text, size_t len)
{
	for (size_t i = 0; i < len && line->len < line->room; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c == '%' && line->percents++ >= PERCENTS_MAX)
			continue;
		line->at[line->len++] =
			(char)(c >= 0x20 && c <= 0x7e ? c : '?');
	}
}

static void piece_add(struct line *line, const struct piece *piece,
		      const struct reply_values *values)
{
	char buffer[48] = "";
	const char *text = buffer;

	switch (piece->kind) {
	case LITERAL: line_add(line, piece->at, piece->len); return;
	case NEWLINE: return;
	case HITS: text = values->hits; break;
	case CLIENT_IP: text = values->client_ip; break;
	case REF: text = values->ref; break;
	case SCORE: score_text(values->score, buffer); break;
	case WAIT: wait_text(values->wait, buffer, sizeof(buffer)); break;
	}
	if (text != NULL)
		line_add(line, text, strlen(text));
}

static int line_end(struct line *line, struct arena *arena, struct reply *reply)
{
	const char *copy;

	if (reply->line_count == REPLY_LINES_MAX)
		return 0;
	copy = arena_strndup(arena, line->at, line->len);
	if (copy == NULL)
		return -1;
	reply->lines[reply->line_count++] = copy;
	line->len = line->percents = 0;
	return 0;
}

/* The last line makes room for the reference, unless it ends in it already. */
static void ref_add(struct line *line, const char *ref)
{
	char suffix[64];
	size_t len;

	if (ref == NULL || *ref == '\0')
		return;
	snprintf(suffix, sizeof(suffix), "(ref %s)", ref);
	len = strlen(suffix);
	if (line->len >= len &&
	    memcmp(line->at + line->len - len, suffix, len) == 0)
		return;
	if (line->len + 1 + len > line->room)
		line->len = line->room - 1 - len;
	while (line->len > 0 && line->at[line->len - 1] == ' ')
		line->len--;
	if (line->len > 0)
		line_add(line, " ", 1);
	line_add(line, suffix, len);
}

int reply_make(const struct reply_template *template, enum verdict_word word,
	       const struct reply_values *values, struct arena *arena,
	       struct reply *ret_reply)
{
	static const struct piece refused = { LITERAL,
					      "Refused by local policy", 23 };
	static const struct piece later = { LITERAL, "Please try again later",
					    22 };
	static const struct reply_template reject = { "550", "5.7.1", "",
						      &refused, 1 };
	static const struct reply_template defer = { "451", "4.7.1", "", &later,
						     1 };
	struct reply reply = { .line_count = 0 };
	struct line line = { .len = 0 };

	if (template == NULL)
		template = word == VERDICT_REJECT ? &reject : &defer;
	memcpy(reply.code, template->code, sizeof(reply.code));
	memcpy(reply.enhanced, template->enhanced, sizeof(template->enhanced));
	line.room = LINE_MAX_BYTES - strlen(reply.code) -
		    strlen(reply.enhanced) - 2;
	for (size_t i = 0; i < template->count; i++) {
		const struct piece *piece = &template->pieces[i];

		if (piece->kind != NEWLINE)
			piece_add(&line, piece, values);
		else if (line_end(&line, arena, &reply) < 0)
			return -1;
	}
	ref_add(&line, values->ref);
	if (line_end(&line, arena, &reply) < 0)
		return -1;
	*ret_reply = reply;
	return 0;
}
