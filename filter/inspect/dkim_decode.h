/*
 * dkim_decode.h - what it costs OpenSSL to read a public key.
 */
#ifndef STEELYARD_INSPECT_DKIM_DECODE_H
#define STEELYARD_INSPECT_DKIM_DECODE_H

#include <stdbool.h>

/*
 * From now on d2i_PUBKEY(), which libopendkim calls for each RSA signature,
 * takes OpenSSL's short way.  For a process's start, before other threads use
 * OpenSSL; needless a second time, but no harm.  False where OpenSSL has no
 * such way, or no memory: then keys are read as always, in ten times the time.
 */
bool decode_directly(void);

#endif
