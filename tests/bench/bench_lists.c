/*
 * bench_lists.c - how long a million entries take to load and to be found in.
 *
 * Prints one line a kind; argument: how many entries (1,000,000).
 */
#include "lists/listfile.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define QUESTIONS 1000000
#define TEXT_SIZE 64

/* Entries and questions; the odd questions are misses. */
struct bench {
	const char *name;
	enum list_kind kind;
	void (*entry)(uint64_t n, char text[TEXT_SIZE]);
	void (*question)(uint64_t n, bool hit, char text[TEXT_SIZE]);
};

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* The same numbers each time, in no order (splitmix64's last step). */
static uint64_t scatter(uint64_t n)
{
	n = (n ^ n >> 30) * 0xbf58476d1ce4e5b9;
	n = (n ^ n >> 27) * 0x94d049bb133111eb;
	return n ^ n >> 31;
}

/* Most are single addresses, as in the lists that people load. */
static void v4_entry(uint64_t n, char text[TEXT_SIZE])
{
	uint64_t r = scatter(n + 1);

	if (n % 10 == 0)
		snprintf(text, TEXT_SIZE, "%u.%u.%u.0/24",
			 (unsigned)(r & 0x7f) | 1, (unsigned)(r >> 8 & 0xff),
			 (unsigned)(r >> 16 & 0xff));
	else
		snprintf(text, TEXT_SIZE, "%u.%u.%u.%u",
			 (unsigned)(r & 0x7f) | 1, (unsigned)(r >> 8 & 0xff),
			 (unsigned)(r >> 16 & 0xff),
			 (unsigned)(r >> 24 & 0xff));
}

static void v4_question(uint64_t n, bool hit, char text[TEXT_SIZE])
{
	uint64_t r = scatter(n + 1);

	/* a hit asks for the entry itself; no entry is above 128 */
	snprintf(text, TEXT_SIZE, "%u.%u.%u.%u",
		 (unsigned)(r & 0x7f) | (hit ? 1 : 128),
		 (unsigned)(r >> 8 & 0xff), (unsigned)(r >> 16 & 0xff),
		 (unsigned)(r >> 24 & 0xff));
}

static void v6_entry(uint64_t n, char text[TEXT_SIZE])
{
	uint64_t r = scatter(n + 1);

	snprintf(text, TEXT_SIZE, "2001:%x:%x:%x::%s", (unsigned)(r & 0xffff),
		 (unsigned)(r >> 16 & 0xffff), (unsigned)(r >> 32 & 0xffff),
		 n % 2 ? "/64" : "1");
}

static void v6_question(uint64_t n, bool hit, char text[TEXT_SIZE])
{
	uint64_t r = scatter(n + 1);

	snprintf(text, TEXT_SIZE, "%x:%x:%x:%x::1", hit ? 0x2001 : 0x2a00,
		 (unsigned)(r & 0xffff), (unsigned)(r >> 16 & 0xffff),
		 (unsigned)(r >> 32 & 0xffff));
}

static void domain_entry(uint64_t n, char text[TEXT_SIZE])
{
	uint64_t r = scatter(n + 1);

	snprintf(text, TEXT_SIZE, "%smail%llx.example%u.test",
		 n % 10 ? "" : "=", (unsigned long long)(r & 0xffffffffff),
		 (unsigned)(r >> 44 & 0x3ff));
}

/* A name two labels below an entry, or one like it that is not there. */
static void domain_question(uint64_t n, bool hit, char text[TEXT_SIZE])
{
	uint64_t r = scatter(n + 1);

	snprintf(text, TEXT_SIZE, "%s%s%llx.Example%u.test",
		 n % 10 ? "mx1.out." : "", hit ? "Mail" : "Post",
		 (unsigned long long)(r & 0xffffffffff),
		 (unsigned)(r >> 44 & 0x3ff));
}

static void address_entry(uint64_t n, char text[TEXT_SIZE])
{
	uint64_t r = scatter(n + 1);

	snprintf(text, TEXT_SIZE, "user%llx@example%u.test",
		 (unsigned long long)(r & 0xffffffffff),
		 (unsigned)(r >> 44 & 0x3ff));
}

static void address_question(uint64_t n, bool hit, char text[TEXT_SIZE])
{
	uint64_t r = scatter(n + 1);

	snprintf(text, TEXT_SIZE, "%s%llx@Example%u.test", hit ? "User" : "Usr",
		 (unsigned long long)(r & 0xffffffffff),
		 (unsigned)(r >> 44 & 0x3ff));
}

static const struct bench benches[] = {
	{ "ip", LIST_IP, v4_entry, v4_question },
	{ "ip6", LIST_IP, v6_entry, v6_question },
	{ "domain", LIST_DOMAIN, domain_entry, domain_question },
	{ "address", LIST_ADDRESS, address_entry, address_question },
};

static void report(void *ctx, const struct list_problem *problem)
{
	char buf[300];

	(void)ctx;
	fprintf(stderr, "%s\n", list_problem_format(problem, buf, sizeof(buf)));
}

static struct list *load(const struct bench *bench, uint64_t entries,
			 double *ret_seconds)
{
	char path[] = "/tmp/bench_lists.XXXXXX";
	int fd = mkstemp(path);
	FILE *file = fd < 0 ? NULL : fdopen(fd, "w");
	const struct list_reading reading = { .kind = bench->kind,
					      .report = report };
	struct file_stamp stamp;
	struct list *list = NULL;
	char text[TEXT_SIZE];
	double start;

	if (!file) {
		perror(path);
		exit(1);
	}
	for (uint64_t n = 0; n < entries; n++) {
		bench->entry(n, text);
		fprintf(file, "%s\n", text);
	}
	if (fclose(file) != 0) {
		perror(path);
		exit(1);
	}
	start = now();
	if (list_load_file(path, &reading, &list, &stamp) != LIST_LOADED)
		exit(1);
	*ret_seconds = now() - start;
	unlink(path);
	return list;
}

static bool ask(const struct list *list, const char *text, size_t len,
		const struct ip *ip)
{
	switch (list_kind(list)) {
	case LIST_IP: return list_has_ip(list, ip);
	case LIST_DOMAIN: return list_has_domain(list, text, len);
	default: return list_has_address(list, text, len);
	}
}

/* Questions in no order, so that nothing is in a cache by good luck. */
static double look_up(const struct bench *bench, const struct list *list,
		      uint64_t entries, bool hit)
{
	char(*text)[TEXT_SIZE] = calloc(QUESTIONS, TEXT_SIZE);
	struct ip *ips = calloc(QUESTIONS, sizeof(*ips));
	size_t found = 0;
	double start, took;

	if (!text || !ips)
		exit(1);
	for (uint64_t i = 0; i < QUESTIONS; i++) {
		bench->question(scatter(i + 7) % entries, hit, text[i]);
		if (bench->kind == LIST_IP &&
		    ip_parse(text[i], strlen(text[i]), &ips[i]) < 0)
			exit(1);
	}
	start = now();
	for (size_t i = 0; i < QUESTIONS; i++)
		found += ask(list, text[i], strlen(text[i]), &ips[i]);
	took = now() - start;
	free(text);
	free(ips);
	/* exact domains are asked for themselves, so every hit is one */
	if (found != (hit ? QUESTIONS : 0)) {
		fprintf(stderr, "%s: %zu found\n", bench->name, found);
		exit(1);
	}
	return took / QUESTIONS * 1e9;
}

int main(int argc, char **argv)
{
	uint64_t entries = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000000;

	if (entries == 0) {
		fprintf(stderr, "usage: bench_lists [ENTRIES]\n");
		return 2;
	}
	for (size_t i = 0; i < sizeof(benches) / sizeof(benches[0]); i++) {
		const struct bench *bench = &benches[i];
		double load_s, hit_ns, miss_ns;
		struct list *list = load(bench, entries, &load_s);

		hit_ns = look_up(bench, list, entries, true);
		miss_ns = look_up(bench, list, entries, false);
		printf("lists %s load_s=%.3f lookup_ns=%.0f miss_ns=%.0f "
		       "bytes_per_entry=%.1f entries=%zu\n",
		       bench->name, load_s, hit_ns, miss_ns,
		       (double)list_memory(list) / (double)list_count(list),
		       list_count(list));
		list_unref(list);
	}
	return 0;
}
