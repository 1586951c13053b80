/*
 * sender.c - the envelope sender, what MAIL declared, and who has logged in.
 *
 * Where there is no room for a value its fact is unknown: none would mean that
 * there was nothing, and rules punish that.
 */
#include "filter/checks/checks.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "filter/phases.h"
#include "filter/session.h"
#include "rules/arena.h"
#include "rules/mail/address.h"

/* A text that lives as long as the facts; empty is none. */
static void text_fact(struct facts *facts, enum fact_id id, const char *text)
{
	if (text[0] != '\0')
		facts_text(facts, id, text, strlen(text));
	else
		facts_none(facts, id);
}

/* The same for one that must be copied first; NULL is none, too. */
static void copied_fact(const struct envelope *envelope, struct facts *facts,
			enum fact_id id, const char *text)
{
	const char *copy;

	if (text == NULL || text[0] == '\0') {
		facts_none(facts, id);
		return;
	}
	copy = arena_strndup(envelope->arena, text, strlen(text));
	if (copy != NULL)
		text_fact(facts, id, copy);
	else
		facts_unknown(facts, id, CAUSE_LIMIT);
}

static const char *macro(const struct envelope *envelope, const char *name)
{
	return envelope->mta->macro(envelope->mta->context, name);
}

static bool is_there(const char *value)
{
	return value != NULL && value[0] != '\0';
}

void check_login(const struct envelope *envelope, struct facts *facts)
{
	static const struct {
		const char *macro;
		enum fact_id fact;
	} rows[] = {
		{ "{auth_authen}", FACT_CLIENT_AUTH_NAME },
		{ "{auth_type}", FACT_CLIENT_AUTH_TYPE },
		{ "{tls_version}", FACT_CLIENT_TLS },
		{ "{cipher}", FACT_CLIENT_TLS_CIPHER },
		{ "{cert_subject}", FACT_CLIENT_CERT_SUBJECT },
		{ "{cert_issuer}", FACT_CLIENT_CERT_ISSUER },
	};
	const char *verify;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		copied_fact(envelope, facts, rows[i].fact,
			    macro(envelope, rows[i].macro));
	facts_bool(facts, FACT_CLIENT_AUTH,
		   is_there(macro(envelope, "{auth_authen}")) ||
			   is_there(macro(envelope, "{auth_type}")));
	verify = macro(envelope, "{verify}");
	facts_bool(facts, FACT_CLIENT_CERT_VERIFIED,
		   verify != NULL && strcmp(verify, "OK") == 0);
}

/* SIZE=n (RFC 1870) and SMTPUTF8 (RFC 6531); others say nothing to us. */
static void check_parameters(char **args, struct facts *facts)
{
	bool utf8 = false;

	facts_none(facts, FACT_SENDER_SIZE);
	for (; *args != NULL; args++) {
		char *end;

		if (strcasecmp(*args, "SMTPUTF8") == 0)
			utf8 = true;
		if (strncasecmp(*args, "SIZE=", 5) != 0 || (*args)[5] < '0' ||
		    (*args)[5] > '9' || strlen(*args + 5) > 18)
			continue;
		long long size = strtoll(*args + 5, &end, 10);

		if (*end == '\0')
			facts_number(facts, FACT_SENDER_SIZE, size);
	}
	facts_bool(facts, FACT_SENDER_SMTPUTF8, utf8);
}

/* The three facts of a path: whole, local part, domain. */
static void path_facts(const struct envelope *envelope, struct facts *facts,
		       enum fact_id first, enum address_fault fault,
		       const struct address *address)
{
	if (fault == ADDRESS_NO_MEMORY) {
		for (unsigned i = 0; i < 3; i++)
			facts_unknown(facts, (enum fact_id)(first + i),
				      CAUSE_LIMIT);
	} else if (fault == ADDRESS_FINE || fault == ADDRESS_NO_AT) {
		text_fact(facts, first, address->canonical);
		text_fact(facts, (enum fact_id)(first + 1), address->local);
		text_fact(facts, (enum fact_id)(first + 2), address->domain);
	} else {
		/* What cannot be read is still an address, as written. */
		copied_fact(envelope, facts, first, envelope->args[0]);
		facts_none(facts, (enum fact_id)(first + 1));
		facts_none(facts, (enum fact_id)(first + 2));
	}
}

_Static_assert(FACT_SENDER_LOCAL == FACT_SENDER + 1 &&
		       FACT_SENDER_DOMAIN == FACT_SENDER + 2 &&
		       FACT_RCPT_LOCAL == FACT_RCPT + 1 &&
		       FACT_RCPT_DOMAIN == FACT_RCPT + 2,
	       "path_facts() counts on this order");

void check_sender(const struct envelope *envelope, struct facts *facts)
{
	const char *path = envelope->args[0];
	struct address address;
	enum address_fault fault;

	fault = address_parse(envelope->arena, path, strlen(path), &address);
	path_facts(envelope, facts, FACT_SENDER, fault, &address);
	check_parameters(envelope->args + 1, facts);
	if (fault == ADDRESS_NO_MEMORY) {
		facts_unknown(facts, FACT_SENDER_IS_NULL, CAUSE_LIMIT);
		facts_unknown(facts, FACT_SENDER_IS_VALID, CAUSE_LIMIT);
		return;
	}
	facts_bool(facts, FACT_SENDER_IS_NULL,
		   fault == ADDRESS_FINE &&
			   (address.flags & ADDRESS_NULL) != 0);
	facts_bool(facts, FACT_SENDER_IS_VALID, fault == ADDRESS_FINE);
}

void check_rcpt(const struct envelope *envelope, struct facts *facts)
{
	const char *path = envelope->args[0];
	struct address address;
	enum address_fault fault;

	fault = address_parse(envelope->arena, path, strlen(path), &address);
	path_facts(envelope, facts, FACT_RCPT, fault, &address);
}
