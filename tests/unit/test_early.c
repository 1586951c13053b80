/*
 * test_early.c - an early verdict is the final verdict, and other promises.
 *
 * Random rule sets weigh random messages whose facts arrive in random order.
 * EARLY_SEED and EARLY_CASES in the environment change what is tried; the seed
 * that a failure prints brings it back.
 */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "rules/arena.h"
#include "rules/ruleset.h"
#include "rules/verdict.h"
#include "tests/unit/early_model.h"

enum {
	CASES = 120000,
	MESSAGES = 6, /* a rule set; one each takes half as long again */
	RECIPIENTS = 3,
	RESOLUTIONS = 64,
};

static struct {
	uint64_t cases, verdicts, early, early_refused, early_5xx;
	uint64_t softened, exempt, apart, alike, checked_5xx;
	uint64_t late_early, foreseen_exempt;
	uint64_t words[VERDICT_WORDS];
} seen;

/* What was promised of one recipient, or of all. */
struct promise {
	bool made;
	enum verdict_word word;
	bool reject_5xx;
	enum phase phase;
};

struct trial {
	struct model *model;
	const struct ruleset *rules;
	struct verdict_settings settings;
	struct arena arena;
	struct facts facts;
	struct hits *hits;
	struct model_value values[RECIPIENTS][MODEL_FACTS];
	int recipients;
	struct promise all, each[RECIPIENTS];
	struct bounds last[RECIPIENTS]; /* to be narrowed, never left */
	bool has_last[RECIPIENTS];
	bool alike[RECIPIENTS]; /* was judged like the first one, at RCPT */
	int slots[MODEL_FACTS]; /* see slot_of() */
	bool exempt; /* so said ruleset_exempts() */
	enum phase settled; /* when what DNS said of MAIL was waited for */
	uint64_t seed;
	const char *text;
};

static void fail_trial(const struct trial *trial, const char *what)
{
	print_error("seed %" PRIu64 ": %s\n%s", trial->seed, what, trial->text);
	fail();
}

enum { FIXED = -1, UNREAD = -2 };

/* The slot of a parametric fact, or that it has none. */
static int slot_of(const struct ruleset *rules, int fact)
{
	const struct model_fact *row = &model_facts[fact];

	if (row->id < FACT_FIXED)
		return FIXED;
	for (unsigned i = 0; i < ruleset_slot_count(rules); i++) {
		const struct fact_slot *slot = ruleset_slot(rules, i);

		if ((int)slot->id == row->id && slot->phase == row->phase &&
		    (slot->id == FACT_HEADER ||
		     strcmp(slot->name, row->name) == 0))
			return (int)i;
	}
	return UNREAD;
}

static void set_set(struct facts *facts, int fact, int slot,
		    const struct model_value *value)
{
	static const char *const letters[3] = { "A", "b", "C" };
	static const char *const answers[3] = { "127.0.0.2", "127.0.0.3",
						"127.0.0.4" };
	enum fact_id id = (enum fact_id)model_facts[fact].id;
	struct text *items = arena_array(facts->arena, 3, sizeof(*items));
	size_t count = 0;

	assert_non_null(items);
	for (int i = 0; i < 3; i++) {
		const char *text = (id == FACT_DNSBL ? answers : letters)[i];

		if (value->value & 1 << i)
			items[count++] = (struct text){ text, strlen(text) };
	}
	if (slot >= 0 && value->partial)
		facts_slot_set_partial(facts, (unsigned)slot, items, count,
				       CAUSE_TIMEOUT);
	else if (slot >= 0)
		facts_slot_set(facts, (unsigned)slot, items, count);
	else if (value->partial)
		facts_set_partial(facts, id, items, count, CAUSE_FAILED);
	else
		facts_set(facts, id, items, count);
}

/* The fact's own number of a model's word. */
static unsigned word_of(enum fact_id id, const char *word)
{
	const char *const *words = fact_row(id)->words;
	unsigned at = 0;

	while (strcmp(words[at], word) != 0)
		at++;
	return at;
}

static void fact_set(const struct trial *trial, struct facts *facts, int fact,
		     const struct model_value *value)
{
	enum fact_id id = (enum fact_id)model_facts[fact].id;
	int slot = trial->slots[fact];

	if (slot == UNREAD)
		return;
	if (value->waived) {
		if (slot >= 0)
			facts_slot_waive(facts, (unsigned)slot);
		else
			facts_waive(facts, id);
		return;
	}
	if (value->state == FACT_NOT_ASKED)
		return; /* the end of the phase will see to it */
	if (value->state == FACT_UNKNOWN) {
		if (slot >= 0)
			facts_slot_unknown(facts, (unsigned)slot,
					   CAUSE_TIMEOUT);
		else
			facts_unknown(facts, id, CAUSE_TIMEOUT);
		return;
	}
	if (value->state == FACT_NONE) {
		if (slot >= 0)
			facts_slot_none(facts, (unsigned)slot);
		else
			facts_none(facts, id);
		return;
	}
	switch (model_facts[fact].type) {
	case MODEL_BOOL: facts_bool(facts, id, value->value != 0); return;
	case MODEL_NUMBER: facts_number(facts, id, value->value); return;
	case MODEL_ENUM:
		facts_word(facts, id,
			   word_of(id, model_facts[fact].words[value->value]));
		return;
	case MODEL_TEXTS:
		facts_text(facts, id, &"aBc"[value->value], 1);
		return;
	case MODEL_SET: set_set(facts, fact, slot, value); return;
	}
}

static bool says_5xx(const struct verdict *verdict)
{
	return verdict->word == VERDICT_REJECT &&
	       (verdict->reply == NULL ||
		reply_template_class(verdict->reply) == 5);
}

static void promise_note(struct trial *trial, struct promise *promise,
			 const struct verdict *verdict, enum phase phase)
{
	if (promise->made && !verdict->certain)
		fail_trial(trial, "what was certain is so no longer");
	if (promise->made && verdict->word != promise->word)
		fail_trial(trial, "a certain word has changed");
	if (!verdict->certain || promise->made)
		return;
	*promise = (struct promise){ true, verdict->word, says_5xx(verdict),
				     phase };
}

static void bounds_narrow(struct trial *trial, int rcpt,
			  const struct bounds *now)
{
	const struct bounds *old = &trial->last[rcpt];

	if (now->score < now->lowest || now->score > now->highest ||
	    now->lowest_kind > now->highest_kind ||
	    now->lowest_harsh > now->highest_harsh ||
	    now->lowest_kind > now->lowest || now->highest_harsh < now->highest)
		fail_trial(trial, "bounds contradict each other");
	if (trial->has_last[rcpt] &&
	    (now->lowest < old->lowest || now->highest > old->highest ||
	     now->lowest_kind < old->lowest_kind ||
	     now->highest_kind > old->highest_kind ||
	     now->lowest_harsh < old->lowest_harsh ||
	     now->highest_harsh > old->highest_harsh))
		fail_trial(trial, "bounds grew");
	trial->last[rcpt] = *now;
	trial->has_last[rcpt] = true;
}

static struct facts rcpt_facts(const struct trial *trial, int rcpt)
{
	struct facts facts = trial->facts;

	for (int fact = 0; fact < MODEL_FACTS; fact++) {
		if (model_facts[fact].phase != PHASE_RCPT)
			continue;
		facts.fixed[model_facts[fact].id].state = FACT_NOT_ASKED;
		fact_set(trial, &facts, fact, &trial->values[rcpt][fact]);
	}
	return facts;
}

static struct verdict rcpt_verdict(struct trial *trial, int rcpt,
				   struct hits **ret_hits)
{
	struct facts facts = rcpt_facts(trial, rcpt);
	struct hits *hits = hits_for_rcpt(trial->hits, &facts, &trial->arena);

	assert_non_null(hits);
	if (ret_hits != NULL)
		*ret_hits = hits;
	return verdict_of(hits, &trial->settings);
}

/* Whether later recipients may stay with the first is asked at RCPT. */
static void alike_note(struct trial *trial)
{
	struct hits *first, *other;

	rcpt_verdict(trial, 0, &first);
	for (int rcpt = 1; rcpt < trial->recipients; rcpt++) {
		rcpt_verdict(trial, rcpt, &other);
		trial->alike[rcpt] = hits_judged_alike(first, other);
		seen.alike += trial->alike[rcpt];
	}
}

/* Asked without any hits; once it says so it stays so. */
static void exempt_note(struct trial *trial, enum phase phase)
{
	bool exempt = ruleset_exempts(trial->rules, NULL, &trial->facts);

	if (trial->exempt && !exempt)
		fail_trial(trial, "exempt no longer");
	if (exempt && !ruleset_may_exempt(trial->rules, phase))
		fail_trial(trial, "exempt in a phase that never does");
	trial->exempt = exempt;
}

/* Weighs what is known by now, and notes what is certain. */
static void look(struct trial *trial, enum phase phase)
{
	struct verdict verdict;

	exempt_note(trial, phase);
	hits_weigh(trial->hits, &trial->facts);
	verdict = verdict_of(trial->hits, &trial->settings);
	promise_note(trial, &trial->all, &verdict, phase);
	for (int rcpt = 0; rcpt < trial->recipients; rcpt++) {
		if (phase < PHASE_RCPT) {
			bounds_narrow(trial, rcpt, &verdict.bounds);
			continue;
		}
		verdict = rcpt_verdict(trial, rcpt, NULL);
		promise_note(trial, &trial->each[rcpt], &verdict, phase);
		bounds_narrow(trial, rcpt, &verdict.bounds);
	}
}

/* No refusal comes in a phase of which it is said that it brings none. */
static void may_refuse_check(struct trial *trial, enum phase phase)
{
	for (int rcpt = 0; rcpt < trial->recipients; rcpt++) {
		const struct promise *promise = &trial->each[rcpt];

		if (phase < PHASE_RCPT)
			promise = &trial->all;
		if (promise->made && promise->word >= VERDICT_DEFER &&
		    !ruleset_may_refuse(trial->rules, phase))
			fail_trial(trial, "refused in a phase that never does");
	}
}

/*
 * Facts in any order, with a look now and then.  What DNS says about MAIL may
 * not have been waited for: then it stays pending, and no phase is closed.
 */
static void facts_arrive(struct trial *trial, enum phase phase, bool dns)
{
	int order[MODEL_FACTS], count = 0;

	for (int fact = 0; fact < MODEL_FACTS; fact++) {
		bool late = model_facts[fact].late;

		if (model_facts[fact].phase == PHASE_RCPT || late != dns)
			continue;
		if (model_facts[fact].phase == phase ||
		    (dns && model_facts[fact].phase < phase))
			order[count++] = fact;
	}
	while (count > 0) {
		int at = (int)model_random(trial->model, (uint64_t)count);

		fact_set(trial, &trial->facts, order[at],
			 &trial->values[0][order[at]]);
		order[at] = order[--count];
		if (model_random(trial->model, 2) == 0)
			look(trial, phase);
	}
}

static void phase_play(struct trial *trial, enum phase phase)
{
	bool settled = phase < PHASE_MAIL || phase >= trial->settled;

	facts_arrive(trial, phase, false);
	look(trial, phase);
	if (!settled && phase >= PHASE_RCPT)
		seen.late_early += trial->each[0].made;
	if (phase == trial->settled || phase == PHASE_EOM)
		facts_arrive(trial, phase, true);
	if (settled)
		ruleset_close_phase(trial->rules, &trial->facts, phase);
	look(trial, phase);
	if (phase == PHASE_RCPT)
		alike_note(trial);
	may_refuse_check(trial, phase);
}

/* The same facts, all at once. */
static void judge_at_once(struct trial *trial, int rcpt,
			  const struct verdict *verdict,
			  const struct hits *slow)
{
	struct facts facts = rcpt_facts(trial, rcpt);
	struct hits *hits = hits_new(trial->rules, NULL, &trial->arena);
	struct verdict other;

	assert_non_null(hits);
	hits_weigh(hits, &facts);
	hits = hits_for_rcpt(hits, &facts, &trial->arena);
	assert_non_null(hits);
	other = verdict_of(hits, &trial->settings);
	for (size_t i = 0; i < ruleset_rule_count(trial->rules); i++)
		if (hits_rule(hits, i) != hits_rule(slow, i))
			fail_trial(trial, "the order of arrival matters");
	if (other.word != verdict->word ||
	    memcmp(&other.bounds, &verdict->bounds, sizeof(other.bounds)) != 0)
		fail_trial(trial, "the order of arrival matters");
}

static void rules_compare(struct trial *trial, const struct hits *hits,
			  const struct model_answer *answer)
{
	static const enum truth truths[4] = { TRUTH_FALSE, TRUTH_UNKNOWN,
					      TRUTH_WAIVED, TRUTH_TRUE };

	for (int i = 0; i < trial->model->rule_count; i++) {
		char name[16];
		int index;

		snprintf(name, sizeof(name), "R%d", i);
		index = ruleset_find_rule(trial->rules, name);
		if (hits_rule(hits, (size_t)index) != truths[answer->truth[i]])
			fail_trial(trial, "a rule says something else");
	}
}

static void promise_check(struct trial *trial, const struct promise *promise,
			  const struct verdict *verdict)
{
	if (!promise->made)
		return;
	if (promise->word != verdict->word ||
	    promise->reject_5xx != says_5xx(verdict))
		fail_trial(trial, "the early verdict is not the final one");
}

static void promise_count(const struct promise *promise)
{
	if (!promise->made || promise->phase == PHASE_EOM)
		return;
	seen.early++;
	seen.early_refused += promise->word >= VERDICT_DEFER;
	seen.early_5xx += promise->reject_5xx;
}

static void recipient_check(struct trial *trial, int rcpt,
			    enum verdict_word *words)
{
	const struct model_value *values = trial->values[rcpt];
	struct model_answer answer = model_judge(trial->model, values);
	struct hits *hits;
	struct verdict verdict = rcpt_verdict(trial, rcpt, &hits);

	words[rcpt] = verdict.word;
	if (trial->exempt && !verdict.exempt)
		fail_trial(trial, "called exempt, and then it was not");
	if (verdict.exempt && !trial->exempt &&
	    !ruleset_tells_recipients_apart(trial->rules))
		fail_trial(trial, "exempt, and nobody had said so");
	seen.foreseen_exempt += trial->exempt;
	if (!verdict.certain)
		fail_trial(trial, "nothing is left, and still not certain");
	rules_compare(trial, hits, &answer);
	if (verdict.bounds.score != answer.score)
		fail_trial(trial, "the score is another");
	if (verdict.word != answer.word || verdict.exempt != answer.exempt ||
	    says_5xx(&verdict) != answer.reject_5xx)
		fail_trial(trial, "the design says another verdict");
	judge_at_once(trial, rcpt, &verdict, hits);
	promise_check(trial, &trial->all, &verdict);
	promise_check(trial, &trial->each[rcpt], &verdict);
	if (model_harm(&answer) > 0) {
		seen.checked_5xx++;
		if (model_least_harm(trial->model, values, RESOLUTIONS) <
		    model_harm(&answer))
			fail_trial(trial, "something unknown did harm");
	}
	seen.verdicts++;
	seen.words[verdict.word]++;
	seen.softened += verdict.softened;
	seen.exempt += verdict.exempt;
	promise_count(trial->all.made ? &trial->all : &trial->each[rcpt]);
}

static void message_play(struct trial *trial)
{
	enum verdict_word words[RECIPIENTS];
	bool apart = false;

	arena_reset(&trial->arena);
	assert_int_equal(facts_init(&trial->facts, &trial->arena,
				    ruleset_slot_count(trial->rules)),
			 0);
	trial->hits = hits_new(trial->rules, NULL, &trial->arena);
	assert_non_null(trial->hits);
	memset(&trial->all, 0, sizeof(trial->all));
	memset(trial->each, 0, sizeof(trial->each));
	memset(trial->has_last, 0, sizeof(trial->has_last));
	memset(trial->alike, 0, sizeof(trial->alike));
	trial->exempt = false;
	trial->settled = (enum phase)(
		PHASE_MAIL +
		(int)model_random(trial->model, PHASE_COUNT - PHASE_MAIL));
	trial->recipients = 1 + (int)model_random(trial->model, RECIPIENTS);
	model_message(trial->model, trial->values[0]);
	for (int rcpt = 1; rcpt < trial->recipients; rcpt++) {
		memcpy(trial->values[rcpt], trial->values[0],
		       sizeof(trial->values[0]));
		model_recipient(trial->model, trial->values[rcpt]);
	}
	for (enum phase phase = 0; phase < PHASE_COUNT; phase++)
		phase_play(trial, phase);
	for (int rcpt = 0; rcpt < trial->recipients; rcpt++) {
		recipient_check(trial, rcpt, words);
		apart |= words[rcpt] != words[0];
		if (trial->alike[rcpt] && words[rcpt] != words[0])
			fail_trial(trial, "alike at RCPT, apart at the end");
	}
	if (apart && !ruleset_tells_recipients_apart(trial->rules))
		fail_trial(trial, "recipients were told apart unawares");
	seen.apart += apart;
	seen.cases++;
}

static void ruleset_play(struct model *model, uint64_t seed)
{
	static char text[MODEL_TEXT];
	struct trial trial = { .model = model, .seed = seed, .text = text };
	struct ast ast;
	struct diag diag;
	struct ruleset *rules;
	char *said;

	model->random = seed;
	model_make(model);
	model_print(model, text);
	ast_init(&ast);
	diag_init(&diag);
	ast_parse_text(&ast, "model", text, strlen(text), NULL, &diag);
	rules = ruleset_compile(&ast, &diag);
	if (rules == NULL) {
		said = diag_text(&diag);
		print_error("%s", said);
		free(said);
		fail_trial(&trial, "it does not compile");
	}
	trial.rules = rules;
	for (int fact = 0; fact < MODEL_FACTS; fact++)
		trial.slots[fact] = slot_of(rules, fact);
	trial.settings.defer_on_unknown = model->defer_on_unknown;
	arena_init(&trial.arena, 1 << 20);
	for (int i = 0; i < MESSAGES; i++)
		message_play(&trial);
	arena_done(&trial.arena);
	ruleset_unref(rules);
	ast_done(&ast);
	diag_done(&diag);
}

static uint64_t environment(const char *name, uint64_t otherwise)
{
	const char *value = getenv(name);

	return value != NULL ? strtoull(value, NULL, 0) : otherwise;
}

static void test_early_is_final(void **state)
{
	static struct model model;
	uint64_t seed = environment("EARLY_SEED", 20240229);
	uint64_t cases = environment("EARLY_CASES", CASES);

	(void)state;
	print_message("seed %" PRIu64 ", %" PRIu64 " cases\n", seed, cases);
	while (seen.cases < cases)
		ruleset_play(&model, seed++);
	print_message("%" PRIu64 " messages, %" PRIu64 " verdicts: %" PRIu64
		      " certain before the end (%" PRIu64
		      " %%), of these %" PRIu64 " refused, %" PRIu64
		      " for good\n",
		      seen.cases, seen.verdicts, seen.early,
		      seen.early * 100 / seen.verdicts, seen.early_refused,
		      seen.early_5xx);
	print_message("%" PRIu64 " softened, %" PRIu64 " exempt, %" PRIu64
		      " with recipients apart, %" PRIu64
		      " recipients alike at RCPT, %" PRIu64
		      " times harm tried on resolved unknowns\n",
		      seen.softened, seen.exempt, seen.apart, seen.alike,
		      seen.checked_5xx);
	print_message("%" PRIu64 " foreseen as exempt, %" PRIu64
		      " times certain at RCPT or DATA before DNS had "
		      "answered\n",
		      seen.foreseen_exempt, seen.late_early);
	for (int word = 0; word < VERDICT_WORDS; word++)
		print_message("%s %" PRIu64 "\n",
			      verdict_word_name((enum verdict_word)word),
			      seen.words[word]);
	/* An empty test proves nothing. */
	if (cases < 10000)
		return;
	assert_true(seen.early > seen.verdicts / 20);
	assert_true(seen.early_5xx > seen.verdicts / 200);
	assert_true(seen.softened > seen.verdicts / 200);
	assert_true(seen.apart > seen.cases / 200);
	assert_true(seen.late_early > seen.cases / 200);
	assert_true(seen.foreseen_exempt > seen.cases / 200);
	for (int word = 0; word < VERDICT_WORDS; word++)
		assert_true(seen.words[word] > seen.verdicts / 200);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_early_is_final),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
