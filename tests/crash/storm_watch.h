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

/*
 * storm_watch_tell_client(thread, fd):
 * The same of a client, a thread of ours; and how many bytes wait in its socket
 * for it to read them: then it isn't the server that it waits for.
 */
void storm_watch_tell_client(pid_t thread, int fd);

#endif
