/* wire.c - the milter protocol, version 6, as Postfix speaks it. */
#include "tests/bench/wire.h"
#include "tests/bench/letter.h"

#include <libmilter/mfapi.h>
#include <libmilter/mfdef.h>

#include <arpa/inet.h>
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NR_ALL                                                           \
	(SMFIP_NR_CONN | SMFIP_NR_HELO | SMFIP_NR_MAIL | SMFIP_NR_RCPT | \
	 SMFIP_NR_DATA | SMFIP_NR_UNKN | SMFIP_NR_HDR | SMFIP_NR_EOH |   \
	 SMFIP_NR_BODY)
#define NO_ALL                                                          \
	(SMFIP_NOCONNECT | SMFIP_NOHELO | SMFIP_NOMAIL | SMFIP_NORCPT | \
	 SMFIP_NODATA | SMFIP_NOUNKNOWN | SMFIP_NOHDRS | SMFIP_NOEOH |  \
	 SMFIP_NOBODY)
#define OFFERED_STEPS                                               \
	((uint32_t)(NO_ALL | NR_ALL | SMFIP_SKIP | SMFIP_RCPT_REJ | \
		    SMFIP_HDR_LEADSPC))
#define OFFERED_ACTIONS ((uint32_t)(SMFI_CURR_ACTS))

/* What each step is called, on the wire and in reports; who may decline it. */
static const struct {
	const char *name;
	unsigned char cmd;
	unsigned list; /* which list of macros */
	const char *macros; /* Postfix's own */
	uint32_t declined;
	uint32_t unanswered;
} steps[WIRE_STEPS] = {
	[WIRE_NEGOTIATE] = { "negotiate", SMFIC_OPTNEG, 0, "", 0, 0 },
	[WIRE_CONNECT] = { "connect", SMFIC_CONNECT, SMFIM_CONNECT,
			   "j {daemon_name} {daemon_addr} v _", SMFIP_NOCONNECT,
			   SMFIP_NR_CONN },
	[WIRE_HELO] = { "helo", SMFIC_HELO, SMFIM_HELO,
			"{tls_version} {cipher} {cipher_bits} {cert_subject} "
			"{cert_issuer}",
			SMFIP_NOHELO, SMFIP_NR_HELO },
	[WIRE_MAIL] = { "mail", SMFIC_MAIL, SMFIM_ENVFROM,
			"i {auth_type} {auth_authen} {auth_author} {mail_addr} "
			"{mail_host} {mail_mailer}",
			SMFIP_NOMAIL, SMFIP_NR_MAIL },
	[WIRE_RCPT] = { "rcpt", SMFIC_RCPT, SMFIM_ENVRCPT,
			"i {rcpt_addr} {rcpt_host} {rcpt_mailer}", SMFIP_NORCPT,
			SMFIP_NR_RCPT },
	[WIRE_DATA] = { "data", SMFIC_DATA, SMFIM_DATA, "i", SMFIP_NODATA,
			SMFIP_NR_DATA },
	[WIRE_HEADER] = { "header", SMFIC_HEADER, SMFIM_EOH, "i", SMFIP_NOHDRS,
			  SMFIP_NR_HDR },
	[WIRE_EOH] = { "eoh", SMFIC_EOH, SMFIM_EOH, "i", SMFIP_NOEOH,
		       SMFIP_NR_EOH },
	[WIRE_BODY] = { "body", SMFIC_BODY, SMFIM_EOM, "i", SMFIP_NOBODY,
			SMFIP_NR_BODY },
	[WIRE_EOM] = { "eom", SMFIC_BODYEOB, SMFIM_EOM, "i", 0, 0 },
};

static const struct {
	unsigned char cmd;
	bool more;
	const char *name;
} replies[] = {
	{ SMFIR_CONTINUE, false, "continue" },
	{ SMFIR_ACCEPT, false, "accept" },
	{ SMFIR_REJECT, false, "reject" },
	{ SMFIR_TEMPFAIL, false, "tempfail" },
	{ SMFIR_REPLYCODE, false, "replycode" },
	{ SMFIR_DISCARD, false, "discard" },
	{ SMFIR_SKIP, false, "skip" },
	{ SMFIR_SHUTDOWN, false, "shutdown" },
	{ SMFIR_CONN_FAIL, false, "conn_fail" },
	{ SMFIR_PROGRESS, true, "progress" },
	{ SMFIR_ADDHEADER, true, "addheader" },
	{ SMFIR_INSHEADER, true, "insheader" },
	{ SMFIR_CHGHEADER, true, "chgheader" },
	{ SMFIR_CHGFROM, true, "chgfrom" },
	{ SMFIR_ADDRCPT, true, "addrcpt" },
	{ SMFIR_ADDRCPT_PAR, true, "addrcpt_par" },
	{ SMFIR_DELRCPT, true, "delrcpt" },
	{ SMFIR_REPLBODY, true, "replbody" },
	{ SMFIR_QUARANTINE, true, "quarantine" },
};

const char *wire_step_name(enum wire_step step)
{
	return steps[step].name;
}

const char *wire_reply_name(unsigned char cmd)
{
	for (size_t i = 0; i < sizeof(replies) / sizeof(*replies); i++)
		if (replies[i].cmd == cmd)
			return replies[i].name;
	return NULL;
}

bool wire_reply_more(unsigned char cmd)
{
	for (size_t i = 0; i < sizeof(replies) / sizeof(*replies); i++)
		if (replies[i].cmd == cmd)
			return replies[i].more;
	return false;
}

static void put(struct wire_script *s, const void *data, size_t len)
{
	if (s->room - s->len < len) {
		s->room = (s->room + len) * 2;
		s->bytes = realloc(s->bytes, s->room);
		if (!s->bytes)
			err(1, "script");
	}
	if (len > 0)
		memcpy(s->bytes + s->len, data, len);
	s->len += len;
}

static void put_byte(struct wire_script *s, unsigned char byte)
{
	put(s, &byte, 1);
}

static void put_string(struct wire_script *s, const char *text)
{
	put(s, text, strlen(text) + 1);
}

static void put_u32(struct wire_script *s, uint32_t value)
{
	value = htonl(value);
	put(s, &value, sizeof(value));
}

/* Opens a frame; its length is filled in by frame_end(). */
static size_t frame_begin(struct wire_script *s, unsigned char cmd)
{
	size_t start = s->len;

	put_u32(s, 0);
	put_byte(s, cmd);
	return start;
}

static void frame_end(struct wire_script *s, size_t start)
{
	uint32_t len = htonl((uint32_t)(s->len - start - 4));

	memcpy(s->bytes + start, &len, sizeof(len));
}

/* One message's worth of what the macros and commands say. */
struct values {
	char queue_id[24]; /* empty: not known yet */
	char sender[64];
	char rcpt[64];
	char client[16]; /* its address */
	char name[64]; /* its name, also HELO's */
	char origin[96]; /* both, as in a Received: */
	char domain[64]; /* of the sender */
};

static void values_init(struct values *v, const struct wire_mail *mail)
{
	uint32_t n = mail->client;

	*v = (struct values){ .client = "192.0.2.25",
			      .name = "out.sender.test",
			      .domain = "sender.test" };
	if (n > 0) {
		snprintf(v->client, sizeof(v->client), "198.%u.%u.%u",
			 18 + (n >> 16 & 1), n >> 8 & 255, n & 255);
		snprintf(v->name, sizeof(v->name), "out.s%u.test", n);
		snprintf(v->domain, sizeof(v->domain), "s%u.test", n);
	}
	snprintf(v->origin, sizeof(v->origin), "%s [%s]", v->name, v->client);
}

/* The macro's value, or NULL if a Postfix without TLS and AUTH has none. */
static const char *macro_value(const struct values *v, const char *name)
{
	static const struct {
		const char *name;
		const char *value;
	} fixed[] = {
		{ "j", "mx.here.test" },
		{ "v", "Postfix 3.7.11" },
		{ "{daemon_name}", "mx.here.test" },
		{ "{daemon_addr}", "198.51.100.25" },
		{ "{daemon_port}", "25" },
		{ "{client_port}", "40025" },
		{ "{client_connections}", "0" },
		{ "{client_resolve}", "OK" },
		{ "{mail_mailer}", "smtp" },
		{ "{rcpt_host}", "here.test" },
		{ "{rcpt_mailer}", "local" },
	};
	const struct {
		const char *name;
		const char *value;
	} varied[] = {
		{ "_", v->origin },	      { "{client_addr}", v->client },
		{ "{client_name}", v->name }, { "{client_ptr}", v->name },
		{ "{mail_host}", v->domain },
	};

	if (strcmp(name, "i") == 0 || strcmp(name, "{i}") == 0)
		return *v->queue_id ? v->queue_id : NULL;
	if (strcmp(name, "{mail_addr}") == 0)
		return v->sender;
	if (strcmp(name, "{rcpt_addr}") == 0)
		return *v->rcpt ? v->rcpt : NULL;
	for (size_t i = 0; i < sizeof(fixed) / sizeof(*fixed); i++)
		if (strcmp(name, fixed[i].name) == 0)
			return fixed[i].value;
	for (size_t i = 0; i < sizeof(varied) / sizeof(*varied); i++)
		if (strcmp(name, varied[i].name) == 0)
			return varied[i].value;
	return NULL;
}

static void put_macros(struct wire_script *s, const struct wire_deal *deal,
		       enum wire_step step, const struct values *v)
{
	const char *list = deal->macros[steps[step].list];
	size_t start = frame_begin(s, SMFIC_MACRO);
	char name[64];

	put_byte(s, steps[step].cmd);
	if (*list == '\0')
		list = steps[step].macros;
	while (*(list += strspn(list, " ,\t"))) {
		size_t len = strcspn(list, " ,\t");
		const char *value = NULL;

		if (len < sizeof(name)) {
			memcpy(name, list, len);
			name[len] = '\0';
			value = macro_value(v, name);
		}
		if (value) {
			put_string(s, name);
			put_string(s, value);
		}
		list += len;
	}
	frame_end(s, start);
}

static void event_note(struct wire_script *s, enum wire_step step, bool waits)
{
	if (s->count == s->events_room) {
		s->events_room = s->events_room ? s->events_room * 2 : 64;
		s->events = reallocarray(s->events, s->events_room,
					 sizeof(*s->events));
		if (!s->events)
			err(1, "script");
	}
	s->events[s->count++] = (struct wire_event){
		.step = step,
		.end = s->len,
		.waits = waits,
	};
}

/* Writes an event whose data is ready; see the top of wire.h for macros. */
static void put_event(struct wire_script *s, const struct wire_deal *deal,
		      enum wire_step step, const struct values *v,
		      const void *data, size_t len)
{
	bool declined = (deal->steps & steps[step].declined) != 0;
	size_t start;

	if (declined && step >= WIRE_HEADER)
		return;
	put_macros(s, deal, step, v);
	if (!declined) {
		start = frame_begin(s, steps[step].cmd);
		put(s, data, len);
		frame_end(s, start);
	}
	event_note(s, step,
		   !declined && !(deal->steps & steps[step].unanswered));
}

static void put_opening(struct wire_script *s, const struct wire_deal *deal,
			const struct values *v)
{
	char client[128];
	int len;

	/* The name, the family, the port (40025) and the address. */
	len = snprintf(client, sizeof(client), "%s%c4\x9c\x59%s", v->name, 0,
		       v->client);
	put_event(s, deal, WIRE_CONNECT, v, client, (size_t)len + 1);
	put_event(s, deal, WIRE_HELO, v, v->name, strlen(v->name) + 1);
}

static void put_envelope(struct wire_script *s, const struct wire_deal *deal,
			 const struct wire_mail *mail, struct values *v)
{
	char data[160];
	int len;

	snprintf(v->sender, sizeof(v->sender), "sender%u@%s",
		 mail->number % 1000, v->domain);
	len = snprintf(data, sizeof(data), "<%s>%cSIZE=2048%cBODY=8BITMIME",
		       v->sender, 0, 0);
	put_event(s, deal, WIRE_MAIL, v, data, (size_t)len + 1);
	for (unsigned i = 0; i < mail->rcpts; i++) {
		snprintf(v->rcpt, sizeof(v->rcpt), "rcpt%u@here.test", i);
		len = snprintf(data, sizeof(data), "<%s>", v->rcpt);
		put_event(s, deal, WIRE_RCPT, v, data, (size_t)len + 1);
		snprintf(v->queue_id, sizeof(v->queue_id), "4XzB%08XzT",
			 mail->number);
	}
	put_event(s, deal, WIRE_DATA, v, NULL, 0);
	s->events[s->count - 1].flush = true;
}

static void put_content(struct wire_script *s, const struct wire_deal *deal,
			const struct letter *let, const struct values *v)
{
	struct wire_script data = { 0 };

	for (size_t i = 0; i < let->field_count; i++) {
		const char *value = let->fields[i].value;

		if (*value == ' ' && !(deal->steps & SMFIP_HDR_LEADSPC))
			value++;
		data.len = 0;
		put_string(&data, let->fields[i].name);
		put_string(&data, value);
		put_event(s, deal, WIRE_HEADER, v, data.bytes, data.len);
	}
	wire_done(&data);
	put_event(s, deal, WIRE_EOH, v, NULL, 0);
	for (size_t at = 0, len; at < let->body_len; at += len) {
		len = let->body_len - at;
		if (len > MILTER_CHUNK_SIZE)
			len = MILTER_CHUNK_SIZE;
		put_event(s, deal, WIRE_BODY, v, let->body + at, len);
	}
	put_event(s, deal, WIRE_EOM, v, NULL, 0);
}

static void script_clear(struct wire_script *s)
{
	s->len = 0;
	s->count = 0;
}

void wire_offer(struct wire_script *s)
{
	size_t start;

	script_clear(s);
	start = frame_begin(s, SMFIC_OPTNEG);
	put_u32(s, SMFI_PROT_VERSION);
	put_u32(s, OFFERED_ACTIONS);
	put_u32(s, OFFERED_STEPS);
	frame_end(s, start);
	event_note(s, WIRE_NEGOTIATE, true);
}

void wire_mail(struct wire_script *s, const struct wire_deal *deal,
	       const struct wire_mail *mail)
{
	struct values v;

	values_init(&v, mail);
	script_clear(s);
	if (mail->opens)
		put_opening(s, deal, &v);
	else
		/* The one before ends here: nobody flushed it till now. */
		frame_end(s, frame_begin(s, SMFIC_ABORT));
	if (mail->bare)
		return;
	put_envelope(s, deal, mail, &v);
	put_content(s, deal, mail->letter, &v);
}

void wire_quit(struct wire_script *s, bool abort)
{
	script_clear(s);
	if (abort)
		frame_end(s, frame_begin(s, SMFIC_ABORT));
	frame_end(s, frame_begin(s, SMFIC_QUIT));
}

void wire_done(struct wire_script *s)
{
	free(s->bytes);
	free(s->events);
	*s = (struct wire_script){ 0 };
}

static uint32_t get_u32(const unsigned char *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return ntohl(value);
}

long wire_frame(const unsigned char *bytes, size_t len)
{
	uint32_t size;

	if (len < 4)
		return 0;
	size = get_u32(bytes);
	if (size < 1 || size > WIRE_FRAME_MAX)
		return -1;
	return len - 4 < size ? 0 : (long)size + 4;
}

int wire_deal_read(struct wire_deal *deal, const unsigned char *frame,
		   size_t len)
{
	const unsigned char *at = frame + 5;
	const unsigned char *end = frame + len;

	*deal = (struct wire_deal){ 0 };
	if (len < 5 + 12 || frame[4] != SMFIC_OPTNEG)
		return -1;
	deal->version = get_u32(at);
	deal->actions = get_u32(at + 4);
	deal->steps = get_u32(at + 8);
	if (deal->version < 2 || deal->version > SMFI_PROT_VERSION ||
	    (deal->actions & ~OFFERED_ACTIONS) ||
	    (deal->steps & ~OFFERED_STEPS))
		return -1;
	for (at += 12; at < end;) {
		const unsigned char *nul;
		uint32_t list;

		if (end - at < 5)
			return -1;
		list = get_u32(at);
		at += 4;
		nul = memchr(at, '\0', (size_t)(end - at));
		if (!nul || list >= WIRE_MACROS ||
		    (size_t)(nul - at) >= sizeof(deal->macros[0]))
			return -1;
		memcpy(deal->macros[list], at, (size_t)(nul - at) + 1);
		at = nul + 1;
	}
	return 0;
}
