/*
 * fuzz_spf.c - SPF in any small world, against a slow second reading.
 *
 * The input is lines.  The first is a digit that picks the client, and the
 * sender; the second is what HELO says.  All others are the world:
 *
 *	aTv=spf1 -all	a.t has this TXT record; "*" is every other name
 *	aA12		addresses: 192.0.2.1 and .2, 2001:db8::1 and ::2
 *	aMbc.		MX: b.t, c.t and the null MX
 *	-Pab		the client's names: a.t and b.t
 *	aX1		DNS fails for a.t, in one of its ways
 *
 * The second reading is RFC 7208 section 4 and 5 taken literally, with
 * recursion, every question in its turn and no thought of what it costs.  Both
 * agree, also when hints are not heard and when records come in another order.
 */
#include "filter/inspect/spf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "filter/inspect/dns.h"
#include "filter/inspect/spf_record.h"
#include "lists/dns_name.h"
#include "rules/arena.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CLAIM(what)                                             \
	do {                                                    \
		if (!(what)) {                                  \
			fprintf(stderr, "not so: %s\n", #what); \
			abort();                                \
		}                                               \
	} while (0)

enum { LINES_MAX = 128, QUESTIONS_MAX = 4096 };

struct line {
	const char *at;
	size_t len; /* of what stands behind owner and type */
	char owner, type;
};

struct question {
	const char *name;
	enum dns_type type;
	struct dns_answer answer;
};

struct world {
	struct inspect_dns dns; /* must be first */
	struct arena arena;
	struct line lines[LINES_MAX];
	size_t line_count;
	bool deaf, reverse;
	struct question *questions[QUESTIONS_MAX];
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

static const struct dns_answer *find(struct world *world, const char *name,
				     enum dns_type type)
{
	struct question *q;
	struct dns_name wire;

	CLAIM(dns_name_parse(name, strlen(name), &wire) == 0);
	for (size_t i = 0; i < world->question_count; i++) {
		q = world->questions[i];
		if (q->type == type && strcasecmp(q->name, name) == 0)
			return &q->answer;
	}
	CLAIM(world->question_count < QUESTIONS_MAX);
	q = arena_alloc(&world->arena, sizeof(*q));
	CLAIM(q);
	q->name = arena_strndup(&world->arena, name, strlen(name));
	CLAIM(q->name);
	q->type = type;
	answer_question(world, q);
	world->questions[world->question_count++] = q;
	return &q->answer;
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

/* --- the second reading ------------------------------------------------- */

struct second {
	struct world *world;
	struct arena arena;
	struct spf_context context;
	unsigned lookups, voids;
	bool ptr_asked;
	bool error; /* what `result` is then stands */
	enum spf_result result;
};

static enum spf_result check_host(struct second *s, const char *domain,
				  struct spf_record *ret_record);

static void raise(struct second *s, enum spf_result result)
{
	if (!s->error)
		s->result = result;
	s->error = true;
}

static const struct dns_answer *put(struct second *s, const char *name,
				    enum dns_type type)
{
	struct dns_name wire;
	char text[DNS_NAME_TEXT_SIZE];

	CLAIM(spf_name_wire(name, strlen(name), &wire) == 0);
	dns_name_format(&wire, text);
	return find(s->world, text, type);
}

static enum dns_type address_type(const struct second *s)
{
	return s->context.ip.family == 4 ? DNS_A : DNS_AAAA;
}

static bool has_client(const struct second *s, const struct dns_answer *answer,
		       const struct spf_term *term)
{
	bool four = s->context.ip.family == 4;
	unsigned bits = four ? 32 : 128;
	struct ip client;

	if (term)
		bits = four ? term->bits4 : term->bits6;
	client = ip_mask(&s->context.ip, bits);
	for (size_t i = 0; i < answer->count; i++) {
		struct ip other = ip_mask(&answer->records[i].ip, bits);

		if (ip_equal(&client, &other))
			return true;
	}
	return false;
}

static bool is_below(const char *name, const char *top)
{
	size_t a = strlen(name), b = strlen(top);

	return a > b && name[a - b - 1] == '.' &&
	       strcasecmp(name + a - b, top) == 0;
}

/* All of the client's names that hold; "\000.t" is none that can be shown. */
static size_t validated(struct second *s, const char *names[SPF_NAMES_MAX])
{
	char reverse[DNS_REVERSE_SIZE];
	const struct dns_answer *ptr =
		find(s->world, dns_name_reverse(&s->context.ip, reverse),
		     DNS_PTR);
	size_t count = 0;

	for (size_t i = 0; i < ptr->count && i < SPF_NAMES_MAX; i++) {
		const char *name = ptr->records[i].name;

		if (name[0] == '\\' || name[0] == '.')
			continue;
		if (has_client(s, put(s, name, address_type(s)), NULL))
			names[count++] = name;
	}
	return count;
}

static const char *p_of(struct second *s, const char *domain)
{
	const char *names[SPF_NAMES_MAX];
	size_t count = validated(s, names);

	for (size_t i = 0; i < count; i++)
		if (strcasecmp(names[i], domain) == 0)
			return names[i];
	for (size_t i = 0; i < count; i++)
		if (is_below(names[i], domain))
			return names[i];
	return count > 0 ? names[0] : NULL;
}

static bool target(struct second *s, const char *domain,
		   const struct spf_term *term, char name[SPF_NAME_SIZE])
{
	s->context.domain = domain;
	if (!term->spec) {
		strcpy(name, domain);
		return true;
	}
	s->context.validated =
		term->letters & SPF_LETTER('p') ? p_of(s, domain) : NULL;
	return spf_expand_domain(&s->context, term->spec, term->spec_len,
				 name) == SPF_EXPANDED;
}

static void count_term(struct second *s)
{
	if (++s->lookups > 10)
		raise(s, SPF_RESULT_PERMERROR);
}

static void count_void(struct second *s, const struct dns_answer *answer)
{
	if (!dns_status_is_known(answer->status))
		raise(s, SPF_RESULT_TEMPERROR);
	else if (answer->count == 0 && ++s->voids > 2)
		raise(s, SPF_RESULT_PERMERROR);
}

static bool match_mx(struct second *s, const struct spf_term *term,
		     const struct dns_answer *mx)
{
	bool failed = false, match = false;

	if (mx->count > 10)
		raise(s, SPF_RESULT_PERMERROR);
	for (size_t i = 0; i < mx->count && !s->error; i++) {
		const struct dns_answer *host;

		if (strcmp(mx->records[i].name, ".") == 0)
			continue;
		host = find(s->world, mx->records[i].name, address_type(s));
		failed |= !dns_status_is_known(host->status);
		match |= has_client(s, host, term);
	}
	if (failed && !match)
		raise(s, SPF_RESULT_TEMPERROR);
	return match;
}

static bool match_ptr(struct second *s, const char *name)
{
	const char *names[SPF_NAMES_MAX];
	char reverse[DNS_REVERSE_SIZE];
	const struct dns_answer *ptr =
		find(s->world, dns_name_reverse(&s->context.ip, reverse),
		     DNS_PTR);
	size_t count;

	if (!s->ptr_asked && dns_status_is_known(ptr->status))
		count_void(s, ptr);
	s->ptr_asked = true;
	count = validated(s, names);
	for (size_t i = 0; i < count; i++)
		if (strcasecmp(names[i], name) == 0 || is_below(names[i], name))
			return true;
	return false;
}

static bool match_include(struct second *s, const char *name)
{
	struct spf_record record;
	enum spf_result result = SPF_RESULT_NONE;

	if (strchr(name, '.')) {
		count_void(s, put(s, name, DNS_TXT));
		if (s->error)
			return false;
		result = check_host(s, name, &record);
	}
	if (result == SPF_RESULT_NONE)
		raise(s, SPF_RESULT_PERMERROR);
	return result == SPF_RESULT_PASS;
}

static bool match(struct second *s, const char *domain,
		  const struct spf_term *term)
{
	const struct dns_answer *answer;
	char name[SPF_NAME_SIZE];
	enum dns_type type;

	if (term->kind == SPF_ALL)
		return true;
	if (term->kind == SPF_IP4 || term->kind == SPF_IP6)
		return ip_in_prefix(&s->context.ip, &term->network);
	if (term->kind >= SPF_REDIRECT)
		return false;
	count_term(s);
	if (s->error)
		return false;
	if (term->letters & SPF_LETTER('p'))
		s->ptr_asked = true;
	if (!target(s, domain, term, name)) {
		if (term->kind == SPF_INCLUDE)
			raise(s, SPF_RESULT_PERMERROR);
		return false;
	}
	if (term->kind == SPF_INCLUDE)
		return match_include(s, name);
	if (term->kind == SPF_PTR)
		return match_ptr(s, name);
	type = term->kind == SPF_MX  ? DNS_MX
	       : term->kind == SPF_A ? address_type(s)
				     : DNS_A;
	answer = put(s, name, type);
	count_void(s, answer);
	if (s->error)
		return false;
	if (term->kind == SPF_MX)
		return match_mx(s, term, answer);
	if (term->kind == SPF_A)
		return has_client(s, answer, term);
	return answer->count > 0;
}

static enum spf_result redirected(struct second *s, const char *domain,
				  const struct spf_term *term,
				  struct spf_record *ret_record)
{
	char name[SPF_NAME_SIZE];
	enum spf_result result;

	count_term(s);
	if (s->error)
		return s->result;
	if (term->letters & SPF_LETTER('p'))
		s->ptr_asked = true;
	if (!target(s, domain, term, name) || !strchr(name, '.')) {
		raise(s, SPF_RESULT_PERMERROR);
		return s->result;
	}
	count_void(s, put(s, name, DNS_TXT));
	if (s->error)
		return s->result;
	result = check_host(s, name, ret_record);
	if (result == SPF_RESULT_NONE)
		raise(s, SPF_RESULT_PERMERROR);
	return s->error ? s->result : result;
}

static enum spf_result check_host(struct second *s, const char *domain,
				  struct spf_record *ret_record)
{
	const struct dns_answer *answer = put(s, domain, DNS_TXT);
	struct spf_text texts[DNS_RECORDS_MAX];
	struct spf_record record;
	size_t which = 0;

	for (size_t i = 0; i < answer->count; i++)
		texts[i] = (struct spf_text){ answer->records[i].text,
					      answer->records[i].text_len };
	if (!dns_status_is_known(answer->status))
		raise(s, SPF_RESULT_TEMPERROR);
	switch (spf_record_choose(texts, answer->count, &which)) {
	case SPF_CHOICE_NONE: return s->error ? s->result : SPF_RESULT_NONE;
	case SPF_CHOICE_SEVERAL: raise(s, SPF_RESULT_PERMERROR); break;
	default: break;
	}
	if (s->error)
		return s->result;
	if (spf_record_parse(&s->arena, texts[which].bytes, texts[which].len,
			     &record, NULL) != SPF_PARSED) {
		raise(s, SPF_RESULT_PERMERROR);
		return s->result;
	}
	*ret_record = record;
	for (size_t i = 0; i < record.count; i++) {
		bool matches = match(s, domain, &record.terms[i]);

		if (s->error)
			return s->result;
		if (!matches)
			continue;
		switch (record.terms[i].qualifier) {
		case '-': return SPF_RESULT_FAIL;
		case '~': return SPF_RESULT_SOFTFAIL;
		case '?': return SPF_RESULT_NEUTRAL;
		default: return SPF_RESULT_PASS;
		}
	}
	if (record.redirect)
		return redirected(s, domain, record.redirect, ret_record);
	return SPF_RESULT_NEUTRAL;
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
	struct second s = { .world = world };
	const char *at = strrchr(request->sender, '@');
	struct spf_record record;
	enum spf_result result;
	char *domain;

	/* at the limit the one stops, and the other does not; a route is not
	 * what is tried here */
	if (!outcome->domain || world->question_count >= SPF_QUERIES_MAX ||
	    request->sender[0] == '@')
		return;
	domain = arena_strndup(&world->arena, outcome->domain,
			       strlen(outcome->domain));
	CLAIM(domain);
	arena_init(&s.arena, 64 * 1024 * 1024);
	s.context = (struct spf_context){
		.sender = arena_printf(&world->arena, "%.*s@%s",
				       at && at > request->sender
					       ? (int)(at - request->sender)
					       : 10,
				       at && at > request->sender
					       ? request->sender
					       : "postmaster",
				       domain),
		.helo = request->helo,
		.receiver = request->receiver,
		.ip = request->client,
	};
	result = check_host(&s, domain, &record);
	if (s.error)
		result = s.result;
	if (result != outcome->result || s.lookups != outcome->lookups ||
	    s.voids != outcome->voids)
		fprintf(stderr, "%s (%s, %u, %u), not %s (%u, %u)\n",
			spf_result_name(outcome->result), outcome->error,
			outcome->lookups, outcome->voids,
			spf_result_name(result), s.lookups, s.voids);
	CLAIM(result == outcome->result);
	CLAIM(s.lookups == outcome->lookups && s.voids == outcome->voids);
	arena_done(&s.arena);
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

	world->question_count = 0;
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

	world->question_count = 0;
	world->deaf = world->reverse = false;
	spf_check(request, identity, &world->dns, &world->arena, &outcome);
	questions = world->question_count;
	CLAIM(questions <= SPF_QUERIES_MAX);
	check_outcome(&outcome);
	if (identity == SPF_OF_MAIL_FROM)
		check_second(world, request, &outcome);
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
