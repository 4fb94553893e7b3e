/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Letting go of a process, of its segment and of a client: what may keep the
 * kernel busy for long, and would keep the master from serving anybody.
 *
 * Whoever closes a segment's last descriptor gives its memory back, page by
 * page: some 4 ms, and 50 on a busy machine. Whoever reaps a process drops what
 * the kernel remembers of its entries in /proc, and was seen to go round there
 * (Linux 6.18, shrink_dcache_parent() below release_task(), by perf) for a
 * second and more, on two busy cores, until their load changed: it waits for
 * whoever drops one of them too. With autogroup scheduling this kernel leaves a
 * process of another session without a processor for so long, and longer
 * (tests/crash/README.md).
 * Whoever closes a socket's last descriptor with SO_LINGER set waits until the
 * peer has acknowledged everything, nonblocking or not, and a module can set
 * it: the option is the socket's, not the descriptor's.
 */
#ifndef MASTER_LET_GO_H
#define MASTER_LET_GO_H

#include "shm/segment.h"

#include <stdbool.h>

/*
 * let_go(fds, pidfd):
 * Close all of ${fds}, and reap ${pidfd}'s process and close it, on a thread
 * that does this and ends; it takes no lock but the allocator's and sees
 * nothing else of ours. ${pidfd} is of a child that has ended or must end: the
 * thread waits for it. Either may be NULL. Where there can't be a thread, it is
 * done here. All descriptors are -1 afterwards.
 */
void let_go(struct segment_fds *fds, int *pidfd);

/*
 * let_go_client(fd):
 * Close a client's socket without waiting for the client. Where SO_LINGER is
 * set it is switched off, so that the connection ends as it would have, and
 * closed on a thread, as whoever has set it may do so again. *${fd} is -1
 * afterwards.
 */
void let_go_client(int *fd);

/*
 * let_go_busy():
 * Is any thread of let_go() still at work? An image of the program that is
 * executed before has a child that nobody reaps. Those of let_go_client() don't
 * count: they end with this image, and nothing is lost by that.
 */
bool let_go_busy(void);

/*
 * let_go_finish():
 * Wait until none is, 10 s at most: at the end, and before another image of
 * the program is executed.
 */
void let_go_finish(void);

#endif
