/*
 * child.h - starts our own program once more, or the one that belongs to it.
 *
 * A child is executed afresh, not only forked: its memory is its own, its
 * layout drawn anew, and nothing is left in it of what the parent knew.  The
 * programs are opened once, at start, so that parent and children stay the same
 * version while a package is being replaced.
 */
#ifndef STEELYARD_FILTER_CHILD_H
#define STEELYARD_FILTER_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct child {
	const char *title; /* argv[0], as ps(1) shows it */
	const char *const *environment; /* NAME=value ..., NULL at the end */
	const int *fds; /* become 3, 4, ...; -1 leaves a gap */
	size_t fd_count;
	bool dies_with_us; /* killed when the parent ends, however it ends */
	bool silent; /* has no stderr */
	bool preloads; /* keeps LD_PRELOAD and what such libraries read */
};

/*
 * Opens the running program (NULL), or the one of that name in the same folder,
 * as in a build tree, or else where it is installed.  Close-on-exec.  -1, and
 * the reason on stderr.
 */
int child_image(const char *name);

/* Returns the pid, or -1 with errno.  The descriptors stay open here. */
pid_t child_start(int image, const struct child *child);

/*
 * Gives this process a title, where the room of its command line suffices.
 * The arguments are gone afterwards.
 */
void child_title(int argc, char **argv, const char *title);

#endif
