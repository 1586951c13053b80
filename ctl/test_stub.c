#include "ctl/command.h"
static enum exit_code run(const struct command *c)
{
	(void)c;
	return EXIT_NO;
}
const struct verb verb_test = {
	.name = "test", .arguments = "", .help = "", .run = run
};
