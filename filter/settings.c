/*
 * settings.c - the table of settings, its reader and its printer.
 *
 * To add a setting: a field in some struct of settings.h and one row here.  The
 * macros make the compiler object when the field has another type than the
 * row's kind.
 */
#include "filter/settings.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <syslog.h>

#include "rules/ast.h"

enum kind {
	KIND_STRING,
	KIND_COUNT,
	KIND_TIME,
	KIND_SIZE,
	KIND_WORD,
	KIND_OCTAL
};

struct choice {
	const char *word;
	unsigned value;
};

struct row {
	const char *name;
	enum kind kind;
	size_t offset; /* in struct settings */
	const char *standard;
	uint64_t min, max;
	const struct choice *choices; /* of KIND_WORD */
	bool (*valid)(const char *value, const char **ret_why);
	bool needs_restart;
	bool built;
	const char *meaning;
};

enum { KIB = 1024, MIB = 1024 * KIB };
enum { MINUTE = 60, HOUR = 3600 };

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

static bool valid_milter_socket(const char *value, const char **ret_why);
static bool valid_unix_socket(const char *value, const char **ret_why);
static bool valid_path(const char *value, const char **ret_why);
static bool valid_facility(const char *value, const char **ret_why);

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
#define SIZE(n, f, d, lo, hi, m)                                            \
	{                                                                   \
		.name = n, .kind = KIND_SIZE, .offset = FIELD(f, uint64_t), \
		.standard = d, .min = lo, .max = hi, .built = true,         \
		.meaning = m                                                \
	}
#define OCTAL(n, f, d, hi, r, m)                                             \
	{                                                                    \
		.name = n, .kind = KIND_OCTAL, .offset = FIELD(f, unsigned), \
		.standard = d, .max = hi, .needs_restart = r, .built = true, \
		.meaning = m                                                 \
	}
#define WORD(n, f, t, d, c, m)                                           \
	{                                                                \
		.name = n, .kind = KIND_WORD, .offset = FIELD(f, t),     \
		.standard = d, .choices = c, .built = true, .meaning = m \
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
_Static_assert(sizeof(bool) == 1, "bool");

/* clang-format off */
static const struct row table[] = {
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
	WORD("mode", session.mode, enum mode, "enforce", mode_words,
	     "observe: refuse nothing, only say what would have been"),
	WORD("earliest_refusal", session.earliest_refusal, enum phase, "rcpt",
	     phase_words,
	     "first stage of the conversation at which a refusal is spoken"),
	WORD("on_unknown", session.verdict.defer_on_unknown, bool, "ignore",
	     unknown_words,
	     "defer: ask to try again where a failed look-up could decide"),
	WORD("on_fault", session.on_fault, enum on_fault, "defer-then-pass",
	     fault_words,
	     "a message that we fail on: defer, pass, or defer for 5 minutes"),
	WORD("split_classes", session.split_classes, bool, "on", switch_words,
	     "defer recipients that may be judged otherwise than the first"),
	SIZE("body_limit", session.body_limit, "1MiB", 1 * KIB, 64 * MIB,
	     "how much of a body is looked at"),
	SIZE("message_memory", session.arena_limit, "4MiB", 256 * KIB, 256 * MIB,
	     "memory that one message may take"),
	COUNT("max_sessions", session.max_sessions, "12000", 1, 100000, false,
	      "connections at a time; further ones are told 421"),
	TIME("inspect_timeout", session.inspect_timeout, "10s", 1, 5 * MINUTE,
	     "time an inspector may take for its answer before it is killed"),
	WORD("log_level", session.log_level, unsigned, "info", level_words,
	     "least level of log lines: error, warning, info, debug"),
	LATER("dns_servers", "", "the resolver is not built in"),
	LATER("dns_timeout", "3s", "the resolver is not built in"),
	LATER("authserv_id", "", "authentication is not built in"),
	LATER("greylist_size", "1GiB", "greylisting is not built in"),
	LATER("bulk_window", "1d", "bulk detection is not built in"),
	LATER("journal_privacy", "off", "the journal is not built in"),
	LATER("shadow_rules", "", "shadow rule files are not built in"),
	LATER("reload_gate", "off", "the reload gate is not built in"),
	LATER("metrics_listen", "", "metrics are not built in"),
	LATER("web_listen", "", "the web view is not built in"),
};
/* clang-format on */
enum { ROWS = sizeof(table) / sizeof(table[0]) };

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

static void *field(struct settings *settings, const struct row *row)
{
	return (char *)settings + row->offset;
}

static const void *field_of(const struct settings *settings,
			    const struct row *row)
{
	return (const char *)settings + row->offset;
}

static bool word_is_bool(const struct row *row)
{
	return row->choices == switch_words || row->choices == unknown_words;
}

static bool set_string(struct settings *settings, const struct row *row,
		       const char *text)
{
	char **at = field(settings, row);
	char *copy = strdup(text);

	if (copy == NULL)
		return false;
	free(*at);
	*at = copy;
	return true;
}

static bool set_number(struct settings *settings, const struct row *row,
		       uint64_t number)
{
	if (number < row->min || number > row->max)
		return false;
	if (row->kind == KIND_SIZE)
		*(uint64_t *)field(settings, row) = number;
	else
		*(unsigned *)field(settings, row) = (unsigned)number;
	return true;
}

static bool set_word(struct settings *settings, const struct row *row,
		     const char *word)
{
	for (const struct choice *c = row->choices; c->word != NULL; c++) {
		if (strcasecmp(c->word, word) != 0)
			continue;
		if (word_is_bool(row))
			*(bool *)field(settings, row) = c->value != 0;
		else
			*(unsigned *)field(settings, row) = c->value;
		return true;
	}
	return false;
}

static bool set_octal(struct settings *settings, const struct row *row,
		      const char *text)
{
	char *end;
	unsigned long mode;

	if (*text < '0' || *text > '7')
		return false;
	mode = strtoul(text, &end, 8);
	return *end == '\0' && mode <= row->max &&
	       set_number(settings, row, mode);
}

/* "30s" -> 30, "1MiB" -> 1048576: for defaults, as the lexer reads values. */
static uint64_t number_of(const char *text)
{
	char *unit;
	uint64_t number = strtoull(text, &unit, 10);

	if (strcmp(unit, "KiB") == 0)
		return number * KIB;
	if (strcmp(unit, "MiB") == 0)
		return number * MIB;
	if (strcmp(unit, "m") == 0)
		return number * MINUTE;
	if (strcmp(unit, "h") == 0)
		return number * HOUR;
	return number;
}

static bool set_default(struct settings *settings, const struct row *row)
{
	switch (row->kind) {
	case KIND_STRING: return set_string(settings, row, row->standard);
	case KIND_WORD: return set_word(settings, row, row->standard);
	case KIND_OCTAL: return set_octal(settings, row, row->standard);
	default: return set_number(settings, row, number_of(row->standard));
	}
}

static void print_number(enum kind kind, uint64_t number, char *buffer,
			 size_t size)
{
	if (kind == KIND_SIZE && number % MIB == 0 && number > 0)
		snprintf(buffer, size, "%" PRIu64 "MiB", number / MIB);
	else if (kind == KIND_SIZE && number % KIB == 0 && number > 0)
		snprintf(buffer, size, "%" PRIu64 "KiB", number / KIB);
	else if (kind == KIND_TIME && number % MINUTE == 0 && number > 0)
		snprintf(buffer, size, "%" PRIu64 "m", number / MINUTE);
	else if (kind == KIND_TIME)
		snprintf(buffer, size, "%" PRIu64 "s", number);
	else
		snprintf(buffer, size, "%" PRIu64, number);
}

static void complain_choices(const struct row *row,
			     const struct ast_value *value, struct diag *diag)
{
	char list[256] = "";

	for (const struct choice *c = row->choices; c->word != NULL; c++) {
		size_t used = strlen(list);

		snprintf(list + used, sizeof(list) - used, "%s%s",
			 used == 0 ? "" : ", ", c->word);
	}
	diag_error(diag, value->place, "%s must be one of: %s", row->name,
		   list);
}

static void complain_range(const struct row *row, const struct ast_value *value,
			   struct diag *diag)
{
	char min[32], max[32];

	print_number(row->kind, row->min, min, sizeof(min));
	print_number(row->kind, row->max, max, sizeof(max));
	diag_error(diag, value->place, "%s must lie between %s and %s",
		   row->name, min, max);
}

/* Whole numbers only; the lexer keeps plain numbers in hundredths. */
static bool whole_number(const struct row *row, const struct ast_value *value,
			 uint64_t *ret_number)
{
	int64_t number = value->number;

	if (value->kind == AST_NUMBER) {
		if (number % 100 != 0)
			return false;
		number /= 100;
		/* a bare number has no unit; only 0 needs none */
		if (row->kind == KIND_TIME && number != 0)
			return false;
	} else if (value->kind == AST_TIME   ? row->kind != KIND_TIME
		   : value->kind == AST_SIZE ? row->kind != KIND_SIZE
					     : true) {
		return false;
	}
	if (number < 0)
		return false;
	*ret_number = (uint64_t)number;
	return true;
}

static const char *kind_example(enum kind kind)
{
	switch (kind) {
	case KIND_TIME: return "a time such as 30s or 5m";
	case KIND_SIZE: return "a size such as 64KiB or 1MiB";
	case KIND_COUNT: return "a whole number";
	case KIND_OCTAL: return "an octal mode such as \"0660\"";
	case KIND_STRING: return "a text between quotes";
	case KIND_WORD: break;
	}
	return "a word";
}

static void read_number(struct settings *settings, const struct row *row,
			const struct ast_value *value, struct diag *diag)
{
	uint64_t number;

	if (!whole_number(row, value, &number))
		diag_error(diag, value->place, "%s wants %s", row->name,
			   kind_example(row->kind));
	else if (!set_number(settings, row, number))
		complain_range(row, value, diag);
}

static void read_string(struct settings *settings, const struct row *row,
			const struct ast_value *value, struct diag *diag)
{
	const char *why;

	if (value->kind != AST_STRING && value->kind != AST_WORD)
		diag_error(diag, value->place, "%s wants %s", row->name,
			   kind_example(row->kind));
	else if (strlen(value->text) != value->len)
		diag_error(diag, value->place, "%s must not hold a NUL byte",
			   row->name);
	else if (row->valid != NULL && !row->valid(value->text, &why))
		diag_error(diag, value->place, "%s wants %s", row->name, why);
	else if (!set_string(settings, row, value->text))
		diag->failed = true;
}

static void read_value(struct settings *settings, const struct row *row,
		       const struct ast_value *value, struct diag *diag)
{
	if (!row->built) {
		diag_warning(diag, value->place,
			     "%s; the setting %s has no effect", row->meaning,
			     row->name);
		return;
	}
	switch (row->kind) {
	case KIND_STRING: read_string(settings, row, value, diag); break;
	case KIND_WORD:
		if ((value->kind != AST_WORD && value->kind != AST_STRING) ||
		    !set_word(settings, row, value->text))
			complain_choices(row, value, diag);
		break;
	case KIND_OCTAL:
		if (value->text == NULL ||
		    !set_octal(settings, row, value->text))
			diag_error(diag, value->place, "%s wants %s", row->name,
				   kind_example(row->kind));
		break;
	default: read_number(settings, row, value, diag);
	}
}

static int row_find(const char *name)
{
	for (int i = 0; i < ROWS; i++)
		if (strcmp(table[i].name, name) == 0)
			return i;
	return -1;
}

static const char *next_name(void *context)
{
	size_t *at = context;

	return *at < ROWS ? table[(*at)++].name : NULL;
}

static void read_statement(struct settings *settings,
			   const struct ast_statement *set, bool seen[ROWS],
			   struct diag *diag)
{
	int index = row_find(set->name);
	size_t at = 0;

	if (index < 0) {
		diag_error(diag, set->name_place, "unknown setting \"%s\"",
			   set->name);
		diag_nearest(diag, set->name, strlen(set->name), next_name,
			     &at);
		return;
	}
	if (seen[index]) {
		diag_error(diag, set->name_place, "%s is set twice", set->name);
		return;
	}
	seen[index] = true;
	read_value(settings, &table[index], &set->set.value, diag);
}

bool settings_read(struct settings *ret, const struct ast *ast,
		   struct diag *diag)
{
	bool seen[ROWS] = { false };
	size_t errors = diag->errors;

	memset(ret, 0, sizeof(*ret));
	for (size_t i = 0; i < ROWS; i++)
		if (table[i].built && !set_default(ret, &table[i]))
			diag->failed = true;
	for (const struct ast_statement *s = ast->first; s != NULL; s = s->next)
		if (s->kind == AST_SET)
			read_statement(ret, s, seen, diag);
	return diag->errors == errors && !diag->failed;
}

void settings_done(struct settings *settings)
{
	for (size_t i = 0; i < ROWS; i++) {
		char **at;

		if (!table[i].built || table[i].kind != KIND_STRING)
			continue;
		at = field(settings, &table[i]);
		free(*at);
		*at = NULL;
	}
}

bool settings_copy(struct settings *ret, const struct settings *settings)
{
	bool whole = true;

	*ret = *settings;
	for (size_t i = 0; i < ROWS; i++) {
		char **at;

		if (!table[i].built || table[i].kind != KIND_STRING)
			continue;
		at = field(ret, &table[i]);
		*at = strdup(*at);
		whole = whole && *at != NULL;
	}
	return whole;
}

size_t settings_count(void)
{
	return ROWS;
}

const struct setting_info *settings_info(size_t index)
{
	static const char *const types[] = {
		[KIND_STRING] = "text", [KIND_COUNT] = "number",
		[KIND_TIME] = "time",	[KIND_SIZE] = "size",
		[KIND_WORD] = "word",	[KIND_OCTAL] = "mode",
	};
	static _Thread_local struct setting_info info;
	const struct row *row = &table[index];

	info = (struct setting_info){
		.name = row->name,
		.type = types[row->kind],
		.standard = row->standard,
		.meaning = row->meaning,
		.needs_restart = row->needs_restart,
		.built = row->built,
	};
	return &info;
}

static const char *choice_word(const struct settings *settings,
			       const struct row *row)
{
	unsigned value;

	if (word_is_bool(row))
		value = *(const bool *)field_of(settings, row);
	else
		value = *(const unsigned *)field_of(settings, row);
	for (const struct choice *c = row->choices; c->word != NULL; c++)
		if (c->value == value)
			return c->word;
	return "?";
}

const char *settings_value(const struct settings *settings, size_t index,
			   char *buffer, size_t size)
{
	const struct row *row = &table[index];
	const void *at = field_of(settings, row);

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
		print_number(row->kind, *(const uint64_t *)at, buffer, size);
		break;
	default: print_number(row->kind, *(const unsigned *)at, buffer, size);
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
