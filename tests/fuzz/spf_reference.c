/* spf_reference.c - RFC 7208 section 4 and 5, taken literally. */
#include "tests/fuzz/spf_reference.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "filter/inspect/dns.h"
#include "filter/inspect/spf_record.h"
#include "lists/dns_name.h"
#include "rules/arena.h"

#define ARENA_MAX (64 * 1024 * 1024)

struct second {
	struct inspect_dns *dns;
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

	if (spf_name_wire(name, strlen(name), &wire) < 0)
		abort();
	dns_name_format(&wire, text);
	return s->dns->ask(s->dns, text, type);
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
		s->dns->ask(s->dns, dns_name_reverse(&s->context.ip, reverse),
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
		host = s->dns->ask(s->dns, mx->records[i].name,
				   address_type(s));
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
		s->dns->ask(s->dns, dns_name_reverse(&s->context.ip, reverse),
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

void spf_reference(const struct spf_context *context, const char *domain,
		   struct inspect_dns *dns, struct spf_reference *ret_reference)
{
	struct second s = { .dns = dns, .context = *context };
	struct spf_record record;
	enum spf_result result;

	arena_init(&s.arena, ARENA_MAX);
	result = check_host(&s, domain, &record);
	ret_reference->result = s.error ? s.result : result;
	ret_reference->lookups = s.lookups;
	ret_reference->voids = s.voids;
	arena_done(&s.arena);
}
