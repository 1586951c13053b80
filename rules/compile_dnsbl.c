/*
 * compile_dnsbl.c - each symbol of a DNS list is a rule that reads its answers.
 *
 * A list may be asked about several facts that become known one after the
 * other.  There is a slot for each phase in which one of them does; a symbol
 * holds if an answer in any of them passes its filter.  So an early listing
 * counts early, and a message without a body still gets its verdict at RCPT.
 */
#include "rules/compile.h"

#include <string.h>

struct questions {
	int64_t slots[PHASE_COUNT]; /* in order; the first `count` are used */
	size_t count;
};

/* The facts that are asked about, checked; returns how many. */
static size_t of_read(struct compiler *c, const struct ast_statement *statement,
		      enum fact_id *ids)
{
	size_t count = 0;

	if (statement->dnsbl.of_count == 0) {
		ids[0] = FACT_CLIENT_IP;
		return 1;
	}
	for (size_t i = 0; i < statement->dnsbl.of_count; i++) {
		const struct ast_word *word = &statement->dnsbl.of[i];
		int id = fact_find(word->text, strlen(word->text));
		const struct fact_row *row;

		if (id < 0) {
			diag_error(c->diag, word->place, "unknown fact \"%s\"",
				   word->text);
			compile_nearest(c, word->text, NULL, true);
			continue;
		}
		row = fact_row((enum fact_id)id);
		if (row->per_rcpt || (row->type != FACT_TYPE_IP &&
				      row->kind != FACT_KIND_DOMAIN)) {
			diag_error(c->diag, word->place,
				   "a DNS list is asked about the client's "
				   "address or a domain, not about \"%s\"",
				   word->text);
			continue;
		}
		ids[count++] = (enum fact_id)id;
	}
	return count;
}

static void slots_make(struct compiler *c,
		       const struct ast_statement *statement,
		       struct questions *questions)
{
	size_t room = statement->dnsbl.of_count + 1;
	enum fact_id *ids =
		compile_got(c, arena_array(c->arena, room, sizeof(*ids)));
	const char *zone = compile_copy(c, statement->name);
	size_t count;

	if (ids == NULL || zone == NULL)
		return;
	count = of_read(c, statement, ids);
	for (enum phase phase = 0; phase < PHASE_COUNT; phase++) {
		struct fact_slot slot = { .id = FACT_DNSBL,
					  .name = zone,
					  .phase = phase };
		enum fact_id *of = compile_got(c, arena_array(c->arena, count,
							      sizeof(*of)));

		if (of == NULL)
			return;
		for (size_t i = 0; i < count; i++)
			if (fact_row(ids[i])->phase == phase)
				of[slot.of_count++] = ids[i];
		slot.of = of;
		if (slot.of_count == 0)
			continue;
		questions->slots[questions->count] = compile_slot(c, &slot);
		if (questions->slots[questions->count] >= 0)
			questions->count++;
	}
}

/* Something that is neither in 127/8 nor outside of the errors' network? */
static bool filter_can_pass(const struct ast_filter *filter)
{
	const uint32_t first = 0x7f000000, errors = 0x7fffff00;
	const uint16_t *octets = filter->octets;

	switch (filter->kind) {
	case AST_FILTER_RANGE:
		return filter->from < errors && filter->to >= first;
	case AST_FILTER_WILD:
		if (octets[0] != 127 && octets[0] != 256)
			return false;
		return octets[1] != 255 || octets[2] != 255;
	case AST_FILTER_MASK:
		return filter->base >> 24 == 127 && filter->mask != 0;
	}
	return true;
}

static void filters_warn(struct compiler *c, const struct ast_reply *reply)
{
	for (size_t i = 0; i < reply->filter_count; i++) {
		if (filter_can_pass(&reply->filters[i]))
			continue;
		diag_warning(c->diag, reply->filters[i].place,
			     "no answer passes this filter");
		diag_hint(c->diag,
			  "a listing is in 127.0.0.0/8, and never in "
			  "127.255.255.0/24, where lists tell of errors");
	}
}

/* SLOT, or SLOT or SLOT ... */
static void answers_compile(struct compiler *c, const struct ast_reply *reply,
			    const struct questions *questions,
			    struct rule *rule)
{
	size_t room = questions->count * 3;
	struct code *code =
		compile_got(c, arena_array(c->arena, room, sizeof(*code)));
	uint32_t count = 0;

	if (code == NULL)
		return;
	for (size_t i = 0; i < questions->count; i++) {
		struct test *test =
			compile_got(c, arena_alloc(c->arena, sizeof(*test)));
		unsigned slot = (unsigned)questions->slots[i];

		if (test == NULL)
			return;
		*test = (struct test){
			.kind = TEST_ANSWER,
			.place = reply->place,
			.ref = { FACT_DNSBL, slot },
			.type = FACT_TYPE_SET,
			.phase = c->rules->slots[slot].phase,
			.count = rule->filter_count,
			.filters = rule->filters,
		};
		if (i > 0) {
			code[count] = (struct code){ .op = CODE_SKIP_TRUE,
						     .arg = count + 3 };
			count++;
		}
		code[count++] = (struct code){ .op = CODE_TEST, .test = test };
		if (i > 0)
			code[count++] = (struct code){ .op = CODE_OR };
	}
	rule->when = (struct expr){ code, count };
}

void compile_dnsbl(struct compiler *c, const struct ast_statement *statement,
		   size_t first)
{
	struct questions questions = { .count = 0 };
	bool live = false;

	slots_make(c, statement, &questions);
	for (size_t i = 0; i < statement->dnsbl.reply_count; i++) {
		const struct ast_reply *reply = &statement->dnsbl.replies[i];
		struct rule *rule = &c->rules->rules[first + i];
		struct ast_filter *filters =
			compile_got(c,
				    arena_array(c->arena, reply->filter_count,
						sizeof(*filters)));

		if (filters == NULL)
			return;
		if (reply->filter_count > 0)
			memcpy(filters, reply->filters,
			       reply->filter_count * sizeof(*filters));
		rule->filters = filters;
		rule->filter_count = reply->filter_count;
		rule->zone = compile_copy(c, statement->name);
		filters_warn(c, reply);
		live |= !rule->info.off;
		if (questions.count > 0 && !c->no_memory)
			answers_compile(c, reply, &questions, rule);
	}
	if (live)
		diag_warning(c->diag, statement->place,
			     "the check for DNS lists is not built in; what "
			     "\"%s\" says will never be known",
			     statement->name);
}
