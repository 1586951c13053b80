/*
 * facts.h - what can be known about a message, and what is known so far.
 *
 * Checks establish facts, rules read them, and nothing else passes between the
 * two.  The table in facts.c names every fact, its type, the phase of the SMTP
 * conversation in which it is known, and its meaning; manual, CLI and journal
 * are made from it.
 *
 * Two kinds of facts are parametric, so their number is the rule set's: header
 * fields (`header("Subject")`) and the answers of DNS lists.  A compiled rule
 * set gives each one that it reads a *slot*; see struct fact_ref.
 *
 * A `struct facts` belongs to one message and to one thread at a time.  Values
 * live in its arena or longer; nothing is copied here.
 */
#ifndef STEELYARD_RULES_FACTS_H
#define STEELYARD_RULES_FACTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lists/ip.h"

struct arena;

/* The stages of a transaction, in the order in which the MTA reports them. */
enum phase {
	PHASE_CONNECT,
	PHASE_HELO,
	PHASE_MAIL,
	PHASE_RCPT,
	PHASE_DATA,
	PHASE_EOM,
	PHASE_COUNT,
};

enum fact_id {
	/* the connection */
	FACT_CLIENT_IP,
	FACT_CLIENT_PORT,
	FACT_CLIENT_MTA_NAME,
	FACT_CLIENT_MTA_PTR,
	FACT_CLIENT_MTA_RESOLVE,
	FACT_CLIENT_IS_LOCAL,
	FACT_MTA_DAEMON,
	/* HELO */
	FACT_HELO_NAME,
	FACT_HELO_IS_LITERAL,
	FACT_HELO_IS_IP,
	FACT_HELO_IS_QUALIFIED,
	FACT_HELO_IS_VALID,
	FACT_HELO_IS_CLIENT_IP,
	FACT_HELO_IS_OURS,
	/* MAIL */
	FACT_SENDER,
	FACT_SENDER_LOCAL,
	FACT_SENDER_DOMAIN,
	FACT_SENDER_IS_NULL,
	FACT_SENDER_IS_VALID,
	FACT_SENDER_SIZE,
	FACT_SENDER_SMTPUTF8,
	FACT_CLIENT_AUTH,
	FACT_CLIENT_AUTH_NAME,
	FACT_CLIENT_AUTH_TYPE,
	FACT_CLIENT_TLS,
	FACT_CLIENT_TLS_CIPHER,
	FACT_CLIENT_CERT_SUBJECT,
	FACT_CLIENT_CERT_ISSUER,
	FACT_CLIENT_CERT_VERIFIED,
	/* how the connection went until MAIL */
	FACT_CLIENT_TRANSACTIONS,
	FACT_CLIENT_RESETS,
	FACT_CLIENT_UNKNOWN_COMMANDS,
	FACT_CLIENT_REFUSED_RCPTS,
	/* from DNS, known at MAIL; see filter/lookups.h */
	FACT_CLIENT_PTR,
	FACT_CLIENT_NAME,
	FACT_CLIENT_IS_DYNAMIC,
	FACT_HELO_RESOLVES,
	FACT_HELO_MATCHES_CLIENT,
	FACT_SENDER_EXISTS,
	FACT_SENDER_MX,
	FACT_SENDER_NULL_MX,
	FACT_SENDER_BOGUS_MX,
	/* SPF of the envelope, as the inspector found it; known at MAIL */
	FACT_SPF,
	FACT_SPF_HELO,
	FACT_SPF_DOMAIN,
	FACT_SPF_MECHANISM,
	FACT_SPF_LOOKUPS,
	FACT_SPF_EXPLANATION,
	FACT_SPF_OPEN,
	FACT_SPF_ERROR,
	/* one recipient */
	FACT_RCPT,
	FACT_RCPT_LOCAL,
	FACT_RCPT_DOMAIN,
	/* all recipients */
	FACT_RCPT_COUNT,
	/* the header, as the inspector read it */
	FACT_FROM_DOMAIN,
	FACT_FROM_ADDRESS,
	FACT_FROM_NAME,
	FACT_FROM_COUNT,
	FACT_FROM_MAILBOXES,
	FACT_FROM_IS_VALID,
	FACT_REPLY_TO_DOMAIN,
	FACT_SUBJECT,
	FACT_MESSAGE_ID,
	FACT_MESSAGE_ID_IS_VALID,
	FACT_DATE,
	FACT_DATE_IS_VALID,
	FACT_DATE_AGE,
	FACT_RECEIVED_COUNT,
	FACT_HEADER_COUNT,
	FACT_HEADER_SIZE,
	FACT_HEADER_IS_VALID,
	FACT_HEADER_8BIT,
	FACT_HEADER_NUL,
	FACT_HEADER_BARE_CR,
	FACT_HEADER_REPEATED,
	FACT_HEADER_TRUNCATED,
	/* the body */
	FACT_BODY_SIZE,
	FACT_BODY_NUL,
	FACT_BODY_BARE_CR,
	FACT_BODY_BARE_LF,
	FACT_BODY_LONGEST_LINE,
	/* who vouches for the message, as the inspector found it */
	FACT_DKIM,
	FACT_DKIM_DOMAIN, /* this and what follows: of the best signature */
	FACT_DKIM_SELECTOR,
	FACT_DKIM_ALGORITHM,
	FACT_DKIM_BITS,
	FACT_DKIM_COVERED,
	FACT_DKIM_AGE,
	FACT_DKIM_EXPIRED,
	FACT_DKIM_TESTING,
	FACT_DKIM_ERROR,
	FACT_DKIM_ALIGNED,
	FACT_DKIM_COUNT,
	FACT_DKIM_RESULTS, /* parallel sets: n-th value, n-th signature */
	FACT_DKIM_DOMAINS,
	FACT_DKIM_SELECTORS,
	FACT_DKIM_ALGORITHMS,
	FACT_DKIM_DIGESTS,
	FACT_DKIM_KEY_SIZES,
	FACT_DKIM_COVERAGES,
	FACT_DKIM_AGES,
	FACT_DKIM_POSSIBLE, /* domains: passed, or might have */
	FACT_DKIM_PASSED, /* domains */
	FACT_DKIM_ALIGNMENTS, /* parallel to those above, by DMARC's means */
	FACT_DMARC,
	FACT_DMARC_POLICY,
	FACT_DMARC_DOMAIN,
	FACT_DMARC_ORG_DOMAIN,
	FACT_DMARC_ALIGNED_SPF,
	FACT_DMARC_ALIGNED_DKIM,
	FACT_DMARC_TESTING,
	FACT_DMARC_RECORD_ERROR,
	FACT_DKIM_SEEN, /* the filter's own, from those above */
	/* what later phases of the check establish */
	FACT_BODY_URLS,
	FACT_ARC_TRUSTED,
	FACT_BULK_COUNT,
	FACT_BULK_NETWORKS,
	FACT_FIXED, /* how many the table holds */
	/* parametric: the slot tells which */
	FACT_HEADER = FACT_FIXED, /* header("N"): unfolded, decoded */
	FACT_HEADER_RAW, /* header.raw("N"): as sent */
	FACT_DNSBL, /* answers of one DNS list */
	FACT_ID_COUNT,
};

enum fact_type {
	FACT_TYPE_BOOL,
	FACT_TYPE_NUMBER,
	FACT_TYPE_STRING,
	FACT_TYPE_IP,
	FACT_TYPE_ENUM,
	FACT_TYPE_SET, /* several strings; a test holds if it does for any */
};

/*
 * How strings of a fact compare.  All ignore ASCII case; a domain also ignores
 * one trailing dot.  The kind says which lists a fact may be looked up in.
 */
enum fact_kind {
	FACT_KIND_PLAIN,
	FACT_KIND_DOMAIN,
	FACT_KIND_ADDRESS,
	FACT_KIND_IP,
};

enum fact_state {
	FACT_PENDING, /* its phase has not ended yet */
	FACT_KNOWN, /* the value holds */
	FACT_NONE, /* absence is proven */
	FACT_UNKNOWN, /* a check failed; the cause says why */
	FACT_NOT_ASKED, /* nobody tried */
};

/* Why a fact is unknown. */
enum fact_cause {
	CAUSE_UNSTATED,
	CAUSE_TIMEOUT, /* no answer in time */
	CAUSE_FAILED, /* the answer was an error */
	CAUSE_BUSY, /* no channel or room was free */
	CAUSE_CRASHED, /* the inspector died on it */
	CAUSE_LIMIT, /* more than we are willing to read */
	CAUSE_COUNT,
};

/* Bytes with a length; may hold NUL, is not terminated. */
struct text {
	const char *at;
	size_t len;
};

struct fact {
	enum fact_state state;
	enum fact_cause cause; /* of FACT_UNKNOWN, or why a set is partial */
	/*
	 * Of a set that is known: there may be more values than these, so a
	 * test that none of them passes is unknown.
	 */
	bool partial;
	/*
	 * Of one that was not asked: it was decided that it is not to matter
	 * for this message, so no test of it holds, nor could one have held.
	 */
	bool waived;
	union {
		bool yes;
		int64_t number;
		struct text text;
		struct ip ip;
		unsigned word; /* index into the row's words */
		struct {
			const struct text *items;
			size_t count;
		} set;
	};
};

/* One row of the table. */
struct fact_row {
	const char *name;
	enum fact_type type;
	enum fact_kind kind;
	enum phase phase; /* known when this phase ends */
	bool per_rcpt; /* differs between the recipients of one message */
	bool built; /* false: no check in this build establishes it */
	const char *const *words; /* of an enum, NULL ends them */
	const char *meaning; /* one line */
};

/*
 * The word by which a check says that DNS did not answer: "temperror" among the
 * words of SPF, DKIM and DMARC.  Such a fact is known, so that log and header
 * can tell, but rules take it for unknown (expr.h).  -1: the row has no such
 * word.
 */
int fact_temperror(const struct fact_row *row);

/*
 * The result without which a fact means nothing: spf for spf.error, which tells
 * what DNS said.  Of all others: the fact itself.
 */
enum fact_id fact_result(enum fact_id id);

/* It could not be found out: unknown, temperror, or a set that is partial. */
bool fact_is_unsure(const struct fact_row *row, const struct fact *fact);
/* Why, in a word; of temperror that word is all that is known. */
const char *fact_unsure_cause(const struct fact_row *row,
			      const struct fact *fact);

/* The row of any fact; parametric ones have a row too (type, phase). */
const struct fact_row *fact_row(enum fact_id id);

/*
 * The fact of this name, or -1.  Parametric names are "header", "header.raw".
 */
int fact_find(const char *name, size_t len);

const char *phase_name(enum phase phase);
const char *fact_type_name(enum fact_type type);
const char *fact_state_name(enum fact_state state);
const char *fact_cause_name(enum fact_cause cause);

/* A fact that a rule reads: for parametric ids `slot` counts from 0. */
struct fact_ref {
	enum fact_id id;
	unsigned slot;
};

struct facts {
	struct arena *arena; /* borrowed */
	struct fact fixed[FACT_FIXED];
	struct fact *slots; /* all parametric facts, numbered by the rule set */
	size_t slot_count;
};

/* All facts pending.  Returns -1 when the arena has no room for the slots. */
int facts_init(struct facts *facts, struct arena *arena, size_t slot_count);

const struct fact *facts_get(const struct facts *facts, struct fact_ref ref);

/*
 * These establish a fact of the table; setting one twice replaces it.  Text is
 * borrowed and must live as long as the facts.
 */
void facts_bool(struct facts *facts, enum fact_id id, bool yes);
void facts_number(struct facts *facts, enum fact_id id, int64_t number);
void facts_text(struct facts *facts, enum fact_id id, const char *at,
		size_t len);
void facts_ip(struct facts *facts, enum fact_id id, const struct ip *ip);
void facts_word(struct facts *facts, enum fact_id id, unsigned word);
void facts_set(struct facts *facts, enum fact_id id, const struct text *items,
	       size_t count);
/* What is there for certain; without any item the fact is unknown. */
void facts_set_partial(struct facts *facts, enum fact_id id,
		       const struct text *items, size_t count,
		       enum fact_cause cause);
void facts_none(struct facts *facts, enum fact_id id);
void facts_unknown(struct facts *facts, enum fact_id id, enum fact_cause cause);
void facts_waive(struct facts *facts, enum fact_id id); /* not asked */
void facts_waive_all(struct facts *facts, enum fact_id from, enum fact_id to);

/* The same for a slot: several values, none, or unknown. */
void facts_slot_set(struct facts *facts, unsigned slot,
		    const struct text *items, size_t count);
void facts_slot_set_partial(struct facts *facts, unsigned slot,
			    const struct text *items, size_t count,
			    enum fact_cause cause);
void facts_slot_none(struct facts *facts, unsigned slot);
void facts_slot_not_asked(struct facts *facts, unsigned slot);
void facts_slot_waive(struct facts *facts, unsigned slot);
void facts_slot_unknown(struct facts *facts, unsigned slot,
			enum fact_cause cause);

/*
 * Ends a phase: what should be known by now and is still pending was not
 * asked.  Slots are handled by ruleset_close_phase(), which knows their phase.
 */
void facts_close(struct facts *facts, enum phase phase);

/*
 * Everything that the inspector should have said and did not (state pending,
 * ids from..to inclusive) becomes unknown for this cause.
 */
void facts_lost(struct facts *facts, enum fact_id from, enum fact_id to,
		enum fact_cause cause);

#endif
