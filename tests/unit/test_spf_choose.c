/*
 * test_spf_choose.c - which of a name's TXT records is the one of SPF?
 */
#include "filter/inspect/spf_record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define ROWS(rows) (sizeof(rows) / sizeof((rows)[0]))

#define T(text)                        \
	{                              \
		text, sizeof(text) - 1 \
	}

static const struct {
	const char *claim;
	struct spf_text texts[3];
	size_t count;
	enum spf_choice choice;
	size_t index;
} choices[] = {
	{ "no TXT record at all", { { NULL, 0 } }, 0, SPF_CHOICE_NONE, 0 },
	{ "none of SPF", { T("hello"), T("") }, 2, SPF_CHOICE_NONE, 0 },
	{ "one", { T("v=spf1 -all") }, 1, SPF_CHOICE_ONE, 0 },
	{ "one among others",
	  { T("v=DMARC1"), T("v=spf1"), T("v=spf2.0/pra -all") },
	  3,
	  SPF_CHOICE_ONE,
	  1 },
	{ "in any case", { T("V=SpF1 -all") }, 1, SPF_CHOICE_ONE, 0 },
	{ "a broken one is one", { T("v=spf1 \x80") }, 1, SPF_CHOICE_ONE, 0 },
	{ "two",
	  { T("v=spf1 -all"), T("x"), T("v=spf1") },
	  3,
	  SPF_CHOICE_SEVERAL,
	  0 },
	{ "two of the same",
	  { T("v=spf1 -all"), T("v=spf1 -all") },
	  2,
	  SPF_CHOICE_SEVERAL,
	  0 },
	{ "the version goes on",
	  { T("v=spf10 -all"), T("v=spf1mx") },
	  2,
	  SPF_CHOICE_NONE,
	  0 },
	{ "something else than a blank",
	  { T("v=spf1\t-all"), T("v=spf1\0") },
	  2,
	  SPF_CHOICE_NONE,
	  0 },
	{ "a blank before it",
	  { T(" v=spf1 -all"), T("\"v=spf1 -all\"") },
	  2,
	  SPF_CHOICE_NONE,
	  0 },
	{ "letters that look like it",
	  { T("v=spfl am not") },
	  1,
	  SPF_CHOICE_NONE,
	  0 },
};

static void test_choices(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(choices); i++) {
		size_t index = 4711;

		if (spf_record_choose(choices[i].texts, choices[i].count,
				      &index) != choices[i].choice ||
		    index != (choices[i].choice == SPF_CHOICE_ONE
				      ? choices[i].index
				      : 4711))
			fail_msg("%s", choices[i].claim);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_choices),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
