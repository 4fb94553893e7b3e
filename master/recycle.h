/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Replacing workers that have served long enough, without loss: first another
 * one is ready (a spare, or one more that is started for it), then the old one
 * gives its idle connections back, finishes the rest, and ends. One at a time.
 */
#ifndef MASTER_RECYCLE_H
#define MASTER_RECYCLE_H

#include <stdint.h>

enum {
	RECYCLE_LOOK_MS = 2000, /* between looks at requests, age and memory */
};

struct master;
struct pool;
struct worker;

void recycle_init(struct master *master);

/* recycle_start(master): look from now on, if a setting asks for it. */
void recycle_start(struct master *master);

/* recycle_want(worker): it is to be replaced; recycle_step() begins it. */
void recycle_want(struct worker *worker);

/*
 * recycle_step(pool):
 * Go on with what is wanted, as far as it can be done now. After each change
 * of a worker's state.
 */
void recycle_step(struct pool *pool);

/*
 * recycle_memory(pid): its private memory in bytes, 0 when it can't be told.
 */
uint64_t recycle_memory(int pid);

#endif
