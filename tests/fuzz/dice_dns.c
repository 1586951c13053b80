/* dice_dns.c - a DNS whose answers follow from the name and a seed. */
#include "tests/fuzz/dice_dns.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static const char *const policies[] = {
	"v=DMARC1; p=none",
	"v=DMARC1; p=reject",
	"v=DMARC1; p=quarantine; sp=reject; np=none",
	"v=DMARC1; p=reject; adkim=s; aspf=s",
	"v=DMARC1; p=reject; psd=n",
	"v=DMARC1; p=reject; psd=y; t=y",
	"v=DMARC1; p=rej",
	"v=spf1 -all",
};

#define RSA_KEY                                                            \
	"MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6NpP3idY6" \
	"Wk08a5qhdR6wy5bdOKb2jLQiY/J16JYi0Qvx/byYzCNb3W91y3FutACDfzwQ/BC/" \
	"e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3Ip3G" \
	"+2kryOTIKT+l/K4w3QIDAQAB"
#define ED_KEY "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="

static const char *const keys[] = {
	"v=DKIM1; k=rsa; p=" RSA_KEY,
	"v=DKIM1; k=ed25519; p=" ED_KEY,
	"v=DKIM1; k=rsa; t=y; p=" RSA_KEY,
	"v=DKIM1; k=ed25519; t=s; p=" ED_KEY,
	"v=DKIM1; p=",
	"k=rsa; p=garbled==",
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static unsigned roll(const struct dice_dns *dice, const char *name,
		     enum dns_type type)
{
	uint32_t hash = 2166136261U ^ dice->seed ^ ((uint32_t)type << 16);

	for (; *name != '\0'; name++)
		hash = (hash ^ (uint8_t)*name) * 16777619U;
	return (hash >> 11) & 0xff;
}

static void put(struct dns_answer *answer, struct dns_record *record,
		const char *text)
{
	*record = (struct dns_record){ .type = DNS_TXT,
				       .text = text,
				       .text_len = strlen(text) };
	answer->status = DNS_FOUND;
	answer->count++;
}

static const struct dns_answer *ask(struct inspect_dns *dns, const char *name,
				    enum dns_type type)
{
	struct dice_dns *dice = (struct dice_dns *)dns; /* first member */
	unsigned eyes = roll(dice, name, type);
	bool key = strstr(name, "._domainkey.") != NULL;
	struct dns_answer *answer;
	struct dns_record *records;

	if (strlen(name) > 253 || dice->asked == DICE_DNS_ANSWERS)
		abort();
	records = dice->records[dice->asked];
	answer = &dice->answers[dice->asked++];
	*answer = (struct dns_answer){ .status = DNS_NXDOMAIN,
				       .records = records };
	if (eyes < 24 && dice->fails)
		answer->status = eyes % 2 ? DNS_SERVFAIL : DNS_TIMEOUT;
	else if (eyes < 60)
		answer->status = DNS_NODATA;
	else if (eyes < 70)
		answer->cnames = 1;
	else if (eyes < 200 && type == DNS_TXT)
		for (unsigned i = 0; i < (eyes < 80 ? 2 : 1); i++)
			put(answer, &records[i],
			    key ? keys[(eyes + i) % COUNT(keys)]
				: policies[(eyes + i) % COUNT(policies)]);
	return answer;
}

static void hint(struct inspect_dns *dns, const char *name, enum dns_type type)
{
	(void)dns;
	(void)type;
	if (strlen(name) > 253)
		abort();
}

void dice_dns_init(struct dice_dns *dice, unsigned seed, bool fails)
{
	dice->dns = (struct inspect_dns){ .ask = ask, .hint = hint };
	dice->seed = seed;
	dice->fails = fails;
	dice->asked = 0;
}
