/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the master reads from memory that a worker writes: these words and no
 * others. The worker may have filled them with anything, so each is loaded
 * once and only ever compared, clamped or printed.
 */
#ifndef MASTER_PEEK_H
#define MASTER_PEEK_H

#include "master/watch.h"
#include "shm/segment.h"

/* peek_load(view): the worker's published load; 0 when nothing is mapped. */
uint32_t peek_load(const struct segment *view);

/*
 * peek_activity(view, thread, ret_since_ns): a thread's activity word, for
 * activity_unpack(), and when it was set; 0, which says nothing, when nothing
 * is mapped.
 */
uint64_t peek_activity(
    const struct segment *view, uint32_t thread, uint64_t *ret_since_ns);

/*
 * peek_fatal(view): the thread that a fatal signal hit, or that has exited,
 * below SEGMENT_ACTIVITIES, or -1.
 */
int peek_fatal(const struct segment *view);

/* peek_sent(view): did the signal that it died of come from another process? */
bool peek_sent(const struct segment *view);

/*
 * peek_is_blank(view): has the worker not begun to load modules? Until it has
 * laid its ring out the segment is zeros.
 */
bool peek_is_blank(const struct segment *view);

/* peek_sight(view, ret_sight): the loop's progress; asleep without a view. */
void peek_sight(const struct segment *view, struct watch_sight *ret_sight);

#endif
