/* test_link.c - packets with descriptors between supervisor and filter. */
#include "filter/link.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct pair {
	int ends[2];
};

static int open_pair(void **state)
{
	static struct pair pair;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair.ends) <
	    0)
		return -1;
	*state = &pair;
	return 0;
}

static int close_pair(void **state)
{
	struct pair *pair = *state;

	close(pair->ends[0]);
	close(pair->ends[1]);
	return 0;
}

static int open_fds(void)
{
	int fd, count = 0;

	for (fd = 0; fd < 1024; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

static int receive(struct pair *pair, struct link_message *ret, int *fds,
		   size_t *ret_count)
{
	return link_receive(pair->ends[1], ret, fds, ret_count);
}

static void test_words_arrive_whole(void **state)
{
	struct pair *pair = *state;
	struct link_message sent = { LINK_INSPECTOR_GONE, 7, 4711, -9 }, got;
	int fds[LINK_FDS_MAX];
	size_t count = 99;

	assert_int_equal(link_send(pair->ends[0], &sent, NULL, 0), 0);
	assert_int_equal(receive(pair, &got, fds, &count), 1);
	assert_memory_equal(&sent, &got, sizeof(sent));
	assert_int_equal(count, 0);
}

static void test_descriptors_come_along(void **state)
{
	struct pair *pair = *state;
	struct link_message sent = { .verb = LINK_INSPECTOR }, got;
	int fds[LINK_FDS_MAX], mine[LINK_FDS_MAX];
	size_t count = 0, i;
	int before = open_fds(), pipe_ends[2];
	char byte = 0;

	assert_int_equal(pipe(pipe_ends), 0);
	for (i = 0; i < LINK_FDS_MAX; i++)
		mine[i] = pipe_ends[1];
	assert_int_equal(link_send(pair->ends[0], &sent, mine, LINK_FDS_MAX),
			 0);
	assert_int_equal(receive(pair, &got, fds, &count), 1);
	assert_int_equal(count, LINK_FDS_MAX);
	for (i = 0; i < count; i++) {
		assert_true(fcntl(fds[i], F_GETFD) & FD_CLOEXEC);
		assert_int_equal(write(fds[i], "x", 1), 1);
		assert_int_equal(read(pipe_ends[0], &byte, 1), 1);
		close(fds[i]);
	}
	close(pipe_ends[0]);
	close(pipe_ends[1]);
	assert_int_equal(open_fds(), before);
}

static void test_too_many_are_refused(void **state)
{
	struct pair *pair = *state;
	struct link_message sent = { .verb = LINK_INSPECTOR };
	int mine[LINK_FDS_MAX + 1] = { 0 };

	assert_int_equal(link_send(pair->ends[0], &sent, mine,
				   LINK_FDS_MAX + 1),
			 -1);
	assert_int_equal(errno, EINVAL);
}

static void test_silence_is_no_error(void **state)
{
	struct pair *pair = *state;
	struct link_message got;
	int fds[LINK_FDS_MAX];
	size_t count;

	assert_int_equal(receive(pair, &got, fds, &count), -1);
	assert_int_equal(errno, EAGAIN);
}

static void test_the_end_is_seen(void **state)
{
	struct pair *pair = *state;
	struct link_message got;
	int fds[LINK_FDS_MAX];
	size_t count;

	shutdown(pair->ends[0], SHUT_RDWR);
	assert_int_equal(receive(pair, &got, fds, &count), 0);
	assert_int_equal(link_send(pair->ends[0], &got, NULL, 0), -1);
	assert_int_equal(errno, EPIPE);
}

/* A packet of another size is not ours; what it brought is closed. */
static void test_malformed_is_refused(void **state)
{
	struct pair *pair = *state;
	static const size_t sizes[] = { 1, sizeof(struct link_message) - 1,
					sizeof(struct link_message) + 1 };
	char bytes[64] = { 0 };
	struct link_message got;
	int fds[LINK_FDS_MAX];
	size_t count, i;
	int before = open_fds();

	for (i = 0; i < 3; i++) {
		struct iovec iov = { bytes, sizes[i] };
		char control[CMSG_SPACE(sizeof(int))] = { 0 };
		struct msghdr msg = { .msg_iov = &iov,
				      .msg_iovlen = 1,
				      .msg_control = control,
				      .msg_controllen = sizeof(control) };
		struct cmsghdr *head = CMSG_FIRSTHDR(&msg);

		head->cmsg_level = SOL_SOCKET;
		head->cmsg_type = SCM_RIGHTS;
		head->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(head), &pair->ends[0], sizeof(int));
		assert_int_equal(sendmsg(pair->ends[0], &msg, 0),
				 (int)sizes[i]);
		assert_int_equal(receive(pair, &got, fds, &count), -1);
		assert_int_equal(errno, EPROTO);
	}
	assert_int_equal(open_fds(), before);
}

static void test_a_full_link_does_not_block(void **state)
{
	struct pair *pair = *state;
	struct link_message sent = { .verb = LINK_PING };
	int i = 0;

	while (link_send(pair->ends[0], &sent, NULL, 0) == 0)
		assert_true(i++ < 1000000);
	assert_int_equal(errno, EAGAIN);
}

#define EACH(t) cmocka_unit_test_setup_teardown(t, open_pair, close_pair)

int main(void)
{
	const struct CMUnitTest tests[] = {
		EACH(test_words_arrive_whole),
		EACH(test_descriptors_come_along),
		EACH(test_too_many_are_refused),
		EACH(test_silence_is_no_error),
		EACH(test_the_end_is_seen),
		EACH(test_malformed_is_refused),
		EACH(test_a_full_link_does_not_block),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
