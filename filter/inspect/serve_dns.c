/*
 * serve_dns.c - questions out, answers in.
 */
#include "filter/inspect/serve_dns.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "lists/dns_name.h"

enum { PACKET_ROOM = CHANNEL_HEAD + CHANNEL_RECORD_HEAD + 6 };

/* --- what was asked ------------------------------------------------------ */

/* NULL if it was not asked yet. */
static struct serve_dns_question *find_in(struct serve_dns_question *questions,
					  size_t count, const char *name,
					  enum dns_type type)
{
	for (size_t i = 0; i < count; i++)
		if (questions[i].type == type &&
		    strcmp(questions[i].name, name) == 0)
			return &questions[i];
	return NULL;
}

static struct serve_dns_question *find(struct serve_dns *dns, const char *name,
				       enum dns_type type)
{
	struct serve_dns_question *known =
		find_in(dns->known, dns->known_count, name, type);

	return known ? known : find_in(dns->questions, dns->count, name, type);
}

/* A place for one more; NULL without room. */
static struct serve_dns_question *add(struct serve_dns *dns, const char *name,
				      enum dns_type type)
{
	struct serve_dns_question *question;

	if (dns->questions == NULL)
		dns->questions = arena_array(&dns->arena, CHANNEL_QUESTIONS_MAX,
					     sizeof(*dns->questions));
	if (dns->questions == NULL || dns->count == CHANNEL_QUESTIONS_MAX)
		return NULL;
	question = &dns->questions[dns->count];
	question->name = arena_strndup(&dns->arena, name, strlen(name));
	question->type = type;
	question->answer = NULL;
	return question->name == NULL ? NULL : question;
}

static int send_question(struct serve_dns *dns, const char *name,
			 enum dns_type type, int flags)
{
	unsigned char bytes[PACKET_ROOM + DNS_NAME_TEXT_SIZE];
	struct packet packet = { .bytes = bytes, .room = sizeof(bytes) };
	ssize_t sent;

	if (packet_begin(&packet, dns->number) != PACKET_PUT ||
	    packet_put_question(&packet, (uint32_t)dns->count, type, name) !=
		    PACKET_PUT)
		return -1;
	do
		sent = send(dns->fd, packet.bytes, packet.used,
			    flags | MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	return sent < 0 ? -1 : 0;
}

/*
 * The question, asked now if it was not before.  NULL if it cannot be, and
 * *ret_why says why.
 */
static struct serve_dns_question *put(struct serve_dns *dns, const char *text,
				      enum dns_type type, int flags,
				      enum dns_status *ret_why)
{
	struct serve_dns_question *question;
	char name[DNS_NAME_TEXT_SIZE];
	struct dns_name parsed;

	*ret_why = DNS_INVALID;
	if (dns_name_parse(text, strlen(text), &parsed) < 0 ||
	    !channel_may_ask(type))
		return NULL;
	dns_name_lower(&parsed);
	dns_name_format(&parsed, name);
	question = find(dns, name, type);
	if (question != NULL)
		return question;
	*ret_why = DNS_STOPPED;
	if (dns->gone || dns->broken || dns->late_len > 0)
		return NULL;
	*ret_why = DNS_TIMEOUT;
	if (dns->left_ms <= 0)
		return NULL;
	*ret_why = DNS_BUSY;
	question = add(dns, name, type);
	if (question == NULL || send_question(dns, name, type, flags) < 0)
		return NULL;
	dns->answered[dns->count] = false;
	dns->count++;
	return question;
}

/* --- what is answered ---------------------------------------------------- */

bool serve_dns_answer(struct serve_dns *dns, struct channel_record *record,
		      const struct cursor *rest)
{
	struct cursor *payload = &record->payload;
	struct serve_dns_question *question;
	uint32_t number;

	if (!channel_read_answer(payload, &number) || record->flags != 0 ||
	    !cursor_whole(rest) || number >= dns->count ||
	    dns->answered[number])
		return false;
	dns->answered[number] = true;
	if (dns->questions == NULL)
		return true; /* nobody wants to know any more */
	question = &dns->questions[number];
	return channel_read_records(payload, question->type, &dns->arena,
				    &question->answer);
}

bool serve_dns_known(struct serve_dns *dns, struct channel_record *record)
{
	struct serve_dns_question known;

	if (record->flags != 0 || dns->known_count == CHANNEL_KNOWN_MAX ||
	    !channel_read_known(&record->payload, &known.type, &known.name) ||
	    !channel_read_records(&record->payload, known.type, &dns->arena,
				  &known.answer))
		return false;
	if (dns->known == NULL)
		dns->known = arena_array(&dns->arena, CHANNEL_KNOWN_MAX,
					 sizeof(*dns->known));
	known.name = arena_strndup(&dns->arena, known.name, strlen(known.name));
	/* Without room it has to be asked. */
	if (dns->known != NULL && known.name != NULL)
		dns->known[dns->known_count++] = known;
	return true;
}

/* One packet that has come into the buffer. */
static void take(struct serve_dns *dns, size_t len)
{
	struct cursor packet = cursor_over(dns->late, len);
	struct channel_record record;
	struct channel_head head;

	if (len > dns->late_most)
		dns->late_most = len;
	if (!channel_open(&packet, &head) || head.number < dns->number)
		dns->broken = true;
	else if (head.number == dns->number &&
		 channel_next(&packet, &record) == CHANNEL_RECORD &&
		 record.type == CHANNEL_ANSWER)
		dns->broken = head.flags != 0 ||
			      !serve_dns_answer(dns, &record, &packet);
	else
		dns->late_len = len;
}

/* Waits for one packet and reads it. */
static void wait_packet(struct serve_dns *dns)
{
	struct pollfd fd = { .fd = dns->fd, .events = POLLIN };
	uint64_t before = dns_now_ms();
	int ready = poll(&fd, 1, (int)dns->left_ms);
	ssize_t got;

	dns->left_ms -= (int64_t)(dns_now_ms() - before);
	if (ready == 0)
		dns->left_ms = 0;
	if (ready < 0 && errno != EINTR && errno != EAGAIN)
		dns->gone = true; /* or we would come back here for ever */
	if (ready <= 0)
		return;
	got = recv(dns->fd, dns->late, CHANNEL_PACKET_MAX,
		   MSG_TRUNC | MSG_DONTWAIT);
	if (got > CHANNEL_PACKET_MAX)
		dns->broken = true;
	else if (got > 0)
		take(dns, (size_t)got);
	else if (got == 0 || (errno != EAGAIN && errno != EINTR))
		dns->gone = true;
}

/* --- the door ------------------------------------------------------------ */

static const struct dns_answer *ask(struct inspect_dns *door, const char *name,
				    enum dns_type type)
{
	struct serve_dns *dns = (struct serve_dns *)door;
	enum dns_status why;
	struct serve_dns_question *question = put(dns, name, type, 0, &why);

	if (question == NULL)
		return dns_answer_of(why);
	while (question->answer == NULL && dns->left_ms > 0 && !dns->gone &&
	       !dns->broken && dns->late_len == 0)
		wait_packet(dns);
	if (question->answer != NULL)
		return question->answer;
	return dns_answer_of(dns->left_ms <= 0 ? DNS_TIMEOUT : DNS_STOPPED);
}

static void hint(struct inspect_dns *door, const char *name, enum dns_type type)
{
	enum dns_status why;

	put((struct serve_dns *)door, name, type, MSG_DONTWAIT, &why);
}

/* --- messages ------------------------------------------------------------ */

void serve_dns_init(struct serve_dns *dns, int fd, unsigned char *late)
{
	*dns = (struct serve_dns){ .door = { .ask = ask, .hint = hint },
				   .fd = fd,
				   .late = late };
	arena_init(&dns->arena, SERVE_DNS_ROOM);
}

void serve_dns_done(struct serve_dns *dns)
{
	arena_done(&dns->arena);
}

void serve_dns_begin(struct serve_dns *dns, uint64_t number, uint32_t dns_ms)
{
	serve_dns_end(dns);
	dns->number = number;
	dns->count = 0;
	dns->left_ms = dns_ms > INT32_MAX ? INT32_MAX : dns_ms;
}

void serve_dns_end(struct serve_dns *dns)
{
	arena_reset(&dns->arena);
	dns->questions = NULL;
	dns->known = NULL;
	dns->known_count = 0;
}
