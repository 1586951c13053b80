/*
 * facts.c - the table of facts, and what is known of one message.
 *
 * To add a fact: an id in facts.h, a row here, and the check that sets it.
 */
#include "rules/facts.h"

#include <string.h>

#include "rules/arena.h"

static const char *const spf_words[] = { "pass",    "fail",	 "softfail",
					 "neutral", "permerror", "temperror",
					 NULL };
static const char *const resolve_words[] = { "ok", "fail", "temp", "forged",
					     NULL };
static const char *const dkim_words[] = { "pass",    "policy",	  "fail",
					  "neutral", "permerror", "temperror",
					  NULL };
static const char *const dmarc_words[] = { "pass", "fail", "permerror",
					   "temperror", NULL };
static const char *const policy_words[] = { "reject", "quarantine", NULL };

#define ROW(id, n, t, k, p, m)                 \
	[FACT_##id] = { .name = n,             \
			.type = FACT_TYPE_##t, \
			.kind = FACT_KIND_##k, \
			.phase = PHASE_##p,    \
			.built = true,         \
			.meaning = m }
#define ENUM_ROW(id, n, p, w, m)                 \
	[FACT_##id] = { .name = n,               \
			.type = FACT_TYPE_ENUM,  \
			.kind = FACT_KIND_PLAIN, \
			.phase = PHASE_##p,      \
			.words = w,              \
			.built = true,           \
			.meaning = m }
#define RCPT_ROW(id, n, k, m)                     \
	[FACT_##id] = { .name = n,                \
			.type = FACT_TYPE_STRING, \
			.kind = FACT_KIND_##k,    \
			.phase = PHASE_RCPT,      \
			.per_rcpt = true,         \
			.built = true,            \
			.meaning = m }
/* Named so that rules can be written for them; no check sets them yet. */
#define LATER(id, n, t, k, p, w, m)            \
	[FACT_##id] = { .name = n,             \
			.type = FACT_TYPE_##t, \
			.kind = FACT_KIND_##k, \
			.phase = PHASE_##p,    \
			.words = w,            \
			.meaning = m }

/* clang-format off */
static const struct fact_row table[FACT_ID_COUNT] = {
	ROW(CLIENT_IP, "client.ip", IP, IP, CONNECT,
	    "address of the SMTP client; none for a local socket"),
	ROW(CLIENT_PORT, "client.port", NUMBER, PLAIN, CONNECT,
	    "source port of the SMTP client"),
	ROW(CLIENT_MTA_NAME, "client.mta_name", STRING, DOMAIN, CONNECT,
	    "the client's host name as the MTA found it; none if it found none"),
	ROW(CLIENT_MTA_PTR, "client.mta_ptr", STRING, DOMAIN, CONNECT,
	    "the name that the MTA's reverse look-up gave, unproven"),
	ENUM_ROW(CLIENT_MTA_RESOLVE, "client.mta_resolve", CONNECT, resolve_words,
	    "how the MTA's look-up of the client's name went, macro {client_resolve}"),
	ROW(CLIENT_IS_LOCAL, "client.is_local", BOOL, PLAIN, CONNECT,
	    "the client came over a local socket or from a loopback address"),
	ROW(MTA_DAEMON, "mta.daemon", STRING, PLAIN, CONNECT,
	    "name of the MTA's listener, macro {daemon_name}"),
	ROW(HELO_NAME, "helo.name", STRING, DOMAIN, HELO,
	    "argument of the last HELO or EHLO; none if there was none"),
	ROW(HELO_IS_LITERAL, "helo.is_literal", BOOL, PLAIN, HELO,
	    "HELO gave an address literal such as [192.0.2.1]"),
	ROW(HELO_IS_IP, "helo.is_ip", BOOL, PLAIN, HELO,
	    "HELO gave a bare address without the brackets"),
	ROW(HELO_IS_QUALIFIED, "helo.is_qualified", BOOL, PLAIN, HELO,
	    "HELO gave a name of at least two labels"),
	ROW(HELO_IS_VALID, "helo.is_valid", BOOL, PLAIN, HELO,
	    "HELO gave a well-formed host name or address literal"),
	ROW(HELO_IS_CLIENT_IP, "helo.is_client_ip", BOOL, PLAIN, HELO,
	    "HELO gave the client's own address, as a literal or bare"),
	ROW(HELO_IS_OURS, "helo.is_ours", BOOL, PLAIN, HELO,
	    "HELO gave our MTA's own name or address, and the client is not local"),
	ROW(SENDER, "sender", STRING, ADDRESS, MAIL,
	    "envelope sender; none for the null sender"),
	ROW(SENDER_LOCAL, "sender.local", STRING, PLAIN, MAIL,
	    "local part of the envelope sender"),
	ROW(SENDER_DOMAIN, "sender.domain", STRING, DOMAIN, MAIL,
	    "domain of the envelope sender"),
	ROW(SENDER_IS_NULL, "sender.is_null", BOOL, PLAIN, MAIL,
	    "the envelope sender is <>, as in bounces"),
	ROW(SENDER_IS_VALID, "sender.is_valid", BOOL, PLAIN, MAIL,
	    "the envelope sender is null or a well-formed address"),
	ROW(SENDER_SIZE, "sender.size", NUMBER, PLAIN, MAIL,
	    "size in bytes that MAIL declared; none without SIZE="),
	ROW(SENDER_SMTPUTF8, "sender.smtputf8", BOOL, PLAIN, MAIL,
	    "MAIL asked for SMTPUTF8"),
	ROW(CLIENT_AUTH, "client.auth", BOOL, PLAIN, MAIL,
	    "the client has logged in (SMTP AUTH)"),
	ROW(CLIENT_AUTH_NAME, "client.auth.name", STRING, PLAIN, MAIL,
	    "login name, macro {auth_authen}"),
	ROW(CLIENT_AUTH_TYPE, "client.auth.type", STRING, PLAIN, MAIL,
	    "login mechanism, macro {auth_type}"),
	ROW(CLIENT_TLS, "client.tls", STRING, PLAIN, MAIL,
	    "version of TLS on the connection; none without TLS"),
	ROW(CLIENT_TLS_CIPHER, "client.tls.cipher", STRING, PLAIN, MAIL,
	    "cipher of the TLS connection, macro {cipher}"),
	ROW(CLIENT_CERT_SUBJECT, "client.cert.subject", STRING, PLAIN, MAIL,
	    "subject of the client certificate, macro {cert_subject}"),
	ROW(CLIENT_CERT_ISSUER, "client.cert.issuer", STRING, PLAIN, MAIL,
	    "issuer of the client certificate, macro {cert_issuer}"),
	ROW(CLIENT_CERT_VERIFIED, "client.cert.verified", BOOL, PLAIN, MAIL,
	    "the MTA trusts the client certificate, macro {verify} is OK"),
	ROW(CLIENT_TRANSACTIONS, "client.transactions", NUMBER, PLAIN, MAIL,
	    "messages begun on this connection before this one"),
	ROW(CLIENT_RESETS, "client.resets", NUMBER, PLAIN, MAIL,
	    "messages given up before their end on this connection, as by RSET"),
	ROW(CLIENT_UNKNOWN_COMMANDS, "client.unknown_commands", NUMBER, PLAIN, MAIL,
	    "commands on this connection that the MTA did not know"),
	ROW(CLIENT_REFUSED_RCPTS, "client.refused_rcpts", NUMBER, PLAIN, MAIL,
	    "recipients before this MAIL that the MTA itself refused"),
	ROW(CLIENT_PTR, "client.ptr", SET, DOMAIN, MAIL,
	    "names that the client's reverse zone publishes, unproven"),
	ROW(CLIENT_NAME, "client.name", SET, DOMAIN, MAIL,
	    "names of the client that a forward look-up confirmed"),
	ROW(CLIENT_IS_DYNAMIC, "client.is_dynamic", BOOL, PLAIN, MAIL,
	    "all of client.ptr looks like the name of a dial-up or cable customer"),
	ROW(HELO_RESOLVES, "helo.resolves", BOOL, PLAIN, MAIL,
	    "the name that HELO gave has an address in DNS; none for a literal"),
	ROW(HELO_MATCHES_CLIENT, "helo.matches_client", BOOL, PLAIN, MAIL,
	    "the client's address is among those of HELO's name"),
	ROW(SENDER_EXISTS, "sender.exists", BOOL, PLAIN, MAIL,
	    "the sender's domain has MX or address records; none for the null sender"),
	ROW(SENDER_MX, "sender.mx", SET, DOMAIN, MAIL,
	    "host names in the MX records of the sender's domain"),
	ROW(SENDER_NULL_MX, "sender.null_mx", BOOL, PLAIN, MAIL,
	    "the sender's domain says that it takes no mail (RFC 7505)"),
	ROW(SENDER_BOGUS_MX, "sender.bogus_mx", BOOL, PLAIN, MAIL,
	    "all its mail hosts are at loopback, private or unspecified addresses"),
	ENUM_ROW(SPF, "spf", MAIL, spf_words,
	    "SPF result for the envelope sender (RFC 7208); none without a record"),
	ENUM_ROW(SPF_HELO, "spf.helo", MAIL, spf_words,
	    "SPF result for the name that HELO gave"),
	ROW(SPF_DOMAIN, "spf.domain", STRING, DOMAIN, MAIL,
	    "the domain that spf is about; HELO's name for the null sender"),
	ROW(SPF_MECHANISM, "spf.mechanism", STRING, PLAIN, MAIL,
	    "the mechanism of the record that matched, as published"),
	ROW(SPF_LOOKUPS, "spf.lookups", NUMBER, PLAIN, MAIL,
	    "terms of the records that asked DNS; more than 10 are an error"),
	ROW(SPF_EXPLANATION, "spf.explanation", STRING, PLAIN, MAIL,
	    "why it is a fail, in the words of that domain"),
	ROW(SPF_OPEN, "spf.open", BOOL, PLAIN, MAIL,
	    "it lets everybody send: +all, or a network larger than /8 (IPv6 /16)"),
	ROW(SPF_ERROR, "spf.error", STRING, PLAIN, MAIL,
	    "what is wrong with the record, or with DNS"),
	RCPT_ROW(RCPT, "rcpt", ADDRESS,
	    "the recipient"),
	RCPT_ROW(RCPT_LOCAL, "rcpt.local", PLAIN,
	    "local part of the recipient"),
	RCPT_ROW(RCPT_DOMAIN, "rcpt.domain", DOMAIN,
	    "domain of the recipient"),
	ROW(RCPT_COUNT, "rcpt.count", NUMBER, PLAIN, DATA,
	    "recipients that were accepted"),
	ROW(FROM_DOMAIN, "from.domain", SET, DOMAIN, EOM,
	    "domains of the From fields' mailboxes; none if they cannot be read"),
	ROW(FROM_ADDRESS, "from.address", SET, ADDRESS, EOM,
	    "addresses of the From fields' mailboxes"),
	ROW(FROM_NAME, "from.name", SET, PLAIN, EOM,
	    "display names of the From fields' mailboxes, decoded"),
	ROW(FROM_COUNT, "from.count", NUMBER, PLAIN, EOM,
	    "From fields; a proper message has one"),
	ROW(FROM_MAILBOXES, "from.mailboxes", NUMBER, PLAIN, EOM,
	    "mailboxes in all From fields"),
	ROW(FROM_IS_VALID, "from.is_valid", BOOL, PLAIN, EOM,
	    "there is one From field and it is well-formed (RFC 5322)"),
	ROW(REPLY_TO_DOMAIN, "reply_to.domain", SET, DOMAIN, EOM,
	    "domains of the Reply-To field's mailboxes"),
	ROW(SUBJECT, "subject", STRING, PLAIN, EOM,
	    "the (first) Subject, unfolded and decoded (RFC 2047)"),
	ROW(MESSAGE_ID, "message_id", STRING, PLAIN, EOM,
	    "the Message-ID without white space around it"),
	ROW(MESSAGE_ID_IS_VALID, "message_id.is_valid", BOOL, PLAIN, EOM,
	    "the one Message-ID has the form <left@right>; none without any"),
	ROW(DATE, "date", NUMBER, PLAIN, EOM,
	    "the (first) Date field in seconds since 1970"),
	ROW(DATE_IS_VALID, "date.is_valid", BOOL, PLAIN, EOM,
	    "there is one Date field and it is a date (RFC 5322)"),
	ROW(DATE_AGE, "date.age", NUMBER, PLAIN, EOM,
	    "seconds from Date to arrival; negative if it lies in the future"),
	ROW(RECEIVED_COUNT, "received.count", NUMBER, PLAIN, EOM,
	    "Received fields, without the one our MTA will add"),
	ROW(HEADER_COUNT, "header.count", NUMBER, PLAIN, EOM,
	    "header fields"),
	ROW(HEADER_SIZE, "header.size", NUMBER, PLAIN, EOM,
	    "bytes of the header block"),
	ROW(HEADER_IS_VALID, "header.is_valid", BOOL, PLAIN, EOM,
	    "each header field is well-formed (RFC 5322 section 2.2)"),
	ROW(HEADER_8BIT, "header.8bit", BOOL, PLAIN, EOM,
	    "the header holds bytes above 127"),
	ROW(HEADER_NUL, "header.nul", BOOL, PLAIN, EOM,
	    "the header holds a NUL byte"),
	ROW(HEADER_BARE_CR, "header.bare_cr", BOOL, PLAIN, EOM,
	    "the header holds a CR that no LF follows"),
	ROW(HEADER_REPEATED, "header.repeated", SET, PLAIN, EOM,
	    "fields present more than once that may be there once (RFC 5322)"),
	ROW(HEADER_TRUNCATED, "header.truncated", BOOL, PLAIN, EOM,
	    "the header is larger than is read; what lies beyond is unknown"),
	ROW(BODY_SIZE, "body.size", NUMBER, PLAIN, EOM,
	    "bytes of the body, counted up to body_limit"),
	ROW(BODY_NUL, "body.nul", BOOL, PLAIN, EOM,
	    "the body holds a NUL byte"),
	ROW(BODY_BARE_CR, "body.bare_cr", BOOL, PLAIN, EOM,
	    "the body holds a CR that no LF follows"),
	ROW(BODY_BARE_LF, "body.bare_lf", BOOL, PLAIN, EOM,
	    "the body holds an LF that no CR precedes"),
	ROW(BODY_LONGEST_LINE, "body.longest_line", NUMBER, PLAIN, EOM,
	    "bytes of the longest line within body_limit, without its end"),
	ENUM_ROW(DKIM, "dkim", EOM, dkim_words,
	    "best DKIM result over all signatures (RFC 6376); none without any"),
	ROW(DKIM_DOMAIN, "dkim.domain", STRING, DOMAIN, EOM,
	    "signing domain (d=) of the best signature"),
	ROW(DKIM_SELECTOR, "dkim.selector", STRING, DOMAIN, EOM,
	    "selector (s=) of the best signature"),
	ROW(DKIM_ALGORITHM, "dkim.algorithm", STRING, PLAIN, EOM,
	    "algorithm (a=) of the best signature"),
	ROW(DKIM_BITS, "dkim.bits", NUMBER, PLAIN, EOM,
	    "size of the best signature's key in bits"),
	ROW(DKIM_COVERED, "dkim.covered", BOOL, PLAIN, EOM,
	    "the best signature covers all of the body: no l= below its length"),
	ROW(DKIM_AGE, "dkim.age", NUMBER, PLAIN, EOM,
	    "seconds since the best signature was made; none if it does not say"),
	ROW(DKIM_EXPIRED, "dkim.expired", BOOL, PLAIN, EOM,
	    "the best signature was to be used until a time that has passed"),
	ROW(DKIM_TESTING, "dkim.testing", BOOL, PLAIN, EOM,
	    "the key of the best signature is there for tests (t=y)"),
	ROW(DKIM_ERROR, "dkim.error", STRING, PLAIN, EOM,
	    "why the best signature is not a pass"),
	ROW(DKIM_ALIGNED, "dkim.aligned", BOOL, PLAIN, EOM,
	    "the best signature's domain shares its organisation with From"),
	ROW(DKIM_COUNT, "dkim.count", NUMBER, PLAIN, EOM,
	    "DKIM-Signature fields"),
	ROW(DKIM_RESULTS, "dkim.results", SET, PLAIN, EOM,
	    "result of each signature, in the order of the header"),
	ROW(DKIM_DOMAINS, "dkim.domains", SET, DOMAIN, EOM,
	    "signing domain of each signature, in the order of the header"),
	ROW(DKIM_SELECTORS, "dkim.selectors", SET, DOMAIN, EOM,
	    "selector of each signature, in the order of the header"),
	ROW(DKIM_ALGORITHMS, "dkim.algorithms", SET, PLAIN, EOM,
	    "algorithm of each signature, in the order of the header"),
	ROW(DKIM_DIGESTS, "dkim.digests", SET, PLAIN, EOM,
	    "first characters of each signature's b=, in the order of the header"),
	ROW(DKIM_KEY_SIZES, "dkim.key_sizes", SET, PLAIN, EOM,
	    "size of each signature's key in bits, in the order of the header"),
	ROW(DKIM_COVERAGES, "dkim.coverages", SET, PLAIN, EOM,
	    "yes or no: each signature covers all of the body, in the same order"),
	ROW(DKIM_AGES, "dkim.ages", SET, PLAIN, EOM,
	    "seconds since each signature was made, in the order of the header"),
	ROW(DKIM_POSSIBLE, "dkim.possible", SET, DOMAIN, EOM,
	    "signing domains of the signatures that pass, or might have"),
	ROW(DKIM_PASSED, "dkim.passed", SET, DOMAIN, EOM,
	    "signing domains of the signatures that pass"),
	ROW(DKIM_ALIGNMENTS, "dkim.alignments", SET, PLAIN, EOM,
	    "yes or no: each signature's domain shares its organisation with From"),
	ENUM_ROW(DMARC, "dmarc", EOM, dmarc_words,
	    "DMARC result (RFC 9989); none where the domain publishes nothing"),
	ENUM_ROW(DMARC_POLICY, "dmarc.policy", EOM, policy_words,
	    "what the author's domain asks for; none if it asks for nothing"),
	ROW(DMARC_DOMAIN, "dmarc.domain", STRING, DOMAIN, EOM,
	    "the domain whose DMARC record applies"),
	ROW(DMARC_ORG_DOMAIN, "dmarc.org_domain", STRING, DOMAIN, EOM,
	    "the organisational domain of the author"),
	ROW(DMARC_ALIGNED_SPF, "dmarc.aligned.spf", BOOL, PLAIN, EOM,
	    "SPF passed for a domain that is aligned with the author's"),
	ROW(DMARC_ALIGNED_DKIM, "dmarc.aligned.dkim", BOOL, PLAIN, EOM,
	    "a valid signature's domain is aligned with the author's"),
	ROW(DMARC_TESTING, "dmarc.testing", BOOL, PLAIN, EOM,
	    "the record says that it is being tried out (t=y)"),
	ROW(DMARC_RECORD_ERROR, "dmarc.record_error", STRING, PLAIN, EOM,
	    "what is wrong with the DMARC record, or with the author's address"),
	ROW(DKIM_SEEN, "dkim.seen", NUMBER, PLAIN, EOM,
	    "messages of the last hour with one of its valid signatures, it included"),
	LATER(BODY_URLS, "body.urls", SET, DOMAIN, EOM, NULL,
	    "host names of the links in the body"),
	LATER(ARC_TRUSTED, "arc.trusted", BOOL, PLAIN, EOM, NULL,
	    "a sealer that we trust vouches for the message (RFC 8617)"),
	LATER(BULK_COUNT, "bulk.count", NUMBER, PLAIN, EOM, NULL,
	    "messages like this one in the window"),
	LATER(BULK_NETWORKS, "bulk.networks", NUMBER, PLAIN, EOM, NULL,
	    "networks that messages like this one came from"),
	[FACT_HEADER] = { .name = "header", .type = FACT_TYPE_SET,
	    .phase = PHASE_EOM, .built = true,
	    .meaning = "header(\"N\"): each field N, unfolded and decoded" },
	[FACT_HEADER_RAW] = { .name = "header.raw", .type = FACT_TYPE_SET,
	    .phase = PHASE_EOM, .built = true,
	    .meaning = "header.raw(\"N\"): each field N as it was sent, folds as LF" },
	[FACT_DNSBL] = { .name = "dnsbl", .type = FACT_TYPE_SET,
	    .phase = PHASE_MAIL, .built = true,
	    .meaning = "answers of a DNS list" },
};

static const char *const phases[PHASE_COUNT] = {
	"connect", "helo", "mail", "rcpt", "data", "eom",
};
static const char *const types[] = {
	"bool", "number", "string", "ip", "enum", "set",
};
static const char *const states[] = {
	"pending", "known", "none", "unknown", "not asked",
};
static const char *const causes[CAUSE_COUNT] = {
	"unstated", "timeout", "failed", "busy", "crashed", "limit",
};
/* clang-format on */

const struct fact_row *fact_row(enum fact_id id)
{
	return &table[id];
}

int fact_temperror(const struct fact_row *row)
{
	for (int i = 0; row->words != NULL && row->words[i] != NULL; i++)
		if (strcmp(row->words[i], "temperror") == 0)
			return i;
	return -1;
}

enum fact_id fact_result(enum fact_id id)
{
	switch (id) {
	case FACT_SPF_ERROR: return FACT_SPF;
	/* Whose key is not known. */
	case FACT_DKIM_BITS:
	case FACT_DKIM_TESTING:
	case FACT_DKIM_ERROR: return FACT_DKIM;
	default: return id;
	}
}

bool fact_is_unsure(const struct fact_row *row, const struct fact *fact)
{
	if (fact->state != FACT_KNOWN)
		return fact->state == FACT_UNKNOWN;
	if (row->type == FACT_TYPE_SET)
		return fact->partial;
	return row->type == FACT_TYPE_ENUM &&
	       (int)fact->word == fact_temperror(row);
}

const char *fact_unsure_cause(const struct fact_row *row,
			      const struct fact *fact)
{
	if (fact->state == FACT_KNOWN && row->type == FACT_TYPE_ENUM)
		return row->words[fact->word];
	return fact_cause_name(fact->cause);
}

int fact_find(const char *name, size_t len)
{
	for (int id = 0; id < FACT_ID_COUNT; id++) {
		if (id == FACT_DNSBL)
			continue; /* has symbols instead of a name */
		if (strlen(table[id].name) == len &&
		    memcmp(table[id].name, name, len) == 0)
			return id;
	}
	return -1;
}

const char *phase_name(enum phase phase)
{
	return phases[phase];
}

const char *fact_type_name(enum fact_type type)
{
	return types[type];
}

const char *fact_state_name(enum fact_state state)
{
	return states[state];
}

const char *fact_cause_name(enum fact_cause cause)
{
	return causes[cause];
}

int facts_init(struct facts *facts, struct arena *arena, size_t slot_count)
{
	memset(facts, 0, sizeof(*facts));
	facts->arena = arena;
	if (slot_count == 0)
		return 0;
	facts->slots = arena_array(arena, slot_count, sizeof(*facts->slots));
	if (facts->slots == NULL)
		return -1;
	facts->slot_count = slot_count;
	return 0;
}

const struct fact *facts_get(const struct facts *facts, struct fact_ref ref)
{
	if (ref.id < FACT_FIXED)
		return &facts->fixed[ref.id];
	return &facts->slots[ref.slot];
}

void facts_bool(struct facts *facts, enum fact_id id, bool yes)
{
	facts->fixed[id] = (struct fact){ .state = FACT_KNOWN, .yes = yes };
}

void facts_number(struct facts *facts, enum fact_id id, int64_t number)
{
	facts->fixed[id] =
		(struct fact){ .state = FACT_KNOWN, .number = number };
}

void facts_text(struct facts *facts, enum fact_id id, const char *at,
		size_t len)
{
	facts->fixed[id] = (struct fact){ .state = FACT_KNOWN,
					  .text = { .at = at, .len = len } };
}

void facts_ip(struct facts *facts, enum fact_id id, const struct ip *ip)
{
	facts->fixed[id] = (struct fact){ .state = FACT_KNOWN, .ip = *ip };
}

void facts_word(struct facts *facts, enum fact_id id, unsigned word)
{
	facts->fixed[id] = (struct fact){ .state = FACT_KNOWN, .word = word };
}

/* An empty set is absence: no test on it can hold. */
static struct fact set_of(const struct text *items, size_t count)
{
	if (count == 0)
		return (struct fact){ .state = FACT_NONE };
	return (struct fact){ .state = FACT_KNOWN,
			      .set = { .items = items, .count = count } };
}

static struct fact unknown_of(enum fact_cause cause)
{
	return (struct fact){ .state = FACT_UNKNOWN, .cause = cause };
}

void facts_set(struct facts *facts, enum fact_id id, const struct text *items,
	       size_t count)
{
	facts->fixed[id] = set_of(items, count);
}

static struct fact partial_of(const struct text *items, size_t count,
			      enum fact_cause cause)
{
	if (count == 0)
		return unknown_of(cause);
	return (struct fact){ .state = FACT_KNOWN,
			      .cause = cause,
			      .partial = true,
			      .set = { .items = items, .count = count } };
}

void facts_set_partial(struct facts *facts, enum fact_id id,
		       const struct text *items, size_t count,
		       enum fact_cause cause)
{
	facts->fixed[id] = partial_of(items, count, cause);
}

void facts_none(struct facts *facts, enum fact_id id)
{
	facts->fixed[id] = (struct fact){ .state = FACT_NONE };
}

void facts_unknown(struct facts *facts, enum fact_id id, enum fact_cause cause)
{
	facts->fixed[id] = unknown_of(cause);
}

void facts_slot_set(struct facts *facts, unsigned slot,
		    const struct text *items, size_t count)
{
	facts->slots[slot] = set_of(items, count);
}

void facts_slot_set_partial(struct facts *facts, unsigned slot,
			    const struct text *items, size_t count,
			    enum fact_cause cause)
{
	facts->slots[slot] = partial_of(items, count, cause);
}

static const struct fact waived = { .state = FACT_NOT_ASKED, .waived = true };

void facts_waive(struct facts *facts, enum fact_id id)
{
	facts->fixed[id] = waived;
}

void facts_waive_all(struct facts *facts, enum fact_id from, enum fact_id to)
{
	for (int id = (int)from; id <= (int)to; id++)
		facts_waive(facts, (enum fact_id)id);
}

void facts_slot_waive(struct facts *facts, unsigned slot)
{
	facts->slots[slot] = waived;
}

void facts_slot_not_asked(struct facts *facts, unsigned slot)
{
	facts->slots[slot] = (struct fact){ .state = FACT_NOT_ASKED };
}

void facts_slot_none(struct facts *facts, unsigned slot)
{
	facts->slots[slot] = (struct fact){ .state = FACT_NONE };
}

void facts_slot_unknown(struct facts *facts, unsigned slot,
			enum fact_cause cause)
{
	facts->slots[slot] = unknown_of(cause);
}

void facts_close(struct facts *facts, enum phase phase)
{
	for (int id = 0; id < FACT_FIXED; id++)
		if (table[id].phase <= phase &&
		    facts->fixed[id].state == FACT_PENDING)
			facts->fixed[id].state = FACT_NOT_ASKED;
}

void facts_lost(struct facts *facts, enum fact_id from, enum fact_id to,
		enum fact_cause cause)
{
	for (int id = (int)from; id <= (int)to; id++)
		if (table[id].built && facts->fixed[id].state == FACT_PENDING)
			facts->fixed[id] = unknown_of(cause);
}
