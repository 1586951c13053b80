/*
 * fakedns_say.c - what a DNS server inside a test has to say.
 */
#include "tests/unit/fakedns_say.h"

#include <string.h>
#include <strings.h>

#define POINTER "\xc0\x0c" /* to the question's name */

static void put(struct fakedns_reply *r, const void *data, size_t len)
{
	memcpy(r->bytes + r->len, data, len);
	r->len += len;
}

static void put16(struct fakedns_reply *r, unsigned value)
{
	uint8_t b[] = { (uint8_t)(value >> 8), (uint8_t)value };

	put(r, b, 2);
}

static void count(struct fakedns_reply *r, size_t at, unsigned n)
{
	r->bytes[at] = (uint8_t)(n >> 8);
	r->bytes[at + 1] = (uint8_t)n;
}

static void put_record(struct fakedns_reply *r, const char *owner,
		       size_t owner_len, unsigned type, unsigned ttl,
		       const void *data, size_t len)
{
	put(r, owner, owner_len);
	put16(r, type);
	put16(r, 1);
	put16(r, 0);
	put16(r, ttl);
	put16(r, (unsigned)len);
	put(r, data, len);
}

static void say_address(struct fakedns_reply *r)
{
	count(r, 6, 1);
	put_record(r, POINTER, 2, 1, 60, "\xc0\x00\x02\x01", 4);
}

static void say_soa(struct fakedns_reply *r)
{
	static const char soa[22] = { [21] = 30 };

	count(r, 8, 1);
	put_record(r, "", 1, 6, 60, soa, sizeof(soa));
}

static void say_nx(struct fakedns_reply *r)
{
	r->bytes[3] |= 3;
	say_soa(r);
}

static void say_servfail(struct fakedns_reply *r)
{
	r->bytes[3] |= 2;
}

static void say_refused(struct fakedns_reply *r)
{
	r->bytes[3] |= 5;
}

static void say_formerr(struct fakedns_reply *r)
{
	r->bytes[3] |= 1;
}

static void say_silent(struct fakedns_reply *r)
{
	r->len = 0;
}

static void say_wrong_id(struct fakedns_reply *r)
{
	say_address(r);
	r->bytes[0] ^= 0x55;
}

static void say_wrong_question(struct fakedns_reply *r)
{
	say_address(r);
	r->bytes[FAKEDNS_HEADER + 1] ^= 1;
}

static void say_garbage(struct fakedns_reply *r)
{
	for (size_t i = 2; i < 40; i++)
		r->bytes[i] = (uint8_t)(i * 77);
	r->len = 40;
}

static void say_cut(struct fakedns_reply *r)
{
	say_address(r);
	r->len -= 3;
}

static void say_empty(struct fakedns_reply *r)
{
	r->len = FAKEDNS_EMPTY;
}

static void say_truncated(struct fakedns_reply *r)
{
	r->bytes[2] |= 2;
}

static void say_truncated_udp(struct fakedns_reply *r)
{
	if (r->tcp)
		say_address(r);
	else
		say_truncated(r);
}

static void say_text(struct fakedns_reply *r, size_t strings)
{
	uint8_t data[65000];
	size_t len = 0;

	if (!r->tcp) {
		say_truncated(r);
		return;
	}
	for (size_t i = 0; i < strings; i++) {
		data[len++] = 200;
		memset(data + len, 'x', 200);
		len += 200;
	}
	count(r, 6, 1);
	put_record(r, POINTER, 2, 16, 60, data, len);
}

static void say_big(struct fakedns_reply *r)
{
	say_text(r, 30); /* 6,000 bytes of text */
}

static void say_huge(struct fakedns_reply *r)
{
	say_text(r, 300); /* 60,000 */
}

static void say_many(struct fakedns_reply *r)
{
	if (!r->tcp) {
		say_truncated(r);
		return;
	}
	count(r, 6, 1000);
	for (int i = 0; i < 1000; i++)
		put_record(r, POINTER, 2, 1, 60, "\x7f\0\0\2", 4);
}

static void say_pointers(struct fakedns_reply *r)
{
	uint8_t name[2] = { 0xc0, (uint8_t)r->len };

	count(r, 6, 1);
	put_record(r, (char *)name, 2, 1, 60, "\x7f\0\0\2", 4);
}

static void say_chain(struct fakedns_reply *r)
{
	static const char target[] = "\x06target\x04test";

	count(r, 6, 2);
	put_record(r, POINTER, 2, 5, 20, target, sizeof(target));
	put_record(r, target, sizeof(target), 1, 60, "\xc0\x00\x02\x02", 4);
}

static void say_alias(struct fakedns_reply *r)
{
	static const char target[] = "\x02ok\x04test";

	count(r, 6, 1);
	put_record(r, POINTER, 2, 5, 20, target, sizeof(target));
}

static void say_loop(struct fakedns_reply *r)
{
	count(r, 6, 1);
	put_record(r, POINTER, 2, 5, 20, POINTER, 2);
}

/* A CNAME to a name that is one letter longer, and so on. */
static void say_endless(struct fakedns_reply *r)
{
	uint8_t target[256];
	size_t len = r->bytes[FAKEDNS_HEADER] + 1u;

	memcpy(target, r->bytes + FAKEDNS_HEADER, len);
	target[0]++;
	target[len++] = 'x';
	memcpy(target + len, "\x04test", 6);
	count(r, 6, 1);
	put_record(r, POINTER, 2, 5, 20, target, len + 6);
}

static void say_plain(struct fakedns_reply *r)
{
	if (r->edns)
		say_formerr(r);
	else
		say_address(r);
}

static const struct {
	const char *label;
	void (*say)(struct fakedns_reply *r);
} sayings[] = {
	{ "ok", say_address },
	{ "hold", say_address }, /* but not before fakedns_release() */
	{ "nx", say_nx },
	{ "nodata", say_soa },
	{ "servfail", say_servfail },
	{ "refused", say_refused },
	{ "formerr", say_formerr },
	{ "silent", say_silent },
	{ "wrongid", say_wrong_id },
	{ "wrongquestion", say_wrong_question },
	{ "garbage", say_garbage },
	{ "cut", say_cut },
	{ "empty", say_empty },
	{ "truncated", say_truncated },
	{ "truncatedudp", say_truncated_udp },
	{ "big", say_big },
	{ "huge", say_huge },
	{ "many", say_many },
	{ "pointers", say_pointers },
	{ "chain", say_chain },
	{ "alias", say_alias },
	{ "loop", say_loop },
	{ "endless", say_endless },
	{ "plain", say_plain },
};

void fakedns_say(struct fakedns_reply *r, const char *name)
{
	size_t label = strcspn(name, "-.");

	if (label >= 7 && strncmp(name, "endless", 7) == 0)
		label = 7;
	if (label == 0) { /* the root has servers */
		count(r, 6, 1);
		put_record(r, "", 1, 2, 60, "\1a\4test", 8);
		return;
	}
	for (size_t i = 0; i < sizeof(sayings) / sizeof(sayings[0]); i++)
		if (strlen(sayings[i].label) == label &&
		    strncasecmp(sayings[i].label, name, label) == 0) {
			sayings[i].say(r);
			return;
		}
	say_nx(r);
}

void fakedns_say_rcode(struct fakedns_reply *r, unsigned rcode)
{
	r->bytes[3] |= (uint8_t)rcode;
}
