/*
 * fuzz_header.c - header blocks, whole and in pieces.
 *
 * The first bytes of the input say where the rest is cut.  Whatever the cuts,
 * the pieces must give the fields, faults and body that the whole gives.  Each
 * value then goes through what reads values.
 */
#include <stdint.h>
#include <string.h>

#include "rules/arena.h"
#include "rules/mail/author.h"
#include "rules/mail/charset.h"
#include "rules/mail/date.h"
#include "rules/mail/encoded.h"
#include "rules/mail/header.h"
#include "rules/mail/limits.h"
#include "rules/mail/unicode.h"
#include "tests/fuzz/fuzz.h"

#define CUTS 8 /* bytes of the input that say where to cut */
/* The whole, as a walk sees it; each piece's field is held against it. */
struct expected {
	struct header_walk walk;
};

static void compare(void *ctx, const struct header_field *field)
{
	struct expected *expected = ctx;
	struct header_field want = { 0 };

	CLAIM(header_next(&expected->walk, &want));
	CLAIM(field->offset == want.offset && field->faults == want.faults);
	CLAIM(field->name_len == want.name_len &&
	      field->value_len == want.value_len);
	CLAIM(want.name_len == 0 ||
	      memcmp(field->name, want.name, want.name_len) == 0);
	CLAIM(want.value_len == 0 ||
	      memcmp(field->value, want.value, want.value_len) == 0);
}

static void check_pieces(struct arena *arena, const uint8_t *cuts,
			 const char *text, size_t len)
{
	struct expected expected = { .walk = { .text = text, .len = len } };
	struct header_reader *reader;
	struct header_field field;
	size_t pos = 0, fields, used, n;
	unsigned int faults;

	reader = header_reader_new(arena, compare, &expected);
	CLAIM(reader != NULL);
	for (size_t i = 0; pos < len; i++) {
		n = (size_t)cuts[i % CUTS] * (i % 3 == 2 ? 97 : 1);
		if (n > len - pos)
			n = len - pos;
		if (n == 0 && i % CUTS == 0)
			n = 1; /* so that it ends */
		used = header_reader_feed(reader, text + pos, n);
		pos += used;
		if (used < n)
			break;
	}
	faults = header_reader_end(reader, &fields);
	CLAIM(!header_next(&expected.walk, &field));
	CLAIM(fields == expected.walk.fields);
	CLAIM(faults == expected.walk.faults);
	CLAIM(pos == expected.walk.pos);
}

static void check_value(struct arena *arena, struct charsets *sets,
			const struct header_field *field)
{
	struct encoded_text text;
	struct header_field given;
	struct date strict, lenient;
	const char *line;
	size_t len;

	line = header_unfold(arena, field->value, field->value_len, &len);
	CLAIM(line && len <= field->value_len);
	CLAIM(len == 0 || !memchr(line, '\n', len));

	for (int where = ENCODED_TEXT; where <= ENCODED_PHRASE; where++) {
		CLAIM(encoded_decode(arena, sets, field->value,
				     field->value_len,
				     (enum encoded_where)where, &text) == 0);
		CLAIM(text.len <= 3 * field->value_len);
		CLAIM(unicode_valid(text.text, text.len));
	}
	if (date_parse(field->value, field->value_len, DATE_STRICT, &strict) ==
	    DATE_FINE) {
		CLAIM(date_parse(field->value, field->value_len, DATE_LENIENT,
				 &lenient) == DATE_FINE);
		CLAIM(strict.seconds == lenient.seconds);
	}
	header_field_given(field->name, field->name_len, field->value,
			   field->value_len, &given);
	if (header_name_valid(field->name, field->name_len))
		CLAIM(given.name_len == field->name_len);
}

/* Who has a domain has it from one field, and no other is called From. */
static void check_author(struct arena *arena, const char *text, size_t len)
{
	struct header_walk walk = { .text = text, .len = len };
	struct author author = { .fields = 0 };
	struct header_field field;
	enum mailbox_reason why;
	const char *domain;
	size_t count = 0;

	while (header_next(&walk, &field)) {
		author_note(&author, arena, &field);
		count += header_is(&field, "From");
	}
	if (author_ask(&author, &domain, &why) == AUTHOR_ONE)
		CLAIM(domain && count == 1);
	else
		CLAIM(!domain);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct charsets *sets;
	struct header_walk walk;
	struct header_field field;
	struct arena arena;
	size_t end = 0;

	if (!sets)
		sets = charset_open();
	if (size < CUTS)
		return 0;
	arena_init(&arena, 16 << 20);
	walk = (struct header_walk){ .text = (const char *)data + CUTS,
				     .len = size - CUTS };
	check_pieces(&arena, data, walk.text, walk.len);
	while (header_next(&walk, &field)) {
		CLAIM(field.offset >= end && field.offset < walk.pos);
		CLAIM(field.value + field.value_len <= walk.text + walk.pos);
		end = walk.pos;
		check_value(&arena, sets, &field);
		arena_reset(&arena);
	}
	check_author(&arena, walk.text, walk.len);
	CLAIM(walk.fields <= MAIL_FIELDS_MAX);
	arena_done(&arena);
	return 0;
}
