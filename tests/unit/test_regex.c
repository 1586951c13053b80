/*
 * test_regex.c - patterns, their flags, and what happens to greedy ones.
 */
#include "rules/regex.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static enum regex_answer ask(const char *pattern, const char *flags,
			     const char *text, size_t len)
{
	struct regex_room *room = regex_room_take();
	uint64_t work = REGEX_MESSAGE_WORK;
	struct regex *regex;
	enum regex_answer answer;
	size_t offset;
	char why[128];

	regex = regex_new(pattern, strlen(pattern), flags, why, sizeof(why),
			  &offset);
	if (regex == NULL)
		print_error("%s\n", why);
	assert_non_null(regex);
	assert_non_null(room);
	answer = regex_match(regex, room, text, len, &work);
	regex_free(regex);
	regex_room_give(room);
	return answer;
}

static void test_flags(void **state)
{
	static const struct {
		const char *claim, *pattern, *flags, *text;
		enum regex_answer answer;
	} rows[] = {
		{ "case counts", "abc", "", "ABC", REGEX_NO },
		{ "i: it does not", "abc", "i", "ABC", REGEX_YES },
		{ "^ is the beginning", "^b", "", "a\nb", REGEX_NO },
		{ "m: of any line", "^b", "m", "a\nb", REGEX_YES },
		{ "a dot is no newline", "a.b", "", "a\nb", REGEX_NO },
		{ "s: it is", "a.b", "s", "a\nb", REGEX_YES },
		{ "x: blanks mean nothing", "a b # c", "x", "ab", REGEX_YES },
		{ "bytes", "^..$", "", "\303\244", REGEX_YES },
		{ "u: characters", "^.$", "u", "\303\244", REGEX_YES },
		{ "u and i: cases of all scripts", "\303\204", "iu", "\303\244",
		  REGEX_YES },
		{ "u: wrong bytes match nothing", "^.$", "u", "\303",
		  REGEX_NO },
		{ "u: but what is right does", "b", "u", "\303 b", REGEX_YES },
		{ "an empty text", "^$", "", "", REGEX_YES },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		enum regex_answer answer =
			ask(rows[i].pattern, rows[i].flags, rows[i].text,
			    strlen(rows[i].text));

		if (answer != rows[i].answer)
			print_error("%s\n", rows[i].claim);
		assert_int_equal(answer, rows[i].answer);
	}
	assert_int_equal(ask("a.b", "", "a\0b", 3), REGEX_YES);
	assert_int_equal(ask("^$", "", NULL, 0), REGEX_YES);
}

static void test_wrong_patterns(void **state)
{
	static const struct {
		const char *pattern, *flags;
		size_t offset;
		const char *why;
	} rows[] = {
		{ "ab(", "", 3, "missing closing parenthesis" },
		{ "a", "q", 1, "unknown flag \"q\"" },
		{ "*a", "", 0, "quantifier" },
		{ "a\\Cb", "", 3, "\\C" },
	};
	size_t offset;
	char why[128], *large;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_null(regex_new(rows[i].pattern, strlen(rows[i].pattern),
				      rows[i].flags, why, sizeof(why),
				      &offset));
		assert_non_null(strstr(why, rows[i].why));
		assert_int_equal(offset, rows[i].offset);
		/* who only asks is told the same */
		why[0] = '\0';
		assert_false(regex_is_good(rows[i].pattern,
					   strlen(rows[i].pattern),
					   rows[i].flags, why, sizeof(why),
					   &offset));
		assert_non_null(strstr(why, rows[i].why));
		assert_int_equal(offset, rows[i].offset);
	}
	assert_true(regex_is_good("a(b)c", 5, "iu", why, sizeof(why), &offset));
	large = malloc(REGEX_PATTERN_MAX + 1);
	memset(large, 'a', REGEX_PATTERN_MAX + 1);
	assert_null(regex_new(large, REGEX_PATTERN_MAX + 1, "", why,
			      sizeof(why), &offset));
	free(large);
}

/* What a well-made pattern may need, it gets; and what it took is known. */
static void test_work(void **state)
{
	static const struct {
		const char *claim, *pattern, *text; /* NULL: the long one */
		uint64_t least, most; /* units */
	} rows[] = {
		{ "a word that is not there", "\\bpharmacy\\b",
		  "Re: your invoice of last month", 64, 200 },
		{ "a few words, and none of them", "viagra|cialis|levitra",
		  "Re: your invoice of last month", 64, 2000 },
		{ "one beginning, and half of the text to go back over",
		  "x.*yz[0-9]", NULL, 16000, 500000 },
	};
	enum { SIZE = 16000 };
	char *text = calloc(1, SIZE + 1);
	struct regex_room *room = regex_room_take();

	(void)state;
	memset(text, 'y', SIZE);
	text[0] = 'x';
	memcpy(text + SIZE / 2, "z1", 2);
	for (size_t i = 0; i < COUNT(rows); i++) {
		const char *at = rows[i].text != NULL ? rows[i].text : text;
		uint64_t work = REGEX_MESSAGE_WORK, took, less;
		enum regex_answer answer;
		struct regex *regex;
		size_t offset;
		char why[128];

		regex = regex_new(rows[i].pattern, strlen(rows[i].pattern), "",
				  why, sizeof(why), &offset);
		assert_non_null(regex);
		answer = regex_match(regex, room, at, strlen(at), &work);
		took = REGEX_MESSAGE_WORK - work;
		if (answer == REGEX_LIMIT || took < rows[i].least ||
		    took > rows[i].most)
			fail_msg("%s: %d, %llu units", rows[i].claim,
				 (int)answer, (unsigned long long)took);
		/* Exactly that is enough, and one unit less is not. */
		work = took;
		assert_int_equal(regex_match(regex, room, at, strlen(at),
					     &work),
				 answer);
		assert_int_equal(work, 0);
		less = took - 1;
		assert_int_equal(regex_match(regex, room, at, strlen(at),
					     &less),
				 REGEX_LIMIT);
		regex_free(regex);
	}
	regex_room_give(room);
	free(text);
}

static void test_long_texts(void **state)
{
	enum { SIZE = REGEX_TEXT_MAX + 10 };
	char *text = malloc(SIZE);

	(void)state;
	memset(text, '.', SIZE);
	memcpy(text + SIZE - 5, "spam", 4);
	assert_int_equal(ask("spam", "", text, SIZE), REGEX_LIMIT);
	memcpy(text + SIZE - 15, "spam", 4);
	assert_int_equal(ask("spam", "", text, SIZE), REGEX_YES);
	assert_int_equal(ask("ham", "", text, REGEX_TEXT_MAX), REGEX_NO);
	free(text);
}

/* Faults R4: each of these would run for ages. */
static void test_limits(void **state)
{
	static const struct {
		const char *pattern, *flags;
	} rows[] = {
		{ "^(a+)+$", "" },
		{ "^(a|aa)+$", "" },
		{ "(x+x+)+y", "" },
		{ "^(([a-z])+.)+[A-Z]([a-z])+$", "" },
		{ "(?:(?:a*)*)*b", "s" },
		{ "(a?){30}a{30}$", "" },
		{ "^(?:.*a){20}$", "" },
		{ "(?<=aaaa)(.*)*z", "" },
		{ "(?:a|b)+c?\\d", "" },
		{ "a.{0,1000}[0-9]", "" },
		/* What is read again and again, without any backtracking. */
		{ "(?:[a-z]+[.])*[a-z]+[0-9]", "" },
		{ "[a-z]+[0-9]", "i" },
		{ "(?=(a+))a*\\1[bc]", "i" },
		{ "(a+)\\1\\1[bc]", "" },
		{ "a{9999}[^a]", "" },
		{ "[^x]*[^y]*[xy]", "" },
		{ "(?s).*?.*?[xy]", "" },
		/* Where memory may not be both written and run. */
		{ "(*NO_JIT)(?:[a-z]+[.])*[a-z]+[0-9]", "" },
		{ "(*NO_JIT)(a+)+[bc]", "" },
		{ "(*NO_JIT)a*a*a*a*[bc]", "" },
		{ "(*NO_JIT)(?=(a+))a*\\1[bc]", "i" },
		{ "(*NO_JIT)(a|aa)+[bc]", "" },
		{ "(*NO_JIT)[^x]*[^y]*[xy]", "" },
	};
	enum { SIZE = 1 << 20 };
	char *text = malloc(SIZE);
	struct timespec from, to;
	long worst = 0;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		long ms;

		memset(text, 'a', SIZE);
		if (strstr(rows[i].pattern, "x+x+") != NULL)
			memset(text, 'x', SIZE);
		text[SIZE - 1] = '!';
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
		assert_int_not_equal(ask(rows[i].pattern, rows[i].flags, text,
					 SIZE),
				     REGEX_YES);
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
		ms = (to.tv_sec - from.tv_sec) * 1000 +
		     (to.tv_nsec - from.tv_nsec) / 1000000;
		if (ms > worst)
			worst = ms;
	}
	print_message("R4: worst of %zu greedy patterns on 1 MiB: %ld ms\n",
		      COUNT(rows), worst);
	assert_int_equal(ask("^(a+)+$", "", text, 64), REGEX_YES);
	text[63] = '!';
	assert_int_equal(ask("^(a+)+$", "", text, 64), REGEX_LIMIT);
	free(text);
}

static void *hammer(void *context)
{
	const struct regex *regex = context;
	uintptr_t wrong = 0;

	for (int i = 0; i < 2000; i++) {
		struct regex_room *room = regex_room_take();

		uint64_t work = REGEX_WORK;

		wrong += regex_match(regex, room, "xxabcabc", 8, &work) !=
			 REGEX_YES;
		wrong += regex_match(regex, room, "xxabcab", 7, &work) !=
			 REGEX_NO;
		regex_room_give(room);
	}
	return (void *)wrong;
}

static void test_threads(void **state)
{
	enum { THREADS = 4 };
	pthread_t threads[THREADS];
	char why[128];
	size_t offset;
	struct regex *regex =
		regex_new("(abc){2}", 8, "i", why, sizeof(why), &offset);

	(void)state;
	assert_non_null(regex);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, hammer,
						regex),
				 0);
	for (int i = 0; i < THREADS; i++) {
		void *wrong;

		pthread_join(threads[i], &wrong);
		assert_null(wrong);
	}
	regex_free(regex);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_flags),
		cmocka_unit_test(test_wrong_patterns),
		cmocka_unit_test(test_work),
		cmocka_unit_test(test_long_texts),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_threads),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	regex_rooms_drop();
	return failed;
}
