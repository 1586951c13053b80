/*
 * link.c - what supervisor and filter say to each other.
 */
#include "filter/link.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

union control {
	char bytes[CMSG_SPACE(sizeof(int) * LINK_FDS_MAX)];
	struct cmsghdr align;
};

int link_send(int fd, const struct link_message *message, const int *fds,
	      size_t fd_count)
{
	struct iovec iov = { (void *)message, sizeof(*message) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	union control control;
	ssize_t sent;

	if (fd_count > LINK_FDS_MAX) {
		errno = EINVAL;
		return -1;
	}
	if (fd_count > 0) {
		struct cmsghdr *head;

		memset(&control, 0, sizeof(control));
		msg.msg_control = control.bytes;
		msg.msg_controllen = CMSG_SPACE(sizeof(int) * fd_count);
		head = CMSG_FIRSTHDR(&msg);
		head->cmsg_level = SOL_SOCKET;
		head->cmsg_type = SCM_RIGHTS;
		head->cmsg_len = CMSG_LEN(sizeof(int) * fd_count);
		memcpy(CMSG_DATA(head), fds, sizeof(int) * fd_count);
	}
	do
		sent = sendmsg(fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (sent < 0 && errno == EINTR);
	return sent < 0 ? -1 : 0;
}

/* Collects what came along; there may be more than one SCM_RIGHTS. */
static size_t take_fds(struct msghdr *msg, int ret_fds[LINK_FDS_MAX])
{
	struct cmsghdr *head;
	size_t count = 0;

	for (head = CMSG_FIRSTHDR(msg); head; head = CMSG_NXTHDR(msg, head)) {
		size_t bytes;

		if (head->cmsg_level != SOL_SOCKET ||
		    head->cmsg_type != SCM_RIGHTS)
			continue;
		bytes = head->cmsg_len - CMSG_LEN(0);
		/* the kernel fills no more than the room it was given */
		memcpy(ret_fds + count, CMSG_DATA(head), bytes);
		count += bytes / sizeof(int);
	}
	return count;
}

int link_receive(int fd, struct link_message *ret_message,
		 int ret_fds[LINK_FDS_MAX], size_t *ret_fd_count)
{
	struct link_message message;
	struct iovec iov = { &message, sizeof(message) };
	union control control;
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = control.bytes,
			      .msg_controllen = sizeof(control.bytes) };
	int fds[LINK_FDS_MAX];
	size_t count, i;
	ssize_t got;

	do
		got = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	while (got < 0 && errno == EINTR);
	/* a peer that was killed with words of ours unread is simply gone */
	if (got < 0 && errno == ECONNRESET)
		return 0;
	if (got <= 0)
		return (int)got;
	count = take_fds(&msg, fds);
	if (got != (ssize_t)sizeof(message) ||
	    (msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC))) {
		for (i = 0; i < count; i++)
			close(fds[i]);
		errno = EPROTO;
		return -1;
	}
	*ret_message = message;
	memcpy(ret_fds, fds, sizeof(int) * count);
	*ret_fd_count = count;
	return 1;
}
