/*
 * visit.c - who brings a test message.
 */
#include "ctl/visit.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ctl/command.h"
#include "lists/dns_name.h"
#include "lists/ip.h"

/* --- strings and their arrays ------------------------------------------- */

static bool set_text(char **at, const char *value)
{
	char *copy = strdup(value);

	if (copy == NULL)
		return false;
	free(*at);
	*at = copy;
	return true;
}

static bool add_text(char ***at, size_t *count, const char *value)
{
	char **more = realloc(*at, (*count + 1) * sizeof(*more));

	if (more == NULL)
		return false;
	*at = more;
	more[*count] = strdup(value);
	return more[*count] != NULL && ++*count;
}

static void drop_texts(char ***at, size_t *count)
{
	for (size_t i = 0; i < *count; i++)
		free((*at)[i]);
	free(*at);
	*at = NULL;
	*count = 0;
}

/* --- one thing by name -------------------------------------------------- */

static bool set_client(struct visit *visit, const char *value)
{
	struct ip ip;

	return (strcmp(value, "local") == 0 ||
		ip_parse(value, strlen(value), &ip) == 0) &&
	       set_text(&visit->client, value);
}

static bool set_ptr(struct visit *visit, const char *value)
{
	visit->ptr_given = true;
	return set_text(&visit->ptr, value);
}

static bool set_helo(struct visit *visit, const char *value)
{
	return set_text(&visit->helo, value);
}

static bool set_from(struct visit *visit, const char *value)
{
	return set_text(&visit->from, value);
}

static bool add_rcpt(struct visit *visit, const char *value)
{
	return value[0] != '\0' &&
	       add_text(&visit->rcpts, &visit->rcpt_count, value);
}

static bool add_macro(struct visit *visit, const char *value)
{
	return value[0] != '=' && strchr(value, '=') != NULL &&
	       add_text(&visit->macros, &visit->macro_count, value);
}

static bool set_auth(struct visit *visit, const char *value)
{
	char *macro;
	bool good;

	if (value[0] == '\0' || asprintf(&macro, "{auth_authen}=%s", value) < 0)
		return false;
	good = add_macro(visit, macro) && add_macro(visit, "{auth_type}=PLAIN");
	free(macro);
	return good;
}

static bool set_port(struct visit *visit, const char *value)
{
	char *end;
	unsigned long port = strtoul(value, &end, 10);

	visit->port = (unsigned)port;
	return isdigit((unsigned char)value[0]) && *end == '\0' && port < 65536;
}

/* Seconds since 1970, or 2026-11-22T10:00:00Z. */
static bool set_time(struct visit *visit, const char *value)
{
	struct tm tm = { 0 };
	char *end;

	errno = 0;
	visit->time = strtoll(value, &end, 10);
	if (errno == 0 && end != value && *end == '\0')
		return visit->time > 0;
	end = strptime(value, "%Y-%m-%dT%H:%M:%S", &tm);
	visit->time = timegm(&tm);
	return end != NULL && strcmp(end, "Z") == 0 && visit->time > 0;
}

static bool set_date(struct visit *visit, const char *value)
{
	visit->date_now = strcmp(value, "now") == 0;
	return visit->date_now;
}

static const struct key {
	const char *name; /* in the file, and of the option */
	bool (*set)(struct visit *visit, const char *value);
	const char *expected;
} keys[] = {
	{ "client", set_client, "an IP address, or local" },
	{ "ptr", set_ptr, "a name" },
	{ "helo", set_helo, "a name" },
	{ "from", set_from, "an address" },
	{ "rcpt", add_rcpt, "an address" },
	{ "auth", set_auth, "a user's name" },
	{ "macro", add_macro, "NAME=VALUE" },
	{ "port", set_port, "a number below 65536" },
	{ "time", set_time, "seconds since 1970, or 2026-11-22T10:00:00Z" },
	{ "date", set_date, "now" },
};
enum { KEYS = sizeof(keys) / sizeof(keys[0]) };

/* --- the file beside the message ---------------------------------------- */

static char *beside(const char *path)
{
	size_t len = strlen(path);
	char *name;

	if (len > 4 && strcmp(path + len - 4, ".eml") == 0)
		len -= 4;
	return asprintf(&name, "%.*s.envelope", (int)len, path) < 0 ? NULL
								    : name;
}

static char *trimmed(char *text)
{
	size_t len;

	while (isspace((unsigned char)*text))
		text++;
	len = strlen(text);
	while (len > 0 && isspace((unsigned char)text[len - 1]))
		len--;
	text[len] = '\0';
	return text;
}

/* NULL, or what was expected. */
static const char *take_line(struct visit *visit, char *line)
{
	char *key = trimmed(line), *value;

	if (*key == '\0' || *key == '#')
		return NULL;
	value = key + strcspn(key, " \t");
	if (*value != '\0')
		*value++ = '\0';
	value = trimmed(value);
	for (size_t i = 0; i < KEYS; i++)
		if (strcmp(keys[i].name, key) == 0)
			return keys[i].set(visit, value) ? NULL
							 : keys[i].expected;
	return "one of client, ptr, helo, from, rcpt, auth, macro, port, time, "
	       "date";
}

static bool read_beside(struct visit *visit, const char *path,
			char why[VISIT_WHY])
{
	char *name = beside(path), *line = NULL;
	FILE *file = name != NULL ? fopen(name, "re") : NULL;
	const char *expected = NULL;
	unsigned number = 0;
	size_t room = 0;

	while (file != NULL && expected == NULL &&
	       getline(&line, &room, file) > 0) {
		number++;
		expected = take_line(visit, line);
	}
	if (expected != NULL)
		snprintf(why, VISIT_WHY, "%s:%u: expected %s", name, number,
			 expected);
	if (file != NULL)
		fclose(file);
	free(line);
	free(name);
	return expected == NULL;
}

/* --- all together ------------------------------------------------------- */

/* Where the command line names recipients, those of the file are not meant. */
static bool take_options(struct visit *visit, const struct command *command,
			 char why[VISIT_WHY])
{
	if (command_has(command, "rcpt"))
		drop_texts(&visit->rcpts, &visit->rcpt_count);
	for (size_t i = 0; i < KEYS; i++) {
		const char *value;

		for (size_t n = 0;
		     (value = command_nth(command, keys[i].name, n)) != NULL;
		     n++) {
			if (keys[i].set(visit, value))
				continue;
			snprintf(why, VISIT_WHY, "--%s %s: expected %s",
				 keys[i].name, value, keys[i].expected);
			return false;
		}
	}
	return true;
}

static bool take_defaults(struct visit *visit)
{
	static const struct {
		size_t at;
		const char *value;
	} texts[] = {
		{ offsetof(struct visit, client), "192.0.2.1" },
		{ offsetof(struct visit, ptr), "unknown" },
		{ offsetof(struct visit, helo), "mail.example.net" },
		{ offsetof(struct visit, from), "sender@example.net" },
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		char **at = (char **)((char *)visit + texts[i].at);

		if (*at == NULL && !set_text(at, texts[i].value))
			return false;
	}
	if (visit->rcpt_count == 0 && !add_rcpt(visit, "recipient@example.org"))
		return false;
	if (visit->port == 0)
		visit->port = 50000;
	return true;
}

bool visit_read(struct visit *visit, const struct command *command,
		const char *path, char why[VISIT_WHY])
{
	*visit = (struct visit){ .client = NULL };
	snprintf(why, VISIT_WHY, "out of memory");
	if (read_beside(visit, path, why) &&
	    take_options(visit, command, why) && take_defaults(visit))
		return true;
	visit_done(visit);
	return false;
}

void visit_done(struct visit *visit)
{
	free(visit->client);
	free(visit->ptr);
	free(visit->helo);
	free(visit->from);
	drop_texts(&visit->rcpts, &visit->rcpt_count);
	drop_texts(&visit->macros, &visit->macro_count);
	*visit = (struct visit){ .client = NULL };
}

bool visit_check(const struct command *command, char why[VISIT_WHY])
{
	struct visit visit = { .client = NULL };
	bool good = take_options(&visit, command, why);

	visit_done(&visit);
	return good;
}

/* --- as others need it -------------------------------------------------- */

/* "{auth_type}" and "auth_type" are one; "i" has no braces. */
static bool same_macro(const char *given, size_t len, const char *name)
{
	size_t name_len = strlen(name);

	if (name_len > 2 && name[0] == '{' && given[0] != '{') {
		name++;
		name_len -= 2;
	}
	return len == name_len && memcmp(given, name, len) == 0;
}

const char *visit_macro(const struct visit *visit, const char *name)
{
	for (size_t i = visit->macro_count; i > 0; i--) {
		const char *given = visit->macros[i - 1];
		size_t len = strcspn(given, "=");

		if (same_macro(given, len, name))
			return given + len + 1;
	}
	return NULL;
}

bool visit_address(const struct visit *visit, struct sockaddr_storage *ret)
{
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ret;
	struct sockaddr_in *v4 = (struct sockaddr_in *)ret;

	memset(ret, 0, sizeof(*ret));
	if (inet_pton(AF_INET, visit->client, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons((uint16_t)visit->port);
		return true;
	}
	if (inet_pton(AF_INET6, visit->client, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons((uint16_t)visit->port);
		return true;
	}
	return false;
}

char *visit_zone(const struct visit *visit)
{
	char reverse[DNS_REVERSE_SIZE], text[DNS_NAME_TEXT_SIZE];
	struct dns_name name;
	char *zone = NULL;
	struct ip ip;
	int len;

	if (!visit->ptr_given ||
	    ip_parse(visit->client, strlen(visit->client), &ip) < 0)
		return strdup("");
	dns_name_reverse(&ip, reverse);
	if (strcmp(visit->ptr, "unknown") == 0 || visit->ptr[0] == '[' ||
	    dns_name_parse(visit->ptr, strlen(visit->ptr), &name) < 0) {
		len = asprintf(&zone, "%s. NXDOMAIN\n", reverse);
	} else {
		dns_name_format(&name, text);
		len = asprintf(&zone, "%s. PTR %s.\n%s. %s %s\n", reverse, text,
			       text, ip.family == 4 ? "A" : "AAAA",
			       visit->client);
	}
	return len < 0 ? NULL : zone;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/*
 * Bytes of the path at the beginning.  In brackets or in quotes a blank belongs
 * to it, unless they are never closed.
 */
static size_t path_length(const char *text)
{
	bool bracket = text[0] == '<', quoted = false;
	size_t len = 0;

	for (; text[len] != '\0'; len++) {
		if (text[len] == '\\' && text[len + 1] != '\0')
			len++;
		else if (text[len] == '"')
			quoted = !quoted;
		else if (!quoted && bracket && text[len] == '>' &&
			 (text[len + 1] == '\0' || is_blank(text[len + 1])))
			return len + 1;
		else if (!quoted && !bracket && is_blank(text[len]))
			return len;
	}
	return quoted || bracket ? strcspn(text, " \t") : len;
}

char **visit_arguments(const char *address)
{
	size_t len, room, count = 0;
	char **args, *out;

	address += strspn(address, " \t");
	len = strlen(address);
	room = len / 2 + 3;
	args = malloc(room * sizeof(*args) + len + 4);
	if (args == NULL)
		return NULL;
	out = (char *)(args + room);
	while (*address != '\0') {
		size_t word = count == 0 ? path_length(address)
					 : strcspn(address, " \t");
		bool path = count == 0 && address[0] != '<';

		args[count++] = out;
		if (path)
			*out++ = '<';
		memcpy(out, address, word);
		out += word;
		if (path)
			*out++ = '>';
		*out++ = '\0';
		address += word;
		address += strspn(address, " \t");
	}
	if (count == 0) {
		args[count++] = out;
		memcpy(out, "<>", 3);
	}
	args[count] = NULL;
	return args;
}
