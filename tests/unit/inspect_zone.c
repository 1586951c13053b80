/* inspect_zone.c - the DNS that a reader of mail sees, out of a zone file. */
#include "tests/unit/inspect_zone.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lists/dns_zone.h"
#include "lists/dns_zonefile.h"

struct inspect_zone_question {
	struct inspect_zone_question *next;
	char name[DNS_NAME_TEXT_SIZE];
	enum dns_type type;
	bool asked, arrived;
	struct dns_answer *answer;
};

static void die(const char *why)
{
	fprintf(stderr, "inspect_zone: %s\n", why);
	abort();
}

static struct dns_answer *answer_of(const struct inspect_zone *zone,
				    const char *name, enum dns_type type)
{
	struct dns_question question = { .type = type };
	unsigned delay_ms;

	if (dns_name_parse(name, strlen(name), &question.name) < 0)
		return dns_answer_of(DNS_INVALID);
	dns_name_lower(&question.name);
	return dns_zone_ask(zone->zone, &question, 0, &delay_ms);
}

static struct inspect_zone_question *find(const struct inspect_zone *zone,
					  const char *name, enum dns_type type)
{
	struct inspect_zone_question *q = zone->log;

	while (q && (q->type != type || strcasecmp(q->name, name) != 0))
		q = q->next;
	return q;
}

static struct inspect_zone_question *put(struct inspect_zone *zone,
					 const char *name, enum dns_type type)
{
	struct inspect_zone_question *q = calloc(1, sizeof(*q));
	struct inspect_zone_question **end = &zone->log;

	if (!q || strlen(name) >= sizeof(q->name))
		die("no memory, or a name too long");
	strcpy(q->name, name);
	q->type = type;
	q->answer = answer_of(zone, name, type);
	if (!q->answer)
		die("no memory");
	while (*end)
		end = &(*end)->next;
	*end = q;
	zone->questions++;
	return q;
}

static struct inspect_zone *of(struct inspect_dns *dns)
{
	return (struct inspect_zone *)dns; /* its first member */
}

static void wait_for_all(struct inspect_zone *zone)
{
	zone->waits++;
	for (struct inspect_zone_question *q = zone->log; q; q = q->next)
		q->arrived = true;
}

static const struct dns_answer *zone_ask(struct inspect_dns *dns,
					 const char *name, enum dns_type type)
{
	struct inspect_zone *zone = of(dns);
	struct inspect_zone_question *q = find(zone, name, type);

	if (!q)
		q = put(zone, name, type);
	else if (!q->asked)
		zone->wasted--;
	q->asked = true;
	if (!q->arrived)
		wait_for_all(zone);
	return q->answer;
}

static void zone_hint(struct inspect_dns *dns, const char *name,
		      enum dns_type type)
{
	struct inspect_zone *zone = of(dns);

	if (zone->deaf || find(zone, name, type))
		return;
	put(zone, name, type);
	zone->wasted++;
}

void inspect_zone_borrow(struct inspect_zone *zone, struct dns_zone *world)
{
	*zone = (struct inspect_zone){
		.dns = { .ask = zone_ask, .hint = zone_hint },
		.zone = world,
		.borrowed = true,
	};
}

void inspect_zone_open(struct inspect_zone *zone, const char *text)
{
	char error[DNS_ZONEFILE_ERROR_SIZE] = "";
	struct dns_zone *world =
		dns_zonefile_parse("zone", text, strlen(text), error);

	if (!world)
		die(error);
	inspect_zone_borrow(zone, world);
	zone->borrowed = false;
}

void inspect_zone_forget(struct inspect_zone *zone)
{
	while (zone->log) {
		struct inspect_zone_question *q = zone->log;

		zone->log = q->next;
		dns_answer_unref(q->answer);
		free(q);
	}
	zone->questions = zone->waits = zone->wasted = 0;
}

void inspect_zone_close(struct inspect_zone *zone)
{
	inspect_zone_forget(zone);
	if (!zone->borrowed)
		dns_zone_free(zone->zone);
	zone->zone = NULL;
}

bool inspect_zone_was_put(const struct inspect_zone *zone, const char *name,
			  enum dns_type type)
{
	return find(zone, name, type) != NULL;
}

char *inspect_zone_log(const struct inspect_zone *zone)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		die("no memory");
	for (const struct inspect_zone_question *q = zone->log; q; q = q->next)
		fprintf(out, "%s %s\n", q->name, dns_type_name(q->type));
	if (fclose(out) != 0)
		die("no memory");
	return text;
}
