/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Threads for modules' work that blocks. They start when there is work for
 * them; each has an activity word, so that whatever it does to the process is
 * told with the right name, and publishes to the ring as any thread does. If
 * the work ends its thread (pthread_exit(3)), its operation ends with
 * -ECANCELED, that is logged with the module's name, and another thread starts
 * in its place when there is work.
 */
#ifndef WORKER_OFFLOAD_H
#define WORKER_OFFLOAD_H

#include "shm/activity.h"
#include "shm/ring.h"

#include <bulkhead/async.h>
#include <sys/queue.h>

/* Kept in its request, which lasts until the work is done. */
struct offload_job {
	STAILQ_ENTRY(offload_job) link;
	bh_offload_fn *work;
	void *argument;
	ring_ref ref;      /* completed with what the work returns */
	uint64_t activity; /* the word while it runs */
};

struct offload;

/*
 * offload_create(ring, activities, threads, ret_offload):
 * For at most ${threads} threads, whose activity words are the first of
 * ${activities}. None is started. Returns 0 or -ENOMEM.
 */
int offload_create(struct ring *ring, struct activity *activities,
    uint32_t threads, struct offload **ret_offload);

/*
 * offload_submit(offload, job):
 * Run ${job} when a thread is free, in order. Returns 0, or -EAGAIN when there
 * is no thread and none could be started. Dispatch thread.
 */
int offload_submit(struct offload *offload, struct offload_job *job);

/*
 * offload_free(offload):
 * End the threads. Work that is still running then belongs to requests that
 * were given up: nobody could wait for it, so the process ends here, with
 * EXIT_FAILURE. NULL is fine. Dispatch thread.
 */
void offload_free(struct offload *offload);

#endif
