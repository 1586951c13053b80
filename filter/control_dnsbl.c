/*
 * control_dnsbl.c - how well DNS lists are, and what they all say of somebody.
 *
 * Lists are asked as the filter would ask them, muted ones as well, and beside
 * each question the probe that nothing can be listed under; but what comes is
 * shown alone: it changes no list's health.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "filter/control.h"
#include "filter/control_verbs.h"
#include "filter/generation.h"
#include "filter/resolver.h"
#include "filter/show.h"
#include "lists/dns_batch.h"
#include "lists/suffix.h"
#include "rules/mail/address.h"

enum {
	TEST_LOOK_MS = 20, /* how soon it is seen that all tests are done */
	GRACE_MS = 500, /* beyond the resolver's own timeout */
	NAMES_MAX = 2, /* of one list: as given, and the organisation's */
	WHY_SIZE = 256,
};

static bool say(const struct control_sink *sink, json_t *answer)
{
	bool good = json_is_true(json_object_get(answer, "ok"));

	if (answer != NULL)
		sink->line(sink->context, answer);
	json_decref(answer);
	return good;
}

/* --- health -------------------------------------------------------------- */

/* Seconds since 1970 of a moment on the resolver's clock; null: never. */
static json_t *show_moment(uint64_t moment_ms, uint64_t now_ms)
{
	if (moment_ms == 0)
		return json_null();
	return json_integer((json_int_t)time(NULL) -
			    (json_int_t)(now_ms - moment_ms) / 1000);
}

static json_t *show_health(const struct generation *gen, size_t index)
{
	const struct dnsbl_info *info = ruleset_dnsbl(gen->rules, index);
	struct dnsbl_report r = { .zone = info->zone };
	uint64_t now = dns_now_ms();
	bool off = gen->dnsbls[index] == NULL;

	if (!off)
		dnsbl_report(gen->dnsbls[index], &r);
	return json_pack("{s:o, s:s, s:b, s:o, s:o, s:o, s:I, s:I, s:I, s:I, "
			 "s:I, s:o}",
			 "zone", show_string(info->zone), "state",
			 off ? "off" : dnsbl_health_name(r.health), "muted",
			 !off && dnsbl_health_is_muted(r.health), "why",
			 show_string(r.why[0] != '\0' ? r.why : NULL), "since",
			 show_moment(r.since_ms, now), "tested",
			 show_moment(r.tested_ms, now), "asked",
			 (json_int_t)r.asked, "listed", (json_int_t)r.listed,
			 "faults", (json_int_t)r.faults, "unanswered",
			 (json_int_t)r.unanswered, "times_muted",
			 (json_int_t)r.muted, "source",
			 show_place(gen, info->place));
}

/* Is there one that is to be tested, and has not been yet? */
static bool awaits_test(const struct generation *gen)
{
	for (size_t i = 0; i < ruleset_dnsbl_count(gen->rules); i++) {
		const char *test = ruleset_dnsbl(gen->rules, i)->test;
		struct dnsbl_report report;

		if (gen->dnsbls[i] == NULL || (test != NULL && *test == '\0'))
			continue;
		dnsbl_report(gen->dnsbls[i], &report);
		if (report.tested_ms == 0)
			return true;
	}
	return false;
}

/* Where no filter has tested them, they are tested now. */
static void test_lists(const struct generation *gen)
{
	const struct timespec look = { .tv_nsec = TEST_LOOK_MS * 1000000L };
	uint64_t until = dns_now_ms() +
			 2 * (gen->settings.dns.timeout * 1000 + GRACE_MS);

	while (awaits_test(gen) && dns_now_ms() < until) {
		/* they are not all started at once */
		dnsbls_tick(gen->resolver->dnsbls, gen->dnsbls,
			    ruleset_dnsbl_count(gen->rules));
		nanosleep(&look, NULL);
	}
}

static json_t *health(const struct control_context *context,
		      const struct generation *gen)
{
	json_t *lists = json_array();

	if (context->served == NULL)
		test_lists(gen);
	for (size_t i = 0; i < ruleset_dnsbl_count(gen->rules); i++)
		json_array_append_new(lists, show_health(gen, i));
	return json_pack("{s:b, s:o}", "ok", true, "lists", lists);
}

/* --- who is asked about -------------------------------------------------- */

struct subject {
	bool is_ip;
	struct ip ip;
	struct domain domain;
};

/* What ends in figures is an address that was mistyped (RFC 3696 section 2). */
static bool is_name(const struct domain *domain)
{
	const char *dot = memrchr(domain->name, '.', domain->len);
	const char *end = domain->name + domain->len;

	if ((domain->flags & (DOMAIN_LITERAL | DOMAIN_BARE_IP)) != 0 ||
	    dot == NULL)
		return false;
	while (++dot < end)
		if (*dot < '0' || *dot > '9')
			return true;
	return false;
}

static json_t *subject_read(const json_t *request, struct subject *subject)
{
	const char *text =
		json_string_value(json_object_get(request, "subject"));

	if (text == NULL)
		return control_refusal("wrong", "ask wants an address or a "
						"domain name");
	subject->is_ip = ip_parse(text, strlen(text), &subject->ip) == 0;
	if (subject->is_ip)
		return NULL;
	if (domain_normalise(text, strlen(text), &subject->domain) !=
		    ADDRESS_FINE ||
	    !is_name(&subject->domain))
		return control_refusal("wrong",
				       "%s is neither an IP address nor a "
				       "domain name",
				       text);
	return NULL;
}

/* Do the rules ask this list about such a thing? */
static bool list_wants(const struct dnsbl_info *info, bool ip)
{
	for (size_t i = 0; i < info->of_count; i++)
		if ((fact_row(info->of[i])->type == FACT_TYPE_IP) == ip)
			return true;
	return false;
}

/* --- the questions ------------------------------------------------------- */

struct question {
	struct dnsbl *list; /* NULL: unused */
	char name[DNSBL_NAME_SIZE];
	int a, txt, probe; /* of the batch; -1: not asked */
	bool probed;
	uint64_t came; /* the address's; on the resolver's thread */
};

struct asking {
	const struct generation *gen;
	const struct subject *subject;
	struct dns_batch *batch;
	struct question *questions; /* NAMES_MAX of each list */
	uint64_t start;
	bool listed; /* somewhere, in a way that counts */
};

static void note_time(struct dns_batch *batch, int slot,
		      struct dns_answer *answer, void *context)
{
	struct question *question = context;

	(void)batch;
	(void)slot;
	(void)answer;
	question->came = dns_now_ms();
}

static unsigned kind_of(const struct subject *subject)
{
	if (!subject->is_ip)
		return DNSBL_OF_NAMES;
	return subject->ip.family == 6 ? DNSBL_OF_IP6 : DNSBL_OF_IP4;
}

/* `question->name` is set. */
static void question_ask(struct asking *asking, struct question *question,
			 struct dnsbl *list)
{
	char probe[DNSBL_NAME_SIZE];

	question->list = list;
	question->probe = -1;
	question->a = dns_batch_ask(asking->batch, question->name, DNS_A,
				    note_time, question);
	question->txt = dns_batch_ask(asking->batch, question->name, DNS_TXT,
				      NULL, NULL);
	question->probed =
		dnsbl_probe_name(list, kind_of(asking->subject), NULL, probe);
	if (question->probed)
		question->probe =
			dns_batch_ask(asking->batch, probe, DNS_A, NULL, NULL);
}

static void ask_ip(struct asking *asking, size_t index)
{
	struct dnsbl *list = asking->gen->dnsbls[index];
	struct question *question = &asking->questions[index * NAMES_MAX];

	if (dnsbl_ip_name(list, &asking->subject->ip, question->name) == 0)
		question_ask(asking, question, list);
}

static void ask_domain(struct asking *asking, size_t index)
{
	const struct domain *domain = &asking->subject->domain;
	enum dnsbl_ask ask = ruleset_dnsbl(asking->gen->rules, index)->ask;
	struct dnsbl *list = asking->gen->dnsbls[index];
	struct question *at = &asking->questions[index * NAMES_MAX];
	const char *organisation;
	size_t len;

	organisation = suffix_organisation(domain->name, domain->len, &len);
	if (ask != DNSBL_ASK_ORGANISATION &&
	    dnsbl_domain_name(list, domain->name, domain->len, at->name) == 0)
		question_ask(asking, at++, list);
	if (organisation == NULL || ask == DNSBL_ASK_FULL ||
	    (ask == DNSBL_ASK_BOTH && len == domain->len))
		return;
	if (dnsbl_domain_name(list, organisation, len, at->name) == 0)
		question_ask(asking, at, list);
}

static void ask_all(struct asking *asking)
{
	const struct ruleset *rules = asking->gen->rules;
	bool ip = asking->subject->is_ip;

	for (size_t i = 0; i < ruleset_dnsbl_count(rules); i++) {
		if (asking->gen->dnsbls[i] == NULL ||
		    !list_wants(ruleset_dnsbl(rules, i), ip))
			continue;
		if (ip)
			ask_ip(asking, i);
		else
			ask_domain(asking, i);
	}
}

/* --- the answers --------------------------------------------------------- */

struct meaning {
	const struct ruleset *rules;
	const char *answer;
	json_t *symbols;
};

static void add_symbol(void *context, size_t rule_index)
{
	const struct meaning *meaning = context;
	const struct rule_info *rule = ruleset_rule(meaning->rules, rule_index);

	json_array_append_new(meaning->symbols,
			      json_pack("{s:s, s:o, s:f, s:b, s:b, s:o}",
					"answer", meaning->answer, "name",
					show_string(rule->name), "weight",
					(double)rule->weight / 100, "off",
					rule->off, "shadow", rule->shadow,
					"description",
					show_string(rule->description)));
}

/* What Spamhaus began, others took over (faults D3). */
static const char *refusal_meaning(const struct ip *ip)
{
	static const uint8_t net[] = { 127, 255, 255 };

	if (ip->family != 4 || memcmp(ip->bytes, net, sizeof(net)) != 0)
		return "an address outside 127.0.0.0/8";
	switch (ip->bytes[3]) {
	case 252: return "the list's name is misspelt";
	case 254: return "asked through a public resolver";
	case 255: return "asked too often";
	default: return "an error of the list";
	}
}

static const struct dns_answer *answer_at(const struct asking *asking, int slot)
{
	return slot < 0 ? NULL : dns_batch_answer(asking->batch, slot);
}

/* How a listing stands, now that the probe has been asked. */
static const char *confirmed(const struct asking *asking,
			     const struct question *question,
			     char why[WHY_SIZE])
{
	const struct dns_answer *probe = answer_at(asking, question->probe);

	if (!question->probed)
		return "listed";
	if (probe == NULL || dnsbl_read(probe) == DNSBL_UNKNOWN) {
		snprintf(why, WHY_SIZE,
			 "whether it lists everything could not be asked: %s",
			 dns_status_name(probe ? probe->status : DNS_TIMEOUT));
		return "unconfirmed";
	}
	if (dnsbl_read(probe) == DNSBL_NOT_LISTED)
		return "listed";
	snprintf(why, WHY_SIZE, "it also lists what cannot be listed");
	return "lists all";
}

/* One of: listed, not listed, no answer, fault, lists all, unconfirmed. */
static const char *word_of(const struct asking *asking,
			   const struct question *question, char why[WHY_SIZE])
{
	const struct dns_answer *answer = answer_at(asking, question->a);
	char ip[IP_TEXT_SIZE];

	if (answer == NULL) {
		snprintf(why, WHY_SIZE, "%s",
			 question->a < 0 ? "too many questions"
					 : dns_status_name(DNS_TIMEOUT));
		return "no answer";
	}
	switch (dnsbl_read(answer)) {
	case DNSBL_NOT_LISTED: return "not listed";
	case DNSBL_LISTED: return confirmed(asking, question, why);
	case DNSBL_UNKNOWN: break;
	case DNSBL_FAULT:
		snprintf(why, WHY_SIZE, "%s: %s",
			 ip_format(&answer->records[0].ip, ip, sizeof(ip)),
			 refusal_meaning(&answer->records[0].ip));
		return "fault";
	}
	snprintf(why, WHY_SIZE, "%s", dns_status_name(answer->status));
	return "no answer";
}

static void show_replies(const struct asking *asking, size_t index,
			 const struct dns_answer *answer, json_t *row)
{
	struct meaning meaning = { .rules = asking->gen->rules,
				   .symbols = json_array() };
	json_t *replies = json_array();
	char ip[IP_TEXT_SIZE];

	for (size_t i = 0; answer != NULL && i < answer->count; i++) {
		meaning.answer =
			ip_format(&answer->records[i].ip, ip, sizeof(ip));
		json_array_append_new(replies, json_string(meaning.answer));
		if (dnsbl_is_listing(&answer->records[i]))
			ruleset_dnsbl_each_symbol(meaning.rules, index,
						  meaning.answer, add_symbol,
						  &meaning);
	}
	json_object_set_new(row, "replies", replies);
	json_object_set_new(row, "symbols", meaning.symbols);
}

static json_t *show_question(struct asking *asking, size_t index,
			     const struct question *question, bool muted)
{
	const struct dns_answer *answer = answer_at(asking, question->a);
	const struct dns_answer *txt = answer_at(asking, question->txt);
	char why[WHY_SIZE] = "";
	const char *word = word_of(asking, question, why);
	bool counts = strcmp(word, "listed") == 0 && !muted;
	uint64_t came = answer != NULL ? question->came : dns_now_ms();
	json_t *row;

	asking->listed = asking->listed || counts;
	row = json_pack("{s:s, s:s, s:o, s:b, s:I, s:b}", "question",
			question->name, "answer", word, "why",
			show_string(why[0] != '\0' ? why : NULL), "counts",
			counts, "ms", (json_int_t)(came - asking->start),
			"cached",
			answer != NULL && answer->received > 0 &&
				answer->received < asking->start);
	show_replies(asking, index, answer, row);
	json_object_set_new(row, "txt",
			    txt != NULL ? show_dns_texts(txt) : json_array());
	return row;
}

static json_t *show_list(struct asking *asking, size_t index)
{
	struct dnsbl *list = asking->gen->dnsbls[index];
	const struct question *questions =
		&asking->questions[index * NAMES_MAX];
	json_t *rows = json_array();
	struct dnsbl_report report;
	bool muted;

	dnsbl_report(list, &report);
	muted = dnsbl_health_is_muted(report.health);
	for (size_t i = 0; i < NAMES_MAX; i++)
		if (questions[i].list != NULL)
			json_array_append_new(rows, show_question(asking, index,
								  &questions[i],
								  muted));
	return json_pack("{s:o, s:s, s:b, s:o}", "zone",
			 show_string(report.zone), "state",
			 dnsbl_health_name(report.health), "muted", muted,
			 "questions", rows);
}

static json_t *show_all(struct asking *asking)
{
	const struct ruleset *rules = asking->gen->rules;
	json_t *lists = json_array();

	for (size_t i = 0; i < ruleset_dnsbl_count(rules); i++)
		if (asking->questions[i * NAMES_MAX].list != NULL)
			json_array_append_new(lists, show_list(asking, i));
	return json_pack("{s:b, s:b, s:o}", "ok", true, "listed",
			 asking->listed, "lists", lists);
}

static json_t *ask(const struct generation *gen, const struct subject *subject,
		   const struct control_sink *sink)
{
	struct asking asking = { .gen = gen,
				 .subject = subject,
				 .start = dns_now_ms() };
	json_t *answer = NULL;

	asking.batch = dns_batch_new(gen->resolver->dns);
	asking.questions = calloc(ruleset_dnsbl_count(gen->rules) + 1,
				  NAMES_MAX * sizeof(struct question));
	if (asking.batch != NULL && asking.questions != NULL) {
		ask_all(&asking);
		control_wait(sink, asking.batch,
			     asking.start + gen->settings.dns.timeout * 1000 +
				     GRACE_MS);
		dns_batch_stop(asking.batch);
		answer = show_all(&asking);
	} else {
		answer = control_refusal("failed", "out of memory");
	}
	dns_batch_free(asking.batch);
	free(asking.questions);
	return answer;
}

/* --- the verb ------------------------------------------------------------ */

static json_t *ask_or_refuse(const struct generation *gen,
			     const json_t *request,
			     const struct control_sink *sink)
{
	struct subject subject;
	json_t *answer = subject_read(request, &subject);

	if (answer != NULL)
		return answer;
	if (!control_room_take())
		return control_refusal("busy", "others are asking DNS; try "
					       "again");
	answer = ask(gen, &subject, sink);
	control_room_give();
	return answer;
}

bool control_dnsbl(const struct control_context *context, const json_t *request,
		   const struct control_sink *sink)
{
	const char *action =
		json_string_value(json_object_get(request, "action"));
	struct generation *gen;
	json_t *answer;

	if (action == NULL ||
	    (strcmp(action, "health") != 0 && strcmp(action, "ask") != 0))
		return say(sink, control_refusal("wrong", "dnsbl has health "
							  "and ask"));
	gen = context->current();
	if (gen == NULL)
		answer = control_refusal("absent", "the filter does not run");
	else if (gen->resolver == NULL)
		answer = control_refusal("failed", "nobody here asks DNS");
	else if (strcmp(action, "health") == 0)
		answer = health(context, gen);
	else
		answer = ask_or_refuse(gen, request, sink);
	generation_unref(gen);
	return say(sink, answer);
}
