/*
 * jail.h - what a process gives up before it reads what strangers wrote.
 *
 * Inside, a process has the descriptors and threads that it has, and memory; it
 * opens nothing, connects nowhere, starts nothing, maps nothing executable.  A
 * system call beyond the list in jail.c kills the whole process with
 * SIGSYS.  There is no way out again.
 *
 * In a build with sanitizers the list is longer, by what their run time needs,
 * and memory is not limited; files, sockets, exec and fork stay forbidden.
 */
#ifndef STEELYARD_INSPECT_JAIL_H
#define STEELYARD_INSPECT_JAIL_H

/*
 * Closes around every thread of the process.  Start threads before, and wait
 * until they run: their first steps are calls that are forbidden inside.
 * Returns -1 with errno, and the step that failed in `*ret_step`.
 */
int jail_enter(const char **ret_step);

#endif
