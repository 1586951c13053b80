/*
 * fakedns.h - a DNS server inside a test, on 127.0.0.1, UDP and TCP.
 *
 * What it answers is in the first label of the name, up to a "-" if there is
 * one: "ok-17.test" has an address, "silent.test" gets no answer.  The whole
 * list is the table in fakedns_say.c.
 */
#ifndef TESTS_UNIT_FAKEDNS_H
#define TESTS_UNIT_FAKEDNS_H

#include <stdbool.h>
#include <stddef.h>

struct fakedns;

/* Never NULL: without a socket the program ends. */
struct fakedns *fakedns_start(void);
void fakedns_stop(struct fakedns *fake);

/* "127.0.0.1:PORT"; lives as long as the server. */
const char *fakedns_address(const struct fakedns *fake);

/* While it is on nothing is answered, as if the server were away. */
void fakedns_mute(struct fakedns *fake, bool on);

/* Everything is answered with this code; 0 ends that. */
void fakedns_fail(struct fakedns *fake, unsigned rcode);

/* Answers what "hold" held back, and no longer holds. */
void fakedns_release(struct fakedns *fake);

/* Queries so far: all, those over TCP, those for names beginning so. */
size_t fakedns_queries(struct fakedns *fake);
size_t fakedns_tcp(struct fakedns *fake);
size_t fakedns_asked(struct fakedns *fake, const char *begin);

/* Different source ports so far, of UDP. */
size_t fakedns_ports(struct fakedns *fake);

/* Waits until so many queries have come. */
void fakedns_wait(struct fakedns *fake, size_t queries);

#endif
