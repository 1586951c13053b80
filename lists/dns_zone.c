/*
 * dns_zone.c - names and records that stand in for the network.
 *
 * What is found is written as a message and read by dns_message_read(), so
 * that tools and tests see what they would see of a server, limits included.
 */
#include "lists/dns_zone.h"

#include "lists/hash.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define HEADER 12
#define FLAGS 0x8180 /* a response; recursion desired and available */
#define NXDOMAIN 3
#define BUCKETS_FIRST 64

struct record {
	struct record *next;
	uint32_t ttl;
	uint16_t type, len;
	uint8_t data[];
};

struct rule {
	struct rule *next;
	struct dns_zone_rule rule;
};

struct node {
	struct node *next; /* in the bucket */
	struct record *records, **last;
	size_t record_count;
	struct rule *rules;
	bool has_delay;
	unsigned delay_ms;
	uint8_t len;
	uint8_t name[]; /* in small letters */
};

struct dns_zone {
	struct node **buckets;
	size_t bucket_count, count;
	unsigned delay_ms;
};

/* A message being written. */
struct writer {
	uint8_t buf[DNS_MESSAGE_MAX];
	size_t len;
	bool full;
};

/* --- building ---------------------------------------------------------- */

static size_t bucket_of(const struct dns_zone *zone, const uint8_t *name,
			size_t len)
{
	/* whoever writes the file may slow down his own tests */
	static const struct hash_key key;

	return (size_t)hash_keyed(&key, name, len) & (zone->bucket_count - 1);
}

static struct node *find(const struct dns_zone *zone, const uint8_t *name,
			 size_t len)
{
	struct node *node = zone->buckets[bucket_of(zone, name, len)];

	while (node && (node->len != len || memcmp(node->name, name, len) != 0))
		node = node->next;
	return node;
}

struct dns_zone *dns_zone_new(void)
{
	struct dns_zone *zone = calloc(1, sizeof(*zone));

	if (!zone)
		return NULL;
	zone->bucket_count = BUCKETS_FIRST;
	zone->buckets = calloc(zone->bucket_count, sizeof(zone->buckets[0]));
	if (!zone->buckets) {
		free(zone);
		return NULL;
	}
	return zone;
}

static void grow(struct dns_zone *zone)
{
	size_t old_count = zone->bucket_count;
	struct node **old = zone->buckets, **buckets;

	if (zone->count < old_count)
		return;
	buckets = calloc(2 * old_count, sizeof(*buckets));
	if (!buckets)
		return; /* slower, that is all */
	zone->buckets = buckets;
	zone->bucket_count = 2 * old_count;
	for (size_t i = 0; i < old_count; i++)
		for (struct node *node = old[i], *next; node; node = next) {
			size_t to = bucket_of(zone, node->name, node->len);

			next = node->next;
			node->next = buckets[to];
			buckets[to] = node;
		}
	free(old);
}

static struct node *add_node(struct dns_zone *zone, const uint8_t *name,
			     size_t len)
{
	struct node *node = calloc(1, sizeof(*node) + len);
	size_t bucket;

	if (!node)
		return NULL;
	grow(zone);
	memcpy(node->name, name, len);
	node->len = (uint8_t)len;
	node->last = &node->records;
	bucket = bucket_of(zone, name, len);
	node->next = zone->buckets[bucket];
	zone->buckets[bucket] = node;
	zone->count++;
	return node;
}

/* The name's node; it and all names above it exist from then on. */
static enum dns_zone_result make_node(struct dns_zone *zone,
				      const struct dns_name *asked,
				      struct node **ret_node)
{
	struct dns_name name = *asked;
	size_t at = 0;

	*ret_node = NULL;
	dns_name_lower(&name);
	for (;;) {
		size_t len = (size_t)name.len - at;
		struct node *node = find(zone, name.wire + at, len);
		bool was_there = node != NULL;

		if (!node && zone->count >= DNS_ZONE_NAMES_MAX)
			return DNS_ZONE_FULL;
		if (!node)
			node = add_node(zone, name.wire + at, len);
		if (!node)
			return DNS_ZONE_NO_MEMORY;
		if (!*ret_node)
			*ret_node = node;
		if (was_there || len == 1)
			return DNS_ZONE_ADDED;
		at += (size_t)name.wire[at] + 1;
	}
}

static struct record *find_record(const struct node *node, enum dns_type type)
{
	struct record *record = node->records;

	while (record && record->type != (uint16_t)type)
		record = record->next;
	return record;
}

static bool has_record(const struct node *node, enum dns_type type,
		       const uint8_t *data, uint16_t len)
{
	for (const struct record *at = node->records; at; at = at->next)
		if (at->type == (uint16_t)type && at->len == len &&
		    memcmp(at->data, data, len) == 0)
			return true;
	return false;
}

enum dns_zone_result dns_zone_add(struct dns_zone *zone,
				  const struct dns_name *name,
				  enum dns_type type, uint32_t ttl,
				  const uint8_t *data, uint16_t len)
{
	struct record *record;
	enum dns_zone_result result;
	struct node *node;

	result = make_node(zone, name, &node);
	if (result != DNS_ZONE_ADDED || has_record(node, type, data, len))
		return result;
	if (type == DNS_CNAME ? node->records != NULL
			      : find_record(node, DNS_CNAME) != NULL)
		return DNS_ZONE_CNAME_AND_OTHER;
	if (node->record_count >= DNS_ZONE_RECORDS_MAX)
		return DNS_ZONE_FULL;
	record = calloc(1, sizeof(*record) + len);
	if (!record)
		return DNS_ZONE_NO_MEMORY;
	record->type = (uint16_t)type;
	record->ttl = ttl;
	record->len = len;
	memcpy(record->data, data, len);
	*node->last = record;
	node->last = &record->next;
	node->record_count++;
	return DNS_ZONE_ADDED;
}

enum dns_zone_result dns_zone_add_rule(struct dns_zone *zone,
				       const struct dns_name *name,
				       const struct dns_zone_rule *rule)
{
	enum dns_zone_result result;
	struct node *node;
	struct rule *added;

	result = make_node(zone, name, &node);
	if (result != DNS_ZONE_ADDED)
		return result;
	added = calloc(1, sizeof(*added));
	if (!added)
		return DNS_ZONE_NO_MEMORY;
	added->rule = *rule;
	added->next = node->rules;
	node->rules = added;
	return DNS_ZONE_ADDED;
}

enum dns_zone_result dns_zone_set_delay(struct dns_zone *zone,
					const struct dns_name *name,
					unsigned delay_ms)
{
	enum dns_zone_result result;
	struct node *node;

	result = make_node(zone, name, &node);
	if (result == DNS_ZONE_ADDED) {
		node->has_delay = true;
		node->delay_ms = delay_ms;
	}
	return result;
}

void dns_zone_set_default_delay(struct dns_zone *zone, unsigned delay_ms)
{
	zone->delay_ms = delay_ms;
}

static void free_node(struct node *node)
{
	struct record *record, *next_record;
	struct rule *rule, *next_rule;

	for (record = node->records; record; record = next_record) {
		next_record = record->next;
		free(record);
	}
	for (rule = node->rules; rule; rule = next_rule) {
		next_rule = rule->next;
		free(rule);
	}
	free(node);
}

void dns_zone_free(struct dns_zone *zone)
{
	if (!zone)
		return;
	for (size_t i = 0; i < zone->bucket_count; i++)
		for (struct node *node = zone->buckets[i], *next; node;
		     node = next) {
			next = node->next;
			free_node(node);
		}
	free(zone->buckets);
	free(zone);
}

/* --- asking ------------------------------------------------------------ */

/*
 * The node that answers for the name, by itself or as the wildcard right
 * below the closest name that exists (RFC 4592 section 3.3.1).
 */
static const struct node *answering(const struct dns_zone *zone,
				    const struct dns_name *name)
{
	const struct node *node = find(zone, name->wire, name->len);
	uint8_t wildcard[DNS_NAME_MAX + 2] = { 1, '*' };
	size_t at = 0, len;

	while (!node && name->wire[at] != 0) {
		at += (size_t)name->wire[at] + 1;
		len = (size_t)name->len - at;
		if (!find(zone, name->wire + at, len))
			continue;
		memcpy(wildcard + 2, name->wire + at, len);
		return find(zone, wildcard, len + 2);
	}
	return node;
}

/* The rule that speaks of the type (true), or of all (false). */
static const struct dns_zone_rule *find_rule(const struct node *node,
					     enum dns_type type, bool explicit)
{
	for (const struct rule *at = node->rules; at; at = at->next) {
		if (at->rule.type_count == 0 && !explicit)
			return &at->rule;
		for (size_t i = 0; explicit && i < at->rule.type_count; i++)
			if (at->rule.types[i] == type)
				return &at->rule;
	}
	return NULL;
}

bool dns_zone_has(const struct dns_zone *zone,
		  const struct dns_question *question)
{
	const struct node *node =
		find(zone, question->name.wire, question->name.len);

	return node && (find_rule(node, question->type, true) ||
			find_record(node, question->type) ||
			find_rule(node, question->type, false));
}

static void put(struct writer *writer, const void *data, size_t len)
{
	if (len > sizeof(writer->buf) - writer->len) {
		writer->full = true;
		return;
	}
	memcpy(writer->buf + writer->len, data, len);
	writer->len += len;
}

static void put16(struct writer *writer, unsigned value)
{
	uint8_t bytes[] = { (uint8_t)(value >> 8), (uint8_t)value };

	put(writer, bytes, sizeof(bytes));
}

static void put_record(struct writer *writer, const void *name, size_t name_len,
		       const struct record *record)
{
	put(writer, name, name_len);
	put16(writer, record->type);
	put16(writer, 1); /* IN */
	put16(writer, record->ttl >> 16);
	put16(writer, record->ttl & 0xffff);
	put16(writer, record->len);
	put(writer, record->data, record->len);
}

static void count(struct writer *writer, size_t at)
{
	unsigned n = (unsigned)(writer->buf[at] << 8 | writer->buf[at + 1]) + 1;

	writer->buf[at] = (uint8_t)(n >> 8);
	writer->buf[at + 1] = (uint8_t)n;
}

/* The SOA record of the zone that the name is in, or one made up. */
static void put_soa(struct writer *writer, const struct dns_zone *zone,
		    const struct dns_name *name)
{
	static const uint8_t root;
	_Alignas(struct record)
		uint8_t made_up[sizeof(struct record) + 22] = { 0 };
	struct record *record = (struct record *)(void *)made_up;

	count(writer, 8);
	for (size_t at = 0;; at += (size_t)name->wire[at] + 1) {
		const struct node *node =
			find(zone, name->wire + at, (size_t)name->len - at);
		const struct record *soa =
			node ? find_record(node, DNS_SOA) : NULL;

		if (soa) {
			put_record(writer, node->name, node->len, soa);
			return;
		}
		if (name->wire[at] == 0)
			break;
	}
	record->type = DNS_SOA;
	record->ttl = DNS_ZONE_NEGATIVE_TTL_S;
	record->len = 22; /* two names of the root, five numbers */
	record->data[21] = DNS_ZONE_NEGATIVE_TTL_S; /* minimum */
	put_record(writer, &root, 1, record);
}

/* A CNAME's data is a name on the wire; those of zones are uncompressed. */
static void take_target(const struct record *cname, struct dns_name *ret_name)
{
	size_t at = 0;

	if (dns_name_read(cname->data, cname->len, &at, ret_name) < 0)
		*ret_name = (struct dns_name){ .len = 1 };
	dns_name_lower(ret_name);
}

static void add_delay(const struct dns_zone *zone, const struct node *node,
		      unsigned *delay_ms)
{
	unsigned delay =
		node && node->has_delay ? node->delay_ms : zone->delay_ms;

	if (delay > *delay_ms)
		*delay_ms = delay;
}

/*
 * Writes what is known about the name.  DNS_FOUND: that was all; DNS_LOOP: a
 * CNAME leads on to *name; else nothing was written, the answer is this.
 */
static enum dns_status write_name(const struct dns_zone *zone,
				  const struct node *node, enum dns_type type,
				  struct dns_name *name, struct writer *writer,
				  const struct dns_zone_rule **ret_rule)
{
	const struct record *cname;
	bool found = false;

	*ret_rule = find_rule(node, type, true);
	cname = *ret_rule || type == DNS_CNAME ? NULL
					       : find_record(node, DNS_CNAME);
	if (cname) {
		count(writer, 6);
		put_record(writer, name->wire, name->len, cname);
		take_target(cname, name);
		return DNS_LOOP;
	}
	for (const struct record *at = node->records; at && !*ret_rule;
	     at = at->next) {
		if (at->type != (uint16_t)type)
			continue;
		found = true;
		count(writer, 6);
		put_record(writer, name->wire, name->len, at);
	}
	if (!found && !*ret_rule)
		*ret_rule = find_rule(node, type, false);
	if (*ret_rule && !dns_status_is_known((*ret_rule)->status))
		return (*ret_rule)->status;
	if (*ret_rule && (*ret_rule)->status == DNS_NXDOMAIN)
		writer->buf[3] |= NXDOMAIN;
	if (!found)
		put_soa(writer, zone, name);
	return DNS_FOUND;
}

static void write_question(struct writer *writer,
			   const struct dns_question *question)
{
	put16(writer, 0); /* id */
	put16(writer, FLAGS);
	put16(writer, 1);
	for (int i = 0; i < 3; i++)
		put16(writer, 0);
	put(writer, question->name.wire, question->name.len);
	put16(writer, question->type);
	put16(writer, 1);
}

struct dns_answer *dns_zone_ask(const struct dns_zone *zone,
				const struct dns_question *question,
				uint64_t now_ms, unsigned *ret_delay_ms)
{
	const struct dns_zone_rule *rule = NULL;
	struct dns_name name = question->name, ignored;
	enum dns_status status = DNS_LOOP;
	struct dns_answer *answer;
	struct writer writer;

	writer.len = 0;
	writer.full = false;
	write_question(&writer, question);
	*ret_delay_ms = 0;
	/* one CNAME more than may be followed, for the reader to see it */
	for (int i = 0; i <= DNS_CNAMES_MAX && status == DNS_LOOP; i++) {
		const struct node *node = answering(zone, &name);

		add_delay(zone, node, ret_delay_ms);
		if (!node) {
			writer.buf[3] |= NXDOMAIN;
			put_soa(&writer, zone, &name);
			status = DNS_FOUND;
			break;
		}
		status = write_name(zone, node, question->type, &name, &writer,
				    &rule);
	}
	if (status == DNS_TIMEOUT)
		*ret_delay_ms = rule->after_ms;
	if (status != DNS_FOUND)
		return dns_answer_of(status);
	if (writer.full)
		return dns_answer_of(DNS_TOO_LARGE);
	dns_message_read(writer.buf, writer.len, question, now_ms, &answer,
			 &ignored);
	return answer;
}
