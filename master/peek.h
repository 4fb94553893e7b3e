/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the master reads from memory that a worker writes: these words and no
 * others. The worker may have filled them with anything, so each is loaded
 * once and only ever compared, clamped or printed.
 */
#ifndef MASTER_PEEK_H
#define MASTER_PEEK_H

#include "shm/segment.h"

/* peek_load(view): the worker's published load; 0 when nothing is mapped. */
uint32_t peek_load(const struct segment *view);

/*
 * peek_activity(view): the dispatch thread's activity word, for
 * activity_unpack(); 0, which says nothing, when nothing is mapped.
 */
uint64_t peek_activity(const struct segment *view);

#endif
