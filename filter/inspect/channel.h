/*
 * channel.h - how filter and inspector write to each other.
 *
 * A channel is a SOCK_SEQPACKET pair.  A packet is
 *
 *	version u8, flags u8, reserved u16 (0), message number u64
 *	records: type u8, flags u8, length u16, that many bytes
 *
 * all little-endian.  There are two kinds of inspection.  Of a message:
 *
 *	filter     BEGIN WANT* HEADER* KNOWN* BODY* END, cut into packets at
 *	           will; BEGIN opens a packet, END is the last record of all
 *	inspector  FACT*, in packets; the last one bears CHANNEL_LAST
 *
 * and of an envelope, where one packet says it all:
 *
 *	filter     ENVELOPE KNOWN*
 *	inspector  FACT*, as above
 *
 * A number is used once a channel and counts up.  BEGIN or ENVELOPE with a new
 * one drops a message whose END was never sent.  There are no FACTs before END.
 *
 * From BEGIN or ENVELOPE to the last FACT the inspector may ask what DNS says,
 * each question in a packet of its own:
 *
 *	inspector  QUESTION
 *	filter     ANSWER, alone in its packet, whenever it is known
 *
 * Questions of a message are numbered from 0 and each is answered once, in any
 * order; but those of a message that was dropped, or whose last FACT was sent,
 * may be left without an answer.  An inspector that wants a name looked up
 * before it needs it, asks, and reads the answer when it comes to it.
 *
 * What the filter expects to be asked, and can answer at once, it tells without
 * being asked: KNOWN is a question with its answer, has no number and may be of
 * no use.
 *
 * Limits: a record's payload is at most CHANNEL_RECORD_MAX bytes.  A milter's
 * header field always fits, since its frames are no larger; any other is cut,
 * with a mark.  Body pieces are split.  Texts of an envelope are at most
 * CHANNEL_TEXT_MAX bytes, questions of a message CHANNEL_QUESTIONS_MAX, and
 * what is told of it unasked CHANNEL_KNOWN_MAX.  Neither side believes the
 * other: what is not as written here is an error, after which the filter has
 * the inspector killed, and an inspector leaves.
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

#include "lists/dns_answer.h"

struct arena;
struct message_request;
struct message_want;
struct spf_request;

enum {
	CHANNEL_VERSION = 3,
	CHANNEL_HEAD = 12,
	CHANNEL_RECORD_HEAD = 4,
	CHANNEL_RECORD_MAX = 65535,
	CHANNEL_PACKET_MAX =
		CHANNEL_HEAD + CHANNEL_RECORD_HEAD + CHANNEL_RECORD_MAX,
	CHANNEL_WANTS_MAX = 4096,
	/* SPF asks at most SPF_QUERIES_MAX, a message its keys and what DMARC
	 * needs. */
	CHANNEL_QUESTIONS_MAX = 256,
	CHANNEL_KNOWN_MAX = 32,
	CHANNEL_TEXT_MAX = 4096,
};

enum channel_packet_flag { CHANNEL_LAST = 1 };

enum channel_type {
	CHANNEL_BEGIN = 1,
	CHANNEL_WANT,
	CHANNEL_HEADER,
	CHANNEL_BODY,
	CHANNEL_END,
	CHANNEL_FACT,
	CHANNEL_ENVELOPE,
	CHANNEL_QUESTION,
	CHANNEL_ANSWER,
	CHANNEL_KNOWN,
};

enum channel_record_flag {
	CHANNEL_CUT = 1, /* of HEADER, and of END: there was more */
	CHANNEL_MORE = 2, /* of FACT: the set goes on in the next record */
	CHANNEL_PARTIAL = 4, /* of FACT: a set that may lack values */
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

/* `dns_ms`: how long the message may wait for answers, all together. */
enum packet_put packet_put_begin(struct packet *packet,
				 const struct message_request *request,
				 uint32_t dns_ms);
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
/*
 * The same, but their bytes are to follow those of the packet, when it is sent:
 * nothing else can be put into it any more.
 */
enum packet_put packet_put_body_head(struct packet *packet, size_t len,
				     size_t *ret_taken);
enum packet_put packet_put_end(struct packet *packet, bool body_cut);

/* May these travel?  The filter looks before it leases a channel. */
bool channel_text_fits(const char *text);
bool channel_envelope_fits(const struct spf_request *request);

/* Where in a packet something lies. */
struct packet_span {
	size_t from, to;
};
/*
 * The span holds what strangers chose by whom the mail is to be judged, the
 * sender's domain and HELO, and not what changes from message to message.
 */
enum packet_put packet_put_envelope(struct packet *packet,
				    const struct spf_request *request,
				    uint32_t dns_ms,
				    struct packet_span *ret_names);

/* An address: family u8, 16 bytes; the reader takes nothing but ip.h's form. */
void channel_put_ip(struct pen *pen, const struct ip *ip);
bool channel_read_ip(struct cursor *payload, struct ip *ret_ip);

/* The name is as in lists/dns_name.h. */
enum packet_put packet_put_question(struct packet *packet, uint32_t number,
				    enum dns_type type, const char *name);
/* One too large for a record is said to be DNS_TOO_LARGE. */
enum packet_put packet_put_answer(struct packet *packet, uint32_t number,
				  enum dns_type type,
				  const struct dns_answer *answer);
/*
 * The name is in small letters.  PACKET_FULL also if the answer is too large
 * for a record.
 */
enum packet_put packet_put_known(struct packet *packet, enum dns_type type,
				 const char *name,
				 const struct dns_answer *answer);

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

/*
 * These read one record; false if it is not well-formed.  Texts lie in the
 * packet, with a NUL behind them and none inside.
 */
bool channel_read_begin(struct cursor *payload,
			struct message_request *ret_request,
			uint32_t *ret_dns_ms);
bool channel_read_envelope(struct cursor *payload,
			   struct spf_request *ret_request,
			   uint32_t *ret_dns_ms);
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

struct channel_question {
	uint32_t number;
	enum dns_type type;
	const char *name; /* a valid one */
};
/* May an inspector ask for such records?  A, AAAA, MX, PTR and TXT. */
bool channel_may_ask(enum dns_type type);
bool channel_read_question(struct cursor *payload,
			   struct channel_question *ret_question);

/* The number comes first: by it one knows which type was asked for. */
bool channel_read_answer(struct cursor *payload, uint32_t *ret_number);
/* What is known: which question this is.  The name lies in the packet. */
bool channel_read_known(struct cursor *payload, enum dns_type *ret_type,
			const char **ret_name);
/*
 * The rest of either, as an answer in the arena that needs no unref; without
 * room one of dns_answer_of(DNS_NO_MEMORY).
 */
bool channel_read_records(struct cursor *payload, enum dns_type type,
			  struct arena *arena,
			  const struct dns_answer **ret_answer);

#endif
