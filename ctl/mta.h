/*
 * mta.h - the MTA's side of the milter protocol, for one message.
 */
#ifndef STEELYARD_CTL_MTA_H
#define STEELYARD_CTL_MTA_H

#include <jansson.h>
#include <stdbool.h>

struct letter;
struct visit;

enum { MTA_WHY = 256 };

/*
 * Brings a message to the filter at `socket` (unix:/path, /path,
 * inet:port@host, inet6:port@host) on a connection of its own, and notes in the
 * finding what the filter answered.  False with one line in `why` when the
 * filter cannot be reached or breaks the protocol.
 */
bool mta_run(const char *socket, const struct visit *visit,
	     const struct letter *letter, json_t *finding, char why[MTA_WHY]);

#endif
