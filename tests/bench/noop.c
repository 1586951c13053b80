/*
 * noop.c - a libmilter filter that does nothing, in two manners.
 *
 *	noop full SOCKET	negotiates nothing: every step is sent, and is
 *				answered with "continue".  What libmilter costs.
 *	noop quiet SOCKET	asks for every step and answers none but the end
 *				of the message.
 *
 * SOCKET is libmilter's notation: unix:/path, inet:port@host or fd:N.  A stale
 * unix socket is replaced.  SIGTERM ends it, within libmilter's five seconds.
 *
 * It is the floor of the benchmark: no filter built on libmilter that reads
 * the same steps with replies can be cheaper than `full`.  Tests use it where
 * they need a filter that is surely not ours.
 */
#include <libmilter/mfapi.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define BACKLOG 512

static const unsigned long no_replies =
	SMFIP_NR_CONN | SMFIP_NR_HELO | SMFIP_NR_MAIL | SMFIP_NR_RCPT |
	SMFIP_NR_DATA | SMFIP_NR_UNKN | SMFIP_NR_HDR | SMFIP_NR_EOH |
	SMFIP_NR_BODY;

/* Set before libmilter starts its threads, only read afterwards. */
static sfsistat answer = SMFIS_CONTINUE;

static sfsistat on_negotiate(SMFICTX *ctx, unsigned long f0, unsigned long f1,
			     unsigned long f2, unsigned long f3,
			     unsigned long *pf0, unsigned long *pf1,
			     unsigned long *pf2, unsigned long *pf3)
{
	(void)ctx;
	(void)f0;
	(void)f2;
	(void)f3;
	/* An MTA that offers less would wait for ever for what we keep back. */
	if ((f1 & no_replies) != no_replies)
		return SMFIS_REJECT;
	*pf0 = 0;
	*pf1 = no_replies;
	*pf2 = 0;
	*pf3 = 0;
	return SMFIS_CONTINUE;
}

static sfsistat on_connect(SMFICTX *ctx, char *host, _SOCK_ADDR *addr)
{
	(void)ctx;
	(void)host;
	(void)addr;
	return answer;
}

static sfsistat on_string(SMFICTX *ctx, char *text)
{
	(void)ctx;
	(void)text;
	return answer;
}

static sfsistat on_command(SMFICTX *ctx, const char *text)
{
	(void)ctx;
	(void)text;
	return answer;
}

static sfsistat on_address(SMFICTX *ctx, char **argv)
{
	(void)ctx;
	(void)argv;
	return answer;
}

static sfsistat on_header(SMFICTX *ctx, char *name, char *value)
{
	(void)ctx;
	(void)name;
	(void)value;
	return answer;
}

static sfsistat on_step(SMFICTX *ctx)
{
	(void)ctx;
	return answer;
}

static sfsistat on_body(SMFICTX *ctx, unsigned char *chunk, size_t len)
{
	(void)ctx;
	(void)chunk;
	(void)len;
	return answer;
}

static sfsistat on_end(SMFICTX *ctx)
{
	(void)ctx;
	return SMFIS_CONTINUE;
}

int main(int argc, char **argv)
{
	static char name[] = "noop";
	struct smfiDesc desc = {
		.xxfi_name = name,
		.xxfi_version = SMFI_VERSION,
		.xxfi_connect = on_connect,
		.xxfi_helo = on_string,
		.xxfi_envfrom = on_address,
		.xxfi_envrcpt = on_address,
		.xxfi_header = on_header,
		.xxfi_eoh = on_step,
		.xxfi_body = on_body,
		.xxfi_eom = on_end,
		.xxfi_abort = on_end,
		.xxfi_close = on_end,
		.xxfi_unknown = on_command,
		.xxfi_data = on_step,
	};
	bool quiet = argc == 3 && strcmp(argv[1], "quiet") == 0;

	if (argc != 3 || (!quiet && strcmp(argv[1], "full") != 0)) {
		fprintf(stderr, "usage: noop full|quiet SOCKET\n");
		return 2;
	}
	if (quiet) {
		answer = SMFIS_NOREPLY;
		desc.xxfi_negotiate = on_negotiate;
	}
	if (smfi_register(desc) != MI_SUCCESS ||
	    smfi_setconn(argv[2]) != MI_SUCCESS ||
	    smfi_setbacklog(BACKLOG) != MI_SUCCESS ||
	    smfi_opensocket(1) != MI_SUCCESS) {
		fprintf(stderr, "noop: cannot serve %s\n", argv[2]);
		return 1;
	}
	return smfi_main() == MI_SUCCESS ? 0 : 1;
}
