/*
 * file.h - careful reading and replacing of the files that configure us.
 *
 * A rule file or a list decides whose mail is refused.  So it is read only
 * if nobody else can have written it, and only whole: what changes while it
 * is being read is read again.  Nothing here waits or sleeps, and a FIFO or a
 * device cannot make it.
 *
 * All functions may be called from any thread and hold no lock.  They answer
 * 0, or -1 with errno set and a sentence in `error` that begins with the
 * path; `error` may be NULL when size is 0.
 */
#ifndef LISTS_FILE_H
#define LISTS_FILE_H

#include "lists/hash.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FILE_ERROR_SIZE 512 /* is enough for most paths */

/* One state of a file, as it was read. */
struct file_stamp {
	uint64_t dev, ino, size;
	int64_t mtime_ns, ctime_ns; /* since 1970 */
	struct hash_digest digest; /* of the content */
	bool ends_line; /* known when it was read: its last line has an end */
};

/*
 * Reads a whole file.  Refused, with errno
 *
 *   ELOOP   a symbolic link (only the last part of the path counts)
 *   EISDIR, EINVAL   a directory; anything else but a regular file
 *   EPERM   writable by everybody, or owned by neither root nor our euid
 *   EFBIG   more than max_bytes
 *   EAGAIN  it kept changing: try again later
 *
 * or what open() and read() say.  *ret_buf is to be freed; its length is
 * ret_stamp->size, and a NUL stands behind it.
 */
int file_read(const char *path, size_t max_bytes, char **ret_buf,
	      struct file_stamp *ret_stamp, char *error, size_t error_size);

/* Same content, whatever became of the file that holds it? */
bool file_stamp_same_content(const struct file_stamp *a,
			     const struct file_stamp *b);

/*
 * Is there anything else at path now than when the stamp was taken?  One
 * lstat(), no reading.  A missing file differs.  (Two changes within one tick
 * of the kernel's clock that leave the size alone look like one.)
 */
bool file_stamp_differs(const char *path, const struct file_stamp *stamp);

/*
 * A look at a file every second or so that tells a finished change from one
 * in progress: a change counts once all looks for FILE_SETTLE_MS have found
 * the same.  Set `loaded` to the stamp of what was read, and the rest to zero.
 */
#define FILE_SETTLE_MS 7000

struct file_watch {
	struct file_stamp loaded;
	struct file_stamp seen; /* at the last look; no digest */
	int64_t since_ms; /* that `seen` has been so */
	bool moving; /* `seen` differs from `loaded` */
};

enum file_change {
	FILE_UNCHANGED,
	FILE_CHANGING, /* look again */
	FILE_CHANGED, /* read it; said again until `loaded` is set anew */
	FILE_MISSING, /* likewise; or it cannot be looked at */
};

/* `now_ms` is of any clock that only goes forward. */
enum file_change file_watch_look(struct file_watch *watch, const char *path,
				 int64_t now_ms);

/*
 * Some write slowly.  True, with a sentence in `error`, when somebody has the
 * file open for writing (the kernel says so to its owner and to root alone);
 * and, where a last line is expected to end, when it does not end in a file
 * that has changed within FILE_PATIENCE_S.
 */
#define FILE_PATIENCE_S 60

bool file_is_unfinished(const char *path, bool should_end, char *error,
			size_t error_size);

/*
 * Replaces a regular file's content so that a reader, or the next start after
 * a power cut, finds the old or the new one whole: written beside it, synced,
 * renamed, folder synced.  Mode, owner and group are kept, or it fails (only
 * root can keep another's ownership); ACLs and other names (hard links) are
 * not.  If `expected` is not NULL the file must still be what that stamp
 * says, else EAGAIN.
 *
 * Also fails, with a sentence that says so, when only the last sync failed:
 * then the new content is in place already.
 */
int file_replace(const char *path, const char *buf, size_t len,
		 const struct file_stamp *expected, char *error,
		 size_t error_size);

#endif
