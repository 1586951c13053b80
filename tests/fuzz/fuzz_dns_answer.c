/*
 * fuzz_dns_answer.c - DNS messages of strangers.
 *
 * The first byte chooses the type asked for; the rest is the reply.  The name
 * asked for is the one in the message, as any other would end the reading at
 * once.  What is read is within the limits, and the same at another place.
 */
#include "lists/dns_message.h"
#include "tests/fuzz/fuzz.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static const enum dns_type types[] = { DNS_A,	DNS_AAAA, DNS_PTR, DNS_MX,
				       DNS_TXT, DNS_NS,	  DNS_SOA, DNS_CNAME };

/* A name in text says the same again. */
static void check_name(const char *text)
{
	struct dns_name name;
	char buf[DNS_NAME_TEXT_SIZE];

	CLAIM(dns_name_parse(text, strlen(text), &name) == 0);
	dns_name_format(&name, buf);
	CLAIM(strcmp(buf, text) == 0);
	for (const char *c = text; *c != '\0'; c++)
		CLAIM(*c > ' ' && *c < 0x7f);
}

static void check_text(const struct dns_record *record)
{
	CLAIM(record->text_len <= DNS_TEXT_MAX);
	CLAIM(record->text[record->text_len] == '\0');
	CLAIM(record->strings > 0);
	for (size_t i = 0; i < record->strings; i++)
		CLAIM((i > 0 ? record->ends[i - 1] : 0) <= record->ends[i]);
	CLAIM(record->ends[record->strings - 1] == record->text_len);
}

static void check_record(const struct dns_record *record, enum dns_type type)
{
	CLAIM(record->type == type);
	switch (type) {
	case DNS_A: CLAIM(record->ip.family == 4); break;
	case DNS_AAAA: CLAIM(record->ip.family != 0); break;
	case DNS_TXT: check_text(record); break;
	case DNS_SOA:
		check_name(record->mailbox);
		check_name(record->name);
		break;
	case DNS_PTR:
	case DNS_NS:
	case DNS_MX:
	case DNS_CNAME: check_name(record->name); break;
	}
}

static void check(const struct dns_answer *answer, enum dns_type type)
{
	CLAIM(answer->count <= DNS_RECORDS_MAX);
	CLAIM((answer->status == DNS_FOUND) == (answer->count > 0));
	CLAIM(answer->cnames <= DNS_CNAMES_MAX);
	if (dns_status_is_known(answer->status))
		check_name(answer->canonical);
	for (size_t i = 0; i < answer->count; i++)
		check_record(&answer->records[i], type);
}

static bool same(const struct dns_answer *a, const struct dns_answer *b)
{
	return a->status == b->status && a->count == b->count &&
	       a->ttl == b->ttl && a->cnames == b->cnames &&
	       a->size == b->size && strcmp(a->canonical, b->canonical) == 0;
}

static void ask(const uint8_t *message, size_t size,
		const struct dns_question *question)
{
	struct dns_answer *answer, *again;
	struct dns_name next, next_again;
	enum dns_reading reading;
	uint8_t *copy = malloc(size + 1);

	CLAIM(copy);
	reading = dns_message_read(message, size, question, 1, &answer, &next);
	check(answer, question->type);
	if (reading == DNS_READ_FOLLOW)
		CLAIM(next.len > 0 && answer->cnames > 0);

	memcpy(copy, message, size);
	CLAIM(dns_message_read(copy, size, question, 1, &again, &next_again) ==
	      reading);
	CLAIM(same(answer, again));
	dns_answer_unref(answer);
	dns_answer_unref(again);
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dns_question question;
	size_t at = 12;

	if (size == 0)
		return 0;
	question.type = types[data[0] % (sizeof(types) / sizeof(types[0]))];
	data++;
	size--;
	if (dns_name_read(data, size, &at, &question.name) < 0)
		CLAIM(dns_name_parse("example.org", 11, &question.name) == 0);
	dns_name_lower(&question.name);
	ask(data, size, &question);
	return 0;
}
