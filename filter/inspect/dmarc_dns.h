/*
 * dmarc_dns.h - the questions of DMARC, put to DNS.
 *
 * dmarc.h says what it would like to know; this asks for it.  A name behind
 * which a CNAME dangles exists, so NXDOMAIN at the end of one is no answer to
 * whether the name does.
 */
#ifndef STEELYARD_INSPECT_DMARC_DNS_H
#define STEELYARD_INSPECT_DMARC_DNS_H

#include "filter/inspect/dmarc.h"
#include "lists/dns_answer.h"

struct inspect_dns;

/*
 * Asks until the outcome stands.  `*failure` becomes what DNS said to the last
 * question that it did not answer, and is left alone where there is none.
 */
void dmarc_resolve(struct dmarc *dmarc, struct inspect_dns *dns,
		   enum dns_status *failure);

/*
 * Hints at what is going to be asked for this author: the records of its walk,
 * or by the list alone its own and its organisation's.
 */
void dmarc_hint_author(const struct dmarc_settings *settings,
		       const char *author, struct inspect_dns *dns);

/*
 * The same for a domain that will probably be proven: the part of its walk
 * that is below the author's organisation, as far as the list knows it.  Names
 * in small letters, in ASCII.  `*left` is how many hints may be given, and
 * becomes less: whoever signs for many domains shall not fill the table of
 * answers with what is never asked.
 */
void dmarc_hint_proven(const struct dmarc_settings *settings,
		       const char *author, const char *domain,
		       struct inspect_dns *dns, unsigned *left);

/* Is the name the same as top, or below it?  Both in small letters. */
bool dmarc_is_below(const char *name, const char *top);

#endif
