/*
 * sender_key.h - what stays the same about a sender from one mail to the next.
 *
 * A greylist knows a sender again by his address; but many write each mail, or
 * each attempt at one, in another name.  So that is taken off which changes:
 *
 *   bounces-12345@          digit runs, codes     bounces-#@
 *   list-return-7-you=example.org@  recipient     list-return-#-*@
 *   prvs=2234abcdef=joe@    BATV                  joe@
 *   joe+news@               plus tag              joe@
 *   SRS0=a1b2=XY=example.org=joe@  forwarder      srs0=#=#=example.org=joe@
 *
 * The sender is one of three parts of a triplet; he who is proven by another
 * is not his neighbour's.  So two senders of one identity that become one by
 * mistake cost nothing but a wait, while one sender who looks new each time is
 * delayed each time: in doubt it is taken off.  Kept apart is what people are
 * told by: a local part that is a number and nothing else, short numbers at
 * the end of a name.
 *
 * The key is one word of printable ASCII, without blank, quote and backslash.
 * Bytes that are neither atext nor dot (RFC 5322 section 3.2.3) stand as
 * "{20}".  ASCII case is gone, in the local part too.  The key of a key is the
 * key itself.  The null sender's is "<>", as no address has one.
 *
 * Pure functions, linear in their input, for any thread; nothing is allocated.
 */
#ifndef LISTS_SENDER_KEY_H
#define LISTS_SENDER_KEY_H

#include <stddef.h>

#define SENDER_INPUT_MAX 2048 /* longer ones are known by a digest alone */
#define SENDER_LOCAL_MAX 128 /* bytes of the key; longer: a digest */
#define SENDER_DOMAIN_MAX 255
#define SENDER_KEY_SIZE (SENDER_LOCAL_MAX + 1 + SENDER_DOMAIN_MAX + 1)

/*
 * Exactly len bytes of an address without angle brackets; the local part may
 * be in quotes, which mean nothing.  "" and "<>" are the null sender.  Any
 * bytes are taken.  Writes the key and returns its length.
 */
size_t sender_key(const char *address, size_t len, char buf[SENDER_KEY_SIZE]);

/*
 * The same word for a recipient: nothing is taken off but case and quotes, and
 * "{" stands as "{7b}", so that two recipients never become one (but for those
 * of which only a digest is kept).
 */
size_t recipient_key(const char *address, size_t len,
		     char buf[SENDER_KEY_SIZE]);

#endif
