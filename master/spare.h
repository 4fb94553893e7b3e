/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Spare workers: fully started, without connections, until one that serves is
 * lost. What changes then is only who is which; the lost one's replacement is
 * the new spare.
 */
#ifndef MASTER_SPARE_H
#define MASTER_SPARE_H

#include "master/supervise.h"

struct pool;

/*
 * spare_promote(pool):
 * For each regular worker that doesn't serve, a spare that does takes its
 * place.
 */
void spare_promote(struct pool *pool);

/*
 * spare_swap(worker): a spare of its pool that serves takes the place of
 * ${worker}, which becomes a spare. Returns it, or NULL when there is none.
 */
struct worker *spare_swap(struct worker *worker);

#endif
