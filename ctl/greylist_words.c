/*
 * greylist_words.c - times as people say them.
 */
#include <inttypes.h>
#include <stdio.h>

#include "ctl/greylist.h"
#include "rules/mail/ascii.h"

static const struct {
	char name;
	int64_t seconds;
} units[] = {
	{ 'w', 7 * 86400 }, { 'd', 86400 }, { 'h', 3600 },
	{ 'm', 60 },	    { 's', 1 },
};
enum { UNITS = sizeof(units) / sizeof(units[0]), WEEK = 0 };

/* The unit's place, or UNITS; nothing behind a number is seconds. */
static size_t unit_of(char name)
{
	size_t unit = 0;

	if (name == '\0')
		return UNITS - 1;
	while (unit < UNITS && units[unit].name != name)
		unit++;
	return unit;
}

bool greylist_read_span(const char *text, int64_t *ret_seconds)
{
	int64_t total = 0;
	size_t last = 0;

	if (*text == '\0')
		return false;
	for (bool first = true; *text != '\0'; first = false) {
		int64_t number = 0;
		size_t unit;

		if (!ascii_is_digit(*text))
			return false;
		for (; ascii_is_digit(*text); text++) {
			number = number * 10 + (*text - '0');
			if (number > GREYLIST_SPAN_MAX)
				return false;
		}
		unit = unit_of(*text);
		/* "1h30m", but not "30m1h" and not "1h30" */
		if (unit == UNITS ||
		    (!first && (unit <= last || *text == '\0')))
			return false;
		text += *text != '\0';
		if (number > GREYLIST_SPAN_MAX / units[unit].seconds)
			return false;
		total += number * units[unit].seconds;
		last = unit;
	}
	if (total > GREYLIST_SPAN_MAX)
		return false;
	*ret_seconds = total;
	return true;
}

/* Weeks are for typing alone. */
static void put_span(int64_t seconds, bool up, char buffer[GREYLIST_AGO])
{
	size_t unit = WEEK + 1;

	while (unit + 1 < UNITS && seconds < units[unit].seconds)
		unit++;
	if (up)
		seconds += units[unit].seconds - 1;
	snprintf(buffer, GREYLIST_AGO, "%" PRId64 "%c",
		 seconds / units[unit].seconds, units[unit].name);
}

const char *greylist_left(const json_t *seconds, char buffer[GREYLIST_AGO])
{
	if (json_is_integer(seconds))
		put_span(json_integer_value(seconds), true, buffer);
	else
		snprintf(buffer, GREYLIST_AGO, "ever");
	return buffer;
}

const char *greylist_ago(int64_t moment, int64_t now, char buffer[GREYLIST_AGO])
{
	char span[GREYLIST_AGO];

	if (moment == now) {
		snprintf(buffer, GREYLIST_AGO, "now");
	} else if (moment < now) {
		put_span(now - moment, false, span);
		snprintf(buffer, GREYLIST_AGO, "%.30s ago", span);
	} else {
		put_span(moment - now, true, span);
		snprintf(buffer, GREYLIST_AGO, "in %.30s", span);
	}
	return buffer;
}
