/*
 * lexer_number.c - figures: exact, bounded, and in one way only.
 */
#include "rules/lexer_number.h"

#include <stdbool.h>
#include <string.h>

struct unit {
	const char *name;
	enum token_kind kind;
	int64_t worth;
};

/* Sizes are binary throughout: a mail server's limits are, too. */
static const struct unit units[] = {
	{ "s", TOKEN_TIME, 1 },
	{ "m", TOKEN_TIME, 60 },
	{ "h", TOKEN_TIME, 3600 },
	{ "d", TOKEN_TIME, 86400 },
	{ "w", TOKEN_TIME, 604800 },
	{ "k", TOKEN_SIZE, INT64_C(1) << 10 },
	{ "K", TOKEN_SIZE, INT64_C(1) << 10 },
	{ "M", TOKEN_SIZE, INT64_C(1) << 20 },
	{ "G", TOKEN_SIZE, INT64_C(1) << 30 },
	{ "T", TOKEN_SIZE, INT64_C(1) << 40 },
	{ "KiB", TOKEN_SIZE, INT64_C(1) << 10 },
	{ "MiB", TOKEN_SIZE, INT64_C(1) << 20 },
	{ "GiB", TOKEN_SIZE, INT64_C(1) << 30 },
	{ "TiB", TOKEN_SIZE, INT64_C(1) << 40 },
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static const struct unit *find_unit(const char *text, size_t len)
{
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (strlen(units[i].name) == len &&
		    memcmp(units[i].name, text, len) == 0)
			return &units[i];
	return NULL;
}

/*
 * The parts of a figure: [-]whole[.decimals][unit].  Returns false if the text
 * has another form; what does not fit is then somebody else's.
 */
struct parts {
	bool minus;
	const char *whole, *decimals, *unit;
	size_t whole_len, decimals_len, unit_len;
};

static bool split(const char *text, size_t len, struct parts *parts)
{
	const char *end = text + len;

	memset(parts, 0, sizeof(*parts));
	parts->minus = text < end && *text == '-';
	if (parts->minus)
		text++;
	for (parts->whole = text; text < end && is_digit(*text); text++)
		parts->whole_len++;
	if (text < end && *text == '.') {
		text++;
		parts->decimals = text;
		for (; text < end && is_digit(*text); text++)
			parts->decimals_len++;
	}
	if (parts->whole_len + parts->decimals_len == 0)
		return false;
	if (parts->decimals != NULL && parts->decimals_len == 0 && text < end)
		return false; /* 163.com */
	for (parts->unit = text; text < end && is_letter(*text); text++)
		parts->unit_len++;
	return text == end;
}

static struct figure wrong(enum token_kind kind, const char *text,
			   const char *at, const char *message,
			   const char *hint)
{
	return (struct figure){ .kind = kind,
				.message = message,
				.hint = hint,
				.at = (size_t)(at - text) };
}

/* Adds digits to `number`; false on overflow. */
static bool add_digits(const char *digits, size_t len, int64_t *number)
{
	for (size_t i = 0; i < len; i++)
		if (__builtin_mul_overflow(*number, 10, number) ||
		    __builtin_add_overflow(*number, digits[i] - '0', number))
			return false;
	return true;
}

static struct figure plain(const char *text, const struct parts *parts)
{
	int64_t number = 0;

	if (parts->decimals_len > 2)
		return wrong(TOKEN_NUMBER, text, text,
			     "a number has at most two decimals", NULL);
	if (!add_digits(parts->whole, parts->whole_len, &number) ||
	    !add_digits(parts->decimals, parts->decimals_len, &number) ||
	    !add_digits("00", 2 - parts->decimals_len, &number))
		return wrong(TOKEN_NUMBER, text, text,
			     "this number is too large", NULL);
	return (struct figure){ .kind = TOKEN_NUMBER,
				.number = parts->minus ? -number : number };
}

static struct figure with_unit(const char *text, const struct parts *parts)
{
	const struct unit *unit = find_unit(parts->unit, parts->unit_len);
	int64_t number = 0;

	if (unit == NULL)
		return wrong(TOKEN_NUMBER, text, parts->unit,
			     "there is no such unit",
			     "times take s m h d w, sizes KiB MiB GiB or "
			     "k M G");
	if (parts->decimals != NULL)
		return wrong(unit->kind, text, text,
			     "a number with a unit has no decimals",
			     "write it in the next smaller unit");
	if (parts->minus && unit->kind == TOKEN_SIZE)
		return wrong(unit->kind, text, text,
			     "a size cannot be negative", NULL);
	if (!add_digits(parts->whole, parts->whole_len, &number) ||
	    __builtin_mul_overflow(number, unit->worth, &number))
		return wrong(unit->kind, text, text, "this number is too large",
			     NULL);
	return (struct figure){ .kind = unit->kind,
				.number = parts->minus ? -number : number };
}

struct figure figure_read(const char *text, size_t len)
{
	struct parts parts;

	if (!split(text, len, &parts))
		return (struct figure){ .kind = TOKEN_BARE };
	if (parts.whole_len == 0)
		return wrong(TOKEN_NUMBER, text, text,
			     "a number begins with a digit",
			     "write 0.5 for a half");
	if (parts.decimals != NULL && parts.decimals_len == 0)
		return wrong(TOKEN_NUMBER, text, text,
			     "a number does not end with its point", NULL);
	if (parts.unit_len == 0)
		return plain(text, &parts);
	return with_unit(text, &parts);
}
