/*
 * program.c - steelyard-inspector: the jailed reader, a program of its own.
 *
 * It is apart from steelyard so that the libraries with which mail is read are
 * not in the processes that talk to the MTA: neither their faults nor their
 * weight.  (steelyardctl, which has an inspector for itself, forks: see
 * ctl/jailed.h.)
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "filter/inspect/main.h"

enum { EXIT_USAGE = 2 };

int main(int argc, char **argv)
{
	const char *role = getenv("STEELYARD_ROLE");
	const char *channels = getenv("STEELYARD_CHANNELS");

	/* argv[0] is what only the supervisor would say */
	if (!role || strcmp(role, "inspector") != 0 || !channels || argc < 1 ||
	    strncmp(argv[0], "steelyard: ", 11) != 0) {
		fputs("steelyard-inspector: only steelyard(8) starts it\n",
		      stderr);
		return EXIT_USAGE;
	}
	/* else it would be the number of a descriptor: we came by execveat() */
	prctl(PR_SET_NAME, "steelyard", 0, 0, 0);
#ifndef SANITIZED
	/* others of the same user cannot look into it */
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
	inspector_main((unsigned)strtoul(channels, NULL, 10));
}
