/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pools and the numbers of their workers. Runs in the master.
 */
#include "master/pool.h"

#include "master/generation.h"
#include "master/master.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct worker *
pools_next_worker(const struct master *master, uint32_t number)
{
	struct worker *worker, *next = NULL;
	const struct pool *pool;

	TAILQ_FOREACH(pool, &master->pools, link)
	{
		for (uint32_t i = 0; i < pool->worker_count; i++) {
			worker = &pool->workers[i];
			if (worker->number > number &&
			    (next == NULL || worker->number < next->number))
				next = worker;
		}
	}
	return (next);
}

/* The lowest number above ${number} that nobody has. */
static uint32_t
free_number(const struct master *master, uint32_t number)
{
	const struct worker *worker;

	do {
		worker = pools_next_worker(master, number++);
	} while (worker != NULL && worker->number == number);
	return (number);
}

int
pool_init(struct pool *pool, struct generation *generation,
    const struct config_pool *config)
{
	struct master *master = generation->master;
	uint32_t regular = config->workers, number = 0;
	uint32_t count = regular + (uint32_t)config->spares + 1;

	/* One is enough to tell whether the modules load. */
	if (generation->config->check)
		regular = count = 1;
	pool->workers = calloc(count, sizeof(*pool->workers));
	if (pool->workers == NULL)
		return (-ENOMEM);
	pool->master = master;
	pool->generation = generation;
	pool->config = config;
	pool->geometry = segment_default_geometry(
	    master->connections.max, config->module_count);
	pool->log.fd = -1;
	if (!generation->config->check)
		access_log_open(&pool->log, config);
	/* Even if it can't be opened now: it may be later. */
	if (access_log_wanted(config))
		pool->geometry.log_size = SEGMENT_LOG_SIZE;
	connection_queue_init(&pool->queue);
	quarantine_init(pool);
	/* Not in the list yet, so its own have no numbers to count. */
	for (uint32_t i = 0; i < count; i++) {
		number = free_number(master, number);
		supervise_init(&pool->workers[i], pool, number);
		if (i >= regular)
			pool->workers[i].role = WORKER_SPARE;
	}
	if (!generation->config->check)
		pool->workers[count - 1].role = WORKER_RESERVE;
	pool->worker_count = count;
	TAILQ_INSERT_TAIL(&master->pools, pool, link);
	return (0);
}

void
pool_fini(struct pool *pool)
{
	if (pool->workers == NULL)
		return;
	for (uint32_t i = 0; i < pool->worker_count; i++)
		supervise_finish(&pool->workers[i]);
	quarantine_fini(pool);
	access_log_close(&pool->log);
	TAILQ_REMOVE(&pool->master->pools, pool, link);
	free(pool->workers);
	pool->workers = NULL;
	pool->worker_count = 0;
}

void
pool_start(struct pool *pool)
{
	for (uint32_t i = 0; i < pool->worker_count; i++) {
		if (pool->generation->state != GENERATION_STARTING ||
		    pool->master->phase == MASTER_ENDING)
			return;
		if (pool->workers[i].role != WORKER_RESERVE)
			supervise_event(&pool->workers[i], WORKER_START);
	}
}

void
pool_raise(struct pool *pool, enum worker_event event)
{
	for (uint32_t i = 0; i < pool->worker_count; i++)
		supervise_event(&pool->workers[i], event);
}

uint32_t
pool_count_state(const struct pool *pool, enum worker_state state)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < pool->worker_count; i++)
		count += pool->workers[i].state == state;
	return (count);
}

uint32_t
pool_count_role(const struct pool *pool, enum worker_role role)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < pool->worker_count; i++)
		count += pool->workers[i].role == role;
	return (count);
}

uint32_t
pool_count(
    const struct pool *pool, enum worker_role role, enum worker_state state)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < pool->worker_count; i++)
		count += pool->workers[i].role == role &&
			 pool->workers[i].state == state;
	return (count);
}

bool
pool_find_module(const struct pool *pool, const char *name, uint32_t *ret_id)
{
	for (uint32_t i = 0; i < pool->config->module_count; i++)
		if (strcmp(pool->config->modules[i].name, name) == 0) {
			*ret_id = i;
			return (true);
		}
	return (false);
}
