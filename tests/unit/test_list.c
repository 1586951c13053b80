/*
 * test_list.c - lists from text, what is said of mistakes, and many holders.
 */
#include "lists/list.h"

#include <pthread.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* All that was reported, a line each. */
struct heard {
	char text[8192];
	size_t len;
	int count;
};

static void hear(void *ctx, const struct list_problem *problem)
{
	struct heard *heard = ctx;
	char line[300];

	list_problem_format(problem, line, sizeof(line));
	heard->len += (size_t)snprintf(heard->text + heard->len,
				       sizeof(heard->text) - heard->len, "%s\n",
				       line);
	assert_true(heard->len < sizeof(heard->text));
	heard->count++;
}

static struct list *build(enum list_kind kind, const char *text, size_t len,
			  struct heard *heard)
{
	struct list_builder *builder = list_builder_new(kind);
	struct list *list = NULL;

	assert_non_null(builder);
	if (list_parse_text(builder, text, len, hear, heard) == 0) {
		list = list_builder_finish(builder);
		assert_non_null(list);
		assert_int_equal(heard->count, 0);
	} else {
		assert_int_not_equal(heard->count, 0);
	}
	list_builder_free(builder);
	return list;
}

static struct list *list_of(enum list_kind kind, const char *text)
{
	struct heard heard = { 0 };
	struct list *list = build(kind, text, strlen(text), &heard);

	if (!list)
		fail_msg("%s", heard.text);
	return list;
}

static bool join(void *ctx, const char *text, size_t len)
{
	char *to = ctx;

	assert_int_equal(strlen(text), len);
	strcat(to, text);
	strcat(to, ";");
	return true;
}

static void test_kinds(void **state)
{
	static const struct {
		enum list_kind kind;
		const char *text, *shown;
		size_t count;
	} rows[] = {
		{ LIST_IP, "10.0.0.0/8\n::1 # us\n10.0.0.0/8\n1.2.3.4",
		  "1.2.3.4;10.0.0.0/8;::1;", 3 },
		{ LIST_DOMAIN, "# ours\r\nb.test\r\n\r\n=A.test.\r\n",
		  "b.test;=a.test;", 2 },
		{ LIST_ADDRESS, "b@x.test\n@x.test\nB@X.TEST\n",
		  "b@x.test;@x.test;", 2 },
		{ LIST_REGEX, "/A b/ # c\n/a/i\n", "/A b/;/a/i;", 2 },
		{ LIST_IP, "", "", 0 },
		{ LIST_DOMAIN, "\n\n# nothing\n", "", 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct list *list = list_of(rows[i].kind, rows[i].text);
		char shown[256] = "";

		print_message("%s\n", rows[i].shown);
		list_each(list, join, shown);
		assert_string_equal(shown, rows[i].shown);
		assert_int_equal(list_count(list), rows[i].count);
		assert_int_equal(list_kind(list), rows[i].kind);
		assert_true(list_memory(list) > 0);
		list_unref(list);
	}
	list_unref(NULL);
	list_builder_free(NULL);
}

static void test_questions(void **state)
{
	struct list *ips = list_of(LIST_IP, "192.0.2.0/24");
	struct list *names = list_of(LIST_DOMAIN, "example.org");
	struct list *people = list_of(LIST_ADDRESS, "a@example.org");
	struct list *patterns = list_of(LIST_REGEX, "/example/");
	const struct ip in = { 4, { 192, 0, 2, 1 } };
	const struct ip out = { 4, { 192, 0, 3, 1 } };

	(void)state;
	assert_true(list_has_ip(ips, &in));
	assert_false(list_has_ip(ips, &out));
	assert_false(list_has_ip(names, &in));
	assert_true(list_has_domain(names, "mx.example.org", 14));
	assert_false(list_has_domain(people, "example.org", 11));
	assert_false(list_has_domain(ips, "example.org", 11));
	assert_true(list_has_address(people, "A@example.org", 13));
	assert_false(list_has_address(names, "a@example.org", 13));
	assert_false(list_has_domain(patterns, "example", 7));
	assert_false(list_has_address(patterns, "example", 7));
	assert_false(list_has_ip(patterns, &in));
	list_unref(ips);
	list_unref(names);
	list_unref(people);
	list_unref(patterns);
}

static void test_digest(void **state)
{
	static const struct {
		const char *claim;
		enum list_kind kind;
		const char *text;
		enum list_kind other_kind;
		const char *other;
		bool equal;
	} rows[] = {
		{ "order does not matter", LIST_IP, "1.2.3.4\n::1", LIST_IP,
		  "::1\n1.2.3.4", true },
		{ "nor spelling", LIST_IP, "1.2.3.4/32\n2001:db8:0::/48",
		  LIST_IP, "2001:DB8::/48 # x\n::ffff:1.2.3.4", true },
		{ "nor doubles", LIST_DOMAIN, "a.test\nb.test\nA.test",
		  LIST_DOMAIN, "b.test\na.test", true },
		{ "an entry more matters", LIST_DOMAIN, "a.test\nb.test",
		  LIST_DOMAIN, "a.test", false },
		{ "exact matters", LIST_DOMAIN, "a.test", LIST_DOMAIN,
		  "=a.test", false },
		{ "bits matter", LIST_IP, "10.0.0.0/8", LIST_IP, "10.0.0.0/9",
		  false },
		{ "family matters", LIST_IP, "0.0.0.0/0", LIST_IP, "::/0",
		  false },
		{ "kind matters", LIST_DOMAIN, "", LIST_ADDRESS, "", false },
		{ "case of a regex matters", LIST_REGEX, "/a/", LIST_REGEX,
		  "/A/", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct list *a = list_of(rows[i].kind, rows[i].text);
		struct list *b = list_of(rows[i].other_kind, rows[i].other);
		struct hash_digest x = list_digest(a), y = list_digest(b);

		print_message("%s\n", rows[i].claim);
		assert_int_equal(x.word[0] == y.word[0], rows[i].equal);
		assert_int_equal(x.word[1] == y.word[1], rows[i].equal);
		list_unref(a);
		list_unref(b);
	}
}

/* Journals refer to it, so it may not change from build to build. */
static void test_digest_for_ever(void **state)
{
	struct list *list = list_of(LIST_IP, "192.0.2.0/24\n2001:db8::/32");
	struct hash_digest digest = list_digest(list);

	(void)state;
	assert_true(digest.word[0] == 0x5888c32a884d1ea5);
	assert_true(digest.word[1] == 0xa29605a0603cdb93);
	list_unref(list);
}

static void test_mistakes(void **state)
{
	static const struct {
		enum list_kind kind;
		const char *text;
		size_t len; /* 0: strlen() */
		const char *heard;
	} rows[] = {
		{ LIST_IP, "10.0.0.1/8\n\n  1.2.3.4/33\nx\n", 0,
		  "1:1: bits are set below the prefix; the network is "
		  "10.0.0.0/8\n"
		  "3:11: an IPv4 prefix is 0 to 32 bits\n"
		  "4:1: a number is expected here\n" },
		{ LIST_DOMAIN, "a.test\r\nb.test c.test\r\n*.d.test\r\n", 0,
		  "2:8: one entry a line; a comment begins with '#'\n"
		  "3:1: no '*': a domain stands for all below it, too\n" },
		{ LIST_DOMAIN, "a.test\nb\0c\n", 11,
		  "2:2: a NUL byte: this is no text file\n" },
		{ LIST_DOMAIN, "a.test\rb.test\r", 0,
		  "1:7: a CR that does not end the line\n" },
		{ LIST_DOMAIN, "\357\273\277a.test\n*\n", 0,
		  "1:1: a byte order mark; save the file as UTF-8 without "
		  "one\n" },
		{ LIST_DOMAIN, "\377\376a\0\n\0", 6,
		  "1:1: this is UTF-16; save the file as UTF-8\n" },
		{ LIST_ADDRESS, "a@b\n\"a b\n", 0,
		  "2:5: the quote is not closed\n" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct heard heard = { 0 };
		size_t len = rows[i].len ? rows[i].len : strlen(rows[i].text);

		assert_null(build(rows[i].kind, rows[i].text, len, &heard));
		assert_string_equal(heard.text, rows[i].heard);
	}
}

static void test_many_mistakes(void **state)
{
	struct heard heard = { 0 };
	char text[128] = "";

	(void)state;
	for (int i = 0; i < 20; i++)
		strcat(text, "*\n");
	assert_null(build(LIST_IP, text, strlen(text), &heard));
	assert_int_equal(heard.count, 20);
	assert_null(strstr(heard.text, "more\n"));
	strcat(text, "*\n*\n*\n*");
	heard = (struct heard){ 0 };
	assert_null(build(LIST_IP, text, strlen(text), &heard));
	assert_int_equal(heard.count, 21);
	assert_non_null(strstr(heard.text, "20:1: "));
	assert_string_equal(heard.text + heard.len - 11, "and 4 more\n");
}

static void test_long_lines(void **state)
{
	size_t size = 64 << 10;
	struct heard heard = { 0 };
	char *text = malloc(size);
	struct list *list;

	(void)state;
	assert_non_null(text);
	memset(text, 'a', size);
	assert_null(build(LIST_DOMAIN, text, size, &heard));
	assert_string_equal(heard.text, "1:1: an entry of 65536 bytes; at most "
					"4096 are allowed\n");
	/* but what is no entry may be as long as it likes */
	text[0] = '#';
	heard = (struct heard){ 0 };
	list = build(LIST_DOMAIN, text, size, &heard);
	assert_non_null(list);
	assert_int_equal(list_count(list), 0);
	list_unref(list);
	memset(text, ' ', size);
	memcpy(text + size - 6, "a.test", 6);
	list = build(LIST_DOMAIN, text, size, &heard);
	assert_non_null(list);
	assert_int_equal(list_count(list), 1);
	list_unref(list);
	free(text);
}

static void test_regex_bound(void **state)
{
	struct list_builder *builder = list_builder_new(LIST_REGEX);
	struct list_error error;
	struct list *list;
	char text[32];

	(void)state;
	assert_non_null(builder);
	for (int i = 0; i < LIST_REGEX_MAX; i++) {
		int len = snprintf(text, sizeof(text), "/%d/", i);

		assert_int_equal(list_builder_add(builder, text, (size_t)len,
						  &error),
				 0);
	}
	assert_int_equal(list_builder_add(builder, "/x/", 3, &error), -1);
	assert_string_equal(error.text,
			    "more than 1000 regular expressions in one list");
	list = list_builder_finish(builder);
	assert_non_null(list);
	assert_int_equal(list_count(list), LIST_REGEX_MAX);
	list_builder_free(builder);
	list_unref(list);
}

static size_t tried;

static int refuse(const char *text, size_t len, struct list_error *ret_error)
{
	tried++;
	ret_error->column = len;
	snprintf(ret_error->text, sizeof(ret_error->text), "not \"%.*s\"",
		 (int)len, text);
	return -1;
}

/* Who reads them is not asked about more than can be in a list. */
static void test_bad_regexes_are_bounded(void **state)
{
	struct list_builder *builder = list_builder_new(LIST_REGEX);
	size_t lines = 5 * LIST_REGEX_MAX;
	struct heard heard = { 0 };
	char *text = malloc(lines * 6 + 1);

	(void)state;
	assert_non_null(builder);
	assert_non_null(text);
	for (size_t i = 0; i < lines; i++)
		memcpy(text + i * 6, " /(/ \n", 7);
	list_builder_check(builder, refuse);
	tried = 0;
	assert_int_equal(list_parse_text(builder, text, lines * 6, hear,
					 &heard),
			 -1);
	assert_int_equal(tried, LIST_REGEX_MAX);
	assert_int_equal(heard.count, LIST_ERRORS_MAX + 1);
	assert_non_null(strstr(heard.text, "20:4: not \"/(/\"\n"));
	assert_non_null(strstr(heard.text, "and 4980 more\n"));
	list_builder_free(builder);
	free(text);

	/* no other kind asks */
	builder = list_builder_new(LIST_DOMAIN);
	assert_non_null(builder);
	list_builder_check(builder, refuse);
	tried = 0;
	assert_int_equal(list_parse_text(builder, "a.test\n", 7, hear, &heard),
			 0);
	assert_int_equal(tried, 0);
	list_builder_free(builder);
}

static void test_problem_format(void **state)
{
	struct list_problem problem = { "a.list", 2, 7, "wrong", NULL, 0 };
	char buf[64];

	(void)state;
	assert_string_equal(list_problem_format(&problem, buf, sizeof(buf)),
			    "a.list:2:7: wrong");
	problem.line = 0;
	assert_string_equal(list_problem_format(&problem, buf, sizeof(buf)),
			    "a.list: wrong");
	problem.path = NULL;
	assert_string_equal(list_problem_format(&problem, buf, sizeof(buf)),
			    "wrong");
}

static void *hold(void *arg)
{
	struct list *list = arg;
	static const struct ip in = { 4, { 192, 0, 2, 1 } };
	size_t hits = 0;

	for (int i = 0; i < 2000; i++) {
		struct list *mine = list_ref(list);

		hits += list_has_ip(mine, &in);
		list_unref(mine);
	}
	list_unref(list);
	return (void *)hits;
}

static void test_holders(void **state)
{
	struct list *list = list_of(LIST_IP, "192.0.2.0/24");
	pthread_t threads[4];

	(void)state;
	for (size_t i = 0; i < COUNT(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, hold,
						list_ref(list)),
				 0);
	list_unref(list);
	for (size_t i = 0; i < COUNT(threads); i++) {
		void *hits;

		assert_int_equal(pthread_join(threads[i], &hits), 0);
		assert_int_equal((size_t)hits, 2000);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_questions),
		cmocka_unit_test(test_digest),
		cmocka_unit_test(test_digest_for_ever),
		cmocka_unit_test(test_mistakes),
		cmocka_unit_test(test_many_mistakes),
		cmocka_unit_test(test_long_lines),
		cmocka_unit_test(test_regex_bound),
		cmocka_unit_test(test_bad_regexes_are_bounded),
		cmocka_unit_test(test_problem_format),
		cmocka_unit_test(test_holders),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
