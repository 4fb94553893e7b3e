/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What becomes of a dead worker's connections.
 */
#ifndef MASTER_RECOVER_H
#define MASTER_RECOVER_H

struct worker;

/*
 * recover_connections(worker):
 * After its death was told by the kernel, while its segment is still there.
 * Leaves it without connections. Connections that it never confirmed go back
 * to the queue; the caller runs the hand-over.
 */
void recover_connections(struct worker *worker);

#endif
