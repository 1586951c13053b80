/*
 * sender.c - the envelope sender, what MAIL declared, and who has logged in.
 */
#include "filter/checks/checks.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "filter/phases.h"
#include "filter/session.h"
#include "rules/arena.h"
#include "rules/mail/address.h"

static void text_or_none(struct facts *facts, enum fact_id id, const char *text)
{
	if (text != NULL && text[0] != '\0')
		facts_text(facts, id, text, strlen(text));
	else
		facts_none(facts, id);
}

/* A macro's value lives as long as the callback; the fact must live longer. */
static const char *macro_kept(const struct envelope *envelope, const char *name)
{
	const char *value = envelope->mta->macro(envelope->mta->context, name);

	if (value == NULL || value[0] == '\0')
		return NULL;
	return arena_strndup(envelope->arena, value, strlen(value));
}

void check_login(const struct envelope *envelope, struct facts *facts)
{
	const char *name = macro_kept(envelope, "{auth_authen}");
	const char *type = macro_kept(envelope, "{auth_type}");
	const char *verify = macro_kept(envelope, "{verify}");

	text_or_none(facts, FACT_CLIENT_AUTH_NAME, name);
	text_or_none(facts, FACT_CLIENT_AUTH_TYPE, type);
	facts_bool(facts, FACT_CLIENT_AUTH, name != NULL || type != NULL);
	text_or_none(facts, FACT_CLIENT_TLS,
		     macro_kept(envelope, "{tls_version}"));
	text_or_none(facts, FACT_CLIENT_TLS_CIPHER,
		     macro_kept(envelope, "{cipher}"));
	text_or_none(facts, FACT_CLIENT_CERT_SUBJECT,
		     macro_kept(envelope, "{cert_subject}"));
	text_or_none(facts, FACT_CLIENT_CERT_ISSUER,
		     macro_kept(envelope, "{cert_issuer}"));
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

void check_sender(const struct envelope *envelope, struct facts *facts)
{
	const char *path = envelope->args[0];
	struct address address;
	enum address_fault fault;
	bool null;

	fault = address_parse(envelope->arena, path, strlen(path), &address);
	null = fault == ADDRESS_FINE && (address.flags & ADDRESS_NULL) != 0;
	facts_bool(facts, FACT_SENDER_IS_NULL, null);
	facts_bool(facts, FACT_SENDER_IS_VALID, fault == ADDRESS_FINE);
	check_parameters(envelope->args + 1, facts);
	if (fault == ADDRESS_FINE || fault == ADDRESS_NO_AT) {
		text_or_none(facts, FACT_SENDER, address.canonical);
		text_or_none(facts, FACT_SENDER_LOCAL, address.local);
		text_or_none(facts, FACT_SENDER_DOMAIN, address.domain);
		return;
	}
	/* What cannot be read is still a sender, as it was written. */
	text_or_none(facts, FACT_SENDER,
		     arena_strndup(envelope->arena, path, strlen(path)));
	facts_none(facts, FACT_SENDER_LOCAL);
	facts_none(facts, FACT_SENDER_DOMAIN);
}

void check_rcpt(const struct envelope *envelope, struct facts *facts)
{
	const char *path = envelope->args[0];
	struct address address;
	enum address_fault fault;

	fault = address_parse(envelope->arena, path, strlen(path), &address);
	if (fault == ADDRESS_FINE || fault == ADDRESS_NO_AT) {
		text_or_none(facts, FACT_RCPT, address.canonical);
		text_or_none(facts, FACT_RCPT_LOCAL, address.local);
		text_or_none(facts, FACT_RCPT_DOMAIN, address.domain);
		return;
	}
	text_or_none(facts, FACT_RCPT,
		     arena_strndup(envelope->arena, path, strlen(path)));
	facts_none(facts, FACT_RCPT_LOCAL);
	facts_none(facts, FACT_RCPT_DOMAIN);
}
