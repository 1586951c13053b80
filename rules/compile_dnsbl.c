/*
 * compile_dnsbl.c - each symbol of a DNS list is a rule that reads its answers.
 *
 * A list may be asked about several facts that become known one after the
 * other.  There is a slot for those of the envelope and one for those of the
 * content; a symbol holds if an answer in either of them passes its filter.  So
 * an early listing counts early, and what needs no content gets its verdict at
 * RCPT.  What is asked about client and HELO is known at MAIL and not before,
 * as a client that has logged in is not asked about.
 */
#include "rules/compile.h"

#include <string.h>

struct questions {
	int64_t slots[PHASE_COUNT]; /* in order; the first `count` are used */
	size_t count;
};

/* The zone as it is compared: DNS knows no case. */
static const char *zone_copy(struct compiler *c, const char *written)
{
	size_t len = strlen(written);
	char *zone;

	if (len > 0 && written[len - 1] == '.')
		len--;
	zone = compile_got(c, arena_strndup(c->arena, written, len));
	for (size_t i = 0; zone != NULL && i < len; i++)
		if (zone[i] >= 'A' && zone[i] <= 'Z')
			zone[i] = (char)(zone[i] + ('a' - 'A'));
	return zone;
}

void compile_dnsbl_declare(struct compiler *c,
			   const struct ast_statement *statement)
{
	struct ruleset *rules = c->rules;
	struct rule_set_dnsbl *dnsbl = &rules->dnsbls[rules->dnsbl_count];
	uint32_t number;

	dnsbl->first = rules->rule_count;
	dnsbl->count = statement->dnsbl.reply_count;
	dnsbl->info = (struct dnsbl_info){
		.zone = zone_copy(c, statement->name),
		.ask = statement->dnsbl.ask,
		.test = compile_copy(c, statement->dnsbl.test),
		.place = statement->name_place,
	};
	if (dnsbl->info.zone == NULL)
		return;
	if (!compile_declare(c, &c->zones, dnsbl->info.zone,
			     (uint32_t)rules->dnsbl_count,
			     statement->name_place, "DNS list", &number) &&
	    !c->no_memory)
		compile_hint_first(c, rules->dnsbls[number].info.place);
	rules->dnsbl_count++;
}

static bool is_named(const enum fact_id *ids, size_t count, enum fact_id id)
{
	for (size_t i = 0; i < count; i++)
		if (ids[i] == id)
			return true;
	return false;
}

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
		if (is_named(ids, count, (enum fact_id)id)) {
			diag_error(c->diag, word->place,
				   "\"%s\" is named twice", word->text);
			continue;
		}
		ids[count++] = (enum fact_id)id;
	}
	return count;
}

static void of_compile(struct compiler *c,
		       const struct ast_statement *statement,
		       struct dnsbl_info *info)
{
	size_t room = statement->dnsbl.of_count + 1;
	size_t errors = c->diag->errors;
	enum fact_id *ids =
		compile_got(c, arena_array(c->arena, room, sizeof(*ids)));
	bool names = false;

	if (ids == NULL)
		return;
	info->of = ids;
	info->of_count = of_read(c, statement, ids);
	for (size_t i = 0; i < info->of_count; i++)
		names |= fact_row(ids[i])->type != FACT_TYPE_IP;
	if (statement->dnsbl.has_ask && !names && c->diag->errors == errors) {
		diag_error(c->diag, statement->dnsbl.ask_place,
			   "this list is asked about an address, which belongs "
			   "to no organisation");
		diag_hint(c->diag,
			  "\"ask\" says which name of a domain, as in: of "
			  "sender.domain ask organisation");
	}
}

/* The facts that become known in this phase, or before it if it is MAIL. */
static size_t of_phase(const struct dnsbl_info *info, enum phase phase,
		       enum fact_id *of)
{
	size_t count = 0;

	for (size_t i = 0; i < info->of_count; i++) {
		const struct fact_row *row = fact_row(info->of[i]);
		enum phase known =
			row->phase > PHASE_MAIL ? row->phase : PHASE_MAIL;

		if (known == phase && row->built)
			of[count++] = info->of[i];
	}
	return count;
}

static void slots_make(struct compiler *c, const struct rule_set_dnsbl *dnsbl,
		       struct questions *questions)
{
	for (enum phase phase = PHASE_MAIL; phase < PHASE_COUNT; phase++) {
		struct fact_slot slot = {
			.id = FACT_DNSBL,
			.name = dnsbl->info.zone,
			.phase = phase,
			.dnsbl = (size_t)(dnsbl - c->rules->dnsbls),
		};
		enum fact_id *of =
			compile_got(c, arena_array(c->arena,
						   dnsbl->info.of_count + 1,
						   sizeof(*of)));

		if (of == NULL)
			return;
		slot.of = of;
		slot.of_count = of_phase(&dnsbl->info, phase, of);
		if (slot.of_count == 0)
			continue;
		questions->slots[questions->count] = compile_slot(c, &slot);
		if (questions->slots[questions->count] >= 0)
			questions->count++;
	}
}

/* What no check of this build establishes cannot be asked about. */
static void of_warn(struct compiler *c, const struct ast_statement *statement,
		    const struct rule_set_dnsbl *dnsbl)
{
	bool any = false;

	for (size_t i = 0; i < dnsbl->info.of_count; i++) {
		const struct fact_row *row = fact_row(dnsbl->info.of[i]);

		any |= row->built;
		if (row->built)
			continue;
		/* An error stopped the reading, and its place is not known. */
		if (dnsbl->info.of_count != statement->dnsbl.of_count)
			continue;
		diag_warning(c->diag, statement->dnsbl.of[i].place,
			     "the check for \"%s\" is not built in; \"%s\" is "
			     "not asked about it",
			     row->name, dnsbl->info.zone);
	}
	if (!any && dnsbl->info.of_count > 0)
		diag_hint(c->diag, "so it is never asked, and none of its "
				   "symbols will fire");
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

static bool replies_compile(struct compiler *c,
			    const struct ast_statement *statement,
			    const struct rule_set_dnsbl *dnsbl)
{
	bool live = false;

	for (size_t i = 0; i < dnsbl->count; i++) {
		const struct ast_reply *reply = &statement->dnsbl.replies[i];
		struct rule *rule = &c->rules->rules[dnsbl->first + i];
		struct ast_filter *filters =
			compile_got(c,
				    arena_array(c->arena, reply->filter_count,
						sizeof(*filters)));

		if (filters == NULL)
			return false;
		if (reply->filter_count > 0)
			memcpy(filters, reply->filters,
			       reply->filter_count * sizeof(*filters));
		rule->filters = filters;
		rule->filter_count = reply->filter_count;
		rule->zone = dnsbl->info.zone;
		filters_warn(c, reply);
		live |= !rule->info.off;
	}
	return live;
}

void compile_dnsbl(struct compiler *c, const struct ast_statement *statement,
		   struct rule_set_dnsbl *dnsbl)
{
	struct questions questions = { .count = 0 };

	of_compile(c, statement, &dnsbl->info);
	dnsbl->info.off = !replies_compile(c, statement, dnsbl);
	if (dnsbl->info.off || c->no_memory)
		return;
	of_warn(c, statement, dnsbl);
	slots_make(c, dnsbl, &questions);
	if (questions.count == 0)
		return;
	for (size_t i = 0; i < dnsbl->count && !c->no_memory; i++)
		answers_compile(c, &statement->dnsbl.replies[i], &questions,
				&c->rules->rules[dnsbl->first + i]);
}
