/*
 * files.h - what can be learned from the configuration without loading it.
 *
 * A configuration that does not load must not keep anybody from finding the
 * filter that runs on the one before it.
 */
#ifndef STEELYARD_CTL_FILES_H
#define STEELYARD_CTL_FILES_H

struct command;

/*
 * The path of the control socket: --socket, else as configured, as far as the
 * files can be read, else the default.  malloc'ed, NULL without memory.
 */
char *files_control_socket(const struct command *command);

#endif
