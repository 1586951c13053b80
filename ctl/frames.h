/*
 * frames.h - the frames of the milter protocol, on a blocking socket.
 *
 * A frame is a length (four bytes, network order), a command byte and data; the
 * length counts command and data.  libmilter/mfdef.h has the names.
 */
#ifndef STEELYARD_CTL_FRAMES_H
#define STEELYARD_CTL_FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	FRAMES_WHY = 256,
	FRAME_MAX = 1 << 20, /* a longer reply is an error */
	FRAMES_PATIENCE = 60, /* seconds for a reply */
};

struct frames {
	int fd; /* -1: closed */
	unsigned char *out; /* the frame under construction */
	size_t out_len, out_room;
	unsigned char *in; /* the last reply's data, with a NUL behind it */
	size_t in_len;
	bool failed; /* nothing more is sent or read */
	char why[FRAMES_WHY];
};

/* False with one line in `frames->why`; frames_close() in any case. */
bool frames_open(struct frames *frames, const char *socket);
void frames_close(struct frames *frames);

/* Builds a frame, then sends it.  Errors are kept until frames_send(). */
void frames_begin(struct frames *frames, char command);
void frames_text(struct frames *frames, const char *text); /* with its NUL */
void frames_bytes(struct frames *frames, const void *bytes, size_t len);
void frames_number(struct frames *frames, uint32_t number);
bool frames_send(struct frames *frames);

/* The next reply's command; its data is in frames->in.  0: failed. */
char frames_read(struct frames *frames);

/* A number, or the next text, in the reply; false if there is none. */
bool frames_take_number(struct frames *frames, size_t *at, uint32_t *ret);
const char *frames_take_text(struct frames *frames, size_t *at);

/* Notes the first failure; always false. */
bool frames_fail(struct frames *frames, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
