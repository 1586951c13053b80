/* test_date.c - when does the sender say it was? */
#include "rules/mail/date.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define ROWS(rows) (sizeof(rows) / sizeof((rows)[0]))
#define NOT 0, 0, 0

/*
 * What each manner makes of it; seconds, zone and flags are the lenient ones.
 */
static const struct {
	const char *claim, *text;
	enum date_fault strict, lenient;
	int64_t seconds;
	int zone;
	unsigned int flags;
} rows[] = {
	{ "RFC 5322 A.1", "Fri, 21 Nov 1997 09:55:06 -0600", DATE_FINE,
	  DATE_FINE, 880127706, -360, 0 },
	{ "a blank before it", " Fri, 21 Nov 1997 09:55:06 -0600\r\n ",
	  DATE_FINE, DATE_FINE, 880127706, -360, 0 },
	{ "no day of the week", "21 Nov 1997 09:55:06 -0600", DATE_FINE,
	  DATE_FINE, 880127706, -360, 0 },
	{ "no seconds", "1 Jan 1970 00:00 +0000", DATE_FINE, DATE_FINE, 0, 0,
	  0 },
	{ "east of Greenwich", "1 Jan 1970 05:30 +0530", DATE_FINE, DATE_FINE,
	  0, 330, 0 },
	{ "before the epoch", "31 Dec 1969 23:59:59 +0000", DATE_FINE,
	  DATE_FINE, -1, 0, 0 },
	{ "the year 1900", "Mon, 1 Jan 1900 00:00:00 +0000", DATE_FINE,
	  DATE_FINE, -2208988800, 0, 0 },
	{ "the end of 32 bits", "Tue, 19 Jan 2038 03:14:08 +0000", DATE_FINE,
	  DATE_FINE, 2147483648, 0, 0 },
	{ "the year 9999", "Fri, 31 Dec 9999 23:59:59 +0000", DATE_FINE,
	  DATE_FINE, 253402300799, 0, 0 },
	{ "a leap second", "31 Dec 2016 23:59:60 +0000", DATE_FINE, DATE_FINE,
	  1483228800, 0, 0 },
	{ "a leap day", "Thu, 29 Feb 2024 12:00:00 +0000", DATE_FINE, DATE_FINE,
	  1709208000, 0, 0 },
	{ "2000 was a leap year", "29 Feb 2000 00:00 +0000", DATE_FINE,
	  DATE_FINE, 951782400, 0, 0 },
	{ "1900 was none", "29 Feb 1900 00:00 +0000", DATE_DAY, DATE_DAY, NOT },
	{ "case does not count", "FRI, 21 nov 1997 09:55:06 -0600", DATE_FINE,
	  DATE_FINE, 880127706, -360, 0 },
	{ "folds and comments",
	  "Fri,\r\n 21 (x) Nov 1997(y) 09(z):55 : 06\r\n -0600 (CST)",
	  DATE_FINE, DATE_FINE, 880127706, -360, 0 },
	{ "RFC 5322 A.6.2", "21 Nov 97 09:55:06 GMT", DATE_FINE, DATE_FINE,
	  880106106, 0, DATE_OBSOLETE },
	{ "two digits of this century", "1 Jan 49 00:00 UT", DATE_FINE,
	  DATE_FINE, 2493072000, 0, DATE_OBSOLETE },
	{ "two digits of the last", "1 Jan 50 00:00 UT", DATE_FINE, DATE_FINE,
	  -631152000, 0, DATE_OBSOLETE },
	{ "three digits", "1 Jan 100 00:00 UT", DATE_FINE, DATE_FINE, 946684800,
	  0, DATE_OBSOLETE },
	{ "named zones", "1 Jan 1970 00:00 EDT", DATE_FINE, DATE_FINE, 14400,
	  -240, DATE_OBSOLETE },
	{ "the west coast", "1 Jan 1970 00:00 pst", DATE_FINE, DATE_FINE, 28800,
	  -480, DATE_OBSOLETE },
	{ "Z is UTC", "1 Jan 1970 00:00 z", DATE_FINE, DATE_FINE, 0, 0,
	  DATE_OBSOLETE },
	{ "other letters say nothing", "1 Jan 1970 00:00 A", DATE_FINE,
	  DATE_FINE, 0, 0, DATE_OBSOLETE | DATE_NO_ZONE },
	{ "J is no zone", "1 Jan 1970 00:00 J", DATE_ZONE, DATE_ZONE, NOT },
	{ "-0000 says nothing", "1 Jan 1970 00:00 -0000", DATE_FINE, DATE_FINE,
	  0, 0, DATE_NO_ZONE },
	{ "UTC is common", "1 Jan 1970 00:00 UTC", DATE_ZONE, DATE_FINE, 0, 0,
	  DATE_OBSOLETE },
	{ "unknown names say nothing", "1 Jan 1970 00:00 CEST", DATE_ZONE,
	  DATE_FINE, 0, 0, DATE_OBSOLETE | DATE_NO_ZONE },
	{ "the wrong day", "Mon, 21 Nov 1997 09:55:06 -0600", DATE_WEEKDAY,
	  DATE_FINE, 880127706, -360, DATE_WRONG_WEEKDAY },
	{ "no zone", "21 Nov 1997 09:55:06", DATE_ZONE, DATE_FINE, 880106106, 0,
	  DATE_ZONE_MISSING | DATE_NO_ZONE },
	{ "something behind", "1 Jan 1970 00:00 +0000 hello", DATE_MORE,
	  DATE_FINE, 0, 0, DATE_TRAILING },
	{ "an open comment behind", "1 Jan 1970 00:00 +0000 (x", DATE_MORE,
	  DATE_FINE, 0, 0, DATE_TRAILING },
	{ "no comma", "Fri 21 Nov 1997 09:55:06 -0600", DATE_SYNTAX, DATE_FINE,
	  880127706, -360, DATE_SLOPPY },
	{ "names in full", "Friday, 21 November 1997 09:55:06 -0600",
	  DATE_WEEKDAY, DATE_FINE, 880127706, -360, DATE_SLOPPY },
	{ "one digit of an hour", "21 Nov 1997 9:55:06 -0600", DATE_SYNTAX,
	  DATE_FINE, 880127706, -360, DATE_SLOPPY },
	{ "nothing", " (x) ", DATE_EMPTY, DATE_EMPTY, NOT },
	{ "no date", "yesterday", DATE_WEEKDAY, DATE_WEEKDAY, NOT },
	{ "another order", "Nov 21 1997 09:55:06", DATE_WEEKDAY, DATE_WEEKDAY,
	  NOT },
	{ "no such month", "21 Nox 1997 09:55 +0000", DATE_MONTH, DATE_MONTH,
	  NOT },
	{ "no such day", "31 Nov 1997 09:55 +0000", DATE_DAY, DATE_DAY, NOT },
	{ "day zero", "0 Nov 1997 09:55 +0000", DATE_DAY, DATE_DAY, NOT },
	{ "a year too early", "1 Jan 1899 00:00 +0000", DATE_YEAR, DATE_YEAR,
	  NOT },
	{ "a year too late", "1 Jan 10000 00:00 +0000", DATE_YEAR, DATE_YEAR,
	  NOT },
	{ "a year without end", "1 Jan 99999999999999 00:00 +0000", DATE_SYNTAX,
	  DATE_SYNTAX, NOT },
	{ "24 o'clock", "1 Jan 1970 24:00 +0000", DATE_TIME, DATE_TIME, NOT },
	{ "minute 60", "1 Jan 1970 00:60 +0000", DATE_TIME, DATE_TIME, NOT },
	{ "second 61", "1 Jan 1970 00:00:61 +0000", DATE_TIME, DATE_TIME, NOT },
	{ "hours alone", "1 Jan 1970 00 +0000", DATE_SYNTAX, DATE_SYNTAX, NOT },
	{ "four parts", "1 Jan 1970 0:0:0:0 +0000", DATE_SYNTAX, DATE_SYNTAX,
	  NOT },
	{ "a short zone", "1 Jan 1970 00:00 +000", DATE_ZONE, DATE_ZONE, NOT },
	{ "minute 60 of a zone", "1 Jan 1970 00:00 +0060", DATE_ZONE, DATE_ZONE,
	  NOT },
	{ "a zone with a colon", "1 Jan 1970 00:00 +00:00", DATE_ZONE,
	  DATE_ZONE, NOT },
	{ "a control character", "1 Jan 1970 00:00 \x01", DATE_ZONE, DATE_ZONE,
	  NOT },
};

static void dates_are_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		size_t len = strlen(rows[i].text);
		struct date lenient = { 0, 0, 0 }, strict;
		enum date_fault a, b;

		a = date_parse(rows[i].text, len, DATE_LENIENT, &lenient);
		b = date_parse(rows[i].text, len, DATE_STRICT, &strict);
		if (a != rows[i].lenient || b != rows[i].strict ||
		    lenient.seconds != rows[i].seconds ||
		    lenient.zone != rows[i].zone ||
		    lenient.flags != rows[i].flags ||
		    (b == DATE_FINE && strict.seconds != lenient.seconds))
			fail_msg("not so: %s: %s, strictly %s, %lld %d %x",
				 rows[i].claim, date_fault_text(a),
				 date_fault_text(b), (long long)lenient.seconds,
				 lenient.zone, lenient.flags);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dates_are_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
