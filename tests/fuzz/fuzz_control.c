/*
 * fuzz_control.c - requests to the control socket, one a line.
 *
 * Any bytes are answered: by lines that are JSON objects with "ok", the last of
 * which ends the answer.  Nothing on disk is touched, as the lists are written
 * between braces, DNS is a zone file, and greylisting remembers in memory, anew
 * for each input.
 */
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "filter/control.h"
#include "filter/control_verbs.h"
#include "filter/generation.h"
#include "filter/log.h"
#include "filter/resolver.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/store_memory.h"

static struct generation *generation;
static struct store *store;

static struct generation *current(void)
{
	return generation_ref(generation);
}

static bool reload(bool force, char **ret_report)
{
	*ret_report = strdup(force ? "forced" : "a.rules:1:1: error: \377");
	return force;
}

static bool take_list(const char *name, char **ret_report)
{
	*ret_report = NULL;
	return name[0] == 'n';
}

static struct milter_stats milter(void)
{
	return (struct milter_stats){ .sessions = 1 };
}

static struct inspector_stats inspectors(void)
{
	return (struct inspector_stats){ .alive = 1 };
}

static struct store *memory(void)
{
	return store;
}

static struct serve_stats served(void)
{
	return (struct serve_stats){ .started = 1 };
}

/* The text in a file that is there until it was read. */
static void write_temp(char path[], const char *text)
{
	int fd = mkstemp(path);

	CLAIM(fd >= 0 &&
	      write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
}

static void give_dns(void)
{
	static const char text[] =
		"a.test A 192.0.2.1\n"
		"a.test AAAA 2001:db8::1\n"
		"a.test MX 10 b.test.\n"
		"a.test NS ns.test.\n"
		"a.test SOA ns.test. admin.test. ( 1 2 3 4 5 )\n"
		"a.test TXT \"one\" \"\\000\\010\\255\\\"\\\\\"\n"
		"www.test CNAME a.test.\n"
		"\\000.test A 192.0.2.3\n"
		"broken.test SERVFAIL\n"
		"1.2.0.192.in-addr.arpa PTR a.test.\n"
		"1.2.0.192.l.test A 127.0.0.4\n"
		"1.2.0.192.l.test TXT \"\\027[2J\"\n"
		"*.all.test A 127.0.0.2\n"
		"*.refuses.test A 127.255.255.254\n"
		"example.org.names.test A 127.0.1.2\n";
	char path[] = "/tmp/sy-fuzz-XXXXXX", error[DNS_ERROR_SIZE];
	struct resolver *resolver;

	write_temp(path, text);
	resolver = resolver_open(&generation->settings, path, error);
	unlink(path);
	CLAIM(resolver != NULL);
	CLAIM(generation_use_resolver(generation, resolver));
	resolver_unref(resolver);
	log_level(LOG_EMERG - 1); /* what becomes of the lists */
}

static void load(void)
{
	static const char text[] =
		"list nets ip { 192.0.2.0/24, 2001:db8::/32 }\n"
		"list names domain { \"example.org\", \"=a.test\" }\n"
		"list people address { \"anna@example.org\", \"@b.test\" }\n"
		"list words regex { /^(a+)+$/, /x\\d/i }\n"
		"rule A 1.0 if client.ip in nets\n"
		"rule B 1.0 if helo.name in names and helo.name in words\n"
		"rule C 1.0 if sender in people\n"
		"greylist at 0.5 wait 5m window 2d keep 36d\n"
		"dnsbl \"l.test\" { L 1.0 on 127.0.0.2 - 127.0.0.9 \"why\" }\n"
		"dnsbl \"all.test\" { ALL 1.0 on 127.0.0.2 }\n"
		"dnsbl \"refuses.test\" test none { R 1.0 on 127.0.0.2 }\n"
		"dnsbl \"names.test\" of helo.name ask both {\n"
		"	N 1.0 on 127.0.1.2\n"
		"}\n";
	char path[] = "/tmp/sy-fuzz-XXXXXX";
	struct generation_result result;

	write_temp(path, text);
	result = generation_load(path, NULL, false);
	unlink(path);
	CLAIM(result.generation != NULL);
	generation = result.generation;
	generation_result_done(&result);
	give_dns();
}

static void remember(void)
{
	static const struct {
		enum store_kind kind;
		const char *key, *value;
	} records[] = {
		{ STORE_TRIPLET, "net:192.0.2.0/24 a@a.test b@b.test",
		  "1 waiting first=1790000000 tried=1790000100 tries=2 "
		  "round=0" },
		{ STORE_TRIPLET, "spf:a.test <> b@b.test",
		  "1 passed last=1790000000 first=1789990000 waited=310 "
		  "uses=3" },
		{ STORE_IDENTITY, "spf:a.test",
		  "1 identity passes=5 round=0 counted=1790000000 "
		  "last=1790000000" },
		{ STORE_IDENTITY, "ptr:b.test",
		  "1 identity passes=0 round=7 trapped=1790000000 for=86400 "
		  "block=1790000000 for=0" },
		{ STORE_OUTBOUND, "c@c.test", "1 outbound last=1790000000" },
		{ STORE_IDENTITY, "net:192.0.2.0/24", "2 newer" },
		{ STORE_OUTBOUND, "d@d.test", "\377\001" },
	};

	store = store_memory_open();
	CLAIM(store != NULL);
	for (size_t i = 0; i < sizeof(records) / sizeof(records[0]); i++)
		store_memory_put(store, records[i].kind, records[i].key,
				 records[i].value, 1890000000);
}

struct answer {
	size_t lines;
	bool ended;
};

static bool line(void *context, json_t *value)
{
	struct answer *answer = context;
	char *text = json_dumps(value, JSON_COMPACT);

	CLAIM(!answer->ended);
	CLAIM(json_is_boolean(json_object_get(value, "ok")));
	CLAIM(text != NULL && strchr(text, '\n') == NULL);
	answer->lines++;
	answer->ended = json_object_get(value, "entries") == NULL;
	free(text);
	return true;
}

static void ask(const char *request, size_t len, bool may_write)
{
	const struct control_context context = {
		.current = current,
		.reload = reload,
		.take_list = take_list,
		.milter = milter,
		.inspectors = inspectors,
		.served = served,
		.store = memory,
		.config = "fuzz",
	};
	struct answer answer = { 0 };
	const struct control_sink sink = { .line = line, .context = &answer };
	bool good = false;

	control_answer(&context, may_write, request, len, &sink, &good);
	CLAIM(answer.lines > 0 && answer.ended);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *at = (const char *)data, *end = at + size;

	if (generation == NULL)
		load();
	remember();
	while (at < end) {
		const char *next = memchr(at, '\n', (size_t)(end - at));
		size_t len = next != NULL ? (size_t)(next - at) + 1
					  : (size_t)(end - at);

		ask(at, len, true);
		ask(at, len, false);
		at += len;
	}
	store_close(store);
	return 0;
}
