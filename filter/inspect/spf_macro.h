/*
 * spf_macro.h - the macros of SPF records (RFC 7208 section 7).
 *
 * A domain-spec such as "%{ir}.%{v}._spf.%{d2}" becomes a name by putting in
 * what is known of the client and the sender; an explanation becomes a text in
 * the same way.  What is published is checked first, in one pass and without
 * expanding anything, so a syntax error is found whoever the client is.
 *
 * Pure functions, for any thread; nothing is allocated.  All take time linear
 * in what they read and write.  Texts that a stranger published may hold any
 * bytes; a fault's sentence never repeats them.
 */
#ifndef STEELYARD_INSPECT_SPF_MACRO_H
#define STEELYARD_INSPECT_SPF_MACRO_H

#include <stddef.h>
#include <stdint.h>

#include "lists/ip.h"

struct dns_name;

#define SPF_NAME_MAX 253 /* octets, RFC 7208 section 7.3 */
#define SPF_NAME_SIZE (SPF_NAME_MAX + 1)

/* What is wrong, and at which byte. */
struct spf_fault {
	size_t at;
	const char *why; /* static */
};

/* Where a macro stands says which letters, and which characters, may. */
enum spf_where {
	SPF_IN_DOMAIN, /* visible characters; not c, r, t */
	SPF_IN_MODIFIER, /* an unknown one's value: visible characters */
	SPF_IN_EXPLANATION, /* blanks as well */
};

/* The macro letters that a text uses are kept as a set of these. */
#define SPF_LETTER(small) (UINT32_C(1) << ((small) - 'a'))

/*
 * Is this a macro-string (SPF_IN_EXPLANATION: an explain-string) of section
 * 7.1?  The second one wants a whole domain-spec, with the end that it must
 * have.  0, or -1 with *ret_fault filled in.  Both outputs may be NULL.
 */
int spf_macro_check(const char *text, size_t len, enum spf_where where,
		    uint32_t *ret_letters, struct spf_fault *ret_fault);
int spf_domain_check(const char *text, size_t len, uint32_t *ret_letters,
		     struct spf_fault *ret_fault);

/*
 * What macros stand for.  Strings are borrowed, and only sender and helo may
 * be longer than a name.
 */
struct spf_context {
	const char *sender; /* s, l, o: the reverse path without its brackets;
			     * "" for a null sender, who is postmaster@helo */
	const char *helo; /* h */
	const char *domain; /* d: whose record is being evaluated */
	const char *validated; /* p; NULL if no name of the client's is */
	const char *receiver; /* r; NULL if it is not known */
	struct ip ip; /* i, c, v */
	int64_t now; /* t, seconds since 1970 */
};

enum spf_expansion {
	SPF_EXPANDED,
	/*
	 * The macros are fine, but what comes out cannot be asked for in DNS:
	 * an empty label or one of more than 63 octets, or a byte that is not
	 * printable ASCII, as in an internationalised local part (RFC 8616
	 * section 4).  Section 4.8 leaves open what this means; as a name that
	 * does not exist, it makes a mechanism not match.
	 */
	SPF_NOT_A_NAME,
	SPF_NO_TEXT, /* an explanation that is too long or not printable ASCII
		      */
	SPF_BAD_MACRO, /* the check above would have said no */
};

/*
 * A checked domain-spec -> the name, without a final dot; whole labels are
 * dropped from the left until it is no longer than SPF_NAME_MAX.  Dots separate
 * labels, any other character stands for itself: this is not yet the text form
 * of lists/dns_name.h, where a backslash has a meaning.
 */
enum spf_expansion spf_expand_domain(const struct spf_context *context,
				     const char *spec, size_t len,
				     char ret_name[SPF_NAME_SIZE]);

/* Such a name as DNS wants it.  0, or -1 if it is none. */
int spf_name_wire(const char *name, size_t len, struct dns_name *ret_name);

/*
 * An explanation as published -> its text with a NUL behind, in a buffer of
 * `size` bytes.  It is what a stranger wrote: printable ASCII and blanks,
 * nothing more can be said for it.
 */
enum spf_expansion spf_expand_explanation(const struct spf_context *context,
					  const char *text, size_t len,
					  char *ret_text, size_t size);

#endif
