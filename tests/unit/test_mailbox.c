/* test_mailbox.c - whose mailboxes? And whose domain is it in the end? */
#include "rules/mail/mailbox.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <stdio.h>

#include "rules/arena.h"

#define ROWS(rows) (sizeof(rows) / sizeof((rows)[0]))

/*
 * Mailboxes are written "display|local|domain", with a space between two.
 * The domain is that of the author, NULL if there is none.
 */
struct row {
	const char *claim, *text;
	enum mailbox_verdict verdict;
	enum mailbox_reason reason;
	const char *mailboxes;
	const char *domain;
};

#define V MAILBOX_VALID, MAILBOX_FINE
#define R(reason) MAILBOX_RECOVERED, MAILBOX_##reason
#define U(reason) MAILBOX_UNPARSABLE, MAILBOX_##reason, "", NULL

static const struct row valid[] = {
	{ "an address", "a@x.test", V, "|a|x.test", "x.test" },
	{ "in angle brackets", " <a@x.test>", V, "|a|x.test", "x.test" },
	{ "with a name", "Ann Bo <a@x.test>", V, "Ann Bo|a|x.test", "x.test" },
	{ "no blank needed", "Ann<a@x.test>", V, "Ann|a|x.test", "x.test" },
	{ "a quoted name", "\"Bo, Ann\" <a@x.test>", V, "\"Bo, Ann\"|a|x.test",
	  "x.test" },
	{ "a name in several parts", "\"Ann\" Bo =?utf-8?q?C?= <a@x.test>", V,
	  "\"Ann\" Bo =?utf-8?q?C?=|a|x.test", "x.test" },
	{ "an address quoted in a name", "\"a@y.test\" <a@x.test>", V,
	  "\"a@y.test\"|a|x.test", "x.test" },
	{ "a comment behind", "a@x.test (Ann Bo)", V, "|a|x.test", "x.test" },
	{ "a comment with an address", "a@x.test (b@y.test)", V, "|a|x.test",
	  "x.test" },
	{ "comments everywhere",
	  "(1) Ann (2) < (3) a (4) @ (5) x.test (6) > (7)", V, "Ann|a|x.test",
	  "x.test" },
	{ "folded", "Ann\r\n Bo\r\n\t<a@x.test>", V, "Ann\r\n Bo|a|x.test",
	  "x.test" },
	{ "its line end left on", "a@x.test\r\n", V, "|a|x.test", "x.test" },
	{ "dots before the @", "a.b@x.test", V, "|a.b|x.test", "x.test" },
	{ "a quoted local part", "\"a b\"@x.test", V, "|a b|x.test", "x.test" },
	{ "a quoted @", "\"a@y.test\"@x.test", V, "|a@y.test|x.test",
	  "x.test" },
	{ "RFC 5322 A.5",
	  "Pete(A nice \\) chap) <pete(his account)@silly.test"
	  "(his host)>",
	  V, "Pete|pete|silly.test", "silly.test" },
	{ "a literal has no domain", "a@[192.0.2.1]", V, "|a|[192.0.2.1]",
	  NULL },
	{ "a folded literal", "a@[192.0.2.1\r\n ]", V, "|a|[192.0.2.1]", NULL },
	{ "nor has an IP address", "a@192.0.2.1", V, "|a|192.0.2.1", NULL },
	{ "two of one domain", "a@x.test, b@X.TEST", V, "|a|x.test |b|x.test",
	  "x.test" },
	{ "two domains", "a@x.test, b@y.test", V, "|a|x.test |b|y.test", NULL },
	{ "a subdomain is another", "a@x.test, b@a.x.test", V,
	  "|a|x.test |b|a.x.test", NULL },
	{ "an empty group", "undisclosed:;", V, "", NULL },
	{ "a group with a comment", "undisclosed: (none) ;", V, "", NULL },
	{ "a group", "Team: a@x.test, Bo <b@x.test>;", V,
	  "|a|x.test Bo|b|x.test", NULL },
	{ "a group and more", "A B: a@x.test;, b@y.test", V,
	  "|a|x.test |b|y.test", NULL },
	{ "UTF-8",
	  "\xce\x91 <\xce\xb1@b\xc3\xbc"
	  "cher.test>",
	  V, "\xce\x91|\xce\xb1|xn--bcher-kva.test", "xn--bcher-kva.test" },
	{ "an underscore", "Rspamd <foo@zero_pct.test>", V,
	  "Rspamd|foo|zero_pct.test", "zero_pct.test" },
};

static const struct row recovered[] = {
	{ "dots in a name", "Ann B. Co <a@x.test>", R(OBSOLETE),
	  "Ann B. Co|a|x.test", "x.test" },
	{ "a dot before a name", ".Ann <a@x.test>", R(PHRASE_DOTS),
	  ".Ann|a|x.test", "x.test" },
	{ "brackets in a name", "Ann [Sales] <a@x.test>", R(PHRASE_BRACKETS),
	  "Ann [Sales]|a|x.test", "x.test" },
	{ "blanks around a local dot", "a . b@x.test", R(OBSOLETE),
	  "|a.b|x.test", "x.test" },
	{ "quotes and dots", "\"a b\".c@x.test", R(OBSOLETE), "|a b.c|x.test",
	  "x.test" },
	{ "dots in a row", "a..b@x.test", R(LOCAL_DOTS), "|a..b|x.test",
	  "x.test" },
	{ "a dot at the end", "<a.@x.test>", R(LOCAL_DOTS), "|a.|x.test",
	  "x.test" },
	{ "a final dot", "<a@x.test.>", R(FINAL_DOT), "|a|x.test", "x.test" },
	{ "a route is not for DMARC", "<@p.test,@q.test:a@x.test>", R(OBSOLETE),
	  "|a|x.test", NULL },
	{ "an empty element", "a@x.test,,b@x.test", R(OBSOLETE),
	  "|a|x.test |b|x.test", "x.test" },
	{ "a comma at the end", "a@x.test,", R(OBSOLETE), "|a|x.test",
	  "x.test" },
	{ "a comma before", ", a@x.test", R(OBSOLETE), "|a|x.test", "x.test" },
	{ "a comma in a group", "A:,a@x.test,;", R(OBSOLETE), "|a|x.test",
	  NULL },
	{ "no closing angle", "Ann <a@x.test", R(UNCLOSED_ANGLE),
	  "Ann|a|x.test", "x.test" },
	{ "the address for a name", "a@x.test <b@x.test>", R(SAID_TWICE),
	  "a@x.test|b|x.test", "x.test" },
	{ "Latin-1 in a name", "J\xfcrgen <a@x.test>", R(RAW_BYTES),
	  "J\xfcrgen|a|x.test", "x.test" },
	{ "a fold of blanks alone", "Ann\r\n \r\n <a@x.test>", R(OBSOLETE),
	  "Ann|a|x.test", "x.test" },
};

static const struct row unparsable[] = {
	{ "nothing", "", U(EMPTY) },
	{ "blanks", " \r\n ", U(EMPTY) },
	{ "a comment", "(a@x.test)", U(EMPTY) },
	{ "commas", ",,", U(EMPTY) },
	{ "a name alone", "Ann", U(NO_AT) },
	{ "a quoted address alone", "\"a@x.test\"", U(NO_AT) },
	{ "a comma in a name", "Bo, Ann <a@x.test>", U(NO_AT) },
	{ "an empty angle", "<>", U(BAD_ANGLE) },
	{ "no @ inside", "Ann <ann>", U(BAD_ANGLE) },
	{ "angles in angles", "<<a@x.test>>", U(BAD_ANGLE) },
	{ "a stray closing angle", "a@x.test>", U(MORE) },
	{ "words behind the angle", "<a@x.test> Ann", U(MORE) },
	{ "words inside the angle", "<a@x.test Ann>", U(BAD_ANGLE) },
	{ "a second angle", "<a@x.test><b@y.test>", U(MORE) },
	{ "an open angle and more", "<a@x.test, b@y.test", U(BAD_ANGLE) },
	{ "two @", "a@x.test@y.test", U(MORE) },
	{ "two @ in an angle", "<a@x.test@y.test>", U(BAD_ANGLE) },
	{ "two words before the @", "a b@x.test", U(BAD_LOCAL) },
	{ "nothing before the @", "@x.test", U(BAD_LOCAL) },
	{ "a dot alone before the @", ".@x.test", U(BAD_LOCAL) },
	{ "a quoted string that touches", "a\"b\"@x.test", U(BAD_LOCAL) },
	{ "an encoded word for a local part",
	  "=?utf-8?q?admin=40legit.test=2C?=b@attack.test", U(ENCODED_LOCAL) },
	{ "a domain with a comment inside", "a@x(.legit).test",
	  U(SPLIT_DOMAIN) },
	{ "a domain with a fold inside", "a@legit.test\r\n .attack.test",
	  U(SPLIT_DOMAIN) },
	{ "a blank before the last dot", "a@x.test .", U(SPLIT_DOMAIN) },
	{ "two words for a domain", "a@legit.test attack.test", U(MORE) },
	{ "a domain that is none", "a@legit.test'.attack.test", U(BAD_DOMAIN) },
	{ "an empty label", "a@x..test", U(BAD_DOMAIN) },
	{ "no domain", "a@", U(BAD_DOMAIN) },
	{ "a domain in full width", "a@\xef\xbd\x87oogle.test", U(BAD_DOMAIN) },
	{ "a name between brackets", "a@[x.test]", U(BAD_DOMAIN) },
	{ "an address between brackets", "[a@legit.test] <a@attack.test>",
	  U(CHARACTER) },
	{ "a group that stays open", "Team: a@x.test", U(BAD_GROUP) },
	{ "a group in a group", "A: B: a@x.test;;", U(BAD_GROUP) },
	{ "a group without a name", ": a@x.test;", U(BAD_GROUP) },
	{ "a colon in a name", "Re: Ann <a@x.test>", U(BAD_GROUP) },
	{ "semicolons for commas", "a@x.test; b@y.test", U(CHARACTER) },
	{ "something behind a group", "A:; a@x.test", U(MORE) },
	{ "a route with blanks in it", "<@p. test:a@x.test>", U(SPLIT_DOMAIN) },
	{ "a route without colon", "<@p.test a@x.test>", U(BAD_ROUTE) },
	{ "two names, two domains", "a@x.test <b@y.test>", U(TWO_ADDRESSES) },
	{ "an open comment", "a@x.test (", U(COMMENT) },
	{ "an open quote", "\"Ann <a@x.test>", U(QUOTE) },
	{ "a parenthesis too many", "Ann) <a@x.test>", U(CHARACTER) },
	{ "a bare CR", "a@x.test\r", U(LINE_BREAK) },
	{ "a second line", "a@x.test\nFrom: b@y.test", U(LINE_BREAK) },
	{ "a control character", "\x1b$B <a@x.test>", U(CONTROL) },
	{ "DEL", "Ann\x7f <a@x.test>", U(CONTROL) },
	{ "half a Shift_JIS character",
	  "\"\x83\\\" <a@legit.test>, \" "
	  "<b@attack.test>",
	  U(BACKSLASH) },
};

/*
 * The From fields of the cases of Chen, Paxson, Jiang, "Composition Kills"
 * (USENIX Security 2020), and of their tool.  What two From fields or names
 * with blanks make of it is for header.h; A3 to A7 are about the envelope and
 * DKIM.
 */
static const struct row espoofer[] = {
	{ "A14: two addresses", " <first@attack.test>, <admin@legit.test>", V,
	  "|first|attack.test |admin|legit.test", NULL },
	{ "A15: the first in an encoded word",
	  "=?utf-8?B?PGFkbWluQGxlZ2l0LnRlc3Q+?=,<second@attack.test>",
	  U(NO_AT) },
	{ "A16: a route", " <@attack.test,@any.test:admin@legit.test>",
	  R(OBSOLETE), "|admin|legit.test", NULL },
	{ "A17: a quoted comma", " <admin@legit.test>\\,<second@attack.test>",
	  U(CHARACTER) },
	{ "A18: bare and in angles", " admin@legit.test,<second@attack.test>",
	  V, "|admin|legit.test |second|attack.test", NULL },
	{ "A19: an address behind the angle",
	  " <any@attack.test>admin@legit.test", U(MORE) },
	{ "figure 8: encoded word, then an address",
	  "=?utf-8?B?YWRtaW5AbGVnaXQudGVzdA==?= <any@attack.test>", V,
	  "=?utf-8?B?YWRtaW5AbGVnaXQudGVzdA==?=|any|attack.test",
	  "attack.test" },
	{ "a name that is an address", " admin@legit.test <any@attack.test>",
	  U(TWO_ADDRESSES) },
	{ "a group named like a domain", "legit.test: any@attack.test;",
	  R(OBSOLETE), "|any|attack.test", NULL },
	{ "a domain in a comment", " <admin@legit.test(.attack.test)>", V,
	  "|admin|legit.test", "legit.test" },
	{ "the real one in a comment", " (admin@legit.test) any@attack.test", V,
	  "|any|attack.test", "attack.test" },
	{ "CVE-2019-16378: two in one field",
	  " admin@legit.test, any@attack.test", V,
	  "|admin|legit.test |any|attack.test", NULL },
	{ "an angle in a quoted string",
	  " \"admin@legit.test>\" <any@attack.test>", V,
	  "\"admin@legit.test>\"|any|attack.test", "attack.test" },
	{ "an unclosed quoted string", " \"admin@legit.test <any@attack.test>",
	  U(QUOTE) },
	{ "a backslash before the @", " admin\\@legit.test@attack.test",
	  U(CHARACTER) },
};

static void put_mailboxes(char *out, size_t room,
			  const struct mailbox_list *list)
{
	size_t n = 0;

	out[0] = '\0';
	for (const struct mailbox *m = list->first; m; m = m->next)
		n += (size_t)snprintf(out + n, room - n, "%s%.*s|%s|%s",
				      m == list->first ? "" : " ",
				      (int)m->display_len,
				      m->display ? m->display : "", m->local,
				      m->domain);
}

static void check(const struct row *row, struct arena *arena)
{
	struct mailbox_list list;
	enum mailbox_reason why;
	const char *domain;
	char out[512];

	mailbox_parse(arena, row->text, strlen(row->text), &list);
	put_mailboxes(out, sizeof(out), &list);
	domain = mailbox_author_domain(&list, &why);
	if (list.verdict != row->verdict || list.reason != row->reason ||
	    strcmp(out, row->mailboxes) != 0 ||
	    (domain == NULL) != (row->domain == NULL) ||
	    (domain && strcmp(domain, row->domain) != 0) ||
	    (domain == NULL) != (why != MAILBOX_FINE))
		fail_msg("not so: %s: %d, %s at %zu: %s; %s, %s", row->claim,
			 list.verdict, mailbox_reason_text(list.reason),
			 list.at, out, domain ? domain : "no domain",
			 mailbox_reason_text(why));
}

static void check_all(const struct row *rows, size_t count)
{
	struct arena arena;

	arena_init(&arena, 1 << 20);
	for (size_t i = 0; i < count; i++)
		check(&rows[i], &arena);
	arena_done(&arena);
}

static void valid_ones_are_read(void **state)
{
	(void)state;
	check_all(valid, ROWS(valid));
}

static void harmless_faults_are_forgiven(void **state)
{
	(void)state;
	check_all(recovered, ROWS(recovered));
}

static void the_rest_is_refused(void **state)
{
	(void)state;
	check_all(unparsable, ROWS(unparsable));
}

static void nobody_is_impersonated(void **state)
{
	(void)state;
	check_all(espoofer, ROWS(espoofer));
}

static void nul_is_refused(void **state)
{
	static const char text[] = "<admin@legit.test\0@attack.test>";
	struct mailbox_list list;
	struct arena arena;

	(void)state;
	arena_init(&arena, 1 << 20);
	mailbox_parse(&arena, text, sizeof(text) - 1, &list);
	assert_int_equal(list.verdict, MAILBOX_UNPARSABLE);
	assert_int_equal(list.reason, MAILBOX_CONTROL);
	arena_done(&arena);
}

static void a_thousand_mailboxes_are_enough(void **state)
{
	static char text[1001 * 4];
	struct mailbox_list list;
	struct arena arena;

	(void)state;
	arena_init(&arena, 4 << 20);
	for (size_t i = 0; i < sizeof(text); i += 4)
		memcpy(text + i, "a@b,", 4);
	mailbox_parse(&arena, text, 4000 - 1, &list);
	assert_int_equal(list.verdict, MAILBOX_VALID);
	assert_int_equal(list.count, 1000);
	mailbox_parse(&arena, text, 4004 - 1, &list);
	assert_int_equal(list.reason, MAILBOX_TOO_MANY);
	assert_null(list.first);
	arena_done(&arena);
}

static void a_full_arena_is_told(void **state)
{
	struct mailbox_list list;
	struct arena arena;

	(void)state;
	arena_init(&arena, 1);
	mailbox_parse(&arena, "a@x.test", 8, &list);
	assert_int_equal(list.reason, MAILBOX_NO_MEMORY);
	arena_done(&arena);
}

static void every_reason_has_words(void **state)
{
	(void)state;
	for (int i = 0; i <= MAILBOX_ONLY_GROUP; i++)
		assert_non_null(mailbox_reason_text((enum mailbox_reason)i));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(valid_ones_are_read),
		cmocka_unit_test(harmless_faults_are_forgiven),
		cmocka_unit_test(the_rest_is_refused),
		cmocka_unit_test(nobody_is_impersonated),
		cmocka_unit_test(nul_is_refused),
		cmocka_unit_test(a_thousand_mailboxes_are_enough),
		cmocka_unit_test(a_full_arena_is_told),
		cmocka_unit_test(every_reason_has_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
