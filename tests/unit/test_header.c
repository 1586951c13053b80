/* test_header.c - fields, their faults, and pieces cut anywhere. */
#include "rules/mail/header.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "rules/arena.h"
#include "rules/mail/limits.h"

#define ROWS(rows) (sizeof(rows) / sizeof((rows)[0]))
#define TEXT(s) (s), sizeof(s) - 1

/* What is expected of each field, one line a field: name|value|faults. */
static const struct {
	const char *claim;
	const char *text;
	size_t len;
	const char *fields;
	size_t body; /* where it begins */
} rows[] = {
	{ "two fields and a body", TEXT("A: 1\r\nB: 2\r\n\r\nbody"),
	  "A| 1|0\nB| 2|0\n", 14 },
	{ "LF alone ends lines too", TEXT("A: 1\nB: 2\n\nbody"),
	  "A| 1|0\nB| 2|0\n", 11 },
	{ "no body", TEXT("A: 1\r\n"), "A| 1|0\n", 6 },
	{ "no last line end", TEXT("A: 1"), "A| 1|0\n", 4 },
	{ "nothing at all", TEXT(""), "", 0 },
	{ "a body alone", TEXT("\r\nbody"), "", 2 },
	{ "a fold belongs to the value", TEXT("A: 1\r\n\t2\r\nB: 3\r\n"),
	  "A| 1\r\n\t2|0\nB| 3|0\n", 16 },
	{ "an empty value", TEXT("A:\r\nB:\r\n"), "A||0\nB||0\n", 8 },
	{ "colons in the value", TEXT("A:b:c\r\n"), "A|b:c|0\n", 7 },
	{ "no colon", TEXT("hello\r\nA: 1\r\n"), "|hello|1\nA| 1|0\n", 13 },
	{ "no name", TEXT(": x\r\n"), "| x|2\n", 5 },
	{ "a blank inside a name", TEXT("A B: x\r\n"), "A B| x|4\n", 8 },
	{ "8-bit in a name", TEXT("A\xfc: x\r\n"), "A\xfc| x|204\n", 7 },
	{ "a blank before the colon", TEXT("From : x\r\n"), "From| x|8\n", 10 },
	{ "a fold before the colon", TEXT("From\r\n : x\r\n"), "From| x|18\n",
	  12 },
	{ "a blank before the first field", TEXT(" From: x\r\nFrom: y\r\n"),
	  "From| x|20\nFrom| y|0\n", 19 },
	{ "a first line of blanks", TEXT("  \r\nA: 1\r\n"), "|  |21\nA| 1|0\n",
	  10 },
	{ "a CR that ends no line", TEXT("A: 1\r2\r\n"), "A| 1\r2|40\n", 8 },
	{ "CR CR LF", TEXT("A: 1\r\r\n"), "A| 1\r|40\n", 7 },
	{ "a line that begins with CR", TEXT("A: 1\r\n\rB: 2\r\n"),
	  "A| 1|0\n\rB| 2|44\n", 13 },
	{ "a last CR", TEXT("A: 1\r\n\r"), "A| 1|0\n|\r|41\n", 7 },
	{ "NUL", TEXT("A: 1\0002\r\n"), "A| 1\0002|100\n", 8 },
	{ "8-bit in a value", TEXT("A: \xc3\xbc\r\n"), "A| \xc3\xbc|200\n", 7 },
	{ "a fold of blanks alone", TEXT("A: 1\r\n \r\n 2\r\n"),
	  "A| 1\r\n \r\n 2|800\n", 13 },
	{ "a last fold of blanks alone", TEXT("A: 1\r\n \r\n"),
	  "A| 1\r\n |800\n", 9 },
	{ "a mailbox file's first line",
	  TEXT("From a@x.test Mon Jan  1 00:00:00 2024\nA: 1\n"),
	  "From a@x.test Mon Jan  1 00|00:00 2024|2004\nA| 1|0\n", 44 },
	{ "From with a blank is a field", TEXT("From : a@x.test\n"),
	  "From| a@x.test|8\n", 16 },
};

/* What came out, in the form of the rows; bytes of any value. */
struct heard {
	char *text;
	size_t len, room;
};

static void hear_bytes(struct heard *heard, const char *bytes, size_t len)
{
	while (heard->room - heard->len < len) {
		heard->room = heard->room ? 2 * heard->room : 4096;
		heard->text = realloc(heard->text, heard->room);
		assert_non_null(heard->text);
	}
	if (len > 0)
		memcpy(heard->text + heard->len, bytes, len);
	heard->len += len;
}

static void hear(void *ctx, const struct header_field *field)
{
	char faults[32];
	int n = snprintf(faults, sizeof(faults), "|%x\n", field->faults);

	hear_bytes(ctx, field->name, field->name_len);
	hear_bytes(ctx, "|", 1);
	hear_bytes(ctx, field->value, field->value_len);
	hear_bytes(ctx, faults, (size_t)n);
}

static struct header_walk walk_all(const char *text, size_t len,
				   struct heard *heard)
{
	struct header_walk walk = { .text = text, .len = len };
	struct header_field field;

	while (header_next(&walk, &field))
		hear(heard, &field);
	return walk;
}

static void fields_come_as_they_stand(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct heard heard = { 0 };
		struct header_walk walk =
			walk_all(rows[i].text, rows[i].len, &heard);
		size_t want = strlen(rows[i].fields);

		if (memchr(rows[i].text, 0, rows[i].len))
			want = heard.len; /* the row itself has a NUL */
		if (heard.len != want || walk.pos != rows[i].body ||
		    (want && memcmp(heard.text, rows[i].fields, want) != 0))
			fail_msg("not so: %s: \"%.*s\", body at %zu",
				 rows[i].claim, (int)heard.len, heard.text,
				 walk.pos);
		free(heard.text);
	}
}

/* Feeds `text` in pieces of `piece` bytes; the same must come out. */
static void feed(const char *claim, const char *text, size_t len, size_t piece)
{
	struct heard one = { 0 }, many = { 0 };
	struct header_walk walk = walk_all(text, len, &one);
	struct header_reader *reader;
	struct arena arena;
	size_t pos = 0, fields;
	unsigned int faults;

	arena_init(&arena, 1 << 20);
	reader = header_reader_new(&arena, hear, &many);
	assert_non_null(reader);
	while (pos < len) {
		size_t n = len - pos < piece ? len - pos : piece;
		size_t used = header_reader_feed(reader, text + pos, n);

		pos += used;
		if (used < n)
			break;
	}
	faults = header_reader_end(reader, &fields);
	if (many.len != one.len || fields != walk.fields ||
	    faults != walk.faults || pos != walk.pos ||
	    (one.len && memcmp(one.text, many.text, one.len) != 0))
		fail_msg("pieces of %zu differ: %s", piece, claim);
	free(one.text);
	free(many.text);
	arena_done(&arena);
}

static void pieces_make_no_difference(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++)
		for (size_t piece = 1; piece <= rows[i].len; piece++)
			feed(rows[i].claim, rows[i].text, rows[i].len, piece);
}

/* `count` fields "X: aaa...", each `size` bytes with its line end. */
static char *fields_of(size_t count, size_t size)
{
	char *text = malloc(count * size);

	assert_non_null(text);
	memset(text, 'a', count * size);
	for (size_t i = 0; i < count; i++) {
		memcpy(text + i * size, "X:", 2);
		memcpy(text + (i + 1) * size - 2, "\r\n", 2);
	}
	return text;
}

static const struct {
	const char *claim;
	size_t count, size;
	size_t fields; /* handed out */
	unsigned int faults;
} limits[] = {
	{ "a thousand fields are fine", 1000, 20, 1000, 0 },
	{ "one more is left out", 1001, 20, 1000, HEADER_TOO_MANY },
	{ "a line of 998 is fine", 1, 1000, 1, 0 },
	{ "one byte more is told", 1, 1001, 1, HEADER_LONG_LINE },
	{ "64 KiB is fine", 1, MAIL_FIELD_MAX + 2, 1, HEADER_LONG_LINE },
	{ "one byte more is cut", 1, MAIL_FIELD_MAX + 3, 1,
	  HEADER_LONG_LINE | HEADER_CUT },
	{ "a megabyte is left out", 1, 1 << 20, 0, HEADER_TOO_LARGE },
	{ "256 KiB is fine", 4, 65536, 4, HEADER_LONG_LINE },
	{ "what goes beyond it is left out", 6, 65537, 3,
	  HEADER_LONG_LINE | HEADER_TOO_LARGE },
};

static void limits_hold(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(limits); i++) {
		size_t len = limits[i].count * limits[i].size;
		char *text = fields_of(limits[i].count, limits[i].size);
		struct heard heard = { 0 };
		struct header_walk walk = walk_all(text, len, &heard);

		if (walk.fields != limits[i].fields ||
		    walk.faults != limits[i].faults || walk.pos != len)
			fail_msg("not so: %s: %zu fields, faults %x",
				 limits[i].claim, walk.fields, walk.faults);
		feed(limits[i].claim, text, len, 1000);
		feed(limits[i].claim, text, len, 65536);
		free(heard.text);
		free(text);
	}
}

static void a_full_arena_ends_the_reading_not_the_mail(void **state)
{
	char *text = fields_of(1, 60000);
	struct heard heard = { 0 };
	struct header_reader *reader;
	struct arena arena;
	size_t fields;

	(void)state;
	arena_init(&arena, 40000);
	reader = header_reader_new(&arena, hear, &heard);
	assert_non_null(reader);
	assert_int_equal(header_reader_feed(reader, text, 60000), 60000);
	assert_true(header_reader_end(reader, &fields) & HEADER_NO_MEMORY);
	assert_int_equal(fields, 1);
	arena_done(&arena);
	free(heard.text);
	free(text);
}

static const struct {
	const char *claim, *name, *value, *fields;
} given[] = {
	{ "a field from the MTA", "From", " a@x.test", "From| a@x.test|0\n" },
	{ "a name with a blank behind", "From ", "x", "From|x|8\n" },
	{ "a name with a blank before", " From", "x", "From|x|20\n" },
	{ "folds with LF alone", "A", "1\n 2", "A|1\n 2|0\n" },
	{ "a line that is not folded", "A", "1\nB: 2", "A|1\nB: 2|80\n" },
	{ "a bare CR", "A", "1\r2", "A|1\r2|40\n" },
	{ "a name that cannot be", "A:", "x", "A:|x|4\n" },
};

static void fields_may_come_split(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(given); i++) {
		struct heard heard = { 0 };
		struct header_field field;

		header_field_given(given[i].name, strlen(given[i].name),
				   given[i].value, strlen(given[i].value),
				   &field);
		hear(&heard, &field);
		if (heard.len != strlen(given[i].fields) ||
		    memcmp(heard.text, given[i].fields, heard.len) != 0)
			fail_msg("not so: %s: %.*s", given[i].claim,
				 (int)heard.len, heard.text);
		free(heard.text);
	}
}

static const struct {
	const char *claim, *value, *unfolded;
} unfolds[] = {
	{ "nothing to do", "abc", "abc" },
	{ "blanks at the ends go", " abc\t ", "abc" },
	{ "a fold keeps its blank", " a\r\n b\r\n\tc", "a b\tc" },
	{ "LF folds too", "a\n b", "a b" },
	{ "a break without blank becomes one", "a\nb", "a b" },
	{ "a fold of blanks alone", "a\r\n \r\n b", "a  b" },
	{ "a bare CR stays", "a\rb\r\n c", "a\rb c" },
	{ "nothing but folds", "\r\n \r\n ", "" },
};

static void unfolding_makes_one_line(void **state)
{
	struct arena arena;

	(void)state;
	arena_init(&arena, 65536);
	for (size_t i = 0; i < ROWS(unfolds); i++) {
		size_t len;
		const char *out = header_unfold(&arena, unfolds[i].value,
						strlen(unfolds[i].value), &len);

		if (!out || len != strlen(unfolds[i].unfolded) ||
		    memcmp(out, unfolds[i].unfolded, len) != 0)
			fail_msg("not so: %s", unfolds[i].claim);
	}
	arena_done(&arena);
}

static void names_compare_without_case(void **state)
{
	struct header_field field = { .name = "fROMx", .name_len = 4 };

	(void)state;
	assert_true(header_is(&field, "From"));
	assert_false(header_is(&field, "Fromx"));
	assert_false(header_is(&field, "Fro"));
	assert_true(header_name_valid("X-Steelyard", 11));
	assert_false(header_name_valid("", 0));
	assert_false(header_name_valid("A:", 2));
}

static void every_fault_has_words(void **state)
{
	(void)state;
	for (int bit = 0; bit <= 16; bit++)
		assert_string_not_equal(header_fault_text(
						(enum header_fault)(1 << bit)),
					"no fault");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields_come_as_they_stand),
		cmocka_unit_test(pieces_make_no_difference),
		cmocka_unit_test(limits_hold),
		cmocka_unit_test(a_full_arena_ends_the_reading_not_the_mail),
		cmocka_unit_test(fields_may_come_split),
		cmocka_unit_test(unfolding_makes_one_line),
		cmocka_unit_test(names_compare_without_case),
		cmocka_unit_test(every_fault_has_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
