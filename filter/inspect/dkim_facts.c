/*
 * dkim_facts.c - the DKIM signatures of a message, as facts.
 */
#include "filter/inspect/dkim.h"

#include <string.h>

#include "rules/arena.h"
#include "rules/facts.h"

static void text_fact(struct facts *facts, enum fact_id id, const char *text)
{
	if (text && text[0] != '\0')
		facts_text(facts, id, text, strlen(text));
	else
		facts_none(facts, id);
}

static void facts_of_best(const struct signature *best, struct facts *facts)
{
	facts_word(facts, FACT_DKIM, (unsigned)best->result);
	text_fact(facts, FACT_DKIM_DOMAIN, best->domain);
	text_fact(facts, FACT_DKIM_SELECTOR, best->selector);
	text_fact(facts, FACT_DKIM_ALGORITHM, best->algorithm);
	if (best->key_bits > 0)
		facts_number(facts, FACT_DKIM_BITS, best->key_bits);
	else
		facts_none(facts, FACT_DKIM_BITS);
	facts_bool(facts, FACT_DKIM_COVERED, best->whole_body);
	if (best->has_age)
		facts_number(facts, FACT_DKIM_AGE, best->age);
	else
		facts_none(facts, FACT_DKIM_AGE);
	facts_bool(facts, FACT_DKIM_EXPIRED, best->expired);
	facts_bool(facts, FACT_DKIM_TESTING, best->test_key);
	text_fact(facts, FACT_DKIM_ERROR, best->why);
}

static const char *result_of(const struct signature *signature)
{
	return signature_result_name(signature->result);
}

static const char *domain_of(const struct signature *signature)
{
	return signature->domain;
}

static const char *selector_of(const struct signature *signature)
{
	return signature->selector;
}

static const char *algorithm_of(const struct signature *signature)
{
	return signature->algorithm;
}

static const char *digest_of(const struct signature *signature)
{
	return signature->digest;
}

/* There may be signatures that are not told of. */
static bool may_be_more(const struct signatures *signatures)
{
	return signatures_missed(signatures) ||
	       signatures_seen(signatures) > signatures_count(signatures);
}

/* One value a signature, "" where it has none, so that all sets match. */
static void set_fact(const struct signatures *signatures, struct arena *arena,
		     struct facts *facts, enum fact_id id,
		     const char *(*value)(const struct signature *))
{
	size_t count = signatures_count(signatures);
	struct text *items = arena_array(arena, count, sizeof(*items));

	if (!items && count > 0) {
		facts_unknown(facts, id, CAUSE_LIMIT);
		return;
	}
	for (size_t i = 0; i < count; i++) {
		items[i].at = value(signatures_at(signatures, i));
		items[i].len = strlen(items[i].at);
	}
	if (may_be_more(signatures))
		facts_set_partial(facts, id, items, count, CAUSE_LIMIT);
	else
		facts_set(facts, id, items, count);
}

/*
 * Partial as long as DNS might say that another one passes.  What we do not
 * look at has not passed, as it has not for DMARC: else a forger would write
 * enough signatures, or odd ones, and every rule that asks whether somebody we
 * know has signed would be unknown.
 */
static void passed_facts(const struct signatures *signatures,
			 struct arena *arena, struct facts *facts)
{
	size_t count = signatures_count(signatures), passed = 0, possible = 0;
	struct text *items = arena_array(arena, 2 * count, sizeof(*items));
	struct text *others = items ? items + count : NULL;
	bool missed = signatures_missed(signatures), failed = false;

	if (!items && count > 0) {
		facts_unknown(facts, FACT_DKIM_POSSIBLE, CAUSE_LIMIT);
		facts_unknown(facts, FACT_DKIM_PASSED, CAUSE_LIMIT);
		return;
	}
	for (size_t i = 0; i < count; i++) {
		const struct signature *one = signatures_at(signatures, i);
		struct text domain = { one->domain, strlen(one->domain) };

		if (one->result == SIGNATURE_PASS)
			items[passed++] = domain;
		else if (one->result != SIGNATURE_TEMPERROR)
			continue;
		failed |= one->result == SIGNATURE_TEMPERROR;
		others[possible++] = domain;
	}
	if (missed)
		facts_set_partial(facts, FACT_DKIM_POSSIBLE, others, possible,
				  CAUSE_LIMIT);
	else
		facts_set(facts, FACT_DKIM_POSSIBLE, others, possible);
	if (failed || missed)
		facts_set_partial(facts, FACT_DKIM_PASSED, items, passed,
				  failed ? CAUSE_FAILED : CAUSE_LIMIT);
	else
		facts_set(facts, FACT_DKIM_PASSED, items, passed);
}

/* What the best one says would be another's, if there were a better one. */
static void facts_of_nothing(const struct signatures *signatures,
			     struct facts *facts)
{
	for (enum fact_id id = FACT_DKIM; id < FACT_DKIM_ALIGNED; id++)
		if (signatures_missed(signatures))
			facts_unknown(facts, id, CAUSE_LIMIT);
		else
			facts_none(facts, id);
}

void signatures_facts(const struct signatures *signatures, struct arena *arena,
		      struct facts *facts)
{
	const struct signature *best = signatures_best(signatures);

	if (signatures_missed(signatures))
		facts_unknown(facts, FACT_DKIM_COUNT, CAUSE_LIMIT);
	else
		facts_number(facts, FACT_DKIM_COUNT,
			     (int64_t)signatures_seen(signatures));
	if (best && (!signatures_missed(signatures) ||
		     best->result == SIGNATURE_TEMPERROR))
		facts_of_best(best, facts);
	else
		facts_of_nothing(signatures, facts);
	if (!best && !signatures_missed(signatures)) {
		for (enum fact_id id = FACT_DKIM_RESULTS;
		     id <= FACT_DKIM_PASSED; id++)
			facts_none(facts, id);
		return;
	}
	set_fact(signatures, arena, facts, FACT_DKIM_RESULTS, result_of);
	set_fact(signatures, arena, facts, FACT_DKIM_DOMAINS, domain_of);
	set_fact(signatures, arena, facts, FACT_DKIM_SELECTORS, selector_of);
	set_fact(signatures, arena, facts, FACT_DKIM_ALGORITHMS, algorithm_of);
	set_fact(signatures, arena, facts, FACT_DKIM_DIGESTS, digest_of);
	passed_facts(signatures, arena, facts);
}
