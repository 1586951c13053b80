/*
 * channel.h - how filter and inspector write to each other.
 *
 * A channel is a SOCK_SEQPACKET pair.  A packet is
 *
 *	version u8, flags u8, reserved u16 (0), message number u64
 *	records: type u8, flags u8, length u16, that many bytes
 *
 * all little-endian.  One message goes like this:
 *
 *	filter     BEGIN WANT* HEADER* BODY* END, cut into packets at will;
 *	           BEGIN opens a packet, END is the last record of the last one
 *	inspector  FACT*, in packets; the last one bears CHANNEL_LAST
 *
 * A message number is used once a channel and counts up.  BEGIN for a
 * new one drops a message whose END was never sent.  The inspector says nothing
 * before END.  Three further types are kept for what will be said before it:
 * QUESTION (inspector asks for DNS records), ANSWER, and HINT (a name worth
 * asking for early, needs no answer).
 *
 * Limits: a record's payload is at most CHANNEL_RECORD_MAX bytes.  A milter's
 * header field always fits, since its frames are no larger; any other is cut,
 * with a mark.  Body pieces are split.  Neither side believes the other: what
 * is not as written here is an error, after which the filter has the inspector
 * killed, and an inspector leaves.
 *
 * Writers put records into a struct packet.  Nothing here touches a socket, is
 * shared between threads, or keeps what it is given.
 */
#ifndef STEELYARD_INSPECT_CHANNEL_H
#define STEELYARD_INSPECT_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "filter/inspect/cursor.h"

struct message_request;
struct message_want;

enum {
	CHANNEL_VERSION = 1,
	CHANNEL_HEAD = 12,
	CHANNEL_RECORD_HEAD = 4,
	CHANNEL_RECORD_MAX = 65535,
	CHANNEL_PACKET_MAX =
		CHANNEL_HEAD + CHANNEL_RECORD_HEAD + CHANNEL_RECORD_MAX,
	CHANNEL_WANTS_MAX = 4096,
};

enum channel_packet_flag { CHANNEL_LAST = 1 };

enum channel_type {
	CHANNEL_BEGIN = 1,
	CHANNEL_WANT,
	CHANNEL_HEADER,
	CHANNEL_BODY,
	CHANNEL_END,
	CHANNEL_FACT,
	/* reserved: CHANNEL_QUESTION, CHANNEL_ANSWER, CHANNEL_HINT */
};

enum channel_record_flag {
	CHANNEL_CUT = 1, /* of HEADER, and of END: there was more */
	CHANNEL_MORE = 2, /* of FACT: the set goes on in the next record */
};

/* --- writing ------------------------------------------------------------ */

/*
 * A packet under construction.  With `grows` its bytes are malloc'ed and grow
 * as needed; else they are the caller's, CHANNEL_PACKET_MAX of them.
 */
struct packet {
	unsigned char *bytes;
	size_t used, room;
	bool grows;
};

enum packet_put {
	PACKET_PUT,
	PACKET_FULL, /* nothing was written: send this one, take a new one */
	PACKET_NO_MEMORY,
};

/* Frees the bytes of one that grows. */
void packet_done(struct packet *packet);

/* Starts over with a packet of this message; keeps the memory. */
enum packet_put packet_begin(struct packet *packet, uint64_t number);
void packet_flag(struct packet *packet, enum channel_packet_flag flag);
/* Holds no record yet. */
bool packet_empty(const struct packet *packet);

enum packet_put packet_put_begin(struct packet *packet,
				 const struct message_request *request);
enum packet_put packet_put_want(struct packet *packet,
				const struct message_want *want);
/* Longer ones than fit in a record are cut, and marked so. */
enum packet_put packet_put_header(struct packet *packet, const char *name,
				  size_t name_len, const char *value,
				  size_t value_len);
/*
 * As much of the piece as the packet has room for; `*ret_taken` says how much,
 * and is less than `len` with PACKET_FULL.
 */
enum packet_put packet_put_body(struct packet *packet, const void *bytes,
				size_t len, size_t *ret_taken);
enum packet_put packet_put_end(struct packet *packet, bool body_cut);

/* For other kinds of record. */
enum packet_put packet_put(struct packet *packet, enum channel_type type,
			   uint8_t flags, const void *payload, size_t len);

/*
 * The same in steps: the pen has room for `at_least` bytes of payload, and for
 * more if the packet has; nothing else may be put before packet_close().
 */
enum packet_put packet_open(struct packet *packet, enum channel_type type,
			    size_t at_least, struct pen *ret_pen);
void packet_close(struct packet *packet, const struct pen *pen, uint8_t flags);

/* --- reading ------------------------------------------------------------ */

struct channel_head {
	uint8_t flags;
	uint64_t number;
};

/* Opens a packet; false if it is none of ours. */
bool channel_open(struct cursor *packet, struct channel_head *ret_head);

enum channel_read {
	CHANNEL_RECORD,
	CHANNEL_ENDED,
	CHANNEL_BROKEN,
};

struct channel_record {
	uint8_t type, flags;
	struct cursor payload;
};

enum channel_read channel_next(struct cursor *packet,
			       struct channel_record *ret_record);

/* These read one record; false if it is not well-formed. */
bool channel_read_begin(struct cursor *payload,
			struct message_request *ret_request);
/*
 * The name lies in the packet.  Slots are the filter's: here the n-th WANT is
 * number n, and FACT names it so.
 */
bool channel_read_want(struct cursor *payload, struct message_want *ret_want);

struct channel_field {
	const char *name, *value; /* in the packet */
	size_t name_len, value_len;
	bool cut;
};
bool channel_read_header(struct channel_record *record,
			 struct channel_field *ret_field);

#endif
