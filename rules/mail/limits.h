/*
 * limits.h - how much of a message's header is read, and no more.
 *
 * What lies past a limit is counted and reported, never stored.  RFC 5322
 * knows one limit only (998 bytes a line, section 2.1.1); the others are ours,
 * an order of magnitude above what honest mail needs.  All are in bytes unless
 * the name says otherwise.
 */
#ifndef STEELYARD_RULES_MAIL_LIMITS_H
#define STEELYARD_RULES_MAIL_LIMITS_H

#define MAIL_FIELD_MAX 65536 /* one field: name, colon, value, folds */
#define MAIL_FIELDS_MAX 1000 /* fields in a header block */
#define MAIL_HEADER_MAX 262144 /* the block, line ends included */
#define MAIL_LINE_MAX 998 /* a line without its end, RFC 5322 2.1.1 */

#define MAIL_PATH_MAX 2048 /* an envelope path as the MTA gave it */
#define MAIL_LOCAL_MAX 64 /* octets, RFC 5321 4.5.3.1.1; longer is flagged */
#define MAIL_DOMAIN_MAX 253 /* octets without the final dot, RFC 1035 2.3.4 */
#define MAIL_DOMAIN_SIZE 256 /* room for a domain or literal, and a NUL */
#define MAIL_LABEL_MAX 63 /* octets of one label */

#define MAIL_MAILBOXES_MAX 1000 /* mailboxes in one field */
#define MAIL_COMMENT_DEPTH 32 /* comments in comments */
#define MAIL_CHARSET_MAX 40 /* octets of a charset's name, RFC 2978 2.3 */

#endif
