/* test_unicode.c - what is UTF-8, and what stands for what is none. */
#include "rules/mail/unicode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define ROWS(rows) (sizeof(rows) / sizeof((rows)[0]))
#define R "\xef\xbf\xbd" /* U+FFFD */

static const struct {
	const char *claim, *text, *mended;
} rows[] = {
	{ "ASCII is UTF-8", "abc", "abc" },
	{ "two, three and four bytes", "\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80",
	  "\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80" },
	{ "the last character of all", "\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf" },
	{ "a lone continuation", "a\x80z", "a" R "z" },
	{ "Latin-1", "gr\xfc\xdf", "gr" R R },
	{ "a character cut short", "a\xe2\x82", "a" R },
	{ "cut short, then another", "\xe2\x82z", R "z" },
	{ "cut short by a lead byte", "\xf0\x9f\x98\xc3\xbc", R "\xc3\xbc" },
	{ "an overlong slash", "\xc0\xaf", R R },
	{ "an overlong slash of three", "\xe0\x80\xaf", R R R },
	{ "an overlong of four", "\xf0\x80\x80\x80", R R R R },
	{ "a surrogate", "\xed\xa0\x80", R R R },
	{ "beyond U+10FFFF", "\xf4\x90\x80\x80", R R R R },
	{ "bytes that never occur", "\xfe\xff", R R },
};

static void each_row(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		char out[64];
		bool bad = false;
		size_t len = strlen(rows[i].text);
		size_t n = unicode_mend(out, rows[i].text, len, &bad);
		bool valid = strcmp(rows[i].text, rows[i].mended) == 0;

		if (bad == valid || unicode_valid(rows[i].text, len) != valid ||
		    n != strlen(rows[i].mended) ||
		    memcmp(out, rows[i].mended, n) != 0)
			fail_msg("not so: %s", rows[i].claim);
	}
}

static void every_scalar_value_round_trips(void **state)
{
	(void)state;
	for (uint32_t code = 0; code <= 0x10ffff; code++) {
		char out[UNICODE_MAX];
		size_t n = unicode_put(out, code), bad;
		bool surrogate = code >= 0xd800 && code < 0xe000;

		if (unicode_length(out, n, &bad) != (surrogate ? 0 : n))
			fail_msg("U+%04X", (unsigned int)code);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_row),
		cmocka_unit_test(every_scalar_value_round_trips),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
