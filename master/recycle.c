/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Recycling workers. Runs in the master.
 */
#include "master/recycle.h"

#include "master/master.h"
#include "master/spare.h"
#include "shm/base/clock.h"
#include "shm/base/fd.h"
#include "shm/base/log.h"
#include "shm/stats.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

uint64_t
recycle_memory(int pid)
{
	unsigned long long size, resident, shared;
	char path[64], text[128];
	ssize_t length;
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%d/statm", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return (0);
	length = read(fd, text, sizeof(text) - 1);
	fd_close(&fd);
	if (length <= 0)
		return (0);
	text[length] = '\0';
	if (sscanf(text, "%llu %llu %llu", &size, &resident, &shared) != 3 ||
	    shared > resident)
		return (0);
	return ((resident - shared) * (uint64_t)sysconf(_SC_PAGESIZE));
}

void
recycle_want(struct worker *worker)
{
	if (worker->state == WORKER_SERVING)
		worker->recycle = true;
}

/* Has it reached one of the limits? A spare has no requests, but an age. */
static void
look(struct worker *worker)
{
	const struct config_pool *config = worker->pool->config;
	uint64_t age_ms = (clock_now() - worker->ready_ns) / CLOCK_NS_PER_MS;
	const char *why = NULL;

	if (worker->state != WORKER_SERVING || worker->recycle)
		return;
	if (config->recycle_age_ms > 0 && age_ms >= config->recycle_age_ms)
		why = "recycle-age";
	if (config->recycle_requests > 0 &&
	    stats_read(&worker->view, -1, STAT_requests) >=
		config->recycle_requests)
		why = "recycle-requests";
	if (config->recycle_memory > 0 &&
	    recycle_memory(worker->pid) >= config->recycle_memory)
		why = "recycle-memory";
	if (why == NULL)
		return;
	log_info("worker %u (pid %d) has reached %s", (unsigned)worker->number,
	    (int)worker->pid, why);
	recycle_want(worker);
}

static bool
is_asked_for(const struct pool *pool)
{
	const struct config_pool *config = pool->config;

	if (config->recycle_age_ms > 0 || config->recycle_requests > 0 ||
	    config->recycle_memory > 0)
		return (true);
	for (uint32_t i = 0; i < pool->worker_count; i++)
		if (pool->workers[i].recycle)
			return (true);
	return (false);
}

void
recycle_start(struct master *master)
{
	uint64_t ms = RECYCLE_LOOK_MS, age;
	const struct pool *pool;
	bool asked = false;

	TAILQ_FOREACH(pool, &master->pools, link)
	{
		age = pool->config->recycle_age_ms;
		if (age > 0 && age < ms)
			ms = age;
		asked = asked || is_asked_for(pool);
	}
	if (asked && !master->recycle_timer.armed)
		loop_timer_set(&master->loop, &master->recycle_timer, ms);
}

static void
due(struct loop_timer *timer)
{
	struct master *master = timer->owner;

	struct pool *pool;

	TAILQ_FOREACH(pool, &master->pools, link)
	{
		for (uint32_t i = 0; i < pool->worker_count; i++)
			look(&pool->workers[i]);
		recycle_step(pool);
	}
	recycle_start(master);
}

void
recycle_init(struct master *master)
{
	master->recycle_timer.owner = master;
	master->recycle_timer.handle = due;
}

/* One with this role that serves, wanted or not. */
static struct worker *
find(struct pool *pool, enum worker_role role, bool wanted)
{
	struct worker *worker;

	for (uint32_t i = 0; i < pool->worker_count; i++) {
		worker = &pool->workers[i];
		if (worker->role == role && worker->state == WORKER_SERVING &&
		    worker->recycle == wanted)
			return (worker);
	}
	return (NULL);
}

/* Nobody is spare: start the one that is kept for this. */
static void
start_reserve(struct pool *pool)
{
	struct worker *worker;

	for (uint32_t i = 0; i < pool->worker_count; i++) {
		worker = &pool->workers[i];
		if (worker->role != WORKER_RESERVE ||
		    worker->state != WORKER_DOWN)
			continue;
		worker->role = WORKER_SPARE;
		supervise_event(worker, WORKER_START);
		return;
	}
}

static void
retire(struct worker *worker)
{
	log_info("worker %u (pid %d) retires: %zu connections move",
	    (unsigned)worker->number, (int)worker->pid, worker->owner.count);
	worker->recycle = false;
	supervise_event(worker, WORKER_RETIRE);
}

/* More than are to be: what was started for a recycling that went otherwise. */
static void
retire_surplus(struct pool *pool)
{
	struct worker *worker = find(pool, WORKER_SPARE, false);

	if (worker != NULL &&
	    pool_count_role(pool, WORKER_SPARE) > pool->config->spares)
		retire(worker);
}

void
recycle_step(struct pool *pool)
{
	struct worker *old;

	if (pool->master->phase != MASTER_SERVING ||
	    pool->generation->state != GENERATION_SERVING ||
	    pool_count_state(pool, WORKER_RETIRING) > 0)
		return;
	/* Old spares first, lest one of them replaces anybody. */
	old = find(pool, WORKER_SPARE, true);
	if (old != NULL) {
		retire(old);
		return;
	}
	old = find(pool, WORKER_REGULAR, true);
	if (old == NULL)
		retire_surplus(pool);
	else if (spare_swap(old) != NULL)
		retire(old);
	else if (pool_count_role(pool, WORKER_SPARE) == 0)
		start_reserve(pool);
	recycle_start(pool->master); /* try again, should this one fail */
}
