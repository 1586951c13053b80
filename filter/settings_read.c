/*
 * settings_read.c - from `set NAME VALUE` to fields: read, bound, complain.
 */
#include "filter/settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "filter/settings_table.h"
#include "rules/ast.h"

static bool set_string(struct settings *settings, const struct setting_row *row,
		       const char *text)
{
	char **at = setting_field(settings, row);
	char *copy = strdup(text);

	if (copy == NULL)
		return false;
	free(*at);
	*at = copy;
	return true;
}

static bool set_number(struct settings *settings, const struct setting_row *row,
		       uint64_t number)
{
	if (number < row->min || number > row->max)
		return false;
	if (row->kind == KIND_SIZE)
		*(uint64_t *)setting_field(settings, row) = number;
	else
		*(unsigned *)setting_field(settings, row) = (unsigned)number;
	return true;
}

static bool set_word(struct settings *settings, const struct setting_row *row,
		     const char *word)
{
	for (const struct choice *c = row->choices; c->word != NULL; c++) {
		if (strcasecmp(c->word, word) != 0)
			continue;
		if (row->is_bool)
			*(bool *)setting_field(settings, row) = c->value != 0;
		else
			*(unsigned *)setting_field(settings, row) = c->value;
		return true;
	}
	return false;
}

static bool set_octal(struct settings *settings, const struct setting_row *row,
		      const char *text)
{
	char *end;
	unsigned long mode;

	if (*text < '0' || *text > '7')
		return false;
	mode = strtoul(text, &end, 8);
	return *end == '\0' && mode <= row->max &&
	       set_number(settings, row, mode);
}

/* "30s" -> 30, "1MiB" -> 1048576: for defaults, as the lexer reads values. */
static uint64_t number_of(const char *text)
{
	char *unit;
	uint64_t number = strtoull(text, &unit, 10);

	if (strcmp(unit, "KiB") == 0)
		return number * KIB;
	if (strcmp(unit, "MiB") == 0)
		return number * MIB;
	if (strcmp(unit, "GiB") == 0)
		return number * GIB;
	if (strcmp(unit, "m") == 0)
		return number * MINUTE;
	if (strcmp(unit, "h") == 0)
		return number * HOUR;
	if (strcmp(unit, "d") == 0)
		return number * DAY;
	return number;
}

static bool set_default(struct settings *settings,
			const struct setting_row *row)
{
	switch (row->kind) {
	case KIND_STRING: return set_string(settings, row, row->standard);
	case KIND_WORD: return set_word(settings, row, row->standard);
	case KIND_OCTAL: return set_octal(settings, row, row->standard);
	default: return set_number(settings, row, number_of(row->standard));
	}
}

static void complain_choices(const struct setting_row *row,
			     const struct ast_value *value, struct diag *diag)
{
	char list[256] = "";

	for (const struct choice *c = row->choices; c->word != NULL; c++) {
		size_t used = strlen(list);

		snprintf(list + used, sizeof(list) - used, "%s%s",
			 used == 0 ? "" : ", ", c->word);
	}
	diag_error(diag, value->place, "%s must be one of: %s", row->name,
		   list);
}

static void complain_range(const struct setting_row *row,
			   const struct ast_value *value, struct diag *diag)
{
	char min[32], max[32];

	setting_print_number(row->kind, row->min, min, sizeof(min));
	setting_print_number(row->kind, row->max, max, sizeof(max));
	diag_error(diag, value->place, "%s must lie between %s and %s",
		   row->name, min, max);
}

/* Whole numbers only; the lexer keeps plain numbers in hundredths. */
static bool whole_number(const struct setting_row *row,
			 const struct ast_value *value, uint64_t *ret_number)
{
	int64_t number = value->number;

	if (value->kind == AST_NUMBER) {
		if (number % 100 != 0)
			return false;
		number /= 100;
		/* a bare number has no unit; only 0 needs none */
		if (row->kind == KIND_TIME && number != 0)
			return false;
	} else if (value->kind == AST_TIME   ? row->kind != KIND_TIME
		   : value->kind == AST_SIZE ? row->kind != KIND_SIZE
					     : true) {
		return false;
	}
	if (number < 0)
		return false;
	*ret_number = (uint64_t)number;
	return true;
}

static const char *kind_example(enum setting_kind kind)
{
	switch (kind) {
	case KIND_TIME: return "a time such as 30s or 5m";
	case KIND_SIZE: return "a size such as 64KiB or 1MiB";
	case KIND_COUNT: return "a whole number";
	case KIND_OCTAL: return "an octal mode such as \"0660\"";
	case KIND_STRING: return "a text between quotes";
	case KIND_WORD: break;
	}
	return "a word";
}

static void read_number(struct settings *settings,
			const struct setting_row *row,
			const struct ast_value *value, struct diag *diag)
{
	uint64_t number;

	if (!whole_number(row, value, &number))
		diag_error(diag, value->place, "%s wants %s", row->name,
			   kind_example(row->kind));
	else if (!set_number(settings, row, number))
		complain_range(row, value, diag);
}

static void read_string(struct settings *settings,
			const struct setting_row *row,
			const struct ast_value *value, struct diag *diag)
{
	const char *why;

	if (value->kind != AST_STRING && value->kind != AST_WORD)
		diag_error(diag, value->place, "%s wants %s", row->name,
			   kind_example(row->kind));
	else if (strlen(value->text) != value->len)
		diag_error(diag, value->place, "%s must not hold a NUL byte",
			   row->name);
	else if (row->valid != NULL && !row->valid(value->text, &why))
		diag_error(diag, value->place, "%s wants %s", row->name, why);
	else if (!set_string(settings, row, value->text))
		diag->failed = true;
}

static void read_value(struct settings *settings, const struct setting_row *row,
		       const struct ast_value *value, struct diag *diag)
{
	if (!row->built) {
		diag_warning(diag, value->place,
			     "%s; the setting %s has no effect", row->meaning,
			     row->name);
		return;
	}
	switch (row->kind) {
	case KIND_STRING: read_string(settings, row, value, diag); break;
	case KIND_WORD:
		if ((value->kind != AST_WORD && value->kind != AST_STRING) ||
		    !set_word(settings, row, value->text))
			complain_choices(row, value, diag);
		break;
	case KIND_OCTAL:
		if (value->text == NULL ||
		    !set_octal(settings, row, value->text))
			diag_error(diag, value->place, "%s wants %s", row->name,
				   kind_example(row->kind));
		break;
	default: read_number(settings, row, value, diag);
	}
}

/* The row's index, or settings_count(). */
static size_t row_find(const char *name)
{
	size_t i = 0;

	while (i < settings_count() && strcmp(settings_row(i)->name, name) != 0)
		i++;
	return i;
}

static const char *next_name(void *context)
{
	size_t *at = context;

	return *at < settings_count() ? settings_row((*at)++)->name : NULL;
}

static void read_statement(struct settings *settings,
			   const struct ast_statement *set, bool *seen,
			   struct diag *diag)
{
	size_t index = row_find(set->name);
	size_t at = 0;

	if (index == settings_count()) {
		diag_error(diag, set->name_place, "unknown setting \"%s\"",
			   set->name);
		diag_nearest(diag, set->name, strlen(set->name), next_name,
			     &at);
		return;
	}
	if (seen[index]) {
		diag_error(diag, set->name_place, "%s is set twice", set->name);
		return;
	}
	seen[index] = true;
	read_value(settings, settings_row(index), &set->set.value, diag);
}

/* As lists and includes: a path begins where the file is that names it. */
static void resolve(char **path, struct place place, struct diag *diag)
{
	const char *from, *slash;
	char *whole;

	if (*path == NULL || (*path)[0] == '\0' || (*path)[0] == '/' ||
	    place.file == 0)
		return;
	from = diag->sources[place.file - 1].name;
	slash = strrchr(from, '/');
	if (slash == NULL)
		return;
	if (asprintf(&whole, "%.*s/%s", (int)(slash - from), from, *path) < 0) {
		diag->failed = true;
		return;
	}
	free(*path);
	*path = whole;
}

/* What only several settings together say. */
static void check_redis(struct settings *settings, const struct ast *ast,
			struct diag *diag)
{
	struct store_settings *set = &settings->store;

	resolve(&set->redis_password_file,
		settings_place(ast, "redis_password_file"), diag);
	if (set->redis_user != NULL && set->redis_user[0] != '\0' &&
	    set->redis_password_file != NULL &&
	    set->redis_password_file[0] == '\0')
		diag_error(diag, settings_place(ast, "redis_user"),
			   "redis_user needs a redis_password_file");
	if (set->redis_servers != NULL && set->redis_servers[0] != '\0' &&
	    set->redis_sentinels != NULL && set->redis_sentinels[0] != '\0') {
		diag_error(
			diag, settings_place(ast, "redis_sentinels"),
			"redis_servers and redis_sentinels are both set, and "
			"one of them says which server is asked");
		diag_hint(diag, "Sentinel knows the servers by itself");
	}
}

bool settings_read(struct settings *ret, const struct ast *ast,
		   struct diag *diag)
{
	bool seen[SETTINGS_MAX] = { false };
	size_t errors = diag->errors;

	memset(ret, 0, sizeof(*ret));
	for (size_t i = 0; i < settings_count(); i++)
		if (settings_row(i)->built &&
		    !set_default(ret, settings_row(i)))
			diag->failed = true;
	for (const struct ast_statement *s = ast->first; s != NULL; s = s->next)
		if (s->kind == AST_SET)
			read_statement(ret, s, seen, diag);
	check_redis(ret, ast, diag);
	return diag->errors == errors && !diag->failed;
}

void settings_done(struct settings *settings)
{
	for (size_t i = 0; i < settings_count(); i++) {
		char **at;

		if (!settings_row(i)->built ||
		    settings_row(i)->kind != KIND_STRING)
			continue;
		at = setting_field(settings, settings_row(i));
		free(*at);
		*at = NULL;
	}
}

bool settings_copy(struct settings *ret, const struct settings *settings)
{
	bool whole = true;

	*ret = *settings;
	for (size_t i = 0; i < settings_count(); i++) {
		char **at;

		if (!settings_row(i)->built ||
		    settings_row(i)->kind != KIND_STRING)
			continue;
		at = setting_field(ret, settings_row(i));
		*at = strdup(*at);
		whole = whole && *at != NULL;
	}
	return whole;
}

static size_t field_size(const struct setting_row *row)
{
	switch (row->kind) {
	case KIND_STRING: return sizeof(char *);
	case KIND_SIZE: return sizeof(uint64_t);
	case KIND_WORD: return row->is_bool ? sizeof(bool) : sizeof(unsigned);
	default: return sizeof(unsigned);
	}
}

bool settings_keep_frozen(struct settings *wanted,
			  const struct settings *running)
{
	bool whole = true;

	for (size_t i = 0; i < settings_count(); i++) {
		const struct setting_row *row = settings_row(i);
		void *to = setting_field(wanted, row);
		const void *from = setting_field_of(running, row);
		char *copy;

		if (!row->built || !row->needs_restart)
			continue;
		if (row->kind != KIND_STRING) {
			memcpy(to, from, field_size(row));
			continue;
		}
		copy = strdup(*(char *const *)from);
		if (copy == NULL) {
			whole = false;
			continue;
		}
		free(*(char **)to);
		*(char **)to = copy;
	}
	return whole;
}
