/*
 * fuzz_address.c - mailbox lists, envelope paths and domains.
 *
 * Short lists are read by the reference too, which knows every derivation the
 * grammar has.  Where we hand out addresses and the grammar produces the text,
 * the domains must be the same in all derivations; where we hand out none, the
 * grammar must not produce it, or the reason must be one of those by which
 * mailbox.h refuses what is grammatical.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rules/arena.h"
#include "rules/mail/address.h"
#include "rules/mail/ascii.h"
#include "rules/mail/mailbox.h"
#include "tests/fuzz/address_reference.h"
#include "tests/fuzz/fuzz.h"

#define MUST(x) ((x) ? (void)0 : broken(#x, __LINE__))

static const char *input;
static size_t input_len;

static void broken(const char *what, int line)
{
	fprintf(stderr, "line %d: not so: %s\ninput: ", line, what);
	for (size_t i = 0; i < input_len; i++)
		fprintf(stderr,
			ascii_is_control(input[i]) || ascii_is_8bit(input[i])
				? "\\x%02x"
				: "%c",
			(unsigned char)input[i]);
	fprintf(stderr, "\n");
	abort();
}

/* A domain handed out is in its one form already. */
static void check_form(const char *domain, size_t len)
{
	struct domain again;

	MUST(strlen(domain) == len);
	MUST(domain_normalise(domain, len, &again) == ADDRESS_FINE);
	MUST(strcmp(again.name, domain) == 0);
}

static void check_no_controls(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		MUST(!ascii_is_control(text[i]) || text[i] == '\t');
}

static void check_list(const struct mailbox_list *list)
{
	enum mailbox_reason why;
	const char *domain = mailbox_author_domain(list, &why);
	size_t count = 0;

	for (const struct mailbox *m = list->first; m; m = m->next) {
		count++;
		check_form(m->domain, m->domain_len);
		check_no_controls(m->local, m->local_len);
		if (m->display)
			MUST(m->display >= input &&
			     m->display + m->display_len <= input + input_len);
		if (domain)
			MUST(strcmp(domain, m->domain) == 0);
	}
	MUST(count == list->count);
	MUST((domain != NULL) == (why == MAILBOX_FINE));
	if (list->verdict == MAILBOX_UNPARSABLE)
		MUST(!domain && count == 0 &&
		     list->reason >= MAILBOX_NO_MEMORY);
	else
		MUST(count > 0 || list->groups > 0);
	MUST((list->verdict == MAILBOX_VALID) ==
	     (list->reason == MAILBOX_FINE));
}

static bool same_domains(const struct mailbox_list *list,
			 const struct reference *ref)
{
	const struct mailbox *m = list->first;

	for (size_t i = 0; i < ref->count; i++) {
		struct domain d;

		if (!m)
			return false;
		if (domain_normalise(ref->domains[i].text,
				     strlen(ref->domains[i].text),
				     &d) != ADDRESS_FINE ||
		    strcmp(d.name, m->domain) != 0)
			return false;
		m = m->next;
	}
	return m == NULL;
}

/* Reasons by which mailbox.h refuses what the grammar produces. */
static bool is_policy(enum mailbox_reason reason)
{
	return reason == MAILBOX_CONTROL || reason == MAILBOX_BAD_LITERAL ||
	       reason == MAILBOX_ENCODED_LOCAL ||
	       reason == MAILBOX_SPLIT_DOMAIN || reason == MAILBOX_BAD_DOMAIN ||
	       (reason == MAILBOX_LINE_BREAK && /* a quoted CR or LF */
		memchr(input, '\\', input_len));
}

/*
 * Two folds in a row pass the grammar where two rules each take one, though
 * section 3.2.2 forbids lines of blanks.
 */
static bool has_two_breaks(void)
{
	const char *lf = memchr(input, '\n', input_len);

	return lf && memchr(lf + 1, '\n', input_len - (size_t)(lf + 1 - input));
}

static void check_reference(const struct mailbox_list *list)
{
	static struct reference strict, full;
	size_t len = input_len;

	if (len > 0 && input[len - 1] == '\n')
		len -= len > 1 && input[len - 2] == '\r' ? 2 : 1;
	reference_read(input, len, false, &strict);
	reference_read(input, len, true, &full);
	MUST(full.matches || !strict.matches);

	if (list->verdict != MAILBOX_UNPARSABLE && full.matches)
		MUST(same_domains(list, &full));
	if (list->verdict == MAILBOX_VALID)
		MUST(strict.matches);
	else if (list->reason == MAILBOX_OBSOLETE)
		MUST(full.matches && (!strict.matches || has_two_breaks()));
	else if (list->verdict == MAILBOX_RECOVERED)
		MUST(!full.matches);
	else
		MUST(!full.matches || is_policy(list->reason));
}

static void check_path(struct arena *arena)
{
	struct address a, again;
	enum address_fault fault = address_parse(arena, input, input_len, &a);
	size_t len = strlen(a.canonical);

	check_no_controls(a.local, a.local_len);
	MUST(strlen(a.local) == a.local_len);
	if (fault != ADDRESS_FINE || (a.flags & ADDRESS_NULL)) {
		MUST(a.domain_len == 0);
		return;
	}
	MUST((a.domain_len == 0) == !!(a.flags & ADDRESS_POSTMASTER));
	if (a.domain_len > 0)
		check_form(a.domain, a.domain_len);
	if (len > MAIL_PATH_MAX)
		return; /* U-labels and quotes have made it longer */
	MUST(address_parse(arena, a.canonical, len, &again) == ADDRESS_FINE);
	MUST(strcmp(a.canonical, again.canonical) == 0);
	MUST(strcmp(a.local, again.local) == 0);
	MUST(strcmp(a.domain, again.domain) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mailbox_list list;
	struct domain domain;
	struct arena arena;

	input = (const char *)data;
	input_len = size;
	arena_init(&arena, 4 << 20);
	mailbox_parse(&arena, input, size, &list);
	check_list(&list);
	if (size <= REFERENCE_MAX)
		check_reference(&list);
	check_path(&arena);
	if (domain_normalise(input, size, &domain) == ADDRESS_FINE)
		check_form(domain.name, domain.len);
	arena_done(&arena);
	return 0;
}
