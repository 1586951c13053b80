/*
 * control_dns.c - what the filter's resolver says, and how it fares.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "filter/control.h"
#include "filter/control_verbs.h"
#include "filter/generation.h"
#include "filter/resolver.h"
#include "filter/show.h"
#include "filter/spf_memory.h"
#include "lists/dns_batch.h"
#include "lists/dns_name.h"

enum { LOOK_MS = 200 }; /* how soon it is seen that nobody waits any more */

/* --- waiting ------------------------------------------------------------- */

static atomic_uint askers;

bool control_room_take(void)
{
	if (atomic_fetch_add(&askers, 1) < CONTROL_ASKERS)
		return true;
	control_room_give();
	return false;
}

void control_room_give(void)
{
	atomic_fetch_sub(&askers, 1);
}

void control_wait(const struct control_sink *sink, struct dns_batch *batch,
		  uint64_t until_ms)
{
	uint64_t now = dns_now_ms();

	while (now < until_ms &&
	       (sink->gone == NULL || !sink->gone(sink->context))) {
		uint64_t next = now + LOOK_MS;

		if (dns_batch_wait(batch, next < until_ms ? next : until_ms))
			return;
		now = dns_now_ms();
	}
}

/* --- query --------------------------------------------------------------- */

struct query {
	char name[DNS_NAME_TEXT_SIZE]; /* asked for */
	enum dns_type type;
};

static json_t *wrong_query(const char *type, bool address)
{
	if (address)
		return control_refusal("wrong", "an address has PTR records "
						"alone");
	return control_refusal("wrong",
			       "%s is no type of record: A, AAAA, PTR, MX, "
			       "TXT, NS, SOA, CNAME",
			       type);
}

/* NULL, or what is wrong with it. */
static json_t *query_read(const json_t *request, struct query *query)
{
	const char *name = json_string_value(json_object_get(request, "name"));
	const char *type = json_string_value(json_object_get(request, "type"));
	struct dns_name parsed;
	struct ip ip;
	bool address;

	if (name == NULL)
		return control_refusal("wrong", "query wants a name");
	address = ip_parse(name, strlen(name), &ip) == 0;
	if (type == NULL)
		type = address ? "PTR" : "A";
	if (dns_type_parse(type, strlen(type), &query->type) < 0 ||
	    (address && query->type != DNS_PTR))
		return wrong_query(type, address);
	if (address) {
		char reverse[DNS_REVERSE_SIZE];

		snprintf(query->name, sizeof(query->name), "%s",
			 dns_name_reverse(&ip, reverse));
		return NULL;
	}
	for (const char *c = name; *c != '\0'; c++)
		if (*c < '!' || *c > '~')
			return control_refusal("wrong",
					       "%s is no domain name; write "
					       "what is not ASCII as xn--...",
					       name);
	if (dns_name_parse(name, strlen(name), &parsed) < 0)
		return control_refusal("wrong", "%s is no domain name", name);
	dns_name_format(&parsed, query->name);
	return NULL;
}

/* When the answer came; written on the resolver's thread, before it counts. */
static void note_time(struct dns_batch *batch, int slot,
		      struct dns_answer *answer, void *context)
{
	uint64_t *came = context;

	(void)batch;
	(void)slot;
	(void)answer;
	*came = dns_now_ms();
}

static json_t *query_ask(struct generation *gen, const struct query *query,
			 const struct control_sink *sink)
{
	uint64_t start = dns_now_ms(), came = 0;
	struct dns_batch *batch = dns_batch_new(gen->resolver->dns);
	const struct dns_answer *answer;
	json_t *row, *rest;
	int slot = -1;

	if (batch != NULL)
		slot = dns_batch_ask(batch, query->name, query->type, note_time,
				     &came);
	if (slot < 0) {
		dns_batch_free(batch);
		return control_refusal("failed", "out of memory");
	}
	control_wait(sink, batch,
		     start + gen->settings.dns.timeout * 1000 + 500);
	dns_batch_stop(batch);
	answer = dns_batch_answer(batch, slot);
	if (answer == NULL)
		came = dns_now_ms();
	row = json_pack("{s:b, s:s, s:s, s:I, s:b}", "ok", true, "question",
			query->name, "type", dns_type_name(query->type), "ms",
			(json_int_t)(came - start), "cached",
			answer != NULL && answer->received > 0 &&
				answer->received < start);
	rest = show_dns_answer(answer);
	json_object_update(row, rest);
	json_decref(rest);
	dns_batch_free(batch);
	return row;
}

static json_t *query_run(struct generation *gen, const json_t *request,
			 const struct control_sink *sink)
{
	struct query query;
	json_t *answer = query_read(request, &query);

	if (answer != NULL)
		return answer;
	if (!control_room_take())
		return control_refusal("busy", "others are asking DNS; try "
					       "again");
	answer = query_ask(gen, &query, sink);
	control_room_give();
	return answer;
}

/* --- the verb ------------------------------------------------------------ */

static json_t *flush(struct generation *gen, bool may_write, bool *ret_wrote)
{
	*ret_wrote = true;
	if (!may_write)
		return control_refusal("denied", "dns flush is for root and "
						 "the filter's own user");
	dns_flush(gen->resolver->dns);
	spf_memory_flush(gen->resolver->spf);
	return json_pack("{s:b}", "ok", true);
}

static json_t *answer_of(struct generation *gen, bool may_write,
			 const json_t *request, const struct control_sink *sink,
			 bool *ret_wrote)
{
	const char *action =
		json_string_value(json_object_get(request, "action"));

	if (action == NULL ||
	    (strcmp(action, "query") != 0 && strcmp(action, "stats") != 0 &&
	     strcmp(action, "flush") != 0))
		return control_refusal("wrong", "dns has query, stats and "
						"flush");
	if (gen == NULL)
		return control_refusal("absent", "the filter does not run");
	if (gen->resolver == NULL)
		return control_refusal("failed", "nobody here asks DNS");
	if (strcmp(action, "query") == 0)
		return query_run(gen, request, sink);
	if (strcmp(action, "stats") == 0)
		return show_dns_stats(gen->resolver, gen);
	return flush(gen, may_write, ret_wrote);
}

bool control_dns(const struct control_context *context, bool may_write,
		 const json_t *request, const struct control_sink *sink,
		 bool *ret_wrote)
{
	struct generation *gen = context->current();
	json_t *answer = answer_of(gen, may_write, request, sink, ret_wrote);
	bool good = json_is_true(json_object_get(answer, "ok"));

	if (answer != NULL)
		sink->line(sink->context, answer);
	json_decref(answer);
	generation_unref(gen);
	return good;
}
