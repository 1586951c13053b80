/*
 * test_store_queue.c - keys in a row, each once, and not too many.
 */
#include "lists/store_queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static void must_pop(struct store_queue *queue, enum store_kind kind,
		     const char *key)
{
	char got[TRIPLET_KEY_SIZE];
	enum store_kind got_kind;

	assert_true(store_queue_pop(queue, &got_kind, got));
	assert_int_equal(got_kind, kind);
	assert_string_equal(got, key);
}

static void must_be_empty(struct store_queue *queue)
{
	char key[TRIPLET_KEY_SIZE];
	enum store_kind kind;

	assert_int_equal(store_queue_count(queue), 0);
	assert_false(store_queue_pop(queue, &kind, key));
}

static void test_first_in_first_out(void **state)
{
	struct store_queue *queue = store_queue_new(3);

	(void)state;
	must_be_empty(queue);
	assert_true(store_queue_push(queue, STORE_TRIPLET, "a"));
	assert_true(store_queue_push(queue, STORE_IDENTITY, "a"));
	assert_true(store_queue_push(queue, STORE_TRIPLET, "b"));
	must_pop(queue, STORE_TRIPLET, "a");
	must_pop(queue, STORE_IDENTITY, "a");
	must_pop(queue, STORE_TRIPLET, "b");
	must_be_empty(queue);
	store_queue_free(queue);
}

static void test_each_once(void **state)
{
	struct store_queue *queue = store_queue_new(2);

	(void)state;
	for (int i = 0; i < 5; i++)
		assert_true(store_queue_push(queue, STORE_TRIPLET, "a"));
	assert_int_equal(store_queue_count(queue), 1);
	must_pop(queue, STORE_TRIPLET, "a");
	assert_true(store_queue_push(queue, STORE_TRIPLET, "a"));
	must_pop(queue, STORE_TRIPLET, "a");
	must_be_empty(queue);
	store_queue_free(queue);
}

static void test_one_too_many_drops_the_oldest(void **state)
{
	struct store_queue *queue = store_queue_new(2);

	(void)state;
	store_queue_push(queue, STORE_TRIPLET, "a");
	store_queue_push(queue, STORE_TRIPLET, "b");
	assert_false(store_queue_push(queue, STORE_TRIPLET, "c"));
	assert_int_equal(store_queue_count(queue), 2);
	must_pop(queue, STORE_TRIPLET, "b");
	must_pop(queue, STORE_TRIPLET, "c");
	must_be_empty(queue);
	store_queue_free(queue);
}

static void test_back_in_front(void **state)
{
	struct store_queue *queue = store_queue_new(3);

	(void)state;
	store_queue_push(queue, STORE_TRIPLET, "b");
	assert_true(store_queue_unpop(queue, STORE_TRIPLET, "a"));
	assert_true(store_queue_unpop(queue, STORE_TRIPLET, "b"));
	assert_int_equal(store_queue_count(queue), 2);
	store_queue_push(queue, STORE_TRIPLET, "c");
	assert_false(store_queue_unpop(queue, STORE_TRIPLET, "z"));
	must_pop(queue, STORE_TRIPLET, "a");
	must_pop(queue, STORE_TRIPLET, "b");
	must_pop(queue, STORE_TRIPLET, "c");
	must_be_empty(queue);
	assert_true(store_queue_unpop(queue, STORE_TRIPLET, "d"));
	must_pop(queue, STORE_TRIPLET, "d");
	store_queue_free(queue);
}

/* Against a row of numbers. */
static void test_many(void **state)
{
	enum { ROOM = 100, PUSHED = 5000 };
	struct store_queue *queue = store_queue_new(ROOM);
	char key[16];

	(void)state;
	for (int i = 0; i < PUSHED; i++) {
		snprintf(key, sizeof(key), "%d", i);
		assert_int_equal(store_queue_push(queue, STORE_TRIPLET, key),
				 i < ROOM);
	}
	for (int i = PUSHED - ROOM; i < PUSHED; i++) {
		snprintf(key, sizeof(key), "%d", i);
		must_pop(queue, STORE_TRIPLET, key);
	}
	must_be_empty(queue);
	store_queue_push(queue, STORE_TRIPLET, "left to be freed");
	store_queue_free(queue);
	store_queue_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first_in_first_out),
		cmocka_unit_test(test_each_once),
		cmocka_unit_test(test_one_too_many_drops_the_oldest),
		cmocka_unit_test(test_back_in_front),
		cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests_name("store_queue", tests, NULL, NULL);
}
