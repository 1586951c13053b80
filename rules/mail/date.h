/*
 * date.h - the Date field: when does the sender say it was?
 *
 * RFC 5322 section 3.3 and its obsolete forms (4.3): years of two and three
 * digits, named and military zones, comments anywhere.  Lenient reading
 * forgives on top of that what clients were seen to write, and flags it.  No
 * clock and no locale are asked.
 */
#ifndef STEELYARD_RULES_MAIL_DATE_H
#define STEELYARD_RULES_MAIL_DATE_H

#include <stddef.h>
#include <stdint.h>

enum date_manner {
	DATE_STRICT,
	DATE_LENIENT,
};

enum date_fault {
	DATE_FINE,
	DATE_EMPTY,
	DATE_SYNTAX, /* not "[day,] day month year hour:minute[:second] zone" */
	DATE_MONTH, /* no such month */
	DATE_DAY, /* no such day in this month */
	DATE_YEAR, /* before 1900 or after 9999 */
	DATE_TIME, /* no such time of the day */
	DATE_ZONE, /* missing, or no such zone */
	DATE_WEEKDAY, /* no such day name, or that day was another */
	DATE_MORE, /* something behind the zone */
};

/* The fault in words, e.g. "no such month". */
const char *date_fault_text(enum date_fault fault);

enum date_flag {
	DATE_NO_ZONE = 1 << 0, /* "-0000", a military zone other than Z, or a
				* name nobody knows: the offset counts as 0 */
	DATE_OBSOLETE = 1 << 1, /* a form of RFC 5322 section 4.3 */
	/* only with DATE_LENIENT */
	DATE_WRONG_WEEKDAY = 1 << 2,
	DATE_ZONE_MISSING = 1 << 3,
	DATE_TRAILING = 1 << 4, /* something behind the zone, left out */
	DATE_SLOPPY = 1 << 5, /* comma missing, names in full, short numbers */
};

struct date {
	int64_t seconds; /* since 1970-01-01 00:00:00 UTC, no leap seconds */
	int zone; /* minutes east of UTC */
	unsigned int flags;
};

/* `*ret_date` is set only when the answer is DATE_FINE. */
enum date_fault date_parse(const char *text, size_t len,
			   enum date_manner manner, struct date *ret_date);

#endif
