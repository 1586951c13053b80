/*
 * verdict.h - the sum, and what overrules it: one verdict.
 *
 * A pure function of hits.  Three things stand above the sum: exemptions,
 * classes of recipients, and the rule that unknown never counts against a
 * sender: a 5xx or a discard that some unknown rule, class or exemption could
 * have prevented becomes a 451.  A reject whose own reply is a 4xx is none of
 * these.  While a verdict is not certain, it is what would be said if nothing
 * more were learned.
 */
#ifndef STEELYARD_RULES_VERDICT_H
#define STEELYARD_RULES_VERDICT_H

#include <stdbool.h>
#include <stdint.h>

#include "rules/ast.h"
#include "rules/hits.h"

struct arena;
struct reply_template;

struct verdict {
	enum verdict_word word; /* what is to be said */
	enum verdict_word unsoftened; /* before an unknown turned it into 451 */
	bool certain; /* nothing still to come can change `word` */
	bool exempt; /* an exemption holds; word is accept */
	bool softened;
	bool class_certain;
	unsigned class_index; /* 0: default */
	struct bounds bounds;
	int32_t threshold; /* of unsoftened, hundredths; 0 for accept */
	const struct reply_template *reply; /* of `word`; NULL: built-in */
	const char *subject; /* tag: prefix for the Subject, or NULL */
};

struct verdict_settings {
	/*
	 * set on_unknown defer: a message that passes, and would not if the
	 * unknown were answered against its sender, is deferred with a 451.
	 * Between accept, tag and quarantine the unknown changes nothing.
	 */
	bool defer_on_unknown;
};

/* `hits` is one recipient's, or the message's where they are not told apart. */
struct verdict verdict_of(const struct hits *hits,
			  const struct verdict_settings *settings);

/* --- reply texts (reply text with %{...}), compiled at load ------------- */

struct reply_values {
	const char *hits; /* "A, B" */
	int32_t score; /* hundredths */
	const char *client_ip;
	int64_t wait; /* seconds */
	const char *ref; /* XXXX-XXXX */
};

/*
 * The parts of an SMTP reply: code "550", enhanced code "5.7.1", and lines of
 * text, each printable ASCII, cut so that the whole line with codes stays below
 * 510 bytes; the last one ends in "(ref XXXX-XXXX)".  '%' is not doubled here:
 * that is libmilter's need, at its door.
 */
enum { REPLY_LINES_MAX = 32 };
struct reply {
	char code[4];
	char enhanced[12];
	const char *lines[REPLY_LINES_MAX];
	unsigned line_count;
};

/*
 * Fills `ret_reply`; `word` picks the built-in text where `template` is NULL.
 * -1 when the arena has no room.
 */
int reply_make(const struct reply_template *template, enum verdict_word word,
	       const struct reply_values *values, struct arena *arena,
	       struct reply *ret_reply);

/* The template's class of code: 4 or 5. */
int reply_template_class(const struct reply_template *template);

/* "-1.50", "12.00": hundredths in every locale alike. */
enum { SCORE_TEXT = 16 };
const char *score_text(int32_t hundredths, char buffer[SCORE_TEXT]);

#endif
