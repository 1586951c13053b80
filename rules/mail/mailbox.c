/* mailbox.c - see mailbox.h.  One pass over the tokens, one token ahead. */
#include "rules/mail/mailbox.h"

#include <stdbool.h>
#include <string.h>

#include "rules/arena.h"
#include "rules/mail/ascii.h"
#include "rules/mail/token.h"
#include "rules/mail/unicode.h"

static const char *const reason_texts[] = {
	[MAILBOX_FINE] = "fine",
	[MAILBOX_OBSOLETE] = "an obsolete form",
	[MAILBOX_PHRASE_DOTS] = "a phrase that begins with a dot",
	[MAILBOX_PHRASE_BRACKETS] = "brackets in a phrase",
	[MAILBOX_LOCAL_DOTS] = "dots in a row or at an end before the @",
	[MAILBOX_FINAL_DOT] = "a domain with a final dot",
	[MAILBOX_UNCLOSED_ANGLE] = "no > at the end",
	[MAILBOX_RAW_BYTES] = "bytes that are no UTF-8",
	[MAILBOX_SAID_TWICE] = "an address in place of a phrase",
	[MAILBOX_NO_MEMORY] = "the message's memory is used up",
	[MAILBOX_EMPTY] = "no address",
	[MAILBOX_TOO_MANY] = "more than 1,000 mailboxes",
	[MAILBOX_CONTROL] = "a control character",
	[MAILBOX_LINE_BREAK] = "a line break that is no fold",
	[MAILBOX_CHARACTER] = "a character out of place",
	[MAILBOX_COMMENT] = "a comment not closed or nested too deep",
	[MAILBOX_QUOTE] = "a quoted string not closed",
	[MAILBOX_BACKSLASH] = "a backslash among bytes that are no UTF-8",
	[MAILBOX_BAD_LITERAL] = "a broken literal",
	[MAILBOX_BAD_ANGLE] = "angle brackets out of place",
	[MAILBOX_BAD_ROUTE] = "a broken route",
	[MAILBOX_BAD_GROUP] = "a broken group",
	[MAILBOX_NO_AT] = "words without an address",
	[MAILBOX_BAD_LOCAL] = "several words before the @, or none",
	[MAILBOX_ENCODED_LOCAL] = "an encoded word before the @",
	[MAILBOX_SPLIT_DOMAIN] = "blanks or comments inside a domain",
	[MAILBOX_BAD_DOMAIN] = "a broken domain",
	[MAILBOX_MORE] = "something other than a comma behind an address",
	[MAILBOX_TWO_ADDRESSES] = "two addresses without a comma",
	[MAILBOX_SEVERAL_DOMAINS] = "several domains",
	[MAILBOX_ONLY_LITERAL] = "an IP address for a domain",
	[MAILBOX_ONLY_ROUTE] = "an address with a source route",
	[MAILBOX_ONLY_GROUP] = "a group",
};

const char *mailbox_reason_text(enum mailbox_reason reason)
{
	size_t n = sizeof(reason_texts) / sizeof(reason_texts[0]);

	return (size_t)reason < n ? reason_texts[reason] : "unknown reason";
}

struct parse {
	struct arena *arena;
	struct token_reader reader;
	struct token token; /* the one ahead */
	struct mailbox_list *list;
	struct mailbox **tail;
	bool in_group;
};

/* Words and dots in a row: a phrase, or the local part of an address? */
struct words {
	size_t start, end; /* end == start: there are none */
	size_t count; /* words, dots aside */
	char last; /* 'w' or '.', what came last */
	bool first_dot; /* begins with a dot */
	bool dots;
	bool odd_dots; /* at an end, or two in a row */
	bool juxtaposed; /* two words without a dot between */
	bool spread; /* blanks or comments around a dot */
	bool quoted;
	bool brackets;
};

static bool fail(struct parse *p, enum mailbox_reason reason)
{
	p->list->verdict = MAILBOX_UNPARSABLE;
	p->list->reason = reason;
	p->list->at = p->token.start;
	return false;
}

/* What is furthest from the standard comes last in the enum, and is kept. */
static void recover(struct parse *p, enum mailbox_reason reason)
{
	if (p->list->reason < reason) {
		p->list->reason = reason;
		p->list->at = p->token.start;
	}
	p->list->verdict = MAILBOX_RECOVERED;
}

static bool next(struct parse *p)
{
	static const enum mailbox_reason reasons[] = {
		[TOKEN_CONTROL] = MAILBOX_CONTROL,
		[TOKEN_LINE_BREAK] = MAILBOX_LINE_BREAK,
		[TOKEN_CHARACTER] = MAILBOX_CHARACTER,
		[TOKEN_COMMENT] = MAILBOX_COMMENT,
		[TOKEN_QUOTE] = MAILBOX_QUOTE,
		[TOKEN_BRACKET] = MAILBOX_BAD_LITERAL,
	};

	token_next(&p->reader, &p->token);
	if (p->token.type == TOKEN_BAD)
		return fail(p, reasons[p->token.bad]);
	if (p->token.obsolete)
		recover(p, MAILBOX_OBSOLETE);
	return true;
}

static bool at_special(const struct parse *p, char c)
{
	return p->token.type == TOKEN_SPECIAL && p->token.special == c;
}

static bool at_end(const struct parse *p)
{
	return p->token.type == TOKEN_END;
}

/* "[Sales]" in a phrase is harmless; "[a@x.test]" or "[a <b]" is not. */
static bool harmless_brackets(const char *text, size_t len)
{
	for (size_t i = 1; i + 1 < len; i++)
		if (!address_is_atext(text[i]) && text[i] != '.' &&
		    !ascii_is_blank(text[i]))
			return false;
	return true;
}

static bool add_word(struct parse *p, struct words *w)
{
	const struct token *t = &p->token;

	if (t->type == TOKEN_LITERAL) {
		if (!harmless_brackets(p->reader.text + t->start,
				       t->end - t->start))
			return fail(p, MAILBOX_CHARACTER);
		w->brackets = w->juxtaposed = true;
	}
	if (t->type == TOKEN_QUOTED)
		w->quoted = true;
	if (w->last == 'w')
		w->juxtaposed = true;
	w->count++;
	w->last = 'w';
	return true;
}

static void add_dot(struct words *w)
{
	if (w->last != 'w')
		w->odd_dots = true;
	if (!w->last)
		w->first_dot = true;
	w->dots = true;
	w->last = '.';
}

/* Takes words and dots as long as there are any. */
static bool read_words(struct parse *p, struct words *w)
{
	*w = (struct words){ .start = p->token.start, .end = p->token.start };
	for (;;) {
		bool dot = at_special(p, '.');

		if (!dot && p->token.type != TOKEN_ATOM &&
		    p->token.type != TOKEN_QUOTED &&
		    p->token.type != TOKEN_LITERAL)
			break;
		if (p->token.space && w->last && (dot || w->last == '.'))
			w->spread = true;
		if (dot)
			add_dot(w);
		else if (!add_word(p, w))
			return false;
		w->end = p->token.end;
		if (!next(p))
			return false;
	}
	if (w->last == '.')
		w->odd_dots = true;
	return true;
}

/* The words are a display name, of a mailbox or a group. */
static void accept_phrase(struct parse *p, const struct words *w)
{
	if (w->brackets)
		recover(p, MAILBOX_PHRASE_BRACKETS);
	if (w->first_dot)
		recover(p, MAILBOX_PHRASE_DOTS);
	else if (w->dots)
		recover(p, MAILBOX_OBSOLETE);
}

/* Some readers decode before they parse, and would see another address. */
static bool has_encoded_word(const char *text, size_t len)
{
	const char *open = memmem(text, len, "=?", 2);

	return open &&
	       memmem(open + 2, len - (size_t)(open + 2 - text), "?=", 2);
}

/* The words stand before an @: fills in the local part they mean. */
static bool accept_local(struct parse *p, const struct words *w,
			 struct mailbox *mailbox)
{
	const char *text = p->reader.text;
	struct token_reader reader = { .text = text,
				       .len = w->end,
				       .pos = w->start };
	struct token token;
	size_t used = 0;
	char *local;

	if (w->count == 0 || w->juxtaposed)
		return fail(p, MAILBOX_BAD_LOCAL);
	if (has_encoded_word(text + w->start, w->end - w->start))
		return fail(p, MAILBOX_ENCODED_LOCAL);
	if (w->spread || (w->quoted && w->dots))
		recover(p, MAILBOX_OBSOLETE);
	if (w->odd_dots)
		recover(p, MAILBOX_LOCAL_DOTS);

	local = arena_alloc(p->arena, w->end - w->start + 1);
	if (!local)
		return fail(p, MAILBOX_NO_MEMORY);
	for (;;) {
		size_t len;

		token_next(&reader, &token);
		if (token.type == TOKEN_END)
			break;
		len = token.end - token.start;
		if (token.type == TOKEN_QUOTED) {
			used += token_unquote(text + token.start, len,
					      local + used);
		} else {
			memcpy(local + used, text + token.start, len);
			used += len;
		}
	}
	mailbox->local = local;
	mailbox->local_len = used;
	if (w->quoted)
		mailbox->flags |= MAILBOX_QUOTED;
	return true;
}

static bool bad_domain(struct parse *p, enum address_fault fault)
{
	p->list->domain_fault = fault;
	return fail(p, MAILBOX_BAD_DOMAIN);
}

/* A literal may be folded; what counts is what remains without the blanks. */
static bool read_literal(struct parse *p, struct domain *ret)
{
	char copy[64];
	size_t used = 0;
	enum address_fault fault;

	for (size_t i = p->token.start; i < p->token.end; i++) {
		char c = p->reader.text[i];

		if (ascii_is_blank(c) || c == '\r' || c == '\n')
			continue;
		if (used == sizeof(copy))
			return bad_domain(p, ADDRESS_DOMAIN_LITERAL);
		copy[used++] = c;
	}
	fault = domain_normalise(copy, used, ret);
	if (fault != ADDRESS_FINE)
		return bad_domain(p, fault);
	return next(p);
}

/* The @ is ahead; takes it and the domain behind it. */
static bool read_domain(struct parse *p, struct domain *ret)
{
	size_t start, end;
	bool dot = false;
	enum address_fault fault;

	if (!next(p))
		return false;
	if (p->token.type == TOKEN_LITERAL)
		return read_literal(p, ret);
	start = end = p->token.start;
	while (p->token.type == TOKEN_ATOM || at_special(p, '.')) {
		if (end > start && p->token.space) {
			if (dot || at_special(p, '.'))
				return fail(p, MAILBOX_SPLIT_DOMAIN);
			break;
		}
		dot = at_special(p, '.');
		end = p->token.end;
		if (!next(p))
			return false;
	}
	fault = domain_normalise(p->reader.text + start, end - start, ret);
	if (fault != ADDRESS_FINE)
		return bad_domain(p, fault);
	if (ret->flags & DOMAIN_FINAL_DOT)
		recover(p, MAILBOX_FINAL_DOT);
	return true;
}

/* The words are read and the @ is ahead: takes the address up to its end. */
static bool read_addr_spec(struct parse *p, const struct words *w,
			   struct mailbox *mailbox)
{
	struct domain domain;

	if (!accept_local(p, w, mailbox) || !read_domain(p, &domain))
		return false;
	mailbox->domain = arena_strndup(p->arena, domain.name, domain.len);
	if (!mailbox->domain)
		return fail(p, MAILBOX_NO_MEMORY);
	mailbox->domain_len = domain.len;
	mailbox->domain_flags = domain.flags;
	return true;
}

/* obs-route: *"," "@" domain *("," ["@" domain]) ":" */
static bool skip_route(struct parse *p)
{
	struct domain domain;

	while (at_special(p, ','))
		if (!next(p))
			return false;
	if (!at_special(p, '@'))
		return fail(p, MAILBOX_BAD_ROUTE);
	if (!read_domain(p, &domain))
		return false;
	while (at_special(p, ',')) {
		if (!next(p))
			return false;
		if (at_special(p, '@') && !read_domain(p, &domain))
			return false;
	}
	if (!at_special(p, ':'))
		return fail(p, MAILBOX_BAD_ROUTE);
	recover(p, MAILBOX_OBSOLETE);
	return next(p);
}

/* The < is ahead; takes all up to the > and that too. */
static bool read_angle(struct parse *p, struct mailbox *mailbox)
{
	struct words w;

	mailbox->flags |= MAILBOX_ANGLE;
	if (!next(p))
		return false;
	if (at_special(p, '@') || at_special(p, ',')) {
		if (!skip_route(p))
			return false;
		mailbox->flags |= MAILBOX_ROUTE;
	}
	if (!read_words(p, &w))
		return false;
	if (!at_special(p, '@'))
		return fail(p, MAILBOX_BAD_ANGLE);
	if (!read_addr_spec(p, &w, mailbox))
		return false;
	if (at_end(p)) {
		recover(p, MAILBOX_UNCLOSED_ANGLE);
		return true;
	}
	if (!at_special(p, '>'))
		return fail(p, MAILBOX_BAD_ANGLE);
	return next(p);
}

/* "a@x.test <b@x.test>": the first was meant for a phrase. */
static bool read_second(struct parse *p, size_t start, size_t end,
			struct mailbox *mailbox)
{
	struct mailbox second = { .flags = 0 };

	if (!read_angle(p, &second))
		return false;
	if (!ascii_equal(mailbox->domain, mailbox->domain_len, second.domain,
			 second.domain_len))
		return fail(p, MAILBOX_TWO_ADDRESSES);
	recover(p, MAILBOX_SAID_TWICE);
	*mailbox = second;
	mailbox->display = p->reader.text + start;
	mailbox->display_len = end - start;
	return true;
}

static bool read_mailbox(struct parse *p, const struct words *w)
{
	struct mailbox *mailbox;
	size_t end;

	if (p->list->count == MAIL_MAILBOXES_MAX)
		return fail(p, MAILBOX_TOO_MANY);
	mailbox = arena_alloc(p->arena, sizeof(*mailbox));
	if (!mailbox)
		return fail(p, MAILBOX_NO_MEMORY);

	if (at_special(p, '<')) {
		if (w->end > w->start) {
			accept_phrase(p, w);
			mailbox->display = p->reader.text + w->start;
			mailbox->display_len = w->end - w->start;
		}
		if (!read_angle(p, mailbox))
			return false;
	} else if (at_special(p, '@')) {
		if (!read_addr_spec(p, w, mailbox))
			return false;
		end = p->token.start;
		while (end > w->start &&
		       (ascii_is_blank(p->reader.text[end - 1]) ||
			p->reader.text[end - 1] == '\n' ||
			p->reader.text[end - 1] == '\r'))
			end--;
		if (at_special(p, '<') &&
		    !read_second(p, w->start, end, mailbox))
			return false;
	} else {
		return fail(p, w->end > w->start ? MAILBOX_NO_AT
						 : MAILBOX_CHARACTER);
	}
	if (p->in_group)
		mailbox->flags |= MAILBOX_IN_GROUP;
	*p->tail = mailbox;
	p->tail = &mailbox->next;
	p->list->count++;
	return true;
}

/* A mailbox or the beginning of a group, and the comma behind a mailbox. */
static bool read_element(struct parse *p)
{
	struct words w;

	if (!read_words(p, &w))
		return false;
	if (at_special(p, ':')) {
		if (p->in_group || w.count == 0)
			return fail(p, MAILBOX_BAD_GROUP);
		accept_phrase(p, &w);
		p->in_group = true;
		p->list->groups++;
		return next(p);
	}
	if (!read_mailbox(p, &w))
		return false;
	if (at_end(p) || at_special(p, ';'))
		return true;
	if (!at_special(p, ','))
		return fail(p, MAILBOX_MORE);
	if (!next(p))
		return false;
	if (at_end(p) || at_special(p, ';'))
		recover(p, MAILBOX_OBSOLETE); /* nothing behind the comma */
	return true;
}

/* The ; is ahead. */
static bool close_group(struct parse *p)
{
	if (!p->in_group)
		return fail(p, MAILBOX_CHARACTER);
	p->in_group = false;
	if (!next(p) || at_end(p))
		return p->list->verdict != MAILBOX_UNPARSABLE;
	if (!at_special(p, ','))
		return fail(p, MAILBOX_MORE);
	if (!next(p))
		return false;
	if (at_end(p))
		recover(p, MAILBOX_OBSOLETE);
	return true;
}

static bool read_list(struct parse *p)
{
	if (!next(p))
		return false;
	while (!at_end(p)) {
		bool ok;

		if (at_special(p, ',')) {
			recover(p, MAILBOX_OBSOLETE); /* an empty element */
			ok = next(p);
		} else if (at_special(p, ';')) {
			ok = close_group(p);
		} else {
			ok = read_element(p);
		}
		if (!ok)
			return false;
	}
	if (p->in_group)
		return fail(p, MAILBOX_BAD_GROUP);
	if (p->list->count == 0 && p->list->groups == 0)
		return fail(p, MAILBOX_EMPTY);
	return true;
}

void mailbox_parse(struct arena *arena, const char *text, size_t len,
		   struct mailbox_list *ret_list)
{
	struct parse p = { .arena = arena, .list = ret_list };
	bool ok = true;

	*ret_list = (struct mailbox_list){ .verdict = MAILBOX_VALID };
	p.tail = &ret_list->first;
	if (len > 0 && text[len - 1] == '\n')
		len -= len > 1 && text[len - 2] == '\r' ? 2 : 1;
	p.reader = (struct token_reader){ .text = text, .len = len };

	/*
	 * In Shift_JIS and its kin a backslash may be half a character.  Who
	 * reads it so sees another string end than we do.
	 */
	if (!unicode_valid(text, len)) {
		recover(&p, MAILBOX_RAW_BYTES);
		if (memchr(text, '\\', len))
			ok = fail(&p, MAILBOX_BACKSLASH);
	}
	if (!ok || !read_list(&p)) {
		ret_list->first = NULL;
		ret_list->count = 0;
		ret_list->groups = 0;
	}
}

const char *mailbox_author_domain(const struct mailbox_list *list,
				  enum mailbox_reason *ret_why)
{
	const struct mailbox *first = list->first;

	*ret_why = MAILBOX_FINE;
	if (list->verdict == MAILBOX_UNPARSABLE)
		*ret_why = list->reason;
	else if (!first)
		*ret_why = list->groups ? MAILBOX_ONLY_GROUP : MAILBOX_EMPTY;
	for (const struct mailbox *m = first; m; m = m->next) {
		if (!ascii_equal(m->domain, m->domain_len, first->domain,
				 first->domain_len))
			*ret_why = MAILBOX_SEVERAL_DOMAINS;
		else if (m->domain_flags & (DOMAIN_LITERAL | DOMAIN_BARE_IP))
			*ret_why = MAILBOX_ONLY_LITERAL;
		else if (m->flags & MAILBOX_ROUTE)
			*ret_why = MAILBOX_ONLY_ROUTE;
		else if (m->flags & MAILBOX_IN_GROUP)
			*ret_why = MAILBOX_ONLY_GROUP;
		if (*ret_why == MAILBOX_SEVERAL_DOMAINS)
			break;
	}
	return *ret_why == MAILBOX_FINE ? first->domain : NULL;
}
