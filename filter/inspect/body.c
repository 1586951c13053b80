/*
 * body.c - one pass over the body, most of it in memchr(), which is fast.
 */
#include "filter/inspect/body.h"

#include <string.h>

#include "rules/facts.h"

void body_init(struct body *body, uint64_t limit)
{
	*body = (struct body){ .limit = limit };
}

static void line_end(struct body *body, uint64_t len)
{
	if (len > body->longest)
		body->longest = len;
	body->line = 0;
}

/* Bytes of a line; the LF that may follow them is not among them. */
static void body_text(struct body *body, const char *at, size_t len)
{
	const char *end = at + len;
	const char *cr = at;

	if (len == 0)
		return;
	if (body->after_cr)
		body->bare_cr = true;
	body->line += len;
	while ((cr = memchr(cr, '\r', (size_t)(end - cr))) != NULL) {
		if (++cr == end)
			break;
		body->bare_cr = true;
	}
	body->after_cr = end[-1] == '\r';
}

static void body_lines(struct body *body, const char *at, size_t len)
{
	const char *end = at + len;

	while (at < end) {
		const char *lf = memchr(at, '\n', (size_t)(end - at));

		body_text(body, at, (size_t)((lf ? lf : end) - at));
		if (lf == NULL)
			return;
		if (!body->after_cr)
			body->bare_lf = true;
		line_end(body, body->line - (body->after_cr ? 1 : 0));
		body->after_cr = false;
		at = lf + 1;
	}
}

void body_read(struct body *body, const void *bytes, size_t len)
{
	if (len > body->limit - body->size) {
		len = (size_t)(body->limit - body->size);
		body->cut = true;
	}
	if (len == 0)
		return;
	body->size += len;
	if (memchr(bytes, '\0', len) != NULL)
		body->nul = true;
	body_lines(body, bytes, len);
}

static void found(struct facts *facts, enum fact_id id, bool yes, bool cut)
{
	if (!yes && cut)
		facts_unknown(facts, id, CAUSE_LIMIT);
	else
		facts_bool(facts, id, yes);
}

void body_finish(struct body *body, struct facts *facts)
{
	bool cut = body->cut;

	/* A CR in last place is bare, unless the LF lay behind the cut. */
	if (body->after_cr && !cut)
		body->bare_cr = true;
	line_end(body, body->line - (body->after_cr && cut ? 1 : 0));
	facts_number(facts, FACT_BODY_SIZE, (int64_t)body->size);
	facts_number(facts, FACT_BODY_LONGEST_LINE, (int64_t)body->longest);
	found(facts, FACT_BODY_NUL, body->nul, cut);
	found(facts, FACT_BODY_BARE_CR, body->bare_cr, cut);
	found(facts, FACT_BODY_BARE_LF, body->bare_lf, cut);
}
