/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Step 2 of a request's life: choose the worker.
 */
#ifndef MASTER_BALANCE_H
#define MASTER_BALANCE_H

#include "master/supervise.h"

/*
 * balance_refresh(workers, count):
 * Read the load that the workers publish. A worker can make itself look idle,
 * but not busier than one request for each of its connections.
 */
void balance_refresh(struct worker *workers, uint32_t count);

/*
 * balance_choose(workers, count, now_ns, turn):
 * The least loaded of those that serve and can take a message now: by our own
 * count of its connections plus its load of the last refresh. A spare is chosen
 * only when no regular one can be, and a stalled one never. *${turn} is the
 * caller's round-robin state for ties. NULL when there is none.
 */
struct worker *balance_choose(
    struct worker *workers, uint32_t count, uint64_t now_ns, uint32_t *turn);

#endif
