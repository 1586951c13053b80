/* test_author.c - whom does a message claim to be from? */
#include "rules/mail/author.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "rules/arena.h"
#include "rules/mail/header.h"

#define ROWS(rows) (sizeof(rows) / sizeof((rows)[0]))
#define TEXT(s) (s), sizeof(s) - 1

static const struct {
	const char *claim, *text;
	size_t len;
	enum author_answer answer;
	const char *domain;
} rows[] = {
	{ "one field, one domain", TEXT("To: b@y.test\nFrom: a@X.Test\n"),
	  AUTHOR_ONE, "x.test" },
	{ "case of the name", TEXT("FROM: a@x.test\n"), AUTHOR_ONE, "x.test" },
	{ "none", TEXT("To: b@y.test\n"), AUTHOR_NO_FIELD, NULL },
	{ "nothing in it", TEXT("From:\n"), AUTHOR_NO_DOMAIN, NULL },
	{ "two domains in one", TEXT("From: a@x.test, b@y.test\n"),
	  AUTHOR_NO_DOMAIN, NULL },
	{ "a mailbox file's line is no field",
	  TEXT("From a@y.test Mon Jan  1 00:00:00 2024\nFrom: a@x.test\n"),
	  AUTHOR_ONE, "x.test" },
	{ "others may be broken", TEXT("hello\nFrom: a@x.test\nA b: c\n"),
	  AUTHOR_ONE, "x.test" },
	{ "NUL in the name", TEXT("From\0: a@legit.test\nFrom: a@x.test\n"),
	  AUTHOR_SEVERAL_FIELDS, NULL },
	{ "NUL in the only name", TEXT("From\0: a@legit.test\n"),
	  AUTHOR_DOUBTFUL_FIELD, NULL },
	{ "8-bit in the name", TEXT("Fr\xc2\xadom: a@legit.test\n"),
	  AUTHOR_DOUBTFUL_FIELD, NULL },
	{ "behind a bare CR",
	  TEXT("From: a@x.test\nX: y\rfrom : a@legit.test\n"),
	  AUTHOR_SEVERAL_FIELDS, NULL },
	{ "a bare CR in it", TEXT("From: a@x.test\rX\n"), AUTHOR_NO_DOMAIN,
	  NULL },
	{ "a bare CR elsewhere", TEXT("From: a@x.test\nX: y\rfromage\n"),
	  AUTHOR_ONE, "x.test" },
	{ "A8: two fields",
	  TEXT("From: <first@attack.test>\r\nFrom: <admin@legit.test>\r\n"),
	  AUTHOR_SEVERAL_FIELDS, NULL },
	{ "A9: a blank before the first",
	  TEXT(" From: <first@attack.test>\r\nFrom: <admin@legit.test>\r\n"),
	  AUTHOR_SEVERAL_FIELDS, NULL },
	{ "A10: a blank behind the second",
	  TEXT("From: <first@attack.test>\r\nFrom : <admin@legit.test>\r\n"),
	  AUTHOR_SEVERAL_FIELDS, NULL },
	{ "A11: a fold in the first",
	  TEXT("From\r\n : <first@attack.test>\r\nFrom: <admin@legit.test>\r\n"),
	  AUTHOR_SEVERAL_FIELDS, NULL },
	{ "A12: a fold, and a Sender",
	  TEXT("From\r\n : <first@attack.test>\r\nnTo: <v@victim.test>\r\n"
	       "Sender: <admin@legit.test>\r\n"),
	  AUTHOR_DOUBTFUL_FIELD, NULL },
	{ "A13: a fold, and a Resent-From",
	  TEXT("From\r\n : <first@attack.test>\r\n"
	       "Resent-From: <admin@legit.test>\r\n"),
	  AUTHOR_DOUBTFUL_FIELD, NULL },
	{ "a Sender does not count",
	  TEXT("From: a@x.test\r\nSender: <admin@legit.test>\r\n"), AUTHOR_ONE,
	  "x.test" },
};

static void the_author_is_clear_or_nobody(void **state)
{
	struct arena arena;

	(void)state;
	arena_init(&arena, 1 << 20);
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct header_walk walk = { .text = rows[i].text,
					    .len = rows[i].len };
		struct author author = { .fields = 0 };
		struct header_field field;
		enum author_answer answer;
		enum mailbox_reason why;
		const char *domain;

		while (header_next(&walk, &field))
			author_note(&author, &arena, &field);
		answer = author_ask(&author, &domain, &why);
		if (answer != rows[i].answer || !domain != !rows[i].domain ||
		    (domain && strcmp(domain, rows[i].domain) != 0))
			fail_msg("not so: %s: %s, %s, %s", rows[i].claim,
				 author_answer_text(answer),
				 domain ? domain : "no domain",
				 mailbox_reason_text(why));
	}
	arena_done(&arena);
}

static void a_cut_field_is_in_doubt(void **state)
{
	struct header_field field;
	struct author author = { .fields = 0 };
	enum mailbox_reason why;
	const char *domain;
	struct arena arena;

	(void)state;
	arena_init(&arena, 1 << 20);
	header_field_given("From", 4, "a@x.test", 8, &field);
	field.faults |= HEADER_CUT;
	author_note(&author, &arena, &field);
	assert_int_equal(author_ask(&author, &domain, &why),
			 AUTHOR_DOUBTFUL_FIELD);
	arena_done(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_author_is_clear_or_nobody),
		cmocka_unit_test(a_cut_field_is_in_doubt),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
