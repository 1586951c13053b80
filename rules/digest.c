/*
 * digest.c - a number for what a rule set says, however it is written.
 *
 * The rule set is written out in one plain form, which is then hashed.  Names
 * are followed by NUL and texts preceded by their length, so that no two rule
 * sets share a form.  The contents of list files are not part of it: they
 * change on their own.
 */
#include "rules/compiled.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "lists/hash.h"
#include "lists/list.h"
#include "rules/regex.h"
#include "rules/reply_text.h"

static void put_text(FILE *out, struct text text)
{
	fprintf(out, "%zu:", text.len);
	fwrite(text.at, 1, text.len, out);
}

static void put_name(FILE *out, const char *name)
{
	fputs(name != NULL ? name : "", out);
	fputc(0, out);
}

static void put_values(FILE *out, const struct ruleset *rules,
		       const struct test *test)
{
	char prefix[IP_PREFIX_TEXT_SIZE];

	for (size_t i = 0; i < test->count; i++) {
		const struct ast_filter *filter;

		switch (test->kind) {
		case TEST_NUMBER:
			fprintf(out, "%" PRId64 ",", test->numbers[i]);
			break;
		case TEST_WORD: fprintf(out, "%u,", test->words[i]); break;
		case TEST_TEXT: put_text(out, test->texts[i]); break;
		case TEST_NETWORK:
			put_name(out, ip_prefix_format(&test->networks[i],
						       prefix, sizeof(prefix)));
			break;
		case TEST_ANSWER:
			filter = &test->filters[i];
			fprintf(out,
				"%d %" PRIu32 " %" PRIu32
				" %d.%d.%d.%d %" PRIu32 " %" PRIu32 ",",
				(int)filter->kind, filter->from, filter->to,
				filter->octets[0], filter->octets[1],
				filter->octets[2], filter->octets[3],
				filter->base, filter->mask);
			break;
		default: break;
		}
	}
	if (test->kind == TEST_LIST)
		put_name(out, rules->lists[test->list].info.name);
	if (test->kind == TEST_REGEX)
		put_name(out, regex_text(test->regex));
}

static void put_expr(FILE *out, const struct ruleset *rules,
		     const struct expr *expr)
{
	for (uint32_t i = 0; i < expr->count; i++) {
		const struct code *code = &expr->code[i];
		const struct test *test = code->test;

		fprintf(out, "%d ", (int)code->op);
		if (code->op == CODE_RULE)
			put_name(out, rules->rules[code->arg].info.name);
		if (code->op != CODE_TEST)
			continue;
		put_name(out, fact_row(test->ref.id)->name);
		if (test->ref.id >= FACT_FIXED)
			put_name(out, rules->slots[test->ref.slot].name);
		fprintf(out, "%d %d %d ", (int)test->kind, test->negated,
			(int)test->op);
		put_values(out, rules, test);
	}
	fputc('\n', out);
}

static void put_rules(FILE *out, const struct ruleset *rules)
{
	for (size_t i = 0; i < rules->rule_count; i++) {
		const struct rule_info *info = &rules->rules[i].info;

		put_name(out, info->name);
		fprintf(out, "%" PRId32 " %d %d ", info->weight, info->shadow,
			info->off);
		if (info->group >= 0)
			put_name(out, rules->groups[info->group].name);
		put_expr(out, rules, &rules->rules[i].when);
	}
	for (size_t i = 0; i < rules->exempt_count; i++)
		put_expr(out, rules, &rules->exempts[i].when);
	for (size_t i = 0; i < rules->group_count; i++) {
		put_name(out, rules->groups[i].name);
		fprintf(out, "%d %" PRId32 "\n", rules->groups[i].has_max,
			rules->groups[i].max);
	}
}

/* What is asked, and how; the filters stand in the rules. */
static void put_dnsbls(FILE *out, const struct ruleset *rules)
{
	for (size_t i = 0; i < rules->dnsbl_count; i++) {
		const struct dnsbl_info *info = &rules->dnsbls[i].info;

		put_name(out, info->zone);
		for (size_t of = 0; of < info->of_count; of++)
			put_name(out, fact_row(info->of[of])->name);
		fprintf(out, "%d %d ", (int)info->ask, info->test != NULL);
		put_name(out, info->test);
	}
}

static void put_lists(FILE *out, const struct ruleset *rules)
{
	for (size_t i = 0; i < rules->list_count; i++) {
		const struct rule_set_list *list = &rules->lists[i];
		struct hash_digest digest = { { 0, 0 } };

		if (list->content != NULL)
			digest = list_digest(rule_list_content(list->content));
		put_name(out, list->info.name);
		fprintf(out, "%d %016" PRIx64 "%016" PRIx64 "\n",
			list->info.kind, digest.word[0], digest.word[1]);
	}
}

static void put_classes(FILE *out, const struct ruleset *rules)
{
	for (size_t i = 0; i < rules->class_count; i++) {
		const struct rule_class *class = &rules->classes[i];

		put_name(out, class->name);
		put_expr(out, rules, &class->when);
		for (unsigned w = VERDICT_TAG; w < VERDICT_WORDS; w++) {
			const struct verdict_info *info = &class->verdicts[w];

			fprintf(out, "%d %" PRId32 " ", info->never,
				info->threshold);
			put_name(out, info->reply != NULL
					      ? reply_template_text(info->reply)
					      : NULL);
			put_name(out, info->subject);
		}
		fprintf(out,
			"%d %" PRId32 " %" PRId64 " %" PRId64 " %" PRId64 "\n",
			class->greylist.never, class->greylist.threshold,
			class->greylist.wait, class->greylist.window,
			class->greylist.keep);
	}
}

int ruleset_digest_make(struct ruleset *rules)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	struct hash_digest digest;
	int failed;

	if (out == NULL)
		return -1;
	put_rules(out, rules);
	put_lists(out, rules);
	put_dnsbls(out, rules);
	put_classes(out, rules);
	failed = ferror(out);
	if (fclose(out) != 0 || failed) {
		free(text);
		return -1;
	}
	digest = hash_digest(text, len);
	free(text);
	snprintf(rules->digest, sizeof(rules->digest),
		 "%016" PRIx64 "%016" PRIx64, digest.word[0], digest.word[1]);
	return 0;
}
