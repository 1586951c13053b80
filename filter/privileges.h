/*
 * privileges.h - become the service user, with no way back.
 */
#ifndef STEELYARD_FILTER_PRIVILEGES_H
#define STEELYARD_FILTER_PRIVILEGES_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Who we are going to be. */
struct privileges {
	bool drop; /* there is something to give up */
	char user[64];
	uid_t uid;
	gid_t gid;
};

/*
 * Looks `user` up ("" is: stay who we are).  False with one line in `why` if
 * there is no such user, or we are someone else and not root.
 */
bool privileges_find(struct privileges *ret, const char *user, char *why,
		     size_t why_size);

/*
 * Is there such a user ("" is nobody in particular)?  False with one line in
 * `why`; who we are does not matter.
 */
bool privileges_user(const char *user, char *why, size_t why_size);

/*
 * Gives up everything that `to` does not need, and proves that it is gone.
 * Also where there is nothing to drop, no exec can give privileges from here
 * on.  False with a reason; the process must then end.
 */
bool privileges_drop(const struct privileges *to, char *why, size_t why_size);

/* The group's number; "" gives -1.  False with a reason. */
bool privileges_group(const char *name, gid_t *ret_gid, char *why,
		      size_t why_size);

#endif
