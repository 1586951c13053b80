/*
 * fuzz_list.c - list files of each kind.
 *
 * Whatever a text holds, a list made from it is shown as text that makes the
 * same list again, has each of its entries, and can lose and regain one.
 */
#include "lists/listfile.h"
#include "tests/fuzz/fuzz.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void count(void *ctx, const struct list_problem *problem)
{
	char buf[256];

	list_problem_format(problem, buf, sizeof(buf));
	CLAIM(strlen(buf) > 0 && !strchr(buf, '\n'));
	CLAIM(problem->line == 0 || problem->column > 0);
	CLAIM(problem->line == 0 || !problem->source ||
	      problem->column <= problem->source_len + 1);
	++*(int *)ctx;
}

struct again {
	const struct list *list;
	struct list_builder *builder;
	char first[ENTRY_TEXT_SIZE];
	size_t first_len;
};

static bool is_found(const struct list *list, const char *text, size_t len)
{
	struct ip_prefix prefix;
	char who[ENTRY_TEXT_SIZE + 1];

	switch (list_kind(list)) {
	case LIST_IP:
		CLAIM(ip_prefix_parse(text, len, &prefix, NULL) == 0);
		return list_has_ip(list, &prefix.ip);
	case LIST_DOMAIN:
		return list_has_domain(list, text + (text[0] == '='),
				       len - (text[0] == '='));
	case LIST_ADDRESS:
		who[0] = 'x';
		memcpy(who + 1, text, len);
		return text[0] == '@' ? list_has_address(list, who, len + 1)
				      : list_has_address(list, text, len);
	case LIST_REGEX: break;
	}
	return true;
}

static bool add_again(void *ctx, const char *text, size_t len)
{
	struct again *again = ctx;
	struct list_error error;

	CLAIM(strlen(text) == len);
	CLAIM(is_found(again->list, text, len));
	CLAIM(list_builder_add(again->builder, text, len, &error) == 0);
	if (again->first_len == 0) {
		memcpy(again->first, text, len);
		again->first_len = len;
	}
	return true;
}

static bool same(struct hash_digest a, struct hash_digest b)
{
	return memcmp(&a, &b, sizeof(a)) == 0;
}

static void check_shown(const struct list *list, struct again *again)
{
	struct list *twin;

	again->list = list;
	again->builder = list_builder_new(list_kind(list));
	CLAIM(again->builder);
	list_each(list, add_again, again);
	twin = list_builder_finish(again->builder);
	list_builder_free(again->builder);
	CLAIM(twin);
	CLAIM(list_count(twin) == list_count(list));
	CLAIM(same(list_digest(twin), list_digest(list)));
	list_unref(twin);
}

/* What does not hold an entry gets it and loses it again. */
static void check_edit(enum list_kind kind, const char *text, size_t len,
		       const char *entry, size_t entry_len)
{
	char *without = NULL, *with = NULL, *end = NULL;
	size_t without_len = 0, with_len = 0, end_len = 0;
	struct list_error error;

	/* a regex may be one that no line can hold */
	if (list_edit_remove(kind, text, len, entry, entry_len, &without,
			     &without_len, &error) != LIST_EDITED) {
		CLAIM(kind == LIST_REGEX);
		return;
	}
	CLAIM(list_edit_add(kind, without, without_len, entry, entry_len, &with,
			    &with_len, &error) == LIST_EDITED);
	CLAIM(list_edit_add(kind, with, with_len, entry, entry_len, &end,
			    &end_len, &error) == LIST_EDIT_NOTHING);
	CLAIM(list_edit_remove(kind, with, with_len, entry, entry_len, &end,
			       &end_len, &error) == LIST_EDITED);
	CLAIM(end_len >= without_len);
	CLAIM(memcmp(end, without, without_len) == 0);
	free(without);
	free(with);
	free(end);
}

static void try_kind(enum list_kind kind, const char *text, size_t len)
{
	struct list_builder *builder = list_builder_new(kind);
	static struct again again;
	struct list *list;
	int problems = 0;

	CLAIM(builder);
	again.first_len = 0;
	if (list_parse_text(builder, text, len, count, &problems) < 0) {
		CLAIM(problems > 0 && problems <= LIST_ERRORS_MAX + 1);
		list_builder_free(builder);
		return;
	}
	CLAIM(problems == 0);
	list = list_builder_finish(builder);
	list_builder_free(builder);
	CLAIM(list);
	check_shown(list, &again);
	if (again.first_len > 0)
		check_edit(kind, text, len, again.first, again.first_len);
	list_unref(list);
}

/* Questions are asked by strangers: any bytes will do. */
static void ask(const char *text, size_t len)
{
	static const enum list_kind kinds[] = { LIST_DOMAIN, LIST_ADDRESS };

	for (size_t i = 0; i < 2; i++) {
		struct list_builder *builder = list_builder_new(kinds[i]);
		const char *entry = i == 0 ? "a.test" : "@a.test";
		struct list_error error;
		struct list *list;

		CLAIM(builder);
		CLAIM(list_builder_add(builder, entry, strlen(entry), &error) ==
		      0);
		list = list_builder_finish(builder);
		CLAIM(list);
		list_has_domain(list, text, len);
		list_has_address(list, text, len);
		list_builder_free(builder);
		list_unref(list);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	for (int kind = LIST_IP; kind <= LIST_REGEX; kind++)
		try_kind((enum list_kind)kind, (const char *)data, size);
	ask((const char *)data, size);
	return 0;
}
