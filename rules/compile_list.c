/*
 * compile_list.c - lists written between braces, and slots of facts.
 */
#include "rules/compile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lists/list.h"
#include "rules/regex.h"

/* rule_list.c will compile it again, but does not know its place. */
static bool pattern_check(struct compiler *c, const struct ast_value *value)
{
	char why[160];
	size_t offset;

	if (regex_is_good(value->text, value->len, value->flags, why,
			  sizeof(why), &offset))
		return true;
	diag_error(c->diag, value->place, "%s (at byte %zu of the pattern)",
		   why, offset + 1);
	return false;
}

/* A regex goes into a list as a file would write it. */
static int entry_add(struct compiler *c, struct list_builder *builder,
		     const struct ast_value *value)
{
	struct list_error error;
	const char *text = value->text;
	size_t len = value->len;

	if (value->kind == AST_REGEX) {
		size_t flags = strlen(value->flags);
		char *pattern =
			compile_got(c, arena_alloc(c->arena, len + flags + 3));

		if (pattern == NULL)
			return -1;
		if (!pattern_check(c, value))
			return -1;
		pattern[0] = '/';
		memcpy(pattern + 1, text, len);
		pattern[len + 1] = '/';
		memcpy(pattern + len + 2, value->flags, flags);
		text = pattern;
		len += flags + 2;
	}
	if (text != NULL && list_builder_add(builder, text, len, &error) == 0)
		return 0;
	diag_error(c->diag, value->place, "%s",
		   text != NULL ? error.text : "this cannot stand in a list");
	return -1;
}

void compile_list(struct compiler *c, const struct ast_statement *statement,
		  struct rule_set_list *list)
{
	enum list_kind kind = (enum list_kind)list->info.kind;
	struct list_builder *builder = compile_got(c, list_builder_new(kind));
	struct list *content;
	char why[256];
	int bad = 0;

	if (builder == NULL)
		return;
	for (size_t i = 0; i < statement->list.entry_count; i++)
		bad |= entry_add(c, builder, &statement->list.entries[i]);
	if (bad == 0) {
		content = compile_got(c, list_builder_finish(builder));
		if (content != NULL)
			list->content =
				rule_list_new(content, why, sizeof(why));
		if (content != NULL && list->content == NULL)
			diag_error(c->diag, statement->name_place, "%s", why);
		list_unref(content);
	}
	list_builder_free(builder);
}

int64_t compile_slot(struct compiler *c, const struct fact_slot *slot)
{
	struct ruleset *rules = c->rules;

	if (rules->slot_count == c->slot_room) {
		size_t room = c->slot_room == 0 ? 8 : c->slot_room * 2;
		struct fact_slot *slots =
			compile_got(c, arena_array(c->arena, room,
						   sizeof(*slots)));

		if (slots == NULL)
			return -1;
		if (rules->slot_count > 0)
			memcpy(slots, rules->slots,
			       rules->slot_count * sizeof(*slots));
		rules->slots = slots;
		c->slot_room = room;
	}
	rules->slots[rules->slot_count] = *slot;
	return (int64_t)rules->slot_count++;
}

/* RFC 5322 section 2.2: printable ASCII without the colon. */
static bool is_field_name(const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < len; i++)
		if (name[i] < 33 || name[i] > 126 || name[i] == ':')
			return false;
	return len > 0;
}

/* "S:subject" and "R:subject": one table for both kinds. */
static const char *header_key(struct compiler *c, enum fact_id id,
			      const char *name)
{
	char *key = compile_got(c, arena_printf(c->arena, "%c:%s",
						id == FACT_HEADER ? 'S' : 'R',
						name));

	if (key == NULL)
		return NULL;
	for (char *at = key + 2; *at != '\0'; at++)
		if (*at >= 'A' && *at <= 'Z')
			*at = (char)(*at + ('a' - 'A'));
	return key;
}

int64_t compile_header(struct compiler *c, enum fact_id id, const char *name,
		       struct place place, bool make)
{
	struct fact_slot slot = { .id = id, .phase = fact_row(id)->phase };
	const char *key;
	uint32_t number;

	if (!is_field_name(name)) {
		diag_error(c->diag, place,
			   "\"%s\" is not the name of a header field", name);
		return -1;
	}
	key = header_key(c, id, name);
	if (key == NULL)
		return -1;
	if (!make || names_find(&c->slots, key) >= 0)
		return names_find(&c->slots, key);
	slot.name = compile_copy(c, name);
	if (slot.name == NULL ||
	    names_add(&c->slots, key, (uint32_t)c->rules->slot_count, &number) <
		    0) {
		c->no_memory = true;
		return -1;
	}
	return compile_slot(c, &slot);
}
