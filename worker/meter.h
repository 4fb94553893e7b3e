/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What modules allocate. The allocator counts each thread's bytes anyway;
 * whenever the dispatch thread begins or ends to run a module's code, what has
 * been counted since the last such time is put down to whoever ran. What the
 * server allocates for a request on a module's behalf is put down to nobody,
 * and neither is what threads of a module allocate.
 *
 * Dispatch thread only. Without jemalloc (sanitizers) all is 0.
 */
#ifndef WORKER_METER_H
#define WORKER_METER_H

#include "shm/stats.h"

#include <stddef.h>
#include <stdint.h>

struct meter {
	const uint64_t *allocated; /* the allocator's own words */
	const uint64_t *freed;
	uint64_t seen; /* the sum of both: it only grows */
	uint64_t seen_allocated;
	uint64_t seen_freed;
};
extern struct meter meter;

/* meter_init(): the calling thread is the dispatch thread from now on. */
void meter_init(void);

/*
 * meter_charge(stats):
 * Put down what there was since the last call to the module whose block of
 * figures this is; NULL: to nobody.
 */
void meter_put_down(_Atomic uint64_t *stats);
static inline void
meter_charge(_Atomic uint64_t *stats)
{
	if (__builtin_expect(*meter.allocated + *meter.freed != meter.seen, 0))
		meter_put_down(stats);
}

/* meter_malloc(size), meter_free(memory): the server's own, below a module. */
void *meter_malloc(size_t size);
void meter_free(void *memory);

#endif
