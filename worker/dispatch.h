/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The dispatch loop: everything that a worker reacts to is a completion that
 * this loop takes from the ring.
 */
#ifndef WORKER_DISPATCH_H
#define WORKER_DISPATCH_H

#include "worker/worker.h"

/*
 * dispatch_loop(worker):
 * The loop of each stack of the worker's pool; ${worker} is a struct worker.
 * Leaves through stack_pool_leave() when the worker has drained.
 */
void dispatch_loop(void *worker);

#endif
