/* talk.c - connections to a milter, driven by one thread. */
#include "tests/bench/talk.h"
#include "tests/bench/dial.h"
#include "tests/bench/letter.h"

#include <libmilter/mfapi.h>
#include <libmilter/mfdef.h>

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define SILENCE_MS 30000
#define READ_SIZE 8192
#define BROKEN_MAX 100

struct talk {
	int fd; /* -1: not connected */
	bool blocked; /* waits for room to write */
	struct wire_deal deal;
	struct wire_script script;
	size_t event; /* the next to send, or the one that waits */
	size_t sent; /* bytes of the script */
	uint64_t began; /* the message */
	uint64_t asked; /* the step that waits; 0: none */
	unsigned mails; /* begun on this connection */
	uint32_t client;
	unsigned refused; /* recipients of this message */
	unsigned char *in;
	size_t have;
	size_t room;
};

struct run {
	const struct talk_settings *set;
	struct talk_result *result;
	struct dial dial;
	int epoll;
	uint32_t claimed; /* messages, by the connections that will send them */
	uint32_t begun; /* messages */
	uint32_t connected; /* connections, so far */
	unsigned open; /* connections */
};

static void talk_open(struct run *run, struct talk *t);

static void talk_close(struct run *run, struct talk *t)
{
	close(t->fd); /* leaves the epoll by itself */
	t->fd = -1;
	t->have = 0;
	t->asked = 0;
	t->blocked = false;
	run->open--;
}

static void talk_break(struct run *run, struct talk *t, const char *why)
{
	struct talk_result *r = run->result;

	warnx("talk broken at %s: %s",
	      wire_step_name(t->script.events[t->event].step), why);
	if (++r->broken >= BROKEN_MAX)
		errx(1, "%d talks broken, giving up", BROKEN_MAX);
	talk_close(run, t);
	talk_open(run, t);
}

/* Writes up to `end` of the script.  0: done, 1: blocked, -1: gone. */
static int talk_push(struct run *run, struct talk *t, size_t end)
{
	while (t->sent < end) {
		size_t len = end - t->sent;
		ssize_t n;

		if (len > run->dial.buffer)
			len = run->dial.buffer;
		n = write(t->fd, t->script.bytes + t->sent, len);
		if (n > 0)
			t->sent += (size_t)n;
		else if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return 1;
		else if (errno != EINTR)
			return -1;
	}
	return 0;
}

static void talk_want(struct run *run, struct talk *t, bool blocked)
{
	struct epoll_event ev = {
		.events = EPOLLIN | (blocked ? (uint32_t)EPOLLOUT : 0),
		.data.ptr = t,
	};

	if (t->blocked == blocked)
		return;
	t->blocked = blocked;
	if (epoll_ctl(run->epoll, EPOLL_CTL_MOD, t->fd, &ev) < 0)
		err(1, "epoll_ctl");
}

/* Sends up to the next event that wants a reply. */
static void talk_send(struct run *run, struct talk *t)
{
	for (; t->event < t->script.count; t->event++) {
		const struct wire_event *e = &t->script.events[t->event];
		int rc;

		if (!e->waits && !e->flush)
			continue;
		if (e->waits && t->asked == 0)
			t->asked = sample_clock();
		rc = talk_push(run, t, e->end);
		if (rc < 0) {
			talk_break(run, t, strerror(errno));
			return;
		}
		talk_want(run, t, rc > 0);
		if (rc > 0 || e->waits)
			return;
	}
}

static void talk_mail(struct run *run, struct talk *t)
{
	const struct talk_settings *set = run->set;
	struct wire_mail mail = {
		.number = run->begun,
		.rcpts = set->rcpts,
		.opens = t->mails == 0,
		.client = t->client,
		.letter = &set->letters[run->begun % set->letter_count],
	};

	run->begun++;
	t->mails++;
	t->refused = 0;
	wire_mail(&t->script, &t->deal, &mail);
	t->event = 0;
	t->sent = 0;
	talk_send(run, t);
}

static void talk_open(struct run *run, struct talk *t)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = t };

	if (run->claimed >= run->set->messages)
		return;
	if (run->set->clients > 0)
		t->client = run->set->first_client +
			    run->connected++ % run->set->clients;
	run->claimed++;
	t->began = sample_clock();
	t->fd = dial_open(&run->dial);
	if (t->fd < 0)
		err(1, "%s", run->set->socket);
	if (fcntl(t->fd, F_SETFL, O_NONBLOCK) < 0 ||
	    epoll_ctl(run->epoll, EPOLL_CTL_ADD, t->fd, &ev) < 0)
		err(1, "socket");
	run->open++;
	t->mails = 0;
	wire_offer(&t->script);
	t->event = 0;
	t->sent = 0;
	talk_send(run, t);
}

/* The message is over; `link` tells whether the connection may go on. */
static void talk_next(struct run *run, struct talk *t, uint64_t now, bool link)
{
	bool abort = t->script.events[t->event].step >= WIRE_MAIL;

	sample_add(&run->result->message, now - t->began);
	if (link && t->mails < run->set->per_connection &&
	    run->claimed < run->set->messages) {
		run->claimed++;
		t->began = sample_clock();
		talk_mail(run, t);
		return;
	}
	wire_quit(&t->script, abort);
	t->sent = 0;
	(void)talk_push(run, t, t->script.len);
	talk_close(run, t);
	talk_open(run, t);
}

static void talk_skip(struct talk *t)
{
	enum wire_step step = t->script.events[t->event].step;

	while (t->event + 1 < t->script.count &&
	       t->script.events[t->event + 1].step == step)
		t->event++;
	t->sent = t->script.events[t->event].end;
}

/* A reply that ends the wait of the current step. */
static void talk_answer(struct run *run, struct talk *t, unsigned char cmd)
{
	enum wire_step step = t->script.events[t->event].step;
	uint64_t now = sample_clock();

	sample_add(&run->result->steps[step], now - t->asked);
	t->asked = 0;
	switch (cmd) {
	case SMFIR_SKIP: talk_skip(t); break;
	case SMFIR_CONTINUE: break;
	case SMFIR_SHUTDOWN:
	case SMFIR_CONN_FAIL: talk_next(run, t, now, false); return;
	case SMFIR_REJECT:
	case SMFIR_TEMPFAIL:
	case SMFIR_REPLYCODE:
		if (step == WIRE_RCPT && ++t->refused < run->set->rcpts)
			break;
		/* fall through */
	default: talk_next(run, t, now, step >= WIRE_MAIL); return;
	}
	if (step == WIRE_EOM) {
		talk_next(run, t, now, true);
		return;
	}
	t->event++;
	talk_send(run, t);
}

/* Keeps the header that a whole frame adds; what is not printable becomes ?. */
static void header_note(struct talk_result *r, const unsigned char *frame,
			size_t len)
{
	static const char results[] = "Authentication-Results";
	size_t at = frame[4] == SMFIR_INSHEADER ? 9 : 5;
	size_t n = 0, room = sizeof(r->header);
	char *out = r->header;
	bool name = true;

	if (frame[4] != SMFIR_INSHEADER && frame[4] != SMFIR_ADDHEADER)
		return;
	if (len - at > sizeof(results) &&
	    memcmp(frame + at, results, sizeof(results)) == 0) {
		out = r->authentication;
		room = sizeof(r->authentication);
	}
	for (; at < len && n + 3 < room; at++) {
		char c = (char)frame[at];

		if (c == '\0' && !name)
			break;
		if (c == '\0') {
			name = false;
			out[n++] = ':';
			out[n++] = ' ';
		} else {
			out[n++] = c;
			if (c < ' ' || c > '~' || c == '"' || c == '\\')
				out[n - 1] = '?';
		}
	}
	out[n] = '\0';
}

/* Takes one frame.  Returns why the talk is broken, or NULL. */
static const char *talk_frame(struct run *run, struct talk *t, size_t len)
{
	unsigned char cmd = t->in[4];

	if (t->asked == 0)
		return "a reply where none was due";
	if (t->script.events[t->event].step == WIRE_NEGOTIATE) {
		if (wire_deal_read(&t->deal, t->in, len) < 0)
			return "the negotiation failed";
		sample_add(&run->result->steps[WIRE_NEGOTIATE],
			   sample_clock() - t->asked);
		run->result->deal = t->deal;
		t->asked = 0;
		t->have -= len;
		memmove(t->in, t->in + len, t->have);
		talk_mail(run, t);
		return NULL;
	}
	if (!wire_reply_name(cmd))
		return "an unknown reply";
	run->result->replies[cmd]++;
	header_note(run->result, t->in, len);
	t->have -= len;
	memmove(t->in, t->in + len, t->have);
	if (!wire_reply_more(cmd))
		talk_answer(run, t, cmd);
	else if (t->script.events[t->event].step != WIRE_EOM)
		return "a change before the end of the message";
	return NULL;
}

static void talk_read(struct run *run, struct talk *t)
{
	ssize_t n;

	if (t->room - t->have < READ_SIZE) {
		t->room = t->room * 2 + READ_SIZE;
		t->in = realloc(t->in, t->room);
		if (!t->in)
			err(1, "talk");
	}
	n = read(t->fd, t->in + t->have, t->room - t->have);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		talk_break(run, t, n < 0 ? strerror(errno) : "closed");
		return;
	}
	t->have += (size_t)n;
	while (t->have > 0) {
		long len = wire_frame(t->in, t->have);
		const char *why = "not a frame";

		if (len == 0)
			return;
		if (len > 0)
			why = talk_frame(run, t, (size_t)len);
		if (why) {
			talk_break(run, t, why);
			return;
		}
	}
}

static void talk_wait(struct run *run)
{
	struct epoll_event ready[64];
	int n = epoll_wait(run->epoll, ready, 64, SILENCE_MS);

	if (n < 0 && errno != EINTR)
		err(1, "epoll_wait");
	if (n == 0)
		errx(1, "%s: no reply for %d s", run->set->socket,
		     SILENCE_MS / 1000);
	for (int i = 0; i < n; i++) {
		struct talk *t = ready[i].data.ptr;

		if (ready[i].events & EPOLLOUT)
			talk_send(run, t);
		else
			talk_read(run, t);
	}
}

void talk_run(const struct talk_settings *set, struct talk_result *ret_result)
{
	struct run run = { .set = set, .result = ret_result };
	struct talk *talks = calloc(set->connections, sizeof(*talks));
	uint64_t start;

	*ret_result = (struct talk_result){ 0 };
	signal(SIGPIPE, SIG_IGN);
	dial_read(&run.dial, set->socket);
	if (dial_room(set->connections) < 0)
		err(3, "%u descriptors", set->connections);
	run.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (!talks || run.epoll < 0)
		err(1, "start");
	start = sample_clock();
	for (unsigned i = 0; i < set->connections; i++)
		talk_open(&run, &talks[i]);
	while (run.open > 0)
		talk_wait(&run);
	ret_result->ns = sample_clock() - start;
	for (unsigned i = 0; i < set->connections; i++) {
		wire_done(&talks[i].script);
		free(talks[i].in);
	}
	free(talks);
	close(run.epoll);
}

/* Reads one reply, the whole frame, from a blocking socket. */
static size_t hold_read(int fd, unsigned char *frame, size_t room)
{
	size_t have = 0;

	for (;;) {
		long len = wire_frame(frame, have);
		ssize_t n;

		if (len < 0 || have == room)
			errx(1, "hold: not a frame");
		if (len > 0)
			return (size_t)len;
		n = read(fd, frame + have, room - have);
		if (n <= 0)
			errx(1, "hold: the filter gave no reply: %s",
			     n < 0 ? strerror(errno) : "closed");
		have += (size_t)n;
	}
}

static int hold_open(const struct dial *dial, struct wire_script *script)
{
	const struct wire_mail mail = { .opens = true, .bare = true };
	struct timeval patience = { .tv_sec = SILENCE_MS / 1000 };
	unsigned char frame[8192];
	struct wire_deal deal;
	int fd = dial_open(dial);
	size_t sent = 0;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience,
				 sizeof(patience)) < 0)
		err(1, "hold");
	wire_offer(script);
	if (write(fd, script->bytes, script->len) != (ssize_t)script->len)
		err(1, "hold");
	if (wire_deal_read(&deal, frame, hold_read(fd, frame, sizeof(frame))) <
	    0)
		errx(1, "hold: the negotiation failed");
	wire_mail(script, &deal, &mail);
	/*
	 * Postfix would hold HELO back if nothing waits; here it must arrive.
	 */
	for (size_t i = 0; i < script->count; i++) {
		const struct wire_event *e = &script->events[i];
		size_t len = e->end - sent;

		if (write(fd, script->bytes + sent, len) != (ssize_t)len)
			err(1, "hold");
		sent = e->end;
		if (!e->waits)
			continue;
		hold_read(fd, frame, sizeof(frame));
		if (frame[4] != SMFIR_CONTINUE && frame[4] != SMFIR_ACCEPT)
			errx(1, "hold: refused at %s", wire_step_name(e->step));
	}
	return fd;
}

void talk_hold(const char *socket, unsigned count)
{
	struct wire_script script = { 0 };
	struct dial dial;
	char byte;
	int *fds;

	signal(SIGPIPE, SIG_IGN);
	dial_read(&dial, socket);
	if (dial_room(count) < 0)
		err(3, "no room for %u descriptors", count);
	fds = calloc(count, sizeof(*fds));
	if (!fds)
		err(1, "hold");
	for (unsigned i = 0; i < count; i++)
		fds[i] = hold_open(&dial, &script);
	printf("holding %u\n", count);
	fflush(stdout);
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
	wire_quit(&script, false);
	for (unsigned i = 0; i < count; i++) {
		(void)!write(fds[i], script.bytes, script.len);
		close(fds[i]);
	}
	wire_done(&script);
	free(fds);
}

void talk_result_done(struct talk_result *result)
{
	sample_done(&result->message);
	for (int i = 0; i < WIRE_STEPS; i++)
		sample_done(&result->steps[i]);
}
