/*
 * test_names.c - names and their numbers.
 */
#include "rules/names.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "rules/arena.h"

static void test_add_and_find(void **state)
{
	enum { NAMES = 5000 };
	struct arena arena;
	struct names names;
	struct names_walk walk = { &names, 0 };
	uint32_t number;
	int walked = 0;

	(void)state;
	arena_init(&arena, 16 << 20);
	names_init(&names, &arena);
	assert_true(names_find(&names, "A") < 0);
	for (uint32_t i = 0; i < NAMES; i++) {
		const char *name = arena_printf(&arena, "NAME_%u", i);

		assert_int_equal(names_add(&names, name, i, &number), 1);
		assert_int_equal(number, i);
	}
	assert_int_equal(names_add(&names, "NAME_7", 99, &number), 0);
	assert_int_equal(number, 7);
	assert_int_equal(names_find(&names, "NAME_4999"), 4999);
	assert_true(names_find(&names, "name_7") < 0);
	while (names_next(&walk) != NULL)
		walked++;
	assert_int_equal(walked, NAMES);
	arena_done(&arena);
}

static void test_no_room(void **state)
{
	struct arena arena;
	struct names names;
	uint32_t number;

	(void)state;
	arena_init(&arena, 64);
	names_init(&names, &arena);
	assert_int_equal(names_add(&names, "A", 1, &number), -1);
	assert_true(names_find(&names, "A") < 0);
	arena_done(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_add_and_find),
		cmocka_unit_test(test_no_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
