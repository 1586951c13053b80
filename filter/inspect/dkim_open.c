/*
 * dkim_open.c - the library is used once, so that behind the jail's door it
 * opens nothing.
 *
 * OpenSSL reads its configuration and looks for its algorithms and decoders
 * when they are first wanted.  The message of RFC 8463 appendix A wants them
 * all: it has a signature of each kind.
 */
#include "filter/inspect/dkim.h"

#include <pthread.h>
#include <string.h>

#include "filter/inspect/dkim_decode.h"
#include "filter/inspect/dkim_private.h"
#include "filter/inspect/dns.h"
#include "rules/arena.h"

static const struct {
	const char *name, *value;
} header[] = {
	{ "DKIM-Signature",
	  " v=1; a=ed25519-sha256; c=relaxed/relaxed;\n"
	  " d=football.example.com; i=@football.example.com;\n"
	  " q=dns/txt; s=brisbane; t=1528637909; h=from : to :\n"
	  " subject : date : message-id : from : subject : date;\n"
	  " bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\n"
	  " b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus\n"
	  " Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==" },
	{ "DKIM-Signature",
	  " v=1; a=rsa-sha256; c=relaxed/relaxed;\n"
	  " d=football.example.com; i=@football.example.com;\n"
	  " q=dns/txt; s=test; t=1528637909; h=from : to : subject :\n"
	  " date : message-id : from : subject : date;\n"
	  " bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\n"
	  " b=F45dVWDfMbQDGHJFlXUNB2HKfbCeLRyhDXgFpEL8GwpsRe0IeIixNTe3\n"
	  " DhCVlUrSjV4BwcVcOF6+FF3Zo9Rpo1tFOeS9mPYQTnGdaSGsgeefOsk2Jz\n"
	  " dA+L10TeYt9BgDfQNZtKdN1WO//KgIqXP7OdEFE4LjFYNcUxZQ4FADY+8=" },
	{ "From", " Joe SixPack <joe@football.example.com>" },
	{ "To", " Suzie Q <suzie@shopping.example.net>" },
	{ "Subject", " Is dinner ready?" },
	{ "Date", " Fri, 11 Jul 2003 21:00:37 -0700 (PDT)" },
	{ "Message-ID", " <20030712040037.46341.5F8J@football.example.com>" },
};

static const char body[] = "Hi.\r\n\r\n"
			   "We lost the game.  Are you hungry yet?\r\n\r\n"
			   "Joe.\r\n";

static const char *const keys[] = {
	"v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=",
	"v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWR"
	"iGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQiY/J16JYi0Qvx/byYzCNb3W91y3FutA"
	"CDfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2Ee"
	"C3Ip3G+2kryOTIKT+l/K4w3QIDAQAB",
};

static struct dns_record records[2];

static const struct dns_answer *ask(struct inspect_dns *dns, const char *name,
				    enum dns_type type)
{
	static const struct dns_answer answers[] = {
		{ .status = DNS_FOUND, .count = 1, .records = &records[0] },
		{ .status = DNS_FOUND, .count = 1, .records = &records[1] },
	};

	(void)dns;
	(void)type;
	return &answers[strncmp(name, "test.", 5) == 0];
}

static void hint(struct inspect_dns *dns, const char *name, enum dns_type type)
{
	(void)dns;
	(void)name;
	(void)type;
}

static void use_once(void)
{
	struct inspect_dns dns = { .ask = ask, .hint = hint };
	struct signatures *signatures;
	struct arena arena;

	(void)decode_directly(); /* or keys are read slowly */
	for (size_t i = 0; i < 2; i++) {
		records[i].type = DNS_TXT;
		records[i].text = keys[i];
		records[i].text_len = strlen(keys[i]);
	}
	arena_init(&arena, 256 * 1024);
	signatures = signatures_new(&arena, &dns, 1528637910);
	if (signatures) {
		for (size_t i = 0; i < sizeof(header) / sizeof(header[0]); i++)
			signatures_header(signatures, header[i].name,
					  strlen(header[i].name),
					  header[i].value,
					  strlen(header[i].value), false);
		signatures_eoh(signatures, NULL);
		signatures_body(signatures, body, sizeof(body) - 1);
		signatures_finish(signatures, false);
		signatures_free(signatures);
	}
	arena_done(&arena);
}

int signatures_open(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	if (library_open() < 0)
		return -1;
	pthread_once(&once, use_once);
	return 0;
}
