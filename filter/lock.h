/*
 * lock.h - one instance at a time.
 *
 * A lock file holds the pid of who has locked it.  The lock goes with the
 * process, however that ends; the file stays.
 */
#ifndef STEELYARD_FILTER_LOCK_H
#define STEELYARD_FILTER_LOCK_H

#include <sys/types.h>

/*
 * Creates (0600, owned by `uid`, -1: by us) and locks.  Returns a descriptor to
 * keep open, and in `*ret_pid` who held it last (0: nobody); or -1 with errno.
 * EWOULDBLOCK: it is held now, by `*ret_pid` (0 if it does not say).
 * What is there already must be a plain file (else EINVAL) with one name (else
 * EMLINK) that belongs to root, us or `uid` (else EPERM); it is left alone.
 */
int lock_take(const char *path, uid_t uid, pid_t *ret_pid);

#endif
