/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What becomes of a dead worker's connections: they go back to the queue with
 * the wreck that knows of them, and the next owner adopts them (DESIGN section
 * 5). The master reads of the wreck only which request each connection was in,
 * to count how often that one was there when a worker died.
 */
#ifndef MASTER_RECOVER_H
#define MASTER_RECOVER_H

#include "master/connections.h"

enum {
	/* Successors that die before they have adopted one. */
	RECOVER_ATTEMPTS_MAX = 2,
};

struct master;
struct worker;

/*
 * recover_connections(worker, report):
 * After its death was told by the kernel, while its segment is still there.
 * Leaves it without connections, and without its segment if there is anyone
 * to recover; the caller runs the hand-over. What becomes of each is told to
 * ${report}, unless that is NULL.
 */
struct report;
void recover_connections(struct worker *worker, struct report *report);

/*
 * recover_clear_wrecks(master): let go of the wrecks that nobody needs any
 * more. recover_fini(): of all.
 */
void recover_clear_wrecks(struct master *master);
void recover_fini(struct master *master);

#endif
