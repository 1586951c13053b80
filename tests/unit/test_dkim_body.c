/*
 * test_dkim_body.c - bodies that are cut anew, and how long they are.
 *
 * All short bodies made of a letter, a blank, CR and LF, cut at every two
 * places, against a slow reading of RFC 6376 section 3.4.
 */
#include "filter/inspect/dkim_body.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants the four standard ones before it */
#include <cmocka.h>

enum { LENGTH = 6 };

struct sink {
	char bytes[64];
	size_t len;
	bool parted; /* a CR was the last byte of a piece */
};

static void take(void *context, const char *bytes, size_t len)
{
	struct sink *sink = context;

	assert_true(len > 0 && sink->len + len <= sizeof(sink->bytes));
	memcpy(sink->bytes + sink->len, bytes, len);
	sink->len += len;
	sink->parted |= bytes[len - 1] == '\r';
}

/* The length of the canonicalised body, line by line. */
static size_t length_of(const char *body, size_t len, bool relaxed)
{
	size_t all = 0, kept = 0;

	for (size_t at = 0; at < len;) {
		const char *end = memmem(body + at, len - at, "\r\n", 2);
		size_t to = end ? (size_t)(end - body) : len;
		size_t line = 0;

		for (size_t i = at; i < to; i++) {
			bool blank = relaxed && body[i] == ' ';
			size_t next = i;

			while (blank && next < to && body[next] == ' ')
				next++;
			/* blanks are one, and none at the end of a line */
			if (!blank || (next < to && i + 1 == next))
				line++;
		}
		all += line + 2;
		if (line > 0)
			kept = all;
		at = to + 2;
	}
	return kept == 0 && !relaxed ? 2 : kept;
}

static void feed(struct dkim_body *body, struct sink *sink, const char *text,
		 size_t len, size_t one, size_t two)
{
	*sink = (struct sink){ .len = 0 };
	*body = (struct dkim_body){ .count = true,
				    .each = take,
				    .context = sink };
	dkim_body_feed(body, text, one);
	dkim_body_feed(body, text + one, two - one);
	dkim_body_feed(body, text + two, len - two);
	dkim_body_end(body);
}

static void check(const char *text, size_t len)
{
	struct dkim_body whole, body;
	struct sink all, sink;

	feed(&whole, &all, text, len, 0, 0);
	assert_false(all.parted);
	assert_memory_equal(all.bytes, text, len);
	if (len > 0 && (len < 2 || memcmp(text + len - 2, "\r\n", 2) != 0)) {
		assert_int_equal(all.len, len + 2);
		assert_memory_equal(all.bytes + len, "\r\n", 2);
	} else {
		assert_int_equal(all.len, len);
	}
	if (whole.simple != length_of(text, len, false) ||
	    whole.relaxed != length_of(text, len, true))
		fail_msg("%zu bytes: %zu, %zu", len, (size_t)whole.simple,
			 (size_t)whole.relaxed);
	for (size_t one = 0; one <= len; one++)
		for (size_t two = one; two <= len; two++) {
			feed(&body, &sink, text, len, one, two);
			assert_false(sink.parted);
			assert_int_equal(sink.len, all.len);
			assert_memory_equal(sink.bytes, all.bytes, all.len);
			assert_int_equal(body.simple, whole.simple);
			assert_int_equal(body.relaxed, whole.relaxed);
			assert_int_equal(body.strange_simple,
					 whole.strange_simple);
			assert_int_equal(body.strange_relaxed,
					 whole.strange_relaxed);
		}
}

/* What is strange both ways is not handed on, so its bytes are not compared. */
static bool is_handed_on(const char *text, size_t len)
{
	struct dkim_body body;
	struct sink sink;

	feed(&body, &sink, text, len, 0, 0);
	return !body.strange_simple || !body.strange_relaxed;
}

static void all_short_bodies(void **state)
{
	static const char letters[] = "a \r\n";
	size_t checked = 0;

	(void)state;
	for (size_t len = 0; len <= LENGTH; len++)
		for (unsigned number = 0; number < 1u << 2 * len; number++) {
			char text[LENGTH + 1];

			for (size_t i = 0; i < len; i++)
				text[i] = letters[number >> 2 * i & 3];
			if (!is_handed_on(text, len))
				continue;
			check(text, len);
			checked++;
		}
	assert_true(checked > 2000);
}

static void take_nothing(void *context, const char *bytes, size_t len)
{
	(void)context;
	(void)bytes;
	(void)len;
}

static void endless_lines_and_runs(void **state)
{
	static const struct {
		const char *claim;
		char byte;
		size_t count;
		bool strange;
	} rows[] = {
		/* behind a letter, and with a CR and an LF to follow */
		{ "a long line", 'x', DKIM_LINE_MAX - 1, false },
		{ "a longer one", 'x', DKIM_LINE_MAX, true },
		{ "many blanks are a line, too", ' ', DKIM_LINE_MAX, true },
		{ "a run of CRs", '\r', DKIM_CRS_MAX - 1, false },
		{ "a longer one", '\r', DKIM_CRS_MAX, true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (size_t piece = 1; piece <= 1 << 22; piece <<= 11) {
			struct dkim_body body = { .each = take_nothing };
			size_t size = rows[i].count + 5;
			char *bytes = malloc(size);

			assert_non_null(bytes);
			memset(bytes, rows[i].byte, size);
			memcpy(bytes, "\r\nx", 3);
			memcpy(bytes + size - 2, "\r\n", 2);
			for (size_t at = 0; at < size; at += piece)
				dkim_body_feed(&body, bytes + at,
					       size - at < piece ? size - at
								 : piece);
			dkim_body_end(&body);
			free(bytes);
			if (body.strange_simple != rows[i].strange ||
			    body.strange_relaxed != rows[i].strange)
				fail_msg("%s: %d %d", rows[i].claim,
					 body.strange_simple,
					 body.strange_relaxed);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_short_bodies),
		cmocka_unit_test(endless_lines_and_runs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
