/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The pool of request buffers. Runs in a worker, on its dispatch thread.
 */
#include "worker/buffers.h"

#include "worker/engine.h"

#include <errno.h>
#include <stdlib.h>

int
buffers_create(struct worker *worker)
{
	uint32_t count = worker->segment.geometry.buffers, i;

	worker->free_buffers = calloc(count, sizeof(uint32_t));
	if (worker->free_buffers == NULL)
		return (-ENOMEM);
	for (i = 0; i < count; i++)
		worker->free_buffers[i] = count - i;
	worker->free_buffer_count = count;
	return (0);
}

void
buffers_free(struct worker *worker)
{
	free(worker->free_buffers);
	worker->free_buffers = NULL;
	worker->free_buffer_count = 0;
}

bool
buffer_take(struct worker *worker, uint32_t *ret_buffer)
{
	if (worker->free_buffer_count == 0)
		return (false);
	*ret_buffer = worker->free_buffers[--worker->free_buffer_count];
	WORKER_STAT_ADD(worker, buffers_used, 1);
	return (true);
}

void
buffer_release(struct worker *worker, uint32_t *buffer)
{
	if (*buffer == 0)
		return;
	worker->free_buffers[worker->free_buffer_count++] = *buffer;
	*buffer = 0;
	WORKER_STAT_ADD(worker, buffers_used, -1);
	engine_place_free(worker->engine);
}
