/*
 * test_arena.c - memory with a ceiling, freed in one go.
 */
#include "rules/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>

static void test_pieces(void **state)
{
	static const size_t sizes[] = { 0,  1,	 7,    8,    15,    16,
					17, 100, 4096, 5000, 70000, 1 };
	unsigned char *pieces[sizeof(sizes) / sizeof(sizes[0])];
	struct arena arena;

	(void)state;
	arena_init(&arena, 1 << 20);
	assert_int_equal(arena.taken, 0);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		pieces[i] = arena_alloc(&arena, sizes[i]);
		assert_non_null(pieces[i]);
		assert_int_equal((uintptr_t)pieces[i] % _Alignof(max_align_t),
				 0);
		for (size_t j = 0; j < sizes[i]; j++)
			assert_int_equal(pieces[i][j], 0);
		memset(pieces[i], (int)i + 1, sizes[i]);
	}
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		for (size_t j = 0; j < sizes[i]; j++)
			assert_int_equal(pieces[i][j], i + 1);
	assert_false(arena.full);
	arena_done(&arena);
}

static void test_ceiling(void **state)
{
	struct arena arena;
	size_t got = 0;

	(void)state;
	arena_init(&arena, 10000);
	while (arena_alloc(&arena, 64) != NULL)
		got += 64;
	assert_true(arena.full);
	assert_false(arena.failed);
	assert_in_range(got, 8000, 10000);
	assert_true(arena.taken <= 10000);

	arena_reset(&arena);
	assert_int_equal(arena.taken, 0);
	assert_false(arena.full);
	assert_int_equal(arena.ceiling, 10000);
	assert_non_null(arena_alloc(&arena, 10000));
	assert_null(arena_alloc(&arena, 1));
	arena_done(&arena);

	arena_init(&arena, 0);
	assert_null(arena_alloc(&arena, 1));
	assert_true(arena.full);
	arena_done(&arena);
}

static void test_absurd_sizes(void **state)
{
	struct arena arena;

	(void)state;
	arena_init(&arena, SIZE_MAX);
	assert_null(arena_alloc(&arena, SIZE_MAX));
	assert_true(arena.full);
	arena_reset(&arena);
	assert_null(arena_array(&arena, SIZE_MAX / 2, 16));
	assert_true(arena.full);
	arena_reset(&arena);
	assert_null(arena_strndup(&arena, "x", SIZE_MAX));
	assert_true(arena.full);
	arena_done(&arena);
}

static void test_text(void **state)
{
	struct arena arena;
	char *copy;

	(void)state;
	arena_init(&arena, 1 << 16);
	copy = arena_strndup(&arena, "a\0b", 3);
	assert_memory_equal(copy, "a\0b\0", 4);
	assert_string_equal(arena_strndup(&arena, NULL, 0), "");
	assert_string_equal(arena_printf(&arena, "%s-%05d", "x", 42),
			    "x-00042");
	arena_done(&arena);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_ceiling),
		cmocka_unit_test(test_absurd_sizes),
		cmocka_unit_test(test_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
