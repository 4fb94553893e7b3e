/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fork and exec of a worker.
 */
#ifndef MASTER_SPAWN_H
#define MASTER_SPAWN_H

#include "shm/segment.h"

#include <stdbool.h>
#include <sys/types.h>

/*
 * spawn_worker(path, socket, fds, core_dumps, ret_pid, ret_pidfd):
 * Run "bulkhead-worker --socket 3" with ${socket} (still the caller's) as its
 * descriptor 3, our standard output and error, and nothing else of ours. The
 * child allocates the memory of the segment ${fds} first; if it can't, or
 * can't execute the worker, it says FAILED by the socket and exits. It has a
 * process group of its own, so that a terminal's Ctrl-C reaches the master
 * only. Returns 0 or -errno.
 */
int spawn_worker(const char *path, int socket, const struct segment_fds *fds,
    bool core_dumps, pid_t *ret_pid, int *ret_pidfd);

#endif
