/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Letting go of a segment. Whoever closes its last descriptor gives its memory
 * back to the kernel, page by page: some 4 ms, and 50 on a busy machine, in
 * which the master would serve nobody.
 */
#ifndef MASTER_LET_GO_H
#define MASTER_LET_GO_H

#include "shm/segment.h"

/*
 * let_go(fds):
 * Close all of ${fds}, on a thread that does this and ends; it takes no lock
 * but the allocator's and sees nothing else of ours. Where there can't be one,
 * here. All are -1 afterwards.
 */
void let_go(struct segment_fds *fds);

#endif
