/*
 * test_namelist.c - names above and below, addresses with and without a
 * local part.
 */
#include "lists/entry.h"
#include "lists/namelist.h"

#include <errno.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static void add(struct namelist *set, enum list_kind kind, const char *text)
{
	struct list_error error;
	struct entry entry;

	if (entry_parse(kind, text, strlen(text), &entry, &error) < 0)
		fail_msg("%s: %s", text, error.text);
	assert_int_equal(namelist_add(set, entry.exact, entry.key, entry.len),
			 0);
}

static void test_domains(void **state)
{
	static const char *const entries[] = {
		"example.org",	"=exact.test",
		"a.b.c.test",	"zip",
		"both.test",	"=both.test",
		"=sub.up.test", "up.test",
		"EXAMPLE.org.", "b\303\234cher.example",
	};
	static const struct {
		const char *claim, *name;
		bool in;
	} rows[] = {
		{ "a domain itself", "example.org", true },
		{ "without case", "eXample.ORG", true },
		{ "with a dot at its end", "example.org.", true },
		{ "one below", "mail.example.org", true },
		{ "far below", "a.b.c.d.e.f.g.example.org", true },
		{ "the one above is not", "org", false },
		{ "the end of another name is not", "notexample.org", false },
		{ "its begin is not", "example.or", false },
		{ "nor something added", "example.org.test", false },
		{ "two dots at the end are another name", "example.org..",
		  false },
		{ "an exact one itself", "exact.test", true },
		{ "with dot and case", "EXACT.test.", true },
		{ "nothing below an exact one", "a.exact.test", false },
		{ "deep entry", "a.b.c.test", true },
		{ "below the deep entry", "x.a.b.c.test", true },
		{ "above the deep entry", "b.c.test", false },
		{ "a whole top level", "anything.zip", true },
		{ "exact beside not exact: below", "a.both.test", true },
		{ "exact beside not exact: itself", "both.test", true },
		{ "below an exact one that lies below another", "x.sub.up.test",
		  true },
		{ "bytes above ASCII as they are", "b\303\234cher.example",
		  true },
		{ "their case is not known", "b\303\274cher.example", false },
		{ "nothing", "", false },
		{ "a dot", ".", false },
		{ "a dot in front", ".example.org", true },
		{ "\"=\" is no name", "=exact.test", false },
	};
	struct namelist *set = namelist_new();
	char *name = malloc(300);

	(void)state;
	assert_non_null(set);
	assert_non_null(name);
	for (size_t i = 0; i < COUNT(entries); i++)
		add(set, LIST_DOMAIN, entries[i]);
	assert_int_equal(namelist_seal(set), 0);
	assert_int_equal(namelist_count(set), COUNT(entries) - 1);
	for (size_t i = 0; i < COUNT(rows); i++) {
		print_message("%s\n", rows[i].claim);
		assert_int_equal(namelist_has_domain(set, rows[i].name,
						     strlen(rows[i].name)),
				 rows[i].in);
	}
	/* 253 bytes are a name, more are none */
	memset(name, 'a', 300);
	memcpy(name + 241, ".example.org.", 13);
	assert_true(namelist_has_domain(set, name, 253));
	assert_true(namelist_has_domain(set, name, 254));
	memcpy(name + 242, ".example.org", 12);
	assert_false(namelist_has_domain(set, name, 254));
	memset(name, '.', 300);
	assert_false(namelist_has_domain(set, name, 253));
	assert_false(namelist_has_domain(set, "x\0example.org", 3));
	free(name);
	namelist_free(set);
}

static void test_addresses(void **state)
{
	static const char *const entries[] = {
		"anna@example.org",	"@all.test",  "\"o b\"@example.org",
		"lit@[192.0.2.1]",	"a@sub.test", "Anna@EXAMPLE.org",
		"\"x@all.test\"@y.test"
	};
	static const struct {
		const char *claim, *address;
		bool in;
	} rows[] = {
		{ "an address", "anna@example.org", true },
		{ "without case", "ANNA@Example.Org", true },
		{ "with a dot at its end", "anna@example.org.", true },
		{ "in quotes", "\"Anna\"@example.org", true },
		{ "with a backslash", "\"\\Anna\"@example.org", true },
		{ "another local part", "ann@example.org", false },
		{ "another domain", "anna@example.net", false },
		{ "one below", "anna@mail.example.org", false },
		{ "anybody", "whoever@all.test", true },
		{ "anybody, quoted", "\"a@b\"@all.test", true },
		{ "nobody", "@all.test", true },
		{ "nobody below", "whoever@mail.all.test", false },
		{ "a blank in quotes", "\"o b\"@example.org", true },
		{ "a blank without quotes", "o b@example.org", true },
		{ "a literal", "lit@[192.0.2.1]", true },
		{ "a quoted @ does not count", "x@all.test@z.test", false },
		{ "the last one does", "\"x@all.test\"@y.test", true },
		{ "no @", "example.org", false },
		{ "nothing", "", false },
		{ "just an @", "@", false },
		{ "open quotes", "\"@example.org", false },
	};
	struct namelist *set = namelist_new();
	char *address = malloc(600);

	(void)state;
	assert_non_null(set);
	assert_non_null(address);
	for (size_t i = 0; i < COUNT(entries); i++)
		add(set, LIST_ADDRESS, entries[i]);
	assert_int_equal(namelist_seal(set), 0);
	assert_int_equal(namelist_count(set), COUNT(entries) - 1);
	for (size_t i = 0; i < COUNT(rows); i++) {
		print_message("%s\n", rows[i].claim);
		assert_int_equal(namelist_has_address(set, rows[i].address,
						      strlen(rows[i].address)),
				 rows[i].in);
	}
	/* an overlong local part is in no list, and harms nobody */
	memset(address, 'a', 600);
	memcpy(address + ENTRY_LOCAL_MAX, "@all.test", 9);
	assert_true(namelist_has_address(set, address, ENTRY_LOCAL_MAX + 9));
	address[ENTRY_LOCAL_MAX] = 'a';
	memcpy(address + ENTRY_LOCAL_MAX + 1, "@all.test", 9);
	assert_false(namelist_has_address(set, address, ENTRY_LOCAL_MAX + 10));
	memset(address, '\\', 600);
	address[0] = '"';
	memcpy(address + 513, "\"@all.test", 10);
	assert_true(namelist_has_address(set, address, 523));
	free(address);
	namelist_free(set);
}

static void test_empty(void **state)
{
	struct namelist *set = namelist_new();

	(void)state;
	assert_non_null(set);
	errno = 0;
	assert_int_equal(namelist_add(set, false, "", 0), -1);
	assert_int_equal(errno, EINVAL);
	assert_int_equal(namelist_add(set, false, "x", NAMELIST_KEY_MAX + 1),
			 -1);
	assert_int_equal(namelist_seal(set), 0);
	assert_int_equal(namelist_count(set), 0);
	assert_false(namelist_has_domain(set, "example.org", 11));
	assert_false(namelist_has_address(set, "a@example.org", 13));
	namelist_free(set);
	namelist_free(NULL);
}

struct seen {
	int next;
	int count;
};

static bool in_turn(void *ctx, bool exact, const char *key, size_t len)
{
	struct seen *seen = ctx;
	char wanted[32];

	snprintf(wanted, sizeof(wanted), "n%d.test", seen->next);
	assert_int_equal(len, strlen(wanted));
	assert_memory_equal(key, wanted, len);
	assert_int_equal(exact, seen->next % 2);
	seen->next++;
	return ++seen->count < 5000;
}

static void test_many(void **state)
{
	struct namelist *set = namelist_new();
	struct seen seen = { 0 };
	char name[32];

	(void)state;
	assert_non_null(set);
	for (int i = 0; i < 20000; i++) {
		snprintf(name, sizeof(name), "n%d.test", i / 2);
		assert_int_equal(namelist_add(set, i / 2 % 2, name,
					      strlen(name)),
				 0);
	}
	assert_int_equal(namelist_seal(set), 0);
	assert_int_equal(namelist_count(set), 10000);
	for (int i = 0; i < 20000; i++) {
		snprintf(name, sizeof(name), "n%d.test", i);
		assert_int_equal(namelist_has_domain(set, name, strlen(name)),
				 i < 10000);
		snprintf(name, sizeof(name), "x.n%d.test", i);
		assert_int_equal(namelist_has_domain(set, name, strlen(name)),
				 i < 10000 && i % 2 == 0);
	}
	/* in the order added, without what came twice; until told to stop */
	namelist_each(set, in_turn, &seen);
	assert_int_equal(seen.count, 5000);
	/* head and name, and a table made for all that was added */
	assert_in_range(namelist_memory(set), 10000 * (2 + 10 + 12),
			10000 * (2 + 10 + 26));
	namelist_free(set);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_domains),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
