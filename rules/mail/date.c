/* date.c - see date.h. */
#include "rules/mail/date.h"

#include <stdbool.h>
#include <string.h>

#include "rules/mail/ascii.h"
#include "rules/mail/token.h"

static const char *const fault_texts[] = {
	[DATE_FINE] = "fine",
	[DATE_EMPTY] = "empty",
	[DATE_SYNTAX] = "not a date",
	[DATE_MONTH] = "no such month",
	[DATE_DAY] = "no such day in this month",
	[DATE_YEAR] = "a year before 1900 or after 9999",
	[DATE_TIME] = "no such time of the day",
	[DATE_ZONE] = "no such time zone",
	[DATE_WEEKDAY] = "a wrong day of the week",
	[DATE_MORE] = "something behind the time zone",
};

const char *date_fault_text(enum date_fault fault)
{
	size_t n = sizeof(fault_texts) / sizeof(fault_texts[0]);

	return (size_t)fault < n ? fault_texts[fault] : "unknown fault";
}

static const char *const months[] = {
	"January", "February", "March",	    "April",   "May",	   "June",
	"July",	   "August",   "September", "October", "November", "December",
};

/* 1970-01-01 was a Thursday. */
static const char *const weekdays[] = {
	"Thursday", "Friday",  "Saturday",  "Sunday",
	"Monday",   "Tuesday", "Wednesday",
};

static const struct {
	const char *name;
	int hours;
} zones[] = {
	{ "UT", 0 },   { "GMT", 0 },  { "EST", -5 }, { "EDT", -4 },
	{ "CST", -6 }, { "CDT", -5 }, { "MST", -7 }, { "MDT", -6 },
	{ "PST", -8 }, { "PDT", -7 }, { "Z", 0 },
};

struct parse {
	struct token_reader reader;
	struct token token; /* the one ahead */
	bool lenient;
	unsigned int flags;
};

static void next(struct parse *p)
{
	token_next(&p->reader, &p->token);
}

static bool at_special(const struct parse *p, char c)
{
	return p->token.type == TOKEN_SPECIAL && p->token.special == c;
}

static const char *word(const struct parse *p, size_t *ret_len)
{
	*ret_len =
		p->token.type == TOKEN_ATOM ? p->token.end - p->token.start : 0;
	return p->reader.text + p->token.start;
}

/* A number of `min` to `max` digits is ahead and taken. */
static bool number(struct parse *p, size_t min, size_t max, int *ret)
{
	size_t len;
	const char *text = word(p, &len);
	int value = 0;

	if (len < min || len > max)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (!ascii_is_digit(text[i]))
			return false;
		value = 10 * value + (text[i] - '0');
	}
	*ret = value;
	next(p);
	return true;
}

/* A name by its first three letters or, leniently, in full; -1 if neither. */
static int name(struct parse *p, const char *const *names, int count)
{
	size_t len;
	const char *text = word(p, &len);

	for (int i = 0; i < count; i++) {
		if (ascii_equal(text, len, names[i], 3)) {
			next(p);
			return i;
		}
		if (p->lenient &&
		    ascii_equal(text, len, names[i], strlen(names[i]))) {
			p->flags |= DATE_SLOPPY;
			next(p);
			return i;
		}
	}
	return -1;
}

static bool is_leap(int year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int days_in(int month, int year)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30,
				    31, 31, 30, 31, 30, 31 };

	return days[month] + (month == 1 && is_leap(year));
}

/* Days from 1970-01-01; `month` counts from 0. */
static int64_t days_since_epoch(int year, int month, int day)
{
	int64_t before = year - 1; /* whole years since the year 1 */
	int64_t days = 365 * before + before / 4 - before / 100 + before / 400;

	for (int m = 0; m < month; m++)
		days += days_in(m, year);
	return days + day - 1 - 719162;
}

static enum date_fault read_weekday(struct parse *p, int *ret_weekday)
{
	size_t len;
	const char *text = word(p, &len);

	if (len == 0 || ascii_is_digit(text[0]))
		return DATE_FINE; /* there is none */
	*ret_weekday = name(p, weekdays, 7);
	if (*ret_weekday < 0)
		return DATE_WEEKDAY;
	if (at_special(p, ','))
		next(p);
	else if (p->lenient)
		p->flags |= DATE_SLOPPY;
	else
		return DATE_SYNTAX;
	return DATE_FINE;
}

/* Two digits mean 1950 to 2049, three count from 1900: RFC 5322 4.3. */
static enum date_fault read_year(struct parse *p, int *ret_year)
{
	size_t len;
	int year;

	(void)word(p, &len);
	if (!number(p, 2, 9, &year))
		return DATE_SYNTAX;
	if (len < 4)
		p->flags |= DATE_OBSOLETE;
	if (len == 2 && year < 50)
		year += 2000;
	else if (len < 4)
		year += 1900;
	if (year < 1900 || year > 9999)
		return DATE_YEAR;
	*ret_year = year;
	return DATE_FINE;
}

static enum date_fault read_date(struct parse *p, int64_t *ret_days)
{
	enum date_fault fault;
	int day, month, year;

	if (!number(p, 1, 2, &day))
		return DATE_SYNTAX;
	month = name(p, months, 12);
	if (month < 0)
		return DATE_MONTH;
	fault = read_year(p, &year);
	if (fault != DATE_FINE)
		return fault;
	if (day < 1 || day > days_in(month, year))
		return DATE_DAY;
	*ret_days = days_since_epoch(year, month, day);
	return DATE_FINE;
}

static enum date_fault read_time(struct parse *p, int *ret_seconds)
{
	size_t min = p->lenient ? 1 : 2, len;
	int part[3] = { 0, 0, 0 };

	for (int i = 0; i < 3; i++) {
		(void)word(p, &len);
		if (!number(p, min, 2, &part[i]))
			return DATE_SYNTAX;
		if (len < 2)
			p->flags |= DATE_SLOPPY;
		if (!at_special(p, ':')) {
			if (i == 0)
				return DATE_SYNTAX;
			break;
		}
		if (i == 2)
			return DATE_SYNTAX;
		next(p);
	}
	if (part[0] > 23 || part[1] > 59 || part[2] > 60)
		return DATE_TIME;
	*ret_seconds = 3600 * part[0] + 60 * part[1] + part[2];
	return DATE_FINE;
}

/* "+0130" in minutes. */
static enum date_fault numeric_zone(const char *text, size_t len,
				    struct parse *p, int *ret_minutes)
{
	int value = 0;

	if (len != 5)
		return DATE_ZONE;
	for (size_t i = 1; i < len; i++) {
		if (!ascii_is_digit(text[i]))
			return DATE_ZONE;
		value = 10 * value + (text[i] - '0');
	}
	if (value % 100 > 59)
		return DATE_ZONE;
	value = 60 * (value / 100) + value % 100;
	if (text[0] == '-' && value == 0)
		p->flags |= DATE_NO_ZONE;
	*ret_minutes = text[0] == '-' ? -value : value;
	return DATE_FINE;
}

/*
 * Military zones were defined the wrong way round once, so all but Z say
 * nothing; nor do other names: RFC 5322 section 4.3.
 */
static enum date_fault named_zone(const char *text, size_t len, struct parse *p,
				  int *ret_minutes)
{
	size_t n = sizeof(zones) / sizeof(zones[0]);

	p->flags |= DATE_OBSOLETE;
	*ret_minutes = 0;
	for (size_t i = 0; i < n; i++) {
		if (ascii_equal(text, len, zones[i].name,
				strlen(zones[i].name))) {
			*ret_minutes = 60 * zones[i].hours;
			return DATE_FINE;
		}
	}
	if (p->lenient && ascii_equal(text, len, "UTC", 3))
		return DATE_FINE;
	for (size_t i = 0; i < len; i++)
		if (!ascii_is_alpha(text[i]))
			return DATE_ZONE;
	if (len == 1 && ascii_lower(text[0]) == 'j')
		return DATE_ZONE; /* the one letter that is none */
	if (len != 1 && (!p->lenient || len > 5))
		return DATE_ZONE;
	p->flags |= DATE_NO_ZONE;
	return DATE_FINE;
}

static enum date_fault read_zone(struct parse *p, int *ret_minutes)
{
	enum date_fault fault;
	size_t len;
	const char *text = word(p, &len);

	if (len == 0) {
		if (!p->lenient || p->token.type != TOKEN_END)
			return DATE_ZONE;
		p->flags |= DATE_ZONE_MISSING | DATE_NO_ZONE;
		*ret_minutes = 0;
		return DATE_FINE;
	}
	if (text[0] == '+' || text[0] == '-')
		fault = numeric_zone(text, len, p, ret_minutes);
	else
		fault = named_zone(text, len, p, ret_minutes);
	next(p);
	return fault;
}

static enum date_fault check_end(struct parse *p)
{
	if (p->token.type == TOKEN_END)
		return DATE_FINE;
	if (!p->lenient)
		return DATE_MORE;
	p->flags |= DATE_TRAILING;
	return DATE_FINE;
}

static enum date_fault check_weekday(struct parse *p, int weekday, int64_t days)
{
	/* 7 * 10000 makes it positive for every year from 1900 on */
	if (weekday < 0 || (days + 70000) % 7 == weekday)
		return DATE_FINE;
	if (!p->lenient)
		return DATE_WEEKDAY;
	p->flags |= DATE_WRONG_WEEKDAY;
	return DATE_FINE;
}

enum date_fault date_parse(const char *text, size_t len,
			   enum date_manner manner, struct date *ret_date)
{
	struct parse p = { .reader = { .text = text, .len = len },
			   .lenient = manner == DATE_LENIENT };
	int weekday = -1, seconds, minutes;
	enum date_fault fault;
	int64_t days;

	next(&p);
	if (p.token.type == TOKEN_END)
		return DATE_EMPTY;
	fault = read_weekday(&p, &weekday);
	if (fault == DATE_FINE)
		fault = read_date(&p, &days);
	if (fault == DATE_FINE)
		fault = check_weekday(&p, weekday, days);
	if (fault == DATE_FINE)
		fault = read_time(&p, &seconds);
	if (fault == DATE_FINE)
		fault = read_zone(&p, &minutes);
	if (fault == DATE_FINE)
		fault = check_end(&p);
	if (fault != DATE_FINE)
		return fault;

	ret_date->seconds = 86400 * days + seconds - 60 * (int64_t)minutes;
	ret_date->zone = minutes;
	ret_date->flags = p.flags;
	return DATE_FINE;
}
