/*
 * suffix.h - which domain is the organisation's.
 *
 * The organisational domain is one label more than the public suffix under
 * which strangers register names: example.co.uk of mail.example.co.uk.  Which
 * suffixes there are is known from the Public Suffix List, the system's copy
 * or the one built into libpsl, whichever is newer; this is the one door to it.
 *
 * Both parts of that list count, also suffixes of private owners: below
 * github.io each name is another customer.  RFC 7489 section 3.2 needs it so,
 * or customers could align with each other; and a DNS list that was asked about
 * the owner of such a suffix would judge all customers by the worst of them.
 * Below a suffix that the list does not know, such as .test, its last label is
 * taken for the suffix.
 *
 * The list is read once, by the first call.  Any thread; memory is needed for
 * that, and for names that are not ASCII.
 */
#ifndef LISTS_SUFFIX_H
#define LISTS_SUFFIX_H

#include <stdbool.h>
#include <stddef.h>

/*
 * The organisational domain is the end of the name, so it points in there, and
 * has the case in which it was given; a dot behind the last label is left out.
 * U-labels and A-labels are both understood.  NULL where there is none: for a
 * public suffix, one label, an address, a literal, and what is no host name.
 */
const char *suffix_organisation(const char *name, size_t len, size_t *ret_len);

/*
 * Reads the list now, so that no mail waits for it.  Optional.  False: there is
 * none, and so no organisation of anything.
 */
bool suffix_load(void);

#endif
