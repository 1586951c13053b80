/*
 * mailbox.h - whose mailboxes does a header field name?
 *
 * Reads the value of From, Sender, Reply-To, To and their like as RFC 5322
 * section 3.4 writes it, its obsolete forms (section 4.4) and UTF-8 (RFC 6532)
 * included.  Mail is judged by what is found here, so a forger gains where two
 * readers take two addresses from one field.  Hence three verdicts:
 *
 *   VALID       as the standard has it today
 *   RECOVERED   obsolete or wrong, yet every reader must find these addresses
 *   UNPARSABLE  readers may differ; nothing is handed out, `reason` says why
 *
 * Beyond the obsolete grammar these are recovered, being common and harmless:
 * dots at odd places of a phrase or a local part, brackets in a phrase, a final
 * ">" left out, a domain's final dot, bytes that are no UTF-8, and
 * "a@x.test <b@x.test>", as both readings name one domain.
 *
 * Grammatical, and refused all the same, since sloppy readers cut or decode
 * them: comments or blanks around the dots of a domain, encoded words in a
 * local part, control characters, quoted pairs in a literal, comments nested
 * deeper than MAIL_COMMENT_DEPTH, more than MAIL_MAILBOXES_MAX mailboxes.
 *
 * Time is linear, memory a few hundred bytes a mailbox, from the arena alone.
 */
#ifndef STEELYARD_RULES_MAIL_MAILBOX_H
#define STEELYARD_RULES_MAIL_MAILBOX_H

#include <stddef.h>

#include "rules/mail/address.h"

struct arena;

enum mailbox_verdict {
	MAILBOX_VALID,
	MAILBOX_RECOVERED,
	MAILBOX_UNPARSABLE,
};

enum mailbox_reason {
	MAILBOX_FINE,
	/* recovered: the first of these that was met */
	MAILBOX_OBSOLETE, /* a form of RFC 5322 section 4 */
	MAILBOX_PHRASE_DOTS,
	MAILBOX_PHRASE_BRACKETS,
	MAILBOX_LOCAL_DOTS, /* a..b@x.test, .a@x.test */
	MAILBOX_FINAL_DOT, /* a@x.test. */
	MAILBOX_UNCLOSED_ANGLE, /* <a@x.test */
	MAILBOX_RAW_BYTES, /* not UTF-8 */
	MAILBOX_SAID_TWICE, /* a@x.test <b@x.test> */
	/* unparsable */
	MAILBOX_NO_MEMORY,
	MAILBOX_EMPTY, /* no address at all */
	MAILBOX_TOO_MANY,
	MAILBOX_CONTROL, /* NUL or another control character */
	MAILBOX_LINE_BREAK, /* bare CR, or a line that is not folded */
	MAILBOX_CHARACTER, /* a character that must not stand there */
	MAILBOX_COMMENT, /* not closed, or nested too deep */
	MAILBOX_QUOTE, /* quoted string not closed */
	MAILBOX_BACKSLASH, /* behind bytes of an unknown charset */
	MAILBOX_BAD_LITERAL,
	MAILBOX_BAD_ANGLE, /* misplaced, empty, or broken inside */
	MAILBOX_BAD_ROUTE,
	MAILBOX_BAD_GROUP, /* not closed, nested, without a name */
	MAILBOX_NO_AT, /* words, but no address behind them */
	MAILBOX_BAD_LOCAL, /* several words before the @, or none */
	MAILBOX_ENCODED_LOCAL, /* an encoded word before the @ */
	MAILBOX_SPLIT_DOMAIN, /* blanks or comments around its dots */
	MAILBOX_BAD_DOMAIN, /* `domain_fault` says more */
	MAILBOX_MORE, /* something behind an address but a comma */
	MAILBOX_TWO_ADDRESSES, /* a@x.test <b@y.test> */
	/* only said by mailbox_author_domain() */
	MAILBOX_SEVERAL_DOMAINS,
	MAILBOX_ONLY_LITERAL, /* the domain is an IP address */
	MAILBOX_ONLY_ROUTE, /* the address has a source route */
	MAILBOX_ONLY_GROUP, /* the address is in a group, or the group empty */
};

/* The reason in words, e.g. "a comment that is not closed". */
const char *mailbox_reason_text(enum mailbox_reason reason);

enum mailbox_flag {
	MAILBOX_ANGLE = 1 << 0, /* written <a@x.test> */
	MAILBOX_ROUTE = 1 << 1, /* with a source route, left out */
	MAILBOX_IN_GROUP = 1 << 2,
	MAILBOX_QUOTED = 1 << 3, /* quoted string in the local part */
};

/* The strings lie in the arena, but for `display`, which is the caller's. */
struct mailbox {
	struct mailbox *next;
	const char *display; /* as sent, quotes and encoded words and folds
			      * included; NULL if there is none */
	size_t display_len;
	const char *local; /* as meant; may hold any byte but controls */
	size_t local_len;
	const char *domain; /* normalised, never empty */
	size_t domain_len;
	unsigned int domain_flags; /* enum domain_flag */
	unsigned int flags; /* enum mailbox_flag */
};

struct mailbox_list {
	enum mailbox_verdict verdict;
	enum mailbox_reason reason;
	enum address_fault domain_fault; /* with MAILBOX_BAD_DOMAIN */
	size_t at; /* where in the text the fault was seen */
	struct mailbox *first; /* in the order written; NULL if unparsable */
	size_t count;
	size_t groups;
};

/* `text` is a field's value, folds and leading blank as they came. */
void mailbox_parse(struct arena *arena, const char *text, size_t len,
		   struct mailbox_list *ret_list);

/*
 * The domain a From field speaks for, as DMARC means it: all mailboxes are in
 * this one, and none is in a group, behind a route or at a literal.  NULL when
 * there is no such domain; then `*ret_why` is set.
 */
const char *mailbox_author_domain(const struct mailbox_list *list,
				  enum mailbox_reason *ret_why);

#endif
