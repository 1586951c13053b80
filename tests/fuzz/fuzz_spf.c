/*
 * fuzz_spf.c - SPF in any small world, against a slow second reading.
 *
 * The input is lines.  The first is a digit that picks the client, 4 to 7 if
 * its records are explained as well, which is slow, and the sender; the second
 * is what HELO says.  All others are the world:
 *
 *	aTv=spf1 -all	a.t has this TXT record; "*" is every other name
 *	aA12		addresses: 192.0.2.1 and .2, 2001:db8::1 and ::2
 *	aMbc.		MX: b.t, c.t and the null MX
 *	-Pab		the client's names: a.t and b.t
 *	aX1		DNS fails for a.t
 *
 * The second reading is that of spf_reference.h.  Both agree, also when hints
 * are not heard and when records come in another order.
 */
#include "filter/inspect/spf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "ctl/spf_walk.h"
#include "filter/inspect/dns.h"
#include "filter/inspect/spf_record.h"
#include "lists/dns_name.h"
#include "rules/arena.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/spf_reference.h"

enum { LINES_MAX = 128, QUESTIONS_MAX = 2048, BUCKETS = 256 };

struct line {
	const char *at;
	size_t len; /* of what stands behind owner and type */
	char owner, type;
};

struct question {
	const char *name;
	enum dns_type type;
	struct dns_answer answer;
	struct question *next; /* in its bucket */
};

struct world {
	struct inspect_dns dns; /* must be first */
	struct arena arena;
	struct line lines[LINES_MAX];
	size_t line_count;
	bool deaf, reverse;
	bool explain;
	struct question *buckets[BUCKETS];
	size_t question_count;
};

/* --- the world ---------------------------------------------------------- */

static bool is_plain(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static char owner_of(const char *name)
{
	char c = name[0] >= 'A' && name[0] <= 'Z' ? (char)(name[0] + 32)
						  : name[0];

	return is_plain(c) && strcasecmp(name + 1, ".t") == 0 ? c : '\0';
}

static const char *name_of(struct arena *arena, char c)
{
	if (c == '.')
		return ".";
	return is_plain(c) ? arena_printf(arena, "%c.t", c) : "\\000.t";
}

static struct ip address_of(enum dns_type type, char c)
{
	struct ip ip = { .family = 4, .bytes = { 192, 0, 2 } };

	if (type == DNS_AAAA)
		ip = (struct ip){ .family = 6,
				  .bytes = { 0x20, 0x01, 0x0d, 0xb8 } };
	ip.bytes[type == DNS_A ? 3 : 15] = (uint8_t)(c - '0');
	return ip;
}

static char type_of(enum dns_type type)
{
	switch (type) {
	case DNS_TXT: return 'T';
	case DNS_MX: return 'M';
	case DNS_PTR: return 'P';
	default: return 'A';
	}
}

static void add(struct world *world, struct dns_answer *answer,
		struct dns_record *records, const struct line *line,
		enum dns_type type)
{
	size_t count = type == DNS_TXT ? 1 : line->len;

	for (size_t i = 0; i < count; i++) {
		struct dns_record *r = &records[answer->count];

		if (answer->count == DNS_RECORDS_MAX) {
			answer->status = DNS_TOO_LARGE;
			return;
		}
		r->type = type;
		answer->count++;
		answer->status = DNS_FOUND;
		if (type == DNS_TXT) {
			r->text = line->at;
			r->text_len = line->len;
		} else if (type == DNS_A || type == DNS_AAAA) {
			r->ip = address_of(type, line->at[i]);
		} else {
			r->name = name_of(&world->arena, line->at[i]);
		}
	}
}

static void answer_question(struct world *world, struct question *q)
{
	char owner = owner_of(q->name);
	struct dns_record *records;
	size_t count = 0;
	bool there = false, fails = false;

	for (size_t i = 0; i < world->line_count; i++)
		there |= owner != '\0' && world->lines[i].owner == owner;
	if (q->type == DNS_PTR)
		owner = '-';
	else if (!there)
		owner = '*';
	for (size_t i = 0; i < world->line_count; i++)
		if (world->lines[i].owner == owner)
			count += 1 + world->lines[i].len;
	if (count > DNS_RECORDS_MAX)
		count = DNS_RECORDS_MAX;
	records = arena_array(&world->arena, count + 1, sizeof(*records));
	CLAIM(records);
	q->answer.status = DNS_NXDOMAIN;
	for (size_t i = 0; i < world->line_count; i++) {
		const struct line *line = &world->lines[i];

		if (line->owner != owner)
			continue;
		if (q->answer.status == DNS_NXDOMAIN)
			q->answer.status = DNS_NODATA;
		fails |= line->type == 'X';
		if (line->type == type_of(q->type))
			add(world, &q->answer, records, line, q->type);
		if (fails)
			q->answer.status = DNS_TIMEOUT;
		if (!dns_status_is_known(q->answer.status))
			break;
	}
	if (!dns_status_is_known(q->answer.status))
		q->answer.count = 0;
	for (size_t i = 0;
	     world->reverse && q->type != DNS_PTR && i < q->answer.count / 2;
	     i++) {
		struct dns_record first = records[i];

		records[i] = records[q->answer.count - 1 - i];
		records[q->answer.count - 1 - i] = first;
	}
	q->answer.records = records;
}

static struct question **bucket_of(struct world *world, const char *name)
{
	unsigned sum = 0;

	for (const char *c = name; *c != '\0'; c++)
		sum = sum * 31 + ((unsigned char)*c & 0x1fU);
	return &world->buckets[sum % BUCKETS];
}

static const struct dns_answer *find(struct world *world, const char *name,
				     enum dns_type type)
{
	struct question **bucket = bucket_of(world, name);
	struct question *q;
	struct dns_name wire;

	CLAIM(dns_name_parse(name, strlen(name), &wire) == 0);
	for (q = *bucket; q; q = q->next)
		if (q->type == type && strcasecmp(q->name, name) == 0)
			return &q->answer;
	if (world->question_count == QUESTIONS_MAX)
		return dns_answer_of(DNS_BUSY);
	q = arena_alloc(&world->arena, sizeof(*q));
	CLAIM(q);
	q->name = arena_strndup(&world->arena, name, strlen(name));
	CLAIM(q->name);
	q->type = type;
	answer_question(world, q);
	q->next = *bucket;
	*bucket = q;
	world->question_count++;
	return &q->answer;
}

static void forget(struct world *world)
{
	memset(world->buckets, 0, sizeof(world->buckets));
	world->question_count = 0;
}

static const struct dns_answer *ask(struct inspect_dns *dns, const char *name,
				    enum dns_type type)
{
	return find((struct world *)dns, name, type);
}

static void hint(struct inspect_dns *dns, const char *name, enum dns_type type)
{
	struct world *world = (struct world *)dns;

	if (!world->deaf)
		find(world, name, type);
}

/* --- claims ------------------------------------------------------------- */

static void check_printable(const char *text)
{
	for (; text && *text != '\0'; text++)
		CLAIM(*text >= ' ' && *text <= '~');
}

static void check_outcome(const struct spf_outcome *outcome)
{
	bool error = outcome->result == SPF_RESULT_PERMERROR ||
		     outcome->result == SPF_RESULT_TEMPERROR;

	CLAIM(outcome->result <= SPF_RESULT_NONE);
	CLAIM(error == (outcome->error != NULL));
	CLAIM(!outcome->explanation || outcome->result == SPF_RESULT_FAIL);
	CLAIM(!outcome->mechanism || !error);
	CLAIM(outcome->mechanism || error ||
	      outcome->result >= SPF_RESULT_NEUTRAL);
	CLAIM(outcome->result == SPF_RESULT_NONE || outcome->domain);
	CLAIM(outcome->lookups <= SPF_TERMS_ASKED_MAX + 1);
	CLAIM(outcome->voids <= SPF_VOIDS_MAX + 1);
	CLAIM(!outcome->error_in_record || outcome->error_domain);
	check_printable(outcome->domain);
	check_printable(outcome->mechanism);
	check_printable(outcome->explanation);
	check_printable(outcome->error);
	check_printable(outcome->error_domain);
}

/* An error lies in a record of that domain, or at its end. */
static void check_place(struct world *world, const struct spf_outcome *outcome)
{
	const struct dns_answer *answer;
	struct dns_name wire;
	char text[DNS_NAME_TEXT_SIZE];
	size_t longest = 0;

	if (!outcome->error_in_record)
		return;
	CLAIM(spf_name_wire(outcome->error_domain,
			    strlen(outcome->error_domain), &wire) == 0);
	dns_name_format(&wire, text);
	answer = find(world, text, DNS_TXT);
	for (size_t i = 0; i < answer->count; i++)
		if (spf_record_is_one(answer->records[i].text,
				      answer->records[i].text_len) &&
		    answer->records[i].text_len > longest)
			longest = answer->records[i].text_len;
	CLAIM(outcome->error_at <= longest);
}

static void check_second(struct world *world, const struct spf_request *request,
			 const struct spf_outcome *outcome)
{
	const char *at = strrchr(request->sender, '@');
	bool local = at && at > request->sender;
	struct spf_context context = {
		.helo = request->helo,
		.receiver = request->receiver,
		.ip = request->client,
	};
	struct spf_reference reference;

	/* at the limit the one stops, and the other does not; a route is not
	 * what is tried here */
	if (!outcome->domain || world->question_count >= SPF_QUERIES_MAX ||
	    request->sender[0] == '@')
		return;
	context.sender = arena_printf(&world->arena, "%.*s@%s",
				      local ? (int)(at - request->sender) : 10,
				      local ? request->sender : "postmaster",
				      outcome->domain);
	CLAIM(context.sender);
	spf_reference(&context, outcome->domain, &world->dns, &reference);
	if (reference.result != outcome->result ||
	    reference.lookups != outcome->lookups ||
	    reference.voids != outcome->voids) {
		fprintf(stderr, "%s (%s, %u, %u), not %s (%u, %u)\n",
			spf_result_name(outcome->result), outcome->error,
			outcome->lookups, outcome->voids,
			spf_result_name(reference.result), reference.lookups,
			reference.voids);
		abort();
	}
}

/*
 * What explains a record (ctl/spf_walk.h) comes to an end, too, and does not
 * find fault with nothing; where it finds none, nor does mail.  Names that are
 * made by macros it does not know, nor the client's family.
 */
static void check_walk(struct world *world, const struct spf_outcome *outcome)
{
	struct arena arena;
	const struct spf_walk *walk;
	bool macros = false;

	if (!outcome->domain)
		return;
	for (size_t i = 0; i < world->line_count; i++)
		macros |= memchr(world->lines[i].at, '%',
				 world->lines[i].len) != NULL;
	arena_init(&arena, 64 * 1024 * 1024);
	walk = spf_walk(outcome->domain, false, &world->dns, &arena);
	CLAIM(walk);
	for (size_t i = 0; i < walk->problem_count; i++) {
		const struct spf_walk_problem *problem = &walk->problems[i];

		CLAIM(problem->why && problem->domain);
		CLAIM(!problem->record || problem->at + problem->len <=
						  strlen(problem->record) + 1);
	}
	if (walk->whole && walk->problem_count == 0 && !macros)
		CLAIM(outcome->result != SPF_RESULT_PERMERROR ||
		      outcome->voids > SPF_VOIDS_MAX);
	if (walk->whole && walk->problem_count == 0)
		CLAIM(walk->record && walk->lookups <= SPF_TERMS_ASKED_MAX);
	arena_done(&arena);
}

static bool same(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static void check_again(struct world *world, const struct spf_request *request,
			enum spf_identity identity,
			const struct spf_outcome *outcome)
{
	struct spf_outcome again;

	forget(world);
	spf_check(request, identity, &world->dns, &world->arena, &again);
	CLAIM(world->question_count <= SPF_QUERIES_MAX);
	CLAIM(again.result == outcome->result);
	CLAIM(again.lookups == outcome->lookups);
	CLAIM(again.voids == outcome->voids);
	CLAIM(again.open == outcome->open);
	CLAIM(same(again.mechanism, outcome->mechanism));
	CLAIM(same(again.explanation, outcome->explanation));
	CLAIM(again.error_at == outcome->error_at);
}

static void check_identity(struct world *world,
			   const struct spf_request *request,
			   enum spf_identity identity)
{
	struct spf_outcome outcome;
	size_t questions;

	forget(world);
	world->deaf = world->reverse = false;
	spf_check(request, identity, &world->dns, &world->arena, &outcome);
	questions = world->question_count;
	CLAIM(questions <= SPF_QUERIES_MAX);
	check_outcome(&outcome);
	if (identity == SPF_OF_MAIL_FROM) {
		check_second(world, request, &outcome);
		if (world->explain)
			check_walk(world, &outcome);
	}
	check_place(world, &outcome);
	world->deaf = true;
	check_again(world, request, identity, &outcome);
	world->deaf = false;
	world->reverse = true;
	if (questions < SPF_QUERIES_MAX)
		check_again(world, request, identity, &outcome);
}

/* --- input -------------------------------------------------------------- */

static char *next_line(char **text, size_t *ret_len)
{
	char *line = *text;

	*ret_len = strcspn(line, "\n");
	*text = line + *ret_len;
	if (**text == '\n')
		*(*text)++ = '\0';
	return line;
}

static void read_world(struct world *world, char *text)
{
	while (*text != '\0' && world->line_count < LINES_MAX) {
		struct line *line = &world->lines[world->line_count];
		size_t len;
		char *at = next_line(&text, &len);

		if (len < 2 || !strchr("TAMPX", at[1]) ||
		    len - 2 > DNS_TEXT_MAX)
			continue;
		*line = (struct line){ at + 2, len - 2, at[0], at[1] };
		world->line_count++;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const clients[] = { "192.0.2.1", "2001:db8::1",
					       "192.0.2.2", "2001:db8::2" };
	struct spf_request request = { .receiver = "r.t", .now = 1 };
	struct world *world;
	char *text, *at, *first;
	size_t len;

	if (size > 65536)
		return 0;
	world = calloc(1, sizeof(*world));
	at = text = malloc(size + 1);
	CLAIM(world && text);
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	arena_init(&world->arena, 256 * 1024 * 1024);
	world->dns = (struct inspect_dns){ .ask = ask, .hint = hint };
	first = next_line(&at, &len);
	world->explain = first[0] & 4;
	request.sender = len > 0 ? first + 1 : "";
	request.helo = next_line(&at, &len);
	CLAIM(ip_parse(clients[(unsigned char)first[0] % 4],
		       strlen(clients[(unsigned char)first[0] % 4]),
		       &request.client) == 0);
	read_world(world, at);
	check_identity(world, &request, SPF_OF_HELO);
	check_identity(world, &request, SPF_OF_MAIL_FROM);
	arena_done(&world->arena);
	free(world);
	free(text);
	return 0;
}
