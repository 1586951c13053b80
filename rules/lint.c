/*
 * lint.c - what is wrong with a rule set that compiles: conditions.
 *
 * What can never hold, what is worth nothing, what nobody reads, and who is
 * believed without proof.  Thresholds and sums are in lint_score.c.  Facts that
 * this build does not establish are told about when rules are compiled.
 */
#include "rules/lint.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lists/list.h"

/* What a condition can come to, whatever the mail. */
struct chance {
	bool can_hold;
	bool can_fail;
};

static const struct chance any = { true, true };
static const struct chance never = { false, true };

/*
 * Facts that a stranger chooses, a bit each, and what proves some of them if
 * the same condition, or a rule that it reads, asks for it.
 */
enum {
	TRUST_PTR = 1,
	TRUST_HELO = 2,
	TRUST_MTA_NAME = 4,
	TRUST_MTA_PTR = 8,
	TRUST_FROM = 16,
	TRUST_SPF = 32, /* spf.domain */
	TRUST_DKIM = 64, /* dkim.domain */
	TRUST_DKIM_ALL = 128, /* dkim.domains */
	PROOF_SPF = 256, /* spf is pass */
	PROOF_DKIM = 512, /* dkim is pass */
	PROOF_DKIM_ALL = 1024, /* dkim.passed */
	PROOF_DMARC = 2048, /* dmarc is pass, or what it rests on */
};

struct lint {
	const struct ruleset *rules;
	struct diag *diag;
	struct chance *chances; /* of each rule */
	unsigned *trusts; /* of each rule: TRUST_ and PROOF_ */
	bool *reads; /* some condition reads this rule */
};

/* --- what can hold ------------------------------------------------------- */

static bool number_possible(const struct test *test, int64_t wanted)
{
	enum fact_id id = test->ref.id;
	bool signs = id == FACT_DATE || id == FACT_DATE_AGE;
	int64_t most = id == FACT_CLIENT_PORT ? 6553500 : INT64_MAX;

	switch (test->op) {
	case AST_OP_LESS: return signs || wanted > 0;
	case AST_OP_LESS_EQUAL: return signs || wanted >= 0;
	case AST_OP_GREATER: return wanted < most;
	case AST_OP_GREATER_EQUAL: return wanted <= most;
	default:
		return wanted % 100 == 0 && (signs || wanted >= 0) &&
		       wanted <= most;
	}
}

/* An address has an @, and a domain has none. */
static bool text_possible(const struct test *test, struct text wanted)
{
	bool at = memchr(wanted.at, '@', wanted.len) != NULL;

	switch (fact_row(test->ref.id)->kind) {
	case FACT_KIND_ADDRESS: return at;
	case FACT_KIND_DOMAIN: return !at;
	default: return true;
	}
}

static bool list_possible(const struct ruleset *rules, const struct test *test)
{
	const struct rule_list *content = rules->lists[test->list].content;

	return content == NULL || list_count(rule_list_content(content)) > 0;
}

static struct chance test_chance(const struct ruleset *rules,
				 const struct test *test)
{
	bool possible = true;

	if (test->kind == TEST_LIST) {
		possible = list_possible(rules, test);
	} else if (test->kind == TEST_NUMBER || test->kind == TEST_TEXT) {
		possible = false;
		for (size_t i = 0; i < test->count && !possible; i++)
			possible =
				test->kind == TEST_NUMBER
					? number_possible(test,
							  test->numbers[i])
					: text_possible(test, test->texts[i]);
	}
	return possible || test->negated ? any : never;
}

/*
 * Walks the program of a condition; skips only save time, so they are not
 * followed.
 */
static struct chance expr_chance(const struct lint *lint,
				 const struct expr *expr)
{
	struct chance stack[EXPR_STACK];
	unsigned top = 0;

	if (expr->count == 0)
		return never;
	for (uint32_t i = 0; i < expr->count; i++) {
		const struct code *code = &expr->code[i];
		struct chance *a = &stack[top > 1 ? top - 2 : 0];
		const struct chance *b = &stack[top > 0 ? top - 1 : 0];

		switch (code->op) {
		case CODE_TEST:
			stack[top++] = test_chance(lint->rules, code->test);
			break;
		case CODE_RULE: stack[top++] = lint->chances[code->arg]; break;
		case CODE_NOT:
			stack[top - 1] =
				(struct chance){ b->can_fail, b->can_hold };
			break;
		case CODE_AND:
			a->can_hold = a->can_hold && b->can_hold;
			a->can_fail = a->can_fail || b->can_fail;
			top--;
			break;
		case CODE_OR:
			a->can_hold = a->can_hold || b->can_hold;
			a->can_fail = a->can_fail && b->can_fail;
			top--;
			break;
		case CODE_SKIP_FALSE:
		case CODE_SKIP_TRUE: break;
		}
	}
	return stack[0];
}

/* --- who is believed ----------------------------------------------------- */

static unsigned fact_trust(enum fact_id id)
{
	switch (id) {
	case FACT_CLIENT_PTR: return TRUST_PTR;
	case FACT_HELO_NAME: return TRUST_HELO;
	case FACT_CLIENT_MTA_NAME: return TRUST_MTA_NAME;
	case FACT_CLIENT_MTA_PTR: return TRUST_MTA_PTR;
	case FACT_FROM_DOMAIN:
	case FACT_FROM_ADDRESS: return TRUST_FROM;
	case FACT_SPF_DOMAIN: return TRUST_SPF;
	case FACT_DKIM_DOMAIN: return TRUST_DKIM;
	case FACT_DKIM_DOMAINS:
	case FACT_DKIM_POSSIBLE: return TRUST_DKIM_ALL;
	case FACT_DKIM_PASSED: return PROOF_DKIM_ALL;
	default: return 0;
	}
}

/* "X is pass", and nothing else: pass is the first word of each of them. */
static unsigned word_proof(const struct test *test)
{
	if (test->negated || test->count != 1 || test->words[0] != 0)
		return 0;
	switch (test->ref.id) {
	case FACT_SPF: return PROOF_SPF;
	case FACT_DKIM: return PROOF_DKIM;
	case FACT_DMARC: return PROOF_DMARC;
	default: return 0;
	}
}

static unsigned bool_proof(const struct test *test)
{
	switch (test->ref.id) {
	case FACT_DKIM_ALIGNED:
	case FACT_DMARC_ALIGNED_DKIM:
	case FACT_DMARC_ALIGNED_SPF: return test->negated ? 0 : PROOF_DMARC;
	default: return 0;
	}
}

/* Who asks a DNS list about a name believes the name. */
static unsigned test_trust(const struct ruleset *rules, const struct test *test)
{
	const struct fact_slot *slot;
	unsigned trust = 0;

	switch (test->kind) {
	case TEST_TEXT:
	case TEST_LIST:
	case TEST_REGEX: return fact_trust(test->ref.id);
	case TEST_WORD: return word_proof(test);
	case TEST_YES: return bool_proof(test);
	case TEST_ANSWER:
		slot = &rules->slots[test->ref.slot];
		for (size_t i = 0; i < slot->of_count; i++)
			trust |= fact_trust(slot->of[i]);
		return trust & (TRUST_FROM - 1); /* nor could it be proven */
	default: return 0;
	}
}

static unsigned expr_trust(const struct lint *lint, const struct expr *expr)
{
	unsigned trust = 0;

	for (uint32_t i = 0; i < expr->count; i++) {
		const struct code *code = &expr->code[i];

		if (code->op == CODE_TEST)
			trust |= test_trust(lint->rules, code->test);
		else if (code->op == CODE_RULE)
			trust |= lint->trusts[code->arg];
	}
	return trust;
}

/* What a signature or SPF says it is about, or what From says. */
static void warn_unproven(struct lint *lint, struct place place,
			  const char *who, unsigned trust)
{
	static const struct {
		unsigned trust, proof;
		const char *fact, *says, *hint;
	} rows[] = {
		{ TRUST_FROM, PROOF_DMARC, "from.domain",
		  "which anybody can write",
		  "\"and dmarc is pass\" proves it" },
		{ TRUST_SPF, PROOF_SPF | PROOF_DMARC, "spf.domain",
		  "which the client chooses", "\"and spf is pass\" proves it" },
		{ TRUST_DKIM, PROOF_DKIM, "dkim.domain",
		  "which any signature may say, also one that fails",
		  "\"and dkim is pass\" proves it" },
		{ TRUST_DKIM_ALL, PROOF_DKIM_ALL,
		  "dkim.domains or dkim.possible",
		  "which any signature may say, also one that fails",
		  "dkim.passed holds those of signatures that pass" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (!(trust & rows[i].trust) || trust & rows[i].proof)
			continue;
		diag_warning(lint->diag, place, "%s trusts %s, %s", who,
			     rows[i].fact, rows[i].says);
		diag_hint(lint->diag, "%s", rows[i].hint);
	}
}

static void warn_trust(struct lint *lint, struct place place, const char *who,
		       unsigned trust)
{
	warn_unproven(lint, place, who, trust);
	if (trust & TRUST_HELO) {
		diag_warning(lint->diag, place,
			     "%s trusts helo.name, which the client chooses",
			     who);
		diag_hint(lint->diag, "client.ip and client.auth are proofs");
	}
	if (trust & TRUST_PTR) {
		diag_warning(lint->diag, place,
			     "%s trusts client.ptr, which the client's network "
			     "publishes as it likes",
			     who);
		diag_hint(lint->diag, "client.name is confirmed");
	}
	if (trust & TRUST_MTA_PTR) {
		diag_warning(lint->diag, place,
			     "%s trusts client.mta_ptr, which the client's "
			     "network publishes as it likes",
			     who);
		diag_hint(lint->diag, "client.name is confirmed");
	}
	if (trust & TRUST_MTA_NAME) {
		diag_warning(lint->diag, place,
			     "%s trusts client.mta_name, which is as good as "
			     "the MTA's own check",
			     who);
		diag_hint(lint->diag, "client.name is confirmed by us");
	}
}

/* --- rules --------------------------------------------------------------- */

/* Rules that this one reads and that are switched off. */
static bool warn_off(struct lint *lint, struct place place, const char *who,
		     const struct expr *expr)
{
	bool found = false;

	for (uint32_t i = 0; i < expr->count; i++) {
		const struct code *code = &expr->code[i];
		const struct rule *read;

		if (code->op != CODE_RULE)
			continue;
		lint->reads[code->arg] = true;
		read = &lint->rules->rules[code->arg];
		if (!read->info.off)
			continue;
		diag_warning(lint->diag, place,
			     "%s reads %s, which is switched off", who,
			     read->info.name);
		found = true;
	}
	return found;
}

/* An expression of a rule, a class or an exemption; `what` it can never do. */
static void lint_expr(struct lint *lint, struct place place, const char *who,
		      const char *what, const struct expr *expr)
{
	if (!warn_off(lint, place, who, expr) &&
	    !expr_chance(lint, expr).can_hold)
		diag_warning(lint->diag, place,
			     "%s can never %s: its condition holds for no mail",
			     who, what);
}

static void lint_rule(struct lint *lint, size_t index)
{
	const struct rule *rule = &lint->rules->rules[index];
	const struct rule_info *info = &rule->info;

	/* That a DNS list is asked about nothing was told before. */
	if (info->off || (rule->zone != NULL && rule->when.count == 0)) {
		lint->chances[index] = never;
		return;
	}
	lint->chances[index] = expr_chance(lint, &rule->when);
	lint->trusts[index] = expr_trust(lint, &rule->when);
	lint_expr(lint, info->place, info->name, "fire", &rule->when);
	if (info->weight < 0)
		warn_trust(lint, info->place, info->name, lint->trusts[index]);
}

/* Once it is known who reads whom. */
static void lint_worth(struct lint *lint, size_t index)
{
	const struct rule_info *info = &lint->rules->rules[index].info;
	bool overridden = info->override_place.file != 0;

	if (info->off || info->shadow || info->weight != 0 ||
	    lint->reads[index])
		return;
	diag_warning(lint->diag,
		     overridden ? info->override_place : info->place,
		     "%s weighs nothing, and no other rule reads it",
		     info->name);
	diag_hint(lint->diag, overridden ? "\"off\" switches it off"
					 : "a shadow rule is recorded only");
}

/* --- classes, exemptions, lists ------------------------------------------ */

static void lint_classes(struct lint *lint)
{
	for (size_t i = 1; i < lint->rules->class_count; i++) {
		const struct rule_class *class = &lint->rules->classes[i];

		lint_expr(lint, class->place, class->name, "apply",
			  &class->when);
		warn_trust(lint, class->place, class->name,
			   expr_trust(lint, &class->when));
	}
}

static void lint_exempts(struct lint *lint)
{
	static const char who[] = "this exemption";

	for (size_t i = 0; i < lint->rules->exempt_count; i++) {
		const struct exemption *exempt = &lint->rules->exempts[i];

		lint_expr(lint, exempt->place, who, "apply", &exempt->when);
		warn_trust(lint, exempt->place, who,
			   expr_trust(lint, &exempt->when));
	}
}

static void lint_lists(struct lint *lint)
{
	for (size_t i = 0; i < lint->rules->list_count; i++) {
		const struct rule_set_list *list = &lint->rules->lists[i];

		if (!list->read)
			diag_warning(lint->diag, list->info.place,
				     "no rule, class or exemption reads the "
				     "list \"%s\"",
				     list->info.name);
	}
}

void ruleset_lint(const struct ruleset *rules, const struct rule_lists *lists,
		  struct diag *diag)
{
	struct lint lint = { .rules = rules, .diag = diag };
	size_t room = rules->rule_count + 1;

	(void)lists; /* what a file holds today says nothing of tomorrow */
	lint.chances = calloc(room, sizeof(*lint.chances));
	lint.trusts = calloc(room, sizeof(*lint.trusts));
	lint.reads = calloc(room, sizeof(*lint.reads));
	if (lint.chances == NULL || lint.trusts == NULL || lint.reads == NULL) {
		diag->failed = true;
		goto done;
	}
	for (size_t i = 0; i < rules->rule_count; i++)
		lint_rule(&lint, rules->order[i]);
	lint_classes(&lint);
	lint_exempts(&lint);
	for (size_t i = 0; i < rules->rule_count; i++)
		lint_worth(&lint, i);
	lint_lists(&lint);
	lint_score(rules, diag);
done:
	free(lint.chances);
	free(lint.trusts);
	free(lint.reads);
}
