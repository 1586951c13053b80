/*
 * control_greylist_read.c - what a request about greylisting says, and the
 * answers that all of them have.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "filter/control_greylist.h"
#include "filter/control_verbs.h"
#include "filter/generation.h"
#include "filter/show.h"
#include "rules/mail/ascii.h"

/* --- answers ------------------------------------------------------------- */

bool grey_say(struct grey_call *call, json_t *answer)
{
	bool good = json_is_true(json_object_get(answer, "ok"));

	if (answer != NULL)
		call->sink->line(call->sink->context, answer);
	json_decref(answer);
	return good;
}

bool grey_say_wrong(struct grey_call *call, const char *format, ...)
{
	char text[GREYLIST_WHY];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	return grey_say(call, control_refusal("wrong", "%s", text));
}

bool grey_say_end(struct grey_call *call, enum store_end end)
{
	static const char *const words[] = {
		[STORE_DONE] = "done",
		[STORE_LATE] = "it took too long",
		[STORE_FULL] = "there is no room; see greylist_size",
		[STORE_AWAY] = "the server does not answer",
		[STORE_BROKEN] = "the store says no",
		[STORE_NEWER] = "a newer version has written that record",
		[STORE_INVALID] = "there can be no such record",
		[STORE_STOPPED] = "the filter is stopping",
	};
	struct store_stats stats;
	json_t *answer;

	store_stats(call->store, &stats);
	stats.why[sizeof(stats.why) - 1] = '\0';
	answer = control_refusal(end == STORE_INVALID ? "wrong" : "failed",
				 "%s%s%s", words[end],
				 end == STORE_INVALID || stats.why[0] == '\0'
					 ? ""
					 : ": ",
				 end == STORE_INVALID ? "" : stats.why);
	if (answer != NULL)
		json_object_set_new(answer, "end",
				    json_string(store_end_name(end)));
	return grey_say(call, answer);
}

/* --- members of a request ------------------------------------------------ */

bool grey_read_number(struct grey_call *call, const char *name, int64_t least,
		      int64_t most, int64_t standard, int64_t *ret_number)
{
	const json_t *value = json_object_get(call->request, name);
	int64_t number = standard;

	if (json_is_integer(value))
		number = json_integer_value(value);
	else if (value != NULL)
		return grey_say_wrong(call, "%s is a whole number", name);
	if (value != NULL && (number < least || number > most))
		return grey_say_wrong(call,
				      "%s is from %" PRId64 " to %" PRId64,
				      name, least, most);
	*ret_number = number;
	return true;
}

bool grey_read_bool(struct grey_call *call, const char *name, bool *ret_yes)
{
	const json_t *value = json_object_get(call->request, name);

	if (value != NULL && !json_is_boolean(value))
		return grey_say_wrong(call, "%s is true or false", name);
	*ret_yes = json_is_true(value);
	return true;
}

bool grey_read_text(struct grey_call *call, const char *name,
		    const char **ret_text)
{
	const json_t *value = json_object_get(call->request, name);
	const char *text = json_string_value(value);

	*ret_text = text;
	return value == NULL || text != NULL ||
	       grey_say_wrong(call, "%s is a text", name);
}

bool grey_read_cursor(struct grey_call *call, struct store_cursor *ret_cursor)
{
	const char *text;

	if (!grey_read_text(call, "cursor", &text))
		return false;
	if (text == NULL)
		text = "";
	if (strlen(text) >= sizeof(ret_cursor->at))
		return grey_say_wrong(call, "that is no cursor");
	memset(ret_cursor, 0, sizeof(*ret_cursor));
	memcpy(ret_cursor->at, text, strlen(text));
	return true;
}

/* "[a-z]" whole, from behind the bracket; NULL: it has no end. */
static const char *set_end(const char *at)
{
	at += *at == '!' || *at == '^';
	at += *at == ']'; /* as the first one it is itself */
	for (; *at != '\0' && *at != ']'; at++) {
		const char *close = NULL;

		if (*at == '[' && at[1] != '\0' && strchr(":.=", at[1])) {
			const char mark[] = { at[1], ']', '\0' };

			close = strstr(at + 2, mark);
		}
		if (close != NULL)
			at = close + 1;
		else if (*at == '\\' && at[1] != '\0')
			at++;
	}
	return *at == ']' ? at : NULL;
}

/* What fnmatch() takes without a word, and nothing matches; NULL: nothing. */
static const char *pattern_fault(const char *pattern)
{
	for (const char *at = pattern; *at != '\0'; at++) {
		if (*at == '\\') {
			if (*++at == '\0')
				return "a backslash has nothing behind it";
		} else if (*at == '[') {
			at = set_end(at + 1);
			if (at == NULL)
				return "a [ has no ]; \\[ is the bracket "
				       "itself";
		}
	}
	return NULL;
}

static bool read_pattern(struct grey_call *call, const char *name,
			 char buffer[GREYLIST_PATTERN_SIZE],
			 const char **ret_pattern)
{
	const char *text, *fault;
	size_t len;

	if (!grey_read_text(call, name, &text))
		return false;
	*ret_pattern = NULL;
	if (text == NULL)
		return true;
	len = strlen(text);
	if (len == 0 || len > TRIPLET_KEY_MAX)
		return grey_say_wrong(call, "%s is a pattern of 1 to %d bytes",
				      name, TRIPLET_KEY_MAX);
	for (size_t i = 0; i <= len; i++) {
		if (i < len && (text[i] <= ' ' || text[i] >= 0x7f))
			return grey_say_wrong(call,
					      "%s: patterns are of printable "
					      "ASCII, without blanks",
					      name);
		buffer[i] = ascii_lower(text[i]);
	}
	fault = pattern_fault(buffer);
	if (fault != NULL)
		return grey_say_wrong(call, "%s: in the pattern \"%s\" %s",
				      name, text, fault);
	*ret_pattern = buffer;
	return true;
}

static bool read_kinds(struct grey_call *call, unsigned *ret_kinds)
{
	const json_t *kinds = json_object_get(call->request, "kinds");
	unsigned found = 0;

	if (kinds != NULL && !json_is_array(kinds))
		return grey_say_wrong(call, "kinds is an array");
	for (size_t i = 0; i < json_array_size(kinds); i++) {
		const char *name = json_string_value(json_array_get(kinds, i));
		unsigned kind = 1;

		while (kind < STORE_ALL &&
		       (name == NULL ||
			strcmp(name,
			       show_greylist_kind((enum store_kind)kind)) != 0))
			kind <<= 1;
		if (kind > STORE_OUTBOUND)
			return grey_say_wrong(call, "kinds are triplet, "
						    "identity and outbound");
		found |= kind;
	}
	*ret_kinds = found;
	return true;
}

/* One of two words, or none. */
static bool read_word(struct grey_call *call, const char *name, const char *one,
		      const char *two, int *ret_which)
{
	const char *text;

	if (!grey_read_text(call, name, &text))
		return false;
	*ret_which = 0;
	if (text == NULL)
		return true;
	if (strcmp(text, one) == 0)
		*ret_which = 1;
	else if (strcmp(text, two) == 0)
		*ret_which = 2;
	else
		return grey_say_wrong(call, "%s is %s or %s", name, one, two);
	return true;
}

/* What has no wildcard should be an identity, or it will not match. */
static bool check_identity(struct grey_call *call, const char *pattern)
{
	const struct greylist_settings *set = &call->gen->settings.greylist;
	const struct triplet_bits bits = { .v4 = (uint8_t)set->v4_bits,
					   .v6 = (uint8_t)set->v6_bits };
	char why[GREYLIST_WHY];

	if (pattern == NULL || strpbrk(pattern, "*?[\\") != NULL ||
	    grey_is_identity(pattern, &bits, why))
		return true;
	return grey_say_wrong(call, "%s", why);
}

bool grey_read_filter(struct grey_call *call, struct grey_filter *ret)
{
	struct store_filter *filter = &ret->filter;
	int state, mark;

	memset(ret, 0, sizeof(*ret));
	if (!read_kinds(call, &filter->kinds) ||
	    !read_word(call, "state", "waiting", "passed", &state) ||
	    !read_word(call, "mark", "allow", "block", &mark) ||
	    !grey_read_bool(call, "known", &filter->only_known) ||
	    !grey_read_bool(call, "trapped", &filter->only_trapped) ||
	    !read_pattern(call, "identity", ret->identity, &filter->identity) ||
	    !read_pattern(call, "sender", ret->sender, &filter->sender) ||
	    !read_pattern(call, "recipient", ret->recipient,
			  &filter->recipient) ||
	    !grey_read_number(call, "seen_after", 0, GREYLIST_TIME_MAX, 0,
			      &filter->seen_after) ||
	    !grey_read_number(call, "seen_before", 0, GREYLIST_TIME_MAX, 0,
			      &filter->seen_before) ||
	    !check_identity(call, filter->identity))
		return false;
	filter->state = state == 0   ? GREYLIST_ABSENT
			: state == 1 ? GREYLIST_WAITING
				     : GREYLIST_PASSED;
	filter->mark = mark == 0   ? GREYLIST_UNMARKED
		       : mark == 1 ? GREYLIST_ALLOW
				   : GREYLIST_BLOCK;
	return true;
}
