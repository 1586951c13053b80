/*
 * settings.c - the table of settings, and what is told of it.
 *
 * To add a setting: a field in some struct of settings.h and one row here.  The
 * macros make the compiler object when the field has another type than the
 * row's kind.
 */
#include "filter/settings.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "filter/settings_table.h"
#include "lists/dns_server.h"
#include "lists/store_redis.h"
#include "rules/ast.h"

static const struct choice mode_words[] = { { "enforce", MODE_ENFORCE },
					    { "observe", MODE_OBSERVE },
					    { NULL, 0 } };
static const struct choice phase_words[] = {
	{ "connect", PHASE_CONNECT }, { "helo", PHASE_HELO },
	{ "mail", PHASE_MAIL },	      { "rcpt", PHASE_RCPT },
	{ "data", PHASE_DATA },	      { NULL, 0 }
};
static const struct choice unknown_words[] = { { "ignore", 0 },
					       { "defer", 1 },
					       { NULL, 0 } };
static const struct choice switch_words[] = { { "off", 0 },
					      { "on", 1 },
					      { NULL, 0 } };
static const struct choice fault_words[] = { { "defer-then-pass",
					       ON_FAULT_DEFER_THEN_PASS },
					     { "defer", ON_FAULT_DEFER },
					     { "pass", ON_FAULT_PASS },
					     { NULL, 0 } };
static const struct choice level_words[] = { { "error", LOG_ERR },
					     { "warning", LOG_WARNING },
					     { "info", LOG_INFO },
					     { "debug", LOG_DEBUG },
					     { NULL, 0 } };

static const struct choice discovery_words[] = {
	{ "tree-walk-and-list", DMARC_WALK_AND_LIST },
	{ "tree-walk", DMARC_TREE_WALK },
	{ "suffix-list", DMARC_SUFFIX_LIST },
	{ NULL, 0 }
};

static const struct choice stage_words[] = { { "rcpt", GREYLIST_AT_RCPT },
					     { "data", GREYLIST_AT_DATA },
					     { "eom", GREYLIST_AT_EOM },
					     { NULL, 0 } };

static bool valid_milter_socket(const char *value, const char **ret_why);
static bool valid_unix_socket(const char *value, const char **ret_why);
static bool valid_path(const char *value, const char **ret_why);
static bool valid_facility(const char *value, const char **ret_why);
static bool valid_dns_servers(const char *value, const char **ret_why);
static bool valid_dns_bind(const char *value, const char **ret_why);
static bool valid_authserv_id(const char *value, const char **ret_why);
static bool valid_redis(const char *value, const char **ret_why);
static bool valid_redis_master(const char *value, const char **ret_why);
static bool valid_redis_prefix(const char *value, const char **ret_why);

/* The address of a field, if it has the type; else the compiler objects. */
#define FIELD(f, t)                     \
	(offsetof(struct settings, f) + \
	 0 * sizeof((t *)0 == &((struct settings *)0)->f))

#define STRING(n, f, d, check, r, m)                                        \
	{                                                                   \
		.name = n, .kind = KIND_STRING, .offset = FIELD(f, char *), \
		.standard = d, .valid = check, .needs_restart = r,          \
		.built = true, .meaning = m                                 \
	}
#define COUNT(n, f, d, lo, hi, r, m)                                         \
	{                                                                    \
		.name = n, .kind = KIND_COUNT, .offset = FIELD(f, unsigned), \
		.standard = d, .min = lo, .max = hi, .needs_restart = r,     \
		.built = true, .meaning = m                                  \
	}
#define TIME(n, f, d, lo, hi, m)                                            \
	{                                                                   \
		.name = n, .kind = KIND_TIME, .offset = FIELD(f, unsigned), \
		.standard = d, .min = lo, .max = hi, .built = true,         \
		.meaning = m                                                \
	}
#define SIZE(n, f, d, lo, hi, r, m)                                         \
	{                                                                   \
		.name = n, .kind = KIND_SIZE, .offset = FIELD(f, uint64_t), \
		.standard = d, .min = lo, .max = hi, .needs_restart = r,    \
		.built = true, .meaning = m                                 \
	}
#define OCTAL(n, f, d, hi, r, m)                                             \
	{                                                                    \
		.name = n, .kind = KIND_OCTAL, .offset = FIELD(f, unsigned), \
		.standard = d, .max = hi, .needs_restart = r, .built = true, \
		.meaning = m                                                 \
	}
#define WORD(n, f, t, d, c, r, m)                                    \
	{                                                            \
		.name = n, .kind = KIND_WORD, .offset = FIELD(f, t), \
		.standard = d, .choices = c,                         \
		.is_bool = _Generic((t)0, bool                       \
				    : true, default                  \
				    : false),                        \
		.needs_restart = r, .built = true, .meaning = m      \
	}
/* Known by name, so that a configuration may hold it; has no effect yet. */
#define LATER(n, d, m)                                 \
	{                                              \
		.name = n, .standard = d, .meaning = m \
	}

/* Choices are kept as unsigned or bool; an enum of ours is unsigned. */
_Static_assert(sizeof(enum mode) == sizeof(unsigned), "mode");
_Static_assert(sizeof(enum phase) == sizeof(unsigned), "phase");
_Static_assert(sizeof(enum on_fault) == sizeof(unsigned), "on_fault");
_Static_assert(sizeof(enum dmarc_discovery) == sizeof(unsigned), "discovery");
_Static_assert(sizeof(bool) == 1, "bool");

/* clang-format off */
static const struct setting_row table[] = {
	STRING("milter_socket", process.milter_socket,
	       "unix:" RUNSTATEDIR "/steelyard/milter.sock",
	       valid_milter_socket, true,
	       "where the MTA finds the filter: unix:/path or inet:port@host"),
	OCTAL("milter_socket_mode", process.milter_socket_mode, "0660", 0777, true,
	      "permissions of a unix milter socket"),
	STRING("milter_socket_group", process.milter_socket_group, "", NULL, true,
	       "group of a unix milter socket, the MTA's; empty: our own"),
	STRING("control_socket", process.control_socket,
	       "unix:" RUNSTATEDIR "/steelyard/control/control.sock",
	       valid_unix_socket, true,
	       "where steelyardctl finds the filter: unix:/path"),
	STRING("state_dir", process.state_dir, LOCALSTATEDIR "/lib/steelyard",
	       valid_path, true,
	       "folder for what is remembered, and for the lock"),
	STRING("user", process.user, "", NULL, true,
	       "user to become once the sockets are open; empty: stay"),
	COUNT("inspectors", process.inspectors, "0", 0, 64, true,
	      "jailed reader processes; 0: one a processor core"),
	COUNT("inspector_channels", process.channels, "32", 1, 64, true,
	      "messages that one inspector reads at a time"),
	STRING("syslog_facility", process.syslog_facility, "mail",
	       valid_facility, true,
	       "facility of log lines: mail, daemon, local0 ... local7"),
	WORD("mode", session.mode, enum mode, "enforce", mode_words, false,
	     "observe: refuse nothing, only say what would have been"),
	WORD("earliest_refusal", session.earliest_refusal, enum phase, "rcpt",
	     phase_words, false,
	     "first stage of the conversation at which a refusal is spoken"),
	WORD("on_unknown", session.verdict.defer_on_unknown, bool, "ignore",
	     unknown_words, false,
	     "defer: ask to try again where a failed look-up could decide"),
	WORD("on_fault", session.on_fault, enum on_fault, "defer-then-pass",
	     fault_words, false,
	     "a message that we fail on: defer, pass, or defer for 5 minutes"),
	WORD("split_classes", session.split_classes, bool, "on", switch_words, false,
	     "defer recipients that may be judged otherwise than the first"),
	SIZE("body_limit", session.body_limit, "1MiB", 1 * KIB, 64 * MIB, false,
	     "how much of a body rules can ask about"),
	SIZE("message_memory", session.arena_limit, "4MiB", 1 * MIB, 256 * MIB, false,
	     "memory that one message may take"),
	COUNT("max_sessions", session.max_sessions, "12000", 1, 100000, false,
	      "connections at a time; further ones are told 421"),
	TIME("inspect_timeout", session.inspect_timeout, "10s", 1, 5 * MINUTE,
	     "time an inspector may take for its answer before it is killed"),
	WORD("log_level", session.log_level, unsigned, "info", level_words, false,
	     "least level of log lines: error, warning, info, debug"),
	STRING("dns_servers", dns.servers, "", valid_dns_servers, false,
	       "DNS servers: 127.0.0.1:5353, [::1]:53; empty: the system's"),
	/* a callback must end within 8 s */
	TIME("dns_timeout", dns.timeout, "3s", 1, 7,
	     "give up on a question to DNS after this time"),
	COUNT("dns_tries", dns.tries, "2", 1, 5, false,
	      "how often each DNS server is asked within that time"),
	SIZE("dns_cache_size", dns.cache_size, "16MiB", 64 * KIB, 1024 * MIB, false,
	     "memory for answers of DNS"),
	STRING("dns_bind", dns.bind, "", valid_dns_bind, false,
	       "address to ask DNS from, one of IPv4 and IPv6; empty: any"),
	WORD("authenticate", authentication.on, bool, "on", switch_words, false,
	     "ask SPF, DKIM and DMARC, and add Authentication-Results"),
	STRING("authserv_id", authentication.authserv_id, "", valid_authserv_id,
	       false,
	       "our name in Authentication-Results; empty: that of the MTA"),
	WORD("received_spf", authentication.received_spf, bool, "off",
	     switch_words, false,
	     "add what SPF says as Received-SPF (RFC 7208), too"),
	WORD("dmarc_discovery", authentication.dmarc_discovery,
	     enum dmarc_discovery, "tree-walk-and-list", discovery_words, false,
	     "how a domain's DMARC policy and organisation are found"),
	WORD("greylist_stage", greylist.stage, enum greylist_stage, "rcpt",
	     stage_words, false,
	     "where who must wait is told so; data, eom: all recipients alike"),
	COUNT("greylist_ipv4_bits", greylist.v4_bits, "24", 8, 32, false,
	      "hosts of one such network are one client, if none is proven"),
	COUNT("greylist_ipv6_bits", greylist.v6_bits, "64", 16, 128, false,
	      "the same for IPv6"),
	COUNT("greylist_known_after", greylist.known_after, "5", 0, 1000, false,
	      "a client that came back so often waits no more; 0: never"),
	TIME("greylist_known_gap", greylist.known_gap, "1h", 0, 30 * DAY,
	     "time between two of these that both count"),
	TIME("greylist_outbound", greylist.outbound, "30d", 0, 3650 * DAY,
	     "who was written to by a user of ours waits not; 0: he does"),
	STRING("spamtraps", greylist.spamtraps, "", NULL, false,
	       "list of addresses that nobody writes to but spammers"),
	TIME("spamtrap_block", greylist.spamtrap_block, "1d", 1, 3650 * DAY,
	     "time for which a client that wrote to one is not heard"),
	SIZE("greylist_size", store.size, "1GiB", 256 * KIB, 1024 * GIB, true,
	     "room for what greylisting remembers, in state_dir"),
	WORD("greylist_sync", store.sync, bool, "on", switch_words, true,
	     "what was answered outlasts a loss of power"),
	WORD("greylist_required", store.required, bool, "off", switch_words, true,
	     "do not start where nothing can be remembered"),
	STRING("redis_servers", store.redis_servers, "", valid_redis, true,
	       "memory shared by several hosts: host:port or unix:/path"),
	STRING("redis_sentinels", store.redis_sentinels, "", valid_redis, true,
	       "those who know which server leads: host:port, host:port"),
	STRING("redis_master", store.redis_master, "mymaster",
	       valid_redis_master, true,
	       "the name that they know it by"),
	STRING("redis_user", store.redis_user, "", NULL, true,
	       "user of the server; empty: its default one"),
	STRING("redis_password_file", store.redis_password_file, "", NULL, true,
	       "file whose first line is the server's password"),
	COUNT("redis_database", store.redis_database, "0", 0, 65535, true,
	      "number of the database on the server"),
	STRING("redis_prefix", store.redis_prefix, "steelyard:",
	       valid_redis_prefix, true,
	       "what all our keys on the server begin with"),
	LATER("bulk_window", "1d", "bulk detection is not built in"),
	LATER("journal_privacy", "off", "the journal is not built in"),
	LATER("shadow_rules", "", "shadow rule files are not built in"),
	LATER("reload_gate", "off", "the reload gate is not built in"),
	LATER("metrics_listen", "", "metrics are not built in"),
	LATER("web_listen", "", "the web view is not built in"),
};
/* clang-format on */
enum { ROWS = sizeof(table) / sizeof(table[0]) };
_Static_assert((int)ROWS <= (int)SETTINGS_MAX, "raise SETTINGS_MAX");

static bool valid_path(const char *value, const char **ret_why)
{
	*ret_why = "a path that begins with / or ./";
	return value[0] == '/' || (value[0] == '.' && value[1] == '/');
}

static bool valid_unix_socket(const char *value, const char **ret_why)
{
	/* sun_path holds 108 bytes with the NUL (unix(7)). */
	*ret_why = "unix:/path, of at most 107 bytes";
	return strncmp(value, "unix:", 5) == 0 && value[5] != '\0' &&
	       strlen(value + 5) < 108;
}

static bool valid_milter_socket(const char *value, const char **ret_why)
{
	const char *rest = value;
	char *end;
	unsigned long port;

	if (valid_unix_socket(value, ret_why))
		return true;
	*ret_why = "unix:/path (at most 107 bytes) or inet:port@host";
	if (strncmp(value, "inet:", 5) == 0)
		rest += 5;
	else if (strncmp(value, "inet6:", 6) == 0)
		rest += 6;
	else
		return false;
	if (*rest < '0' || *rest > '9')
		return false;
	errno = 0;
	port = strtoul(rest, &end, 10);
	return errno == 0 && port >= 1 && port <= 65535 && *end == '@' &&
	       end[1] != '\0';
}

static bool valid_facility(const char *value, const char **ret_why)
{
	*ret_why = "mail, daemon, or local0 to local7";
	return strcmp(value, "mail") == 0 || strcmp(value, "daemon") == 0 ||
	       (strlen(value) == 6 && strncmp(value, "local", 5) == 0 &&
		value[5] >= '0' && value[5] <= '7');
}

static bool valid_dns_servers(const char *value, const char **ret_why)
{
	struct dns_server servers[DNS_SERVERS_MAX];
	char error[DNS_SERVER_ERROR_SIZE];

	*ret_why = "up to 8 addresses, with or without a port, such as "
		   "\"127.0.0.1:5353, [::1]:53, 192.0.2.1\"";
	return value[0] == '\0' || dns_servers_parse(value, servers, error) > 0;
}

static bool valid_dns_bind(const char *value, const char **ret_why)
{
	char error[DNS_SERVER_ERROR_SIZE];
	struct ip bind4, bind6;

	*ret_why = "one IPv4 and one IPv6 address at most, such as "
		   "\"192.0.2.1, 2001:db8::1\"";
	return dns_bind_parse(value, &bind4, &bind6, error) == 0;
}

/*
 * A `value` of RFC 8601 section 2.2 that needs no quotes: a token of RFC 2045,
 * as any host name is.
 */
static bool valid_authserv_id(const char *value, const char **ret_why)
{
	size_t len = strlen(value);

	*ret_why =
		"a host name or another word, of at most 253 letters, digits "
		"and signs such as \"-\", \".\" and \"_\"";
	for (size_t i = 0; i < len; i++)
		if (value[i] <= ' ' || value[i] > '~' ||
		    strchr("()<>@,;:\\\"/[]?=", value[i]) != NULL)
			return false;
	return len <= 253;
}

static bool valid_redis(const char *value, const char **ret_why)
{
	char why[STORE_WHY_SIZE];

	*ret_why =
		"up to 8 addresses, with or without a port, or paths, such as "
		"\"192.0.2.1:6379, [::1], unix:/run/redis/redis.sock\"";
	return store_redis_servers_valid(value, why);
}

static bool valid_redis_master(const char *value, const char **ret_why)
{
	*ret_why = "the name that the sentinels know the server by";
	return value[0] != '\0';
}

static bool valid_redis_prefix(const char *value, const char **ret_why)
{
	*ret_why = "at most 64 printable characters without blanks";
	return store_redis_prefix_valid(value);
}

const struct setting_row *settings_row(size_t index)
{
	return &table[index];
}

/* In the largest unit of which it is a whole number. */
static void print_unit(uint64_t number, const char *const *names,
		       const uint64_t *sizes, char *buffer, size_t size)
{
	size_t i = 0;

	while (sizes[i] > 1 && (number == 0 || number % sizes[i] != 0))
		i++;
	snprintf(buffer, size, "%" PRIu64 "%s", number / sizes[i], names[i]);
}

void setting_print_number(enum setting_kind kind, uint64_t number, char *buffer,
			  size_t size)
{
	static const char *const size_names[] = { "GiB", "MiB", "KiB", "" };
	static const uint64_t sizes[] = { GIB, MIB, KIB, 1 };
	static const char *const time_names[] = { "d", "h", "m", "s" };
	static const uint64_t times[] = { DAY, HOUR, MINUTE, 1 };

	if (kind == KIND_SIZE)
		print_unit(number, size_names, sizes, buffer, size);
	else if (kind == KIND_TIME)
		print_unit(number, time_names, times, buffer, size);
	else
		snprintf(buffer, size, "%" PRIu64, number);
}

size_t settings_count(void)
{
	return ROWS;
}

static struct setting_info infos[ROWS];
static pthread_once_t infos_once = PTHREAD_ONCE_INIT;

static void infos_fill(void)
{
	static const char *const types[] = {
		[KIND_STRING] = "text", [KIND_COUNT] = "number",
		[KIND_TIME] = "time",	[KIND_SIZE] = "size",
		[KIND_WORD] = "word",	[KIND_OCTAL] = "mode",
	};

	for (size_t i = 0; i < ROWS; i++)
		infos[i] = (struct setting_info){
			.name = table[i].name,
			.type = types[table[i].kind],
			.standard = table[i].standard,
			.meaning = table[i].meaning,
			.needs_restart = table[i].needs_restart,
			.built = table[i].built,
		};
}

const struct setting_info *settings_info(size_t index)
{
	pthread_once(&infos_once, infos_fill);
	return &infos[index];
}

static const char *choice_word(const struct settings *settings,
			       const struct setting_row *row)
{
	unsigned value;

	if (row->is_bool)
		value = *(const bool *)setting_field_of(settings, row);
	else
		value = *(const unsigned *)setting_field_of(settings, row);
	for (const struct choice *c = row->choices; c->word != NULL; c++)
		if (c->value == value)
			return c->word;
	return "?";
}

const char *settings_value(const struct settings *settings, size_t index,
			   char *buffer, size_t size)
{
	const struct setting_row *row = &table[index];
	const void *at = setting_field_of(settings, row);

	if (!row->built) {
		snprintf(buffer, size, "\"%s\"", row->standard);
		return buffer;
	}
	switch (row->kind) {
	case KIND_STRING:
		snprintf(buffer, size, "\"%s\"", *(char *const *)at);
		break;
	case KIND_WORD:
		snprintf(buffer, size, "%s", choice_word(settings, row));
		break;
	case KIND_OCTAL:
		snprintf(buffer, size, "\"0%o\"", *(const unsigned *)at);
		break;
	case KIND_SIZE:
		setting_print_number(row->kind, *(const uint64_t *)at, buffer,
				     size);
		break;
	default:
		setting_print_number(row->kind, *(const unsigned *)at, buffer,
				     size);
	}
	return buffer;
}

struct place settings_place(const struct ast *ast, const char *name)
{
	for (const struct ast_statement *s = ast->first; s != NULL; s = s->next)
		if (s->kind == AST_SET && strcmp(s->name, name) == 0)
			return s->name_place;
	return (struct place){ .file = 0 };
}

const char *settings_frozen_changes(const struct settings *running,
				    const struct settings *wanted, char *buffer,
				    size_t size)
{
	char before[512], after[512];
	size_t used = 0;

	buffer[0] = '\0';
	for (size_t i = 0; i < ROWS; i++) {
		if (!table[i].needs_restart)
			continue;
		settings_value(running, i, before, sizeof(before));
		settings_value(wanted, i, after, sizeof(after));
		if (strcmp(before, after) == 0)
			continue;
		used = strlen(buffer);
		snprintf(buffer + used, size - used, "%s%s",
			 used == 0 ? "" : ", ", table[i].name);
	}
	return buffer;
}
