/*
 * guess.c - what an inspector will ask of DNS, guessed from what passes by.
 */
#include "filter/guess.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "filter/inspect/dmarc.h"
#include "rules/mail/ascii.h"

enum { DOMAIN_MAX = 253 };

struct name {
	char text[DOMAIN_MAX + 1];
};

static bool may_be_in_name(char c)
{
	return ascii_is_alnum(c) || c == '-' || c == '.' || c == '_';
}

/* The name that begins here, in small letters; false if there is none. */
static bool take_name(const char *at, const char *end, struct name *ret)
{
	size_t len = 0;

	while (at < end && may_be_in_name(*at)) {
		if (len == DOMAIN_MAX)
			return false;
		ret->text[len++] = ascii_lower(*at++);
	}
	if (len > 0 && ret->text[len - 1] == '.')
		len--;
	ret->text[len] = '\0';
	return len > 0;
}

/* --- the envelope -------------------------------------------------------- */

void guess_envelope(const struct guess *guess, const char *sender,
		    const char *helo)
{
	const char *at = sender ? strrchr(sender, '@') : NULL;
	struct name name, other = { "" };

	if (helo != NULL && take_name(helo, helo + strlen(helo), &other))
		guess->name(guess->context, other.text, DNS_TXT);
	if (at != NULL && take_name(at + 1, at + strlen(at), &name) &&
	    strcmp(name.text, other.text) != 0)
		guess->name(guess->context, name.text, DNS_TXT);
}

/* --- the header ---------------------------------------------------------- */

static bool is_named(const char *name, size_t len, const char *wanted)
{
	while (len > 0 && ascii_is_blank(name[len - 1]))
		len--;
	return len == strlen(wanted) && strncasecmp(name, wanted, len) == 0;
}

static bool is_space(char c)
{
	return ascii_is_blank(c) || c == '\r' || c == '\n';
}

/* The name that is the tag's value (RFC 6376, 3.2). */
static bool take_tag(const char *value, const char *end, char tag,
		     struct name *ret)
{
	while (value < end) {
		const char *next = memchr(value, ';', (size_t)(end - value));

		while (value < end && is_space(*value))
			value++;
		if (value < end && *value == tag) {
			do
				value++;
			while (value < end && is_space(*value));
			if (value < end && *value == '=') {
				do
					value++;
				while (value < end && is_space(*value));
				return take_name(value, end, ret);
			}
		}
		value = next ? next + 1 : end;
	}
	return false;
}

static void guess_key(const struct guess *guess, const char *value,
		      const char *end)
{
	char key[2 * DOMAIN_MAX + sizeof("._domainkey.")];
	struct name domain, selector;

	if (!take_tag(value, end, 'd', &domain) ||
	    !take_tag(value, end, 's', &selector))
		return;
	snprintf(key, sizeof(key), "%s._domainkey.%s", selector.text,
		 domain.text);
	guess->name(guess->context, key, DNS_TXT);
}

/* His address comes last, whatever he is called. */
static void guess_policies(const struct guess *guess, const char *value,
			   size_t len)
{
	const char *at = memrchr(value, '@', len);
	const char *names[DMARC_WALK_MAX];
	char policy[sizeof("_dmarc.") + DOMAIN_MAX];
	struct name domain;
	size_t count;

	if (at == NULL || !take_name(at + 1, value + len, &domain))
		return;
	count = dmarc_walk_names(domain.text, names);
	for (size_t i = 0; i < count; i++) {
		snprintf(policy, sizeof(policy), "_dmarc.%s", names[i]);
		guess->name(guess->context, policy, DNS_TXT);
	}
}

void guess_field(const struct guess *guess, const char *name, size_t name_len,
		 const char *value, size_t value_len)
{
	if (is_named(name, name_len, "From"))
		guess_policies(guess, value, value_len);
	else if (is_named(name, name_len, "DKIM-Signature"))
		guess_key(guess, value, value + value_len);
}
