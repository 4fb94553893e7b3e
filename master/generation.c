/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Generations: made, retired, freed. Runs in the master.
 */
#include "master/generation.h"

#include "master/master.h"
#include "master/reload.h"
#include "shm/base/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void
free_generation(struct generation *generation)
{
	for (uint32_t i = 0; i < generation->pool_count; i++)
		pool_fini(&generation->pools[i]);
	TAILQ_REMOVE(&generation->master->generations, generation, link);
	config_free(generation->config);
	free(generation);
}

int
generation_create(struct master *master, struct config *config,
    struct generation **ret_generation)
{
	struct generation *generation;
	int error = 0;

	generation =
	    calloc(1, sizeof(*generation) +
			  config->pool_count * sizeof(generation->pools[0]));
	if (generation == NULL) {
		config_free(config);
		return (-ENOMEM);
	}
	generation->master = master;
	generation->config = config;
	generation->number = ++master->generation_numbers;
	generation->pool_count = config->pool_count;
	TAILQ_INSERT_TAIL(&master->generations, generation, link);
	for (uint32_t i = 0; error == 0 && i < config->pool_count; i++)
		error = pool_init(
		    &generation->pools[i], generation, config->pools[i]);
	if (error != 0) {
		free_generation(generation);
		return (error);
	}
	*ret_generation = generation;
	return (0);
}

void
generation_start(struct generation *generation)
{
	for (uint32_t i = 0; i < generation->pool_count; i++)
		pool_start(&generation->pools[i]);
}

static bool
pool_is_ready(const struct pool *pool, bool spares_too)
{
	if (pool_count(pool, WORKER_REGULAR, WORKER_SERVING) <
	    pool_count_role(pool, WORKER_REGULAR))
		return (false);
	return (!spares_too || pool_count(pool, WORKER_SPARE, WORKER_SERVING) ==
				   pool_count_role(pool, WORKER_SPARE));
}

bool
generation_is_ready(const struct generation *generation)
{
	bool reload = generation != generation->master->generation;

	for (uint32_t i = 0; i < generation->pool_count; i++)
		if (!pool_is_ready(&generation->pools[i], reload))
			return (false);
	return (true);
}

uint32_t
generation_modules(const struct generation *generation)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < generation->pool_count; i++)
		count += generation->pools[i].config->module_count;
	return (count);
}

uint32_t
generation_workers(const struct generation *generation)
{
	const struct pool *pool;
	uint32_t count = 0;

	for (uint32_t i = 0; i < generation->pool_count; i++) {
		pool = &generation->pools[i];
		if (generation->state == GENERATION_RETIRED)
			count += pool->worker_count -
				 pool_count_state(pool, WORKER_DOWN);
		else
			count += pool->worker_count;
	}
	return (count);
}

struct pool *
generation_heir(const struct pool *pool, struct generation *next)
{
	const struct config *old = pool->generation->config;
	const struct config *new = next->config;
	uint32_t index = (uint32_t)(pool - pool->generation->pools);

	for (uint32_t i = 0; i < next->pool_count; i++)
		if (strcmp(next->pools[i].config->name, pool->config->name) ==
		    0)
			return (&next->pools[i]);
	for (size_t i = 0; i < old->listener_count; i++) {
		if (old->listeners[i].pool != index)
			continue;
		for (size_t j = 0; j < new->listener_count; j++)
			if (address_equal(&old->listeners[i].address,
				&new->listeners[j].address))
				return (&next->pools[new->listeners[j].pool]);
	}
	return (NULL);
}

/* What its workers' ends look like is no news from here on. */
static void
let_go(struct worker *worker, enum worker_event event)
{
	if (worker->state == WORKER_SERVING ||
	    worker->state == WORKER_RETIRING) {
		worker->retired = true;
		supervise_event(worker, event);
		return;
	}
	if (worker->state != WORKER_DYING)
		worker->retired = true;
	supervise_event(worker, WORKER_KILL);
}

static void
retire_pool(struct pool *pool, const struct pool *heir)
{
	for (uint32_t i = 0; i < pool->worker_count; i++)
		let_go(&pool->workers[i],
		    heir != NULL ? WORKER_RETIRE : WORKER_STOP);
}

/*
 * Who gives back to ${pool}, which nobody follows, has nobody to give to: older
 * workers finish and close, too.
 */
static void
stop_givers(struct master *master, const struct pool *pool)
{
	const struct connection *connection;
	struct worker *worker;
	uint32_t number = 0;

	while ((worker = pools_next_worker(master, number)) != NULL) {
		number = worker->number;
		connection = TAILQ_FIRST(&worker->owner.list);
		/* All that it has are one pool's. */
		if (worker->state == WORKER_RETIRING && connection != NULL &&
		    connection->queue == &pool->queue)
			supervise_event(worker, WORKER_STOP);
	}
}

void
generation_retire(struct generation *generation, struct generation *next)
{
	struct master *master = generation->master;
	struct pool *heirs[CONFIG_POOLS_MAX], *pool;

	for (uint32_t i = 0; i < generation->pool_count; i++) {
		pool = &generation->pools[i];
		heirs[i] = generation_heir(pool, next);
		if (heirs[i] != NULL)
			connections_move(&master->connections, &pool->queue,
			    &heirs[i]->queue);
	}
	/* What has no heir is for the old workers, while they take it. */
	handoff_run(master);
	generation->state = GENERATION_RETIRED;
	for (uint32_t i = 0; i < generation->pool_count; i++)
		retire_pool(&generation->pools[i], heirs[i]);
	for (uint32_t i = 0; i < generation->pool_count; i++)
		if (heirs[i] == NULL)
			stop_givers(master, &generation->pools[i]);
	handoff_run(master);
	generations_reap(master);
}

void
generation_abandon(struct generation *generation)
{
	struct worker *worker;
	struct pool *pool;

	generation->state = GENERATION_RETIRED;
	for (uint32_t i = 0; i < generation->pool_count; i++) {
		pool = &generation->pools[i];
		for (uint32_t j = 0; j < pool->worker_count; j++) {
			worker = &pool->workers[j];
			/* One that fails by itself has its news still. */
			if (worker->state != WORKER_DYING)
				worker->retired = true;
			supervise_event(worker, WORKER_KILL);
		}
	}
	generations_reap(generation->master);
}

/* Does a worker, be it of an older generation, hold what is to wait there? */
static bool
is_awaited(const struct connections *table, const struct pool *pool)
{
	for (uint32_t i = 0; i < table->max; i++)
		if (table->slots[i].queue == &pool->queue)
			return (true);
	return (false);
}

static bool
is_gone(const struct generation *generation)
{
	const struct pool *pool;

	if (generation->state != GENERATION_RETIRED)
		return (false);
	for (uint32_t i = 0; i < generation->pool_count; i++) {
		pool = &generation->pools[i];
		if (pool_count_state(pool, WORKER_DOWN) < pool->worker_count ||
		    is_awaited(&generation->master->connections, pool))
			return (false);
	}
	return (true);
}

static void
reap_due(struct loop_timer *timer)
{
	struct master *master = timer->owner;
	struct generation *generation, *next;

	for (generation = TAILQ_FIRST(&master->generations); generation != NULL;
	     generation = next) {
		next = TAILQ_NEXT(generation, link);
		if (!is_gone(generation))
			continue;
		if (generation->served)
			log_info("generation %u is gone",
			    (unsigned)generation->number);
		free_generation(generation);
	}
	reload_step(master);
}

void
generations_init(struct master *master)
{
	TAILQ_INIT(&master->generations);
	TAILQ_INIT(&master->pools);
	master->reap_timer.owner = master;
	master->reap_timer.handle = reap_due;
}

void
generations_reap(struct master *master)
{
	if (!master->reap_timer.armed)
		loop_timer_set(&master->loop, &master->reap_timer, 0);
}

void
generations_fini(struct master *master)
{
	struct generation *generation;

	while ((generation = TAILQ_FIRST(&master->generations)) != NULL)
		free_generation(generation);
	master->generation = NULL;
	master->config = NULL;
	loop_timer_clear(&master->loop, &master->reap_timer);
}
