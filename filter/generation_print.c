/*
 * generation_print.c - a generation as text: for -T, for lint, and for the
 * filter that comes after a crash.
 */
#include "filter/generation.h"

#include <stdlib.h>

#include "filter/generation_parts.h"
#include "filter/texts.h"
#include "lists/list.h"

/* --- the copy for the next filter --------------------------------------- */

struct list_text {
	char *text;
	size_t len;
	FILE *file;
};

static bool list_line(void *context, const char *text, size_t len)
{
	struct list_text *out = context;

	fwrite(text, 1, len, out->file);
	fputc('\n', out->file);
	return true;
}

static int pack_list(struct texts_writer *writer, const char *path,
		     const struct list *list)
{
	struct list_text out = { .text = NULL };
	int result = -1;

	out.file = open_memstream(&out.text, &out.len);
	if (out.file == NULL)
		return -1;
	list_each(list, list_line, &out);
	if (fclose(out.file) == 0)
		result = texts_add(writer, TEXTS_LIST, path, out.text, out.len);
	free(out.text);
	return result;
}

int generation_snapshot(const struct generation *gen)
{
	const struct diag *diag = &gen->parts->diag;
	struct texts_writer *writer = texts_writer_new();

	if (writer == NULL)
		return -1;
	for (size_t i = 0; i < diag->source_count; i++)
		texts_add(writer, TEXTS_RULES, diag->sources[i].name,
			  diag->sources[i].text, diag->sources[i].len);
	for (struct globbed *g = gen->parts->globs; g != NULL; g = g->next)
		texts_add(writer, TEXTS_GLOB, g->pattern, g->paths, g->len);
	for (size_t i = 0; i < gen->lists.count; i++) {
		const struct rule_list_info *info =
			ruleset_list_info(gen->rules, i);

		if (info->path != NULL)
			pack_list(writer, info->path,
				  rule_list_content(gen->lists.at[i]));
	}
	return texts_seal(writer);
}

/* --- printing ----------------------------------------------------------- */

static void print_place(const struct diag *diag, struct place place, FILE *out)
{
	if (place.file == 0 || place.file > diag->source_count)
		return;
	fprintf(out, "%s:%u", diag->sources[place.file - 1].name,
		(unsigned)place.line);
}

static void print_setting(const struct generation *gen, size_t index, FILE *out)
{
	const struct setting_info *info = settings_info(index);
	struct place place = settings_place(&gen->parts->ast, info->name);
	char value[512];

	settings_value(&gen->settings, index, value, sizeof(value));
	fprintf(out, "set %-20s %-24s # ", info->name, value);
	if (place.file == 0) {
		fputs("default", out);
	} else {
		print_place(&gen->parts->diag, place, out);
		fprintf(out, ", default %s",
			info->standard[0] != '\0' ? info->standard : "\"\"");
	}
	if (info->needs_restart)
		fputs(", needs a restart", out);
	if (!info->built)
		fprintf(out, ", no effect: %s", info->meaning);
	fputc('\n', out);
}

static void print_override(const struct generation *gen,
			   const struct rule_info *rule, FILE *out)
{
	char now[SCORE_TEXT], before[SCORE_TEXT];

	if (rule->override_place.file == 0)
		return;
	fprintf(out, "override %s %s # was %s at ", rule->name,
		rule->off ? "off" : score_text(rule->weight, now),
		score_text(rule->written_weight, before));
	print_place(&gen->parts->diag, rule->place, out);
	fputs(", overridden at ", out);
	print_place(&gen->parts->diag, rule->override_place, out);
	fputc('\n', out);
}

void generation_print(const struct generation *gen, FILE *out)
{
	for (size_t i = 0; i < settings_count(); i++)
		print_setting(gen, i, out);
	for (size_t i = 0; i < ruleset_rule_count(gen->rules); i++)
		print_override(gen, ruleset_rule(gen->rules, i), out);
}

const struct ast *generation_ast(const struct generation *gen)
{
	return &gen->parts->ast;
}

const struct diag *generation_diag(const struct generation *gen)
{
	return &gen->parts->diag;
}

char *generation_lint(const struct generation *gen, size_t *ret_warnings)
{
	const struct diag *from = &gen->parts->diag;
	struct diag diag;
	char *text;

	diag_init(&diag);
	for (size_t i = 0; i < from->source_count; i++) {
		char *copy = generation_copy_text(from->sources[i].text,
						  from->sources[i].len);

		if (copy != NULL)
			diag_add_source(&diag, from->sources[i].name, copy,
					from->sources[i].len);
	}
	ruleset_lint(gen->rules, &gen->lists, &diag);
	*ret_warnings = diag.warnings;
	text = diag_text(&diag);
	diag_done(&diag);
	return text;
}
