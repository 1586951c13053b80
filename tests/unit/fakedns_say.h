/*
 * fakedns_say.h - what a DNS server inside a test has to say.
 */
#ifndef TESTS_UNIT_FAKEDNS_SAY_H
#define TESTS_UNIT_FAKEDNS_SAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { FAKEDNS_HEADER = 12 };

/*
 * Begins as the question written again, with a header that says all is well;
 * what is said goes behind it.
 */
struct fakedns_reply {
	uint8_t bytes[65536];
	size_t len; /* 0: no reply; FAKEDNS_EMPTY: one of no bytes */
	bool tcp, edns; /* how it was asked */
};

#define FAKEDNS_EMPTY SIZE_MAX /* over TCP that is the end */

/* Says what the name's first label asks for; most are no names. */
void fakedns_say(struct fakedns_reply *r, const char *name);

/* Says that something is wrong. */
void fakedns_say_rcode(struct fakedns_reply *r, unsigned rcode);

#endif
