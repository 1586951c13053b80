/*
 * main.h - an inspector, from its start to its end.
 *
 * One thread a channel; each serves one message at a time (serve.h).  Signals
 * that a terminal or a service manager sends to the whole group are ignored:
 * an inspector ends when the filter has closed all channels, or by SIGKILL.
 */
#ifndef STEELYARD_INSPECT_MAIN_H
#define STEELYARD_INSPECT_MAIN_H

/*
 * Expects the descriptors of filter/link.h.  Never returns: exits with 0 when
 * all channels are closed, 1 if it could not start (errno's text on stderr).
 */
int inspector_main(unsigned channels) __attribute__((noreturn));

#endif
