/*
 * dkim_key.c - the public keys that a domain publishes.
 */
#include "filter/inspect/dkim_key.h"

#include <string.h>

#include "filter/inspect/dkim_tags.h"

/* --- DER: just as much as an RSA key needs ------------------------------- */

struct der {
	const unsigned char *at;
	size_t left;
};

enum {
	DER_INTEGER = 0x02,
	DER_BITS = 0x03,
	DER_SEQUENCE = 0x30,
};

/* rsaEncryption and its NULL, RFC 8017 appendix C */
static const unsigned char rsa_algorithm[] = { 0x30, 0x0d, 0x06, 0x09, 0x2a,
					       0x86, 0x48, 0x86, 0xf7, 0x0d,
					       0x01, 0x01, 0x01, 0x05, 0x00 };

/* The contents of the next element, which has this tag. */
static bool der_next(struct der *der, unsigned char tag, struct der *ret_inner)
{
	size_t len, bytes;

	if (der->left < 2 || der->at[0] != tag)
		return false;
	len = der->at[1];
	der->at += 2;
	der->left -= 2;
	if (len >= 0x80) {
		bytes = len & 0x7f;
		if (bytes == 0 || bytes > 2 || bytes > der->left)
			return false;
		len = 0;
		while (bytes-- > 0) {
			len = len << 8 | *der->at++;
			der->left--;
		}
	}
	if (len > der->left)
		return false;
	*ret_inner = (struct der){ .at = der->at, .left = len };
	der->at += len;
	der->left -= len;
	return true;
}

/* A positive number, without zeros in front. */
static bool der_number(struct der *der, struct der *ret_number)
{
	if (!der_next(der, DER_INTEGER, ret_number) || ret_number->left == 0 ||
	    ret_number->at[0] >= 0x80)
		return false;
	while (ret_number->left > 0 && ret_number->at[0] == 0) {
		ret_number->at++;
		ret_number->left--;
	}
	return ret_number->left > 0;
}

/* RSAPublicKey: the two numbers, and nothing else. */
static const char *read_numbers(struct der numbers, struct dkim_key *key)
{
	struct der modulus, exponent;

	if (!der_number(&numbers, &modulus) ||
	    !der_number(&numbers, &exponent) || numbers.left > 0)
		return "the key is no RSA key";
	key->bits = (unsigned)modulus.left * 8;
	for (unsigned char top = modulus.at[0]; top < 0x80; top <<= 1)
		key->bits--;
	if (key->bits > DKIM_KEY_BITS_MAX)
		return "the RSA key is larger than is looked at";
	/* OpenSSL refuses larger ones for large keys; they cost time */
	if (exponent.left > 8)
		return "the RSA key's exponent is larger than is looked at";
	key->exponent = 0;
	for (size_t i = 0; i < exponent.left; i++)
		key->exponent = key->exponent << 8 | exponent.at[i];
	if (key->exponent < 3 || key->exponent % 2 == 0 ||
	    modulus.at[modulus.left - 1] % 2 == 0)
		return "the key is no RSA key";
	memcpy(key->number, modulus.at, modulus.left);
	key->number_len = modulus.left;
	return NULL;
}

static const char *read_rsa(const unsigned char *bytes, size_t len,
			    struct dkim_key *key)
{
	struct der all = { .at = bytes, .left = len }, inner, bits, numbers;

	if (!der_next(&all, DER_SEQUENCE, &inner) || all.left > 0)
		return "the key is no RSA key";
	if (inner.left > 0 && inner.at[0] == DER_INTEGER)
		return read_numbers(inner, key);
	if (inner.left < sizeof(rsa_algorithm) ||
	    memcmp(inner.at, rsa_algorithm, sizeof(rsa_algorithm)) != 0)
		return "the key is no RSA key";
	inner.at += sizeof(rsa_algorithm);
	inner.left -= sizeof(rsa_algorithm);
	if (!der_next(&inner, DER_BITS, &bits) || inner.left > 0 ||
	    bits.left == 0 || bits.at[0] != 0)
		return "the key is no RSA key";
	bits.at++;
	bits.left--;
	if (!der_next(&bits, DER_SEQUENCE, &numbers) || bits.left > 0)
		return "the key is no RSA key";
	return read_numbers(numbers, key);
}

/* --- a record ------------------------------------------------------------- */

static const char *read_type(const struct dkim_tags *tags, struct dkim_key *key)
{
	const struct dkim_tag *tag = dkim_tags_find(tags, "k");

	key->type = DKIM_KEY_RSA;
	if (!tag || dkim_word_is(tags->text, tag->value, "rsa"))
		return NULL;
	key->type = DKIM_KEY_ED25519;
	if (dkim_word_is(tags->text, tag->value, "ed25519"))
		return NULL;
	return "the key is of a kind that nobody knows";
}

static unsigned read_hashes(const struct dkim_tags *tags)
{
	const struct dkim_tag *tag = dkim_tags_find(tags, "h");
	struct span word;
	unsigned hashes = 0;
	size_t at = 0;

	if (!tag)
		return DKIM_HASH_SHA1 | DKIM_HASH_SHA256;
	while (dkim_word_next(tags->text, tag->value, &at, &word)) {
		if (dkim_word_is(tags->text, word, "sha1"))
			hashes |= DKIM_HASH_SHA1;
		else if (dkim_word_is(tags->text, word, "sha256"))
			hashes |= DKIM_HASH_SHA256;
	}
	return hashes;
}

/* Is one of the words in the list? */
static bool list_holds(const struct dkim_tags *tags, const char *name,
		       const char *one, const char *other)
{
	const struct dkim_tag *tag = dkim_tags_find(tags, name);
	struct span word;
	size_t at = 0;

	while (tag && dkim_word_next(tags->text, tag->value, &at, &word))
		if (dkim_word_is(tags->text, word, one) ||
		    dkim_word_is(tags->text, word, other))
			return true;
	return false;
}

/* More than the largest key has. */
enum { BYTES = 1024 };

static enum dkim_key_reading read_bytes(const struct dkim_tags *tags,
					struct dkim_key *key,
					const char **ret_why)
{
	const struct dkim_tag *tag = dkim_tags_find(tags, "p");
	unsigned char bytes[BYTES];
	int len;

	*ret_why = "the key record has no p=";
	if (!tag)
		return DKIM_KEY_BROKEN;
	*ret_why = "the key was revoked";
	if (tag->value.len == 0)
		return DKIM_KEY_REVOKED;
	len = dkim_base64_read(tags->text, tag->value, bytes, sizeof(bytes));
	*ret_why = "the key is no base64";
	if (len <= 0)
		return DKIM_KEY_BROKEN;
	*ret_why = "the key is larger than is looked at";
	if ((size_t)len > sizeof(bytes))
		return DKIM_KEY_BROKEN;
	if (key->type == DKIM_KEY_RSA) {
		*ret_why = read_rsa(bytes, (size_t)len, key);
		return *ret_why ? DKIM_KEY_BROKEN : DKIM_KEY_READ;
	}
	*ret_why = "an Ed25519 key has 32 bytes";
	if (len != 32)
		return DKIM_KEY_BROKEN;
	memcpy(key->number, bytes, 32);
	key->number_len = 32;
	key->bits = 256;
	return DKIM_KEY_READ;
}

/* TXT records of other kinds have no business here, but do no harm. */
static bool is_foreign(const struct dkim_tags *tags)
{
	const struct dkim_tag *version = dkim_tags_find(tags, "v");

	return !dkim_tags_find(tags, "p") && !dkim_tags_find(tags, "k") &&
	       (!version || !dkim_word_is(tags->text, version->value, "DKIM1"));
}

enum dkim_key_reading dkim_key_read(const char *text, size_t len,
				    struct dkim_key *ret_key,
				    const char **ret_why)
{
	const struct dkim_tag *version;
	struct dkim_tags tags;
	struct dkim_key key = { 0 };
	enum dkim_key_reading reading;

	*ret_why = dkim_tags_read(text, len, &tags);
	if (*ret_why)
		return len >= 6 && memcmp(text, "v=spf1", 6) == 0
			       ? DKIM_KEY_FOREIGN
			       : DKIM_KEY_BROKEN;
	*ret_why = "this is no key";
	if (is_foreign(&tags))
		return DKIM_KEY_FOREIGN;
	version = dkim_tags_find(&tags, "v");
	*ret_why = "the key record's version is DKIM1, in front";
	if (version && (version != tags.list || version->value.len != 5 ||
			memcmp(text + version->value.at, "DKIM1", 5) != 0))
		return DKIM_KEY_BROKEN;
	*ret_why = read_type(&tags, &key);
	if (*ret_why)
		return DKIM_KEY_BROKEN;
	*ret_why = "the key is not for mail";
	if (dkim_tags_find(&tags, "s") && !list_holds(&tags, "s", "email", "*"))
		return DKIM_KEY_BROKEN;
	reading = read_bytes(&tags, &key, ret_why);
	if (reading != DKIM_KEY_READ)
		return reading;
	key.hashes = read_hashes(&tags);
	key.test = list_holds(&tags, "t", "y", "y");
	key.whole_domain = list_holds(&tags, "t", "s", "s");
	*ret_key = key;
	return DKIM_KEY_READ;
}

/* --- which of them? ------------------------------------------------------- */

static bool same(const struct dkim_key *a, const struct dkim_key *b)
{
	return a->exponent == b->exponent && a->number_len == b->number_len &&
	       memcmp(a->number, b->number, a->number_len) == 0 &&
	       a->test == b->test && a->whole_domain == b->whole_domain;
}

/* Why a key that can be read does not fit, or NULL. */
static const char *misfit(const struct dkim_key *key, enum dkim_key_type type,
			  enum dkim_hash hash)
{
	if (key->type != type)
		return "the key is of another kind than the signature";
	if (!(key->hashes & hash))
		return "the key is not for this hash";
	return NULL;
}

enum dkim_key_reading dkim_key_choose(const struct dkim_text *texts,
				      size_t count, enum dkim_key_type type,
				      enum dkim_hash hash,
				      struct dkim_key *ret_key,
				      const char **ret_why)
{
	/* The worst that is said, so that the order of records is no matter. */
	enum dkim_key_reading reading = DKIM_KEY_FOREIGN;
	bool found = false;

	*ret_why = "there is no key under that name";
	for (size_t i = 0; i < count; i++) {
		enum dkim_key_reading one;
		struct dkim_key key;
		const char *why;

		one = dkim_key_read(texts[i].bytes, texts[i].len, &key, &why);
		if (one == DKIM_KEY_READ) {
			why = misfit(&key, type, hash);
			if (why)
				one = DKIM_KEY_BROKEN;
		}
		if (one == DKIM_KEY_FOREIGN)
			continue;
		if (one == DKIM_KEY_READ) {
			if (found && !same(&key, ret_key)) {
				*ret_why = "there are several keys";
				return DKIM_KEY_BROKEN;
			}
			*ret_key = key;
			found = true;
		} else if (reading == DKIM_KEY_FOREIGN ||
			   one == DKIM_KEY_REVOKED) {
			reading = one;
			*ret_why = why;
		}
	}
	if (!found)
		return reading;
	*ret_why = NULL;
	return DKIM_KEY_READ;
}

/* --- written anew --------------------------------------------------------- */

struct writer {
	/* from the back, as DER wants the length of what is inside */
	unsigned char bytes[DKIM_KEY_BYTES + 64];
	size_t at;
};

static void write_head(struct writer *writer, unsigned char tag, size_t end)
{
	size_t len = end - writer->at;

	if (len > 0xff) {
		writer->bytes[--writer->at] = (unsigned char)len;
		writer->bytes[--writer->at] = (unsigned char)(len >> 8);
		writer->bytes[--writer->at] = 0x82;
	} else if (len >= 0x80) {
		writer->bytes[--writer->at] = (unsigned char)len;
		writer->bytes[--writer->at] = 0x81;
	} else {
		writer->bytes[--writer->at] = (unsigned char)len;
	}
	writer->bytes[--writer->at] = tag;
}

static void write_rsa(struct writer *writer, const struct dkim_key *key)
{
	size_t end = sizeof(writer->bytes), here;

	writer->at = end;
	for (uint64_t left = key->exponent; left > 0; left >>= 8)
		writer->bytes[--writer->at] = (unsigned char)left;
	if (writer->bytes[writer->at] >= 0x80)
		writer->bytes[--writer->at] = 0;
	write_head(writer, DER_INTEGER, end);
	here = writer->at;
	writer->at -= key->number_len;
	memcpy(writer->bytes + writer->at, key->number, key->number_len);
	if (key->number[0] >= 0x80)
		writer->bytes[--writer->at] = 0;
	write_head(writer, DER_INTEGER, here);
	write_head(writer, DER_SEQUENCE, end);
	writer->bytes[--writer->at] = 0;
	write_head(writer, DER_BITS, end);
	writer->at -= sizeof(rsa_algorithm);
	memcpy(writer->bytes + writer->at, rsa_algorithm,
	       sizeof(rsa_algorithm));
	write_head(writer, DER_SEQUENCE, end);
}

static size_t write_base64(const unsigned char *bytes, size_t len, char *to)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "abcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t count = 0;

	for (size_t i = 0; i < len; i += 3) {
		unsigned bits = (unsigned)bytes[i] << 16;

		if (i + 1 < len)
			bits |= (unsigned)bytes[i + 1] << 8;
		if (i + 2 < len)
			bits |= bytes[i + 2];
		to[count++] = digits[bits >> 18];
		to[count++] = digits[bits >> 12 & 63];
		to[count++] = i + 1 < len ? digits[bits >> 6 & 63] : '=';
		to[count++] = i + 2 < len ? digits[bits & 63] : '=';
	}
	return count;
}

size_t dkim_key_print(const struct dkim_key *key, char buf[DKIM_KEY_PRINT_SIZE])
{
	static const char rsa[] = "k=rsa;p=", ed25519[] = "k=ed25519;p=";
	const char *head = key->type == DKIM_KEY_RSA ? rsa : ed25519;
	struct writer writer;
	size_t len = strlen(head);

	memcpy(buf, head, len);
	if (key->type == DKIM_KEY_RSA) {
		write_rsa(&writer, key);
		len += write_base64(writer.bytes + writer.at,
				    sizeof(writer.bytes) - writer.at,
				    buf + len);
	} else {
		len += write_base64(key->number, key->number_len, buf + len);
	}
	buf[len] = '\0';
	return len;
}
