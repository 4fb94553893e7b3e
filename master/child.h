/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What every process that the master starts has in common.
 */
#ifndef MASTER_CHILD_H
#define MASTER_CHILD_H

#include <stddef.h>
#include <sys/types.h>

enum {
	CHILD_FIRST_FD = 3,
	CHILD_FDS_MAX = 8,
};

/*
 * child_begin():
 * A process group of its own, so that a terminal's Ctrl-C reaches the master
 * only; all signals at their defaults and none blocked; nothing of what
 * systemd has to say to the master. Between fork and exec.
 */
void child_begin(void);

/*
 * child_arrange_descriptors(fds, count):
 * Standard input reads nothing, output and error are ours, ${fds} become 3, 4
 * and so on, and nothing else stays open. Between fork and exec. Returns 0 or
 * -errno.
 */
int child_arrange_descriptors(const int *fds, size_t count);

/*
 * child_watch(pid, ret_pidfd):
 * Get the pidfd of a child that was just forked; where there is none to be
 * had it is killed and reaped. Returns 0 or -errno.
 */
int child_watch(pid_t pid, int *ret_pidfd);

#endif
