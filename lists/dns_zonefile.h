/*
 * dns_zonefile.h - a file of names and records (RFC 1035 section 5).
 *
 * A master file, of as many zones as one likes:
 *
 *   $ORIGIN example.org.          ; names without a dot at the end go on so;
 *   $TTL 1h                       ; at first they are below the root
 *   $DELAY 20ms                   ; every answer from this file takes so long
 *   @       IN SOA ns admin ( 1 1h 15m 1w 60 )
 *           MX 10 mail            ; owner as above
 *   mail    A  192.0.2.1
 *   *.dyn   A  192.0.2.2          ; RFC 4592
 *   www     CNAME mail
 *   text    TXT "v=spf1 -all" "" more
 *
 * Types are A, AAAA, CNAME, MX, NS, PTR, SOA and TXT; a TTL (seconds or 1h30m)
 * and IN may precede them.  There is no $INCLUDE.  In place of records a name
 * may have rules, which say how asking for it fails:
 *
 *   broken  SERVFAIL              ; likewise REFUSED, FORMERR, GARBLED
 *   silent  TIMEOUT               ; nobody answers, as long as one waits
 *   quick   TIMEOUT 50ms          ; that is how long
 *   gone    NXDOMAIN              ; though a wildcard would cover it
 *   empty   NODATA
 *   half    SERVFAIL A AAAA       ; these types only
 *   slow    DELAY 200ms           ; beside records or other rules
 *
 * A rule without types is for those that the name has no records of.  Files
 * of others go in as they are, if all that is unknown is left out of them.
 */
#ifndef LISTS_DNS_ZONEFILE_H
#define LISTS_DNS_ZONEFILE_H

#include "lists/dns_zone.h"

#define DNS_ZONEFILE_MAX ((size_t)16 << 20) /* bytes */
#define DNS_ZONEFILE_TTL_S 300 /* before any $TTL */
#define DNS_ZONEFILE_ERROR_SIZE 512

/*
 * NULL, with "NAME:LINE:COLUMN: what is wrong" in error; lines and columns
 * (bytes) count from 1.
 */
struct dns_zone *dns_zonefile_parse(const char *name, const char *text,
				    size_t len,
				    char error[DNS_ZONEFILE_ERROR_SIZE]);

/* The same of a file, read by file_read(). */
struct dns_zone *dns_zonefile_load(const char *path,
				   char error[DNS_ZONEFILE_ERROR_SIZE]);

#endif
