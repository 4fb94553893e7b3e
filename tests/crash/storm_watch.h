/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who stands still while a client waits: what the kernel knows of a server's
 * processes and their threads, at the moment.
 */
#ifndef TESTS_CRASH_STORM_WATCH_H
#define TESTS_CRASH_STORM_WATCH_H

#include <sys/types.h>

/*
 * storm_watch_tell(master):
 * Print of ${master}, each of its children (the dying and the dead too) and
 * their threads: state, where each waits or spins in the kernel, which signals
 * it has got, how long it has run and waited for a processor. What may not be
 * read is left out. Any thread.
 */
void storm_watch_tell(pid_t master);

#endif
