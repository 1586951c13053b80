/*
 * dkim_field.c - one DKIM-Signature field, read strictly.
 *
 * A row a tag: its reader says what is wrong with the value, or NULL.
 */
#include "filter/inspect/dkim_field.h"

#include <string.h>

#include "filter/inspect/dkim_tags.h"
#include "rules/mail/ascii.h"
#include "rules/mail/header.h"

/* What the library has room for, with some to spare. */
enum {
	LIST_MAX = 4000, /* bytes of h= */
	IDENTITY_MAX = 240, /* bytes of i= */
	DIGITS_MAX = 18,
};

struct reading {
	const char *text;
	const struct dkim_tags *tags;
	struct dkim_field *field;
	const char *strange; /* the library would misread this */
};

/* --- what each tag's value says ------------------------------------------ */

static const char *read_version(struct reading *reading, struct span value)
{
	if (value.len != 1 || reading->text[value.at] != '1')
		return "v= is 1";
	return NULL;
}

static const char *read_algorithm(struct reading *reading, struct span value)
{
	static const struct {
		const char *name;
		enum dkim_key_type type;
		enum dkim_hash hash;
	} known[] = {
		{ "rsa-sha256", DKIM_KEY_RSA, DKIM_HASH_SHA256 },
		{ "ed25519-sha256", DKIM_KEY_ED25519, DKIM_HASH_SHA256 },
		{ "rsa-sha1", DKIM_KEY_RSA, DKIM_HASH_SHA1 },
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (!dkim_word_is(reading->text, value, known[i].name))
			continue;
		reading->field->key_type = known[i].type;
		reading->field->hash = known[i].hash;
		reading->field->algorithm = value;
		return NULL;
	}
	return "a= is no algorithm that anybody knows";
}

static const char *read_domain(struct reading *reading, struct span value)
{
	if (!dkim_is_host(reading->text, value, 2, false))
		return "d= is no domain name";
	reading->field->domain = value;
	return NULL;
}

static const char *read_selector(struct reading *reading, struct span value)
{
	if (!dkim_is_host(reading->text, value, 1, true))
		return "s= is no name";
	reading->field->selector = value;
	return NULL;
}

static const char *read_digest(struct reading *reading, struct span value)
{
	char *digest = reading->field->digest;
	size_t len = 0;

	if (dkim_base64_read(reading->text, value, NULL, 0) <= 0)
		return "b= is no base64";
	for (size_t i = 0; i < value.len && len < DKIM_FIELD_DIGEST; i++)
		if (!dkim_is_fold(reading->text[value.at + i]))
			digest[len++] = reading->text[value.at + i];
	digest[len] = '\0';
	return NULL;
}

static const char *read_body_hash(struct reading *reading, struct span value)
{
	int bytes = reading->field->hash == DKIM_HASH_SHA1 ? 20 : 32;

	if (dkim_base64_read(reading->text, value, reading->field->body_hash,
			     sizeof(reading->field->body_hash)) != bytes)
		return "bh= is no hash of that kind";
	return NULL;
}

static const char *read_names(struct reading *reading, struct span value)
{
	struct span name;
	size_t at = 0, count = 0;
	bool from = false;

	while (dkim_word_next(reading->text, value, &at, &name)) {
		if (!header_name_valid(reading->text + name.at, name.len) ||
		    memchr(reading->text + name.at, ';', name.len))
			return "h= is no list of names";
		from |= dkim_word_is(reading->text, name, "from");
		count++;
	}
	reading->field->names = value;
	if (!from)
		return "From is not signed";
	if (value.len > LIST_MAX || count > DKIM_FIELD_NAMES_MAX)
		reading->strange = "h= holds more than is looked at";
	return NULL;
}

static const char *read_canonical(struct reading *reading, struct span value)
{
	const char *text = reading->text + value.at;
	const char *slash = memchr(text, '/', value.len);
	size_t at = slash ? (size_t)(slash - text) : value.len;
	struct span header = { .at = value.at, .len = at };
	struct span body = { .at = value.at + at + 1,
			     .len = slash ? value.len - at - 1 : 0 };

	if (!dkim_word_is(reading->text, header, "simple") &&
	    !dkim_word_is(reading->text, header, "relaxed"))
		return "c= is neither simple nor relaxed";
	if (!slash || dkim_word_is(reading->text, body, "simple"))
		return NULL;
	if (!dkim_word_is(reading->text, body, "relaxed"))
		return "c= is neither simple nor relaxed";
	reading->field->relaxed_body = true;
	return NULL;
}

static const char *read_method(struct reading *reading, struct span value)
{
	struct span word;
	size_t at = 0;

	while (dkim_word_next(reading->text, value, &at, &word))
		if (dkim_word_is(reading->text, word, "dns/txt"))
			return NULL;
	return "q= knows other ways than DNS alone";
}

/* Digits alone; more than fits is UINT64_MAX. */
static bool read_number(struct reading *reading, struct span value,
			uint64_t *ret_number)
{
	uint64_t number = 0;

	if (value.len == 0)
		return false;
	if (value.len > DIGITS_MAX)
		reading->strange = "a number is longer than is looked at";
	for (size_t i = 0; i < value.len; i++) {
		char c = reading->text[value.at + i];

		if (!ascii_is_digit(c))
			return false;
		if (number > (UINT64_MAX - 9) / 10)
			number = UINT64_MAX;
		else
			number = number * 10 + (uint64_t)(c - '0');
	}
	*ret_number = number;
	return true;
}

static const char *read_length(struct reading *reading, struct span value)
{
	reading->field->has_length = true;
	if (!read_number(reading, value, &reading->field->length))
		return "l= is no number";
	return NULL;
}

static const char *read_made(struct reading *reading, struct span value)
{
	reading->field->has_made = true;
	if (!read_number(reading, value, &reading->field->made))
		return "t= is no number";
	return NULL;
}

static const char *read_expires(struct reading *reading, struct span value)
{
	struct dkim_field *field = reading->field;

	if (!read_number(reading, value, &field->expires))
		return "x= is no number";
	field->has_expires = true;
	if (field->has_made && field->expires <= field->made)
		return "x= is not later than t=";
	return NULL;
}

/*
 * [Local-part] "@" domain-name, in quoted-printable.  Returns the length of
 * what is decoded into `to`, or -1.
 */
static int decode_identity(const char *text, struct span value,
			   char to[IDENTITY_MAX])
{
	int len = 0;

	for (size_t i = value.at; i < value.at + value.len; i++) {
		char c = text[i];

		if (dkim_is_fold(c))
			continue;
		if (c == '=') {
			int high, low;

			if (i + 2 >= value.at + value.len ||
			    (text[i + 1] >= 'a') || (text[i + 2] >= 'a'))
				return -1;
			high = ascii_hex(text[i + 1]);
			low = ascii_hex(text[i + 2]);
			if (high < 0 || low < 0)
				return -1;
			c = (char)(high << 4 | low);
			if (ascii_is_control(c))
				return -1;
			i += 2;
		}
		to[len++] = c;
	}
	return len;
}

static const char *read_identity(struct reading *reading, struct span value)
{
	struct dkim_field *field = reading->field;
	const char *domain = reading->text + field->domain.at;
	size_t domain_len = field->domain.len;
	char identity[IDENTITY_MAX];
	const char *at;
	struct span host;
	int len;

	if (value.len > IDENTITY_MAX) {
		reading->strange = "i= is longer than is looked at";
		return NULL;
	}
	len = decode_identity(reading->text, value, identity);
	if (len <= 0)
		return "i= is not written as it should be";
	at = memrchr(identity, '@', (size_t)len);
	if (!at)
		return "i= is no address";
	if (memchr(identity, '@', (size_t)(at - identity)))
		reading->strange = "i= has more than one @";
	host.at = (size_t)(at - identity) + 1;
	host.len = (size_t)len - host.at;
	if (!dkim_is_host(identity, host, 2, false))
		return "i= has no domain name";
	if (host.len < domain_len ||
	    !ascii_equal(identity + len - domain_len, domain_len, domain,
			 domain_len))
		return "i= is not below d=";
	field->below = host.len > domain_len;
	if (field->below && identity[(size_t)len - domain_len - 1] != '.')
		return "i= is not below d=";
	return NULL;
}

/* --- all of them ---------------------------------------------------------- */

static const struct {
	const char *name;
	bool needed;
	const char *missing;
	const char *(*read)(struct reading *reading, struct span value);
} rows[] = {
	/* Those that tell it apart come first. */
	{ "d", true, "there is no d=", read_domain },
	{ "s", true, "there is no s=", read_selector },
	{ "a", true, "there is no a=", read_algorithm },
	{ "b", true, "there is no b=", read_digest },
	{ "v", true, "there is no v=", read_version },
	{ "bh", true, "there is no bh=", read_body_hash },
	{ "h", true, "there is no h=", read_names },
	{ "c", false, NULL, read_canonical },
	{ "q", false, NULL, read_method },
	{ "i", false, NULL, read_identity }, /* behind d= */
	{ "l", false, NULL, read_length },
	{ "t", false, NULL, read_made },
	{ "x", false, NULL, read_expires }, /* behind t= */
};

enum { TELLING = 4 }; /* are read to the last, whatever is wrong */

/* The library takes out of what was signed whatever ends in "b=". */
static const char *misread_tags(const struct dkim_tags *tags)
{
	for (size_t i = 0; i < tags->count; i++) {
		const struct dkim_tag *tag = &tags->list[i];
		struct span name = tag->name;
		bool is_b = name.len == 1 && tags->text[name.at] == 'b';

		if (is_b && tag->blank)
			return "a blank stands before the sign of b=";
		if (!is_b && tags->text[name.at + name.len - 1] == 'b')
			return "there is an unknown tag that ends in b";
	}
	return NULL;
}

enum dkim_field_reading dkim_field_read(const char *value, size_t len,
					struct dkim_field *ret_field,
					const char **ret_why)
{
	struct dkim_tags tags;
	struct reading reading = { .text = value,
				   .tags = &tags,
				   .field = ret_field };

	*ret_field = (struct dkim_field){ 0 };
	*ret_why = "the field is larger than is looked at";
	if (len > DKIM_FIELD_MAX)
		return DKIM_FIELD_STRANGE;
	*ret_why = dkim_tags_read(value, len, &tags);
	if (*ret_why)
		return DKIM_FIELD_BROKEN;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct dkim_tag *tag =
			dkim_tags_find(&tags, rows[i].name);
		const char *why = NULL;

		if (tag)
			why = rows[i].read(&reading, tag->value);
		else if (rows[i].needed)
			why = rows[i].missing;
		if (why && !*ret_why)
			*ret_why = why;
		if (*ret_why && i + 1 >= TELLING)
			return DKIM_FIELD_BROKEN;
	}
	*ret_why = reading.strange ? reading.strange : misread_tags(&tags);
	return *ret_why ? DKIM_FIELD_STRANGE : DKIM_FIELD_READ;
}

size_t dkim_field_signs(const struct dkim_field *field, const char *value,
			const char *name, size_t name_len)
{
	struct span word;
	size_t at = 0, count = 0;

	while (dkim_word_next(value, field->names, &at, &word))
		count += ascii_equal(value + word.at, word.len, name, name_len);
	return count;
}
