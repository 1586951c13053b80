/* signatures_double.c - signatures whose results stand in the message. */
#include "tests/unit/signatures_double.h"

#include <stdio.h>
#include <string.h>

#include "filter/inspect/dkim.h"
#include "rules/arena.h"
#include "rules/facts.h"
#include "rules/mail/ascii.h"

struct signatures_heard signatures_heard;
bool signatures_double_fails;

struct signatures {
	struct arena *arena;
	struct signature list[SIGNATURES_SEEN_MAX];
	size_t count;
	bool cut, missed, freed;
};

static const char *const words[] = {
	[SIGNATURE_PASS] = "pass",
	[SIGNATURE_POLICY] = "policy",
	[SIGNATURE_FAIL] = "fail",
	[SIGNATURE_NEUTRAL] = "neutral",
	[SIGNATURE_PERMERROR] = "permerror",
	[SIGNATURE_TEMPERROR] = "temperror",
};

const char *signature_result_name(enum signature_result result)
{
	return words[result];
}

struct signatures *signatures_new(struct arena *arena, struct inspect_dns *dns,
				  int64_t now)
{
	struct signatures *s;

	(void)dns;
	(void)now;
	if (signatures_double_fails)
		return NULL;
	s = arena_alloc(arena, sizeof(*s));
	if (s != NULL) {
		s->arena = arena;
		signatures_heard.alive++;
	}
	return s;
}

void signatures_free(struct signatures *s)
{
	if (s == NULL || s->freed)
		return;
	s->freed = true;
	signatures_heard.alive--;
}

static void read_signature(struct signatures *s, const char *value, size_t len)
{
	struct signature *one = &s->list[s->count];
	const char *text = arena_strndup(s->arena, value, len);
	const char *domain;

	if (text == NULL || s->count == SIGNATURES_SEEN_MAX)
		return;
	*one = (struct signature){ .result = SIGNATURE_NEUTRAL,
				   .domain = "",
				   .selector = "",
				   .algorithm = "" };
	while (ascii_is_blank(*text))
		text++;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strncmp(text, words[i], strlen(words[i])) == 0)
			one->result = (enum signature_result)i;
	domain = strstr(text, "d=");
	if (domain != NULL)
		one->domain = domain + 2;
	s->count++;
}

void signatures_header(struct signatures *s, const char *name, size_t name_len,
		       const char *value, size_t value_len, bool cut)
{
	size_t used = strlen(signatures_heard.names);

	signatures_heard.fields++;
	snprintf(signatures_heard.names + used,
		 sizeof(signatures_heard.names) - used, "%.*s|", (int)name_len,
		 name);
	s->cut |= cut;
	if (ascii_equal(name, name_len, "DKIM-Signature", 14))
		read_signature(s, value, value_len);
}

void signatures_beyond(struct signatures *s)
{
	s->cut = s->missed = true;
}

bool signatures_missed(const struct signatures *s)
{
	return s->missed;
}

bool signatures_eoh(struct signatures *s, const char *author)
{
	snprintf(signatures_heard.author, sizeof(signatures_heard.author), "%s",
		 author ? author : "-");
	return s->count > 0;
}

void signatures_body(struct signatures *s, const void *bytes, size_t len)
{
	(void)s;
	(void)bytes;
	signatures_heard.body += len;
}

void signatures_finish(struct signatures *s, bool body_cut)
{
	signatures_heard.body_cut = body_cut;
	signatures_heard.finished = true;
	for (size_t i = 0; i < s->count; i++)
		if (s->cut || body_cut)
			s->list[i].result = SIGNATURE_TEMPERROR;
}

size_t signatures_count(const struct signatures *s)
{
	return s->count;
}

const struct signature *signatures_at(const struct signatures *s, size_t index)
{
	return &s->list[index];
}

size_t signatures_seen(const struct signatures *s)
{
	return s->count;
}

const struct signature *signatures_best(const struct signatures *s)
{
	const struct signature *best = NULL;

	for (size_t i = 0; i < s->count; i++)
		if (best == NULL || s->list[i].result < best->result)
			best = &s->list[i];
	return best;
}

void signatures_set(const struct signatures *s, struct facts *facts,
		    enum fact_id id, const struct text *items,
		    enum fact_cause open)
{
	if (open != CAUSE_UNSTATED || s->missed)
		facts_set_partial(facts, id, items, s->count,
				  s->missed ? CAUSE_LIMIT : open);
	else
		facts_set(facts, id, items, s->count);
}

void signatures_facts(const struct signatures *s, struct arena *arena,
		      struct facts *facts)
{
	const struct signature *best = signatures_best(s);

	(void)arena;
	for (int id = FACT_DKIM; id <= FACT_DKIM_PASSED; id++)
		if (id != FACT_DKIM_ALIGNED)
			facts_none(facts, (enum fact_id)id);
	if (best != NULL)
		facts_word(facts, FACT_DKIM, best->result);
}
