/*
 * settings.h - every `set NAME VALUE` there is: read, bounded, printed.
 *
 * The table in settings.c is the only place that knows a setting's name, type,
 * bounds, default and meaning.  A struct settings is filled once from parsed
 * rule files and never changes afterwards; strings belong to it.
 */
#ifndef STEELYARD_FILTER_SETTINGS_H
#define STEELYARD_FILTER_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "filter/inspect/dmarc.h"
#include "rules/diag.h"
#include "rules/facts.h"
#include "rules/verdict.h"

struct ast;

enum mode { MODE_ENFORCE, MODE_OBSERVE };
enum on_fault { ON_FAULT_DEFER_THEN_PASS, ON_FAULT_DEFER, ON_FAULT_PASS };

/* How the processes are set up; these need a restart. */
struct process_settings {
	char *milter_socket; /* unix:/path or inet:port@host */
	unsigned milter_socket_mode; /* of a unix socket, such as 0660 */
	char *milter_socket_group; /* or "" */
	char *control_socket; /* unix:/path */
	char *state_dir;
	char *user; /* or "": stay who we are */
	unsigned inspectors; /* 0: one a core */
	unsigned channels; /* of each inspector */
	char *syslog_facility; /* "mail" */
};

/* What a session may do; read when a connection begins. */
struct session_settings {
	enum mode mode;
	enum phase earliest_refusal;
	enum on_fault on_fault;
	bool split_classes;
	struct verdict_settings verdict;
	uint64_t body_limit; /* bytes that are looked at */
	uint64_t arena_limit; /* bytes of memory for one message */
	unsigned max_sessions; /* above: 421 at connect */
	unsigned inspect_timeout; /* seconds an inspector may take */
	unsigned log_level; /* LOG_* of syslog.h */
};

/* How DNS is asked; a reload that changes any of it makes a new resolver. */
struct resolver_settings {
	char *servers; /* as in dns_servers_parse(), or "": the system's */
	unsigned timeout; /* seconds for one question, all its tries */
	unsigned tries; /* of each server */
	uint64_t cache_size; /* bytes */
	char *bind; /* as in dns_bind_parse(), or "": any */
};

/* Who vouches for mail, and what is told of it. */
struct authentication_settings {
	bool on; /* else nobody is asked, and nothing told */
	char *authserv_id; /* of our Authentication-Results; "": the name that
			    * the MTA gives itself */
	bool received_spf; /* SPF's result in a Received-SPF, too */
	enum dmarc_discovery dmarc_discovery;
};

enum greylist_stage { GREYLIST_AT_RCPT, GREYLIST_AT_DATA, GREYLIST_AT_EOM };

/* Who waits is a matter of rules (rules/ruleset.h); this is how it is known. */
struct greylist_settings {
	enum greylist_stage stage; /* DATA, EOM: all recipients alike */
	unsigned v4_bits, v6_bits; /* of a network that proves nothing */
	unsigned known_after; /* counted passes; 0: nobody is known */
	unsigned known_gap; /* seconds */
	unsigned outbound; /* seconds; 0: never */
	char *spamtraps; /* an address list's name, or "" */
	unsigned spamtrap_block; /* seconds */
};

/* Where it is remembered; these need a restart. */
struct store_settings {
	uint64_t size; /* bytes, of the file in state_dir */
	bool sync; /* answers outlast a loss of power, too */
	bool required; /* else mail flows without, and it is tried again */
	char *redis_servers; /* as in store_redis.h; "": this host alone */
	char *redis_sentinels, *redis_master;
	char *redis_password_file, *redis_user;
	char *redis_prefix; /* in front of each key */
	unsigned redis_database;
};

struct settings {
	struct process_settings process;
	struct session_settings session;
	struct resolver_settings dns;
	struct authentication_settings authentication;
	struct greylist_settings greylist;
	struct store_settings store;
};

/*
 * Fills `ret` with the defaults and what the `set` statements say.  Unknown
 * names, bad values and double settings are errors in `diag`.  Free with
 * settings_done() in any case.
 */
bool settings_read(struct settings *ret, const struct ast *ast,
		   struct diag *diag);
void settings_done(struct settings *settings);

/*
 * A copy with strings of its own; free it in any case.  False without memory.
 */
bool settings_copy(struct settings *ret, const struct settings *settings);

/*
 * What needs a restart stays as it is: takes it over into the settings of a
 * reload.  False without memory; some of it stands there, then.
 */
bool settings_keep_frozen(struct settings *wanted,
			  const struct settings *running);

/* One setting, for -T and the CLI. */
struct setting_info {
	const char *name;
	const char *type; /* "time", "size", ... */
	const char *standard; /* the default, as one would write it */
	const char *meaning;
	bool needs_restart;
	bool built; /* false: accepted, has no effect in this build */
};
size_t settings_count(void);
const struct setting_info *settings_info(size_t index);
/* The value as one would write it; the buffer is the caller's. */
const char *settings_value(const struct settings *settings, size_t index,
			   char *buffer, size_t size);
/* Where it was set; .file is 0 for a default. */
struct place settings_place(const struct ast *ast, const char *name);

/*
 * The names of settings that need a restart and differ, joined by ", "; "" if
 * none do.
 */
const char *settings_frozen_changes(const struct settings *running,
				    const struct settings *wanted, char *buffer,
				    size_t size);

#endif
