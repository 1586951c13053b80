/*
 * rule_list.c - what `in NAME` looks into.
 *
 * Lists keep regular expressions as text; here they are compiled.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lists/list.h"
#include "rules/regex.h"
#include "rules/ruleset.h"

struct rule_list {
	atomic_size_t holders;
	struct list *list;
	struct regex **patterns;
	size_t count;
};

struct patterns_read {
	struct rule_list *list;
	char *why;
	size_t why_size;
	bool failed;
};

/* An entry: /pattern/flags, as in a rule. */
struct pattern {
	const char *text;
	size_t len;
	char flags[16];
};

static bool pattern_split(const char *text, size_t len, struct pattern *ret,
			  struct list_error *ret_error)
{
	const char *end = len > 0 ? memrchr(text, '/', len) : NULL;
	size_t rest = end != NULL ? (size_t)(text + len - end - 1) : 0;

	if (end == NULL || end == text || *text != '/' ||
	    rest >= sizeof(ret->flags)) {
		ret_error->column = 1;
		snprintf(ret_error->text, sizeof(ret_error->text),
			 "not a pattern between slashes, as in /pattern/i");
		return false;
	}
	ret->text = text + 1;
	ret->len = (size_t)(end - text) - 1;
	memcpy(ret->flags, end + 1, rest);
	ret->flags[rest] = '\0';
	return true;
}

/* NULL with the reason, which begins with the entry: nobody shows its line. */
static struct regex *pattern_compile(const char *text, size_t len, char *why,
				     size_t why_size)
{
	struct list_error error;
	struct regex *regex = NULL;
	struct pattern pattern;
	size_t offset;

	if (pattern_split(text, len, &pattern, &error))
		regex = regex_new(pattern.text, pattern.len, pattern.flags,
				  error.text, sizeof(error.text), &offset);
	if (regex == NULL)
		snprintf(why, why_size, "\"%.*s\": %s",
			 len < 80 ? (int)len : 80, text, error.text);
	return regex;
}

static bool pattern_take(void *context, const char *text, size_t len)
{
	struct patterns_read *read = context;
	struct regex *regex =
		pattern_compile(text, len, read->why, read->why_size);

	read->failed = regex == NULL;
	if (regex != NULL)
		read->list->patterns[read->list->count++] = regex;
	return regex != NULL;
}

bool rule_list_pattern_fits(const char *text, size_t len, char *why,
			    size_t why_size)
{
	struct regex *regex = pattern_compile(text, len, why, why_size);

	regex_free(regex);
	return regex != NULL;
}

int rule_list_pattern_check(const char *text, size_t len,
			    struct list_error *ret_error)
{
	struct pattern pattern;
	size_t offset;

	if (!pattern_split(text, len, &pattern, ret_error))
		return -1;
	if (regex_is_good(pattern.text, pattern.len, pattern.flags,
			  ret_error->text, sizeof(ret_error->text), &offset))
		return 0;
	ret_error->column = 2 + offset; /* behind the slash */
	return -1;
}

struct rule_list *rule_list_new(struct list *list, char *why, size_t why_size)
{
	struct rule_list *made = calloc(1, sizeof(*made));
	struct patterns_read read = { made, why, why_size, false };

	if (made == NULL) {
		snprintf(why, why_size, "out of memory");
		return NULL;
	}
	atomic_init(&made->holders, 1);
	made->list = list_ref(list);
	if (list_kind(list) != LIST_REGEX)
		return made;
	made->patterns = calloc(list_count(list) + 1, sizeof(*made->patterns));
	if (made->patterns == NULL) {
		snprintf(why, why_size, "out of memory");
		read.failed = true;
	} else {
		list_each(list, pattern_take, &read);
	}
	if (read.failed) {
		rule_list_unref(made);
		return NULL;
	}
	return made;
}

struct rule_list *rule_list_ref(struct rule_list *list)
{
	atomic_fetch_add_explicit(&list->holders, 1, memory_order_relaxed);
	return list;
}

void rule_list_unref(struct rule_list *list)
{
	if (list == NULL ||
	    atomic_fetch_sub_explicit(&list->holders, 1,
				      memory_order_acq_rel) != 1)
		return;
	for (size_t i = 0; i < list->count; i++)
		regex_free(list->patterns[i]);
	free(list->patterns);
	list_unref(list->list);
	free(list);
}

const struct list *rule_list_content(const struct rule_list *list)
{
	return list->list;
}

const struct regex *const *rule_list_patterns(const struct rule_list *list,
					      size_t *ret_count)
{
	*ret_count = list->count;
	return (const struct regex *const *)list->patterns;
}
