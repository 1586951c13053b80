/*
 * dice_dns.h - a DNS whose answers follow from the name and a seed.
 *
 * Names of DMARC records have some, of keys those of RFC 8463 or a broken one;
 * others may exist or not.
 */
#ifndef STEELYARD_TESTS_DICE_DNS_H
#define STEELYARD_TESTS_DICE_DNS_H

#include <stdbool.h>

#include "filter/inspect/dns.h"

/* More than one message can ask. */
enum { DICE_DNS_ANSWERS = 64 };

struct dice_dns {
	struct inspect_dns dns; /* to be handed to what asks */
	unsigned seed;
	bool fails; /* now and then */

	unsigned asked;
	struct dns_answer answers[DICE_DNS_ANSWERS];
	struct dns_record records[DICE_DNS_ANSWERS][2];
};

void dice_dns_init(struct dice_dns *dice, unsigned seed, bool fails);

#endif
