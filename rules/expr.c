/*
 * expr.c - what a condition says about these facts.
 */
#include "rules/expr.h"

#include <string.h>

#include "lists/list.h"
#include "rules/regex.h"
#include "rules/ruleset.h"

static unsigned char lower(char c)
{
	return (unsigned char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

bool text_equal(struct text a, struct text b, bool domain)
{
	if (domain && a.len > 0 && a.at[a.len - 1] == '.')
		a.len--;
	if (domain && b.len > 0 && b.at[b.len - 1] == '.')
		b.len--;
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++)
		if (lower(a.at[i]) != lower(b.at[i]))
			return false;
	return true;
}

static enum truth truth_of(bool yes)
{
	return yes ? TRUTH_TRUE : TRUTH_FALSE;
}

static bool number_compares(int64_t hundredths, enum ast_op op, int64_t value)
{
	switch (op) {
	case AST_OP_LESS: return hundredths < value;
	case AST_OP_LESS_EQUAL: return hundredths <= value;
	case AST_OP_GREATER: return hundredths > value;
	case AST_OP_GREATER_EQUAL: return hundredths >= value;
	default: return hundredths == value;
	}
}

static bool test_number(const struct test *test, int64_t fact)
{
	int64_t hundredths;

	if (__builtin_mul_overflow(fact, 100, &hundredths))
		hundredths = fact < 0 ? INT64_MIN : INT64_MAX;
	for (size_t i = 0; i < test->count; i++)
		if (number_compares(hundredths, test->op, test->numbers[i]))
			return true;
	return false;
}

static bool test_word(const struct test *test, unsigned word)
{
	for (size_t i = 0; i < test->count; i++)
		if (test->words[i] == word)
			return true;
	return false;
}

static bool test_network(const struct test *test, const struct ip *ip)
{
	for (size_t i = 0; i < test->count; i++)
		if (ip_in_prefix(ip, &test->networks[i]))
			return true;
	return false;
}

static bool test_text(const struct test *test, struct text value)
{
	for (size_t i = 0; i < test->count; i++)
		if (text_equal(value, test->texts[i], test->domain))
			return true;
	return false;
}

static bool filter_passes(const struct ast_filter *filter, uint32_t answer)
{
	switch (filter->kind) {
	case AST_FILTER_RANGE:
		return answer >= filter->from && answer <= filter->to;
	case AST_FILTER_WILD:
		for (unsigned i = 0; i < 4; i++) {
			unsigned octet = answer >> (24 - 8 * i) & 255;

			if (filter->octets[i] != 256 &&
			    filter->octets[i] != octet)
				return false;
		}
		return true;
	case AST_FILTER_MASK:
		return answer >> 24 == filter->base >> 24 &&
		       (answer & filter->mask) != 0;
	}
	return false;
}

bool answer_passes(struct text answer, const struct ast_filter *filters,
		   size_t count)
{
	struct ip ip;
	uint32_t number;

	if (ip_parse(answer.at, answer.len, &ip) < 0 || ip.family != 4)
		return false;
	number = (uint32_t)ip.bytes[0] << 24 | (uint32_t)ip.bytes[1] << 16 |
		 (uint32_t)ip.bytes[2] << 8 | ip.bytes[3];
	/* No listing, but a resolver's advertisement or an error's number. */
	if (number >> 24 != 127 || number >> 8 == 0x7fffff)
		return false;
	for (size_t i = 0; i < count; i++)
		if (filter_passes(&filters[i], number))
			return true;
	return false;
}

static enum truth match(const struct test *test, const struct regex *regex,
			struct text value, struct expr_view *view)
{
	uint64_t *work = test->rcpt != 0 ? &view->rcpt_work : &view->work;

	if (view->room == NULL)
		view->room = regex_room_take();
	if (view->room == NULL)
		return TRUTH_UNKNOWN;
	switch (regex_match(regex, view->room, value.at, value.len, work)) {
	case REGEX_YES: return TRUTH_TRUE;
	case REGEX_NO: return TRUTH_FALSE;
	case REGEX_LIMIT: break;
	}
	view->limits++;
	return TRUTH_UNKNOWN;
}

static enum truth in_list(const struct test *test, struct text value,
			  struct expr_view *view)
{
	const struct rule_list *entry = NULL;
	const struct regex *const *patterns;
	const struct list *list;
	enum truth answer = TRUTH_FALSE;
	size_t count;

	if (view->lists != NULL && test->list < view->lists->count)
		entry = view->lists->at[test->list];
	if (entry == NULL)
		return TRUTH_UNKNOWN; /* it could not be read */
	list = rule_list_content(entry);
	switch (list_kind(list)) {
	case LIST_IP: break; /* not for texts */
	case LIST_DOMAIN:
		return truth_of(list_has_domain(list, value.at, value.len));
	case LIST_ADDRESS:
		return truth_of(list_has_address(list, value.at, value.len));
	case LIST_REGEX:
		patterns = rule_list_patterns(entry, &count);
		for (size_t i = 0; i < count && answer != TRUTH_TRUE; i++)
			answer = truth_or(answer, match(test, patterns[i],
							value, view));
		return answer;
	}
	return TRUTH_FALSE;
}

static enum truth test_value(const struct test *test, struct text value,
			     struct expr_view *view)
{
	switch (test->kind) {
	case TEST_TEXT: return truth_of(test_text(test, value));
	case TEST_LIST: return in_list(test, value, view);
	case TEST_REGEX: return match(test, test->regex, value, view);
	case TEST_ANSWER:
		return truth_of(
			answer_passes(value, test->filters, test->count));
	default: return TRUTH_FALSE;
	}
}

/* Any of several values will do, also one that we may have missed. */
static enum truth test_set(const struct test *test, const struct fact *fact,
			   struct expr_view *view)
{
	enum truth answer = fact->partial ? TRUTH_UNKNOWN : TRUTH_FALSE;

	for (size_t i = 0; i < fact->set.count && answer != TRUTH_TRUE; i++)
		answer = truth_or(answer,
				  test_value(test, fact->set.items[i], view));
	return answer;
}

static enum truth ip_in_list(const struct test *test, const struct ip *ip,
			     const struct expr_view *view)
{
	const struct rule_list *entry = NULL;

	if (view->lists != NULL && test->list < view->lists->count)
		entry = view->lists->at[test->list];
	if (entry == NULL)
		return TRUTH_UNKNOWN;
	return truth_of(list_has_ip(rule_list_content(entry), ip));
}

static enum truth test_known(const struct test *test, const struct fact *fact,
			     struct expr_view *view)
{
	switch (test->type) {
	case FACT_TYPE_BOOL: return truth_of(fact->yes);
	case FACT_TYPE_NUMBER: return truth_of(test_number(test, fact->number));
	case FACT_TYPE_ENUM: return truth_of(test_word(test, fact->word));
	case FACT_TYPE_IP:
		if (test->kind == TEST_LIST)
			return ip_in_list(test, &fact->ip, view);
		return truth_of(test_network(test, &fact->ip));
	case FACT_TYPE_STRING: return test_value(test, fact->text, view);
	case FACT_TYPE_SET: return test_set(test, fact, view);
	}
	return TRUTH_UNKNOWN;
}

/* Dear tests are made once a message, however many times they are asked. */
static enum truth test_plain(const struct test *test, const struct fact *fact,
			     struct expr_view *view)
{
	uint8_t *memo = NULL;
	enum truth answer;

	if (test->memo != 0) {
		memo = &view->memo[test->memo - 1];
		if (*memo != TRUTH_PENDING)
			return (enum truth) * memo;
	}
	answer = test_known(test, fact, view);
	if (memo != NULL)
		*memo = (uint8_t)answer;
	return answer;
}

/* What is not known; `asked`: just that is what the test asks. */
static truth_pair unknown_test(const struct test *test, bool asked)
{
	if (asked)
		return TRUTH_PAIR(test->negated ? TRUTH_FALSE : TRUTH_TRUE,
				  TRUTH_UNKNOWN);
	return TRUTH_BOTH(TRUTH_UNKNOWN);
}

/* Did DNS not answer, so that the fact is nothing to go by? */
static bool is_temperror(const struct test *test, const struct expr_view *view)
{
	const struct fact *result;

	/* a header field or a list has no result, and no place among these */
	if (test->temperror < 0)
		return false;
	result = &view->facts->fixed[test->result];
	return result->state == FACT_KNOWN &&
	       (int)result->word == test->temperror;
}

/* Each of several results on its own: any that DNS has kept back is unknown. */
static truth_pair test_results(const struct test *test, const struct fact *fact,
			       struct expr_view *view)
{
	static const struct text temperror = { "temperror", 9 };
	enum truth now = fact->partial ? TRUTH_UNKNOWN : TRUTH_FALSE;
	enum truth fair = now;

	for (size_t i = 0; i < fact->set.count; i++) {
		const struct text *value = &fact->set.items[i];
		enum truth one = test_value(test, *value, view);
		bool lost = text_equal(*value, temperror, false);

		fair = truth_or(fair, lost ? TRUTH_UNKNOWN : one);
		now = truth_or(now, lost && one == TRUTH_FALSE ? TRUTH_UNKNOWN
							       : one);
	}
	if (test->negated)
		return TRUTH_PAIR(truth_not(now), truth_not(fair));
	return TRUTH_PAIR(now, fair);
}

static truth_pair fact_test(const struct test *test, struct expr_view *view)
{
	const struct fact *fact = facts_get(view->facts, test->ref);
	enum fact_state state = fact->state;
	enum truth answer = TRUTH_FALSE;

	if ((state == FACT_KNOWN || state == FACT_NONE) &&
	    is_temperror(test, view))
		return unknown_test(test, test->kind == TEST_UNKNOWN ||
						  test->asks_temperror);
	switch (state) {
	case FACT_PENDING: return TRUTH_BOTH(TRUTH_PENDING);
	case FACT_UNKNOWN:
	case FACT_NOT_ASKED:
		if (fact->waived)
			return TRUTH_BOTH(TRUTH_WAIVED);
		return unknown_test(test, test->kind == TEST_UNKNOWN);
	case FACT_NONE:
		if (test->kind != TEST_NONE && test->kind != TEST_UNKNOWN)
			return TRUTH_BOTH(truth_of(test->none_holds));
		answer = truth_of(test->kind == TEST_NONE);
		break;
	case FACT_KNOWN:
		if (test->kind == TEST_NONE || test->kind == TEST_UNKNOWN)
			break;
		if (test->ref.id == FACT_DKIM_RESULTS)
			return test_results(test, fact, view);
		answer = test_plain(test, fact, view);
		break;
	}
	if (test->negated)
		answer = truth_not(answer);
	return TRUTH_BOTH(answer);
}

static truth_pair test_eval(const struct test *test, struct expr_view *view)
{
	truth_pair *note;

	if (test->rcpt == 0)
		return fact_test(test, view);
	if (!view->rcpt)
		return TRUTH_BOTH(TRUTH_PENDING);
	note = &view->rcpt_tests[test->rcpt - 1];
	return *note = fact_test(test, view);
}

static truth_pair pair_and(truth_pair a, truth_pair b)
{
	return TRUTH_PAIR(truth_and(truth_now(a), truth_now(b)),
			  truth_and(truth_fair(a), truth_fair(b)));
}

static truth_pair pair_not(truth_pair a)
{
	return TRUTH_PAIR(truth_not(truth_now(a)), truth_not(truth_fair(a)));
}

truth_pair expr_eval(const struct expr *expr, struct expr_view *view)
{
	truth_pair *stack = view->stack;
	unsigned top = 0; /* how many there are */

	if (expr->code == NULL)
		return TRUTH_BOTH(TRUTH_FALSE);
	for (uint32_t at = 0; at < expr->count; at++) {
		const struct code *code = &expr->code[at];

		switch (code->op) {
		case CODE_TEST:
			stack[top++] = test_eval(code->test, view);
			break;
		case CODE_RULE: stack[top++] = view->rules[code->arg]; break;
		case CODE_NOT: stack[top - 1] = pair_not(stack[top - 1]); break;
		case CODE_AND:
			top--;
			stack[top - 1] = pair_and(stack[top - 1], stack[top]);
			break;
		case CODE_OR:
			top--;
			stack[top - 1] =
				pair_not(pair_and(pair_not(stack[top - 1]),
						  pair_not(stack[top])));
			break;
		case CODE_SKIP_FALSE:
			if (stack[top - 1] == TRUTH_BOTH(TRUTH_FALSE))
				at = code->arg - 1;
			break;
		case CODE_SKIP_TRUE:
			if (stack[top - 1] == TRUTH_BOTH(TRUTH_TRUE))
				at = code->arg - 1;
			break;
		}
	}
	return stack[0];
}

static enum phase later(enum phase a, enum phase b)
{
	return a > b ? a : b;
}

static enum phase earlier(enum phase a, enum phase b)
{
	return a < b ? a : b;
}

static struct span span_join(struct span a, struct span b, bool both)
{
	struct span span = {
		.can_true = both ? later(a.can_true, b.can_true)
				 : earlier(a.can_true, b.can_true),
		.can_false = both ? earlier(a.can_false, b.can_false)
				  : later(a.can_false, b.can_false),
		.latest = later(a.latest, b.latest),
		.per_rcpt = a.per_rcpt || b.per_rcpt,
	};

	return span;
}

struct span expr_span(const struct expr *expr,
		      const struct span *(*rule_span)(const void *context,
						      uint32_t rule),
		      const void *context)
{
	struct span stack[EXPR_STACK] = { 0 };
	unsigned top = 0;

	for (uint32_t at = 0; at < expr->count; at++) {
		const struct code *code = &expr->code[at];
		struct span *span = top > 0 ? &stack[top - 1] : NULL;
		enum phase phase;

		switch (code->op) {
		case CODE_TEST:
			phase = code->test->phase;
			stack[top++] = (struct span){ phase, phase, phase,
						      code->test->rcpt != 0 };
			break;
		case CODE_RULE:
			stack[top++] = *rule_span(context, code->arg);
			break;
		case CODE_NOT:
			phase = span->can_true;
			span->can_true = span->can_false;
			span->can_false = phase;
			break;
		case CODE_AND:
		case CODE_OR:
			top--;
			stack[top - 1] = span_join(stack[top - 1], stack[top],
						   code->op == CODE_AND);
			break;
		case CODE_SKIP_FALSE:
		case CODE_SKIP_TRUE: break;
		}
	}
	if (expr->count == 0)
		return (struct span){ .can_true = PHASE_COUNT };
	return stack[0];
}
