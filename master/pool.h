/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A pool: workers that run the same modules with the same limits, and the
 * connections that wait for one of them. A pool belongs to one generation; a
 * reload makes new ones beside it and lets it go when its last worker is gone.
 */
#ifndef MASTER_POOL_H
#define MASTER_POOL_H

#include "master/access_log.h"
#include "master/config.h"
#include "master/connections.h"
#include "master/quarantine.h"
#include "master/supervise.h"

struct generation;
struct master;

struct pool {
	TAILQ_ENTRY(pool) link; /* master->pools: oldest generation first */
	struct master *master;
	struct generation *generation;
	const struct config_pool *config; /* the generation's */
	struct segment_geometry geometry; /* of its workers' segments */
	struct worker *workers;
	uint32_t worker_count;
	struct connection_queue queue; /* those that wait for a worker */
	uint32_t turn;                 /* the balance's round robin */
	struct quarantine quarantine;
	struct access_log log;
};

TAILQ_HEAD(pool_list, pool);

/*
 * pool_init(pool, generation, config):
 * Its workers, none of them started: the regular ones, the spares, and one to
 * replace those that are recycled. Each gets the lowest number that no worker
 * of any generation has. Adds it to master->pools. Returns 0 or -ENOMEM.
 */
int pool_init(struct pool *pool, struct generation *generation,
    const struct config_pool *config);

/*
 * pool_fini(pool): kill what is left of its workers, and leave master->pools.
 * One that was never initialised is fine.
 */
void pool_fini(struct pool *pool);

/*
 * pool_start(pool):
 * START to all but the reserve, until one fails so that its generation, or the
 * server, gives up.
 */
void pool_start(struct pool *pool);

/* pool_raise(pool, event): to each of its workers. */
void pool_raise(struct pool *pool, enum worker_event event);

/* How many of its workers are in a state, have a role, or both. */
uint32_t pool_count_state(const struct pool *pool, enum worker_state state);
uint32_t pool_count_role(const struct pool *pool, enum worker_role role);
uint32_t pool_count(
    const struct pool *pool, enum worker_role role, enum worker_state state);

/*
 * pool_find_module(pool, name, ret_id): false when it has none of that name.
 */
bool pool_find_module(
    const struct pool *pool, const char *name, uint32_t *ret_id);

/*
 * pools_next_worker(master, number):
 * Of all workers of all generations the one with the lowest number above
 * ${number}, or NULL.
 */
struct worker *pools_next_worker(const struct master *master, uint32_t number);

#endif
