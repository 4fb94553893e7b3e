/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A generation: one configuration and the pools that were made from it. There
 * is one that serves; a reload starts the next one beside it, and the one
 * before may still be finishing its requests.
 *
 *	           all READY              the next one serves
 *	STARTING -------------> SERVING ------------------------> RETIRED
 *	    '---------------------------------------------------->   |
 *	             it was a reload's, and failed            no worker left,
 *	                                                      nor connection:
 *	                                                      freed
 */
#ifndef MASTER_GENERATION_H
#define MASTER_GENERATION_H

#include "master/pool.h"

enum generation_state {
	GENERATION_STARTING,
	GENERATION_SERVING,
	GENERATION_RETIRED,
};

struct generation {
	TAILQ_ENTRY(generation) link; /* master->generations, oldest first */
	struct master *master;
	struct config *config; /* its own */
	uint32_t number;       /* from 1, the server's first */
	enum generation_state state;
	bool served; /* it got beyond STARTING */
	uint32_t pool_count;
	struct pool pools[]; /* in the order of config->pools */
};

TAILQ_HEAD(generation_list, generation);

/* generations_init(master): none. */
void generations_init(struct master *master);

/*
 * generation_create(master, config, ret_generation):
 * With all its workers, none of them started. Takes ${config} in any case.
 * Returns 0 or -ENOMEM.
 */
int generation_create(struct master *master, struct config *config,
    struct generation **ret_generation);

/* generation_start(generation): start the workers, see pool_start(). */
void generation_start(struct generation *generation);

/*
 * generation_is_ready(generation):
 * At the server's start when all regular workers serve; for a reload the
 * spares have to as well.
 */
bool generation_is_ready(const struct generation *generation);

/* generation_modules(generation): of all its pools. */
uint32_t generation_modules(const struct generation *generation);

/* generation_workers(generation): how many are running or meant to. */
uint32_t generation_workers(const struct generation *generation);

/*
 * generation_heir(pool, next):
 * Which pool of ${next} the connections of ${pool} go to: the one with its
 * name; else the one that gets a listener of its; else NULL.
 */
struct pool *generation_heir(const struct pool *pool, struct generation *next);

/*
 * generation_retire(generation, next):
 * ${next} serves. Connections that wait go there; the workers give back what
 * is idle and finish the rest. A pool without an heir finishes and closes.
 */
void generation_retire(struct generation *generation, struct generation *next);

/* generation_abandon(generation): it never served: its workers are killed. */
void generation_abandon(struct generation *generation);

/*
 * generations_reap(master):
 * Soon, not from within this call: free those RETIRED that have no worker left
 * and that no connection is to wait in.
 */
void generations_reap(struct master *master);

/* generations_fini(master): all of them, no process of theirs is left. */
void generations_fini(struct master *master);

#endif
