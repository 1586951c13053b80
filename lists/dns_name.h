/*
 * dns_name.h - domain names, as text and on the wire.
 *
 * As text a name has no dot at its end, but for the root, which is ".".  What
 * is not a plain character stands as in a master file (RFC 1035 section 5.1):
 * "\." is a dot inside a label, "\000" a byte by its decimal number.  So a
 * name never carries a control character, a blank or a quote into a log, and
 * two names are one if their texts are, but for ASCII case.
 *
 * Pure functions, for any thread; nothing is allocated.
 */
#ifndef LISTS_DNS_NAME_H
#define LISTS_DNS_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ip;

#define DNS_NAME_MAX 255 /* bytes on the wire, with the root's */
#define DNS_LABEL_MAX 63
#define DNS_NAME_TEXT_SIZE (4 * DNS_NAME_MAX) /* with the NUL */
#define DNS_REVERSE_SIZE 80

/* Uncompressed: length and bytes of each label, then a zero. */
struct dns_name {
	uint8_t len;
	uint8_t wire[DNS_NAME_MAX];
};

/*
 * Reads exactly len bytes.  A dot at the end means nothing; "" is no name, nor
 * is one with an empty label or more than 63 or 255 bytes.  Any other byte may
 * stand for itself.  0, or -1 and *ret_name is undefined.
 */
int dns_name_parse(const char *text, size_t len, struct dns_name *ret_name);

/* Writes the text and returns its length without the NUL. */
size_t dns_name_format(const struct dns_name *name,
		       char buf[DNS_NAME_TEXT_SIZE]);

/* What dns_name_format() would return. */
size_t dns_name_text_len(const struct dns_name *name);

/*
 * Reads a name out of a message, at *at, and moves *at behind it.  Compression
 * pointers (RFC 1035 section 4.1.4) may only lead further back each time, so
 * the time it takes is bounded.  0, or -1 with *at left alone.
 */
int dns_name_read(const uint8_t *message, size_t len, size_t *at,
		  struct dns_name *ret_name);

/* ASCII letters become small ones. */
void dns_name_lower(struct dns_name *name);

/* Without ASCII case; `below` is true for the name itself, too. */
bool dns_name_equal(const struct dns_name *a, const struct dns_name *b);
bool dns_name_below(const struct dns_name *name, const struct dns_name *top);

/*
 * Puts the name under which the address has its PTR records into buf and
 * returns it: "99.2.0.192.in-addr.arpa".  "" for no address.
 */
const char *dns_name_reverse(const struct ip *ip, char buf[DNS_REVERSE_SIZE]);

#endif
