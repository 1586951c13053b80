/*
 * ast_dump.c - a tree as text.  Values carry a letter for their kind, and all
 * that was left open in the source is written out.
 */
#include "tests/unit/ast_dump.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static void put_value(FILE *out, const struct ast_value *value)
{
	switch (value->kind) {
	case AST_WORD: fprintf(out, "%s", value->text); break;
	case AST_STRING: fprintf(out, "\"%s\"", value->text); break;
	case AST_NUMBER: fprintf(out, "n%" PRId64, value->number); break;
	case AST_TIME: fprintf(out, "t%" PRId64, value->number); break;
	case AST_SIZE: fprintf(out, "s%" PRId64, value->number); break;
	case AST_ADDRESS: fprintf(out, "a%s", value->text); break;
	case AST_REGEX:
		fprintf(out, "/%s/%s", value->text, value->flags);
		break;
	case AST_NONE: fputs("NONE", out); break;
	case AST_UNKNOWN: fputs("UNKNOWN", out); break;
	case AST_NEVER: fputs("NEVER", out); break;
	}
}

static void put_values(FILE *out, const struct ast_value *values, size_t count)
{
	fputc('{', out);
	for (size_t i = 0; i < count; i++) {
		fputs(i > 0 ? " " : "", out);
		put_value(out, &values[i]);
	}
	fputc('}', out);
}

static void put_test(FILE *out, const struct ast_expr *test)
{
	static const char *const ops[] = { "",	      " is ", " isnt ", " in ",
					   " notin ", " ~ ",  " !~ ",	" < ",
					   " <= ",    " > ",  " >= " };

	fputs(test->name, out);
	if (test->arg != NULL)
		fprintf(out, "(\"%s\")", test->arg);
	fputs(ops[test->op], out);
	if (test->in_braces)
		put_values(out, test->values, test->value_count);
	else if (test->value_count > 0)
		put_value(out, test->values);
}

static void put_expr(FILE *out, const struct ast_expr *expr)
{
	static const char *const words[] = { "and", "or", "not" };

	if (expr->kind == AST_TEST) {
		put_test(out, expr);
		return;
	}
	fprintf(out, "[%s ", words[expr->kind]);
	put_expr(out, expr->left);
	if (expr->right != NULL) {
		fputs(", ", out);
		put_expr(out, expr->right);
	}
	fputc(']', out);
}

static void put_words(FILE *out, const struct ast_word *words, size_t count)
{
	fputc('{', out);
	for (size_t i = 0; i < count; i++)
		fprintf(out, "%s%s", i > 0 ? " " : "", words[i].text);
	fputc('}', out);
}

static void put_filter(FILE *out, const struct ast_filter *filter)
{
	switch (filter->kind) {
	case AST_FILTER_RANGE:
		fprintf(out, " %x-%x", filter->from, filter->to);
		break;
	case AST_FILTER_WILD:
		fprintf(out, " %u.%u.%u.%u", filter->octets[0],
			filter->octets[1], filter->octets[2],
			filter->octets[3]);
		break;
	case AST_FILTER_MASK:
		fprintf(out, " %x&%x", filter->base, filter->mask);
		break;
	}
}

static void put_dnsbl(FILE *out, const struct ast_statement *st)
{
	static const char *const asks[] = { "full", "organisation", "both" };

	fprintf(out, "dnsbl %s ", st->name);
	put_words(out, st->dnsbl.of, st->dnsbl.of_count);
	if (st->dnsbl.has_ask)
		fprintf(out, " ask %s", asks[st->dnsbl.ask]);
	if (st->dnsbl.test != NULL)
		fprintf(out, " test \"%s\"", st->dnsbl.test);
	for (size_t i = 0; i < st->dnsbl.reply_count; i++) {
		const struct ast_reply *reply = &st->dnsbl.replies[i];

		fprintf(out, " %s %d", reply->symbol, reply->weight);
		for (size_t j = 0; j < reply->filter_count; j++)
			put_filter(out, &reply->filters[j]);
		if (reply->description != NULL)
			fprintf(out, " \"%s\"", reply->description);
	}
}

static void put_verdict(FILE *out, const struct ast_statement *st)
{
	fprintf(out, "verdict %s", verdict_word_name(st->verdict.word));
	if (st->verdict.never)
		fputs(" never", out);
	else
		fprintf(out, " %d", st->verdict.threshold);
	if (st->verdict.reply != NULL)
		fprintf(out, " reply \"%s\"", st->verdict.reply->text);
	if (st->verdict.subject != NULL)
		fprintf(out, " subject \"%s\"", st->verdict.subject->text);
}

static void put_greylist(FILE *out, const struct ast_statement *st)
{
	const struct ast_greylist *grey = &st->greylist;

	fputs(grey->never ? "greylist never" : "greylist", out);
	if (grey->has_threshold)
		fprintf(out, " %d", grey->threshold);
	fprintf(out, " %" PRId64 " %" PRId64 " %" PRId64, grey->wait,
		grey->window, grey->keep);
}

static void put_example(FILE *out, const struct ast_statement *st)
{
	fprintf(out, "example %s", st->name);
	for (size_t i = 0; i < st->example.given_count; i++) {
		const struct ast_given *given = &st->example.given[i];

		fprintf(out, " %s", given->name);
		if (given->arg != NULL)
			fprintf(out, "(\"%s\")", given->arg);
		put_values(out, given->values, given->value_count);
	}
	fprintf(out, " expect %s",
		st->example.expect_exempt
			? "exempt"
			: verdict_word_name(st->example.expect));
}

static void put_list(FILE *out, const struct ast_statement *st)
{
	fprintf(out, "list %s %s ", st->name, st->list.kind);
	if (st->list.file != NULL)
		fprintf(out, "from %s", st->list.path);
	else
		put_values(out, st->list.entries, st->list.entry_count);
}

static void put_group(FILE *out, const struct ast_statement *st)
{
	fprintf(out, "group %s ", st->name);
	if (st->group.has_max)
		fprintf(out, "max %d ", st->group.max);
	put_words(out, st->group.members, st->group.member_count);
}

static void put_rule(FILE *out, const struct ast_statement *st)
{
	fprintf(out, "%s %s %d ", st->rule.shadow ? "shadow" : "rule", st->name,
		st->rule.weight);
	put_expr(out, st->rule.condition);
	if (st->rule.description != NULL)
		fprintf(out, " \"%s\"", st->rule.description);
}

static void put_statement(FILE *out, const struct ast_statement *st);

static void put_class(FILE *out, const struct ast_statement *st)
{
	fprintf(out, "class %s ", st->name);
	put_expr(out, st->class.condition);
	for (st = st->class.body; st != NULL; st = st->next) {
		fputs("; ", out);
		put_statement(out, st);
	}
}

static void put_statement(FILE *out, const struct ast_statement *st)
{
	if (st->broken)
		fputs("BROKEN ", out);
	switch (st->kind) {
	case AST_SET:
		fprintf(out, "set %s ", st->name);
		put_value(out, &st->set.value);
		break;
	case AST_LIST: put_list(out, st); break;
	case AST_DNSBL: put_dnsbl(out, st); break;
	case AST_GROUP: put_group(out, st); break;
	case AST_RULE: put_rule(out, st); break;
	case AST_OVERRIDE:
		fprintf(out, "override %s ", st->name);
		if (st->override.off)
			fputs("off", out);
		else
			fprintf(out, "%d", st->override.weight);
		break;
	case AST_EXEMPT:
		fputs("exempt ", out);
		put_expr(out, st->exempt.condition);
		break;
	case AST_VERDICT: put_verdict(out, st); break;
	case AST_GREYLIST: put_greylist(out, st); break;
	case AST_CLASS: put_class(out, st); break;
	case AST_EXAMPLE: put_example(out, st); break;
	}
}

char *ast_dump(const struct ast *ast)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	for (const struct ast_statement *st = ast->first; st != NULL;
	     st = st->next) {
		put_statement(out, st);
		fputc('\n', out);
	}
	fclose(out);
	return text;
}

char *ast_dump_expr(const struct ast_expr *expr)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	put_expr(out, expr);
	fclose(out);
	return text;
}
