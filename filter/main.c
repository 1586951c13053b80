/*
 * main.c - options, and which of the two is started: supervisor or filter.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "filter/child.h"
#include "filter/generation.h"
#include "filter/inherit.h"
#include "filter/link.h"
#include "filter/log.h"
#include "filter/privileges.h"
#include "filter/serve.h"
#include "filter/supervisor.h"
#include "lists/dns_zonefile.h"
#include "rules/diag.h"

enum { EXIT_YES = 0, EXIT_NO = 1, EXIT_USAGE = 2 };

static const char usage[] =
	"usage: steelyard [-f] [-c FILE] [--dns FILE]     serve the MTA\n"
	"       steelyard -t [-c FILE]       check settings, rules and lists\n"
	"       steelyard -T [-c FILE]       print all settings\n"
	"       steelyard -V | -h\n"
	"\n"
	"  -c FILE   the configuration, " SYSCONFDIR
	"/steelyard/steelyard.conf\n"
	"            if not given\n"
	"  -f        stay in the foreground and log to stderr\n"
	"  --dns FILE\n"
	"            ask this file instead of the network; for tests\n"
	"\n"
	"See steelyard(8).\n";

/* --- what every process does first -------------------------------------- */

/* Memory of ours holds other people's mail: it goes into no file. */
static void keep_secrets(void)
{
	static const struct rlimit none = { 0, 0 };

	setrlimit(RLIMIT_CORE, &none);
}

/* A filter cannot be looked into by others of the same user. */
static void close_shutters(void)
{
#ifndef SANITIZED
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
}

/* Who closes stderr must not find the first socket in its place. */
static void fill_stdio(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

/* --- children of the supervisor ------------------------------------------ */

static unsigned number_in(const char *name)
{
	const char *text = getenv(name);

	return text ? (unsigned)strtoul(text, NULL, 10) : 0;
}

static int open_fd(int fd)
{
	if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
		return -1;
	return fd;
}

#ifdef SANITIZED
void __lsan_do_leak_check(void) __attribute__((weak));
#endif

/*
 * Threads of libmilter still run, and exit() would destroy under them what they
 * use.  Only the search for leaks, which exit() begins, is not left out.
 */
static _Noreturn void leave(int code)
{
#ifdef SANITIZED
	if (__lsan_do_leak_check)
		__lsan_do_leak_check();
#endif
	fflush(stderr);
	_exit(code);
}

static int run_filter(void)
{
	struct filter_start start = {
		.config = getenv("STEELYARD_CONFIG"),
		.dns_zone = getenv("STEELYARD_DNS"),
		.inspectors = number_in("STEELYARD_INSPECTORS"),
		.channels = number_in("STEELYARD_CHANNELS"),
		.foreground = getenv("STEELYARD_FOREGROUND") != NULL,
		.starting = getenv("STEELYARD_STARTING") != NULL,
		.link_fd = open_fd(LINK_FD),
		.milter_fd = open_fd(LINK_MILTER_FD),
		.control_fd = open_fd(LINK_CONTROL_FD),
	};

	if (!start.config || start.link_fd < 0)
		return EXIT_USAGE;
	log_open(start.foreground ? LOG_TO_STDERR : LOG_TO_SYSLOG, "steelyard");
	close_shutters();
	leave(filter_main(&start));
}

/* -1: not a child of ours.  argv[0] is what only child.c would say. */
static int run_role(const char *name)
{
	const char *role = getenv("STEELYARD_ROLE");

	if (!role || strncmp(name, "steelyard: ", 11) != 0)
		return -1;
	/* else it would be the number of a descriptor: we came by execveat() */
	prctl(PR_SET_NAME, "steelyard", 0, 0, 0);
	if (strcmp(role, "filter") == 0)
		return run_filter();
	return EXIT_USAGE;
}

/* --- what a person asks for ---------------------------------------------- */

struct wish {
	const char *config;
	const char *dns_zone; /* a file in place of the network, or NULL */
	bool foreground;
	int task; /* a letter; 0: serve */
};

/* Whom the start looks up. */
static void check_names(const struct generation *gen, struct diag *diag)
{
	const struct process_settings *set = &gen->settings.process;
	const struct ast *ast = generation_ast(gen);
	char why[256];
	gid_t gid;

	if (set->user && !privileges_user(set->user, why, sizeof(why)))
		diag_error(diag, settings_place(ast, "user"), "%s", why);
	if (set->milter_socket_group &&
	    !privileges_group(set->milter_socket_group, &gid, why, sizeof(why)))
		diag_error(diag, settings_place(ast, "milter_socket_group"),
			   "%s", why);
}

static int check(const char *config, bool print)
{
	struct generation_result loaded =
		print ? generation_load(config, NULL, false)
		      : generation_check(config, check_names);
	int code = loaded.generation ? EXIT_YES : EXIT_NO;

	if (loaded.report)
		fputs(loaded.report,
		      code == EXIT_YES && !print ? stdout : stderr);
	if (loaded.generation && print)
		generation_print(loaded.generation, stdout);
	else if (loaded.generation)
		printf("%s: ok\n", config);
	generation_unref(loaded.generation);
	generation_result_done(&loaded);
	if (fflush(stdout) != 0)
		code = EXIT_NO;
	return code;
}

static int wrong_use(const char *what, const char *detail)
{
	fprintf(stderr, "steelyard: %s%s (steelyard -h shows how)\n", what,
		detail);
	return EXIT_USAGE;
}

static bool check_zone(const char *path)
{
	char error[DNS_ZONEFILE_ERROR_SIZE];
	struct dns_zone *zone = dns_zonefile_load(path, error);

	if (!zone)
		fprintf(stderr, "steelyard: %s\n", error);
	dns_zone_free(zone);
	return zone != NULL;
}

static int serve(int argc, char **argv, const struct wish *wish)
{
	/* the arguments make room for a title */
	char *config = strdup(wish->config);
	char *zone = wish->dns_zone ? strdup(wish->dns_zone) : NULL;
	int code = EXIT_NO;

	if (config && (zone || !wish->dns_zone)) {
		log_open(LOG_TO_STDERR, "steelyard");
		child_title(argc, argv, "steelyard: supervisor");
		code = supervisor_run(config, zone, wish->foreground);
	}
	free(config);
	free(zone);
	return code;
}

enum { OPTION_DNS = 256 }; /* beyond all letters */

static const struct option longer[] = { { "dns", 1, NULL, OPTION_DNS },
					{ "help", 0, NULL, 'h' },
					{ "version", 0, NULL, 'V' },
					{ NULL, 0, NULL, 0 } };

/* -1, or the exit code when there is nothing to be done. */
static int read_options(int argc, char **argv, struct wish *ret)
{
	int option;

	opterr = 0;
	while ((option = getopt_long(argc, argv, ":c:fhtTV", longer, NULL)) !=
	       -1) {
		char letter[3] = { '-', (char)optopt, '\0' };

		switch (option) {
		case 'c': ret->config = optarg; break;
		case 'f': ret->foreground = true; break;
		case OPTION_DNS: ret->dns_zone = optarg; break;
		case 'h':
		case 't':
		case 'T':
		case 'V':
			if (ret->task != 0 && ret->task != option)
				return wrong_use("one task at a time", "");
			ret->task = option;
			break;
		case ':':
			return wrong_use("a FILE must follow ",
					 optopt == OPTION_DNS ? "--dns"
							      : letter);
		default:
			return wrong_use("unknown option ",
					 optopt ? letter : argv[optind - 1]);
		}
	}
	if (optind < argc)
		return wrong_use("unexpected argument ", argv[optind]);
	return -1;
}

int main(int argc, char **argv)
{
	struct wish wish = { .config = SYSCONFDIR "/steelyard/steelyard.conf" };
	int code;

	umask(0077);
	fill_stdio();
	keep_secrets();
	code = run_role(argc > 0 ? argv[0] : "");
	if (code >= 0)
		return code;
	inherit_open();

	code = read_options(argc, argv, &wish);
	if (code >= 0)
		return code;
	if (wish.task == 'h') {
		fputs(usage, stdout);
		return EXIT_YES;
	}
	if (wish.task == 'V') {
		puts(PACKAGE_STRING);
		return EXIT_YES;
	}
	if (wish.dns_zone && !check_zone(wish.dns_zone))
		return EXIT_NO;
	if (wish.task != 0)
		return check(wish.config, wish.task == 'T');
	return serve(argc, argv, &wish);
}
