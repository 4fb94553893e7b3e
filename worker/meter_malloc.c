/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory of the server's own that is taken and given back while a module's
 * callback runs. Runs in a worker, on its dispatch thread.
 */
#include "worker/meter.h"
#include "worker/worker.h"

#include <stdlib.h>

/* Up to now it was the module that runs, if one does. */
static void
settle(void)
{
	const struct worker *worker = worker_self;

	if (worker != NULL && worker->running.module != NULL)
		meter_charge(worker->running.module->stats);
}

void *
meter_malloc(size_t size)
{
	void *memory;

	settle();
	memory = malloc(size);
	meter_charge(NULL);
	return (memory);
}

void
meter_free(void *memory)
{
	settle();
	free(memory);
	meter_charge(NULL);
}
