/*
 * compile_verdict.c - thresholds, their replies, and who differs.
 *
 * What holds where no class matches is read first; a class begins as a copy of
 * it.
 */
#include "rules/compile.h"

#include <string.h>

#include "rules/reply_text.h"
#include "rules/verdict.h"

/* Where the statements of one class, or of none, have spoken already. */
struct said {
	struct place verdicts[VERDICT_WORDS];
	struct place greylist;
};

static bool was_said(struct compiler *c, struct place *said,
		     const struct ast_statement *statement, const char *what)
{
	if (said->line == 0) {
		*said = statement->place;
		return false;
	}
	diag_error(c->diag, statement->place, "%s is set twice", what);
	compile_hint_first(c, *said);
	return true;
}

static const struct reply_template *reply_compile(struct compiler *c,
						  enum verdict_word word,
						  const struct ast_value *value)
{
	struct reply_template *reply;
	char why[256];

	if (word != VERDICT_REJECT && word != VERDICT_DEFER) {
		diag_error(c->diag, value->place,
			   "only reject and defer have a reply");
		return NULL;
	}
	reply = reply_template_new(c->arena, value->text, value->len, why,
				   sizeof(why));
	if (reply == NULL) {
		diag_error(c->diag, value->place, "%s", why);
		return NULL;
	}
	if (word == VERDICT_DEFER && reply_template_class(reply) != 4)
		diag_error(c->diag, value->place,
			   "the reply of defer has a code 4xx: a 5xx is for "
			   "good");
	return reply;
}

static const char *subject_compile(struct compiler *c, enum verdict_word word,
				   const struct ast_value *value)
{
	enum { SUBJECT_MAX = 100 };
	char *copy;

	if (word != VERDICT_TAG) {
		diag_error(c->diag, value->place,
			   "only tag changes the Subject");
		return NULL;
	}
	for (size_t i = 0; i < value->len; i++) {
		if (value->text[i] >= 0x20 && value->text[i] <= 0x7e)
			continue;
		diag_error(c->diag, value->place,
			   "a prefix of the Subject is printable ASCII");
		return NULL;
	}
	if (value->len > SUBJECT_MAX) {
		diag_error(c->diag, value->place,
			   "a prefix of the Subject has at most %d bytes",
			   SUBJECT_MAX);
		return NULL;
	}
	copy = arena_strndup(c->arena, value->text, value->len);
	return compile_got(c, copy);
}

static void verdict_compile(struct compiler *c, struct rule_class *class,
			    struct said *said,
			    const struct ast_statement *statement)
{
	const struct ast_verdict *verdict = &statement->verdict;
	struct verdict_info *info = &class->verdicts[verdict->word];
	const struct reply_template *inherited = info->reply;
	const char *subject = info->subject;

	if (was_said(c, &said->verdicts[verdict->word], statement,
		     verdict_word_name(verdict->word)))
		return;
	*info = (struct verdict_info){
		.never = verdict->never,
		.threshold = verdict->threshold,
		.reply = inherited,
		.subject = subject,
		.place = statement->place,
	};
	if (verdict->reply != NULL)
		info->reply = reply_compile(c, verdict->word, verdict->reply);
	if (verdict->subject != NULL)
		info->subject =
			subject_compile(c, verdict->word, verdict->subject);
}

static void greylist_compile(struct compiler *c, struct rule_class *class,
			     struct said *said,
			     const struct ast_statement *statement)
{
	const struct ast_greylist *greylist = &statement->greylist;
	struct greylist_info *info = &class->greylist;

	if (was_said(c, &said->greylist, statement, "greylist"))
		return;
	info->place = statement->place;
	if (greylist->never) {
		info->never = true;
		return;
	}
	if (greylist->has_threshold) {
		info->never = false;
		info->threshold = greylist->threshold;
	} else if (info->never) {
		diag_error(c->diag, statement->place,
			   "greylist wants a score to begin at");
		diag_hint(c->diag, "as in \"greylist at 2.0 wait 5m\"");
	}
	if (greylist->wait >= 0)
		info->wait = greylist->wait;
	if (greylist->window >= 0)
		info->window = greylist->window;
	if (greylist->keep >= 0)
		info->keep = greylist->keep;
	if (info->window <= info->wait)
		diag_error(c->diag, statement->place,
			   "nobody can come back after the wait (%lld s) and "
			   "within the window (%lld s)",
			   (long long)info->wait, (long long)info->window);
}

static void body_compile(struct compiler *c, struct rule_class *class,
			 struct said *said,
			 const struct ast_statement *statement)
{
	if (statement->kind == AST_VERDICT)
		verdict_compile(c, class, said, statement);
	else if (statement->kind == AST_GREYLIST)
		greylist_compile(c, class, said, statement);
}

void compile_verdicts(struct compiler *c)
{
	struct rule_class *class = &c->rules->classes[0];
	struct said said = { 0 };
	const struct ast_statement *statement;

	for (unsigned word = VERDICT_ACCEPT + 1; word < VERDICT_WORDS; word++)
		class->verdicts[word].never = true;
	class->greylist = (struct greylist_info){
		.never = true,
		.wait = 5 * 60,
		.window = 2 * 86400,
		.keep = 36 * 86400,
	};
	for (statement = c->ast->first; statement != NULL;
	     statement = statement->next)
		body_compile(c, class, &said, statement);
	for (statement = c->ast->first; statement != NULL;
	     statement = statement->next) {
		const struct ast_statement *body;
		struct said here = { 0 };

		if (statement->kind != AST_CLASS)
			continue;
		class ++;
		memcpy(class->verdicts, c->rules->classes[0].verdicts,
		       sizeof(class->verdicts));
		class->greylist = c->rules->classes[0].greylist;
		for (body = statement->class.body; body != NULL;
		     body = body->next)
			body_compile(c, class, &here, body);
	}
}
