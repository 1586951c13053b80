/*
 * checks.h - what the filter finds out itself, one function a phase.
 *
 * A check reads the envelope and establishes facts, nothing else.  It never
 * waits.  All of them are listed in the table of phases.c.
 */
#ifndef STEELYARD_FILTER_CHECKS_H
#define STEELYARD_FILTER_CHECKS_H

struct envelope;
struct facts;

void check_client(const struct envelope *envelope, struct facts *facts);
void check_helo(const struct envelope *envelope, struct facts *facts);
void check_login(const struct envelope *envelope, struct facts *facts);
void check_sender(const struct envelope *envelope, struct facts *facts);
void check_manners(const struct envelope *envelope, struct facts *facts);
void check_rcpt(const struct envelope *envelope, struct facts *facts);

#endif
