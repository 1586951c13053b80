/*
 * dns_zonefile.c - a file of names and records.
 *
 * One entry at a time: the words up to the line's end, or to the end of the
 * last line if there are parentheses, are collected first; then they are read
 * by what the type wants.
 */
#include "lists/dns_zonefile.h"

#include "lists/dns_zonewords.h"
#include "lists/file.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define DATA_MAX 65535
#define DELAY_MAX_MS 3600000u

struct parser {
	const char *name;
	struct dns_words words; /* of the entry being read */
	size_t next; /* word */
	struct dns_zone *zone;
	struct dns_name origin, owner;
	bool has_owner;
	uint32_t ttl;
	uint8_t data[DATA_MAX];
	size_t data_len;
	char *error;
};

static int fail(struct parser *p, const struct dns_word *word,
		const char *format, ...) __attribute__((format(printf, 3, 4)));

static int fail(struct parser *p, const struct dns_word *word,
		const char *format, ...)
{
	va_list args;
	int used = snprintf(p->error, DNS_ZONEFILE_ERROR_SIZE,
			    "%s:%u:%u: ", p->name, word->line, word->column);

	if (used < 0 || used >= DNS_ZONEFILE_ERROR_SIZE)
		return -1;
	va_start(args, format);
	vsnprintf(p->error + used, (size_t)(DNS_ZONEFILE_ERROR_SIZE - used),
		  format, args);
	va_end(args);
	/* words of the file are quoted in the message */
	for (char *c = p->error; *c != '\0'; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
	return -1;
}

/* For "%.*s": a word, cut to what fits into a sentence. */
#define SHOW(word) ((word)->len > 60 ? 60 : (int)(word)->len), (word)->at

/* The next word, or an error that says what should have been there. */
static const struct dns_word *take(struct parser *p, const char *what)
{
	if (p->next < p->words.count)
		return &p->words.words[p->next++];
	fail(p, &p->words.stop, "%s is missing here", what);
	return NULL;
}

static const struct dns_word *peek(const struct parser *p)
{
	return p->next < p->words.count ? &p->words.words[p->next] : NULL;
}

/* --- values ------------------------------------------------------------ */

static int parse_number(const char *text, size_t len, uint64_t max,
			uint64_t *ret_number)
{
	uint64_t number = 0;

	if (len == 0 || len > 10)
		return -1;
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return -1;
		number = number * 10 + (uint64_t)(text[i] - '0');
	}
	if (number > max)
		return -1;
	*ret_number = number;
	return 0;
}

/* "3600" or "1h30m", in seconds. */
static int parse_ttl(const struct dns_word *word, uint32_t *ret_ttl)
{
	uint64_t number = 0, total = 0, factor = 1;
	size_t start = 0;

	if (word->quoted || word->len == 0)
		return -1;
	for (size_t i = 0; i < word->len; i++) {
		char c = word->at[i];

		if (c >= '0' && c <= '9')
			continue;
		switch (c | 0x20) {
		case 's': factor = 1; break;
		case 'm': factor = 60; break;
		case 'h': factor = 3600; break;
		case 'd': factor = 86400; break;
		case 'w': factor = 604800; break;
		default: return -1;
		}
		if (parse_number(word->at + start, i - start, INT32_MAX,
				 &number) < 0)
			return -1;
		total += number * factor;
		start = i + 1;
		if (total > INT32_MAX)
			return -1;
	}
	if (start < word->len) {
		if (parse_number(word->at + start, word->len - start, INT32_MAX,
				 &number) < 0)
			return -1;
		total += number;
	}
	if (total > INT32_MAX)
		return -1;
	*ret_ttl = (uint32_t)total;
	return 0;
}

/* "200ms", "2s" */
static int parse_delay(const struct dns_word *word, unsigned *ret_ms)
{
	size_t digits = 0;
	uint64_t number, factor;

	while (digits < word->len && word->at[digits] >= '0' &&
	       word->at[digits] <= '9')
		digits++;
	if (word->len - digits == 2 &&
	    strncasecmp(word->at + digits, "ms", 2) == 0)
		factor = 1;
	else if (word->len - digits == 1 && (word->at[digits] | 0x20) == 's')
		factor = 1000;
	else
		return -1;
	if (parse_number(word->at, digits, DELAY_MAX_MS / factor, &number) < 0)
		return -1;
	*ret_ms = (unsigned)(number * factor);
	return 0;
}

static int take_delay(struct parser *p, unsigned *ret_ms)
{
	const struct dns_word *word = take(p, "a time like 200ms or 2s");

	if (!word)
		return -1;
	if (parse_delay(word, ret_ms) < 0)
		return fail(p, word,
			    "\"%.*s\" is no time like 200ms or 2s, at most an "
			    "hour",
			    SHOW(word));
	return 0;
}

/* In one that is not escaped, that is. */
static bool ends_in_dot(const struct dns_word *word)
{
	size_t escapes = 0;

	if (word->at[word->len - 1] != '.')
		return false;
	while (escapes + 1 < word->len &&
	       word->at[word->len - 2 - escapes] == '\\')
		escapes++;
	return escapes % 2 == 0;
}

/* A name, to which the origin is added if no dot ends it. */
static int read_name(struct parser *p, const struct dns_word *word,
		     struct dns_name *ret_name)
{
	size_t own;

	if (dns_word_is(word, "@")) {
		*ret_name = p->origin;
		return 0;
	}
	if (word->quoted || dns_name_parse(word->at, word->len, ret_name) < 0)
		return fail(p, word, "\"%.*s\" is no domain name", SHOW(word));
	if (ends_in_dot(word))
		return 0;
	own = (size_t)ret_name->len - 1;
	if (own + p->origin.len > DNS_NAME_MAX)
		return fail(p, word,
			    "\"%.*s\" is longer than 255 bytes with its origin",
			    SHOW(word));
	memcpy(ret_name->wire + own, p->origin.wire, p->origin.len);
	ret_name->len = (uint8_t)(own + p->origin.len);
	return 0;
}

/* --- data of records --------------------------------------------------- */

static int put(struct parser *p, const struct dns_word *word, const void *bytes,
	       size_t len)
{
	if (len > sizeof(p->data) - p->data_len)
		return fail(p, word, "this record is longer than 65535 bytes");
	memcpy(p->data + p->data_len, bytes, len);
	p->data_len += len;
	return 0;
}

static int put_name(struct parser *p, const char *what)
{
	const struct dns_word *word = take(p, what);
	struct dns_name name;

	if (!word || read_name(p, word, &name) < 0)
		return -1;
	return put(p, word, name.wire, name.len);
}

static int put_address(struct parser *p, uint8_t family)
{
	const struct dns_word *word = take(p, "an address");
	/* struct ip knows no mapped addresses; here they stay as they are */
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	struct ip ip;

	if (!word)
		return -1;
	if (ip_parse(word->at, word->len, &ip) < 0 ||
	    (ip.family != family && !memchr(word->at, ':', word->len)) ||
	    (family == 4 && memchr(word->at, ':', word->len)))
		return fail(p, word, "\"%.*s\" is no IPv%u address", SHOW(word),
			    (unsigned)family);
	if (family == 6 && ip.family == 4 &&
	    put(p, word, mapped, sizeof(mapped)) < 0)
		return -1;
	return put(p, word, ip.bytes, ip.family == 4 ? 4 : 16);
}

static int put_number(struct parser *p, const char *what, size_t bytes)
{
	const struct dns_word *word = take(p, what);
	uint64_t max = bytes == 2 ? UINT16_MAX : UINT32_MAX, number;
	uint8_t buf[4];

	if (!word)
		return -1;
	if (parse_number(word->at, word->len, max, &number) < 0)
		return fail(p, word,
			    "\"%.*s\" is no number from 0 to %llu, as %s is",
			    SHOW(word), (unsigned long long)max, what);
	for (size_t i = 0; i < bytes; i++)
		buf[i] = (uint8_t)(number >> 8 * (bytes - 1 - i));
	return put(p, word, buf, bytes);
}

static int put_period(struct parser *p, const char *what)
{
	const struct dns_word *word = take(p, what);
	uint32_t seconds;
	uint8_t buf[4];

	if (!word)
		return -1;
	if (parse_ttl(word, &seconds) < 0)
		return fail(p, word,
			    "\"%.*s\" is no time like 3600 or 1h30m, as %s is",
			    SHOW(word), what);
	for (size_t i = 0; i < 4; i++)
		buf[i] = (uint8_t)(seconds >> 8 * (3 - i));
	return put(p, word, buf, 4);
}

static int digit(const struct dns_word *word, size_t at)
{
	return at < word->len && word->at[at] >= '0' && word->at[at] <= '9'
		       ? word->at[at] - '0'
		       : -1;
}

/* One string: up to 255 bytes; "\"" and "\065" as in names. */
static int put_string(struct parser *p, const struct dns_word *word)
{
	uint8_t buf[256];
	size_t len = 0;

	for (size_t at = 0; at < word->len; at++) {
		uint8_t c = (uint8_t)word->at[at];

		if (c == '\\') {
			int a = digit(word, at + 1), b = digit(word, at + 2);
			int d = digit(word, at + 3);

			if (at + 1 == word->len)
				return fail(p, word,
					    "nothing follows the last \\");
			if (a >= 0 &&
			    (b < 0 || d < 0 || 100 * a + 10 * b + d > 255))
				return fail(p, word,
					    "\\ and digits are a byte as three "
					    "digits, \\000 to \\255");
			c = a >= 0 ? (uint8_t)(100 * a + 10 * b + d)
				   : (uint8_t)word->at[at + 1];
			at += a >= 0 ? 3 : 1;
		}
		if (len == 255)
			return fail(p, word,
				    "a string has at most 255 bytes; write "
				    "longer text as several strings");
		buf[++len] = c;
	}
	buf[0] = (uint8_t)len;
	return put(p, word, buf, len + 1);
}

static int put_txt(struct parser *p)
{
	const struct dns_word *word = take(p, "a string");

	if (!word)
		return -1;
	if (put_string(p, word) < 0)
		return -1;
	while ((word = peek(p))) {
		p->next++;
		if (put_string(p, word) < 0)
			return -1;
	}
	return 0;
}

static int put_soa(struct parser *p)
{
	static const char *const periods[] = { "the time to refresh",
					       "the time to retry",
					       "the time to expire",
					       "the TTL of \"no\"" };

	if (put_name(p, "the first server's name") < 0 ||
	    put_name(p, "the mailbox") < 0 ||
	    put_number(p, "the serial number", 4) < 0)
		return -1;
	for (size_t i = 0; i < 4; i++)
		if (put_period(p, periods[i]) < 0)
			return -1;
	return 0;
}

static int put_data(struct parser *p, enum dns_type type)
{
	p->data_len = 0;
	switch (type) {
	case DNS_A: return put_address(p, 4);
	case DNS_AAAA: return put_address(p, 6);
	case DNS_TXT: return put_txt(p);
	case DNS_SOA: return put_soa(p);
	case DNS_MX:
		if (put_number(p, "the preference", 2) < 0)
			return -1;
		return put_name(p, "the exchanger's name");
	case DNS_NS:
	case DNS_PTR:
	case DNS_CNAME: return put_name(p, "a name");
	}
	return -1;
}

/* --- entries ----------------------------------------------------------- */

static int added(struct parser *p, const struct dns_word *word,
		 enum dns_zone_result result)
{
	switch (result) {
	case DNS_ZONE_ADDED: return 0;
	case DNS_ZONE_CNAME_AND_OTHER:
		return fail(p, word,
			    "a name with a CNAME can have no other records");
	case DNS_ZONE_FULL:
		return fail(p, word, "too many names, or records of one name");
	case DNS_ZONE_NO_MEMORY: break;
	}
	return fail(p, word, "out of memory");
}

static int parse_rule(struct parser *p, const struct dns_word *word,
		      enum dns_status status)
{
	struct dns_zone_rule rule = { .status = status,
				      .after_ms = DNS_ZONE_SILENT };
	const struct dns_word *next = peek(p);

	if (status == DNS_TIMEOUT && next &&
	    parse_delay(next, &rule.after_ms) == 0)
		p->next++;
	while ((next = peek(p))) {
		enum dns_type *type = &rule.types[rule.type_count];

		if (rule.type_count == sizeof(rule.types) / sizeof(*type) ||
		    dns_type_parse(next->at, next->len, type) < 0)
			return fail(p, next,
				    "\"%.*s\" is no type that %.*s could be "
				    "for",
				    SHOW(next), SHOW(word));
		rule.type_count++;
		p->next++;
	}
	return added(p, word, dns_zone_add_rule(p->zone, &p->owner, &rule));
}

/* Rules and DELAY stand where a type would: 1 if the word is one, 0, or -1. */
static int parse_other(struct parser *p, const struct dns_word *word)
{
	static const enum dns_status statuses[] = {
		DNS_SERVFAIL, DNS_REFUSED,  DNS_FORMERR, DNS_GARBLED,
		DNS_TIMEOUT,  DNS_NXDOMAIN, DNS_NODATA,
	};
	unsigned ms;

	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
		if (dns_word_is(word, dns_status_name(statuses[i])))
			return parse_rule(p, word, statuses[i]) < 0 ? -1 : 1;
	if (!dns_word_is(word, "DELAY"))
		return 0;
	if (take_delay(p, &ms) < 0 ||
	    added(p, word, dns_zone_set_delay(p->zone, &p->owner, ms)) < 0)
		return -1;
	return 1;
}

/* The owner stays for the lines that begin with a blank. */
static int parse_owner(struct parser *p)
{
	const struct dns_word *word = peek(p);

	if (!p->words.indented) {
		p->next++;
		if (read_name(p, word, &p->owner) < 0)
			return -1;
		p->has_owner = true;
	}
	if (!p->has_owner)
		return fail(p, word, "no name stands before this");
	return 0;
}

static int parse_record(struct parser *p)
{
	const struct dns_word *word;
	uint32_t ttl = p->ttl;
	enum dns_type type;
	int other;

	if (parse_owner(p) < 0 || !(word = take(p, "a type")))
		return -1;
	/* TTL and class, in either order, at most one of each */
	for (int i = 0; i < 2; i++)
		if ((dns_word_is(word, "IN") || parse_ttl(word, &ttl) == 0) &&
		    !(word = take(p, "a type")))
			return -1;
	other = parse_other(p, word);
	if (other == 0) {
		if (word->quoted ||
		    dns_type_parse(word->at, word->len, &type) < 0)
			return fail(p, word,
				    "\"%.*s\" is no type of record, nor a "
				    "rule like SERVFAIL",
				    SHOW(word));
		if (put_data(p, type) < 0 ||
		    added(p, word,
			  dns_zone_add(p->zone, &p->owner, type, ttl, p->data,
				       (uint16_t)p->data_len)) < 0)
			return -1;
	}
	if (other < 0)
		return -1;
	word = peek(p);
	return word ? fail(p, word, "\"%.*s\" is more than belongs here",
			   SHOW(word))
		    : 0;
}

static int parse_directive(struct parser *p)
{
	const struct dns_word *word = take(p, "a directive"), *value;
	unsigned ms;

	if (dns_word_is(word, "$ORIGIN")) {
		struct dns_name origin;

		value = take(p, "a name");
		if (!value || read_name(p, value, &origin) < 0)
			return -1;
		p->origin = origin;
	} else if (dns_word_is(word, "$TTL")) {
		value = take(p, "a time");
		if (!value)
			return -1;
		if (parse_ttl(value, &p->ttl) < 0)
			return fail(p, value,
				    "\"%.*s\" is no time like 3600 or 1h30m",
				    SHOW(value));
	} else if (dns_word_is(word, "$DELAY")) {
		if (take_delay(p, &ms) < 0)
			return -1;
		dns_zone_set_default_delay(p->zone, ms);
	} else {
		return fail(p, word,
			    "\"%.*s\" is not known here; there are $ORIGIN, "
			    "$TTL and $DELAY",
			    SHOW(word));
	}
	value = peek(p);
	return value ? fail(p, value, "\"%.*s\" is more than belongs here",
			    SHOW(value))
		     : 0;
}

static int parse_file(struct parser *p)
{
	int more;

	while ((more = dns_words_next(&p->words)) > 0) {
		const struct dns_word *first = p->words.words;
		bool directive = !p->words.indented && !first->quoted &&
				 first->len > 0 && first->at[0] == '$';

		p->next = 0;
		if ((directive ? parse_directive(p) : parse_record(p)) < 0)
			return -1;
	}
	return more < 0 ? fail(p, &p->words.bad, "%s", p->words.why) : 0;
}

struct dns_zone *dns_zonefile_parse(const char *name, const char *text,
				    size_t len,
				    char error[DNS_ZONEFILE_ERROR_SIZE])
{
	struct parser *p = calloc(1, sizeof(*p));
	struct dns_zone *zone = dns_zone_new();

	if (!p || !zone) {
		snprintf(error, DNS_ZONEFILE_ERROR_SIZE, "%s: out of memory",
			 name);
		dns_zone_free(zone);
		free(p);
		return NULL;
	}
	p->name = name;
	p->words = (struct dns_words){ .text = text,
				       .at = text,
				       .line_start = text,
				       .end = text + len,
				       .line = 1 };
	p->zone = zone;
	p->origin.len = 1; /* the root */
	p->ttl = DNS_ZONEFILE_TTL_S;
	p->error = error;
	if (parse_file(p) < 0) {
		dns_zone_free(zone);
		zone = NULL;
	}
	free(p->words.words);
	free(p);
	return zone;
}

struct dns_zone *dns_zonefile_load(const char *path,
				   char error[DNS_ZONEFILE_ERROR_SIZE])
{
	struct dns_zone *zone;
	struct file_stamp stamp;
	char *text;

	if (file_read(path, DNS_ZONEFILE_MAX, &text, &stamp, error,
		      DNS_ZONEFILE_ERROR_SIZE) < 0)
		return NULL;
	zone = dns_zonefile_parse(path, text, (size_t)stamp.size, error);
	free(text);
	return zone;
}
