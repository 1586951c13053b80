/*
 * dns_message.c - questions and answers on the wire.
 *
 * Reading goes in three steps: the header and the question are compared; the
 * answer section is cut into records without looking inside; then the CNAMEs
 * are followed among these, and only the records found at the end are read.
 * Those are gone through twice, to count the bytes of their texts and to
 * write them, so that an answer is one piece of memory.
 */
#include "lists/dns_message.h"

#include <stdlib.h>
#include <string.h>

#define HEADER 12
#define CLASS_IN 1
#define TYPE_OPT 41

#define FLAG_RESPONSE 0x8000
#define FLAG_OPCODE 0x7800
#define FLAG_TRUNCATED 0x0200
#define FLAG_RECURSION 0x0100
#define RCODE 0x000f

enum rcode {
	RCODE_NOERROR = 0,
	RCODE_FORMERR = 1,
	RCODE_NXDOMAIN = 3,
	RCODE_REFUSED = 5,
};

/* One record as it lies in the message. */
struct cut {
	size_t owner, data, data_len;
	uint16_t type, class;
	uint32_t ttl;
	uint8_t high; /* byte of the TTL; an OPT record has an error there */
};

struct reader {
	const uint8_t *message;
	size_t len;
	uint64_t now_ms;
	const struct dns_question *question;
	struct cut cuts[DNS_RECORDS_MAX];
	size_t count;
	struct dns_name name; /* where the CNAMEs have led so far */
	unsigned cnames;
	uint32_t ttl;
};

/* Texts of an answer: counted while `to` is NULL, then written there. */
struct texts {
	char *to;
	size_t used;
};

static uint16_t get16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static uint32_t get32(const uint8_t *at)
{
	return (uint32_t)get16(at) << 16 | get16(at + 2);
}

static size_t put16(uint8_t *at, unsigned value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
	return 2;
}

size_t dns_message_query(const struct dns_question *question, uint16_t id,
			 bool edns, uint8_t buf[DNS_QUERY_MAX])
{
	uint8_t *at = buf;

	at += put16(at, id);
	at += put16(at, FLAG_RECURSION);
	at += put16(at, 1); /* questions */
	at += put16(at, 0);
	at += put16(at, 0);
	at += put16(at, edns); /* additional records */
	memcpy(at, question->name.wire, question->name.len);
	at += question->name.len;
	at += put16(at, question->type);
	at += put16(at, CLASS_IN);
	if (edns) {
		*at++ = 0; /* the root */
		at += put16(at, TYPE_OPT);
		at += put16(at, DNS_EDNS_SIZE);
		memset(at, 0, 6); /* version 0, no flags, no options */
		at += 6;
	}
	return (size_t)(at - buf);
}

/* RFC 2181 section 8: a TTL whose top bit is set is zero. */
static uint32_t sane_ttl(uint32_t ttl)
{
	return ttl > INT32_MAX ? 0 : ttl;
}

static uint32_t smaller(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

static int cut_record(const struct reader *reader, size_t *at,
		      struct cut *ret_cut)
{
	struct dns_name owner;

	ret_cut->owner = *at;
	if (dns_name_read(reader->message, reader->len, at, &owner) < 0 ||
	    reader->len - *at < 10)
		return -1;
	ret_cut->type = get16(reader->message + *at);
	ret_cut->class = get16(reader->message + *at + 2);
	ret_cut->ttl = sane_ttl(get32(reader->message + *at + 4));
	ret_cut->high = reader->message[*at + 4];
	ret_cut->data_len = get16(reader->message + *at + 8);
	ret_cut->data = *at + 10;
	if (ret_cut->data_len > reader->len - ret_cut->data)
		return -1;
	*at = ret_cut->data + ret_cut->data_len;
	return 0;
}

/* The record's whole data is one name, from `skip` on. */
static int data_name(const struct reader *reader, const struct cut *cut,
		     size_t skip, struct dns_name *ret_name)
{
	size_t at = cut->data + skip;

	if (cut->data_len <= skip)
		return -1;
	return dns_name_read(reader->message, cut->data + cut->data_len, &at,
			     ret_name) == 0 &&
			       at == cut->data + cut->data_len
		       ? 0
		       : -1;
}

static bool owned_by(const struct reader *reader, const struct cut *cut,
		     const struct dns_name *name)
{
	struct dns_name owner;
	size_t at = cut->owner;

	return cut->class == CLASS_IN &&
	       dns_name_read(reader->message, reader->len, &at, &owner) == 0 &&
	       dns_name_equal(&owner, name);
}

static const struct cut *find_cut(const struct reader *reader, uint16_t type)
{
	for (size_t i = 0; i < reader->count; i++)
		if (reader->cuts[i].type == type &&
		    owned_by(reader, &reader->cuts[i], &reader->name))
			return &reader->cuts[i];
	return NULL;
}

/* Goes where the CNAMEs in the message lead, in whatever order they stand. */
static enum dns_status follow_cnames(struct reader *reader)
{
	const struct cut *cut;

	if (reader->question->type == DNS_CNAME)
		return DNS_FOUND;
	while ((cut = find_cut(reader, DNS_CNAME))) {
		if (++reader->cnames > DNS_CNAMES_MAX)
			return DNS_LOOP;
		if (data_name(reader, cut, 0, &reader->name) < 0)
			return DNS_GARBLED;
		reader->ttl = smaller(reader->ttl, cut->ttl);
	}
	return DNS_FOUND;
}

static const char *put_name(struct texts *texts, const struct dns_name *name)
{
	char buf[DNS_NAME_TEXT_SIZE];
	size_t size = dns_name_format(name, buf) + 1;
	char *to = texts->to ? texts->to + texts->used : NULL;

	if (to)
		memcpy(to, buf, size);
	texts->used += size;
	return to;
}

static enum dns_status take_address(const struct reader *reader,
				    const struct cut *cut,
				    struct dns_record *ret_record)
{
	const uint8_t *data = reader->message + cut->data;
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	if (cut->data_len != (cut->type == DNS_A ? 4 : 16))
		return DNS_GARBLED;
	ret_record->ip.family = 4;
	if (cut->type == DNS_AAAA && memcmp(data, mapped, 12) == 0)
		data += 12;
	else if (cut->type == DNS_AAAA)
		ret_record->ip.family = 6;
	memcpy(ret_record->ip.bytes, data, ret_record->ip.family == 4 ? 4 : 16);
	return DNS_FOUND;
}

/*
 * A TXT record is one string or more (RFC 1035 section 3.3.14).  The ends
 * come first in the texts, where they are aligned.
 */
static enum dns_status take_txt(const struct reader *reader,
				const struct cut *cut, struct texts *texts,
				struct dns_record *ret_record)
{
	const uint8_t *data = reader->message + cut->data;
	size_t strings = 0, total = 0;
	uint16_t *ends = NULL;
	char *text = NULL;

	for (size_t at = 0; at < cut->data_len; at += (size_t)data[at] + 1) {
		if (data[at] >= cut->data_len - at)
			return DNS_GARBLED;
		strings++;
		total += data[at];
	}
	if (strings == 0)
		return DNS_GARBLED;
	if (total > DNS_TEXT_MAX || strings > DNS_TEXT_MAX)
		return DNS_TOO_LARGE;
	texts->used += texts->used % sizeof(uint16_t);
	if (texts->to) {
		ends = (uint16_t *)(void *)(texts->to + texts->used);
		text = (char *)(ends + strings);
	}
	texts->used += strings * sizeof(uint16_t) + total + 1;
	if (!texts->to)
		return DNS_FOUND;

	ret_record->text = text;
	ret_record->text_len = total;
	ret_record->ends = ends;
	ret_record->strings = strings;
	total = 0;
	for (size_t at = 0; at < cut->data_len; at += (size_t)data[at] + 1) {
		memcpy(text + total, data + at + 1, data[at]);
		total += data[at];
		*ends++ = (uint16_t)total;
	}
	text[total] = '\0';
	return DNS_FOUND;
}

static enum dns_status take_soa(const struct reader *reader,
				const struct cut *cut, struct texts *texts,
				struct dns_record *ret_record)
{
	size_t end = cut->data + cut->data_len, at = cut->data;
	struct dns_name server, mailbox;

	if (dns_name_read(reader->message, end, &at, &server) < 0 ||
	    dns_name_read(reader->message, end, &at, &mailbox) < 0 ||
	    end - at != 20)
		return DNS_GARBLED;
	ret_record->name = put_name(texts, &server);
	ret_record->mailbox = put_name(texts, &mailbox);
	ret_record->serial = get32(reader->message + at);
	ret_record->minimum = sane_ttl(get32(reader->message + at + 16));
	return DNS_FOUND;
}

static enum dns_status take_record(const struct reader *reader,
				   const struct cut *cut, struct texts *texts,
				   struct dns_record *ret_record)
{
	size_t before = cut->type == DNS_MX ? 2 : 0;
	struct dns_name name;

	*ret_record = (struct dns_record){ .type = (enum dns_type)cut->type,
					   .ttl = cut->ttl };
	switch (ret_record->type) {
	case DNS_A:
	case DNS_AAAA: return take_address(reader, cut, ret_record);
	case DNS_TXT: return take_txt(reader, cut, texts, ret_record);
	case DNS_SOA: return take_soa(reader, cut, texts, ret_record);
	case DNS_NS:
	case DNS_CNAME:
	case DNS_PTR:
	case DNS_MX:
		if (data_name(reader, cut, before, &name) < 0)
			return DNS_GARBLED;
		if (before > 0)
			ret_record->preference =
				get16(reader->message + cut->data);
		ret_record->name = put_name(texts, &name);
		return DNS_FOUND;
	}
	return DNS_GARBLED;
}

/* One round over the records that answer; only counts where records is NULL. */
static enum dns_status take_records(const struct reader *reader,
				    struct texts *texts,
				    struct dns_record *records,
				    size_t *ret_count)
{
	enum dns_status status = DNS_FOUND;
	struct dns_record ignored;
	size_t count = 0;

	for (size_t i = 0; i < reader->count && status == DNS_FOUND; i++) {
		const struct cut *cut = &reader->cuts[i];

		if (cut->type != (uint16_t)reader->question->type ||
		    !owned_by(reader, cut, &reader->name))
			continue;
		status = take_record(reader, cut, texts,
				     records ? &records[count] : &ignored);
		count++;
	}
	*ret_count = count;
	return status;
}

/* The answer with its records, or an empty one if it went wrong. */
static struct dns_answer *make_answer(const struct reader *reader,
				      enum dns_status status)
{
	struct texts texts = { 0 };
	struct dns_answer *answer;
	struct dns_record *records;
	size_t count, size;
	enum dns_status taken;

	taken = take_records(reader, &texts, NULL, &count);
	if (taken != DNS_FOUND)
		return dns_answer_of(taken);
	put_name(&texts, &reader->name);
	size = sizeof(*answer) + count * sizeof(*records) + texts.used;
	answer = calloc(1, size);
	if (!answer)
		return dns_answer_of(DNS_NO_MEMORY);
	records = (struct dns_record *)(void *)(answer + 1);
	texts.to = (char *)(records + count);
	texts.used = 0;
	take_records(reader, &texts, records, &count);
	*answer = (struct dns_answer){
		.status = count > 0 ? DNS_FOUND : status,
		.ttl = reader->ttl,
		.received = reader->now_ms,
		.cnames = (uint8_t)reader->cnames,
		.canonical = put_name(&texts, &reader->name),
		.count = count,
		.records = count > 0 ? records : NULL,
		.size = size,
		.refs = 1,
	};
	for (size_t i = 0; i < count; i++)
		answer->ttl = smaller(answer->ttl, records[i].ttl);
	return answer;
}

/* RFC 2308: the SOA record above a name says how long its "no" holds. */
static bool is_negative_soa(struct reader *reader, const struct cut *cut)
{
	struct dns_record record;
	struct texts texts = { 0 };
	struct dns_name owner;
	size_t at = cut->owner;

	if (cut->type != DNS_SOA || cut->class != CLASS_IN ||
	    dns_name_read(reader->message, reader->len, &at, &owner) < 0 ||
	    !dns_name_below(&reader->name, &owner) ||
	    take_soa(reader, cut, &texts, &record) != DNS_FOUND)
		return false;
	reader->ttl = smaller(reader->ttl, smaller(cut->ttl, record.minimum));
	return true;
}

/*
 * Looks through the sections behind the answer for what concerns a negative
 * one: an SOA record, and the upper bits of an error code (RFC 6891 section
 * 6.1.3), without which "bad version" would look like "no data".
 */
static enum dns_status read_negative(struct reader *reader, size_t at,
				     bool *ret_soa)
{
	unsigned authority = get16(reader->message + 8);
	unsigned count = authority + get16(reader->message + 10);
	struct cut cut;

	*ret_soa = false;
	for (unsigned i = 0; i < count && i < 2 * DNS_RECORDS_MAX; i++) {
		if (cut_record(reader, &at, &cut) < 0)
			return DNS_GARBLED;
		if (i < authority && !*ret_soa)
			*ret_soa = is_negative_soa(reader, &cut);
		if (i >= authority && cut.type == TYPE_OPT && cut.high != 0)
			return DNS_SERVFAIL;
	}
	return DNS_FOUND;
}

/* Header and question; moves *at behind them.  DNS_FOUND is "go on". */
static enum dns_status read_head(const struct reader *reader, size_t *at,
				 unsigned *ret_rcode)
{
	const uint8_t *message = reader->message;
	struct dns_name name;
	unsigned flags;

	if (reader->len < HEADER)
		return DNS_GARBLED;
	flags = get16(message + 2);
	if (!(flags & FLAG_RESPONSE) || (flags & FLAG_OPCODE) ||
	    get16(message + 4) != 1)
		return DNS_GARBLED;
	*at = HEADER;
	if (dns_name_read(message, reader->len, at, &name) < 0 ||
	    reader->len - *at < 4 ||
	    !dns_name_equal(&name, &reader->question->name) ||
	    get16(message + *at) != (uint16_t)reader->question->type ||
	    get16(message + *at + 2) != CLASS_IN)
		return DNS_GARBLED;
	*at += 4;
	if (flags & FLAG_TRUNCATED)
		return DNS_TRUNCATED;
	*ret_rcode = flags & RCODE;
	switch (*ret_rcode) {
	case RCODE_NOERROR:
	case RCODE_NXDOMAIN: return DNS_FOUND;
	case RCODE_FORMERR: return DNS_FORMERR;
	case RCODE_REFUSED: return DNS_REFUSED;
	default: return DNS_SERVFAIL;
	}
}

enum dns_reading dns_message_read(const uint8_t *message, size_t len,
				  const struct dns_question *question,
				  uint64_t now_ms,
				  struct dns_answer **ret_answer,
				  struct dns_name *ret_next)
{
	struct reader reader = { .message = message,
				 .len = len,
				 .now_ms = now_ms,
				 .question = question,
				 .name = question->name,
				 .ttl = INT32_MAX };
	unsigned rcode = 0, answers;
	enum dns_status status;
	bool found, soa = false;
	size_t at = 0;

	if (len > DNS_MESSAGE_MAX) {
		*ret_answer = dns_answer_of(DNS_TOO_LARGE);
		return DNS_READ_ANSWER;
	}
	status = read_head(&reader, &at, &rcode);
	answers = status == DNS_FOUND ? get16(message + 6) : 0;
	if (answers > DNS_RECORDS_MAX)
		status = DNS_TOO_LARGE;
	while (status == DNS_FOUND && reader.count < answers)
		if (cut_record(&reader, &at, &reader.cuts[reader.count++]) < 0)
			status = DNS_GARBLED;
	if (status == DNS_FOUND)
		status = follow_cnames(&reader);
	found = status == DNS_FOUND &&
		find_cut(&reader, (uint16_t)question->type);
	if (found && rcode == RCODE_NXDOMAIN)
		status = DNS_GARBLED; /* is there or is not there */
	if (status == DNS_FOUND && !found)
		status = read_negative(&reader, at, &soa);
	if (status != DNS_FOUND) {
		*ret_answer = dns_answer_of(status);
		return DNS_READ_ANSWER;
	}
	if (found) {
		*ret_answer = make_answer(&reader, DNS_FOUND);
		return DNS_READ_ANSWER;
	}
	if (!soa && reader.cnames > 0 && rcode == RCODE_NOERROR) {
		*ret_next = reader.name;
		dns_name_lower(ret_next);
		*ret_answer = make_answer(&reader, DNS_NODATA);
		return DNS_READ_FOLLOW;
	}
	if (!soa)
		reader.ttl = 0;
	*ret_answer =
		make_answer(&reader, rcode == RCODE_NXDOMAIN ? DNS_NXDOMAIN
							     : DNS_NODATA);
	return DNS_READ_ANSWER;
}
