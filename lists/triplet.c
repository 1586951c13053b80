/*
 * triplet.c - who wants to write as whom to whom, as a key of the store.
 */
#include "lists/triplet.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lists/hash.h"
#include "lists/sender_key.h"
#include "lists/suffix.h"

enum {
	DOMAIN_MAX = 253, /* octets without the final dot, RFC 1035 */
	LABEL_MAX = 63,
	TAG_LEN = 4, /* "spf:" */
	DIGEST_LEN = 1 + 32,
};

_Static_assert(TAG_LEN + DOMAIN_MAX < TRIPLET_IDENTITY_SIZE &&
		       TAG_LEN + IP_PREFIX_TEXT_SIZE < TRIPLET_IDENTITY_SIZE,
	       "every identity has room");
_Static_assert(TRIPLET_IDENTITY_SIZE - 1 + 2 * (1 + DIGEST_LEN) <=
		       TRIPLET_KEY_MAX,
	       "with two digests every key has room");

/* --- identities ---------------------------------------------------------- */

static bool is_name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
	       c == '_';
}

/* Two labels or more, in small letters. */
static bool is_name(const char *name, size_t len)
{
	size_t label = 0, dots = 0;

	for (size_t i = 0; i <= len; i++) {
		if (i < len && is_name_char(name[i]))
			continue;
		if (i == label || i - label > LABEL_MAX ||
		    (i < len && name[i] != '.'))
			return false;
		dots += i < len;
		label = i + 1;
	}
	return len <= DOMAIN_MAX && dots > 0;
}

/* "tag" and the name in small letters, if it is a name. */
static bool put_name(char *buf, const char *tag, const char *name, size_t len)
{
	if (len > 0 && name[len - 1] == '.')
		len--;
	if (len > DOMAIN_MAX)
		return false;
	memcpy(buf, tag, TAG_LEN);
	for (size_t i = 0; i < len; i++)
		buf[TAG_LEN + i] = name[i] >= 'A' && name[i] <= 'Z'
					   ? (char)(name[i] + ('a' - 'A'))
					   : name[i];
	buf[TAG_LEN + len] = '\0';
	return is_name(buf + TAG_LEN, len);
}

static bool by_spf(const struct triplet_client *client, char *buf)
{
	const char *domain = client->spf_domain;
	struct ip ip;

	return domain && put_name(buf, "spf:", domain, strlen(domain)) &&
	       ip_parse(buf + TAG_LEN, strlen(buf + TAG_LEN), &ip) < 0;
}

static bool by_name(const struct triplet_client *client, char *buf)
{
	const char *organisation;
	size_t len;

	if (!client->name || client->name_is_dynamic)
		return false;
	organisation =
		suffix_organisation(client->name, strlen(client->name), &len);
	return organisation && put_name(buf, "ptr:", organisation, len);
}

static bool by_network(const struct triplet_client *client,
		       const struct triplet_bits *bits, char *buf)
{
	unsigned most = client->ip.family == 4 ? 32 : 128;
	unsigned want = client->ip.family == 4 ? bits->v4 : bits->v6;
	struct ip_prefix network;

	if (client->ip.family != 4 && client->ip.family != 6)
		return false;
	network.bits = (uint8_t)(want < most ? want : most);
	network.ip = ip_mask(&client->ip, network.bits);
	memcpy(buf, "net:", TAG_LEN);
	ip_prefix_format(&network, buf + TAG_LEN,
			 TRIPLET_IDENTITY_SIZE - TAG_LEN);
	return true;
}

enum triplet_proof triplet_identity(const struct triplet_client *client,
				    const struct triplet_bits *bits,
				    char buf[TRIPLET_IDENTITY_SIZE])
{
	if (by_spf(client, buf))
		return TRIPLET_SPF;
	if (by_name(client, buf))
		return TRIPLET_PTR;
	if (by_network(client, bits, buf))
		return TRIPLET_NET;
	buf[0] = '\0';
	return TRIPLET_NOTHING;
}

static bool is_network(const char *text, size_t len)
{
	char again[IP_PREFIX_TEXT_SIZE];
	struct ip_prefix network;

	if (ip_prefix_parse(text, len, &network, NULL) < 0)
		return false;
	ip_prefix_format(&network, again, sizeof(again));
	return strlen(again) == len && memcmp(again, text, len) == 0;
}

enum triplet_proof triplet_identity_proof(const char *text, size_t len)
{
	const char *rest = text + TAG_LEN;
	struct ip ip;

	if (len <= TAG_LEN)
		return TRIPLET_NOTHING;
	len -= TAG_LEN;
	if (memcmp(text, "net:", TAG_LEN) == 0)
		return is_network(rest, len) ? TRIPLET_NET : TRIPLET_NOTHING;
	if (!is_name(rest, len) || ip_parse(rest, len, &ip) == 0)
		return TRIPLET_NOTHING;
	if (memcmp(text, "spf:", TAG_LEN) == 0)
		return TRIPLET_SPF;
	if (memcmp(text, "ptr:", TAG_LEN) == 0)
		return TRIPLET_PTR;
	return TRIPLET_NOTHING;
}

/* --- keys ---------------------------------------------------------------- */

static bool is_word(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (text[i] <= ' ' || text[i] >= 0x7f)
			return false;
	return len > 0;
}

/* Addresses have no ':' in front: sender_key.h writes it as a number there. */
static bool is_address(const char *text, size_t len)
{
	return is_word(text, len) && text[0] != ':' && len < SENDER_KEY_SIZE;
}

static void digest_text(const char *text, size_t len, char *buf)
{
	struct hash_digest digest = hash_digest(text, len);

	snprintf(buf, DIGEST_LEN + 1, ":%016" PRIx64 "%016" PRIx64,
		 digest.word[0], digest.word[1]);
}

size_t triplet_key(const char *identity, const char *sender,
		   const char *recipient, char buf[TRIPLET_KEY_SIZE])
{
	size_t from = strlen(sender), to = strlen(recipient);
	size_t who = strlen(identity);
	char from_digest[DIGEST_LEN + 1], to_digest[DIGEST_LEN + 1];

	buf[0] = '\0';
	if (!triplet_identity_proof(identity, who) ||
	    !is_address(sender, from) || !is_address(recipient, to))
		return 0;
	if (who + 1 + from + 1 + to > TRIPLET_KEY_MAX && from > DIGEST_LEN) {
		digest_text(sender, from, from_digest);
		sender = from_digest;
		from = DIGEST_LEN;
	}
	if (who + 1 + from + 1 + to > TRIPLET_KEY_MAX) {
		digest_text(recipient, to, to_digest);
		recipient = to_digest;
		to = DIGEST_LEN;
	}
	return (size_t)snprintf(buf, TRIPLET_KEY_SIZE, "%s %s %s", identity,
				sender, recipient);
}

static bool is_part(const char *text, size_t len)
{
	if (len != DIGEST_LEN || text[0] != ':')
		return is_address(text, len);
	for (size_t i = 1; i < len; i++)
		if (!(text[i] >= '0' && text[i] <= '9') &&
		    !(text[i] >= 'a' && text[i] <= 'f'))
			return false;
	return true;
}

bool triplet_parse(const char *key, size_t len, struct triplet_parts *ret_parts)
{
	const char *first, *second;
	struct triplet_parts parts;

	if (len == 0 || len > TRIPLET_KEY_MAX)
		return false;
	first = memchr(key, ' ', len);
	if (!first)
		return false;
	parts.identity = key;
	parts.identity_len = (size_t)(first - key);
	parts.sender = first + 1;
	second = memchr(first + 1, ' ', len - parts.identity_len - 1);
	if (!second)
		return false;
	parts.sender_len = (size_t)(second - parts.sender);
	parts.recipient = second + 1;
	parts.recipient_len = len - (size_t)(parts.recipient - key);
	if (!triplet_identity_proof(parts.identity, parts.identity_len) ||
	    !is_part(parts.sender, parts.sender_len) ||
	    !is_part(parts.recipient, parts.recipient_len))
		return false;
	*ret_parts = parts;
	return true;
}
