/*
 * load.c - sends messages to a milter as Postfix would, and says how it went.
 *
 *	load [-j] [-c N] [-m M] [-k K] [-r R] [-b BYTES] -s SOCKET [FILE.eml
 *...] load --hold N -s SOCKET
 *
 * Exits 0 if every talk went by the protocol, 1 if one broke, 2 for wrong use,
 * 3 if the system does not grant the descriptors.
 */
#include "tests/bench/letter.h"
#include "tests/bench/talk.h"

#include <err.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
	"usage: load [options] -s SOCKET [FILE.eml ...]\n"
	"  -s, --socket SOCKET      unix:/path or inet:port@host\n"
	"  -c, --connections N      at a time (4)\n"
	"  -m, --messages M         in all (1000)\n"
	"  -k, --per-connection K   messages, then a new connection (1)\n"
	"  -r, --rcpts R            recipients of each message (1)\n"
	"  -a, --clients A          of as many addresses, taken in turn (one)\n"
	"  -f, --first F            the first of them, from 1 to 131071 (1)\n"
	"  -b, --bytes B            size of the message made up where no FILE is\n"
	"                           given (2048)\n"
	"  -j, --json               one line of JSON\n"
	"      --hold N             open N connections, say HELO, keep them until\n"
	"                           stdin ends; nothing else is sent\n";

struct options {
	struct talk_settings talk;
	unsigned hold;
	size_t bytes;
	bool json;
};

static unsigned number(const char *text, const char *name)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (*end || *text < '0' || *text > '9' || n < 1 || n > 100000000)
		errx(2, "%s: expected a number from 1 to 100000000", name);
	return (unsigned)n;
}

static void options_read(struct options *opt, int argc, char **argv)
{
	static const struct option names[] = {
		{ "socket", required_argument, NULL, 's' },
		{ "connections", required_argument, NULL, 'c' },
		{ "messages", required_argument, NULL, 'm' },
		{ "per-connection", required_argument, NULL, 'k' },
		{ "rcpts", required_argument, NULL, 'r' },
		{ "clients", required_argument, NULL, 'a' },
		{ "first", required_argument, NULL, 'f' },
		{ "bytes", required_argument, NULL, 'b' },
		{ "hold", required_argument, NULL, 'H' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "s:c:m:k:r:a:f:b:jh", names,
				NULL)) != -1) {
		switch (c) {
		case 's': opt->talk.socket = optarg; break;
		case 'c':
			opt->talk.connections = number(optarg, "connections");
			break;
		case 'm':
			opt->talk.messages = number(optarg, "messages");
			break;
		case 'k':
			opt->talk.per_connection =
				number(optarg, "per-connection");
			break;
		case 'r': opt->talk.rcpts = number(optarg, "rcpts"); break;
		case 'a': opt->talk.clients = number(optarg, "clients"); break;
		case 'f':
			opt->talk.first_client = number(optarg, "first");
			break;
		case 'b': opt->bytes = number(optarg, "bytes"); break;
		case 'H': opt->hold = number(optarg, "hold"); break;
		case 'j': opt->json = true; break;
		case 'h': fputs(usage, stdout); exit(0);
		default: fputs(usage, stderr); exit(2);
		}
	}
	if (!opt->talk.socket) {
		fputs(usage, stderr);
		exit(2);
	}
}

static double micro(uint64_t ns)
{
	return (double)ns / 1000.0;
}

static void print_json(struct talk_result *r)
{
	const char *comma = "";
	double seconds = (double)r->ns / 1e9;

	printf("{\"header\": \"%s\", \"authentication\": \"%s\", ", r->header,
	       r->authentication);
	printf("\"messages\": %zu, \"seconds\": %.6f, \"per_second\": %.1f, "
	       "\"broken\": %u, \"actions\": %u, \"steps\": %u, ",
	       r->message.count, seconds, (double)r->message.count / seconds,
	       r->broken, r->deal.actions, r->deal.steps);
	printf("\"p50_us\": %.1f, \"p99_us\": %.1f, \"max_us\": %.1f, ",
	       micro(sample_rank(&r->message, 500)),
	       micro(sample_rank(&r->message, 990)),
	       micro(sample_rank(&r->message, 1000)));
	printf("\"waits\": {");
	for (unsigned i = 0; i < WIRE_STEPS; i++) {
		struct sample *s = &r->steps[i];

		if (s->count == 0)
			continue;
		printf("%s\"%s\": {\"count\": %zu, \"p50_us\": %.1f, "
		       "\"p99_us\": %.1f, \"max_us\": %.1f}",
		       comma, wire_step_name(i), s->count,
		       micro(sample_rank(s, 500)), micro(sample_rank(s, 990)),
		       micro(sample_rank(s, 1000)));
		comma = ", ";
	}
	printf("}, \"replies\": {");
	comma = "";
	for (unsigned i = 0; i < 256; i++) {
		if (r->replies[i] == 0)
			continue;
		printf("%s\"%s\": %u", comma, wire_reply_name((unsigned char)i),
		       r->replies[i]);
		comma = ", ";
	}
	printf("}}\n");
}

static void print_text(struct talk_result *r)
{
	double seconds = (double)r->ns / 1e9;

	printf("negotiated    actions 0x%x, steps 0x%x\n", r->deal.actions,
	       r->deal.steps);
	printf("messages      %zu in %.2f s, %.0f a second, %u broken\n",
	       r->message.count, seconds, (double)r->message.count / seconds,
	       r->broken);
	printf("a message     p50 %.0f  p99 %.0f  max %.0f us\n",
	       micro(sample_rank(&r->message, 500)),
	       micro(sample_rank(&r->message, 990)),
	       micro(sample_rank(&r->message, 1000)));
	for (unsigned i = 0; i < WIRE_STEPS; i++) {
		struct sample *s = &r->steps[i];

		if (s->count > 0)
			printf("  %-11s p50 %.0f  p99 %.0f  max %.0f us (%zu)\n",
			       wire_step_name(i), micro(sample_rank(s, 500)),
			       micro(sample_rank(s, 990)),
			       micro(sample_rank(s, 1000)), s->count);
	}
	printf("replies      ");
	for (unsigned i = 0; i < 256; i++)
		if (r->replies[i] > 0)
			printf(" %s %u", wire_reply_name((unsigned char)i),
			       r->replies[i]);
	printf("\n");
	if (*r->header)
		printf("header        %s\n", r->header);
	if (*r->authentication)
		printf("              %s\n", r->authentication);
}

static struct letter *letters_read(struct options *opt, int argc, char **argv)
{
	size_t count = argc > 0 ? (size_t)argc : 1;
	struct letter *letters = calloc(count, sizeof(*letters));

	if (!letters)
		err(1, "letters");
	if (argc == 0 && letter_make(letters, opt->bytes) < 0)
		err(1, "letters");
	for (int i = 0; i < argc; i++)
		if (letter_read(&letters[i], argv[i]) < 0)
			err(1, "%s", argv[i]);
	opt->talk.letters = letters;
	opt->talk.letter_count = count;
	return letters;
}

int main(int argc, char **argv)
{
	struct options opt = {
		.talk = { .connections = 4,
			  .messages = 1000,
			  .per_connection = 1,
			  .rcpts = 1,
			  .first_client = 1 },
		.bytes = 2048,
	};
	struct talk_result result;
	struct letter *letters;
	int broken;

	options_read(&opt, argc, argv);
	if (opt.hold > 0) {
		talk_hold(opt.talk.socket, opt.hold);
		return 0;
	}
	letters = letters_read(&opt, argc - optind, argv + optind);
	talk_run(&opt.talk, &result);
	if (opt.json)
		print_json(&result);
	else
		print_text(&result);
	broken = result.broken > 0;
	talk_result_done(&result);
	for (size_t i = 0; i < opt.talk.letter_count; i++)
		letter_done(&letters[i]);
	free(letters);
	return broken;
}
