/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Step 2 of a request's life: choose the worker. Runs in the master.
 */
#include "master/balance.h"

#include "master/peek.h"

void
balance_refresh(struct worker *workers, uint32_t count)
{
	struct worker *worker;
	uint32_t load;

	for (uint32_t i = 0; i < count; i++) {
		worker = &workers[i];
		if (worker->state != WORKER_SERVING)
			continue;
		load = peek_load(&worker->view);
		worker->load = load <= worker->owner.count
				   ? load
				   : (uint32_t)worker->owner.count;
	}
}

static bool
is_candidate(
    const struct worker *worker, enum worker_role role, uint64_t now_ns)
{
	return (worker->role == role && worker->state == WORKER_SERVING &&
		!worker->blocked && !worker->stalled &&
		worker->rest_ns <= now_ns);
}

static struct worker *
choose_among(struct worker *workers, uint32_t count, enum worker_role role,
    uint64_t now_ns, uint32_t *turn)
{
	struct worker *worker, *best = NULL;
	size_t cost, least = SIZE_MAX;

	for (uint32_t i = 0; i < count; i++) {
		worker = &workers[(*turn + i) % count];
		if (!is_candidate(worker, role, now_ns))
			continue;
		cost = worker->owner.count + worker->load;
		if (cost < least) {
			least = cost;
			best = worker;
		}
	}
	/* The one after the chosen is first among equals next time. */
	if (best != NULL)
		*turn = (uint32_t)(best - workers + 1) % count;
	return (best);
}

struct worker *
balance_choose(
    struct worker *workers, uint32_t count, uint64_t now_ns, uint32_t *turn)
{
	struct worker *worker;

	worker = choose_among(workers, count, WORKER_REGULAR, now_ns, turn);
	if (worker == NULL)
		worker =
		    choose_among(workers, count, WORKER_SPARE, now_ns, turn);
	return (worker);
}
