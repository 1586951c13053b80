/*
 * test_dns_message.c - questions and answers on the wire.
 */
#include "lists/dns_message.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* Parts of messages; each question is for example.org. */
#define ID "\x12\x34"
#define QUESTION "\7example\3org\0"
#define OWNER "\xc0\x0c"
#define TTL(s) "\0\0\0" s
#define IN "\0\1"

#define RR_A                               \
	OWNER "\0\1" IN TTL("\x3c") "\0\4" \
				    "\xc0\0\2\1"
#define RR_A2                              \
	OWNER "\0\1" IN TTL("\x1e") "\0\4" \
				    "\xc0\0\2\2"
#define RR_AAAA                                \
	OWNER "\0\x1c" IN TTL("\x3c") "\0\x10" \
				      "\x20\1\xd\xb8\0\0\0\0\0\0\0\0\0\0\0\1"
#define RR_MAPPED                              \
	OWNER "\0\x1c" IN TTL("\x3c") "\0\x10" \
				      "\0\0\0\0\0\0\0\0\0\0\xff\xff\x7f\0\0\1"
#define RR_MX                               \
	OWNER "\0\xf" IN TTL("\x3c") "\0\7" \
				     "\0\xa\2Mx" OWNER
#define RR_NULL_MX                          \
	OWNER "\0\xf" IN TTL("\x3c") "\0\3" \
				     "\0\0\0"
#define RR_PTR                               \
	OWNER "\0\xc" IN TTL("\x3c") "\0\x6" \
				     "\3a\nb" OWNER
#define RR_TXT                                \
	OWNER "\0\x10" IN TTL("\x3c") "\0\xa" \
				      "\3abc\0\4d\0ef"
#define RR_CNAME                          \
	OWNER "\0\5" IN TTL("\xa") "\0\4" \
				   "\1w" OWNER
#define RR_AT_W                                  \
	"\1w" OWNER "\0\1" IN TTL("\x3c") "\0\4" \
					  "\xc0\0\2\3"
#define RR_OTHER                               \
	"\1x" OWNER "\0\1" IN TTL("\1") "\0\4" \
					"\xc0\0\2\4"
#define RR_CHAOS                          \
	OWNER "\0\1\0\3" TTL("\1") "\0\4" \
				   "\xc0\0\2\5"
#define RR_SOA                            \
	OWNER "\0\6" IN TTL(              \
		"\x50") "\0\x1a"          \
			"\2ns" OWNER "\0" \
			"\0\0\0\x9\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x46"
#define RR_FOREIGN_SOA                     \
	"\1x" OWNER                        \
	"\0\6" IN TTL("\x50") "\0\x16\0\0" \
			      "\0\0\0\x9\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x46"
#define RR_OPT "\0\0\x29\x10\0\0\0\0\0\0\0"
#define RR_BADVERS "\0\0\x29\x10\0\1\0\0\0\0\0"

struct row {
	const char *claim;
	enum dns_type type;
	const char *flags; /* two bytes */
	const char *counts; /* answers, authority, additional: a digit each */
	const char *sections;
	size_t len;
	enum dns_status status;
	size_t count;
	uint32_t ttl;
};

#define BYTES(s) s, sizeof(s) - 1
#define OK "\x81\x80"
#define NX "\x81\x83"

static const struct row rows[] = {
	{ "an address", DNS_A, OK, "100", BYTES(RR_A), DNS_FOUND, 1, 60 },
	{ "two, for the shorter time", DNS_A, OK, "200", BYTES(RR_A RR_A2),
	  DNS_FOUND, 2, 30 },
	{ "IPv6", DNS_AAAA, OK, "100", BYTES(RR_AAAA), DNS_FOUND, 1, 60 },
	{ "an exchanger", DNS_MX, OK, "100", BYTES(RR_MX), DNS_FOUND, 1, 60 },
	{ "a text", DNS_TXT, OK, "100", BYTES(RR_TXT), DNS_FOUND, 1, 60 },
	{ "a CNAME and its target", DNS_A, OK, "200", BYTES(RR_CNAME RR_AT_W),
	  DNS_FOUND, 1, 10 },
	{ "in the other order", DNS_A, OK, "200", BYTES(RR_AT_W RR_CNAME),
	  DNS_FOUND, 1, 10 },
	{ "a CNAME was asked for", DNS_CNAME, OK, "100", BYTES(RR_CNAME),
	  DNS_FOUND, 1, 10 },
	{ "records of other names do not count", DNS_A, OK, "200",
	  BYTES(RR_OTHER RR_A), DNS_FOUND, 1, 60 },
	{ "nor those of other classes", DNS_A, OK, "200", BYTES(RR_CHAOS RR_A),
	  DNS_FOUND, 1, 60 },
	{ "nor those of other types", DNS_A, OK, "200", BYTES(RR_TXT RR_A),
	  DNS_FOUND, 1, 60 },
	{ "other names alone are no data", DNS_A, OK, "100", BYTES(RR_OTHER),
	  DNS_NODATA, 0, 0 },
	{ "no data, for the SOA record's minimum", DNS_A, OK, "010",
	  BYTES(RR_SOA), DNS_NODATA, 0, 70 },
	{ "no such name", DNS_A, NX, "010", BYTES(RR_SOA), DNS_NXDOMAIN, 0,
	  70 },
	{ "behind a CNAME", DNS_A, NX, "110", BYTES(RR_CNAME RR_SOA),
	  DNS_NXDOMAIN, 0, 10 },
	{ "no data behind a CNAME", DNS_A, OK, "110", BYTES(RR_CNAME RR_SOA),
	  DNS_NODATA, 0, 10 },
	{ "no such name, without SOA", DNS_A, NX, "000", BYTES(""),
	  DNS_NXDOMAIN, 0, 0 },
	{ "an SOA record of others is none", DNS_A, NX, "010",
	  BYTES(RR_FOREIGN_SOA), DNS_NXDOMAIN, 0, 0 },
	{ "EDNS is no harm", DNS_A, OK, "011", BYTES(RR_SOA RR_OPT), DNS_NODATA,
	  0, 70 },
	{ "an error that only EDNS tells", DNS_A, OK, "001", BYTES(RR_BADVERS),
	  DNS_SERVFAIL, 0, 0 },
	{ "a failure", DNS_A, "\x81\x82", "000", BYTES(""), DNS_SERVFAIL, 0,
	  0 },
	{ "a refusal", DNS_A, "\x81\x85", "000", BYTES(""), DNS_REFUSED, 0, 0 },
	{ "not understood", DNS_A, "\x81\x81", "000", BYTES(""), DNS_FORMERR, 0,
	  0 },
	{ "not implemented", DNS_A, "\x81\x84", "000", BYTES(""), DNS_SERVFAIL,
	  0, 0 },
	{ "truncated", DNS_A, "\x83\x80", "100", BYTES(RR_A), DNS_TRUNCATED, 0,
	  0 },

	{ "a question is no answer", DNS_A, "\1\0", "100", BYTES(RR_A),
	  DNS_GARBLED, 0, 0 },
	{ "nor is an update", DNS_A, "\xa9\x80", "100", BYTES(RR_A),
	  DNS_GARBLED, 0, 0 },
	{ "there and not there", DNS_A, NX, "100", BYTES(RR_A), DNS_GARBLED, 0,
	  0 },
	{ "fewer records than promised", DNS_A, OK, "200", BYTES(RR_A),
	  DNS_GARBLED, 0, 0 },
	{ "more than we want", DNS_A, OK, "z00", BYTES(RR_A), DNS_TOO_LARGE, 0,
	  0 },
	{ "an address of three bytes", DNS_A, OK, "100",
	  BYTES(OWNER "\0\1" IN TTL("\1") "\0\3abc"), DNS_GARBLED, 0, 0 },
	{ "one of five", DNS_A, OK, "100",
	  BYTES(OWNER "\0\1" IN TTL("\1") "\0\5abcde"), DNS_GARBLED, 0, 0 },
	{ "one that is cut off", DNS_A, OK, "100",
	  BYTES(OWNER "\0\1" IN TTL("\1") "\0\4abc"), DNS_GARBLED, 0, 0 },
	{ "an exchanger without a name", DNS_MX, OK, "100",
	  BYTES(OWNER "\0\xf" IN TTL("\1") "\0\2\0\1"), DNS_GARBLED, 0, 0 },
	{ "a name with more behind it", DNS_PTR, OK, "100",
	  BYTES(OWNER "\0\xc" IN TTL("\1") "\0\4\1a\0\0"), DNS_GARBLED, 0, 0 },
	{ "a name that goes on behind its record", DNS_PTR, OK, "100",
	  BYTES(OWNER "\0\xc" IN TTL("\1") "\0\2\3a\0\0\0\0"), DNS_GARBLED, 0,
	  0 },
	{ "a text without strings", DNS_TXT, OK, "100",
	  BYTES(OWNER "\0\x10" IN TTL("\1") "\0\0"), DNS_GARBLED, 0, 0 },
	{ "a string that goes on behind its record", DNS_TXT, OK, "100",
	  BYTES(OWNER "\0\x10" IN TTL("\1") "\0\2\5a...."), DNS_GARBLED, 0, 0 },
	{ "a TTL below zero is none", DNS_A, OK, "100",
	  BYTES(OWNER "\0\1" IN "\xff\0\0\0\0\4abcd"), DNS_FOUND, 1, 0 },
	{ "a CNAME to itself", DNS_A, OK, "100",
	  BYTES(OWNER "\0\5" IN TTL("\1") "\0\2" OWNER), DNS_LOOP, 0, 0 },
};

static size_t message_of(const struct row *row, uint8_t *to)
{
	static const char head[] = ID "..\0\1......" QUESTION "\0.\0\1";
	size_t len = sizeof(head) - 1;

	memcpy(to, head, len);
	memcpy(to + 2, row->flags, 2);
	for (size_t i = 0; i < 3; i++) {
		to[6 + 2 * i] = 0;
		to[7 + 2 * i] = row->counts[i] == 'z'
					? DNS_RECORDS_MAX + 1
					: (uint8_t)(row->counts[i] - '0');
	}
	to[len - 3] = (uint8_t)row->type;
	memcpy(to + len, row->sections, row->len);
	return len + row->len;
}

static struct dns_question question_of(enum dns_type type)
{
	struct dns_question question = { .type = type };

	assert_int_equal(dns_name_parse("example.org", 11, &question.name), 0);
	return question;
}

static struct dns_answer *read_row(const struct row *row)
{
	struct dns_question question = question_of(row->type);
	struct dns_answer *answer = NULL;
	struct dns_name next;
	uint8_t *message, buf[512];
	size_t len = message_of(row, buf);

	/* of its own size, so that a sanitizer sees who reads past it */
	message = malloc(len);
	assert_non_null(message);
	memcpy(message, buf, len);
	if (dns_message_read(message, len, &question, 777, &answer, &next) !=
	    DNS_READ_ANSWER)
		fail_msg("%s: to be followed", row->claim);
	free(message);
	return answer;
}

static void test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct dns_answer *answer = read_row(&rows[i]);

		if (answer->status != rows[i].status ||
		    answer->count != rows[i].count ||
		    answer->ttl != rows[i].ttl)
			fail_msg("%s: %s, %zu records, ttl %u", rows[i].claim,
				 dns_status_name(answer->status), answer->count,
				 answer->ttl);
		dns_answer_unref(answer);
	}
}

/* Whatever is cut off, nothing is read behind the end or taken for whole. */
static void test_cut(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (size_t cut = 1; cut <= rows[i].len; cut++) {
			struct row row = rows[i];
			struct dns_answer *answer;

			row.len -= cut;
			answer = read_row(&row);
			if (answer->status == DNS_FOUND)
				fail_msg("%s: %zu bytes less", row.claim, cut);
			dns_answer_unref(answer);
		}
}

static struct dns_answer *read_one(enum dns_type type, const char *sections,
				   size_t len)
{
	struct row row = { "", type, OK, "100", sections, len, 0, 0, 0 };

	return read_row(&row);
}

static void test_records(void **state)
{
	struct dns_answer *answer;
	const struct dns_record *record;

	(void)state;
	answer = read_one(DNS_A, BYTES(RR_A));
	assert_int_equal(answer->records->ip.family, 4);
	assert_memory_equal(answer->records->ip.bytes, "\xc0\0\2\1", 4);
	assert_string_equal(answer->canonical, "example.org");
	assert_int_equal(answer->received, 777);
	assert_int_equal(dns_answer_ttl(answer, 777 + 59999), 1);
	assert_int_equal(dns_answer_ttl(answer, 777 + 60000), 0);
	assert_int_equal(dns_answer_ttl(answer, 1000000), 0);
	dns_answer_unref(answer);

	answer = read_one(DNS_AAAA, BYTES(RR_AAAA));
	assert_int_equal(answer->records->ip.family, 6);
	dns_answer_unref(answer);
	answer = read_one(DNS_AAAA, BYTES(RR_MAPPED));
	assert_true(ip_is_loopback(&answer->records->ip));
	dns_answer_unref(answer);

	answer = read_one(DNS_MX, BYTES(RR_MX));
	assert_int_equal(answer->records->preference, 10);
	assert_string_equal(answer->records->name, "Mx.example.org");
	dns_answer_unref(answer);
	answer = read_one(DNS_MX, BYTES(RR_NULL_MX));
	assert_string_equal(answer->records->name, ".");
	dns_answer_unref(answer);

	answer = read_one(DNS_PTR, BYTES(RR_PTR));
	assert_string_equal(answer->records->name, "a\\010b.example.org");
	dns_answer_unref(answer);

	answer = read_one(DNS_TXT, BYTES(RR_TXT));
	record = answer->records;
	assert_int_equal(record->text_len, 7);
	assert_memory_equal(record->text, "abcd\0ef", 8);
	assert_int_equal(record->strings, 3);
	assert_int_equal(record->ends[0], 3);
	assert_int_equal(record->ends[1], 3);
	assert_int_equal(record->ends[2], 7);
	dns_answer_unref(answer);

	answer = read_one(DNS_SOA, BYTES(RR_SOA));
	record = answer->records;
	assert_string_equal(record->name, "ns.example.org");
	assert_string_equal(record->mailbox, ".");
	assert_int_equal(record->serial, 9);
	assert_int_equal(record->minimum, 70);
	dns_answer_unref(answer);
}

static void test_follow(void **state)
{
	struct row row = { "", DNS_A, OK, "100", BYTES(RR_CNAME), 0, 0, 0 };
	struct dns_question question = question_of(DNS_A);
	struct dns_answer *answer;
	struct dns_name next;
	char text[DNS_NAME_TEXT_SIZE];
	uint8_t message[512];
	size_t len = message_of(&row, message);

	(void)state;
	assert_int_equal(dns_message_read(message, len, &question, 0, &answer,
					  &next),
			 DNS_READ_FOLLOW);
	dns_name_format(&next, text);
	assert_string_equal(text, "w.example.org");
	assert_int_equal(answer->cnames, 1);
	assert_int_equal(answer->ttl, 10);
	dns_answer_unref(answer);
}

static void test_other_question(void **state)
{
	struct row row = { "", DNS_A, OK, "100", BYTES(RR_A), 0, 0, 0 };
	struct dns_question question = question_of(DNS_A);
	struct dns_answer *answer;
	struct dns_name next;
	uint8_t message[512];
	size_t len = message_of(&row, message);

	(void)state;
	for (size_t at = 12; at < 29; at++) {
		message[at] ^= 1;
		dns_message_read(message, len, &question, 0, &answer, &next);
		assert_int_equal(answer->status, DNS_GARBLED);
		message[at] ^= 1;
	}
	message[13] ^= 0x20; /* another case is the same question */
	dns_message_read(message, len, &question, 0, &answer, &next);
	assert_int_equal(answer->status, DNS_FOUND);
	dns_answer_unref(answer);
}

/* A text of n strings of 255 bytes, in a message of its size. */
static enum dns_status read_text(size_t strings)
{
	struct row row = { "", DNS_TXT, OK, "100", BYTES(""), 0, 0, 0 };
	static const char rr[] = OWNER "\0\x10" IN TTL("\1");
	struct dns_question question = question_of(DNS_TXT);
	static uint8_t message[70000];
	size_t len = message_of(&row, message);
	struct dns_answer *answer;
	enum dns_status status;
	struct dns_name next;

	memcpy(message + len, rr, sizeof(rr) - 1);
	len += sizeof(rr) - 1;
	message[len++] = (uint8_t)(strings * 256 >> 8);
	message[len++] = (uint8_t)(strings * 256);
	for (size_t i = 0; i < strings; i++) {
		message[len++] = 255;
		memset(message + len, 'x', 255);
		len += 255;
	}
	dns_message_read(message, len, &question, 0, &answer, &next);
	status = answer->status;
	dns_answer_unref(answer);
	return status;
}

static void test_large(void **state)
{
	(void)state;
	assert_int_equal(read_text(16), DNS_FOUND); /* 4,080 bytes */
	assert_int_equal(read_text(17), DNS_TOO_LARGE);
	assert_int_equal(read_text(80), DNS_TOO_LARGE); /* message > 16 KiB */
}

static void test_query(void **state)
{
	struct dns_question question = question_of(DNS_MX);
	uint8_t query[DNS_QUERY_MAX];

	(void)state;
	assert_int_equal(dns_message_query(&question, 0x1234, true, query), 40);
	assert_memory_equal(query,
			    ID "\1\0\0\1\0\0\0\0\0\1" QUESTION "\0\xf\0\1"
			       "\0\0\x29\x04\xd0\0\0\0\0\0\0",
			    40);
	assert_int_equal(dns_message_query(&question, 0x1234, false, query),
			 29);
	assert_memory_equal(query,
			    ID "\1\0\0\1\0\0\0\0\0\0" QUESTION "\0\xf\0\1", 29);
}

static void test_words(void **state)
{
	enum dns_type type;

	(void)state;
	for (enum dns_status s = DNS_FOUND; s < DNS_STATUSES; s++) {
		assert_int_equal(dns_answer_of(s)->status, s);
		assert_true(strlen(dns_status_name(s)) > 1);
	}
	assert_int_equal(dns_type_parse("aaaa", 4, &type), 0);
	assert_int_equal(type, DNS_AAAA);
	assert_string_equal(dns_type_name(type), "AAAA");
	assert_int_equal(dns_type_parse("AAA", 3, &type), -1);
	assert_int_equal(dns_type_parse("", 0, &type), -1);
	assert_int_equal(dns_type_parse("A\0B", 3, &type), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_records),
		cmocka_unit_test(test_follow),
		cmocka_unit_test(test_other_question),
		cmocka_unit_test(test_large),
		cmocka_unit_test(test_query),
		cmocka_unit_test(test_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
