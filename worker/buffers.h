/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The segment's request buffers: taken while a request is being read or
 * handled, last used first, so that few of them are ever warm.
 */
#ifndef WORKER_BUFFERS_H
#define WORKER_BUFFERS_H

#include "worker/worker.h"

/* buffers_create(worker): all are free. 0 or -ENOMEM. */
int buffers_create(struct worker *worker);
void buffers_free(struct worker *worker);

/* buffer_take(worker, ret_buffer): an index + 1. False: none is free. */
bool buffer_take(struct worker *worker, uint32_t *ret_buffer);

/* buffer_release(worker, buffer): give *${buffer} back and clear it. */
void buffer_release(struct worker *worker, uint32_t *buffer);

#endif
