/*
 * control_greylist_who.c - who is meant.
 *
 * People type what they see: an address, a domain, a line of the log.  What is
 * remembered is known by identities, and which of them it is (by SPF, by name,
 * by network) is not ours to guess: so a wrong one is answered by those that
 * may have been meant.
 */
#include <stdio.h>
#include <string.h>

#include "filter/checks/asking.h"
#include "filter/control_greylist.h"
#include "filter/generation.h"
#include "rules/mail/ascii.h"

static const char looks_like[] =
	"an identity looks like spf:example.org, ptr:example.org or "
	"net:192.0.2.0/24";

/* --- what was meant ------------------------------------------------------ */

/* An address, or a network of other bits: the network that it is in. */
static bool network_of(const char *text, const struct triplet_bits *bits,
		       char ret_identity[TRIPLET_IDENTITY_SIZE])
{
	struct triplet_client client = { 0 };
	struct ip_prefix prefix;
	size_t len = strcspn(text, "/");

	if (ip_parse(text, len, &client.ip) < 0)
		return false;
	if (text[len] == '/' &&
	    ip_prefix_parse(text, strlen(text), &prefix, NULL) == 0) {
		memcpy(ret_identity, "net:", 4);
		ip_prefix_format(&prefix, ret_identity + 4,
				 TRIPLET_IDENTITY_SIZE - 4);
		return true;
	}
	return triplet_identity(&client, bits, ret_identity) == TRIPLET_NET;
}

/* What stands behind a tag, or behind an @, if it could be a domain. */
static bool domain_of(const char *text, char ret_domain[TRIPLET_IDENTITY_SIZE])
{
	struct triplet_client client = { 0 };
	const char *at = strrchr(text, '@');

	client.spf_domain = at != NULL ? at + 1 : text;
	if (triplet_identity(&client, &(struct triplet_bits){ 24, 64 },
			     ret_domain) != TRIPLET_SPF)
		return false;
	memmove(ret_domain, ret_domain + 4, strlen(ret_domain + 4) + 1);
	return true;
}

static void guess(const char *text, const struct triplet_bits *bits,
		  char ret_why[GREYLIST_WHY])
{
	char meant[TRIPLET_IDENTITY_SIZE];
	const char *rest = text;

	for (int i = 0; i < 3; i++) {
		static const char *const tags[] = { "spf:", "ptr:", "net:" };

		if (strncmp(text, tags[i], 4) == 0)
			rest = text + 4;
	}
	if (network_of(rest, bits, meant))
		snprintf(ret_why, GREYLIST_WHY,
			 "%.100s is no identity; its network is %s (%s)", text,
			 meant, looks_like);
	else if (domain_of(rest, meant))
		snprintf(ret_why, GREYLIST_WHY,
			 "%.100s is no identity; is spf:%s or ptr:%s meant?",
			 text, meant, meant);
	else
		snprintf(ret_why, GREYLIST_WHY, "%.100s is no identity; %s",
			 text, looks_like);
}

bool grey_is_identity(const char *text, const struct triplet_bits *bits,
		      char ret_why[GREYLIST_WHY])
{
	if (triplet_identity_proof(text, strlen(text)) != TRIPLET_NOTHING)
		return true;
	guess(text, bits, ret_why);
	return false;
}

/* --- whom a request is about --------------------------------------------- */

/* The bits are those of the settings in use. */
static struct triplet_bits bits_of(const struct grey_call *call)
{
	const struct greylist_settings *set = &call->gen->settings.greylist;

	return (struct triplet_bits){ .v4 = (uint8_t)set->v4_bits,
				      .v6 = (uint8_t)set->v6_bits };
}

static bool take_identity(struct grey_call *call, const char *text,
			  char ret_identity[TRIPLET_IDENTITY_SIZE])
{
	const struct triplet_bits bits = bits_of(call);
	char lower[GREYLIST_PATTERN_SIZE], why[GREYLIST_WHY];
	size_t len = strlen(text);

	if (len >= sizeof(lower))
		return grey_say_wrong(call, "%s", looks_like);
	for (size_t i = 0; i <= len; i++)
		lower[i] = ascii_lower(text[i]);
	if (!grey_is_identity(lower, &bits, why))
		return grey_say_wrong(call, "%s", why);
	memcpy(ret_identity, lower, len + 1); /* as one fits in there */
	return true;
}

bool grey_read_identity(struct grey_call *call,
			char ret_identity[TRIPLET_IDENTITY_SIZE])
{
	const char *text;

	if (!grey_read_text(call, "identity", &text))
		return false;
	if (text == NULL)
		return grey_say_wrong(call, "which identity? %s", looks_like);
	return take_identity(call, text, ret_identity);
}

/* What a client that looks so would be. */
static bool take_client(struct grey_call *call, const char *address,
			char ret_identity[TRIPLET_IDENTITY_SIZE])
{
	const struct triplet_bits bits = bits_of(call);
	struct triplet_client client = { 0 };

	if (!grey_read_text(call, "spf", &client.spf_domain) ||
	    !grey_read_text(call, "ptr", &client.name))
		return false;
	if (ip_parse(address, strlen(address), &client.ip) < 0)
		return grey_say_wrong(call, "%s is no IP address", address);
	client.name_is_dynamic =
		client.name != NULL && name_is_dynamic(client.name, &client.ip);
	triplet_identity(&client, &bits, ret_identity);
	return true;
}

/* Sender and recipient, as written or as keys. */
static bool take_addresses(struct grey_call *call, const char *sender,
			   const char *recipient, struct grey_who *who)
{
	char to[SENDER_KEY_SIZE];

	if (sender == NULL && recipient == NULL)
		return true;
	if (sender == NULL || recipient == NULL)
		return grey_say_wrong(call, "sender and recipient go together");
	sender_key(sender, strlen(sender), who->address);
	recipient_key(recipient, strlen(recipient), to);
	if (triplet_key(who->identity, who->address, to, who->triplet) == 0)
		return grey_say_wrong(call, "%s and %s make no key", sender,
				      recipient);
	return true;
}

/* "IDENTITY SENDER RECIPIENT" as a store has it, an identity, an address. */
static bool take_key(struct grey_call *call, const char *key,
		     struct grey_who *who)
{
	struct triplet_parts parts;
	size_t len = strlen(key);

	if (triplet_parse(key, len, &parts)) {
		memcpy(who->identity, parts.identity, parts.identity_len);
		who->identity[parts.identity_len] = '\0';
		memcpy(who->triplet, key, len + 1);
		if (parts.sender_len < sizeof(who->address)) {
			memcpy(who->address, parts.sender, parts.sender_len);
			who->address[parts.sender_len] = '\0';
		}
		return true;
	}
	if (strchr(key, ' ') != NULL)
		return grey_say_wrong(call,
				      "%s is no key; one is an identity, a "
				      "sender and a recipient",
				      key);
	if (strchr(key, '@') != NULL && strchr(key, ':') == NULL) {
		sender_key(key, len, who->address);
		return true;
	}
	return take_identity(call, key, who->identity);
}

bool grey_read_who(struct grey_call *call, struct grey_who *ret_who)
{
	const char *key, *identity, *client, *sender, *recipient;

	*ret_who = (struct grey_who){ 0 };
	if (!grey_read_text(call, "key", &key) ||
	    !grey_read_text(call, "identity", &identity) ||
	    !grey_read_text(call, "client", &client) ||
	    !grey_read_text(call, "sender", &sender) ||
	    !grey_read_text(call, "recipient", &recipient))
		return false;
	if ((key != NULL) + (identity != NULL) + (client != NULL) != 1)
		return grey_say_wrong(call,
				      "whom? by key, identity or client, and "
				      "one of them");
	if (key != NULL)
		return take_key(call, key, ret_who);
	if (client == NULL && !take_identity(call, identity, ret_who->identity))
		return false;
	if (client != NULL && !take_client(call, client, ret_who->identity))
		return false;
	return take_addresses(call, sender, recipient, ret_who);
}
