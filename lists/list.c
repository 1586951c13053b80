/*
 * list.c - one face for the kinds of lists.
 */
#include "lists/list.h"
#include "lists/iplist.h"
#include "lists/namelist.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One of the two sets, as the kind wants it. */
struct sets {
	enum list_kind kind;
	struct iplist *ips;
	struct namelist *names;
};

struct list_builder {
	struct sets sets;
	size_t regexes; /* that were tried, good or bad */
	int (*check)(const char *text, size_t len,
		     struct list_error *ret_error); /* of regexes, or NULL */
	bool out_of_memory;
	struct entry entry; /* the one being read; too large for a stack */
};

struct list {
	atomic_uint holders;
	struct sets sets;
	struct hash_digest digest;
};

static void sets_done(struct sets *sets)
{
	iplist_free(sets->ips);
	namelist_free(sets->names);
}

struct list_builder *list_builder_new(enum list_kind kind)
{
	struct list_builder *builder = calloc(1, sizeof(*builder));

	if (!builder)
		return NULL;
	builder->sets.kind = kind;
	if (kind == LIST_IP)
		builder->sets.ips = iplist_new();
	else
		builder->sets.names = namelist_new();
	if (!builder->sets.ips && !builder->sets.names) {
		free(builder);
		return NULL;
	}
	return builder;
}

void list_builder_free(struct list_builder *builder)
{
	if (!builder)
		return;
	sets_done(&builder->sets);
	free(builder);
}

void list_builder_check(struct list_builder *builder,
			int (*check)(const char *text, size_t len,
				     struct list_error *ret_error))
{
	builder->check = check;
}

/* Bad ones count as well: a file full of them would take its time. */
static int check_regex(struct list_builder *builder, const char *text,
		       size_t len, struct list_error *ret_error)
{
	if (builder->regexes == LIST_REGEX_MAX) {
		ret_error->column = 1;
		snprintf(ret_error->text, sizeof(ret_error->text),
			 "more than %d regular expressions in one list",
			 LIST_REGEX_MAX);
		return -1;
	}
	builder->regexes++;
	return builder->check ? builder->check(text, len, ret_error) : 0;
}

static int add_entry(struct sets *sets, const struct entry *entry)
{
	if (sets->kind == LIST_IP)
		return iplist_add(sets->ips, &entry->prefix);
	return namelist_add(sets->names, entry->exact, entry->key, entry->len);
}

int list_builder_add(struct list_builder *builder, const char *text, size_t len,
		     struct list_error *ret_error)
{
	enum list_kind kind = builder->sets.kind;

	if (entry_parse(kind, text, len, &builder->entry, ret_error) < 0)
		return -1;
	if (kind == LIST_REGEX && check_regex(builder, text, len, ret_error))
		return -1;
	if (add_entry(&builder->sets, &builder->entry) < 0) {
		builder->out_of_memory = true;
		ret_error->column = 1;
		snprintf(ret_error->text, sizeof(ret_error->text),
			 "no room for this entry: %s",
			 errno == EFBIG ? "the list is too large"
					: "out of memory");
		return -1;
	}
	return 0;
}

/*
 * The sum of all entries' digests does not know their order; kind and count
 * go in at the end.
 */
struct summing {
	uint64_t count, kind, sum[2];
};

static bool sum_up(struct summing *summing, const void *data, size_t len)
{
	struct hash_digest digest = hash_digest(data, len);

	summing->count++;
	summing->sum[0] += digest.word[0];
	summing->sum[1] += digest.word[1];
	return true;
}

static bool sum_ip(void *ctx, const struct ip_prefix *prefix)
{
	uint8_t bytes[18] = { prefix->ip.family, prefix->bits };

	memcpy(bytes + 2, prefix->ip.bytes, 16);
	return sum_up(ctx, bytes, sizeof(bytes));
}

static bool sum_name(void *ctx, bool exact, const char *key, size_t len)
{
	char buf[1 + ENTRY_KEY_MAX];

	if (!exact || len > ENTRY_KEY_MAX)
		return sum_up(ctx, key, len);
	buf[0] = '=';
	memcpy(buf + 1, key, len);
	return sum_up(ctx, buf, 1 + len);
}

static struct hash_digest digest_of(const struct sets *sets)
{
	struct summing summing = { .kind = sets->kind };
	uint8_t bytes[32];

	if (sets->ips)
		iplist_each(sets->ips, sum_ip, &summing);
	else
		namelist_each(sets->names, sum_name, &summing);
	/* Least byte first, to be the same on every machine. */
	for (unsigned i = 0; i < 8; i++) {
		bytes[i] = (uint8_t)(summing.count >> i * 8);
		bytes[8 + i] = (uint8_t)(summing.kind >> i * 8);
		bytes[16 + i] = (uint8_t)(summing.sum[0] >> i * 8);
		bytes[24 + i] = (uint8_t)(summing.sum[1] >> i * 8);
	}
	return hash_digest(bytes, sizeof(bytes));
}

struct list *list_builder_finish(struct list_builder *builder)
{
	struct sets *sets = &builder->sets;
	struct list *list;

	if (builder->out_of_memory) {
		errno = ENOMEM;
		return NULL;
	}
	if (sets->ips && iplist_seal(sets->ips) < 0)
		return NULL;
	if (sets->names && namelist_seal(sets->names) < 0)
		return NULL;
	list = calloc(1, sizeof(*list));
	if (!list)
		return NULL;
	atomic_init(&list->holders, 1);
	list->sets = *sets;
	list->digest = digest_of(sets);
	sets->ips = NULL;
	sets->names = NULL;
	return list;
}

struct list *list_ref(struct list *list)
{
	atomic_fetch_add_explicit(&list->holders, 1, memory_order_relaxed);
	return list;
}

void list_unref(struct list *list)
{
	/* Whoever frees must see all that the others did before letting go. */
	if (!list || atomic_fetch_sub_explicit(&list->holders, 1,
					       memory_order_acq_rel) > 1)
		return;
	sets_done(&list->sets);
	free(list);
}

bool list_has_ip(const struct list *list, const struct ip *ip)
{
	return list->sets.kind == LIST_IP && iplist_has(list->sets.ips, ip);
}

bool list_has_domain(const struct list *list, const char *name, size_t len)
{
	return list->sets.kind == LIST_DOMAIN &&
	       namelist_has_domain(list->sets.names, name, len);
}

bool list_has_address(const struct list *list, const char *address, size_t len)
{
	return list->sets.kind == LIST_ADDRESS &&
	       namelist_has_address(list->sets.names, address, len);
}

enum list_kind list_kind(const struct list *list)
{
	return list->sets.kind;
}

size_t list_count(const struct list *list)
{
	return list->sets.ips ? iplist_count(list->sets.ips)
			      : namelist_count(list->sets.names);
}

size_t list_memory(const struct list *list)
{
	return sizeof(*list) + (list->sets.ips
					? iplist_memory(list->sets.ips)
					: namelist_memory(list->sets.names));
}

struct showing {
	enum list_kind kind;
	bool (*visit)(void *ctx, const char *text, size_t len);
	void *ctx;
};

static bool show_ip(void *ctx, const struct ip_prefix *prefix)
{
	const struct showing *showing = ctx;
	char buf[IP_PREFIX_TEXT_SIZE];

	ip_prefix_format(prefix, buf, sizeof(buf));
	return showing->visit(showing->ctx, buf, strlen(buf));
}

static bool show_name(void *ctx, bool exact, const char *key, size_t len)
{
	const struct showing *showing = ctx;
	char buf[ENTRY_TEXT_SIZE];

	len = entry_format_name(showing->kind, exact, key, len, buf);
	return showing->visit(showing->ctx, buf, len);
}

void list_each(const struct list *list,
	       bool (*visit)(void *ctx, const char *text, size_t len),
	       void *ctx)
{
	struct showing showing = { list->sets.kind, visit, ctx };

	if (list->sets.ips)
		iplist_each(list->sets.ips, show_ip, &showing);
	else
		namelist_each(list->sets.names, show_name, &showing);
}

struct hash_digest list_digest(const struct list *list)
{
	return list->digest;
}

const char *list_problem_format(const struct list_problem *problem, char *buf,
				size_t size)
{
	const char *path = problem->path ? problem->path : "";
	const char *colon = problem->path ? ":" : "";

	if (problem->line > 0)
		snprintf(buf, size, "%s%s%zu:%zu: %s", path, colon,
			 problem->line, problem->column, problem->message);
	else
		snprintf(buf, size, "%s%s%s%s", path, colon,
			 problem->path ? " " : "", problem->message);
	return buf;
}

/* Counts the problems of a text and passes the first ones on. */
struct telling {
	void (*report)(void *ctx, const struct list_problem *problem);
	void *ctx;
	size_t problems;
};

static void tell(struct telling *telling, const struct list_problem *problem)
{
	if (telling->problems++ < LIST_ERRORS_MAX)
		telling->report(telling->ctx, problem);
}

static void tell_rest(struct telling *telling)
{
	struct list_problem problem = { 0 };
	char message[64];

	if (telling->problems <= LIST_ERRORS_MAX)
		return;
	snprintf(message, sizeof(message), "and %zu more",
		 telling->problems - LIST_ERRORS_MAX);
	problem.message = message;
	telling->report(telling->ctx, &problem);
}

static const char *byte_order_mark(const char *text, size_t len)
{
	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		return "a byte order mark; save the file as UTF-8 without one";
	if (len >= 2 && (memcmp(text, "\xff\xfe", 2) == 0 ||
			 memcmp(text, "\xfe\xff", 2) == 0))
		return "this is UTF-16; save the file as UTF-8";
	return NULL;
}

static int parse_line(struct list_builder *builder, const char *line,
		      size_t len, struct list_error *error)
{
	size_t at = 0, entry_len = 0;

	switch (entry_in_line(builder->sets.kind, line, len, &at, &entry_len,
			      error)) {
	case ENTRY_LINE_EMPTY: return 0;
	case ENTRY_LINE_BAD: return -1;
	case ENTRY_LINE_ENTRY: break;
	}
	if (list_builder_add(builder, line + at, entry_len, error) == 0)
		return 0;
	error->column += at;
	return -1;
}

int list_parse_text(struct list_builder *builder, const char *text, size_t len,
		    void (*report)(void *ctx,
				   const struct list_problem *problem),
		    void *ctx)
{
	struct telling telling = { .report = report, .ctx = ctx };
	struct list_problem problem = { .line = 1, .column = 1 };
	struct list_error error;
	size_t at = 0;

	problem.message = byte_order_mark(text, len);
	if (problem.message) {
		report(ctx, &problem);
		return -1;
	}
	for (; entry_next_line(text, len, &at, &problem.source,
			       &problem.source_len);
	     problem.line++) {
		if (parse_line(builder, problem.source, problem.source_len,
			       &error) == 0)
			continue;
		problem.column = error.column;
		problem.message = error.text;
		tell(&telling, &problem);
		if (builder->out_of_memory)
			break;
	}
	tell_rest(&telling);
	return telling.problems > 0 ? -1 : 0;
}
