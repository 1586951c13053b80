/*
 * listen.h - the sockets on which others find us.
 *
 * A Unix socket gets its permissions before anybody can connect, lies in a
 * folder that is made if missing, and is guarded by a lock file beside it.
 * What a dead process left behind is removed; a socket that answers is not,
 * unless it is that of our own predecessor, whose lock we hold by then.
 */
#ifndef STEELYARD_FILTER_LISTEN_H
#define STEELYARD_FILTER_LISTEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum listen_kind { LISTEN_UNIX, LISTEN_INET, LISTEN_INET6 };
enum { LISTEN_PATH_SIZE = 108, LISTEN_HOST_SIZE = 256 };

struct listen_address {
	enum listen_kind kind;
	char path[LISTEN_PATH_SIZE]; /* of LISTEN_UNIX */
	char host[LISTEN_HOST_SIZE]; /* a name or an address */
	uint16_t port;
};

/*
 * Reads "unix:/path", "local:/path", "inet:port@host", "inet6:port@host" (an
 * address of IPv6 may stand in brackets).  False with one line in `why`.
 */
bool listen_parse(const char *text, struct listen_address *ret, char *why,
		  size_t why_size);

/* Who may use a Unix socket; uid and gid -1 leave our own. */
struct listen_rights {
	unsigned mode;
	uid_t uid; /* of socket, lock, and a folder that is made */
	gid_t gid; /* of socket and folder */
};

struct listen_socket {
	int fd; /* -1: closed */
	int lock_fd;
	bool made; /* the file is ours to remove */
	dev_t device;
	ino_t inode;
	char path[LISTEN_PATH_SIZE];
};

enum listen_answer {
	LISTEN_OK,
	LISTEN_FAILED, /* `why` says what to mend */
	LISTEN_RUNNING, /* another instance has it; `why` names the pid */
};

/*
 * Opens, non-blocking for accept(2), with a backlog of 512.  An address of the
 * Internet that is still in use is tried for two seconds.
 */
enum listen_answer listen_open(struct listen_socket *ret,
			       const struct listen_address *address,
			       const struct listen_rights *rights, char *why,
			       size_t why_size);

/* Takes over a listening socket that the service manager has opened. */
void listen_adopt(struct listen_socket *ret, int fd);

/*
 * The filter serves it: says once more that it is us who listen.  libmilter
 * calls listen(2) itself, after which SO_PEERCRED would name the filter, and a
 * successor could not tell whose socket it is.  A socket that libmilter has
 * bound too, at `path`, is ours to remove from now on.
 */
void listen_served(struct listen_socket *sock);

/*
 * Gives a Unix socket that libmilter has bound the rights that it shall have;
 * -1 with errno.
 */
int listen_give(const char *path, const struct listen_rights *rights);

/* Stops listening and removes the file if it is still the one we made. */
void listen_close(struct listen_socket *sock);

/* Is `fd` a stream socket that listens on `address`? */
bool listen_matches(int fd, const struct listen_address *address);

/*
 * Makes a folder and all above it; `mode`, `uid` and `gid` are of the last.  An
 * existing one is left as it is.  -1 with errno.
 */
int listen_make_folder(const char *path, mode_t mode, uid_t uid, gid_t gid);

/*
 * May anybody remove what is in the folder that `path` lies in, and put
 * something else there?
 */
bool listen_is_exposed(const char *path);

#endif
