/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who serves and who waits for it. Runs in the master.
 */
#include "master/spare.h"

#include "master/master.h"
#include "shm/base/log.h"

static struct worker *
find_spare(struct pool *pool)
{
	struct worker *worker;

	for (uint32_t i = 0; i < pool->worker_count; i++) {
		worker = &pool->workers[i];
		if (worker->role == WORKER_SPARE &&
		    worker->state == WORKER_SERVING && !worker->stalled)
			return (worker);
	}
	return (NULL);
}

struct worker *
spare_swap(struct worker *worker)
{
	struct worker *spare = find_spare(worker->pool);

	if (spare == NULL)
		return (NULL);
	spare->role = WORKER_REGULAR;
	worker->role = WORKER_SPARE;
	log_info("worker %u, a spare, takes the place of worker %u",
	    (unsigned)spare->number, (unsigned)worker->number);
	return (spare);
}

void
spare_promote(struct pool *pool)
{
	const struct master *master = pool->master;
	struct worker *worker;

	/* At the start all come at once; at the end none is replaced. */
	if ((master->phase != MASTER_SERVING &&
		master->phase != MASTER_STOPPING) ||
	    pool->generation->state != GENERATION_SERVING)
		return;
	for (uint32_t i = 0; i < pool->worker_count; i++) {
		worker = &pool->workers[i];
		if (worker->role == WORKER_REGULAR &&
		    worker->state != WORKER_SERVING &&
		    spare_swap(worker) == NULL)
			return;
	}
}
