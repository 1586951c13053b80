/*
 * ref.h - the reference of a transaction, XXXX-XXXX.
 *
 * Eight characters of Crockford's base 32 (no I, L, O, U, so it can be read out
 * on the telephone).  A process never gives the same one twice in 2^40, and
 * where it starts is random.  Any thread may call.
 */
#ifndef STEELYARD_FILTER_REF_H
#define STEELYARD_FILTER_REF_H

enum { REF_SIZE = 10 };

void ref_next(char ret_ref[REF_SIZE]);

#endif
