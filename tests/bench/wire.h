/*
 * wire.h - the milter protocol, version 6, as Postfix speaks it.
 *
 * What was read in Postfix 3.7's milter8.c, smtpd.c and cleanup_milter.c, and
 * is done here the same way:
 *
 * - Every event is preceded by a frame with its macros, also when the list is
 *   empty and also when the filter declined the event (but not where it
 *   declined header, end of header or body).  Each header field has one.
 * - The queue id is not known before the first recipient has been accepted.
 * - What needs no reply stays in the buffer until something does, or until the
 *   buffer is full: an exchange costs one write.  After DATA the buffer is
 *   flushed, as another process goes on with the content.
 * - Each message ends with an abort, also one that was accepted.
 *
 * A script holds the bytes of one message and where its events end.  Building
 * one costs the driver some microseconds; nothing here waits or does I/O.
 * Memory that runs out ends the program.
 */
#ifndef BENCH_WIRE_H
#define BENCH_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct letter;

#define WIRE_FRAME_MAX (1U << 20) /* a longer reply is an error */
#define WIRE_MACROS 7 /* stages that have a list, numbered as in mfapi.h */

enum wire_step {
	WIRE_NEGOTIATE,
	WIRE_CONNECT,
	WIRE_HELO,
	WIRE_MAIL,
	WIRE_RCPT,
	WIRE_DATA,
	WIRE_HEADER,
	WIRE_EOH,
	WIRE_BODY,
	WIRE_EOM,
	WIRE_STEPS,
};

/* What the filter asked for.  An empty list of macros is Postfix's own. */
struct wire_deal {
	uint32_t version;
	uint32_t actions;
	uint32_t steps;
	char macros[WIRE_MACROS][512];
};

struct wire_event {
	enum wire_step step;
	size_t end; /* its last byte is before this one */
	bool waits; /* the filter owes a reply */
	bool flush; /* whatever is buffered goes out after it */
};

struct wire_script {
	unsigned char *bytes;
	size_t len;
	size_t room;
	struct wire_event *events;
	size_t count;
	size_t events_room;
};

/* What differs from message to message. */
struct wire_mail {
	uint32_t number; /* makes sender and queue id differ */
	/*
	 * 0: 192.0.2.25.  Else one of 198.18.0.0/15 (RFC 2544), 198.18.0.1
	 * being the first, with a name and a sender's domain of its own.
	 */
	uint32_t client;
	unsigned rcpts;
	bool opens; /* the first of its connection: connect and HELO */
	bool bare; /* nothing after HELO */
	const struct letter *letter;
};

const char *wire_step_name(enum wire_step step);

/* A word for a reply's byte, or NULL for a byte that is none. */
const char *wire_reply_name(unsigned char cmd);

/* Is this a change to the message or progress, so that a reply still comes? */
bool wire_reply_more(unsigned char cmd);

/* Each replaces the script's content; the memory is used again. */
void wire_offer(struct wire_script *script);
void wire_mail(struct wire_script *script, const struct wire_deal *deal,
	       const struct wire_mail *mail);
void wire_quit(struct wire_script *script, bool abort);

void wire_done(struct wire_script *script);

/*
 * Finds one whole frame at the start of `bytes`.  Returns its whole length,
 * 0 if more bytes are needed, -1 if this can be no frame.
 */
long wire_frame(const unsigned char *bytes, size_t len);

/* Reads the reply (a whole frame) to wire_offer().  -1: not acceptable. */
int wire_deal_read(struct wire_deal *deal, const unsigned char *frame,
		   size_t len);

#endif
