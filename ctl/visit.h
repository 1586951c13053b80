/*
 * visit.h - who brings a test message: client, envelope, macros.
 *
 * What is known comes from three places: a file beside the message
 * (NAME.envelope beside NAME.eml: a key and its value a line), the options of
 * the command line, which win, and defaults in the documentation's networks.
 */
#ifndef STEELYARD_CTL_VISIT_H
#define STEELYARD_CTL_VISIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct command;
struct letter;

struct visit {
	char *client; /* an address, or "local" */
	char *ptr; /* the name the MTA found, "unknown" if none */
	bool ptr_given; /* by somebody, not the default */
	char *helo; /* "": the client says none */
	char *from; /* "anna@example.org SIZE=100", "<>" */
	char **rcpts;
	size_t rcpt_count;
	char **macros; /* "{auth_type}=PLAIN" */
	size_t macro_count;
	unsigned port;
	int64_t time; /* wall clock; 0: now */
	bool date_now; /* the Date field is set to the time of the test */
};

enum { VISIT_WHY = 256 };

/*
 * Fills in all that is known about the bringer of `path`.  False with one line
 * in `why` (then there is nothing to free).
 */
bool visit_read(struct visit *visit, const struct command *command,
		const char *path, char why[VISIT_WHY]);
void visit_done(struct visit *visit);

/* Whether the options of the command line can be understood. */
bool visit_check(const struct command *command, char why[VISIT_WHY]);

/* The value of a macro as MTAs name it, braces included; NULL if not set. */
const char *visit_macro(const struct visit *visit, const char *name);

/* The client as a socket address; false for a local one. */
bool visit_address(const struct visit *visit, struct sockaddr_storage *ret);

/*
 * What DNS has to say so that `ptr`, if it was given, is the client's name, as
 * a zone file: the name leads back to the address; or there is none. malloc'ed;
 * "" for nothing, NULL without memory.
 */
char *visit_zone(const struct visit *visit);

/*
 * "a@b SIZE=1" as "<a@b>", "SIZE=1", NULL; freed in one piece.  What is in
 * brackets already is left as it is, blanks included.
 */
char **visit_arguments(const char *address);

#endif
