/*
 * store_contract_private.h - what the parts of the contract's tests share.
 *
 * Each test's *state is the store, which the next lines may close and open.
 */
#ifndef TESTS_UNIT_STORE_CONTRACT_PRIVATE_H
#define TESTS_UNIT_STORE_CONTRACT_PRIVATE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "tests/unit/greylist_diary.h"
#include "tests/unit/store_contract.h"

enum { PATIENCE_MS = 20000 };

#define NOON 1700000000 /* when the tests begin */
#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

extern const struct store_contract *the_contract;

/* So long after noon, the machine being up all the time. */
struct greylist_time after_noon(int64_t seconds);

struct store *reopen(void **state, const struct greylist_time *now);

/* On diary_terms; as it comes, or what must be STORE_DONE. */
enum store_end try_visit(struct store *store, const char *identity,
			 const char *sender, const char *recipient,
			 const struct greylist_time *now,
			 struct greylist_result *ret_result);
struct greylist_result visit(struct store *store, const char *identity,
			     const char *sender, const char *recipient,
			     const struct greylist_time *now);

/* Imports one record; it must be taken. */
void bring(struct store *store, enum store_kind kind, const char *key,
	   const char *value, int64_t expires, const struct greylist_time *now);

/* One record as it is stored; its strings stay until the next call. */
struct shown {
	bool is_there;
	char value[GREYLIST_RECORD_SIZE];
	struct store_entry entry;
};

struct shown show(struct store *store, enum store_kind kind, const char *key,
		  const struct greylist_time *now);

/* The tests, by file. */
void test_foreign_values(void **state);
void test_newer_values(void **state);
void test_newer_is_left_by_all(void **state);
void test_jumps(void **state);
void test_jumps_in_a_run(void **state);
void test_expiry(void **state);
void test_sweep_limit(void **state);
void test_sweep_after_jump(void **state);

void test_filters(void **state);
void test_pages(void **state);
void test_pages_by_the_clock(void **state);
void test_pages_while_it_changes(void **state);
void test_each_ends_a_page(void **state);
void test_any_cursor(void **state);
void test_show(void **state);
void test_forget(void **state);
void test_forget_pages(void **state);

void test_import_better(void **state);
void test_import_junk(void **state);
void test_import_of_export(void **state);
void test_import_limits(void **state);

void test_threads_one_triplet(void **state);
void test_threads_many_triplets(void **state);
void test_threads_identity(void **state);
void test_threads_of_all_sorts(void **state);
void test_late(void **state);
void test_stopped(void **state);

#endif
