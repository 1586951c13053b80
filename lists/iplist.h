/*
 * iplist.h - a set of networks: is this address in one of them?
 *
 * Fill it with iplist_add(), then iplist_seal() it.  Until it is sealed it
 * belongs to one thread and answers nothing; from then on it never changes
 * and any number of threads may ask.  Networks may lie within each other;
 * the same network twice is one entry.
 *
 * A look-up is a binary search over the outermost networks: 5.1 bytes an
 * entry for IPv4, 17.5 for IPv6.
 */
#ifndef LISTS_IPLIST_H
#define LISTS_IPLIST_H

#include <stdbool.h>
#include <stddef.h>

struct ip;
struct ip_prefix;
struct iplist;

/* NULL, with errno set, when memory runs out. */
struct iplist *iplist_new(void);
void iplist_free(struct iplist *set); /* NULL is fine */

/* The bits below the prefix must be zero.  -1 when memory runs out. */
int iplist_add(struct iplist *set, const struct ip_prefix *prefix);

/* -1 when memory runs out: the set is then good only for iplist_free(). */
int iplist_seal(struct iplist *set);

bool iplist_has(const struct iplist *set, const struct ip *ip);
size_t iplist_count(const struct iplist *set);
size_t iplist_memory(const struct iplist *set); /* bytes */

/* Calls `visit` with each network, by ip_compare(), until it says false. */
void iplist_each(const struct iplist *set,
		 bool (*visit)(void *ctx, const struct ip_prefix *prefix),
		 void *ctx);

#endif
