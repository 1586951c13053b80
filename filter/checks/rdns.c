/*
 * rdns.c - the client's names: what its reverse zone says, and what is true.
 *
 * A reverse zone is its owner's: it can say anything, in as many records as an
 * answer may have (DNS_RECORDS_MAX).  All of them are in client.ptr, as they
 * cost nothing more.  The first RDNS_NAMES_MAX that are host names are looked
 * up; of those after them nothing is known, so with them client.name is
 * partial, or unknown where none of the first is confirmed.  What is no host
 * name (one label, an address, bytes that no host name has) cannot be
 * confirmed and is not asked about.
 */
#include "filter/checks/asking.h"

#include <string.h>

#include "lists/dns_name.h"
#include "rules/arena.h"

static bool is_host(const char *name)
{
	struct domain domain;

	return asking_domain(name, strlen(name), &domain) &&
	       (domain.flags & DOMAIN_ONE_LABEL) == 0;
}

/* The names have come; see dns_batch_then. */
static void names_came(struct dns_batch *batch, int slot,
		       struct dns_answer *answer, void *context)
{
	struct rdns *rdns = context;
	enum dns_type type = rdns->client.family == 4 ? DNS_A : DNS_AAAA;

	(void)slot;
	for (size_t i = 0; i < answer->count; i++) {
		const char *name = answer->records[i].name;
		int forward = -1;

		if (!is_host(name))
			continue;
		if (rdns->name_count == RDNS_NAMES_MAX) {
			rdns->more_names = true;
			break;
		}
		if (rdns->on_name != NULL)
			rdns->on_name(rdns->context, name);
		if (rdns->wants_forward)
			forward = dns_batch_ask_of_stranger(batch, name, type,
							    NULL, NULL);
		rdns->names[rdns->name_count].name = name;
		rdns->names[rdns->name_count++].forward = forward;
	}
}

void rdns_ask(struct rdns *rdns, struct dns_batch *batch,
	      const struct ip *client, bool wants_forward)
{
	char name[DNS_REVERSE_SIZE];

	if (client->family == 0)
		return;
	rdns->asked = true;
	rdns->client = *client;
	rdns->wants_forward = wants_forward;
	rdns->ptr = dns_batch_ask(batch, dns_name_reverse(client, name),
				  DNS_PTR, names_came, rdns);
}

static struct text text_of(const char *name)
{
	return (struct text){ .at = name, .len = strlen(name) };
}

static void tell_ptr(const struct dns_answer *answer, struct arena *arena,
		     struct facts *facts)
{
	struct text *items = arena_array(arena, answer->count, sizeof(*items));

	if (items == NULL) {
		facts_unknown(facts, FACT_CLIENT_PTR, CAUSE_LIMIT);
		return;
	}
	for (size_t i = 0; i < answer->count; i++)
		items[i] = text_of(answer->records[i].name);
	facts_set(facts, FACT_CLIENT_PTR, items, answer->count);
}

static void tell_name(const struct rdns *rdns, struct dns_batch *batch,
		      struct arena *arena, struct facts *facts)
{
	struct text *items = arena_array(arena, RDNS_NAMES_MAX, sizeof(*items));
	enum fact_cause cause = CAUSE_LIMIT;
	bool open = rdns->more_names;
	size_t count = 0;

	if (items == NULL) {
		facts_unknown(facts, FACT_CLIENT_NAME, CAUSE_LIMIT);
		return;
	}
	for (size_t i = 0; i < rdns->name_count; i++) {
		struct asked asked =
			asking_answer(batch, rdns->names[i].forward);

		if (asked_has_ip(&asked, &rdns->client))
			items[count++] = text_of(rdns->names[i].name);
		if (!asked.known) {
			open = true;
			cause = asked.cause;
		}
	}
	if (open)
		facts_set_partial(facts, FACT_CLIENT_NAME, items, count, cause);
	else
		facts_set(facts, FACT_CLIENT_NAME, items, count);
}

/*
 * Whoever has named a machine himself has control of its reverse zone, and no
 * pool's customer has: so one name that does not look dynamic is enough, and
 * what is no host name speaks for nobody.
 */
static bool is_dynamic(const struct rdns *rdns, const struct dns_answer *answer)
{
	bool dynamic = false;

	for (size_t i = 0; i < answer->count; i++) {
		const char *name = answer->records[i].name;

		if (!is_host(name))
			continue;
		dynamic = name_is_dynamic(name, &rdns->client);
		if (!dynamic)
			break;
	}
	return dynamic;
}

void rdns_tell(const struct rdns *rdns, struct dns_batch *batch,
	       struct arena *arena, struct facts *facts)
{
	struct asked ptr;

	if (!rdns->asked)
		return;
	/* Until this answer is there, `names` are the resolver thread's. */
	ptr = asking_answer(batch, rdns->ptr);
	if (ptr.found) {
		tell_ptr(ptr.answer, arena, facts);
		facts_bool(facts, FACT_CLIENT_IS_DYNAMIC,
			   is_dynamic(rdns, ptr.answer));
		if (rdns->wants_forward)
			tell_name(rdns, batch, arena, facts);
		return;
	}
	asking_tell_absent(&ptr, facts, FACT_CLIENT_PTR);
	asking_tell_absent(&ptr, facts, FACT_CLIENT_IS_DYNAMIC);
	if (rdns->wants_forward)
		asking_tell_absent(&ptr, facts, FACT_CLIENT_NAME);
}
