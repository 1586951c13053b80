/*
 * test_entry.c - how entries may be written, and what is said of the rest.
 */
#include "lists/entry.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

#define LABEL63 \
	"abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz01234567890"

static void format(const struct entry *entry, char buf[ENTRY_TEXT_SIZE])
{
	if (entry->kind == LIST_IP)
		ip_prefix_format(&entry->prefix, buf, ENTRY_TEXT_SIZE);
	else
		entry_format_name(entry->kind, entry->exact, entry->key,
				  entry->len, buf);
}

static void test_canonical(void **state)
{
	static const struct {
		enum list_kind kind;
		const char *claim, *text, *written;
	} rows[] = {
		{ LIST_IP, "a network", "192.0.2.0/24", "192.0.2.0/24" },
		{ LIST_IP, "an address", "2001:DB8::0", "2001:db8::" },
		{ LIST_DOMAIN, "case goes", "Example.ORG", "example.org" },
		{ LIST_DOMAIN, "one dot at the end goes", "example.org.",
		  "example.org" },
		{ LIST_DOMAIN, "exact", "=Example.org.", "=example.org" },
		{ LIST_DOMAIN, "one label", "zip", "zip" },
		{ LIST_DOMAIN, "underscores", "_dmarc.example.org",
		  "_dmarc.example.org" },
		{ LIST_DOMAIN, "digits", "4.3.2.in-addr.arpa",
		  "4.3.2.in-addr.arpa" },
		{ LIST_DOMAIN, "63 bytes a label", LABEL63 ".org",
		  LABEL63 ".org" },
		{ LIST_DOMAIN, "UTF-8 is kept, ASCII in it lowered",
		  "B\303\234CHER.example", "b\303\234cher.example" },
		{ LIST_ADDRESS, "both parts without case", "Anna@Example.ORG.",
		  "anna@example.org" },
		{ LIST_ADDRESS, "all of a domain", "@Example.org",
		  "@example.org" },
		{ LIST_ADDRESS, "odd but allowed", "a+b=c/d'!{}@x.test",
		  "a+b=c/d'!{}@x.test" },
		{ LIST_ADDRESS, "dots as they come", ".a..b.@x.test",
		  ".a..b.@x.test" },
		{ LIST_ADDRESS, "needless quotes go", "\"anna\"@x.test",
		  "anna@x.test" },
		{ LIST_ADDRESS, "needed quotes stay", "\"Anna B\"@x.test",
		  "\"anna b\"@x.test" },
		{ LIST_ADDRESS, "an @ in quotes", "\"a@b\"@x.test",
		  "\"a@b\"@x.test" },
		{ LIST_ADDRESS, "quoted quotes", "\"a\\\"\\\\\\b\"@x.test",
		  "\"a\\\"\\\\b\"@x.test" },
		{ LIST_ADDRESS, "what would look like a comment is quoted",
		  "#a@x.test", "\"#a\"@x.test" },
		{ LIST_ADDRESS, "a literal", "a@[192.0.2.1]", "a@[192.0.2.1]" },
		{ LIST_ADDRESS, "an IPv6 literal", "a@[IPv6:::1]",
		  "a@[ipv6:::1]" },
		{ LIST_REGEX, "a regex as it is", "/^A b#c/i", "/^A b#c/i" },
	};
	struct entry entry, again;
	struct list_error error;
	char buf[ENTRY_TEXT_SIZE];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		print_message("%s\n", rows[i].claim);
		if (entry_parse(rows[i].kind, rows[i].text,
				strlen(rows[i].text), &entry, &error) < 0)
			fail_msg("%s", error.text);
		format(&entry, buf);
		assert_string_equal(buf, rows[i].written);
		assert_int_equal(entry_parse(rows[i].kind, buf, strlen(buf),
					     &again, &error),
				 0);
		assert_true(entry_equal(&entry, &again));
	}
}

static void test_mistakes(void **state)
{
	static const struct {
		enum list_kind kind;
		const char *text;
		size_t column;
		const char *why;
	} rows[] = {
		{ LIST_IP, "", 1, "the entry is empty" },
		{ LIST_IP, "example.org", 1, "a number is expected here" },
		{ LIST_IP, "1.2.3.4/33", 9, "an IPv4 prefix is 0 to 32 bits" },
		{ LIST_IP, "IPv6:2001:db8::1", 1,
		  "an address here has no \"IPv6:\"" },
		{ LIST_IP, "10.0.0.1/8", 1,
		  "bits are set below the prefix; the network is "
		  "10.0.0.0/8" },
		{ LIST_DOMAIN, "=", 2, "a domain is expected here" },
		{ LIST_DOMAIN, ".", 1, "a domain is expected here" },
		{ LIST_DOMAIN, "a..b", 3, "two dots in a row" },
		{ LIST_DOMAIN, "a.b..", 5, "two dots in a row" },
		{ LIST_DOMAIN, ".example.org", 1,
		  "no dot here: a domain stands for all below it, too" },
		{ LIST_DOMAIN, "*.example.org", 1,
		  "no '*': a domain stands for all below it, too" },
		{ LIST_DOMAIN, "=*.example.org", 2,
		  "no '*': a domain stands for all below it, too" },
		{ LIST_DOMAIN, "anna@example.org", 5,
		  "a list of domains has no addresses" },
		{ LIST_DOMAIN, "192.0.2.1", 1,
		  "an IP address is not a domain" },
		{ LIST_DOMAIN, "=192.0.2.1", 2,
		  "an IP address is not a domain" },
		{ LIST_DOMAIN, "exam ple.org", 5, "unexpected blank" },
		{ LIST_DOMAIN, "\"example.org\"", 1,
		  "unexpected character '\"'" },
		{ LIST_DOMAIN, "example.org,", 12, "unexpected character ','" },
		{ LIST_DOMAIN, "a\001b", 2, "unexpected byte 0x01" },
		{ LIST_DOMAIN, "x." LABEL63 "x", 66,
		  "more than 63 bytes between two dots" },
		{ LIST_DOMAIN, LABEL63 "." LABEL63 "." LABEL63 "." LABEL63, 254,
		  "a domain has at most 253 bytes" },
		{ LIST_DOMAIN, "b\374cher.example", 2, "this is not UTF-8" },
		{ LIST_DOMAIN, "a.\300\200", 3, "this is not UTF-8" },
		{ LIST_DOMAIN, "a.\355\240\200", 3, "this is not UTF-8" },
		{ LIST_DOMAIN, "a.\342\202", 3, "this is not UTF-8" },
		{ LIST_ADDRESS, "example.org", 1,
		  "no '@': an address is a@b, all of a domain's are @b" },
		{ LIST_ADDRESS, "a@", 3, "a domain is expected here" },
		{ LIST_ADDRESS, "@", 2, "a domain is expected here" },
		{ LIST_ADDRESS, "a@b@c", 4, "unexpected character '@'" },
		{ LIST_ADDRESS, "a b@c", 2, "unexpected blank" },
		{ LIST_ADDRESS, "a(b)@c", 2, "unexpected character '('" },
		{ LIST_ADDRESS, "<a@b>", 1,
		  "an address here has no '<' and '>'" },
		{ LIST_ADDRESS, "a@.b", 3,
		  "a domain does not begin with a dot" },
		{ LIST_ADDRESS, "a@192.0.2.1", 3,
		  "an IP address is not a domain" },
		{ LIST_ADDRESS, "a@[192.0.2.1", 13, "']' is missing" },
		{ LIST_ADDRESS, "a@[", 4, "']' is missing" },
		{ LIST_ADDRESS, "a@[]", 3, "an address is expected in it" },
		{ LIST_ADDRESS, "a@[1 2]", 5, "unexpected blank" },
		{ LIST_ADDRESS, "\"a@b", 5, "the quote is not closed" },
		{ LIST_ADDRESS, "\"a\\", 4, "the quote is not closed" },
		{ LIST_ADDRESS, "\"\"@b", 1, "nothing between the quotes" },
		{ LIST_ADDRESS, "\"a\"b@c", 4, "unexpected character 'b'" },
		{ LIST_ADDRESS, "\"a\nb\"@c", 3, "unexpected byte 0x0a" },
		{ LIST_ADDRESS, "\"a\\\nb\"@c", 4, "unexpected byte 0x0a" },
		{ LIST_ADDRESS, "\374@b", 1, "this is not UTF-8" },
		{ LIST_REGEX, "/a\nb/", 3, "unexpected byte 0x0a" },
	};
	struct entry entry;
	struct list_error error;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		print_message("%s\n", rows[i].text);
		assert_int_equal(entry_parse(rows[i].kind, rows[i].text,
					     strlen(rows[i].text), &entry,
					     &error),
				 -1);
		assert_string_equal(error.text, rows[i].why);
		assert_int_equal(error.column, rows[i].column);
	}
}

/* Each text is in memory of its own length, for the sanitizer to watch. */
static void test_lengths(void **state)
{
	static const char *const texts[] = { "=",  "*",	  ".",	  "@", "\"",
					     "a@", "a@[", "\"\\", "[", ":" };
	struct entry entry;
	struct list_error error;
	char *large = malloc(ENTRY_MAX + 1);

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		size_t len = strlen(texts[i]);
		char *copy = malloc(len);

		assert_non_null(copy);
		memcpy(copy, texts[i], len);
		for (int kind = LIST_IP; kind <= LIST_ADDRESS; kind++)
			assert_int_equal(entry_parse((enum list_kind)kind, copy,
						     len, &entry, &error),
					 -1);
		free(copy);
	}
	assert_non_null(large);
	memset(large, 'a', ENTRY_MAX + 1);
	for (int kind = LIST_IP; kind <= LIST_REGEX; kind++) {
		assert_int_equal(entry_parse((enum list_kind)kind, large,
					     ENTRY_MAX + 1, &entry, &error),
				 -1);
		assert_string_equal(
			error.text,
			"an entry of 4097 bytes; at most 4096 are allowed");
		assert_int_equal(entry_parse((enum list_kind)kind, large,
					     ENTRY_MAX, &entry, &error),
				 kind == LIST_REGEX ? 0 : -1);
	}
	/* 256 bytes before the "@" are the most, without quotes and \ */
	memcpy(large + ENTRY_LOCAL_MAX, "@b", 2);
	assert_int_equal(entry_parse(LIST_ADDRESS, large, ENTRY_LOCAL_MAX + 2,
				     &entry, &error),
			 0);
	large[0] = '#';
	assert_int_equal(entry_parse(LIST_ADDRESS, large, ENTRY_LOCAL_MAX + 2,
				     &entry, &error),
			 0);
	large[ENTRY_LOCAL_MAX] = 'a';
	memcpy(large + ENTRY_LOCAL_MAX + 1, "@b", 2);
	assert_int_equal(entry_parse(LIST_ADDRESS, large, ENTRY_LOCAL_MAX + 3,
				     &entry, &error),
			 -1);
	assert_string_equal(error.text, "more than 256 bytes before the '@'");
	/* a NUL is no blank */
	assert_int_equal(entry_parse(LIST_DOMAIN, "a\0b", 3, &entry, &error),
			 -1);
	assert_int_equal(entry_parse(LIST_ADDRESS, "a\0@b", 4, &entry, &error),
			 -1);
	assert_int_equal(entry_parse(LIST_ADDRESS, "a@[\0]", 5, &entry, &error),
			 -1);
	free(large);
}

static void test_in_line(void **state)
{
	static const struct {
		enum list_kind kind;
		const char *line;
		enum entry_line is;
		const char *entry; /* or what is wrong */
		size_t column;
	} rows[] = {
		{ LIST_DOMAIN, "", ENTRY_LINE_EMPTY, NULL, 0 },
		{ LIST_DOMAIN, " \t ", ENTRY_LINE_EMPTY, NULL, 0 },
		{ LIST_DOMAIN, "# a.test", ENTRY_LINE_EMPTY, NULL, 0 },
		{ LIST_DOMAIN, "\t# a.test", ENTRY_LINE_EMPTY, NULL, 0 },
		{ LIST_DOMAIN, "a.test", ENTRY_LINE_ENTRY, "a.test", 1 },
		{ LIST_DOMAIN, "  a.test\t", ENTRY_LINE_ENTRY, "a.test", 3 },
		{ LIST_DOMAIN, "a.test # why", ENTRY_LINE_ENTRY, "a.test", 1 },
		{ LIST_DOMAIN, "a.test#why", ENTRY_LINE_ENTRY, "a.test#why",
		  1 },
		{ LIST_DOMAIN, "a.test REJECT", ENTRY_LINE_BAD,
		  "one entry a line; a comment begins with '#'", 8 },
		{ LIST_DOMAIN, "a\rb", ENTRY_LINE_BAD,
		  "a CR that does not end the line", 2 },
		{ LIST_ADDRESS, "a#b@c # d", ENTRY_LINE_ENTRY, "a#b@c", 1 },
		{ LIST_ADDRESS, "\"a # b\"@c # d", ENTRY_LINE_ENTRY,
		  "\"a # b\"@c", 1 },
		{ LIST_ADDRESS, "\"a\\\" b\"@c", ENTRY_LINE_ENTRY,
		  "\"a\\\" b\"@c", 1 },
		{ LIST_ADDRESS, "\"a b", ENTRY_LINE_ENTRY, "\"a b", 1 },
		{ LIST_REGEX, "/a b/i  # c", ENTRY_LINE_ENTRY, "/a b/i", 1 },
		{ LIST_REGEX, "/a\\/ # b/", ENTRY_LINE_ENTRY, "/a\\/ # b/", 1 },
		{ LIST_REGEX, "/a # b ", ENTRY_LINE_ENTRY, "/a # b", 1 },
		{ LIST_REGEX, "a # b ", ENTRY_LINE_ENTRY, "a # b", 1 },
		{ LIST_REGEX, "/a/ /b/", ENTRY_LINE_BAD,
		  "one entry a line; a comment begins with '#'", 5 },
		{ LIST_REGEX, "/a/b/", ENTRY_LINE_BAD,
		  "unexpected character '/'", 5 },
	};
	struct list_error error;
	size_t at, len;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const char *line = rows[i].line;

		print_message("%s\n", line);
		assert_int_equal(entry_in_line(rows[i].kind, line, strlen(line),
					       &at, &len, &error),
				 rows[i].is);
		if (rows[i].is == ENTRY_LINE_ENTRY) {
			assert_int_equal(at + 1, rows[i].column);
			assert_int_equal(len, strlen(rows[i].entry));
			assert_memory_equal(line + at, rows[i].entry, len);
		} else if (rows[i].is == ENTRY_LINE_BAD) {
			assert_int_equal(error.column, rows[i].column);
			assert_string_equal(error.text, rows[i].entry);
		}
	}
	assert_int_equal(entry_in_line(LIST_DOMAIN, "# a\0b", 5, &at, &len,
				       &error),
			 ENTRY_LINE_BAD);
	assert_int_equal(error.column, 4);
}

static void test_lines(void **state)
{
	static const char text[] = "a\nb\r\n\n\r\nc\r";
	static const char *const lines[] = { "a", "b", "", "", "c\r" };
	const char *line;
	size_t at = 0, len, n = 0;

	(void)state;
	while (entry_next_line(text, sizeof(text) - 1, &at, &line, &len)) {
		assert_int_equal(len, strlen(lines[n]));
		assert_memory_equal(line, lines[n], len);
		n++;
	}
	assert_int_equal(n, COUNT(lines));
	at = 0;
	assert_false(entry_next_line("", 0, &at, &line, &len));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_canonical),
		cmocka_unit_test(test_mistakes),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_in_line),
		cmocka_unit_test(test_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
