/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fork and exec of a worker.
 */
#ifndef MASTER_SPAWN_H
#define MASTER_SPAWN_H

#include "master/identity.h"
#include "shm/segment.h"

#include <stdbool.h>
#include <sys/types.h>

/* A worker that is to be started. */
struct spawn {
	const char *path;              /* of bulkhead-worker */
	int socket;                    /* its end, still the caller's */
	const struct segment_fds *fds; /* whose memory it allocates first */
	const struct identity *identity;
	size_t descriptors; /* its limit of them; 0: ours */
	bool core_dumps;
};

/*
 * spawn_worker(spawn, ret_pid, ret_pidfd):
 * Run "bulkhead-worker --socket 3" with the socket as its descriptor 3, our
 * standard output and error, and nothing else of ours. The child allocates
 * the segment's memory and becomes the identity first; if it can't, or can't
 * execute the worker, it says FAILED by the socket and exits. It has a
 * process group of its own, so that a terminal's Ctrl-C reaches the master
 * only. Returns 0 or -errno.
 */
int spawn_worker(const struct spawn *spawn, pid_t *ret_pid, int *ret_pidfd);

#endif
