/*
 * address.h - names of mail hosts, and the paths of the envelope.
 *
 * A domain is brought into one form, so that two spellings of it are one
 * string: ASCII, lower case, U-labels turned into A-labels (IDNA 2008 with the
 * non-transitional mapping of UTS 46), no final dot.  What has no such form is
 * no domain.  Labels are letters, digits and hyphens, no hyphen at either end;
 * underscores are taken and flagged, as real names have them.  A label that is
 * not ASCII but would map to plain ASCII, or to several labels, is refused:
 * readers that do not map see another name there.
 *
 * This is the one door to libidn2.  Every function is linear in its input and
 * may be called from any thread, also inside a jail without files.
 */
#ifndef STEELYARD_RULES_MAIL_ADDRESS_H
#define STEELYARD_RULES_MAIL_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>

#include "rules/mail/limits.h"

struct arena;

enum address_fault {
	ADDRESS_FINE,
	ADDRESS_NO_MEMORY, /* the arena is full */
	ADDRESS_EMPTY,
	ADDRESS_TOO_LONG, /* longer than MAIL_PATH_MAX */
	ADDRESS_CONTROL, /* NUL or another control character */
	ADDRESS_BRACKET, /* angle brackets missing or out of place */
	ADDRESS_ROUTE, /* a broken source route */
	ADDRESS_NO_LOCAL, /* nothing before the @ */
	ADDRESS_LOCAL, /* a character that needs quotes */
	ADDRESS_QUOTE, /* broken quoted string */
	ADDRESS_NO_AT, /* no @, and not postmaster */
	ADDRESS_NO_DOMAIN, /* nothing where a domain should be */
	ADDRESS_DOMAIN_CHARACTER,
	ADDRESS_DOMAIN_LABEL, /* empty, or a hyphen at an end */
	ADDRESS_DOMAIN_LENGTH, /* over 63 octets a label or 253 in all */
	ADDRESS_DOMAIN_IDNA, /* not ASCII, and no valid U-label either */
	ADDRESS_DOMAIN_LITERAL, /* brackets without an IP address inside */
};

/* The fault in words, e.g. "nothing before the @". */
const char *address_fault_text(enum address_fault fault);

enum domain_flag {
	DOMAIN_LITERAL = 1 << 0, /* [192.0.2.1] or [IPv6:2001:db8::1] */
	DOMAIN_BARE_IP = 1 << 1, /* an IPv4 address without brackets */
	DOMAIN_UNDERSCORE = 1 << 2,
	DOMAIN_FINAL_DOT = 1 << 3, /* it had one */
	DOMAIN_ONE_LABEL = 1 << 4,
	DOMAIN_IDN = 1 << 5, /* written with U-labels */
};

struct domain {
	char name[MAIL_DOMAIN_SIZE];
	size_t len;
	unsigned int flags; /* enum domain_flag */
};

/*
 * Any spelling of a domain or address literal (RFC 5321 section 4.1.3; the IP
 * address in its shortest form) -> the one form of it.  No blanks around it.
 */
enum address_fault domain_normalise(const char *text, size_t len,
				    struct domain *ret_domain);

/* Does domain_normalise() take it, and is it a name rather than a literal? */
bool domain_valid(const char *text, size_t len);

/* Is this an IPv4 or IPv6 address, without brackets or tag? */
bool domain_is_ip(const char *text, size_t len);

enum address_flag {
	ADDRESS_NULL = 1 << 0, /* "<>": the null sender */
	ADDRESS_POSTMASTER = 1 << 1, /* "<postmaster>", without a domain */
	ADDRESS_LITERAL = 1 << 2, /* the domain is an address literal */
	ADDRESS_HAD_ROUTE = 1 << 3, /* a source route, left out */
	ADDRESS_QUOTED = 1 << 4, /* the local part was a quoted string */
	ADDRESS_UTF8 = 1 << 5, /* local part or domain beyond ASCII */
	ADDRESS_RAW = 1 << 6, /* local part has bytes that are no UTF-8 */
	ADDRESS_DOTS = 1 << 7, /* dots at an end or in a row, unquoted */
	ADDRESS_LONG_LOCAL = 1 << 8, /* more than MAIL_LOCAL_MAX octets */
};

/*
 * An address of the envelope.  The strings live in the arena and are never
 * NULL; neither holds a control character.
 */
struct address {
	const char *local; /* as meant: quotes and backslashes undone */
	size_t local_len;
	const char *domain; /* normalised; "" when there is none */
	size_t domain_len;
	const char *canonical; /* local@domain, quoted only where it must be;
				* the local part's case is kept */
	unsigned int flags; /* enum address_flag */
	unsigned int domain_flags; /* enum domain_flag */
};

/*
 * The argument of MAIL or RCPT as an MTA hands it to a milter: with or without
 * angle brackets, blanks around it ignored (RFC 5321 section 4.1.2, RFC 6531).
 * After a fault the address is empty, but for ADDRESS_NO_AT: then local and
 * canonical are there.
 */
enum address_fault address_parse(struct arena *arena, const char *text,
				 size_t len, struct address *ret_address);

/*
 * Writes a local part as an address needs it, in quotes if it must be.  `out`
 * holds 2 * len + 2 bytes.  Returns the length.
 */
size_t address_quote(const char *local, size_t len, char *out);

/* The same for any text: as a quoted string, whether it must be or not. */
size_t address_quoted_string(const char *text, size_t len, char *out);

/* May the byte stand in an atom (RFC 5322 section 3.2.3, RFC 6532)? */
bool address_is_atext(char c);

#endif
