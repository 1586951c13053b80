/* address.c - see address.h. */
#include "rules/mail/address.h"

#include <arpa/inet.h>
#include <idn2.h>
#include <stdint.h>
#include <string.h>

#include "rules/arena.h"
#include "rules/mail/ascii.h"
#include "rules/mail/unicode.h"

/* The longest U-label is 63 characters of four bytes. */
#define ULABEL_MAX (MAIL_LABEL_MAX * UNICODE_MAX)

static const char *const fault_texts[] = {
	[ADDRESS_FINE] = "fine",
	[ADDRESS_NO_MEMORY] = "the message's memory is used up",
	[ADDRESS_EMPTY] = "empty",
	[ADDRESS_TOO_LONG] = "longer than 2,048 bytes",
	[ADDRESS_CONTROL] = "a control character",
	[ADDRESS_BRACKET] = "angle brackets missing or out of place",
	[ADDRESS_ROUTE] = "a broken source route",
	[ADDRESS_NO_LOCAL] = "nothing before the @",
	[ADDRESS_LOCAL] = "a character that needs quotes before the @",
	[ADDRESS_QUOTE] = "a broken quoted string",
	[ADDRESS_NO_AT] = "no @ and not postmaster",
	[ADDRESS_NO_DOMAIN] = "nothing where a domain should be",
	[ADDRESS_DOMAIN_CHARACTER] = "a character no domain can have",
	[ADDRESS_DOMAIN_LABEL] = "a label that is empty or ends in a hyphen",
	[ADDRESS_DOMAIN_LENGTH] = "a label over 63 or a domain over 253 octets",
	[ADDRESS_DOMAIN_IDNA] = "a label that IDNA does not allow",
	[ADDRESS_DOMAIN_LITERAL] = "an address literal without an IP address",
};

const char *address_fault_text(enum address_fault fault)
{
	size_t n = sizeof(fault_texts) / sizeof(fault_texts[0]);

	return (size_t)fault < n ? fault_texts[fault] : "unknown fault";
}

bool address_is_atext(char c)
{
	return ascii_is_alnum(c) || ascii_is_8bit(c) ||
	       (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", c));
}

/* --- domains ------------------------------------------------------------- */

/* inet_pton() wants a string; `size` is that of an address of the family. */
static bool parse_ip(int family, const char *text, size_t len, void *ret_ip)
{
	char copy[INET6_ADDRSTRLEN];

	if (len == 0 || len >= sizeof(copy) || memchr(text, '\0', len))
		return false;
	memcpy(copy, text, len);
	copy[len] = '\0';
	return inet_pton(family, copy, ret_ip) == 1;
}

bool domain_is_ip(const char *text, size_t len)
{
	struct in6_addr ip;

	return parse_ip(AF_INET, text, len, &ip) ||
	       parse_ip(AF_INET6, text, len, &ip);
}

/* What stands between the brackets, RFC 5321 section 4.1.3. */
static enum address_fault literal(const char *text, size_t len,
				  struct domain *ret)
{
	static const char tag[] = "IPv6:";
	size_t taglen = sizeof(tag) - 1;
	struct in6_addr ip;
	int family = AF_INET;

	if (len > taglen && ascii_equal(text, taglen, tag, taglen)) {
		family = AF_INET6;
		text += taglen;
		len -= taglen;
	} else {
		taglen = 0;
	}
	if (!parse_ip(family, text, len, &ip))
		return ADDRESS_DOMAIN_LITERAL;

	ret->name[0] = '[';
	memcpy(ret->name + 1, tag, taglen);
	inet_ntop(family, &ip, ret->name + 1 + taglen, INET6_ADDRSTRLEN);
	ret->len = strlen(ret->name);
	ret->name[ret->len++] = ']';
	ret->name[ret->len] = '\0';
	ret->flags = DOMAIN_LITERAL;
	return ADDRESS_FINE;
}

/* Appends an ASCII label of a length above zero, in lower case. */
static enum address_fault append_ascii(const char *label, size_t len,
				       struct domain *domain)
{
	for (size_t i = 0; i < len; i++) {
		if (label[i] == '_')
			domain->flags |= DOMAIN_UNDERSCORE;
		else if (!ascii_is_alnum(label[i]) && label[i] != '-')
			return ADDRESS_DOMAIN_CHARACTER;
	}
	if (label[0] == '-' || label[len - 1] == '-')
		return ADDRESS_DOMAIN_LABEL;
	if (len > MAIL_LABEL_MAX || domain->len + len > MAIL_DOMAIN_MAX)
		return ADDRESS_DOMAIN_LENGTH;
	for (size_t i = 0; i < len; i++)
		domain->name[domain->len++] = ascii_lower(label[i]);
	return ADDRESS_FINE;
}

/*
 * Appends a label with characters beyond ASCII.  The mapping may lower case and
 * compose; where it leaves plain ASCII or makes a dot, it has changed what a
 * reader without it would see.
 */
static enum address_fault append_unicode(const char *label, size_t len,
					 struct domain *domain)
{
	enum address_fault fault = ADDRESS_DOMAIN_IDNA;
	uint8_t copy[ULABEL_MAX + 1];
	uint8_t *mapped = NULL;
	size_t mapped_len;

	if (len > ULABEL_MAX)
		return ADDRESS_DOMAIN_LENGTH;
	memcpy(copy, label, len);
	copy[len] = '\0';
	if (!unicode_valid(label, len) ||
	    idn2_lookup_u8(copy, &mapped,
			   IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL |
				   IDN2_USE_STD3_ASCII_RULES) != IDN2_OK)
		return ADDRESS_DOMAIN_IDNA;

	mapped_len = strlen((char *)mapped);
	if (mapped_len > 4 && memcmp(mapped, "xn--", 4) == 0)
		fault = append_ascii((char *)mapped, mapped_len, domain);
	if (fault == ADDRESS_DOMAIN_CHARACTER) /* a dot, for one */
		fault = ADDRESS_DOMAIN_IDNA;
	idn2_free(mapped);
	domain->flags |= DOMAIN_IDN;
	return fault;
}

static enum address_fault append_label(const char *label, size_t len,
				       struct domain *domain)
{
	if (len == 0)
		return ADDRESS_DOMAIN_LABEL;
	for (size_t i = 0; i < len; i++) {
		if (ascii_is_control(label[i]))
			return ADDRESS_CONTROL;
	}
	for (size_t i = 0; i < len; i++) {
		if (ascii_is_8bit(label[i]))
			return append_unicode(label, len, domain);
	}
	return append_ascii(label, len, domain);
}

static enum address_fault labels(const char *text, size_t len,
				 struct domain *domain)
{
	const char *end = text + len;
	const char *dot;
	enum address_fault fault;

	domain->flags |= DOMAIN_ONE_LABEL;
	for (;;) {
		dot = memchr(text, '.', (size_t)(end - text));
		fault = append_label(text, (size_t)((dot ? dot : end) - text),
				     domain);
		if (fault != ADDRESS_FINE || !dot)
			return fault;
		domain->flags &= ~(unsigned int)DOMAIN_ONE_LABEL;
		if (domain->len == MAIL_DOMAIN_MAX)
			return ADDRESS_DOMAIN_LENGTH;
		domain->name[domain->len++] = '.';
		text = dot + 1;
	}
}

enum address_fault domain_normalise(const char *text, size_t len,
				    struct domain *ret_domain)
{
	struct domain domain = { .len = 0 };
	enum address_fault fault;

	if (len == 0)
		return ADDRESS_NO_DOMAIN;
	if (text[0] == '[') {
		if (len < 2 || text[len - 1] != ']')
			return ADDRESS_DOMAIN_LITERAL;
		fault = literal(text + 1, len - 2, &domain);
	} else {
		if (len > 1 && text[len - 1] == '.') {
			domain.flags |= DOMAIN_FINAL_DOT;
			len--;
		}
		fault = labels(text, len, &domain);
		if (fault == ADDRESS_FINE) {
			domain.name[domain.len] = '\0';
			if (domain_is_ip(domain.name, domain.len))
				domain.flags |= DOMAIN_BARE_IP;
		}
	}
	if (fault == ADDRESS_FINE)
		*ret_domain = domain;
	return fault;
}

bool domain_valid(const char *text, size_t len)
{
	struct domain domain;

	return domain_normalise(text, len, &domain) == ADDRESS_FINE &&
	       !(domain.flags & DOMAIN_LITERAL);
}

/* --- envelope paths ------------------------------------------------------ */

/* May the local part stand without quotes?  Atoms with single dots between. */
static bool is_dot_string(const char *local, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (address_is_atext(local[i]))
			continue;
		if (local[i] != '.' || i == 0 || i == len - 1 ||
		    local[i - 1] == '.')
			return false;
	}
	return len > 0;
}

size_t address_quoted_string(const char *text, size_t len, char *out)
{
	size_t used = 0;

	out[used++] = '"';
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '"' || text[i] == '\\')
			out[used++] = '\\';
		out[used++] = text[i];
	}
	out[used++] = '"';
	return used;
}

size_t address_quote(const char *local, size_t len, char *out)
{
	if (!is_dot_string(local, len))
		return address_quoted_string(local, len, out);
	memcpy(out, local, len);
	return len;
}

/*
 * Reads a quoted string from its opening quote on.  Control characters were
 * ruled out before.  Returns the bytes read, or 0; `out` holds them unquoted.
 */
static size_t unquote(const char *text, size_t len, char *out, size_t *ret_len)
{
	size_t used = 0;

	for (size_t i = 1; i < len; i++) {
		if (text[i] == '"') {
			*ret_len = used;
			return i + 1;
		}
		if (text[i] == '\\') {
			i++; /* quoted-pairSMTP: %x5C %x20-7E */
			if (i == len || ascii_is_8bit(text[i]))
				break;
		}
		out[used++] = text[i];
	}
	return 0;
}

/* Where does the domain that begins here end?  At a comma, a colon, the end. */
static size_t route_domain(const char *text, size_t len)
{
	size_t i = 0;

	if (len > 0 && text[0] == '[')
		while (i < len && text[i] != ']')
			i++;
	while (i < len && text[i] != ',' && text[i] != ':')
		i++;
	return i;
}

/* "@a,@b:" - reads A-d-l and the colon; returns the bytes read, or 0. */
static size_t skip_route(const char *text, size_t len)
{
	struct domain domain;
	size_t i = 0, n;

	for (;;) {
		if (i == len || text[i] != '@')
			return 0;
		i++;
		n = route_domain(text + i, len - i);
		if (domain_normalise(text + i, n, &domain) != ADDRESS_FINE)
			return 0;
		i += n;
		if (i == len)
			return 0;
		if (text[i++] == ':')
			return i;
	}
}

/* The local part up to the @ or the end; `*ret_used` bytes of the text. */
static enum address_fault read_local(const char *text, size_t len, char *local,
				     struct address *addr, size_t *ret_used)
{
	size_t used = 0;

	if (len > 0 && text[0] == '"') {
		used = unquote(text, len, local, &addr->local_len);
		if (used == 0 || (used < len && text[used] != '@'))
			return ADDRESS_QUOTE;
		addr->flags |= ADDRESS_QUOTED;
	} else {
		while (used < len && text[used] != '@') {
			if (text[used] != '.' && !address_is_atext(text[used]))
				return ADDRESS_LOCAL;
			local[used] = text[used];
			used++;
		}
		if (used == 0)
			return ADDRESS_NO_LOCAL;
		addr->local_len = used;
		if (!is_dot_string(text, used))
			addr->flags |= ADDRESS_DOTS;
	}
	for (size_t i = 0; i < addr->local_len; i++)
		if (ascii_is_8bit(local[i]))
			addr->flags |= ADDRESS_UTF8;
	if (!unicode_valid(local, addr->local_len))
		addr->flags |= ADDRESS_RAW;
	if (used > MAIL_LOCAL_MAX)
		addr->flags |= ADDRESS_LONG_LOCAL;
	*ret_used = used;
	return ADDRESS_FINE;
}

/* local-part ["@" domain], without brackets and route. */
static enum address_fault read_mailbox(struct arena *arena, const char *text,
				       size_t len, struct address *addr)
{
	char *local = arena_alloc(arena, len + 1);
	char *canonical = arena_alloc(arena, 2 * len + MAIL_DOMAIN_SIZE + 4);
	struct domain domain = { .len = 0 };
	enum address_fault fault;
	size_t used, n;
	bool at;

	if (!local || !canonical)
		return ADDRESS_NO_MEMORY;
	fault = read_local(text, len, local, addr, &used);
	if (fault != ADDRESS_FINE)
		return fault;
	at = used < len;
	if (at) {
		used++;
		fault = domain_normalise(text + used, len - used, &domain);
		if (fault != ADDRESS_FINE)
			return fault;
	}
	addr->local = local;
	addr->domain = arena_strndup(arena, domain.name, domain.len);
	if (!addr->domain)
		return ADDRESS_NO_MEMORY;
	addr->domain_len = domain.len;
	addr->domain_flags = domain.flags;
	if (domain.flags & DOMAIN_LITERAL)
		addr->flags |= ADDRESS_LITERAL;
	if (domain.flags & DOMAIN_IDN)
		addr->flags |= ADDRESS_UTF8;

	n = address_quote(local, addr->local_len, canonical);
	if (at) {
		canonical[n++] = '@';
		memcpy(canonical + n, domain.name, domain.len);
	}
	addr->canonical = canonical;
	if (at)
		return ADDRESS_FINE;
	if (!ascii_equal(local, addr->local_len, "postmaster", 10))
		return ADDRESS_NO_AT;
	addr->flags |= ADDRESS_POSTMASTER;
	return ADDRESS_FINE;
}

static enum address_fault read_path(struct arena *arena, const char *text,
				    size_t len, struct address *addr)
{
	size_t n;

	for (size_t i = 0; i < len; i++)
		if (ascii_is_control(text[i]))
			return ADDRESS_CONTROL;
	if (text[0] == '<') {
		if (len < 2 || text[len - 1] != '>')
			return ADDRESS_BRACKET;
		text++;
		len -= 2;
		if (len == 0) {
			addr->flags |= ADDRESS_NULL;
			return ADDRESS_FINE;
		}
	}
	if (text[0] == '@') {
		n = skip_route(text, len);
		if (n == 0)
			return ADDRESS_ROUTE;
		text += n;
		len -= n;
		addr->flags |= ADDRESS_HAD_ROUTE;
	}
	return read_mailbox(arena, text, len, addr);
}

enum address_fault address_parse(struct arena *arena, const char *text,
				 size_t len, struct address *ret_address)
{
	static const struct address none = { .local = "",
					     .domain = "",
					     .canonical = "" };
	struct address addr = none;
	enum address_fault fault;

	while (len > 0 && ascii_is_blank(text[0])) {
		text++;
		len--;
	}
	while (len > 0 && ascii_is_blank(text[len - 1]))
		len--;

	if (len == 0)
		fault = ADDRESS_EMPTY;
	else if (len > MAIL_PATH_MAX)
		fault = ADDRESS_TOO_LONG;
	else
		fault = read_path(arena, text, len, &addr);
	*ret_address =
		fault == ADDRESS_FINE || fault == ADDRESS_NO_AT ? addr : none;
	return fault;
}
