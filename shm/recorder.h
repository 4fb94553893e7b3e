/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The flight recorder: the last SEGMENT_RECORDER completions that a dispatch
 * loop took from its ring, in order, readable after its death.
 */
#ifndef SHM_RECORDER_H
#define SHM_RECORDER_H

#include "shm/ring.h"

/* recorder_write(segment, completion): dispatch thread only. */
void recorder_write(
    const struct segment *segment, const struct completion *completion);

/*
 * recorder_read(segment, max, ret_entries):
 * Copy up to ${max} of the newest whole entries, oldest first. Returns how
 * many. Any reader, of a living or a dead worker; bounded.
 */
size_t recorder_read(const struct segment *segment, size_t max,
    struct recorder_entry *ret_entries);

#ifdef BULKHEAD_BARE /* tests/bench/README.md */
#define recorder_write(segment, completion) \
	((void)(segment), (void)(completion))
#endif

#endif
