/*
 * dns_answer.c - what DNS says to a question.
 */
#include "lists/dns_answer.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define EMPTY(s) [s] = { .status = (s), .canonical = "", .size = 0 }

static struct dns_answer empty[DNS_STATUSES] = {
	EMPTY(DNS_FOUND),     EMPTY(DNS_NXDOMAIN),    EMPTY(DNS_NODATA),
	EMPTY(DNS_TIMEOUT),   EMPTY(DNS_UNREACHABLE), EMPTY(DNS_SERVFAIL),
	EMPTY(DNS_REFUSED),   EMPTY(DNS_FORMERR),     EMPTY(DNS_GARBLED),
	EMPTY(DNS_TRUNCATED), EMPTY(DNS_TOO_LARGE),   EMPTY(DNS_LOOP),
	EMPTY(DNS_INVALID),   EMPTY(DNS_BUSY),	      EMPTY(DNS_BREAKER),
	EMPTY(DNS_NO_MEMORY), EMPTY(DNS_STOPPED),
};

static const char *const status_names[DNS_STATUSES] = {
	[DNS_FOUND] = "found",
	[DNS_NXDOMAIN] = "nxdomain",
	[DNS_NODATA] = "nodata",
	[DNS_TIMEOUT] = "timeout",
	[DNS_UNREACHABLE] = "unreachable",
	[DNS_SERVFAIL] = "servfail",
	[DNS_REFUSED] = "refused",
	[DNS_FORMERR] = "formerr",
	[DNS_GARBLED] = "garbled",
	[DNS_TRUNCATED] = "truncated",
	[DNS_TOO_LARGE] = "too-large",
	[DNS_LOOP] = "loop",
	[DNS_INVALID] = "invalid",
	[DNS_BUSY] = "busy",
	[DNS_BREAKER] = "breaker-open",
	[DNS_NO_MEMORY] = "no-memory",
	[DNS_STOPPED] = "stopped",
};

static const struct {
	enum dns_type type;
	const char *name;
} types[] = {
	{ DNS_A, "A" },	    { DNS_AAAA, "AAAA" },   { DNS_PTR, "PTR" },
	{ DNS_MX, "MX" },   { DNS_TXT, "TXT" },	    { DNS_NS, "NS" },
	{ DNS_SOA, "SOA" }, { DNS_CNAME, "CNAME" },
};

#define TYPES (sizeof(types) / sizeof(types[0]))

/* Whoever asks this holds a reference, so it cannot drop to 0 meanwhile. */
static bool lives_for_ever(struct dns_answer *answer)
{
	return __atomic_load_n(&answer->refs, __ATOMIC_RELAXED) == 0;
}

struct dns_answer *dns_answer_ref(struct dns_answer *answer)
{
	if (!lives_for_ever(answer))
		__atomic_add_fetch(&answer->refs, 1, __ATOMIC_RELAXED);
	return answer;
}

void dns_answer_unref(struct dns_answer *answer)
{
	if (!answer || lives_for_ever(answer))
		return;
	if (__atomic_sub_fetch(&answer->refs, 1, __ATOMIC_ACQ_REL) == 0)
		free(answer);
}

struct dns_answer *dns_answer_of(enum dns_status status)
{
	return &empty[status];
}

uint32_t dns_answer_ttl(const struct dns_answer *answer, uint64_t now_ms)
{
	uint64_t age = now_ms > answer->received
			       ? (now_ms - answer->received) / 1000
			       : 0;

	return age >= answer->ttl ? 0 : (uint32_t)(answer->ttl - age);
}

bool dns_status_is_known(enum dns_status status)
{
	return status == DNS_FOUND || status == DNS_NXDOMAIN ||
	       status == DNS_NODATA;
}

const char *dns_status_name(enum dns_status status)
{
	return status < DNS_STATUSES ? status_names[status] : "?";
}

const char *dns_type_name(enum dns_type type)
{
	for (size_t i = 0; i < TYPES; i++)
		if (types[i].type == type)
			return types[i].name;
	return "?";
}

int dns_type_parse(const char *text, size_t len, enum dns_type *ret_type)
{
	for (size_t i = 0; i < TYPES; i++)
		if (strlen(types[i].name) == len &&
		    strncasecmp(types[i].name, text, len) == 0) {
			*ret_type = types[i].type;
			return 0;
		}
	return -1;
}

uint64_t dns_now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}
