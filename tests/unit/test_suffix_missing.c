/*
 * test_suffix_missing.c - a machine without a public suffix list, and a libpsl
 * that was built without one.
 *
 * No domain has an organisation then, and DMARC's relaxed alignment is that of
 * a domain with itself and what is below it: rows NO_LIST of test_dmarc.c.
 */
#include "lists/suffix.h"

#include <libpsl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

psl_ctx_t *__wrap_psl_latest(const char *path);
const psl_ctx_t *__wrap_psl_builtin(void);

psl_ctx_t *__wrap_psl_latest(const char *path)
{
	(void)path;
	return NULL;
}

const psl_ctx_t *__wrap_psl_builtin(void)
{
	return NULL;
}

static void test_it_is_told(void **state)
{
	(void)state;
	assert_false(suffix_load());
}

static void test_nothing_has_an_organisation(void **state)
{
	static const char *const names[] = { "example.com", "mail.example.com",
					     "a.b.example.co.uk", "com", "" };
	size_t len;

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_null(
			suffix_organisation(names[i], strlen(names[i]), &len));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_it_is_told),
		cmocka_unit_test(test_nothing_has_an_organisation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
