/*
 * channel_dns.c - questions about DNS, and the answers.
 *
 * A QUESTION is its number u32, the type u16 and the name with a NUL behind.
 * An ANSWER is
 *
 *	number u32, then the answer:
 *
 *	status u8, CNAMEs u8, records u16, ttl u32, canonical name
 *	records: ttl u32, then
 *		A, AAAA: the address
 *		MX: preference u16, name
 *		PTR: name
 *		TXT: bytes u16, strings u16, where each ends u16, the bytes
 *
 * Records are of the type that was asked for.  A name is a length u16 and that
 * many bytes, the last of which is a NUL.  KNOWN is the type u16, the name, and
 * the answer.
 */
#include "filter/inspect/channel.h"

#include <string.h>

#include "lists/dns_name.h"
#include "rules/arena.h"

bool channel_may_ask(enum dns_type type)
{
	return type == DNS_A || type == DNS_AAAA || type == DNS_MX ||
	       type == DNS_PTR || type == DNS_TXT;
}

/* --- addresses and names ------------------------------------------------- */

void channel_put_ip(struct pen *pen, const struct ip *ip)
{
	pen_u8(pen, ip->family);
	pen_bytes(pen, ip->bytes, sizeof(ip->bytes));
}

bool channel_read_ip(struct cursor *payload, struct ip *ret_ip)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	static const uint8_t zeros[16];
	struct ip ip = { .family = cursor_u8(payload) };
	const char *bytes = cursor_bytes(payload, sizeof(ip.bytes));
	size_t used = ip.family == 6 ? 16 : ip.family;

	if (bytes == NULL ||
	    (ip.family != 0 && ip.family != 4 && ip.family != 6))
		return false;
	memcpy(ip.bytes, bytes, sizeof(ip.bytes));
	if (memcmp(ip.bytes + used, zeros, sizeof(ip.bytes) - used) != 0)
		return false;
	if (ip.family == 6 && memcmp(ip.bytes, mapped, sizeof(mapped)) == 0)
		return false; /* that is an IPv4 address */
	*ret_ip = ip;
	return true;
}

static size_t name_size(const char *name)
{
	return 2 + strlen(name) + 1;
}

static void put_name(struct pen *pen, const char *name)
{
	size_t len = strlen(name) + 1;

	pen_u16(pen, (uint16_t)len);
	pen_bytes(pen, name, len);
}

/* `len` bytes that are a name and its NUL. */
static bool is_name(const char *text, size_t len)
{
	struct dns_name name;

	return text != NULL && len > 0 && len <= DNS_NAME_TEXT_SIZE &&
	       memchr(text, '\0', len) == text + len - 1 &&
	       dns_name_parse(text, len - 1, &name) == 0;
}

/* Where it lies; NULL and `failed` if there is none. */
static const char *read_name(struct cursor *payload, size_t *ret_len)
{
	uint16_t len = cursor_u16(payload);
	const char *text = cursor_bytes(payload, len);

	if (!is_name(text, len)) {
		payload->failed = true;
		return NULL;
	}
	*ret_len = len - 1U;
	return text;
}

/* --- questions ----------------------------------------------------------- */

enum packet_put packet_put_question(struct packet *packet, uint32_t number,
				    enum dns_type type, const char *name)
{
	size_t len = strlen(name) + 1;
	struct pen pen;
	enum packet_put put =
		packet_open(packet, CHANNEL_QUESTION, 4 + 2 + len, &pen);

	if (put != PACKET_PUT)
		return put;
	pen_u32(&pen, number);
	pen_u16(&pen, (uint16_t)type);
	pen_bytes(&pen, name, len);
	packet_close(packet, &pen, 0);
	return PACKET_PUT;
}

bool channel_read_question(struct cursor *payload,
			   struct channel_question *ret_question)
{
	struct channel_question question = { .number = cursor_u32(payload),
					     .type = cursor_u16(payload) };
	size_t len = payload->left;

	question.name = cursor_bytes(payload, len);
	if (!is_name(question.name, len) || !channel_may_ask(question.type) ||
	    question.number >= CHANNEL_QUESTIONS_MAX)
		return false;
	*ret_question = question;
	return true;
}

/* --- answers, written ---------------------------------------------------- */

static size_t record_size(const struct dns_record *record, enum dns_type type)
{
	switch (type) {
	case DNS_A:
	case DNS_AAAA: return 4 + 17;
	case DNS_MX: return 4 + 2 + name_size(record->name);
	case DNS_TXT: return 4 + 4 + 2 * record->strings + record->text_len;
	default: return 4 + name_size(record->name);
	}
}

static size_t answer_size(const struct dns_answer *answer, enum dns_type type)
{
	size_t size = 1 + 1 + 2 + 4 + 2 + DNS_NAME_TEXT_SIZE;

	for (size_t i = 0; i < answer->count; i++)
		size += record_size(&answer->records[i], type);
	return size;
}

static void put_record(struct pen *pen, const struct dns_record *record,
		       enum dns_type type)
{
	pen_u32(pen, record->ttl);
	switch (type) {
	case DNS_A:
	case DNS_AAAA: channel_put_ip(pen, &record->ip); return;
	case DNS_MX:
		pen_u16(pen, record->preference);
		put_name(pen, record->name);
		return;
	case DNS_TXT:
		pen_u16(pen, (uint16_t)record->text_len);
		pen_u16(pen, (uint16_t)record->strings);
		for (size_t i = 0; i < record->strings; i++)
			pen_u16(pen, record->ends[i]);
		pen_bytes(pen, record->text, record->text_len);
		return;
	default: put_name(pen, record->name);
	}
}

static void put_answer(struct pen *pen, enum dns_type type,
		       const struct dns_answer *answer)
{
	const char *canonical =
		answer->canonical == NULL ? "" : answer->canonical;

	pen_u8(pen, (uint8_t)answer->status);
	pen_u8(pen, answer->cnames);
	pen_u16(pen, (uint16_t)answer->count);
	pen_u32(pen, answer->ttl);
	if (canonical[0] == '\0')
		pen_u16(pen, 0);
	else
		put_name(pen, canonical);
	for (size_t i = 0; i < answer->count; i++)
		put_record(pen, &answer->records[i], type);
}

enum packet_put packet_put_answer(struct packet *packet, uint32_t number,
				  enum dns_type type,
				  const struct dns_answer *answer)
{
	size_t size = 4 + answer_size(answer, type);
	enum packet_put put;
	struct pen pen;

	if (size > CHANNEL_RECORD_MAX) {
		answer = dns_answer_of(DNS_TOO_LARGE);
		size = 4 + answer_size(answer, type);
	}
	put = packet_open(packet, CHANNEL_ANSWER, size, &pen);
	if (put != PACKET_PUT)
		return put;
	pen_u32(&pen, number);
	put_answer(&pen, type, answer);
	packet_close(packet, &pen, 0);
	return PACKET_PUT;
}

enum packet_put packet_put_known(struct packet *packet, enum dns_type type,
				 const char *name,
				 const struct dns_answer *answer)
{
	struct pen pen;
	enum packet_put put =
		packet_open(packet, CHANNEL_KNOWN,
			    2 + name_size(name) + answer_size(answer, type),
			    &pen);

	if (put != PACKET_PUT)
		return put;
	pen_u16(&pen, (uint16_t)type);
	put_name(&pen, name);
	put_answer(&pen, type, answer);
	packet_close(packet, &pen, 0);
	return PACKET_PUT;
}

/* --- answers, read ------------------------------------------------------- */

/* What a reader needs; `no_room` once the arena had none. */
struct reading {
	struct cursor *payload;
	struct arena *arena;
	bool no_room;
};

static const char *keep(struct reading *r, const char *text, size_t len)
{
	const char *copy = arena_strndup(r->arena, text, len);

	r->no_room |= copy == NULL;
	return copy;
}

static bool take_name(struct reading *r, const char **ret_name)
{
	size_t len;
	const char *name = read_name(r->payload, &len);

	if (name == NULL)
		return false;
	*ret_name = keep(r, name, len);
	return true;
}

static bool take_text(struct reading *r, struct dns_record *record)
{
	uint16_t len = cursor_u16(r->payload);
	uint16_t strings = cursor_u16(r->payload);
	uint16_t *ends = arena_array(r->arena, strings, sizeof(*ends));
	uint16_t end = 0, before = 0;
	const char *text;

	r->no_room |= ends == NULL;
	for (size_t i = 0; i < strings; i++) {
		end = cursor_u16(r->payload);
		if (end < before || end - before > 255)
			return false;
		before = end;
		if (ends != NULL)
			ends[i] = end;
	}
	text = cursor_bytes(r->payload, len);
	if (text == NULL || strings == 0 || end != len || len > DNS_TEXT_MAX)
		return false;
	record->text = keep(r, text, len);
	record->text_len = len;
	record->ends = ends;
	record->strings = strings;
	return true;
}

static bool take_record(struct reading *r, enum dns_type type,
			struct dns_record *record)
{
	record->type = type;
	record->ttl = cursor_u32(r->payload);
	switch (type) {
	case DNS_A:
	case DNS_AAAA:
		return channel_read_ip(r->payload, &record->ip) &&
		       (record->ip.family == 4 ||
			(record->ip.family == 6 && type == DNS_AAAA));
	case DNS_MX:
		record->preference = cursor_u16(r->payload);
		return take_name(r, &record->name);
	case DNS_PTR: return take_name(r, &record->name);
	case DNS_TXT: return take_text(r, record);
	default: return false;
	}
}

static bool take_records(struct reading *r, enum dns_type type,
			 struct dns_answer *answer)
{
	struct dns_record *records = NULL, spare;

	if (answer->count > 0)
		records =
			arena_array(r->arena, answer->count, sizeof(*records));
	r->no_room |= records == NULL && answer->count > 0;
	for (size_t i = 0; i < answer->count; i++) {
		struct dns_record *record = records ? &records[i] : &spare;

		*record = (struct dns_record){ 0 };
		if (!take_record(r, type, record))
			return false;
	}
	answer->records = records;
	return cursor_whole(r->payload);
}

bool channel_read_answer(struct cursor *payload, uint32_t *ret_number)
{
	*ret_number = cursor_u32(payload);
	return !payload->failed;
}

bool channel_read_known(struct cursor *payload, enum dns_type *ret_type,
			const char **ret_name)
{
	enum dns_type type = cursor_u16(payload);
	size_t len;
	const char *name = read_name(payload, &len);

	if (name == NULL || !channel_may_ask(type))
		return false;
	*ret_type = type;
	*ret_name = name;
	return true;
}

bool channel_read_records(struct cursor *payload, enum dns_type type,
			  struct arena *arena,
			  const struct dns_answer **ret_answer)
{
	struct reading r = { .payload = payload, .arena = arena };
	struct dns_answer answer = { 0 }, *made;
	struct cursor ahead;
	uint8_t status = cursor_u8(payload);

	answer.status = (enum dns_status)status;
	answer.cnames = cursor_u8(payload);
	answer.count = cursor_u16(payload);
	answer.ttl = cursor_u32(payload);
	answer.received = dns_now_ms();
	answer.canonical = "";
	if (payload->failed || status >= DNS_STATUSES ||
	    answer.cnames > DNS_CNAMES_MAX || answer.count > DNS_RECORDS_MAX ||
	    (answer.count > 0) != (status == DNS_FOUND))
		return false;
	ahead = *payload;
	if (cursor_u16(&ahead) == 0 && !ahead.failed)
		*payload = ahead;
	else if (!take_name(&r, &answer.canonical))
		return false;
	if (!take_records(&r, type, &answer))
		return false;
	made = r.no_room ? NULL : arena_alloc(arena, sizeof(*made));
	*ret_answer = made ? made : dns_answer_of(DNS_NO_MEMORY);
	if (made != NULL)
		*made = answer;
	return true;
}
