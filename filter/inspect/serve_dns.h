/*
 * serve_dns.h - the door to DNS (dns.h) whose other side is the channel.
 *
 * A question goes out once a message, whoever asks it again gets what was
 * answered.  Who asks waits, and what comes in meanwhile is read here; if that
 * is no answer, but the filter speaking of something else, it is kept for the
 * main loop and all that is still asked fails, as the message was dropped.
 *
 * What the filter has told unasked is found first, and not asked for.
 *
 * One thread, one channel.
 */
#ifndef STEELYARD_INSPECT_SERVE_DNS_H
#define STEELYARD_INSPECT_SERVE_DNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "filter/inspect/channel.h"
#include "filter/inspect/dns.h"
#include "rules/arena.h"

enum {
	/* What the answers to one message may take; more is DNS_NO_MEMORY. */
	SERVE_DNS_ROOM = 2 * 1024 * 1024,
};

struct serve_dns_question {
	const char *name; /* in small letters */
	enum dns_type type;
	const struct dns_answer *answer; /* NULL: not yet */
};

struct serve_dns {
	struct inspect_dns door;
	/*
	 * A packet that came while somebody waited and is not an answer, in
	 * `late`; 0: none.
	 */
	size_t late_len;
	bool broken; /* the filter has said what it must not */

	/* private */
	int fd;
	unsigned char *late; /* CHANNEL_PACKET_MAX bytes */
	size_t late_most; /* how many of them were touched */
	bool gone; /* the channel has ended */
	uint64_t number; /* of the message */
	int64_t left_ms; /* for waiting */
	struct arena arena; /* names and answers */
	struct serve_dns_question *questions; /* in the arena */
	size_t count;
	struct serve_dns_question *known; /* told unasked, in the arena */
	size_t known_count;
	/* which are answered, also when the arena is empty again */
	bool answered[CHANNEL_QUESTIONS_MAX];
};

/* The buffer is borrowed. */
void serve_dns_init(struct serve_dns *dns, int fd, unsigned char *late);
void serve_dns_done(struct serve_dns *dns);

/* A new message, which may wait so long for answers, all together. */
void serve_dns_begin(struct serve_dns *dns, uint64_t number, uint32_t dns_ms);

/* It has ended: answers are gone, those that still come are not kept. */
void serve_dns_end(struct serve_dns *dns);

/*
 * A packet of this message that holds an ANSWER; the record is the first of
 * it.  False breaks the protocol.
 */
bool serve_dns_answer(struct serve_dns *dns, struct channel_record *record,
		      const struct cursor *rest);

/* A KNOWN of this message.  False breaks the protocol. */
bool serve_dns_known(struct serve_dns *dns, struct channel_record *record);

#endif
