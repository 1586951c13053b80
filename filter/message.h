/*
 * message.h - one message on a session: what session.c, enquiry.c, content.c,
 * speak.c, changes.c and report.c share.  Nobody else includes this.
 */
#ifndef STEELYARD_FILTER_MESSAGE_H
#define STEELYARD_FILTER_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "filter/checks/authres.h"
#include "filter/phases.h"
#include "filter/ref.h"
#include "filter/session.h"
#include "rules/arena.h"
#include "rules/facts.h"
#include "lists/triplet.h"
#include "rules/hits.h"

struct inspection;
struct lookups;
struct message_authentication;

/* A header field as the MTA gave it. */
struct field {
	const char *name;
	const char *value; /* from right behind the colon */
	size_t name_len, value_len;
};

/*
 * The fields of one name: how many there are, and which of them, by their
 * number from 1, are forged.  Only the first FORGED_MAX are listed.
 */
struct forged {
	unsigned seen, count;
	unsigned *numbers;
	unsigned room;
	bool lost; /* there was no memory for the list */
};

/* An accepted recipient, with the facts that are its own. */
struct recipient {
	struct fact rcpt, local, domain;
	struct greylist_said greylist;
	bool is_trap;
};

/* What was said of the connection, kept over messages. */
enum said {
	SAID_MTA_NAME,
	SAID_MTA_PTR,
	SAID_MTA_RESOLVE,
	SAID_DAEMON,
	SAID_OUR_NAME,
	SAID_OUR_IF_NAME,
	SAID_OUR_ADDR,
	SAID_HELO,
	SAID_COUNT,
};
struct kept {
	char *text; /* NULL: there was none, or it was lost */
	bool lost; /* there was no memory for it: unknown, not none */
};

enum {
	RECIPIENTS_MAX = 1000, /* RFC 5321 section 4.5.3.1.8 asks for 100 */
	RECIPIENTS_ROOM = 1024 * 1024, /* bytes for their addresses */
	WORK_ROOM = 16 * 1024 * 1024, /* for one answer; see struct message */
	/*
	 * Forged fields, each kind by itself: more than these are refused, as
	 * the MTA's cost of removing them grows with the square.  Postfix takes
	 * 0.3 s for 1,000, and 2.6 s for 4,000.
	 */
	OWN_HEADERS_MAX = 200, /* X-Steelyard */
	FORGED_TAKEN_MAX = 1000, /* results in our name */
	FORGED_MAX = 4000, /* of any kind: so many go where none is refused */
};

struct message {
	bool open; /* from MAIL until its end */
	bool spoken; /* a verdict for the whole message was given */
	bool fault; /* memory ran out under it */
	char ref[REF_SIZE];
	bool ref_spoken; /* in the refusal of a recipient */
	/*
	 * What strangers send cannot take the room of what we have to say: the
	 * message's own facts and header live in `arena`, what its
	 * accepted recipients leave behind in `rcpt_arena`, and whatever serves
	 * one answer or one log line in `work`, emptied for each recipient.
	 * `judged` holds the hits of two recipients, to keep the milder.
	 */
	struct arena arena, rcpt_arena, work, judged[2];
	struct facts facts;
	struct hits *hits;
	int64_t began_ms; /* monotonic */
	const char *queue_id; /* or NULL */

	struct recipient *rcpts;
	size_t rcpt_count, rcpt_room;
	size_t rcpts_uncounted; /* accepted beyond RECIPIENTS_MAX */
	size_t rcpts_refused, rcpts_split;
	struct hits *first_rcpt_hits; /* of the first accepted recipient */

	struct lookups *lookups; /* NULL: nobody is asked */
	bool sender_due; /* nobody was asked yet: the client may be refused */
	int64_t wait_until_ms; /* before EOM, all waits together; 0: none yet */
	bool settled; /* facts of the envelope are what they will be */
	/*
	 * Who vouches for it is a question, unless it is exempt, or nobody is
	 * to be asked (setting authenticate).  A client that has logged in or
	 * is local is not asked to prove anything: SPF is waived, signatures
	 * are looked at all the same, and where they do not make DMARC a pass
	 * it is waived as well.
	 */
	bool authenticates, own_client;
	bool spf_due; /* SPF is to be asked, or has not been taken */
	struct inspection *spf; /* NULL: nobody is at it */
	enum fact_cause spf_lost; /* why */

	struct field *fields;
	size_t field_count, field_room;
	size_t header_bytes;
	bool header_lost; /* no room for a field: what is absent is unknown */
	struct inspection *inspection;
	enum fact_cause inspection_lost; /* why there is none */
	bool unread; /* nobody could read it: its facts are unknown */
	uint64_t body_bytes;
	uint64_t body_wanted; /* bytes of it that the inspection reads */
	bool body_skipped;

	struct reply reply;
	struct outcome outcome;
	bool has_outcome;
	/* Of the first recipient that was refused, for the log. */
	const char *refused_symbols; /* NULL: none was */
	const char *refused_word;
	char refused_code[4];
	struct verdict refused_verdict;
	struct greylist_said refused_greylist;

	/* Whom the sender is known as, for greylisting; "" until asked. */
	char identity[TRIPLET_IDENTITY_SIZE];
	struct greylist_said greylist; /* the worst answer for who was taken */
	bool greylist_done; /* for the message as a whole */
	bool exempt; /* as known at MAIL */
	bool rcpt_is_trap; /* the one that is spoken of */
	bool trapped, convicted; /* some was; and that was told */
	struct fact trap; /* the first of them, with a NUL behind */
};

struct session {
	struct generation *generation;
	struct inspector_pool *pool;
	const struct mta *mta;
	int64_t (*now)(void);
	struct store *(*store)(void); /* or NULL */
	bool refused;
	bool keep_outcome;
	int refusal_class; /* 4 or 5, of the newest refusal */
	bool out_of_memory; /* MAIL came, and there was no room for it */

	/* the connection */
	struct ip client_ip;
	unsigned client_port;
	bool client_is_local;
	struct kept said[SAID_COUNT];
	struct kept last_queue_id; /* of the message before */
	/* Asked for the next message, as soon as there was a reason to. */
	struct lookups *lookups;
	bool helo_asked; /* among them */
	struct manners manners;

	/* Of this message, counted even where there is no room for it. */
	unsigned own_headers; /* fields that bear our header's name */
	unsigned subjects;
	struct authres_id our_id; /* throughout a message; "" until asked */
	struct forged forged_results, forged_spf;
	bool fault_told, busy_told;

	/*
	 * From MAIL to the message's end (or, with keep_outcome, to the next
	 * MAIL): thousands of idle connections pay nothing for it.
	 */
	struct message *message;
};

/* What checks read of the connection; they allocate in `arena`. */
struct envelope session_envelope(const struct session *session,
				 struct arena *arena);

/* --- session.c, for session_rcpt.c --- */
/*
 * Waits for DNS, unless a refusal is certain whatever it says, and weighs the
 * message's hits.
 */
void session_weigh(struct session *session, enum phase phase);
/* What a fault of ours is told, where an answer is due. */
enum answer session_fault(struct session *session, enum phase phase);

/* --- enquiry.c --- */
/*
 * Each starts what can be asked now; none of them waits.  `same`: the name is
 * that of the HELO before, as after STARTTLS.
 */
void enquiry_connect(struct session *session);
void enquiry_helo(struct session *session, bool same);
void enquiry_mail(struct session *session);
void enquiry_content(struct session *session);
/*
 * Waits, and sets the facts of client and HELO for good, when all that was
 * asked about these has come; false: it has not, or that was done before.
 */
bool enquiry_settle_client(struct session *session);
/* Waits, and sets the facts of the envelope for good; once for a message. */
void enquiry_settle(struct session *session, enum phase phase);
/*
 * What proves who the sender is: SPF, and the client's names.  Waits for it as
 * long as anybody may before the end, or takes what is there.
 */
void enquiry_prove(struct session *session, bool waits);
void enquiry_drop(struct session *session);

/* --- enquiry_spf.c --- */
/* At MAIL.  Does not wait. */
void enquiry_spf_begin(struct session *session);
/*
 * Waits until then, if it must, and sets the facts spf to spf.error for good;
 * once for a message.
 */
void enquiry_spf_settle(struct session *session, int64_t until_ms);
void enquiry_spf_end(struct message *message); /* nobody asks any more */
/*
 * Fills in what SPF says of a message that authenticates: spf, spf_unknown and
 * spf_domain.  False: that is not known yet, and `waits` is not set.
 */
bool enquiry_spf(struct session *session, bool waits,
		 struct message_authentication *ret_said);

/* --- content.c --- */
void content_header(struct session *session, const char *name,
		    const char *value);
void content_eoh(struct session *session);
enum answer content_body(struct session *session, const unsigned char *bytes,
			 size_t len);
/* Takes the inspector's facts; what it owes is unknown if it fails. */
void content_finish(struct session *session);
void content_drop(struct session *session);

/* --- grey.c --- */
/*
 * Asks whether one recipient must wait, where that is due at RCPT.  `hits` are
 * his.  True: he is to hear so.
 */
bool grey_recipient(struct session *session, const struct hits *hits,
		    struct greylist_said *ret_said);
/*
 * The same for all who have been taken, at DATA or EOM, the first time that it
 * is due; each is asked about, whatever the others hear.  True: the message is
 * to be deferred, for message->greylist.  Empties `work`.
 */
bool grey_message(struct session *session, enum phase phase);
/*
 * Is the recipient that the facts speak of a trap?  Also one whom the MTA
 * refuses.
 */
void grey_trap(struct session *session);
/* The message ends; what was put off until then is done, without waiting. */
void grey_end(struct session *session);
/* The message is accepted: ours who wrote it is remembered to have written. */
void grey_delivered(struct session *session);

/* --- speak.c --- */
/* Judges `hits` before EOM; speaks only what is certain. */
enum answer speak_early(struct session *session, const struct hits *hits,
			enum phase phase);
/* True: these hits refuse for good, whatever is still to come. */
bool speak_would_refuse(const struct session *session, const struct hits *hits);
/*
 * Judges the message for all its recipients at DATA or EOM; the mildest speaks.
 * At EOM it also makes the changes to the header.
 */
enum answer speak_all(struct session *session, enum phase phase);
/*
 * 452 4.5.3: bring this recipient in a message of its own.  `said`: what
 * greylisting said of it, for the log.
 */
enum answer speak_split(struct session *session,
			const struct greylist_said *said);
enum answer speak_too_many(struct session *session,
			   const struct greylist_said *said);
/* 451 4.7.1: greylisted, one recipient or (`ref` is the message's) all. */
enum answer speak_wait(struct session *session, const struct hits *hits,
		       const struct greylist_said *said);
/* The facts of the index-th accepted recipient. */
void speak_of_recipient(struct message *message, size_t index);
/* 421 4.3.2: too busy, or going down. */
enum answer speak_busy(struct session *session);
/* A fault of ours: 451 4.3.0, or unchecked, as set. */
enum answer speak_fault(struct session *session, enum phase phase);

/* --- changes.c --- */
/*
 * A field of this message's header; noted even where there is no room for it.
 */
void changes_note(struct session *session, const char *name, const char *value);
void changes_forget(struct session *session);
/*
 * Why a message has more forged fields than an MTA can be asked to remove, or
 * NULL.
 */
const char *changes_too_many(const struct session *session);
/*
 * All changes of a message that passes, in one burst, each harmless by itself
 * if the link breaks.  False if it cannot be held, or cleared of forged fields,
 * as it should be.
 */
bool changes_make(struct session *session, const struct verdict *verdict,
		  bool enforce);
/* The same for one that was not judged; the message may be NULL. */
void changes_make_unchecked(struct session *session);

/* --- report.c --- */
void report_message(struct session *session, const char *end);
/* A recipient that was refused or split, under the reference that it heard. */
void report_recipient(struct session *session, const char *ref,
		      const char *verdict, const char *code,
		      const char *symbols, int32_t score,
		      const struct greylist_said *said);
/* One who has written to a trap. */
void report_trap(struct session *session, enum store_end end, bool convicted);
/* A connection that heard a 421. */
void report_busy(const struct session *session, const char *ref);
/* A fault of ours, once for each message. */
void report_fault(struct session *session, const char *ref, enum phase phase,
		  const char *action, int64_t lasted);

#endif
