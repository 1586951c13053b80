/*
 * dkim_facts.c - the DKIM signatures of a message, as facts.
 */
#include "filter/inspect/dkim.h"

#include <inttypes.h>
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

static const char *coverage_of(const struct signature *signature)
{
	return signature->whole_body ? "yes" : "no";
}

/* False if there is no such number. */
static bool key_size_of(const struct signature *signature, int64_t *ret_bits)
{
	*ret_bits = signature->key_bits;
	return signature->key_bits > 0;
}

static bool age_of(const struct signature *signature, int64_t *ret_age)
{
	*ret_age = signature->age;
	return signature->has_age;
}

/* DNS kept back a key whose size might be any. */
static bool keys_are_missing(const struct signatures *signatures)
{
	for (size_t i = 0; i < signatures_count(signatures); i++) {
		const struct signature *one = signatures_at(signatures, i);

		if (one->result == SIGNATURE_TEMPERROR && one->key_bits == 0)
			return true;
	}
	return false;
}

/* There may be signatures that are not told of. */
static bool may_be_more(const struct signatures *signatures)
{
	return signatures_missed(signatures) ||
	       signatures_seen(signatures) > signatures_count(signatures);
}

void signatures_set(const struct signatures *signatures, struct facts *facts,
		    enum fact_id id, const struct text *items,
		    enum fact_cause open)
{
	size_t count = signatures_count(signatures);

	if (!items && count > 0)
		facts_unknown(facts, id, CAUSE_LIMIT);
	else if (open != CAUSE_UNSTATED)
		facts_set_partial(facts, id, items, count, open);
	else if (may_be_more(signatures))
		facts_set_partial(facts, id, items, count, CAUSE_LIMIT);
	else
		facts_set(facts, id, items, count);
}

static void set_texts(const struct signatures *signatures, struct arena *arena,
		      struct facts *facts, enum fact_id id,
		      const char *(*value)(const struct signature *))
{
	size_t count = signatures_count(signatures);
	struct text *items = arena_array(arena, count, sizeof(*items));

	for (size_t i = 0; items && i < count; i++) {
		items[i].at = value(signatures_at(signatures, i));
		items[i].len = strlen(items[i].at);
	}
	signatures_set(signatures, facts, id, items, CAUSE_UNSTATED);
}

/* Sets hold texts, so that is what these numbers become. */
static void set_numbers(const struct signatures *signatures,
			struct arena *arena, struct facts *facts,
			enum fact_id id,
			bool (*value)(const struct signature *, int64_t *),
			enum fact_cause open)
{
	size_t count = signatures_count(signatures);
	struct text *items = arena_array(arena, count, sizeof(*items));
	int64_t number;

	for (size_t i = 0; items && i < count; i++) {
		items[i].at = "";
		if (value(signatures_at(signatures, i), &number))
			items[i].at = arena_printf(arena, "%" PRId64, number);
		if (items[i].at)
			items[i].len = strlen(items[i].at);
		else
			items = NULL;
	}
	signatures_set(signatures, facts, id, items, open);
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

static void facts_of_each(const struct signatures *signatures,
			  struct arena *arena, struct facts *facts)
{
	set_texts(signatures, arena, facts, FACT_DKIM_RESULTS, result_of);
	set_texts(signatures, arena, facts, FACT_DKIM_DOMAINS, domain_of);
	set_texts(signatures, arena, facts, FACT_DKIM_SELECTORS, selector_of);
	set_texts(signatures, arena, facts, FACT_DKIM_ALGORITHMS, algorithm_of);
	set_texts(signatures, arena, facts, FACT_DKIM_DIGESTS, digest_of);
	set_numbers(signatures, arena, facts, FACT_DKIM_KEY_SIZES, key_size_of,
		    keys_are_missing(signatures) ? CAUSE_FAILED
						 : CAUSE_UNSTATED);
	set_texts(signatures, arena, facts, FACT_DKIM_COVERAGES, coverage_of);
	set_numbers(signatures, arena, facts, FACT_DKIM_AGES, age_of,
		    CAUSE_UNSTATED);
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
	facts_of_each(signatures, arena, facts);
	passed_facts(signatures, arena, facts);
}
