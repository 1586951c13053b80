/*
 * resolver.c - the resolver and the health of DNS lists, shared by generations.
 */
#include "filter/resolver.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "filter/log.h"
#include "filter/settings.h"
#include "filter/spf_memory.h"
#include "lists/dns_zonefile.h"

/* --- what makes one ------------------------------------------------------ */

static void print_servers(FILE *out, const struct dns_server *servers,
			  size_t count)
{
	char text[DNS_SERVER_TEXT_SIZE];

	for (size_t i = 0; i < count; i++)
		fprintf(out, "%s%s", i > 0 ? "," : "",
			dns_server_format(&servers[i], text));
}

/* The system's servers, where they hold, count as a setting; NULL if not. */
static char *key_of(const struct resolver_settings *set, bool network)
{
	struct dns_server servers[DNS_SERVERS_MAX];
	char *key = NULL;
	size_t size;
	FILE *out = open_memstream(&key, &size);

	if (out == NULL)
		return NULL;
	fprintf(out, "timeout=%u tries=%u cache=%" PRIu64 " bind=%s servers=",
		set->timeout, set->tries, set->cache_size, set->bind);
	if (set->servers[0] == '\0' && network)
		print_servers(out, servers,
			      (size_t)dns_servers_system(NULL, servers));
	else
		fputs(set->servers, out);
	if (fclose(out) == 0)
		return key;
	free(key);
	return NULL;
}

bool resolver_fits(const struct resolver *resolver,
		   const struct settings *settings)
{
	bool network = resolver->zone == NULL;
	char *key = key_of(&settings->dns, network);
	bool fits = key != NULL && strcmp(key, resolver->key) == 0;

	free(key);
	return fits && (network || !file_stamp_differs(resolver->zone_path,
						       &resolver->zone_stamp));
}

/* --- what is logged ------------------------------------------------------ */

/* Runs on whatever thread finds out. */
static void list_changed(void *context, const struct dnsbl *dnsbl,
			 enum dnsbl_health was, enum dnsbl_health is)
{
	char zone[LOG_VALUE_SIZE], why[LOG_VALUE_SIZE];
	struct dnsbl_report report;
	int level = LOG_INFO;

	(void)context;
	dnsbl_report(dnsbl, &report);
	if (dnsbl_health_is_muted(is))
		level = LOG_WARNING;
	else if (dnsbl_health_is_muted(was) || is == DNSBL_NO_TEST_ENTRY)
		level = LOG_NOTICE;
	log_event(level, "dnsbl", "zone=%s state=\"%s\" was=\"%s\" why=%s",
		  log_escape(report.zone, strlen(report.zone), LOG_VALUE_MAX,
			     zone),
		  dnsbl_health_name(is), dnsbl_health_name(was),
		  log_escape(report.why, strlen(report.why), LOG_VALUE_MAX,
			     why));
}

/* Faults D7: he who can guess a port and a number answers in their place. */
static void warn_if_remote(struct dns *dns)
{
	struct dns_stats stats;
	char *servers = NULL;
	size_t size;
	FILE *out;

	if (dns_is_local(dns))
		return;
	out = open_memstream(&servers, &size);
	if (out == NULL)
		return;
	dns_stats(dns, &stats);
	print_servers(out, stats.servers, stats.server_count);
	if (fclose(out) == 0)
		log_event(LOG_WARNING, "D7",
			  "servers=%s why=\"not on this machine: answers can "
			  "be forged on their way\"",
			  servers);
	free(servers);
}

/* --- open and close ------------------------------------------------------ */

static bool read_zone(struct resolver *resolver, const char *path,
		      char error[DNS_ERROR_SIZE])
{
	char why[DNS_ZONEFILE_ERROR_SIZE] = "out of memory";
	char *text = NULL;

	resolver->zone_path = strdup(path);
	if (resolver->zone_path != NULL &&
	    file_read(path, DNS_ZONEFILE_MAX, &text, &resolver->zone_stamp, why,
		      sizeof(why)) == 0)
		resolver->zone =
			dns_zonefile_parse(path, text,
					   (size_t)resolver->zone_stamp.size,
					   why);
	free(text);
	if (resolver->zone == NULL)
		snprintf(error, DNS_ERROR_SIZE, "%.*s", DNS_ERROR_SIZE - 1,
			 why);
	return resolver->zone != NULL;
}

static void resolver_close(struct resolver *resolver)
{
	dnsbls_close(resolver->dnsbls);
	dns_close(resolver->dns);
	spf_memory_free(resolver->spf);
	dns_zone_free(resolver->zone);
	dns_zone_free(resolver->front);
	free(resolver->zone_path);
	free(resolver->key);
	free(resolver);
}

static bool start(struct resolver *resolver,
		  const struct resolver_settings *set,
		  char error[DNS_ERROR_SIZE])
{
	const struct dns_settings dns = {
		.servers = set->servers,
		.bind = set->bind,
		.timeout_ms = set->timeout * 1000,
		.tries = set->tries,
		.cache_bytes = (size_t)set->cache_size,
		.zone = resolver->zone,
		.front = resolver->front,
	};

	resolver->key = key_of(set, resolver->zone == NULL);
	if (resolver->key == NULL) {
		snprintf(error, DNS_ERROR_SIZE, "DNS: %s", strerror(errno));
		return false;
	}
	resolver->dns = dns_open(&dns, error);
	if (resolver->dns == NULL)
		return false;
	resolver->dnsbls =
		dnsbls_open(resolver->dns, list_changed, resolver, NULL);
	if (resolver->dnsbls == NULL)
		snprintf(error, DNS_ERROR_SIZE, "DNS lists: %s",
			 strerror(errno));
	return resolver->dnsbls != NULL;
}

struct resolver *resolver_open(const struct settings *settings,
			       const char *zone, char error[DNS_ERROR_SIZE])
{
	return resolver_open_behind(settings, zone, NULL, error);
}

struct resolver *resolver_open_behind(const struct settings *settings,
				      const char *zone, struct dns_zone *front,
				      char error[DNS_ERROR_SIZE])
{
	struct resolver *resolver = calloc(1, sizeof(*resolver));

	if (resolver == NULL) {
		snprintf(error, DNS_ERROR_SIZE, "DNS: out of memory");
		dns_zone_free(front);
		return NULL;
	}
	atomic_init(&resolver->refs, 1);
	resolver->front = front;
	if ((zone != NULL && !read_zone(resolver, zone, error)) ||
	    !start(resolver, &settings->dns, error)) {
		resolver_close(resolver);
		return NULL;
	}
	if (resolver->zone == NULL) {
		warn_if_remote(resolver->dns);
		resolver->spf = spf_memory_new();
	}
	return resolver;
}

struct resolver *resolver_ref(struct resolver *resolver)
{
	atomic_fetch_add(&resolver->refs, 1);
	return resolver;
}

void resolver_unref(struct resolver *resolver)
{
	if (resolver != NULL && atomic_fetch_sub(&resolver->refs, 1) == 1)
		resolver_close(resolver);
}
