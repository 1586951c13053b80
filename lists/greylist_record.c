/*
 * greylist_record.c - what a store holds for a greylist, as lines of text.
 */
#include "lists/greylist_record.h"

#include <string.h>

#include "lists/digits.h"

/* --- writing ------------------------------------------------------------- */

struct line {
	char *at;
	size_t len;
};

/* What does not fit is left out whole; none of ours is as long. */
static void put_bytes(struct line *line, const char *bytes, size_t len)
{
	if (len >= GREYLIST_RECORD_SIZE - line->len)
		return;
	memcpy(line->at + line->len, bytes, len);
	line->len += len;
	line->at[line->len] = '\0';
}

static void put(struct line *line, const char *text)
{
	put_bytes(line, text, strlen(text));
}

static void put_digits(struct line *line, uint64_t number, unsigned base,
		       size_t at_least)
{
	char digits[DIGITS_PUT_MAX];
	const char *end = digits_put(digits, number, base, at_least);

	put_bytes(line, digits, (size_t)(end - digits));
}

static void put_value(struct line *line, int64_t number)
{
	if (number < 0)
		put(line, "-");
	put_digits(line, number < 0 ? -(uint64_t)number : (uint64_t)number, 10,
		   1);
}

static void put_number(struct line *line, const char *name, int64_t number)
{
	put(line, " ");
	put(line, name);
	put(line, "=");
	put_value(line, number);
}

static void put_time(struct line *line, const char *name,
		     const struct greylist_time *time)
{
	put_number(line, name, time->wall);
	if (time->run == 0)
		return;
	put(line, "/");
	put_value(line, time->up);
	put(line, "/");
	put_digits(line, time->run, 16, 16);
}

size_t greylist_write_triplet(const struct greylist_triplet *triplet,
			      char buf[GREYLIST_RECORD_SIZE])
{
	struct line line = { buf, 0 };

	buf[0] = '\0';
	switch (triplet->state) {
	case GREYLIST_ABSENT: break;
	case GREYLIST_WAITING:
		put(&line, "1 waiting");
		put_time(&line, "first", &triplet->first);
		put_number(&line, "tried", triplet->tried_wall);
		put_number(&line, "tries", triplet->count);
		put_number(&line, "round", triplet->round);
		break;
	case GREYLIST_PASSED:
		put(&line, "1 passed");
		put_time(&line, "last", &triplet->last);
		put_number(&line, "first", triplet->first_wall);
		put_number(&line, "waited", triplet->waited);
		put_number(&line, "uses", triplet->count);
		break;
	}
	return line.len;
}

size_t greylist_write_identity(const struct greylist_identity *identity,
			       char buf[GREYLIST_RECORD_SIZE])
{
	struct line line = { buf, 0 };

	buf[0] = '\0';
	if (identity->passes == 0 && identity->round == 0 &&
	    identity->mark == GREYLIST_UNMARKED)
		return 0;
	put(&line, "1 identity");
	put_number(&line, "passes", identity->passes);
	put_number(&line, "round", identity->round);
	if (identity->passes > 0) {
		put_time(&line, "counted", &identity->counted);
		put_time(&line, "last", &identity->last);
	}
	if (identity->round > 0) {
		put_time(&line, "trapped", &identity->trapped);
		put_number(&line, "for", identity->trapped_for);
	}
	if (identity->mark != GREYLIST_UNMARKED) {
		put_time(&line,
			 identity->mark == GREYLIST_ALLOW ? "allow" : "block",
			 &identity->marked);
		put_number(&line, "for", identity->marked_for);
	}
	return line.len;
}

size_t greylist_write_outbound(const struct greylist_outbound *outbound,
			       char buf[GREYLIST_RECORD_SIZE])
{
	struct line line = { buf, 0 };

	buf[0] = '\0';
	if (!outbound->is_there)
		return 0;
	put(&line, "1 outbound");
	put_time(&line, "last", &outbound->last);
	return line.len;
}

/* --- reading ------------------------------------------------------------- */

/* What is left; once something is wrong nothing is read any more. */
struct rest {
	const char *at;
	size_t len;
	bool wrong;
};

/* Takes the text if it is there. */
static bool take(struct rest *rest, const char *text)
{
	size_t len = strlen(text);

	if (rest->wrong || rest->len < len || memcmp(rest->at, text, len) != 0)
		return false;
	rest->at += len;
	rest->len -= len;
	return true;
}

static void must_take(struct rest *rest, const char *text)
{
	if (!take(rest, text))
		rest->wrong = true;
}

static int64_t take_number(struct rest *rest, int64_t most)
{
	int64_t number = 0;
	size_t len = 0;

	while (!rest->wrong && len < rest->len && rest->at[len] >= '0' &&
	       rest->at[len] <= '9') {
		number = number * 10 + (rest->at[len++] - '0');
		if (number > most)
			rest->wrong = true;
	}
	if (len == 0 || (len > 1 && rest->at[0] == '0'))
		rest->wrong = true;
	if (rest->wrong)
		return 0;
	rest->at += len;
	rest->len -= len;
	return number;
}

static int64_t take_field(struct rest *rest, const char *name, int64_t most)
{
	must_take(rest, name);
	return take_number(rest, most);
}

static uint64_t take_run(struct rest *rest)
{
	uint64_t run = 0;

	for (int i = 0; i < 16 && !rest->wrong; i++) {
		char c = rest->len > 0 ? rest->at[0] : '\0';

		if (c >= '0' && c <= '9') {
			run = run << 4 | (uint64_t)(c - '0');
		} else if (c >= 'a' && c <= 'f') {
			run = run << 4 | (uint64_t)(c - 'a' + 10);
		} else {
			rest->wrong = true;
			return 0;
		}
		rest->at++;
		rest->len--;
	}
	if (run == 0)
		rest->wrong = true;
	return run;
}

/* The name has been taken. */
static struct greylist_time take_stamp(struct rest *rest)
{
	struct greylist_time time = { 0 };

	time.wall = take_number(rest, GREYLIST_TIME_MAX);
	if (take(rest, "/")) {
		time.up = take_number(rest, GREYLIST_TIME_MAX);
		must_take(rest, "/");
		time.run = take_run(rest);
	}
	return time;
}

static struct greylist_time take_time(struct rest *rest, const char *name)
{
	must_take(rest, name);
	return take_stamp(rest);
}

/* "1 kind", or why not. */
static enum greylist_reading take_kind(struct rest *rest, const char *kind)
{
	struct rest version = *rest;
	int64_t number = take_number(&version, GREYLIST_COUNT_MAX);

	must_take(&version, " ");
	if (version.wrong || number == 0)
		return GREYLIST_JUNK;
	if (number > 1)
		return GREYLIST_NEWER;
	*rest = version;
	return take(rest, kind) ? GREYLIST_READ : GREYLIST_JUNK;
}

static bool at_end(const struct rest *rest)
{
	return !rest->wrong && rest->len == 0;
}

static void take_waiting(struct rest *rest, struct greylist_triplet *triplet)
{
	triplet->state = GREYLIST_WAITING;
	triplet->first = take_time(rest, " first=");
	triplet->tried_wall = take_field(rest, " tried=", GREYLIST_TIME_MAX);
	triplet->count =
		(uint32_t)take_field(rest, " tries=", GREYLIST_COUNT_MAX);
	triplet->round = take_field(rest, " round=", GREYLIST_TIME_MAX);
}

static void take_passed(struct rest *rest, struct greylist_triplet *triplet)
{
	triplet->state = GREYLIST_PASSED;
	triplet->last = take_time(rest, " last=");
	triplet->first_wall = take_field(rest, " first=", GREYLIST_TIME_MAX);
	triplet->waited = take_field(rest, " waited=", GREYLIST_SPAN_MAX);
	triplet->count =
		(uint32_t)take_field(rest, " uses=", GREYLIST_COUNT_MAX);
}

enum greylist_reading greylist_read_triplet(
	const char *text, size_t len, struct greylist_triplet *ret_triplet)
{
	struct rest rest = { text, len, false };
	struct greylist_triplet triplet = { 0 };
	enum greylist_reading reading;

	*ret_triplet = triplet;
	reading = take_kind(&rest, "waiting");
	if (reading == GREYLIST_READ) {
		take_waiting(&rest, &triplet);
	} else {
		rest = (struct rest){ text, len, false };
		reading = take_kind(&rest, "passed");
		if (reading != GREYLIST_READ)
			return reading;
		take_passed(&rest, &triplet);
	}
	if (!at_end(&rest))
		return GREYLIST_JUNK;
	*ret_triplet = triplet;
	return GREYLIST_READ;
}

static void take_mark(struct rest *rest, struct greylist_identity *identity)
{
	if (take(rest, " allow="))
		identity->mark = GREYLIST_ALLOW;
	else if (take(rest, " block="))
		identity->mark = GREYLIST_BLOCK;
	else
		return;
	identity->marked = take_stamp(rest);
	identity->marked_for = take_field(rest, " for=", GREYLIST_SPAN_MAX);
}

enum greylist_reading greylist_read_identity(
	const char *text, size_t len, struct greylist_identity *ret_identity)
{
	struct rest rest = { text, len, false };
	struct greylist_identity identity = { 0 };
	enum greylist_reading reading;

	*ret_identity = identity;
	reading = take_kind(&rest, "identity");
	if (reading != GREYLIST_READ)
		return reading;
	identity.passes =
		(uint32_t)take_field(&rest, " passes=", GREYLIST_COUNT_MAX);
	identity.round = take_field(&rest, " round=", GREYLIST_TIME_MAX);
	if (identity.passes > 0) {
		identity.counted = take_time(&rest, " counted=");
		identity.last = take_time(&rest, " last=");
	}
	if (identity.round > 0) {
		identity.trapped = take_time(&rest, " trapped=");
		identity.trapped_for =
			take_field(&rest, " for=", GREYLIST_SPAN_MAX);
	}
	take_mark(&rest, &identity);
	if (!at_end(&rest) || (identity.passes == 0 && identity.round == 0 &&
			       identity.mark == GREYLIST_UNMARKED))
		return GREYLIST_JUNK;
	*ret_identity = identity;
	return GREYLIST_READ;
}

enum greylist_reading greylist_read_outbound(
	const char *text, size_t len, struct greylist_outbound *ret_outbound)
{
	struct rest rest = { text, len, false };
	struct greylist_outbound outbound = { .is_there = true };
	enum greylist_reading reading;

	*ret_outbound = (struct greylist_outbound){ 0 };
	reading = take_kind(&rest, "outbound");
	if (reading != GREYLIST_READ)
		return reading;
	outbound.last = take_time(&rest, " last=");
	if (!at_end(&rest))
		return GREYLIST_JUNK;
	*ret_outbound = outbound;
	return GREYLIST_READ;
}
