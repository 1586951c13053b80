/*
 * test_suffix.c - which domain is the organisation's.
 */
#include "lists/suffix.h"

#include <stdarg.h>
#include <setjmp.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static const struct row {
	const char *claim, *name, *organisation; /* NULL: none */
} rows[] = {
	{ "it is its own", "example.com", "example.com" },
	{ "hosts belong to it", "mail.example.com", "example.com" },
	{ "whatever is below", "a.b.c.d.e.f.example.com", "example.com" },
	{ "suffixes may have two labels", "a.b.example.co.uk",
	  "example.co.uk" },
	{ "and that is nobody's", "co.uk", NULL },
	{ "a top level is nobody's", "com", NULL },
	{ "customers of a private suffix are strangers to each other",
	  "a.alice.github.io", "alice.github.io" },
	{ "a private suffix is a suffix", "github.io", NULL },
	{ "wildcards: any label below", "a.b.c.ck", "b.c.ck" },
	{ "a name that a wildcard covers is a suffix", "c.ck", NULL },
	{ "exceptions to a wildcard", "a.www.ck", "www.ck" },
	{ "under a top level that nobody knows, the next label",
	  "a.b.nosuchtld", "b.nosuchtld" },
	{ "case does not matter, and stays", "Mail.EXAMPLE.Co.Uk",
	  "EXAMPLE.Co.Uk" },
	{ "a dot at the end means nothing", "mail.example.com.",
	  "example.com" },
	{ "U-labels", "www.食狮.公司.cn", "食狮.公司.cn" },
	{ "A-labels", "www.xn--85x722f.xn--55qx5d.cn",
	  "xn--85x722f.xn--55qx5d.cn" },
	{ "U-labels in capitals", "a.ÄRGER.Éxample.de", "Éxample.de" },
	{ "a suffix of U-labels", "公司.cn", NULL },
	{ "a suffix of A-labels", "xn--55qx5d.cn", NULL },
	{ "underscores happen", "_dmarc.under_score.example.com",
	  "example.com" },
	{ "one label", "localhost", NULL },
	{ "nothing", "", NULL },
	{ "the root", ".", NULL },
	{ "an empty label", "a..example.com", NULL },
	{ "a dot in front", ".example.com", NULL },
	{ "two dots at the end", "example.com..", NULL },
	{ "an IPv4 address", "192.0.2.1", NULL },
	{ "with a dot behind", "192.0.2.1.", NULL },
	{ "an IPv6 address", "2001:db8::1", NULL },
	{ "a literal", "[192.0.2.1]", NULL },
	{ "an IPv6 literal", "[IPv6:2001:db8::1]", NULL },
	{ "a blank", "exa mple.com", NULL },
	{ "a line end", "example.com\n", NULL },
	{ "an address of mail", "someone@example.com", NULL },
	{ "an escape", "a\\.b.example.com", NULL },
	{ "what stands below need not be UTF-8", "\xff\xfe.example.com",
	  "example.com" },
	{ "a full-width dot", "evil．example.com", NULL },
};

static void check(const struct row *row)
{
	size_t len = 999;
	const char *got =
		suffix_organisation(row->name, strlen(row->name), &len);
	bool right = row->organisation
			     ? got && len == strlen(row->organisation) &&
				       strncmp(got, row->organisation, len) == 0
			     : !got;

	if (!right)
		fail_msg("%s: %s: %.*s", row->claim, row->name,
			 got ? (int)len : 4, got ? got : "none");
	if (got) /* it is a piece of the name */
		assert_in_range((size_t)(got - row->name), 0,
				strlen(row->name) - len);
}

static void test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check(&rows[i]);
}

static void test_long(void **state)
{
	char name[300];
	const char *got;
	size_t len;

	(void)state;
	/* "aaa.aaa. ... .com" */
	for (size_t i = 0; i < 300; i++)
		name[i] = i % 4 == 3 ? '.' : 'a';
	memcpy(name + 296, "com", 4);
	assert_null(suffix_organisation(name, 299, &len));
	got = suffix_organisation(name + 48, 251, &len);
	assert_ptr_equal(got, name + 292);
	assert_int_equal(len, 7);
	/* labels of 64 and of 63 */
	memset(name + 200, 'a', 64);
	name[264] = '.';
	assert_null(suffix_organisation(name + 200, 99, &len));
	assert_non_null(suffix_organisation(name + 201, 98, &len));
}

/* Exactly as many bytes as it is told, with no NUL behind them. */
static void test_piece(void **state)
{
	static const char text[] = { 'a', '.', 'b', '.', 'o', 'r', 'g' };
	size_t len;

	(void)state;
	assert_ptr_equal(suffix_organisation(text, 7, &len), text + 2);
	assert_int_equal(len, 5);
	assert_ptr_equal(suffix_organisation(text, 6, &len), text + 2);
	assert_int_equal(len, 4);
	assert_null(suffix_organisation("a.b\0c.org", 9, &len));
}

static void *ask(void *arg)
{
	size_t *len = arg;

	for (int i = 0; i < 1000; i++)
		suffix_organisation("a.example.co.uk", 15, len);
	return NULL;
}

static void test_threads(void **state)
{
	pthread_t threads[8];
	size_t lens[8] = { 0 };

	(void)state;
	for (int i = 0; i < 8; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, ask,
						&lens[i]),
				 0);
	for (int i = 0; i < 8; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(lens[i], 13);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_threads), /* who is first loads */
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_long),
		cmocka_unit_test(test_piece),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
