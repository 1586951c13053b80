/*
 * author.h - the one domain that a message speaks for.
 *
 * DMARC asks for the author's domain: RFC 9989 and RFC 7489 section 6.6.1 take
 * it from the From field, if there is exactly one.  A forger sends two, or one
 * that only some readers take for a From field, and shows the reader another
 * domain than the one that was checked.  So every field that any reader may
 * take for From is counted here, and only one that all of them must read alike
 * has a domain.
 *
 * Start with a zeroed struct, note every field of the header, then ask.
 */
#ifndef STEELYARD_RULES_MAIL_AUTHOR_H
#define STEELYARD_RULES_MAIL_AUTHOR_H

#include <stdbool.h>
#include <stddef.h>

#include "rules/mail/mailbox.h"

struct arena;
struct header_field;

enum author_answer {
	AUTHOR_ONE, /* the domain is known */
	AUTHOR_NO_FIELD,
	AUTHOR_SEVERAL_FIELDS,
	AUTHOR_DOUBTFUL_FIELD, /* not all readers see this From field */
	AUTHOR_NO_DOMAIN, /* mailbox_author_domain() says why */
};

/* The answer in words, e.g. "several From fields". */
const char *author_answer_text(enum author_answer answer);

struct author {
	size_t fields; /* From fields, doubtful ones included */
	bool doubtful; /* at least one was */
	struct mailbox_list list; /* what the first of them says */
};

/* Any field; those that have nothing to do with From are passed over. */
void author_note(struct author *author, struct arena *arena,
		 const struct header_field *field);

/*
 * `*ret_domain` is in the form of address.h, in the arena, and NULL unless the
 * answer is AUTHOR_ONE.  `*ret_why` is MAILBOX_FINE unless the answer is
 * AUTHOR_NO_DOMAIN.
 */
enum author_answer author_ask(const struct author *author,
			      const char **ret_domain,
			      enum mailbox_reason *ret_why);

#endif
